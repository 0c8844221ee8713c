"""The guard: a small process that alone opens a side (docs/cutover.md).

It runs beside the gateway, independent of the engine and its journal, with every connection open before anything is
paused. It reads one JSON specification from standard input (secrets go that way and no other), answers ``ready``, waits
for ``go``, and then carries the whole sequence: pause, close, drain, prepare, decide, open. Until the decision it needs
the engine alive (standard input open) and the deadline ahead; otherwise it reopens the side that was live, resumes the
clients and refuses this attempt for ever. The decision is the control row of the side that opens, committed in the same
transaction as the opening. Answers are JSON lines on standard output.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import threading
import time
import traceback
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg

from orchestrator.gateways.pgbouncer import Gateway, GatewaySpec
from orchestrator.movers.postgresql import fence
from orchestrator.movers.postgresql.names import Names


@dataclass(frozen=True)
class DatabaseSpec:
    """One database of the system. ``live`` is closed, ``other`` is opened. DSNs are the engine's, not the application's."""

    system: str
    name: str
    live: str
    other: str
    subscription: str
    """On ``other``: carries what ``live`` commits; disabled in the fence."""
    reverse_slot: str | None
    """Created on ``other`` in this fence and in no other; None when nothing is to flow back."""

    @property
    def names(self) -> Names:
        """What our own things are called on both sides."""
        return Names(self.system, self.name)


@dataclass(frozen=True)
class GuardSpec:
    """What one attempt may do. Times in milliseconds. ``hold_after``/``hold_ms`` serve the fault tests only."""

    attempt: str
    token: int
    record: str
    fence_ms: int
    databases: list[DatabaseSpec]
    gateways: list[GatewaySpec]
    mode: str = "switch"
    """``switch``, or ``snapshot``: hold the clients for the moment it takes to see both sides at one point, and let go."""
    hold_after: str = ""
    hold_ms: int = 0

    @classmethod
    def parse(cls, text: str) -> GuardSpec:
        """From the engine's JSON line."""
        data = json.loads(text)
        data["databases"] = [DatabaseSpec(**d) for d in data["databases"]]
        data["gateways"] = [GatewaySpec(**g) for g in data["gateways"]]
        return cls(**data)


class GiveUp(Exception):
    """This attempt must be aborted; the text says why."""


@dataclass
class Pair:
    """A database's two sides with their open connections."""

    spec: DatabaseSpec
    live: psycopg.Connection[Any]
    other: psycopg.Connection[Any]
    live_snapshot: psycopg.Connection[Any]
    other_snapshot: psycopg.Connection[Any]
    snapshots: list[str] = field(default_factory=list)
    sequences: list[tuple[str, str, int, bool]] = field(default_factory=list)


