"""What the inventory alone rules out, before any host is asked; and an entry that does not answer as its health check says."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from orchestrator.errors import Refused
from orchestrator.models import ConfigFile, Database, FileTree, HealthCheck, Service, System
from orchestrator.settings import Settings
from orchestrator.steps import citizens
from orchestrator.steps.preflight import find_inventory_problems, look
from tests.support.demo_city import demo_city


def portal(**changes: Any) -> System:
    inventory, _, _ = demo_city()
    system = next(system for system in inventory.systems if system.services and system.hosts)
    return system.model_copy(update=changes)


def context(system: System, entry: Any = None, strategy: str = "cloud_deployment") -> Any:
    verdict = SimpleNamespace(strategy=strategy, no_source=False)
    settings = Settings(terraform_module="embedded")
    return SimpleNamespace(system=system, verdict=verdict, sites=SimpleNamespace(sites=(), entry=entry), settings=settings)


def test_our_own_keys_that_cannot_be_read_are_named_and_no_host_is_said_to_be_down(tmp_path: Path) -> None:
    (tmp_path / "known_hosts").touch()
    settings = Settings(known_hosts=tmp_path / "known_hosts", ssh_key=tmp_path / "id_ed25519")
    with pytest.raises(Refused) as caught:
        look(SimpleNamespace(settings=settings, system=portal()))  # type: ignore[arg-type]  # nothing else is asked
    (finding,) = caught.value.findings
    assert (finding.code, finding.file, finding.cell) == ("key-unread", "orchestrator.toml", "ssh_key")
    assert str(tmp_path / "id_ed25519") in finding.message


@pytest.mark.parametrize(("environment", "edits", "is_named"), [
    ({"HOST": "@database.host", "NAME": "@database.name"}, {}, False),
    ({"HOST": "@database.host"}, {"db.name": "@database.name"}, False),
    ({}, {"url": "jdbc:postgresql://{@database.host}:{@database.port}/{@database.name}"}, False),
    ({"PORT": "@database.port"}, {}, False),
    ({"HOST": "@database.host"}, {}, True),
    ({}, {"url": "jdbc:postgresql://{@database.host}:{@database.port}/permits"}, True),
    ({"A": "@database.permits.host", "B": "@database.archive.name"}, {}, True),
    ({"A": "@database.permits.host", "B": "@database.permits.name"}, {}, False),
])  # fmt: skip
def test_a_database_led_to_by_reference_and_named_by_hand_is_said(environment: dict[str, str], edits: dict[str, str], is_named: bool) -> None:
    file = ConfigFile(path="/etc/app.conf", format="properties", set=edits)
    service = Service(name="web", host="app", unit="web.service", singleton=False, environment=environment, files=(file,))
    found = [finding for finding in find_inventory_problems(context(portal(services=(service,)))) if finding.code == "database-name-fixed"]
    assert [finding.severity for finding in found] == ["warning"] * is_named


@pytest.mark.parametrize(("edits", "lacks"), [
    ({"a": "@database.role"}, ["@database.password"]),
    ({"a": "@database.archive.role", "b": "@database.permits.password"}, ["@database.archive.password", "@database.permits.role"]),
    ({"a": "{@database.password}"}, ["@database.role"]),
    ({"a": "@database.role", "b": "@database.password"}, []),
    ({"a": "@database.role", "b": "@database.secret_file"}, []),
    ({"a": "{@database.role}:{@database.password}"}, []),
    ({"a": "@database.host", "b": "@database.name"}, []),
])  # fmt: skip
def test_half_of_an_account_by_reference_is_refused_before_a_rehearsal_fails_by_it(edits: dict[str, str], lacks: list[str]) -> None:
    file = ConfigFile(path="/etc/app.conf", format="properties", set=edits)
    service = Service(name="web", host="app", unit="web.service", singleton=False, files=(file,))
    found = [finding for finding in find_inventory_problems(context(portal(services=(service,)))) if finding.code == "account-fixed"]
    assert [(finding.severity, word in finding.message) for finding, word in zip(found, lacks, strict=True)] == [("error", True)] * len(lacks)


@pytest.mark.parametrize("path", ["/etc/cron.d", "/etc/cron.d/office", "/etc/cron.daily/office", "/var/spool/cron/crontabs/office", "/etc"])
def test_a_tree_that_would_bring_jobs_of_cron_is_refused(path: str) -> None:
    system = portal(file_trees=(FileTree(host="app", path=path),))
    assert [finding.code for finding in find_inventory_problems(context(system)) if "cron" in finding.code] == ["cron-in-tree"]


@pytest.mark.parametrize("path", ["/srv/cron", "/etc/cronjobs", "/etc/office/cron.d", "/var/spool/office"])
def test_other_trees_are_not(path: str) -> None:
    system = portal(file_trees=(FileTree(host="app", path=path),))
    assert [finding.code for finding in find_inventory_problems(context(system)) if "cron" in finding.code] == []


def test_jobs_of_cron_take_no_environment() -> None:
    jobs = Service(name="jobs", host="app", cron="/etc/cron.d/office", singleton=True, environment={"A": "b"})
    findings = find_inventory_problems(context(portal(services=(jobs,))))
    assert [finding.code for finding in findings if "cron" in finding.code] == ["cron-environment"]


def test_a_service_runs_in_one_way_only() -> None:
    service = Service(name="jobs", host="app", cron="/etc/cron.d/office", unit="office.timer", singleton=True)
    findings = find_inventory_problems(context(portal(services=(service,))))
    assert "how-it-runs" in [finding.code for finding in findings]


def test_jobs_of_cron_are_held_only_where_systemd_runs() -> None:
    system = portal()
    hosts = tuple(host.model_copy(update={"manager": "processes"}) for host in system.hosts)
    jobs = Service(name="jobs", host=hosts[0].name, cron="/etc/cron.d/office", singleton=True)
    findings = find_inventory_problems(context(system.model_copy(update={"hosts": hosts, "services": (jobs,)})))
    assert "cron-without-systemd" in [finding.code for finding in findings]


def database(name: str, engine: str, version: str | None = None) -> Database:
    return Database(name=name, engine=engine, version=version, host="app")


@pytest.mark.parametrize(
    ("databases", "codes"),
    [
        ([database("a", "mariadb")], []),
        ([database("a", "mariadb"), database("b", "mariadb", "10.11.6")], ["servers-together"]),
        ([database("a", "postgresql"), database("b", "postgresql")], []),
        ([database("a", "postgresql"), database("b", "mariadb")], []),
    ],
    ids=["one", "two of a kind that moves whole servers", "two of one server", "two kinds"],
)
@pytest.mark.parametrize("strategy", ["cloud_deployment", "device_relocation"])
def test_what_was_never_switched_together_is_refused_by_name(databases: list[Database], codes: list[str], strategy: str) -> None:
    found = find_inventory_problems(context(portal(databases=tuple(databases)), strategy=strategy))
    named = [finding for finding in found if finding.code.endswith("-together")]
    assert [finding.code for finding in named] == codes
    assert all("b" in finding.message for finding in named)


@pytest.fixture
def web_server() -> Iterator[tuple[str, int]]:
    """It answers for one name, with words of its own; everybody else gets 404."""

    class Page(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found = self.headers["Host"] == "register.city" and self.path == "/health"
            body = "登记系统".encode()
            self.send_response(200 if found else 404)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Nothing."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Page)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield "127.0.0.1", server.server_port
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize(
    ("health", "problem"),
    [
        (HealthCheck(kind="http", target="/health", host_name="register.city"), ""),
        (HealthCheck(kind="http", target="/health", host_name="register.city", expected="登记"), ""),
        (HealthCheck(kind="http", target="/health", expected="200"), "HTTP 404"),
        (HealthCheck(kind="http", target="/elsewhere", host_name="register.city", expected="200"), "HTTP 404"),
        (HealthCheck(kind="http", target="/health", host_name="register.city", expected="档案"), "without the expected text"),
    ],
)
def test_an_entry_is_asked_as_its_health_check_says(web_server: tuple[str, int], health: HealthCheck, problem: str) -> None:
    address, port = web_server
    service = Service(name="web", host="app", port=80, singleton=False, entry="register", health=health)
    entry = SimpleNamespace(address=address, ports={"register": port}, tls=())
    findings = citizens.find_problems(context(portal(services=(service,)), entry))
    assert bool(findings) == bool(problem)
    assert all(problem in finding.message and finding.severity == "error" for finding in findings)
