"""Two controllers that share a journal on PostgreSQL and a Prefect server, as processes of this machine.

Each controller is a worker and a `reconcile` with a host name of its own (a UTS namespace, so root is needed). Losing one means killing
every process of it at once: its worker, its engines, and whatever these had started.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from psycopg import sql
from sqlalchemy import URL

from orchestrator.embedded.city import City
from orchestrator.engine.session import Session
from orchestrator.errors import OrchestratorError
from orchestrator.flows.zones import CITY
from orchestrator.journal.actors import simulated
from orchestrator.settings import Settings
from orchestrator.tools import prefect_server
from tests.contracts.mover.servers import ADMIN, PORT, Servers
from tests.support.office import Accounts, Prefect

CHECKOUT = Path(__file__).resolve().parents[2]
LI, WANG = simulated("li"), simulated("wang")
MARK = "TEST_CONTROLLER"
SWITCHING = ("cutover", "finish_arming", "shift_entry")
"""Losing the controller inside the fence is another story (docs/recovery.md)."""


class Controller:
    """A worker and a reconcile that believe to be a machine of their own."""

    def __init__(self, name: str, folder: Path, environment: dict[str, str], pool: str = CITY) -> None:
        self.name, self.log = name, folder / f"{name}.log"
        self.environment = environment | {MARK: f"{folder}:{name}"}
        self.folder = folder
        python = [sys.executable, "-m"]
        self.parts = [
            self._start([*python, "prefect", "worker", "start", "--pool", pool, "--type", "process", "--name", name]),
            self._start([*python, "orchestrator.cli.main", "reconcile", "--every", "3"]),
        ]

    def _start(self, argv: list[str]) -> subprocess.Popen[bytes]:
        again = f'hostname {self.name} && while :; do "$@"; sleep 5; done'  # as systemd does: Restart=on-failure
        host = ["unshare", "--uts", "sh", "-c", again, "sh"]
        with self.log.open("ab") as log:
            return subprocess.Popen([*host, *argv], cwd=self.folder, env=self.environment, stdout=log, stderr=log, start_new_session=True)

    def processes(self) -> list[int]:
        """Everything that was started on this controller, by the mark in its environment."""
        wanted, found = f"{MARK}={self.environment[MARK]}".encode(), []
        for entry in Path("/proc").iterdir():
            try:
                if entry.name.isdigit() and wanted in (entry / "environ").read_bytes().split(b"\0"):
                    found.append(int(entry.name))
            except OSError:
                continue  # it has just ended
        return found

    def lose(self) -> int:
        """As a machine whose power goes. How many processes it had."""
        ended = 0
        while processes := self.processes():
            for pid in processes:
                try:
                    os.kill(pid, signal.SIGKILL)
                    ended += 1
                except ProcessLookupError:
                    continue
            for part in self.parts:
                part.poll()
        return ended


@dataclass(frozen=True)
class Post:
    """Where a controller stands: the zone that it works for, and what reaches the office's servers from there, as variables."""

    zone: str = CITY
    reach: Mapping[str, str] = field(default_factory=dict)


TWO_IN_THE_CITY = {"controller-a": Post(), "controller-b": Post()}


class Cluster(Prefect, Accounts):
    """What the controllers share. ``journal``, ``prefect``: URLs of empty databases. ``zones``: as in the settings."""

    def __init__(
        self, folder: Path, city: City, journal: str, prefect: str, port: int, *,
        posts: Mapping[str, Post] = TWO_IN_THE_CITY, zones: Mapping[str, list[str]] | None = None,
    ) -> None:  # fmt: skip
        self.city = city
        environment = os.environ | city.settings_environment() | {
            "ORCHESTRATOR_STATE": str(folder / "state"), "ORCHESTRATOR_JOURNAL": journal, "PYTHONPATH": str(CHECKOUT),
            "ORCHESTRATOR_ZONES": json.dumps(zones or {}),
            "PREFECT_API_URL": f"http://127.0.0.1:{port}/api", "PREFECT_HOME": str(folder / "prefect"), "NO_PROXY": "127.0.0.1",
            "PREFECT_WORKER_QUERY_SECONDS": "3", "PREFECT_FLOWS_HEARTBEAT_FREQUENCY": "30", "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
            "DO_NOT_TRACK": "1", "PREFECT_SERVER_DATABASE_CONNECTION_URL": prefect,
        }  # fmt: skip
        Prefect.__init__(self, environment["PREFECT_API_URL"], folder, environment, self._said)
        Accounts.__init__(self, Session(Settings(state=folder / "state", journal=journal, zones=zones or {}, **city.settings()), LI))
        self._serve = [sys.executable, "-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port", str(port), "--no-ui"]
        self._start_server(environment)
        try:
            self.until("Prefect's server answers", lambda: prefect_server.answers(self.url))
            made = subprocess.run(
                [sys.executable, "-m", "orchestrator.cli.main", "deploy"], cwd=folder, env=environment, capture_output=True, text=True, check=False,
            )  # fmt: skip
            assert made.returncode == 0, made.stdout + made.stderr
        except BaseException:
            self.end()
            raise
        self.controllers = {name: Controller(name, folder, environment | post.reach, post.zone) for name, post in posts.items()}

    def _start_server(self, environment: Mapping[str, str]) -> None:
        with (self.folder / "server.log").open("ab") as log:
            self.server = subprocess.Popen(self._serve, cwd=self.folder, env=environment, stdout=log, stderr=log, start_new_session=True)

    def restart_server(self) -> None:
        """Prefect's server is killed, and brought back."""
        os.killpg(self.server.pid, signal.SIGKILL)
        self.server.wait(30)
        self._start_server(self.environment)
        self.until("Prefect's server answers again", lambda: prefect_server.answers(self.url))

    def _said(self) -> str:
        return "\n".join(f"== {log.name}\n{log.read_text('utf-8', 'replace')[-3000:]}" for log in sorted(self.folder.glob("*.log")))

    def end(self) -> None:
        for controller in getattr(self, "controllers", {}).values():
            controller.lose()
        self.server.terminate()
        self.server.wait(30)

    def holds(self, controller: str) -> dict[str, int]:
        """Migrations under way on this controller, with their lease's token."""
        journal = self.session.journal
        leases = [journal.lease_holder(row.id) for row in journal.migrations() if row.state != "ended"]
        return {lease.migration: lease.token for lease in leases if lease.host == controller and lease.pid is not None}

    def at_work(self, *controllers: str) -> dict[str, int]:
        """What they would lose in the middle: two migrations at least, none of them in its switch."""
        held = {migration: token for controller in controllers for migration, token in self.holds(controller).items()}
        steps = [step for migration in held for step in self.session.journal.steps(migration) if step.state == "running"]
        return held if len(held) > 1 and not any(step.step in SWITCHING for step in steps) else {}


def database(servers: Servers, side: str, name: str, driver: str) -> str:
    """An empty database on one of ``servers``; its URL."""
    with servers.connect(side, "postgres") as admin:
        admin.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    url = URL.create(f"postgresql+{driver}", ADMIN, "secret-of-the-engine", servers.addresses[side], PORT, name)
    return url.render_as_string(hide_password=False)


def is_over(cluster: Cluster, system: str) -> bool:
    """Nobody known triggered it: of the simulated expert and this account the first stands behind it, the other one accepts."""
    row = cluster.row(system)
    with contextlib.suppress(OrchestratorError):  # it was decided in this moment
        if cluster.gate(system, "initial_acceptance"):
            cluster.decide(system, "initial_acceptance", WANG)
    return row is not None and row.state == "ended"
