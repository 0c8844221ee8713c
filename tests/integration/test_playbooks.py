"""Every playbook on a real sshd with a real PostgreSQL: it does what it says, and a second run changes nothing."""

from __future__ import annotations

import os
import signal
import socket
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
import yaml

from orchestrator.models import Host
from orchestrator.settings import HOME
from orchestrator.tools import programs, unprivileged
from orchestrator.tools.ansible import AnsibleResult, PlayFailed, run_playbook

pytestmark = pytest.mark.servers
PASSWORD = "a 'quoted' pass\\word {{ 1 }}"


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
        self.port = free_port(host.address)
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


@pytest.fixture(scope="module")
def site(lab: Any, make_host: Callable[[str], Host], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    site = Site(lab, make_host("target-1"), tmp_path_factory.mktemp("site"))
    yield site
    record = site.data / "postmaster.pid"
    if record.exists():
        os.kill(int(record.read_text().split()[0]), signal.SIGKILL)


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


def test_clean_target_stops_the_server_and_deletes_nothing(site: Site) -> None:
    site.sql("SELECT pg_switch_wal()::text")
    quarantine = site.root / "var/lib/orchestrator/quarantine"
    variables = site.postgresql() | {"clean_target_quarantine": "var/lib/orchestrator/quarantine"}
    assert site.twice("clean_target", variables).changed >= 3
    assert not site.data.exists()
    with pytest.raises(psycopg.OperationalError):
        site.sql("SELECT 1")
    moved = {path.name.rpartition("-")[0]: path for path in quarantine.iterdir()}
    assert set(moved) == {"postgresql", "postgresql.log"}
    assert (moved["postgresql"] / "PG_VERSION").exists()


def test_playbooks_are_short_and_every_role_declares_its_arguments() -> None:
    for playbook in (HOME / "playbooks").glob("*.yml"):
        assert len(playbook.read_text().splitlines()) <= 20, playbook.name
    for role in (HOME / "playbooks/roles").iterdir():
        defaults = yaml.safe_load((role / "defaults/main.yml").read_text())
        options = yaml.safe_load((role / "meta/argument_specs.yml").read_text())["argument_specs"]["main"]["options"]
        assert set(defaults) == set(options), role.name
        assert all(name.startswith(role.name + "_") for name in options), role.name
