"""The same for MariaDB: switches each way under 200 write transactions a second, without another copy in between.

New connections wait at HAProxy; each connection that is open is ended once a switch. So what is counted besides gaps is errors: those that
were foretold (one for each connection that the guard ended) and those that were not.
"""

from __future__ import annotations

import itertools
import queue
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pymysql

from orchestrator.cutover.guarding import GuardProcess
from orchestrator.cutover.specification import GuardSpec, PartSpec
from orchestrator.embedded import gateways
from orchestrator.gateways import tcp_hold
from orchestrator.movers import registry
from orchestrator.movers.contract import Direction, Hands
from orchestrator.movers.mariadb import channel, fence, records, side
from orchestrator.movers.mariadb.connections import connect, names_of
from orchestrator.movers.mariadb.side import KEPT
from tests.support.mariadb import APPLICATION, PASSWORD, PORT, Servers

NAME = "ledger_desk"
RATE, CLIENTS = 200, 8
"""Write transactions a second, and the connections that make them."""
ROW_BYTES = 500
FENCE_MS, HOLD_SECONDS, TRIES = 4000, 30.0, 5
GATE_PORT, RUNTIME_PORT = 3307, 9999
_SCHEMA = (
    "CREATE TABLE ledger (n bigint PRIMARY KEY, said varchar(60) NOT NULL)",
    "CREATE TABLE papers (id bigint PRIMARY KEY, owner varchar(20) NOT NULL, body text NOT NULL, KEY (owner))",
)
_FILL = "INSERT INTO papers SELECT seq, concat('owner ', seq % 5000), repeat(md5(seq), 12) FROM seq_{first}_to_{last}"
_AT_ONCE = 20_000


@dataclass
class Clients:
    """Persistent connections through the gateway, in turn; each keeps what was acknowledged, and when."""

    address: str
    acknowledged: list[tuple[float, int]] = field(default_factory=list)
    """(wall clock, number)."""
    failed: list[tuple[float, str]] = field(default_factory=list)

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """They write as long as this lasts."""
        ended = threading.Event()
        numbers: queue.SimpleQueue[int] = queue.SimpleQueue()
        threads = [threading.Thread(target=self._write, args=(numbers, ended), daemon=True) for _ in range(CLIENTS)]
        threads.append(threading.Thread(target=_hand_out, args=(numbers, ended), daemon=True))
        for thread in threads:
            thread.start()
        try:
            time.sleep(2)
            yield
        finally:
            ended.set()
            for thread in threads:
                thread.join(60)

    def _write(self, numbers: queue.SimpleQueue[int], ended: threading.Event) -> None:
        connection = None
        while not ended.is_set():
            try:
                number = numbers.get(timeout=0.2)
            except queue.Empty:
                continue
            try:
                connection = connection or pymysql.connect(
                    host=self.address, port=GATE_PORT, user=APPLICATION, password=PASSWORD, database=NAME, autocommit=True, connect_timeout=60
                )
                with connection.cursor() as cursor:
                    cursor.execute("INSERT INTO ledger VALUES (%s, 'a client of the bench')", (number,))
            except (pymysql.err.Error, OSError) as error:
                self.failed.append((time.time(), str(error)))
                connection = None
            else:
                self.acknowledged.append((time.time(), number))

    def longest_gap_ms(self, begin: float, end: float) -> float:
        """The longest time around a switch in which none of them had an answer."""
        answers = sorted(at for at, _ in self.acknowledged if begin - 1 <= at <= end + 1)
        return 1000 * max(after - before for before, after in itertools.pairwise(answers))


def _hand_out(numbers: queue.SimpleQueue[int], ended: threading.Event) -> None:
    """At a rate, whoever is late."""
    began = time.monotonic()
    for number in itertools.count(1):
        if ended.wait(max(0.0, began + number / RATE - time.monotonic())):
            return
        numbers.put(number)


