"""What is done with a case: the mover and the guard themselves, called as the steps of a migration call them."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from orchestrator.cutover.guard import Guard
from orchestrator.cutover.specification import GuardSpec, PartSpec
from orchestrator.errors import Finding
from orchestrator.movers import registry
from orchestrator.movers.contract import Direction, Hands, Moment
from orchestrator.movers.postgresql.reach import names_of
from tests.contracts.mover import photograph
from tests.contracts.mover.application import LEDGER, Application
from tests.contracts.mover.cases import Act, Case
from tests.contracts.mover.photograph import Photograph
from tests.contracts.mover.servers import ADMIN, APPLICATION, PASSWORD, Servers

FENCE_MS = 5000


class Story:
    """One case on two servers."""

    def __init__(self, servers: Servers, case: Case, folder: Path) -> None:
        self.servers = servers
        self.case = case
        self.folder = folder
        self.part = servers.part(case.database)
        self.mover = registry.make_mover(case.engine, Hands(folder=folder))
        self.token = 0
        self.switches: list[dict[str, Any]] = []

    # ------------------------------------------------------------ what stands there

    def lay_out(self) -> None:
        """The application's role and database, and what the case adds to them."""
        name, role = sql.Identifier(self.case.database), sql.Identifier(APPLICATION)
        with self.servers.connect("source", "postgres") as admin:
            admin.execute(sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(role, sql.Literal(PASSWORD)))
            create = sql.SQL("CREATE DATABASE {} OWNER {} ").format(name, role) + sql.SQL(self.case.create)
            admin.execute(create)
            _each(admin, [self.case.server])
        with self.servers.connect("source", self.case.database) as admin:
            stem = names_of(self.part).schema.removeprefix("orchestrator_")
            _each(admin, [self.case.superuser.replace("{stem}", stem)])
        with self.servers.connect("source", self.case.database, user=APPLICATION) as owner:
            _each(owner, [LEDGER, self.case.source])
        with self.servers.connect("target", "postgres") as admin:
            _each(admin, [self.case.target])

    @contextmanager
    def sessions(self) -> Iterator[None]:
        """Sessions of the case that hold a transaction open all through, or until the switch ends them."""
        with ExitStack() as stack:
            for act in self.case.open_sessions:
                user = {"superuser": ADMIN, "application": APPLICATION}.get(act.by, act.by)
                connection = self.servers.connect("source", self.case.database, user=user)
                stack.callback(connection.close)
                connection.execute("BEGIN")
                connection.execute(act.sql.encode())
            yield

    def photograph(self, side: str) -> Photograph:
        return photograph.take(self.servers, side, self.case.database, self.case.others)

    def photograph_others(self) -> list[str]:
        """What of other applications stands on both sides: their roles, and all that is in their databases."""
        return photograph.take_others(self.servers, self.case.others)

    # ------------------------------------------------------------ what is done

    def check(self, moment: Moment) -> list[Finding]:
        """Errors of the mover's check."""
        return [finding for finding in self.mover.check(self.part, moment) if finding.severity == "error"]

    def withdraw(self) -> None:
        """Both halves of the undo, in the engine's order."""
        for side in ("target", "source"):
            self.mover.withdraw(self.part, side)

    def switch(self, direction: Direction, application: Application) -> None:
        """One switch by a guard, as often as five times. Raises AssertionError when it does not come to one."""
        reasons = []
        for _ in range(5):
            self.token += 1
            application.switching(direction.other)
            result = self._guarded(direction)
            if result["outcome"] == "switched":
                self.switches.append(result)
                application.switched(direction.other)
                return
            application.switched(direction.live)
            reasons.append(result["reason"])
            time.sleep(0.5)
        raise AssertionError(f"no switch {direction} in five attempts: {reasons}")

    def _guarded(self, direction: Direction) -> dict[str, Any]:
        """The guard itself, in this process: that it is a process of its own is the matter of ``tests/contracts/guard``."""
        part = PartSpec(**self.mover.fence(self.part, direction))
        spec = GuardSpec(
            attempt=f"case-{direction}-{self.token}", token=self.token, record=str(self.folder / "guard.jsonl"),
            fence_ms=FENCE_MS, parts=[part], holders=[],
        )  # fmt: skip
        guard = Guard(spec, engine_gone=threading.Event(), go_on=threading.Event())
        try:
            found = guard.findings()
            return {"outcome": "refused", "reason": "; ".join(map(str, found))} if found else guard.run()
        finally:
            guard.disconnect()

    def act(self, side: str, acts: Iterable[Act]) -> None:
        """Somebody does something on a side; what must fail fails as it should."""
        for act in acts:
            user = {"application": APPLICATION, "superuser": ADMIN}.get(act.by, act.by)
            state = ""
            with self.servers.connect(side, self.case.database, user=user) as connection:
                try:
                    _each(connection, [act.sql])
                except psycopg.Error as error:
                    state = error.sqlstate or "connection"
                    assert act.fails, f"{act.by} on the {side}: {act.sql}: {error}"
            assert state == act.fails, f"{act.by} on the {side}: {act.sql}: {state or 'succeeded'}, not {act.fails}"

    def settle(self) -> None:
        """Waits until what was committed on the live side has arrived on the other."""
        live, other = ("target", "source") if self.switches else ("source", "target")
        until = time.monotonic() + 60
        with self.servers.connect(live, self.case.database) as writer:
            lsn = writer.execute("SELECT pg_current_wal_lsn()").fetchone()
            query = (
                "SELECT bool_and(confirmed_flush_lsn >= %s) FROM pg_replication_slots"
                " WHERE slot_name ~ '^orchestrator_[0-9a-f]{10}_' AND database = current_database()"
            )
            while writer.execute(query, lsn).fetchone() != (True,):
                assert time.monotonic() < until, f"the {other} did not follow within 60 s"
                writer.execute("SELECT pg_log_standby_snapshot()" if writer.info.server_version >= 160000 else "CHECKPOINT")
                time.sleep(0.05)


def _each(connection: psycopg.Connection[Any], texts: Iterable[str]) -> None:
    """Runs scripts: psycopg sends a text without parameters as one simple query."""
    for text in texts:
        for statement in text.split("\n---\n"):
            if statement.strip():
                connection.execute(statement.encode())
