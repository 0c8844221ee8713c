"""One system between its two sides, prepared by the mover, with clients that write; a guard is let loose on it."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from orchestrator.cutover.specification import GuardSpec, PartSpec
from orchestrator.errors import OrchestratorError
from orchestrator.gateways import pgbouncer
from orchestrator.gateways.holder import Place
from orchestrator.gateways.pgbouncer import Lead, PgBouncer
from orchestrator.movers import registry
from orchestrator.movers.contract import Direction, Hands
from orchestrator.movers.postgresql.names import Names
from tests.contracts.guard.cases import Case
from tests.contracts.guard.client import Client
from tests.contracts.guard.lossy import Lossy
from tests.contracts.guard.servers import ADMIN, ADMIN_PASSWORD, APPLICATION, CLUSTERS, PASSWORD, PORT, SYSTEM, Servers

BY_WRONG_CLOCK = """
import pathlib, runpy, sys, time
right, file = time.time, pathlib.Path(sys.argv.pop())
time.time = lambda: right() + float(file.read_text() or 0)
runpy.run_module("orchestrator.cutover", run_name="__main__")
"""
"""Only what asks for the time of day is wrong: no clock that a machine's administrator sets moves the other one."""

LEDGER = """
CREATE TABLE ledger (n bigint PRIMARY KEY, receipt bigint NOT NULL);
CREATE SEQUENCE receipts;
CREATE SEQUENCE never_called START 900000;
"""


class World:
    """Prepared once; attempts that come to nothing must leave it as it was, so that the next case can use it."""

    def __init__(self, servers: Servers, folder: Path, number: int, parts: int) -> None:
        self.servers = servers
        self.folder = folder
        folder.mkdir()
        self.targets = {f"records_{number}_{part}": "target" if part == 1 else "target2" for part in range(1, parts + 1)}
        self.mover = registry.make_mover("postgresql", Hands(folder=folder))
        self.clients = [Client(servers, name) for name in self.targets]
        self.token = 0
        self.live = "source"
        self.used_up = False
        self.lossy: Lossy | None = None
        self.held: list[psycopg.Connection[Any]] = []
        self.main_file = servers.databases_file.with_name("pgbouncer.ini")
        self.kept_file = b""

    def prepare(self) -> None:
        """Databases, roles, both ways of replication, the gateway's lines."""
        for name, target in self.targets.items():
            with self.servers.connect("source", "postgres") as admin:
                admin.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(sql.Identifier(name), sql.Identifier(APPLICATION)))
            with self.servers.connect("source", name, user=APPLICATION) as owner:
                owner.execute(LEDGER)
            self.mover.prepare(self.servers.part(name, target))
        self.servers.lead([f"{name} = {self.place_words(name, 'source')} dbname={name}  pool_size=17" for name in self.targets])
        for client in self.clients:
            client.__enter__()

    def end(self) -> None:
        """The clients end (what they were told was looked up by ``check_ledger``), and both sides are given back."""
        for client in self.clients:
            client.__exit__()
        if self.lossy is not None:
            self.lossy.close()
        for name, target in self.targets.items():
            for side in ("target", "source"):
                with contextlib.suppress(psycopg.Error, OrchestratorError):
                    self.mover.withdraw(self.servers.part(name, target), side)
                with contextlib.suppress(psycopg.Error), self.servers.connect(self.cluster(name, side), "postgres") as admin:
                    admin.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))

    def place_words(self, name: str, side: str) -> str:
        return f"host={self.servers.addresses[self.cluster(name, side)]} port={PORT}"

    def cluster(self, name: str, side: str) -> str:
        return "source" if side == "source" else self.targets[name]

    def switch_quietly(self, direction: Direction) -> None:
        """A switch in which nothing happens, and the way back armed."""
        quiet = Case(name="quiet", title="", act="begin", outcome="switched")
        result = Attempt(self, quiet, direction).run()
        assert result["outcome"] == "switched", result
        self.live = direction.other
        if direction is Direction.FORWARD:
            for name, target in self.targets.items():
                self.mover.arm(self.servers.part(name, target), f"armed-{self.token}")

    # ------------------------------------------------------------ what is seen

    def open_sides(self, name: str) -> list[str]:
        """Where an ordinary client may connect, by PostgreSQL and by our row."""
        sides = []
        for side in ("source", "target"):
            with self.servers.connect(self.cluster(name, side), name) as admin:
                row = admin.execute(
                    sql.SQL("SELECT open, (SELECT datconnlimit FROM pg_database WHERE datname = current_database()) FROM {}").format(
                        Names(SYSTEM, name).table("control")
                    )
                ).fetchone()
            assert row is not None
            assert bool(row[0]) == (row[1] != 0), f"{name}: the {side}'s row and its limit disagree: {row}"
            sides += [side] if row[0] else []
        return sides

    def check_ledger(self) -> None:
        """Every acknowledged write is on the live side once, and the next number is a new one."""
        for client in self.clients:
            told = list(client.acknowledged)
            with self.servers.connect(self.cluster(client.database, self.live), client.database) as admin:
                kept = {int(row[0]) for row in admin.execute("SELECT n FROM ledger").fetchall()}
                doubled = admin.execute("SELECT receipt FROM ledger GROUP BY receipt HAVING count(*) > 1").fetchall()
            assert set(told) <= kept, f"lost: {sorted(set(told) - kept)[:10]}"
            assert doubled == []

    def check_as_before(self, file: bytes) -> None:
        """After an attempt that came to nothing."""
        for name, target in self.targets.items():
            names = Names(SYSTEM, name)
            if self.live == "source":
                with self.servers.connect(target, name) as admin:
                    slots = admin.execute("SELECT slot_name FROM pg_replication_slots WHERE slot_name = %s", (names.back,)).fetchall()
                    assert slots == []
                    row = admin.execute("SELECT subenabled FROM pg_subscription WHERE subname = %s", (names.forward,)).fetchone()
                    assert row == (True,)
        assert self.servers.databases_file.read_bytes() == file
        assert [name for name, row in self.servers.shown().items() if int(row["paused"])] == []


