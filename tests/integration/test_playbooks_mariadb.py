"""The playbooks' MariaDB on a real sshd: a server with a number of its own and the source's settings; a second run changes nothing."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pymysql
import pytest

from orchestrator.embedded.mariadb import unpacked
from orchestrator.models import Host
from orchestrator.settings import HOME
from orchestrator.tools import programs, unprivileged
from orchestrator.tools.ansible import AnsibleResult, run_playbook
from tests.integration.test_playbooks import PASSWORD, free_port

pytestmark = [pytest.mark.servers, pytest.mark.timeout(400)]


class Site:
    """A target host and what the roles are told about its server."""

    def __init__(self, lab: Any, host: Host, folder: Path) -> None:
        self.lab, self.host, self.folder = lab, host, folder
        self.root = lab.root(host)
        self.secret = folder / "secret"
        self.secret.write_text(PASSWORD + "\n")
        self.secret.chmod(0o600)
        self.port = free_port(host.address)
        self.data = self.root / "var/lib/orchestrator/mariadb"

    def variables(self, **more: object) -> dict[str, object]:
        return {
            "prepare_host_directories": ["var/lib/orchestrator"],
            "install_mariadb_manager": "process",
            "install_mariadb_server": str(programs.find("mariadbd")),
            "install_mariadb_installer": str(programs.find("mariadb-install-db")),
            "install_mariadb_base": str(unpacked() or ""),
            "install_mariadb_data": str(self.data),
            "install_mariadb_address": self.host.address,
            "install_mariadb_port": self.port,
            "install_mariadb_admin_role": "o'engine",
            "install_mariadb_admin_secret_file": str(self.secret),
            "install_mariadb_run_as": unprivileged.prefix(),
            "install_mariadb_number": 4711,
            "install_mariadb_settings": {"sql_mode": "ANSI_QUOTES", "init_connect": "SET @a = \"it's {{ 1 }}\\\\\""},
            **more,
        }

    def play(self, playbook: str, variables: dict[str, object]) -> AnsibleResult:
        return run_playbook(
            playbook, {"targets": [self.host], "databases": [], "mariadb": [self.host]}, variables, playbooks=HOME / "playbooks",
            artifacts=self.folder / "artifacts", limit=200, known_hosts=self.lab.known_hosts, ssh_key=self.lab.key,
        )  # fmt: skip

    def ask(self, query: str) -> Any:
        with pymysql.connect(
            host=self.host.address, port=self.port, user="o'engine", password=PASSWORD, connect_timeout=5
        ) as connection, connection.cursor() as cursor:
            cursor.execute(query)
            return cursor.fetchall()


@pytest.fixture
def site(lab: Any, make_host: Callable[[str], Host], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    site = Site(lab, make_host("target-mariadb"), tmp_path_factory.mktemp("site"))
    yield site
    record = site.data / "mariadb.pid"
    if record.exists():
        os.kill(int(record.read_text()), signal.SIGKILL)


def test_a_server_is_placed_told_anew_and_taken_away_with_nothing_deleted(site: Site) -> None:
    assert site.play("prepare_target", site.variables()).changed >= 4
    again = site.play("prepare_target", site.variables())
    assert again.changed == 0, again.changed_tasks
    query = "SELECT @@server_id, @@gtid_domain_id, @@log_bin, @@log_slave_updates, @@binlog_format, @@binlog_expire_logs_seconds"
    assert site.ask(query) == ((4711, 4711, 1, 0, "ROW", 0),)
    assert site.ask("SELECT @@log_bin_trust_function_creators, @@socket") == ((0, "mariadb.sock"),)  # the source says the first, if it is 1
    assert (site.data / "mariadb.sock").is_socket()
    assert site.ask("SELECT @@global.sql_mode, @@global.init_connect") == (("ANSI_QUOTES", "SET @a = \"it's {{ 1 }}\\\\\""),)
    grants = site.ask("SHOW GRANTS")[0][0]
    assert grants.startswith("GRANT ALL PRIVILEGES ON *.* TO")
    assert grants.endswith("WITH GRANT OPTION")
    kept = "".join(path.read_text(errors="replace") for path in (site.folder / "artifacts").iterdir())
    assert PASSWORD not in kept

    site.play("prepare_target", site.variables(install_mariadb_settings={"max_connections": "77"}))
    assert site.ask("SELECT @@max_connections") == ((77,),)

    quarantine = site.root / "var/lib/orchestrator/quarantine"
    variables = site.variables() | {"clean_target_quarantine": "var/lib/orchestrator/quarantine"}
    assert site.play("clean_target", variables).changed >= 2
    with pytest.raises(pymysql.err.OperationalError):
        site.ask("SELECT 1")
    assert not site.data.exists()
    moved = {path.name.rpartition("-")[0] for path in quarantine.iterdir()}
    assert moved >= {"mariadb", "mariadb.cnf", "mariadb.out"}
    assert site.play("clean_target", variables).changed == 0