class Guard:
    """One attempt. ``run`` returns the result that is also printed."""

    def __init__(self, spec: GuardSpec, engine_gone: threading.Event) -> None:
        self.spec = spec
        self._engine_gone = engine_gone
        self._pool = ThreadPoolExecutor(max_workers=8)
        self._record = Path(spec.record).open("a", encoding="utf-8")  # noqa: SIM115 - it lives as long as the process
        self._timings: dict[str, float] = {}
        self._closed = False
        self._problems: list[str] = []
        self.pairs = [
            Pair(d, fence.connect(d.live), fence.connect(d.other), fence.connect(d.live), fence.connect(d.other)) for d in spec.databases
        ]
        for pair in self.pairs:
            for connection in (pair.live, pair.other):
                fence.limit(connection, spec.fence_ms)
        self.gateways = [Gateway(g) for g in spec.gateways]

    # ------------------------------------------------------------ before anything is paused

    def findings(self) -> list[str]:
        """Reasons not to begin; nothing was touched."""
        found: list[str] = []
        for pair in self.pairs:
            found += [f"{pair.spec.name}: {reason}" for reason in fence.obstacles(pair.live, pair.other, pair.spec.names, pair.spec.subscription)]
            if pair.spec.reverse_slot:
                fence.drop_slot(pair.other, pair.spec.reverse_slot)  # left by an attempt whose abort did not end
            control = fence.control(pair.live, pair.spec.names)
            if not control.open:
                found.append(f"{pair.spec.name}: the live side's control row says closed (attempt {control.attempt})")
            if control.token > self.spec.token or fence.control(pair.other, pair.spec.names).token > self.spec.token:
                found.append(f"{pair.spec.name}: a newer engine (token {control.token}) was here")
            lag = fence.round_trip(pair.live, pair.other, pair.spec.names, f"{self.spec.attempt}-lag", limit=5.0)
            if lag is None:
                found.append(f"{pair.spec.name}: a marker did not reach the other side within 5 s")
        return found

    # ------------------------------------------------------------ the sequence

    def run(self) -> dict[str, Any]:
        """The numbered story of docs/cutover.md. Never raises; says ``switched``, ``aborted`` or ``stuck``."""
        started = time.time()
        self._begin = time.monotonic()
        try:
            self._stage("pause", self._pause)
            if self.spec.mode == "snapshot":
                return self._result(started, *self._hold())
            self._stage("close", self._close)
            self._stage("drain", self._drain)
            self._stage("prepare", self._prepare)
            self._still_allowed()
            outcome, reason = self._decide(), ""
        except Exception as error:  # noqa: BLE001 - whatever it was, the way out is the same: reopen
            outcome, reason = self._abort(error)
        return self._result(started, outcome, reason)

    def _hold(self) -> tuple[str, str]:
        """Snapshot mode: nothing is closed or opened; clients go on whatever happens."""
        try:
            self._drain()
        finally:
            for gateway in self.gateways:
                gateway.resume()
            self._timings["total"] = (time.monotonic() - self._begin) * 1000
        return "seen", ""

    def _result(self, started: float, outcome: str, reason: str) -> dict[str, Any]:
        result = {
            "event": "result",
            "attempt": self.spec.attempt,
            "outcome": outcome,
            "reason": reason,
            "problems": self._problems,
            "started": started,
            "ended": time.time(),
            "timings_ms": {k: round(v, 1) for k, v in self._timings.items()},
            "snapshots": {p.spec.name: p.snapshots for p in self.pairs},
        }
        self._note(result)
        return result

    def _stage(self, name: str, act: Callable[[], None]) -> None:
        self._still_allowed()
        began = time.monotonic()
        act()
        self._timings[name] = (time.monotonic() - began) * 1000
        if self.spec.hold_after == name:
            print(json.dumps({"event": "holding", "after": name}), flush=True)
            until = time.monotonic() + self.spec.hold_ms / 1000
            while time.monotonic() < until and not self._engine_gone.is_set():
                time.sleep(0.002)

    def _left(self) -> float:
        return self.spec.fence_ms / 1000 - (time.monotonic() - self._begin)

    def _still_allowed(self, waits_for: Callable[[], str] = str) -> None:
        if self._engine_gone.is_set():
            raise GiveUp("the engine is gone")
        if self._left() <= 0:
            whom = waits_for()
            raise GiveUp(f"the fence's budget of {self.spec.fence_ms} ms is used up" + (f"; {whom}" if whom else ""))

    def _pause(self) -> None:
        waiting = [self._pool.submit(g.pause) for g in self.gateways]
        for w in waiting:
            while not w.done():
                self._still_allowed()
                time.sleep(0.001)
            w.result()

    def _close(self) -> None:
        self._note({"event": "closing", "attempt": self.spec.attempt, "token": self.spec.token}, durable=True)
        self._closed = True
        for pair in self.pairs:
            fence.close(pair.live, pair.spec.names, self.spec.attempt, self.spec.token)
        while lingering := [p for p in self.pairs if fence.sessions(p.live, p.spec.names)]:
            self._still_allowed(lambda: self._who_lingers(lingering))
            for pair in lingering:  # one that was just starting came after the first time
                fence.end_sessions(pair.live, pair.spec.names)
            time.sleep(0.001)

    def _who_lingers(self, pairs: list[Pair]) -> str:
        named = [f"{pair.spec.name}: {who}" for pair in pairs for who in fence.who_is_there(pair.live, pair.spec.names)]
        return "still there: " + "; ".join(named) if named else ""

    def _drain(self) -> None:
        for pair in self.pairs:
            fence.mark(pair.live, pair.spec.names, self.spec.attempt)
            pair.sequences = list(fence.read_sequences(pair.live, pair.spec.names))
            pair.snapshots = [fence.export_snapshot(pair.live_snapshot)]
        for pair in self.pairs:
            while not fence.marked(pair.other, pair.spec.names, self.spec.attempt):
                self._still_allowed()
                time.sleep(0.001)
            pair.snapshots.append(fence.export_snapshot(pair.other_snapshot))

    def _prepare(self) -> None:
        for pair in self.pairs:
            fence.disable_subscription(pair.other, pair.spec.subscription)
            fence.set_sequences(pair.other, pair.sequences)
            if pair.spec.reverse_slot:
                self._within(lambda p=pair: fence.create_slot(p.other, p.spec.reverse_slot))  # type: ignore[misc]

    def _within(self, act: Callable[[], None]) -> None:
        """Something that may wait for others' transactions: bounded by the fence's budget."""
        pending = self._pool.submit(act)
        while not pending.done():
            self._still_allowed()
            time.sleep(0.001)
        pending.result()

    def _decide(self) -> str:
        """The first database's opening is the decision; what comes after it is done until it is done."""
        self._note({"event": "deciding", "attempt": self.spec.attempt, "token": self.spec.token}, durable=True)
        began = time.monotonic()
        first, *rest = self.pairs
        for pair in self.pairs:
            if not fence.observed_closed(pair.live, pair.spec.names):
                raise GiveUp(f"{pair.spec.name}: the live side is not observed closed")
        self._commit_opening(first)
        self._timings["decide"] = (time.monotonic() - began) * 1000
        began = time.monotonic()
        problems: list[str] = []
        for pair in rest:
            _insist(lambda p=pair: fence.open_side(p.other, p.spec.names, self.spec.attempt, self.spec.token), problems)  # type: ignore[misc]
        for w in [self._pool.submit(_insist, g.switch_and_resume, problems) for g in self.gateways]:
            w.result()
        self._timings["open"] = (time.monotonic() - began) * 1000
        self._timings["total"] = (time.monotonic() - self._begin) * 1000
        self._problems = problems
        return "switched"

    def _commit_opening(self, pair: Pair) -> None:
        """Opens and, when the commit's answer is lost, asks the control row what was decided."""
        try:
            fence.open_side(pair.other, pair.spec.names, self.spec.attempt, self.spec.token)
        except psycopg.OperationalError:
            for _ in range(50):
                try:
                    pair.other = fence.connect(pair.spec.other)
                    control = fence.control(pair.other, pair.spec.names)
                except psycopg.OperationalError:
                    time.sleep(0.1)
                    continue
                if control.open and control.attempt == self.spec.attempt:
                    return
                raise
            raise Undecidable(f"{pair.spec.name}: the side that was being opened does not answer; nobody may open the other one") from None

    def _abort(self, error: Exception) -> tuple[str, str]:
        """Reopens the live side, after the other was observed closed; the first failure stops it: never skipped."""
        reason = str(error) or error.__class__.__name__
        if isinstance(error, Undecidable):
            return "stuck", reason
        began = time.monotonic()
        try:
            if self._closed:
                for pair in self.pairs:
                    live, other = fence.revived(pair.live, pair.spec.live), fence.revived(pair.other, pair.spec.other)
                    if not fence.observed_closed(other, pair.spec.names):
                        return "stuck", f"{reason}; and {pair.spec.name}'s other side is not observed closed, so nothing was reopened"
                    fence.open_side(live, pair.spec.names, self.spec.attempt, self.spec.token)
                    if fence.observed_closed(live, pair.spec.names):
                        return "stuck", f"{reason}; and {pair.spec.name} is still closed after its reopening"
            for gateway in self.gateways:
                gateway.resume()
            for pair in self.pairs:
                other = fence.revived(pair.other, pair.spec.other)
                if pair.spec.reverse_slot:
                    fence.drop_slot(other, pair.spec.reverse_slot)
                fence.enable_subscription(other, pair.spec.subscription)
        except Exception as second:  # noqa: BLE001 - reported to the engine, which asks a person
            return "stuck", f"{reason}; and the way back failed: {second}"
        finally:
            self._timings["abort"] = (time.monotonic() - began) * 1000
            self._timings["total"] = (time.monotonic() - self._begin) * 1000
        return "aborted", reason

    def _note(self, entry: dict[str, Any], *, durable: bool = False) -> None:
        """The guard's own record; fsynced where somebody may have to act on it."""
        self._record.write(json.dumps({"at": time.time(), **entry}) + "\n")
        self._record.flush()
        if durable or entry["event"] == "result":
            os.fsync(self._record.fileno())

    def close(self) -> None:
        """Ends the snapshots' transactions and every connection."""
        for pair in self.pairs:
            for connection in (pair.live, pair.other, pair.live_snapshot, pair.other_snapshot):
                connection.close()
        for gateway in self.gateways:
            gateway.close()