class Attempt:
    """One guard, spoken to as the engine speaks to it."""

    def __init__(self, world: World, case: Case, direction: Direction) -> None:
        self.world = world
        self.case = case
        self.direction = direction
        world.token += 1
        self.record = str(world.folder / "guard.jsonl")
        self.clock = world.folder / f"clock-{world.token}"
        self.process: subprocess.Popen[str] | None = None

    def specification(self) -> GuardSpec:
        world, way = self.world, self.direction
        parts = []
        for name, target in world.targets.items():
            fenced = dict(world.mover.fence(world.servers.part(name, target), way))
            if world.lossy is not None and target == "target":
                other = dict(fenced["other"])
                host, port = world.lossy.address
                other["dsn"] = psycopg.conninfo.make_conninfo(other["dsn"], host=host, port=port)
                fenced["other"] = other
            parts.append(PartSpec(**fenced))
        stages = list(self.case.after)
        return GuardSpec(
            attempt=f"case-{way}-{world.token}",
            token=world.token,
            record=self.record,
            fence_ms=self.case.fence_ms,
            parts=parts,
            holders=[self.holder(way.other)],
            hold_after=stages[0] if stages else "",
            hold_ms=60_000,
        )

    def holder(self, to: str) -> dict[str, Any]:
        world = self.world
        leads = []
        for name in world.targets:
            places = {side: Place(world.servers.addresses[world.cluster(name, side)], PORT) for side in ("source", "target")}
            leads.append(Lead(name, name, places["source"], places["target"], to))
        return pgbouncer.specify(
            admin=world.servers.console_dsn(), channel=["sh"], databases_file=str(world.servers.databases_file), leads=leads
        )

    def run(self) -> dict[str, Any]:
        """The guard's result; ``refused`` with its findings."""
        for act in self.case.before:
            self.do(act)
        log = Path(self.record).with_suffix(".log").open("ab")
        self.process = subprocess.Popen(
            self._program(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True
        )
        self.say(self.specification().write())
        answer = self.hear()
        if answer["event"] == "refused":
            self.process.wait(60)
            return {"outcome": "refused", "reason": "; ".join(answer["findings"]), "problems": []}
        self.say("go")
        while (answer := self.hear())["event"] == "holding":
            for act in self.case.after[answer["after"]]:
                self.do(act)
            self.say("on")
        self.say("done")
        self.process.wait(60)
        return answer

    def _program(self) -> list[str]:
        """The guard, or the guard by a clock that is wrong."""
        if not self.clock.exists():
            return [sys.executable, "-m", "orchestrator.cutover"]
        return [sys.executable, "-c", BY_WRONG_CLOCK, str(self.clock)]

    def say(self, line: str) -> None:
        assert self.process is not None
        assert self.process.stdin is not None
        with contextlib.suppress(BrokenPipeError, ValueError):
            self.process.stdin.write(line + "\n")
            self.process.stdin.flush()

    def hear(self) -> dict[str, Any]:
        assert self.process is not None
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:  # killed: its record may have the result
            self.process.wait(60)
            return {"event": "result", "outcome": "killed", "reason": "", "problems": []}
        return dict(json.loads(line))

    # ------------------------------------------------------------ what happens

    def do(self, act: dict[str, Any]) -> None:
        """One of the verbs of the cases."""
        (verb, what), *others = act.items()
        getattr(self, f"do_{verb}")(what, **dict(others))

    def do_freeze(self, server: str) -> None:
        self.world.servers.freeze(server)

    def do_thaw(self, server: str) -> None:
        self.world.servers.thaw(server)

    def do_kill(self, server: str) -> None:
        self.world.servers.kill(server)

    def do_start(self, server: str) -> None:
        self.world.servers.start(server)

    def do_restart(self, server: str) -> None:
        self.world.servers.kill(server)
        self.world.servers.start(server)

    def do_sql(self, statement: str, at: str) -> None:
        for name in self.world.targets:
            with self.world.servers.connect(at, name) as admin:
                admin.execute(statement.format(schema=Names(SYSTEM, name).schema, database=name).encode())

    def do_hold(
        self, statement: str, at: str, by: str = "superuser", application: str = "orchestrator-test", part: int = 0
    ) -> None:
        """A session that begins a transaction, does this, and stays."""
        name = list(self.world.targets)[part]
        if at == "gateway":
            connection = self.world.servers.pooled(name)
        elif by == "superuser":
            connection = self.world.servers.connect(at, name, application=application)
        else:
            connection = self.world.servers.connect(at, name, user=by)
        connection.execute("BEGIN")
        connection.execute(statement.format(schema=Names(SYSTEM, name).schema).encode())
        self.world.held.append(connection)

    def do_stay(self, name: str) -> None:
        """A client of the gateway that has asked something, and keeps its connection."""
        client = self.world.servers.pooled(name)
        self.world.held.append(client)
        client.execute("SELECT 1")

    def do_idle(self, statements: str, at: str = "gateway", by: str = APPLICATION) -> None:
        """A session that has done this, each statement by itself, and stays without a transaction."""
        name = next(iter(self.world.targets))
        session = self.world.servers.pooled(name) if at == "gateway" else self.world.servers.connect(at, name, user=by)
        self.world.held.append(session)
        for statement in statements.split(";"):
            session.execute(statement.encode())

    def do_busy(self, statement: str, at: str = "gateway", by: str = APPLICATION) -> None:
        """A session that is in the middle of a statement which takes long."""
        name = next(iter(self.world.targets))
        session = self.world.servers.pooled(name) if at == "gateway" else self.world.servers.connect(at, name, user=by)
        self.world.held.append(session)

        def run() -> None:
            with contextlib.suppress(psycopg.Error):
                session.execute(statement.encode())

        threading.Thread(target=run, daemon=True).start()
        self._wait_for_activity(statement, session.info.dbname)

    def _wait_for_activity(self, statement: str, database: str) -> None:
        until = time.monotonic() + 20
        with self.world.servers.connect("source", "postgres") as admin:
            asked = "SELECT 1 FROM pg_stat_activity WHERE datname = %s AND query = %s AND state = 'active'"
            while not admin.execute(asked, (database, statement)).fetchone():
                assert time.monotonic() < until, f"{statement} does not run"
                time.sleep(0.02)

    def do_copying(self, at: str) -> None:
        """A client that is in the middle of a COPY."""
        name = next(iter(self.world.targets))
        session = self.world.servers.pooled(name) if at == "gateway" else self.world.servers.connect(at, name, user=APPLICATION)
        self.world.held.append(session)
        session.pgconn.exec_(b"COPY ledger (n, receipt) FROM STDIN")
        session.pgconn.put_copy_data(b"-1000\t-1000\n")

    def do_knocking(self, at: str) -> None:
        """Somebody of the application who comes back at once, whatever happens, until the attempt has ended."""
        name = next(iter(self.world.targets))
        threading.Thread(target=self._knock, args=(at, name), daemon=True).start()

    def _knock(self, at: str, name: str) -> None:
        while self.process is None or self.process.poll() is None:
            with contextlib.suppress(psycopg.Error), self.world.servers.connect(at, name, user=APPLICATION) as session:
                session.execute("SELECT 1")

    def do_by_link(self, statement: str) -> None:
        """A session in this database that another database of the cluster has made (dblink, a foreign table)."""
        name = next(iter(self.world.targets))
        with self.world.servers.connect("source", "postgres") as admin:
            admin.execute("CREATE EXTENSION IF NOT EXISTS dblink")
        link = psycopg.conninfo.make_conninfo(host=self.world.servers.addresses["source"], port=PORT, dbname=name, user=APPLICATION, password=PASSWORD)
        other = self.world.servers.connect("source", "postgres")
        self.world.held.append(other)
        other.execute("SELECT dblink_connect('there', %s)", (link,))
        other.execute("SELECT dblink_exec('there', %s)", (statement,))

    def do_setting(self, name: str, value: str) -> None:
        """An administrator's setting of all PostgreSQL servers."""
        for server in CLUSTERS:
            with self.world.servers.connect(server, "postgres") as admin:
                setting = sql.SQL("ALTER SYSTEM SET {} = {}") if value else sql.SQL("ALTER SYSTEM RESET {}")
                admin.execute(setting.format(*map(sql.Identifier, [name]), *([sql.Literal(value)] if value else [])))
                admin.execute("SELECT pg_reload_conf()")

    def do_wait(self, seconds: float) -> None:
        time.sleep(seconds)

    def do_let_go(self, _: object) -> None:
        for connection in self.world.held:
            with contextlib.suppress(psycopg.Error):
                connection.close()
        self.world.held.clear()

    def do_engine(self, _: object) -> None:
        """The engine is gone: its end of the pipe closes."""
        assert self.process is not None
        assert self.process.stdin is not None
        self.process.stdin.close()

    def do_kill_guard(self, _: object) -> None:
        assert self.process is not None
        self.process.kill()

    def do_kill_shell(self, _: object) -> None:
        """The channel to the gateway's host."""
        assert self.process is not None
        found = subprocess.run(["pgrep", "-P", str(self.process.pid), "-x", "sh"], capture_output=True, text=True, check=True)
        for pid in found.stdout.split():
            os.kill(int(pid), signal.SIGKILL)

    def do_chmod(self, mode: str) -> None:
        """The gateway's databases file."""
        self.world.servers.databases_file.chmod(int(mode, 8))

    def do_owner(self, uid: int) -> None:
        os.chown(self.world.servers.databases_file, uid, -1)

    def do_append(self, line: str) -> None:
        with self.world.servers.databases_file.open("a", encoding="utf-8") as file:
            file.write(line + "\n")

    def do_console(self, command: str) -> None:
        with pgbouncer.open_console(self.world.servers.console_dsn()) as console:
            console.execute(command.format(database=next(iter(self.world.targets))).encode())

    def do_lose(self, what: str) -> None:
        assert self.world.lossy is not None
        self.world.lossy.lose = what

    def do_record(self, path: str) -> None:
        self.record = path

    def do_full(self, room: int) -> None:
        """The disk under the guard's record is full but for so many bytes: as a file that may not grow any more."""
        assert self.process is not None
        most = Path(self.record).stat().st_size + room
        resource.prlimit(self.process.pid, resource.RLIMIT_FSIZE, (most, resource.RLIM_INFINITY))

    def do_clock(self, seconds: float) -> None:
        """The controller's clock is, or jumps, so many seconds before (or, less than nothing, behind) the right time."""
        self.clock.write_text(str(seconds), encoding="ascii")

    def do_feed(self, at: str) -> None:
        """Somebody's subscription writes into the first database, by a worker that is no client of it."""
        name = next(iter(self.world.targets))
        with self.world.servers.connect(at, "postgres") as feeder:
            feeder.execute("CREATE TABLE ledger (n bigint PRIMARY KEY, receipt bigint NOT NULL); CREATE PUBLICATION feed FOR TABLE ledger")
        link = psycopg.conninfo.make_conninfo(
            host=self.world.servers.addresses[at], port=PORT, dbname="postgres", user=ADMIN, password=ADMIN_PASSWORD
        )
        with self.world.servers.connect("source", name) as admin:
            subscription = sql.SQL("CREATE SUBSCRIPTION feed CONNECTION {} PUBLICATION feed WITH (copy_data = false)")
            admin.execute(subscription.format(sql.Literal(link)))
            self._until(lambda: admin.execute("SELECT 1 FROM pg_stat_subscription WHERE pid IS NOT NULL AND subname = 'feed'").fetchone())
        threading.Thread(target=self._feed_on, args=(at,), daemon=True).start()

    def _feed_on(self, at: str) -> None:
        with self.world.servers.connect(at, "postgres") as feeder:
            for number in itertools.count(1):
                if self.process is not None and self.process.poll() is not None:
                    return
                feeder.execute("INSERT INTO ledger VALUES (%s, %s)", (-number, -number))
                time.sleep(0.01)

    def do_fed(self, at: str) -> None:
        """It ends; what it wrote stands in the source, as far as it was acknowledged there."""
        name = next(iter(self.world.targets))
        with self.world.servers.connect("source", name) as admin:
            self._until(lambda: (admin.execute("SELECT count(*) FROM ledger WHERE n < 0").fetchone() or (0,))[0] > 10)
            admin.execute("DROP SUBSCRIPTION feed")
        with self.world.servers.connect(at, "postgres") as feeder:
            feeder.execute("DROP PUBLICATION feed; DROP TABLE ledger")

    def _until(self, done: Callable[[], Any]) -> None:
        until = time.monotonic() + 30
        while not done():
            assert time.monotonic() < until
            time.sleep(0.05)

    def do_other_guard(self, _: object) -> None:
        """A second one with the same record, at the same time: it must be refused."""
        second = subprocess.run(
            [sys.executable, "-m", "orchestrator.cutover"], input=self.specification().write() + "\ngo\n", capture_output=True, text=True,
            timeout=120, check=False,
        )  # fmt: skip
        assert second.returncode == 3, second.stdout
        assert "another guard is at work" in second.stdout

    def do_lead(self, side: str) -> None:
        """What `resume` does for a gateway that did not follow."""
        spec = {key: value for key, value in self.holder(side).items() if key != "kind"}
        holder = PgBouncer(**spec)
        holder.switch_and_resume()
        holder.disconnect()

    def do_open(self, name_number: int) -> None:
        """What `resume` does for a part that was not opened: its other side."""
        from orchestrator.cutover import kinds

        spec = self.specification()
        side = kinds.make_side(spec.parts[name_number].other)
        side.open(spec.attempt, spec.token)
        side.disconnect()

    def do_entries(self, lines: str) -> None:
        """Other lines in the gateway's file than ours."""
        self.world.kept_file = self.world.servers.databases_file.read_bytes()
        self.world.servers.lead(lines.splitlines())

    def do_entries_kept(self, _: object) -> None:
        self.world.kept_file = self.world.servers.databases_file.read_bytes()

    def do_entries_back(self, _: object) -> None:
        self.world.servers.databases_file.write_bytes(self.world.kept_file)
        self.do_console("RELOAD")

    def do_point_file(self, host: str) -> None:
        """Somebody edits the file and does not reload."""
        self.world.kept_file = self.world.servers.databases_file.read_bytes()
        text = self.world.kept_file.decode().replace(f"host={self.world.servers.addresses['source']}", f"host={host}")
        self.world.servers.databases_file.write_text(text, encoding="utf-8")

    def do_break_main(self, _: object) -> None:
        """PgBouncer's own file has a line that it cannot read: every RELOAD is answered and has no effect."""
        text = self.world.main_file.read_text("utf-8")  # before anything else: what stands above would still be read
        self.world.main_file.write_text("nonsense\n" + text, encoding="utf-8")

    def do_mend_main(self, _: object) -> None:
        text = self.world.main_file.read_text("utf-8").removeprefix("nonsense\n")
        self.world.main_file.write_text(text, encoding="utf-8")

    def do_second_name(self, name: str) -> None:
        """Another entry for the first database, as somebody wrote it years ago."""
        database = next(iter(self.world.targets))
        self.do_append(f"; for the reports\n{name}={self.world.place_words(database, 'source')} dbname='{database}' pool_mode=session")
        self.do_console("RELOAD")

    def do_thaw_soon(self, server: str) -> None:
        """Comes back by itself after the budget is over."""
        threading.Timer(6.0, self.world.servers.thaw, [server]).start()
