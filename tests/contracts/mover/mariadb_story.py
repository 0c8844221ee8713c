"""What is done with a case on two MariaDB servers: the mover and the guard themselves, called as the steps of a migration call them."""

from __future__ import annotations

import contextlib
import os
import subprocess
import threading
import time
from pathlib import Path
from typing import Any

import pymysql
from pymysql.constants import CLIENT

from orchestrator.cutover.guard import Guard
from orchestrator.cutover.specification import GuardSpec, PartSpec
from orchestrator.errors import Finding
from orchestrator.movers import registry
from orchestrator.movers.contract import Direction, Hands, Moment
from orchestrator.movers.mariadb.connections import names_of
from orchestrator.tools import programs
from tests.contracts.mover.cases import Act, Case
from tests.support.mariadb import ADMIN, ADMIN_PASSWORD, APPLICATION, PASSWORD, PORT, SIDES, Servers

FENCE_MS = 8000
_LEDGER = "CREATE TABLE ledger (n bigint PRIMARY KEY, told varchar(100) NOT NULL DEFAULT 'new'); CREATE SEQUENCE ledger_receipt"


def run_all(session: pymysql.connections.Connection[Any], text: str) -> None:
    """A script: statements with ``;`` between them, or ``---`` on a line of its own where a body holds some."""
    for script in text.split("\n---\n"):
        if script.strip():
            with session.cursor() as cursor:
                cursor.execute(script)
                while cursor.nextset():
                    pass


class Application:
    """Writes numbered rows on the live side, and does what the case wants done. Use as a context."""

    def __init__(self, story: MariadbStory) -> None:
        self.story = story
        self.live = "source"
        self.acknowledged: list[int] = []
        self.harm: list[str] = []
        """What failed while no switch was under way."""
        self.ended = 0
        """Sessions that ended while one was."""
        self._switching = threading.Event()
        self._resting = threading.Event()
        self._rests = threading.Event()
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._work, daemon=True)

    def __enter__(self) -> Application:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join(60)

    def switching(self) -> None:
        self._switching.set()

    def switched(self, live: str) -> None:
        self.live = live
        before = len(self.acknowledged)
        self._wait(lambda: len(self.acknowledged) > before)
        self._switching.clear()

    def rest(self) -> None:
        self._resting.set()
        self._wait(self._rests.is_set)

    def wake(self) -> None:
        self._resting.clear()
        self._rests.clear()

    def _wait(self, done: Any) -> None:
        until = time.monotonic() + 90
        while not done():
            assert time.monotonic() < until, f"the application does not get on; {self.harm[-3:]}"
            time.sleep(0.01)

    def _work(self) -> None:
        number, session = 0, None
        while not self._end.is_set():
            if self._resting.is_set():
                session = self._close(session)
                self._rests.set()
                time.sleep(0.01)
                continue
            number += 1
            try:
                session = session or self.story.connect(self._side(number), user=APPLICATION)
                run_all(session, "START TRANSACTION")
                run_all(session, f"INSERT INTO ledger (n) VALUES ({number})")
                run_all(session, f"UPDATE ledger SET told = concat('told ', nextval(ledger_receipt)) WHERE n = {number}")
                run_all(session, "COMMIT")
                self.acknowledged.append(number)
                for statement in self.story.case.live:
                    run_all(session, statement)
            except (pymysql.err.Error, OSError) as error:
                if self._switching.is_set():
                    self.ended += 1
                else:
                    self.harm.append(f"{type(error).__name__}: {error}")
                session = self._close(session)
            time.sleep(0.01)
        self._close(session)

    def _side(self, number: int) -> str:
        return SIDES[number % 2] if self._switching.is_set() else self.live

    @staticmethod
    def _close(session: Any) -> None:
        if session is not None:
            with contextlib.suppress(Exception):
                session.close()


