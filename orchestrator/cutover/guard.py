"""The guard: a small process that alone opens a side (docs/cutover.md). It knows no engine, only sides and holders.

It runs beside the gateway, independent of the engine and its journal, with every connection open before anything is
paused. It reads one JSON specification from standard input (secrets go that way and no other), answers ``ready``, waits
for ``go``, and then carries the whole sequence: stage, pause, close, drain, prepare, prove, decide, open. Until the
decision it needs the engine alive (standard input open) and the deadline ahead; otherwise it reopens the side that was
live, resumes the clients and refuses this attempt for ever. The decision is the control row of the side that opens,
committed in the same transaction as the opening. Answers are JSON lines on standard output.
"""

from __future__ import annotations

import contextlib
import functools
import json
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from orchestrator.cutover import opening, probe
from orchestrator.cutover.deadlines import Acts
from orchestrator.cutover.kinds import make_holder, make_side, passes_itself, stands_first
from orchestrator.cutover.record import Record
from orchestrator.cutover.specification import GuardSpec, PartSpec
from orchestrator.errors import words_of
from orchestrator.gateways.holder import Holder
from orchestrator.movers.side import Side, StandsStill
from orchestrator.texts import Words, kept, pack, say

LOOKING_SECONDS = 60.0
"""What the looks before ``go`` may take in all."""
NAMING_SECONDS = 0.5
"""What finding out whom it waited for may add to a fence that is given up."""
STAGING_SECONDS = 30.0
"""What writing the gateways' files may take; nobody is held yet."""
PROVING_SECONDS = 0.2
"""How long a side that was seen closed may look otherwise before this attempt is given up."""
LAG_SECONDS = 5.0
"""How long a marker may be under way before nothing is begun."""


class GiveUp(Exception):
    """This attempt must be aborted; the text says why."""


@dataclass
class Pair:
    """A part's two sides."""

    spec: PartSpec
    live: Side
    other: Side
    snapshots: list[str] = field(default_factory=list)
    left: dict[str, Any] = field(default_factory=dict)
    """What the live side handed over."""

    @property
    def name(self) -> str:
        return self.spec.name