class Undecidable(Exception):
    """The commit of the decision was sent and its answer never came."""


def _insist(act: Callable[[], Any], problems: list[str], tries: int = 40) -> None:
    """After the decision there is no way but forward: try again for about ten seconds, then say so."""
    for attempt in range(tries):
        try:
            act()
        except Exception as error:  # noqa: BLE001 - any failure here is tried again, then reported
            if attempt == tries - 1:
                problems.append(str(error))
            time.sleep(0.25)
        else:
            return


def main() -> int:
    """The process's entry: one specification, one ``go``, one result."""
    spec = GuardSpec.parse(sys.stdin.readline())
    engine_gone, go, done = threading.Event(), threading.Event(), threading.Event()

    def listen() -> None:
        for line in sys.stdin:
            {"go": go, "done": done}.get(line.strip(), engine_gone).set()
        engine_gone.set()
        go.set()
        done.set()

    try:
        guard = Guard(spec, engine_gone)
        found = guard.findings()
    except (psycopg.Error, OSError) as error:
        found = [str(error)]
    if found:
        print(json.dumps({"event": "refused", "findings": found}), flush=True)
        return 3
    print(json.dumps({"event": "ready"}), flush=True)
    threading.Thread(target=listen, daemon=True).start()
    go.wait(timeout=120)
    if engine_gone.is_set() or not go.is_set():
        return 3
    result = guard.run()
    with contextlib.suppress(BrokenPipeError):  # nobody listens any more: the record has it
        print(json.dumps(result), flush=True)
    done.wait(timeout=600)
    guard.close()
    return 0


if __name__ == "__main__":
    code = 1
    try:
        code = main()
    except BaseException:  # noqa: BLE001 - it goes to the guard's log; the process ends in any case
        traceback.print_exc()
    with contextlib.suppress(OSError):
        sys.stdout.flush()
    os._exit(code)  # a PAUSE that hangs in a thread must not keep the process
