"""Every playbook on a real sshd with a real PostgreSQL: it does what it says, and a second run changes nothing."""

from __future__ import annotations

import os
import signal
import socket
import stat
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
import yaml

from orchestrator.models import Host
from orchestrator.settings import HOME
from orchestrator.tools import process, programs, unprivileged
from orchestrator.tools.ansible import AnsibleResult, PlayFailed, run_playbook

pytestmark = pytest.mark.servers
PASSWORD = "a 'quoted' pass\\word {{ 1 }}"
WEB = """
import http.server, os, sys
print("starting", os.environ["GREETING"], flush=True)
if "FAIL" in os.environ: sys.exit("the licence has expired")
class Hello(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.end_headers(); self.wfile.write(os.environ["GREETING"].encode())
    def log_message(self, *_): pass
http.server.HTTPServer((os.environ["LISTEN_ADDRESS"], int(os.environ["LISTEN_PORT"])), Hello).serve_forever()
"""


def free_port(address: str) -> int:
    with socket.socket() as probe:
        probe.bind((address, 0))
        port: int = probe.getsockname()[1]
        return port


class Site:
    """A target host and all that the playbooks are told about it."""

    def __init__(self, lab: Any, host: Host, folder: Path) -> None:
        self.lab, self.host, self.folder = lab, host, folder
        self.root = lab.root(host)
        self.secret = folder / "secret"
        self.secret.write_text(PASSWORD + "\n")
        self.secret.chmod(0o600)
        (self.root / "web.py").write_text(WEB)
        self.port, self.web_port = free_port(host.address), free_port(host.address)
        self.data = self.root / "var/lib/orchestrator/postgresql"

    def postgresql(self, **more: object) -> dict[str, object]:
        return {
            "prepare_host_directories": ["var/lib/orchestrator", "srv/with blank"],
            "install_postgresql_manager": "process",
            "install_postgresql_bin_dir": str(programs.find("initdb").parent),
            "install_postgresql_data": str(self.data),
            "install_postgresql_address": self.host.address,
            "install_postgresql_port": self.port,
            "install_postgresql_admin_secret_file": str(self.secret),
            "install_postgresql_clients": ["127.0.0.0/8"],
            "install_postgresql_run_as": unprivileged.prefix(),
            **more,
        }

    def services(self, greeting: str = "你好 {{ 1 }} $HOME", **more: object) -> dict[str, object]:
        environment = {"GREETING": greeting, "LISTEN_ADDRESS": self.host.address, "LISTEN_PORT": str(self.web_port), **more}
        web = {"name": "web-1", "host": self.host.name, "argv": [sys.executable, str(self.root / "web.py")], "environment": environment}
        other = {"name": "web-2", "host": "another-host", "argv": ["/nowhere"]}
        return {
            "deploy_service_manager": "process",
            "deploy_service_timeout": 8,
            "deploy_service_services": [web | {"address": self.host.address, "port": self.web_port}, other],
        }

    def play(self, playbook: str, variables: dict[str, object], **options: Any) -> AnsibleResult:
        groups = {"targets": [self.host], "databases": [self.host]}
        given = {"playbooks": HOME / "playbooks", "artifacts": self.folder / "artifacts", "limit": 120, **options}
        return run_playbook(playbook, groups, variables, known_hosts=self.lab.known_hosts, ssh_key=self.lab.key, **given)

    def twice(self, playbook: str, variables: dict[str, object]) -> AnsibleResult:
        """The first run's result; the second one must change nothing."""
        first = self.play(playbook, variables)
        again = self.play(playbook, variables)
        assert again.changed == 0, again.changed_tasks
        return first

    def sql(self, statement: str) -> Any:
        conninfo = psycopg.conninfo.make_conninfo(
            host=self.host.address, port=self.port, user="orchestrator", password=PASSWORD, dbname="postgres", connect_timeout=5
        )
        with psycopg.connect(conninfo, autocommit=True) as connection:
            return connection.execute(statement.encode()).fetchall()

    def ask(self) -> str:
        with socket.create_connection((self.host.address, self.web_port), 5) as client:
            client.sendall(b"GET / HTTP/1.0\r\n\r\n")
            return client.makefile("rb").read().partition(b"\r\n\r\n")[2].decode()

    def pid(self) -> int:
        found: int = yaml.safe_load((self.root / "var/lib/orchestrator/services/web-1.json").read_text())["pid"]
        return found