class Guard:
    """One attempt. ``run`` returns the result that is also printed."""

    def __init__(self, spec: GuardSpec, engine_gone: threading.Event, go_on: threading.Event) -> None:
        """Opens every connection. Raises Lost, OSError, or a driver's error with the words for a person. ``go_on`` ends a
        hold of the fault tests."""
        self.spec = spec
        self.record = Record(Path(spec.record))
        self.acts = Acts()
        self.problems: list[Words] = []
        self.opening_sent = False
        self.closing_sent = False
        self.ended: dict[str, int] = {}
        """By part: clients' connections that its fence ended."""
        self._engine_gone = engine_gone
        self._go_on = go_on
        self._timings: dict[str, float] = {}
        self._began_wall = time.time()
        self.pairs = [Pair(part, make_side(part.live), make_side(part.other)) for part in spec.parts]
        self.holders: list[Holder] = [make_holder(each) for each in spec.holders]
        for side in self._sides():
            side.set_limit(LOOKING_SECONDS)

    def _sides(self) -> list[Side]:
        return [side for pair in self.pairs for side in (pair.live, pair.other)]

    # ------------------------------------------------------------ before anything is paused

    def findings(self) -> list[Words]:
        """Reasons not to begin; nothing was touched. Every one at once."""
        found: list[Words] = []
        for pair in self.pairs:
            found += [say("cutover.says", where=pair.name, said=reason) for reason in self._look_at(pair)]
        for holder in self.holders:
            if not holder.holds and self.spec.mode == "switch":
                found.append(say("cutover.cannot_hold", where=holder.where))
            found += self._look(holder, holder.obstacles)
        found += [problem for path in self.spec.probes if (problem := probe.find_problem(Path(path)))]
        return found

    def _look_at(self, pair: Pair) -> list[Words]:
        found = self._look(pair.live, lambda: pair.live.obstacles("live"))
        found += self._look(pair.other, lambda: pair.other.obstacles("other", keeps=pair.spec.keeps))
        found = found or self._look(pair.live, lambda: self._look_at_rows(pair))
        # a marker would not arrive where something else is wrong already
        return found or self._look(pair.other, lambda: self._send_marker(pair), LAG_SECONDS * 2)

    def _look_at_rows(self, pair: Pair) -> list[Words]:
        live, other = pair.live.control(), pair.other.control()
        found: list[Words] = []
        if not live.open:
            found.append(say("cutover.row_closed", attempt=live.attempt))
        if other.open:
            found.append(say("cutover.row_open", attempt=other.attempt))
        if max(live.token, other.token) > self.spec.token:
            found.append(say("cutover.newer_engine", token=max(live.token, other.token)))
        return found

    def _send_marker(self, pair: Pair) -> list[Words]:
        if pair.spec.keeps:
            pair.other.forget()  # left by an attempt whose abort did not end
        marker = f"{self.spec.attempt}-lag"
        pair.live.mark(marker)
        until = time.monotonic() + LAG_SECONDS
        while not pair.other.marked(marker):
            if time.monotonic() > until:
                return [say("cutover.no_marker", where=pair.other.where, seconds=LAG_SECONDS)]
            time.sleep(0.005)
        return []

    def _look(self, who: Side | Holder, look: Callable[[], list[Words]], seconds: float = LOOKING_SECONDS) -> list[Words]:
        try:
            return self.acts.run_within(who, look, seconds)
        except Exception as error:  # noqa: BLE001 - whatever cannot be seen is a reason not to begin
            return [say("cutover.says", where=who.where, said=words_of(error))]

    # ------------------------------------------------------------ the sequence

    def run(self) -> dict[str, Any]:
        """The numbered story of docs/cutover.md. Never raises; says ``switched``, ``aborted``, ``seen`` or ``stuck``."""
        self._began_wall = time.time()
        self._begin = time.monotonic()
        try:
            self._limit_sides()
            if self.spec.mode == "snapshot":
                outcome, reason = self._see()
            else:
                outcome, reason = self._switch(), ""
        except Exception as error:  # noqa: BLE001 - whatever it was, the way out is the same: reopen
            began = time.monotonic()
            outcome, reason = opening.give_up(self, error)
            self._timings["abort"] = (time.monotonic() - began) * 1000
        self._timings["total"] = (time.monotonic() - self._begin) * 1000
        return self._result(outcome, reason)

    def _limit_sides(self) -> None:
        for side in self._sides():
            self.acts.run_within(side, functools.partial(side.set_limit, max(self.spec.fence_ms / 1000, 1.0)), STAGING_SECONDS)

    def _switch(self) -> str:
        self._stage("stage", self._stage_holders)
        self._catch_up()
        self._begin = time.monotonic()  # until here nobody was held
        self._stage("pause", self._pause)
        self._stage("close", self._close)
        self._stage("drain", self._drain)
        self._stage("prepare", self._prepare)
        self._stage("prove", self._prove)
        began = time.monotonic()
        self.note("deciding", durable=True)
        self.still_allowed()
        opening.decide(self)
        self._timings["decide"] = (time.monotonic() - began) * 1000
        began = time.monotonic()
        opening.open_the_rest(self)
        self._timings["open"] = (time.monotonic() - began) * 1000
        return "switched"

    def _catch_up(self) -> None:
        """Of parts that flow by markers alone, so that clients wait for what was written in the last moments only."""
        marker = f"{self.spec.attempt}-ahead"
        for pair in self.pairs:
            if passes_itself(pair.spec.live):
                self.acts.run_within(pair.live, functools.partial(pair.live.mark, marker), LAG_SECONDS * 2)
                self.acts.run_within(pair.other, functools.partial(pair.other.marked, marker), LAG_SECONDS * 2)

    def _see(self) -> tuple[str, Words]:
        """Snapshot mode: nothing is closed or opened; clients go on whatever happens."""
        try:
            self._stage("pause", self._pause)
            self._stage("drain", self._see_each)
        finally:
            for pair in self.pairs:
                if isinstance(pair.live, StandsStill):
                    pair.live.go_on()
            opening.resume(self)
        return "seen", ""

    def _see_each(self) -> None:
        """Both sides of each part at one point: behind a marker where a gateway holds its clients, else while it stands still."""
        standing = [pair for pair in self.pairs if isinstance(pair.live, StandsStill)]
        self._each(self._see_standing, _live, pairs=standing)
        self._drain([pair for pair in self.pairs if pair not in standing])

    def _see_standing(self, pair: Pair) -> None:
        live, other = pair.live, pair.other
        if not isinstance(live, StandsStill) or not isinstance(other, StandsStill):
            raise TypeError(f"{pair.name}: both sides are of one kind")
        point = live.stand_still(max(self._seconds_left(), 0.1))
        pair.snapshots = [live.snapshot()]
        while not other.has_come_to(point):
            self.still_allowed(_name_marker)
            time.sleep(0.001)
        pair.snapshots.append(other.snapshot())
        live.go_on()

    def _stage(self, name: str, act: Callable[[], None]) -> None:
        self.still_allowed(lambda: say("cutover.before", stage=name))
        began = time.monotonic()
        act()
        self._timings[name] = (time.monotonic() - began) * 1000
        if self.spec.hold_after == name:
            print(json.dumps({"event": "holding", "after": name}), flush=True)
            until = time.monotonic() + self.spec.hold_ms / 1000
            while time.monotonic() < until and not self._engine_gone.is_set() and not self._go_on.is_set():
                time.sleep(0.002)

    def _seconds_left(self) -> float:
        return self.spec.fence_ms / 1000 - (time.monotonic() - self._begin)

    def still_allowed(self, waits_for: Callable[[], Words] = str) -> None:
        """Raises GiveUp when the engine is gone or the budget used up, with whom it waited for."""
        if self._engine_gone.is_set():
            raise GiveUp(say("cutover.engine_gone"))
        if self._seconds_left() < 0:
            whom = waits_for()
            limit = self.spec.fence_ms
            raise GiveUp(say("cutover.budget_whom", limit=limit, whom=whom) if whom else say("cutover.budget", limit=limit))

    def _each(
        self, act: Callable[[Pair], Any], whose: Callable[[Pair], Side], waits_for: Callable[[], Words] | None = None,
        pairs: Sequence[Pair] | None = None,
    ) -> list[Any]:  # fmt: skip
        """The same act for every part (or these), side by side, within the budget."""

        def name_it() -> Words:
            hanging = [whose(pair).where for pair in self.pairs if self.acts.hangs(whose(pair))]
            return say("cutover.waited_for", hanging=tuple(hanging))

        acts = [(whose(pair), functools.partial(act, pair)) for pair in (self.pairs if pairs is None else pairs)]
        return self.acts.run_all(acts, lambda: self.still_allowed(waits_for or name_it))

    def _stage_holders(self) -> None:
        for holder in self.holders:
            self.acts.run_within(holder, holder.stage, STAGING_SECONDS)

    def _pause(self) -> None:
        """The entry first: requests under way there end only while their database answers."""
        first = [holder for holder, spec in zip(self.holders, self.spec.holders, strict=True) if stands_first(spec)]
        then = [holder for holder in self.holders if holder not in first]
        for holders in (first, then):
            self.acts.run_all([(h, h.pause) for h in holders], lambda: self.still_allowed(self._who_is_busy))

    def _who_is_busy(self) -> Words:
        named: list[Words] = []
        for pair in self.pairs:
            named += self._look(pair.live, functools.partial(pair.live.who_is_there, busy=True), NAMING_SECONDS)
        return say("cutover.open_transactions", named=tuple(named)) if named else ""

    def _count_connections(self) -> None:
        """Those that the fence is about to end, each with one error for its client."""
        if any(pair.spec.ends_connections for pair in self.pairs):
            counts = self._each(lambda pair: pair.live.sessions() if pair.spec.ends_connections else 0, _live)
            self.ended = {pair.name: count for pair, count in zip(self.pairs, counts, strict=True) if pair.spec.ends_connections}

    def _close(self) -> None:
        self._count_connections()
        self.note("closing", durable=True)
        self.closing_sent = True
        self._each(lambda pair: pair.live.close(self.spec.attempt, self.spec.token), _live)
        while any(self._each(lambda pair: pair.live.sessions(), _live, self._who_lingers)):
            self.still_allowed(self._who_lingers)
            # again: one that was just starting came after the first time
            self._each(lambda pair: pair.live.end_sessions(), _live, self._who_lingers)
            time.sleep(0.001)

    def _who_lingers(self) -> Words:
        named: list[Words] = []
        for pair in self.pairs:
            named += self._look(pair.live, pair.live.who_is_there, NAMING_SECONDS)
        return say("cutover.still_there", named=tuple(named)) if named else ""

    def _drain(self, pairs: Sequence[Pair] | None = None) -> None:
        self._each(self._leave, _live, pairs=pairs)
        while not all(self._each(lambda pair: pair.other.marked(self.spec.attempt), _other, _name_marker, pairs)):
            self.still_allowed(_name_marker)
            time.sleep(0.001)
        self._each(lambda pair: pair.snapshots.append(pair.other.snapshot()), _other, pairs=pairs)

    def _leave(self, pair: Pair) -> None:
        pair.live.mark(self.spec.attempt)
        pair.left = pair.live.hand_over()
        pair.snapshots = [pair.live.snapshot()]

    def _prepare(self) -> None:
        def take(pair: Pair) -> None:
            # so that what waits for somebody is refused while there is still time to say for whom
            pair.other.set_limit(max(0.05, 0.8 * self._seconds_left()))
            pair.other.stop_following()
            pair.other.take_over(pair.left)
            if pair.spec.keeps:
                pair.other.keep_from_here()

        self._each(take, _other)

    def _prove(self) -> None:
        """The last moment at which giving up costs nothing: whatever is needed after the decision answers now."""
        # gateways first: where somebody let clients in again, that is the reason, and a session seen below only its consequence
        self.acts.run_all([(h, h.prove) for h in self.holders], self.still_allowed)
        self._each(self._prove_closed, _live)
        for pair, row in zip(self.pairs, self._each(lambda pair: pair.other.control(), _other), strict=True):
            if row.open or row.token > self.spec.token:
                raise GiveUp(say("cutover.taken", where=pair.other.where, attempt=row.attempt))
        for path in self.spec.probes:
            if problem := probe.find_problem(Path(path), since=self._begin, foretold=self.spec.foretold.get(path, 0)):
                raise GiveUp(problem)

    def _prove_closed(self, pair: Pair) -> None:
        """Looks again for a moment: somebody who comes back all the time is seen while he is being turned away."""
        until = time.monotonic() + PROVING_SECONDS
        while not pair.live.observed_closed():
            if time.monotonic() > until:
                named = tuple(pair.live.who_is_there())
                who = say("cutover.still_there", named=named) if named else say("cutover.gone_again")
                raise GiveUp(say("cutover.not_closed", where=pair.live.where, who=who))
            time.sleep(0.001)

    # ------------------------------------------------------------ the record

    def say(self, text: str, who: Side | Holder) -> None:
        """Something for the record that nobody has to act on."""
        with contextlib.suppress(OSError):
            self.record.write({"event": "said", "attempt": self.spec.attempt, "text": text, "where": pack(who.where)})

    def note(self, event: str, *, durable: bool = False) -> None:
        """A line of the guard's own record."""
        self.record.write({"event": event, "attempt": self.spec.attempt, "token": self.spec.token}, durable=durable)

    def _result(self, outcome: str, reason: Words) -> dict[str, Any]:
        result: dict[str, Any] = {
            "event": "result",
            "attempt": self.spec.attempt,
            "outcome": outcome,
            "reason": _in_english(reason),
            "problems": [_in_english(problem) for problem in self.problems],
            "says": {"reason": pack(reason), "problems": [pack(problem) for problem in self.problems]},
            "started": self._began_wall,
            "ended": time.time(),
            "monotonic": [self._begin, time.monotonic()],
            "timings_ms": {name: round(value, 1) for name, value in self._timings.items()},
            "snapshots": {pair.name: pair.snapshots for pair in self.pairs},
            "ended_connections": self.ended,
        }
        try:
            self.record.write(result, durable=True)
        except OSError as error:  # the engine hears it all the same, and the control rows say it
            unwritten = say("cutover.unrecorded", error=str(error))
            result["problems"] = [*result["problems"], _in_english(unwritten)]
            result["says"]["problems"].append(pack(unwritten))
        self.record.release()
        return result

    def disconnect(self) -> None:
        """Ends the snapshots and every connection."""
        for side in self._sides():
            side.disconnect()
        for holder in self.holders:
            holder.disconnect()


def _in_english(words: Words) -> str:
    """As it is kept. The result comes out whatever is wrong with a sentence."""
    try:
        return kept(words)
    except (KeyError, IndexError, ValueError):
        return str(pack(words))


def _name_marker() -> Words:
    return say("cutover.marker_late")


def _live(pair: Pair) -> Side:
    return pair.live


def _other(pair: Pair) -> Side:
    return pair.other