class Moving:
    """One database between two servers behind one HAProxy."""

    def __init__(self, folder: Path, servers: Servers) -> None:
        self.folder, self.servers = folder, servers
        self.part = servers.part(NAME)
        self.names = names_of(self.part)
        self.mover = registry.make_mover("mariadb", Hands(folder=folder))
        self.address = servers.addresses["source"].rpartition(".")[0] + ".250"
        self.words = folder / "hosts/gateway/var/lib/hold"
        self.number = 0

    def lay_out(self, gigabytes: float) -> None:
        """The database with its rows, and the gateway before it."""
        rows = int(gigabytes * 2**30 / ROW_BYTES)
        with self.servers.connect("source") as admin, admin.cursor() as cursor:
            cursor.execute(f"CREATE DATABASE {NAME}")
            cursor.execute("CREATE USER %s@'%%' IDENTIFIED BY %s", (APPLICATION, PASSWORD))
            cursor.execute(f"GRANT ALL ON {NAME}.* TO %s@'%%'", (APPLICATION,))
            cursor.execute(f"USE {NAME}")
            for statement in _SCHEMA:
                cursor.execute(statement)
            for first in range(1, rows, _AT_ONCE):
                cursor.execute(_FILL.format(first=first, last=min(first + _AT_ONCE - 1, rows)))
        for below in ("etc", "var/log"):
            (self.folder / "hosts/gateway" / below).mkdir(parents=True)
        gateways.lead(self.words, NAME, self.servers.addresses["source"], PORT)
        section = gateways.held(NAME, self.address, GATE_PORT, self.words)
        gateways.start_haproxy(self.folder, "gateway", address=self.address, runtime=RUNTIME_PORT, sections=[section])

    def copy(self) -> float:
        """Seconds until the target is in step."""
        began = time.monotonic()
        self.mover.prepare(self.part)
        return time.monotonic() - began

    def switch(self, direction: Direction) -> dict[str, Any]:
        """One switch, tried until it fits; then what the new live side commits flows to the other."""
        ended = 0
        for _ in range(TRIES):
            self.number += 1
            guard = GuardProcess(self._specification(direction))
            began = time.time()
            result = guard.go()
            guard.done()
            ended += result["ended_connections"].get(NAME, 0)
            if result["outcome"] == "switched":
                self._arm(direction)
                return {"start": began, "end": result["ended"], "fence_ms": result["timings_ms"]["total"], "ended": ended}
            time.sleep(1)
        raise RuntimeError(f"no switch in {TRIES} tries: {result}")

    def _specification(self, direction: Direction) -> GuardSpec:
        sides = {
            role: side.specify(
                host=self.part.place(place).address, port=PORT, user=self.part.admin, password=self.part.password,
                system=self.part.system, database=NAME, place=place,
            )
            for role, place in (("live", direction.live), ("other", direction.other))
        }  # fmt: skip
        places = {place: {"host": self.servers.addresses[place], "port": PORT} for place in ("source", "target")}
        holder = tcp_hold.specify(
            gateway={"host": "gateway", "address": self.address, "runtime_port": RUNTIME_PORT}, channel=["sh"], folder=str(self.words),
            ports={NAME: GATE_PORT}, hold_seconds=HOLD_SECONDS, leads=[{"part": NAME, "to": direction.other, **places}],
        )  # fmt: skip
        return GuardSpec(
            attempt=f"bench-{direction}-{self.number}", token=self.number, record=str(self.folder / "guard.jsonl"), fence_ms=FENCE_MS,
            # both ways: the next switch needs no new copy
            parts=[PartSpec(name=NAME, keeps=True, ends_connections=True, **sides)], holders=[holder],
        )  # fmt: skip

    def _arm(self, direction: Direction) -> None:
        with connect(self.part, direction.live) as former, connect(self.part, direction.other) as now:
            channel.unsubscribe(now, self._carrier(direction.live))
            kept = records.read_word(now, self.names, KEPT)
            if kept is None:
                raise RuntimeError("nothing is kept for the way back")
            channel.subscribe(former, self.part, direction.other, self._carrier(direction.other), kept)
            channel.follow(former, self._carrier(direction.other))
            channel.wait_following(former, self._carrier(direction.other), limit=60)
            if fence.round_trip(now, former, self.names, f"armed-{self.number}", limit=60) is None:
                raise TimeoutError(f"the {direction.live} does not follow")

    def _carrier(self, live: str) -> str:
        return self.names.forward if live == "source" else self.names.back

    def rows(self, place: str) -> list[int]:
        """The numbers on a side's ledger."""
        with self.servers.connect(place, NAME) as admin, admin.cursor() as cursor:
            cursor.execute("SELECT n FROM ledger")
            return [int(row[0]) for row in cursor.fetchall()]


def measure(folder: Path, gigabytes: float, rounds: int) -> dict[str, Any]:
    """Copy, then forward and back ``rounds`` times; the source is live at the end."""
    with Servers(folder, conf="innodb-buffer-pool-size = 256M\nexpire-logs-days = 0\n") as servers:
        moving = Moving(folder, servers)
        moving.lay_out(gigabytes)
        clients = Clients(moving.address)
        spans: dict[str, list[dict[str, Any]]] = {"forward": [], "back": []}
        with clients.at_work():
            copied = moving.copy()
            for _ in range(rounds):
                for direction in (Direction.FORWARD, Direction.BACK):
                    spans[direction.value].append(moving.switch(direction))
                    time.sleep(2)
        there = moving.rows("source")
    acknowledged = {number for _, number in clients.acknowledged}
    foretold = sum(span["ended"] for ways in spans.values() for span in ways)
    return {
        "gb": gigabytes, "copy_s": round(copied, 1), "acknowledged": len(acknowledged), "lost": len(acknowledged - set(there)),
        "duplicated": len(there) - len(set(there)), "errors": len(clients.failed), "foretold": foretold,
        "attempts": moving.number, "first_error": clients.failed[0][1] if clients.failed else "",
        **{f"{way}_ms": [round(clients.longest_gap_ms(s["start"], s["end"]), 1) for s in found] for way, found in spans.items()},
        **{f"{way}_fence_ms": [s["fence_ms"] for s in found] for way, found in spans.items()},
    }  # fmt: skip