@pytest.fixture(scope="module")
def site(lab: Any, make_host: Callable[[str], Host], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    site = Site(lab, make_host("target-1"), tmp_path_factory.mktemp("site"))
    yield site
    for path in (site.data / "postmaster.pid", site.root / "var/lib/orchestrator/services/web-1.json"):
        if path.exists():
            text = path.read_text()
            os.kill(int(text.split()[0]) if path.suffix == ".pid" else yaml.safe_load(text)["pid"], signal.SIGKILL)


def test_prepare_target_brings_up_a_server_ready_for_replication(site: Site) -> None:
    assert site.twice("prepare_target", site.postgresql()).changed >= 5
    assert (site.root / "srv/with blank").is_dir()
    assert site.sql("SELECT rolname, rolsuper FROM pg_roles WHERE rolcanlogin") == [("orchestrator", True)]
    wanted = {"wal_level": "logical", "listen_addresses": site.host.address, "unix_socket_directories": "", "max_replication_slots": "24"}
    assert {name: site.sql(f"SHOW {name}")[0][0] for name in wanted} == wanted
    assert site.sql("SELECT datcollate, pg_encoding_to_char(encoding) FROM pg_database WHERE datname = 'postgres'") == [("C.UTF-8", "UTF8")]
    assert site.sql("SELECT DISTINCT auth_method FROM pg_hba_file_rules") == [("scram-sha-256",)]
    assert stat.S_IMODE(site.data.stat().st_mode) == 0o700
    assert PASSWORD not in "".join(path.read_text(errors="replace") for path in (site.folder / "artifacts").iterdir())


def test_another_setting_restarts_it_and_another_client_does_not(site: Site) -> None:
    started = site.sql("SELECT pg_postmaster_start_time()")
    clients = {"install_postgresql_clients": ["127.0.0.0/8", "10.1.0.0/16"]}
    result = site.play("prepare_target", site.postgresql(**clients))
    assert [task.partition(": ")[2] for task in result.changed_tasks] == [
        "install_postgresql : Say who may connect",
        "install_postgresql : Let it read who may connect",
    ] or len(result.changed_tasks) == 2
    assert site.sql("SELECT count(*) FROM pg_hba_file_rules WHERE address = '10.1.0.0'") == [(2,)]
    assert site.sql("SELECT pg_postmaster_start_time()") == started
    site.play("prepare_target", site.postgresql(**clients, install_postgresql_settings={"application_name": "it's {{ 1 }}\\"}))
    assert site.sql("SELECT pg_postmaster_start_time()") != started
    assert site.sql("SELECT reset_val FROM pg_settings WHERE name = 'application_name'") == [("it's {{ 1 }}\\",)]


def test_a_host_without_room_is_refused_with_the_remedy(site: Site) -> None:
    with pytest.raises(PlayFailed, match="bytes free") as failure:
        site.play("prepare_target", site.postgresql(prepare_host_free_bytes=10**18))
    assert "enlarge its disk" in failure.value.remedy


def test_deploy_services_starts_them_once_with_their_environment(site: Site) -> None:
    assert site.twice("deploy_services", site.services()).changed == 1
    assert site.ask() == "你好 {{ 1 }} $HOME"
    environment = site.root / "var/lib/orchestrator/services/web-1.env"
    assert stat.S_IMODE(environment.stat().st_mode) == 0o600
    assert "GREETING=你好 {{ 1 }} $HOME\n" in environment.read_text()
    assert not (site.root / "var/lib/orchestrator/services/web-2.json").exists()


def test_a_changed_environment_restarts_a_service_and_only_then(site: Site) -> None:
    before = site.pid()
    assert site.twice("deploy_services", site.services("hello")).changed == 1
    assert site.ask() == "hello"
    assert site.pid() != before
    assert process.start_time(before) is None


def test_a_service_that_died_is_started_again(site: Site) -> None:
    os.kill(site.pid(), signal.SIGKILL)
    deadline = time.monotonic() + 5
    while process.start_time(site.pid()) is not None and time.monotonic() < deadline:
        time.sleep(0.02)
    assert site.play("deploy_services", site.services("hello")).changed == 1
    assert site.ask() == "hello"


def test_a_service_that_does_not_come_up_fails_with_its_own_last_words(site: Site) -> None:
    with pytest.raises(PlayFailed, match="the licence has expired"):
        site.play("deploy_services", site.services("broken", FAIL="1"))
    assert site.play("deploy_services", site.services("hello")).changed == 1


def test_a_check_run_changes_nothing(site: Site) -> None:
    before = site.pid()
    assert site.play("deploy_services", site.services("another"), check=True).changed == 1
    assert (site.pid(), site.ask()) == (before, "hello")


def test_stop_services_stops_them_and_absent_takes_their_files_away(site: Site) -> None:
    pid = site.pid()
    assert site.play("stop_services", site.services("hello")).changed == 1
    assert process.start_time(pid) is None
    assert site.twice("stop_services", site.services("hello") | {"deploy_service_state": "absent"}).changed == 1
    assert [path.name for path in (site.root / "var/lib/orchestrator/services").iterdir()] == ["web-1.log"]


def test_clean_target_stops_everything_and_deletes_nothing(site: Site) -> None:
    site.sql("SELECT pg_switch_wal()::text")
    site.play("deploy_services", site.services("hello"))
    pid = site.pid()
    (site.root / "srv/with blank/file").write_text("kept")
    quarantine = site.root / "var/lib/orchestrator/quarantine"
    variables = site.postgresql() | site.services("hello")
    variables |= {
        "clean_target_quarantine": "var/lib/orchestrator/quarantine",
        "clean_target_paths": [str(site.root / "srv/with blank")],
    }
    assert site.twice("clean_target", variables).changed >= 4
    assert process.start_time(pid) is None
    assert not site.data.exists()
    with pytest.raises(psycopg.OperationalError):
        site.sql("SELECT 1")
    moved = {path.name.rpartition("-")[0]: path for path in quarantine.iterdir()}
    assert set(moved) == {"postgresql", "postgresql.log", "with blank"}
    assert (moved["postgresql"] / "PG_VERSION").exists()
    assert (moved["with blank"] / "file").read_text() == "kept"


def test_playbooks_are_short_and_every_role_declares_its_arguments() -> None:
    for playbook in (HOME / "playbooks").glob("*.yml"):
        assert len(playbook.read_text().splitlines()) <= 15, playbook.name
    for role in (HOME / "playbooks/roles").iterdir():
        defaults = yaml.safe_load((role / "defaults/main.yml").read_text())
        options = yaml.safe_load((role / "meta/argument_specs.yml").read_text())["argument_specs"]["main"]["options"]
        assert set(defaults) == set(options), role.name
        assert all(name.startswith(role.name + "_") for name in options), role.name
