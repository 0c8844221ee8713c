"""A city for each story, its citizens writing all the time, and an engine in a process of its own that can be killed."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql

from orchestrator.embedded import citizens, judge
from orchestrator.embedded.city import City
from orchestrator.embedded.people import OPERATOR, People
from orchestrator.engine.session import Session
from orchestrator.movers.postgresql.names import Names
from orchestrator.settings import Settings
from orchestrator.steps.world import SUFFIX
from orchestrator.tools.process import start_time

CHECKOUT = Path(__file__).resolve().parents[2]
PORTAL, WEATHER, REGISTER = "citizen-portal", "weather-bulletin", "property-register"
INSERT = {
    PORTAL: "INSERT INTO requests (n, body, receipt) VALUES (%s, 'a client of the test', nextval('receipt_no'))",
    WEATHER: "INSERT INTO bulletins (n, text) VALUES (%s, 'a client of the test')",
    REGISTER: "",  # written by its citizens only: a registration wants a signature
}
OURS = "orchestrator-test"
"""Application name of the test's own superuser sessions: a strange superuser's session forbids a cutover."""


def wait_until(what: str, done: Callable[[], Any], seconds: float, every: float = 0.02) -> float:
    """Seconds it took. Fails the test when it takes longer."""
    began = time.monotonic()
    while not done():
        assert time.monotonic() - began < seconds, f"after {seconds:g} s still not: {what}"
        time.sleep(every)
    return time.monotonic() - began


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> Iterator[City]:
    own = City(tmp_path_factory.mktemp("city"))
    own.up()
    for file in (own.folder / "inventory").glob("*.yaml"):  # long enough that something can happen in a trial run
        file.write_text(re.sub(r"trial_run_seconds: 8(\.0)?\b", "trial_run_seconds: 20", file.read_text("utf-8")), "utf-8")
    try:
        yield own
    finally:
        own.down()


@dataclass
class Story:
    """One system's migration, seen from outside: databases, gateways, the journal, the guard's record."""

    city: City
    session: Session
    system: str
    out: Path
    engines: list[subprocess.Popen[bytes]] = field(default_factory=list)
    accepting: bool = False
    """Whether the simulated experts accept finally."""
    written: list[int] = field(default_factory=list)

    # ------------------------------------------------------------ the engine

    def start(self, *arguments: str, fault_hold: str = "") -> subprocess.Popen[bytes]:
        """``orchestrator …`` in a process of its own."""
        environment = os.environ | self.city.settings_environment() | {
            "ORCHESTRATOR_STATE": str(self.session.settings.state), "ORCHESTRATOR_FAULT_HOLD": fault_hold, "PYTHONPATH": str(CHECKOUT),
        }  # fmt: skip
        with self.log.open("ab") as log:
            engine = subprocess.Popen(
                [sys.executable, "-m", "orchestrator.cli.main", *arguments],
                cwd=self.out,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        self.engines.append(engine)
        return engine

    def run(self, *arguments: str, seconds: float = 400, fault_hold: str = "") -> int:
        """``orchestrator …`` to its end; its exit code."""
        try:
            return self.start(*arguments, fault_hold=fault_hold).wait(seconds)
        except subprocess.TimeoutExpired:
            pytest.fail(f"orchestrator {' '.join(arguments)} did not end in {seconds:g} s:\n{self.said()}")

    @property
    def log(self) -> Path:
        return self.out / "engine.log"

    def said(self, lines: int = 25) -> str:
        return "\n".join(self.log.read_text("utf-8").splitlines()[-lines:])

    def kill(self, engine: subprocess.Popen[bytes]) -> None:
        """As the kernel's out-of-memory killer would: the engine alone, at once."""
        assert engine.poll() is None, f"it ended before it could be killed: {engine.returncode}\n{self.said()}"
        engine.send_signal(signal.SIGKILL)
        engine.wait(10)

    # ------------------------------------------------------------ the journal

    @property
    def row(self) -> Any:
        return self.session.journal.migrations(system=self.system)[-1]

    def step(self, name: str) -> Any:
        return next((s for s in self.session.journal.steps(self.row.id) if s.step == name), None)

    def until_step(self, name: str, state: str = "running", seconds: float = 400) -> None:
        def reached() -> bool:
            rows = self.session.journal.migrations(system=self.system)
            step = self.step(name) if rows else None
            if self.engines[-1].poll() is not None:
                pytest.fail(f"the engine ended with {self.engines[-1].returncode} before {name} was {state}:\n{self.said()}")
            return step is not None and step.state == state

        wait_until(f"{name} {state}", reached, seconds)

    def until_trial_run(self) -> subprocess.Popen[bytes]:
        """The weather bulletin is migrated, its application repaired on the new host as people do, until its trial run; the engine."""
        engine = self.start("migrate", "--system", WEATHER, "--direct", "--wait")
        folder = self.city.host_folder("weather-1" + SUFFIX)

        def mend() -> None:
            wait_until("the new host has its application", (folder / "srv/weather/app").is_dir, 400, every=0.2)
            self.city.mend_weather(folder)

        threading.Thread(target=mend, daemon=True).start()
        self.until_step("trial_run")
        return engine

    # ------------------------------------------------------------ the guard

    @property
    def folder(self) -> Path:
        return self.session.settings.state / "systems" / self.system

    def record(self, event: str) -> list[dict[str, Any]]:
        """What guards wrote down, of one kind."""
        entries = []
        with contextlib.suppress(FileNotFoundError):
            for line in (self.folder / "guard.jsonl").read_text("utf-8").splitlines():
                with contextlib.suppress(ValueError):
                    entries.append(json.loads(line))
        return [e for e in entries if e["event"] == event]

    def until_closed(self, engine: subprocess.Popen[bytes], seconds: float = 400) -> None:
        """Until a guard has just closed the source and stays inside the fence."""
        before = len(self.record("closing"))

        def closed() -> bool:
            assert engine.poll() is None, f"the engine ended with {engine.returncode}:\n{self.said()}"
            return len(self.record("closing")) > before and not self.control()[0]

        wait_until("the guard closed the source", closed, seconds, every=0.003)

    @property
    def guard(self) -> int:
        return int((self.folder / "guard.pid").read_text("ascii").split()[0])

    def until_guarded(self) -> None:
        """Until a guard has begun: what servers are asked in a narrow loop, they are asked from then on."""
        wait_until("a guard began", lambda: not self.guard_gone(), 300)

    def guard_gone(self) -> bool:
        pid, started, _ = (self.folder / "guard.pid").read_text("ascii").split()
        return start_time(int(pid)) != int(started)

    # ------------------------------------------------------------ both sides

    def dsn(self, side: str) -> str:
        source = self.city.source_database(self.system)
        if side == "source":
            return psycopg.conninfo.make_conninfo(source.dsn(), application_name=OURS)
        moved = next(h["new_address"] for h in self.hosts if h["name"] == source.host) if self.hosted else None
        address = moved or self.step("provision").facts["servers"][source.host]["address"]
        return psycopg.conninfo.make_conninfo(source.dsn(), host=address, application_name=OURS)

    @property
    def hosts(self) -> list[dict[str, Any]]:
        return next(s["hosts"] for s in self.city.systems() if s["id"] == self.system)

    @property
    def hosted(self) -> bool:
        """Whether its machines are carried to the cloud as they are."""
        return any("new_address" in h for h in self.hosts)

    def ask(self, side: str, query: str | sql.Composed, *values: object) -> Any:
        with psycopg.connect(self.dsn(side), autocommit=True) as connection:
            return connection.execute(query, values or None).fetchone()

    @property
    def names(self) -> Names:
        """What the engine's own things are called in the system's database."""
        return Names(self.system, self.city.source_database(self.system).name)

    def control(self, side: str = "source") -> tuple[bool, str]:
        """(open, attempt) of a side's control row."""
        query = sql.SQL("SELECT open, attempt FROM {}").format(self.names.table("control"))
        row = self.ask(side, query)
        return bool(row[0]), str(row[1])

    def may_log_in(self, side: str = "source") -> bool:
        return bool(self.ask(side, "SELECT datconnlimit <> 0 FROM pg_database WHERE datname = current_database()")[0])

    def paused(self) -> list[str]:
        """Gateways that hold the system's clients."""
        found = []
        for kind in ("room", "cloud"):
            pool = self.city.site(kind)["pgbouncer"]
            password = Path(pool["secret"].removeprefix("file:")).read_text("utf-8").strip()
            with psycopg.connect(
                host=pool["address"], port=pool["port"], dbname="pgbouncer", user=pool["admin_role"], password=password, autocommit=True,
                cursor_factory=psycopg.ClientCursor,
            ) as console:  # fmt: skip
                answer = console.execute("SHOW DATABASES")
                names = [c.name for c in answer.description or ()]
                for line in answer.fetchall():
                    entry = dict(zip(names, line, strict=True))
                    if entry["name"] == self.city.source_database(self.system).name and int(entry["paused"]):
                        found.append(kind)
        return found

    def source_is_open(self) -> bool:
        return self.control()[0] and self.may_log_in() and not self.paused()

    def slots(self) -> list[str]:
        """Our logical slots on the target."""
        with psycopg.connect(self.dsn("target"), autocommit=True) as connection:
            query = "SELECT slot_name FROM pg_replication_slots WHERE slot_name = %s"
            return [str(r[0]) for r in connection.execute(query, (self.names.back,))]

    def write(self, seconds: float = 5) -> int:
        """A citizen's write through the old room's gateway, acknowledged within some seconds."""
        number = -10_000_000 - len(self.written)
        with psycopg.connect(citizens.pooled_dsn(self.city, self.system), prepare_threshold=None) as client:
            client.execute(f"SET statement_timeout = {int(seconds * 1000)}")
            client.execute(INSERT[self.system], (number,))
        self.written.append(number)
        return number

    # ------------------------------------------------------------ the judge

    def judged(self, baseline: dict[str, Any], *, live: str) -> judge.Verdict:
        """Ends the load; every acknowledged write is looked for on the live side."""
        citizens.stop(self.city)
        files: dict[str, str | None] = {}
        if self.system == PORTAL:
            uploads = Path(self.city.environment("portal-web-1")["UPLOADS"])
            there = self.city.host_folder("portal-app" + SUFFIX) / uploads.relative_to(self.city.host_folder("portal-app"))
            files = {"live_files": str(there if live == "target" else uploads)}
        verdict = judge.judge(
            judge.Case(
                system=self.system,
                ledger=str(self.out / f"{self.system}.jsonl"),
                table=citizens.TABLES[citizens.KINDS[self.system]],
                live=self.dsn(live),
                other=self.dsn("source") if live == "target" and not self.hosted else None,
                mode="subset",
                baseline=baseline,
                **files,
            )
        )
        with psycopg.connect(self.dsn(live)) as connection:
            table = citizens.TABLES[citizens.KINDS[self.system]]
            present = {r[0] for r in connection.execute(f"SELECT n FROM {table} WHERE n <= -10000000")}  # noqa: S608 - a constant of ours
        assert present == set(self.written)
        return verdict


@pytest.fixture(scope="module")
def begin(city: City, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Story]]:
    """``begin(system)``: its citizens write, its simulated people decide."""
    stories: list[tuple[Story, contextlib.ExitStack]] = []

    def start(system: str) -> Story:
        out = tmp_path_factory.mktemp(system)
        session = Session(Settings(state=out / "state", **city.settings()), OPERATOR)
        story = Story(city, session, system, out)
        citizens.start(city, out, only=[system], max_seconds=600)
        stack = contextlib.ExitStack()
        stack.enter_context(People(session, city, lambda _system: story.accepting, lambda: None))
        stories.append((story, stack))
        return story

    yield start
    for story, stack in stories:
        for engine in story.engines:
            if engine.poll() is None:
                engine.kill()
                engine.wait()
        citizens.stop(city)
        stack.close()