class MariadbStory:
    """One case on two servers."""

    def __init__(self, servers: Servers, case: Case, folder: Path) -> None:
        self.servers = servers
        self.case = case
        self.folder = folder
        self.part = servers.part(case.database)
        self.mover = registry.make_mover(case.engine, Hands(folder=folder))
        self.token = 0
        self.switches: list[dict[str, Any]] = []
        self.compared: list[str] = []

    def connect(self, side: str, *, user: str = ADMIN, database: str | None = "") -> pymysql.connections.Connection[Any]:
        """A session of somebody in the case's database."""
        return pymysql.connect(
            host=self.servers.addresses[side], port=PORT, user=user, password=ADMIN_PASSWORD if user == ADMIN else PASSWORD,
            database=self.case.database if database == "" else database, autocommit=True, charset="utf8mb4",
            client_flag=CLIENT.MULTI_STATEMENTS, connect_timeout=20,
        )  # fmt: skip

    def lay_out(self) -> None:
        """The application's account and database, and what the case adds to them."""
        name = self.case.database.replace("`", "``")
        with self.connect("source", database=None) as admin:
            run_all(admin, f"CREATE DATABASE `{name}` {self.case.create}; CREATE USER {APPLICATION}@'%' IDENTIFIED BY '{PASSWORD}'")
            run_all(admin, f"GRANT ALL ON `{name}`.* TO {APPLICATION}@'%'")
            run_all(admin, self.case.server.replace("{ours}", names_of(self.part).schema))
        with self.connect("source") as admin:
            run_all(admin, self.case.superuser)
        with self.connect("source", user=APPLICATION) as owner:
            run_all(owner, _LEDGER)
            run_all(owner, self.case.source)
        with self.connect("target", database=None) as admin:
            run_all(admin, self.case.target)

    # ------------------------------------------------------------ what is seen

    def photograph(self, side: str, *, locks: bool) -> list[str]:
        """By MariaDB's own program and by its words for accounts: everything of the database, and who may do what."""
        argv = [
            str(programs.find("mariadb-dump")), "--no-defaults", "-h", self.servers.addresses[side], "-P", str(PORT), "-u", ADMIN,
            "--protocol=tcp", "--routines", "--triggers", "--events", "--hex-blob", "--skip-comments", "--skip-dump-date",
            "--order-by-primary", "--skip-extended-insert", "--single-transaction", "--default-character-set=utf8mb4", self.case.database,
        ]  # fmt: skip
        done = subprocess.run(
            argv, capture_output=True, text=True, check=True, timeout=120, env={**os.environ, "MYSQL_PWD": ADMIN_PASSWORD}
        )
        lines = done.stdout.splitlines()
        with self.connect(side, database=None) as admin, admin.cursor() as cursor:
            cursor.execute(
                "SELECT user, host FROM mysql.user WHERE is_role = 'N' AND user NOT IN ('root', 'mysql', 'mariadb.sys', %s) ORDER BY 1, 2",
                (ADMIN,),
            )
            for user, host in cursor.fetchall():
                cursor.execute("SHOW CREATE USER %s@%s", (user, host))
                lines += [str(row[0]) if locks else str(row[0]).replace(" ACCOUNT LOCK", "") for row in cursor.fetchall()]
                cursor.execute("SHOW GRANTS FOR %s@%s", (user, host))
                grants = [str(row[0]) for row in cursor.fetchall() if "`orchestrator_" not in str(row[0]) or locks]
                # columns come in any order
                lines += sorted("".join(sorted(grant)) if "(" in grant else grant for grant in grants)
            cursor.execute("SELECT schema_name, schema_comment FROM information_schema.schemata WHERE schema_name LIKE 'orchestrator%'")
            lines += [f"ours: {row}" for row in cursor.fetchall()] if locks else []
        return lines

    def list_target(self) -> list[Any]:
        """Databases and accounts of the target's server."""
        with self.connect("target", database=None) as admin, admin.cursor() as cursor:
            cursor.execute("SELECT schema_name, '' FROM information_schema.schemata UNION ALL SELECT user, priv FROM mysql.global_priv")
            return sorted(cursor.fetchall())

    def check(self, moment: Moment) -> list[Finding]:
        return [finding for finding in self.mover.check(self.part, moment) if finding.severity == "error"]

    # ------------------------------------------------------------ what is done

    def switch(self, direction: Direction, application: Application) -> None:
        """One switch by a guard, as often as five times; both sides compared from its snapshots."""
        reasons = []
        self.mover.freshen(self.part, direction)
        for _ in range(5):
            self.token += 1
            application.switching()
            result = self._guarded(direction)
            if result["outcome"] == "switched":
                self.switches.append(result)
                application.switched(direction.other)
                return
            application.switched(direction.live)
            reasons.append(result["reason"])
            time.sleep(0.5)
        raise AssertionError(f"no switch {direction} in five attempts: {reasons}")

    def look(self, direction: Direction) -> dict[str, Any]:
        """Both sides seen at one point while everybody writes, and compared."""
        self.token += 1
        return self._guarded(direction, mode="snapshot")

    def _guarded(self, direction: Direction, mode: str = "switch") -> dict[str, Any]:
        part = PartSpec(**self.mover.fence(self.part, direction, snapshot_only=mode == "snapshot"))
        spec = GuardSpec(
            attempt=f"case-{direction}-{self.token}", token=self.token, record=str(self.folder / "guard.jsonl"),
            fence_ms=FENCE_MS, parts=[part], holders=[], mode=mode,
        )  # fmt: skip
        guard = Guard(spec, engine_gone=threading.Event(), go_on=threading.Event())
        try:
            found = guard.findings()
            if found:
                return {"outcome": "refused", "reason": "; ".join(map(str, found))}
            result = guard.run()
            if result["outcome"] in ("switched", "seen"):
                live, other = result["snapshots"][part.name]
                compared = self.mover.compare(self.part, direction, (live, other))
                assert compared.items > 0 and not compared.differences, compared
                self.compared.append(str(compared))
            return result
        finally:
            guard.disconnect()

    def act(self, side: str, acts: list[Act]) -> None:
        for act in acts:
            user = {"application": APPLICATION, "superuser": ADMIN}.get(act.by, act.by)
            with self.connect(side, user=user) as session:
                run_all(session, act.sql)

    def run_as_application(self, side: str, statements: list[str]) -> None:
        for statement in statements:
            with self.connect(side, user=APPLICATION) as session:
                run_all(session, statement)

    def settle(self, live: str, other: str) -> None:
        """Waits until what was committed on the live side has arrived on the other; seen by a row of our own making."""
        with self.connect(live) as writer:
            run_all(writer, "CREATE TABLE IF NOT EXISTS settled (n int PRIMARY KEY)")
            run_all(writer, "DROP TABLE settled; CREATE TABLE settled (n int PRIMARY KEY); INSERT INTO settled VALUES (1)")
            self._until(other, present=True)
            run_all(writer, "DROP TABLE settled")
            self._until(other, present=False)

    def _until(self, side: str, *, present: bool) -> None:
        until = time.monotonic() + 60
        query = "SELECT count(*) FROM information_schema.tables WHERE table_schema = %s AND table_name = 'settled' AND table_rows >= 0"
        with self.connect(side) as reader, reader.cursor() as cursor:
            while True:
                cursor.execute(query, (self.case.database,))
                (counted,) = cursor.fetchone() or (0,)
                if bool(counted) == present:
                    return
                assert time.monotonic() < until, f"the {side} did not follow within 60 s"
                time.sleep(0.05)

    def withdraw(self) -> None:
        for side in ("target", "source"):
            self.mover.withdraw(self.part, side)
