"""What an attempt came to whose guard or engine is gone: read from the control rows, completed or taken back."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from orchestrator.cutover import guarding, kinds
from orchestrator.errors import NeedsPerson, words_of
from orchestrator.movers.contract import Direction
from orchestrator.movers.side import Control, Lost, Side
from orchestrator.steps import holders
from orchestrator.steps.base import Context
from orchestrator.steps.parts import fences
from orchestrator.texts import Words, say

GUARD_SECONDS = 120.0
"""How long a former guard may take to end: its reopening insists for a minute."""
ACT_SECONDS = 10.0


@dataclass
class Pair:
    """A part's two sides; ``other`` is None while it cannot be seen."""

    name: str
    keeps: bool
    live: Side
    other: Side | None
    why: Words = ""


def by_the_control_rows(ctx: Context, direction: str) -> str | None:
    """Completes or reopens what an attempt left half way. The attempt's name when it had switched, None when citizens are
    where they were. Raises NeedsPerson when a side that must be seen cannot be."""
    guarding.wait_gone(ctx.world.folder / "guard.jsonl", limit=GUARD_SECONDS)
    return settle_rows(ctx, direction)


def settle_rows(ctx: Context, direction: str) -> str | None:
    """The same while a guard that has come to its result still holds its snapshots."""
    way = Direction(direction)
    with _opened(ctx, way) as pairs:
        opened = _find_decision(ctx, pairs, f"{ctx.migration}-{direction}-")
        for pair in pairs:
            if opened is not None:
                _finish(ctx, pair, opened.attempt)
            else:
                _reopen(ctx, pair, f"{ctx.migration}-{direction}-{ctx.token}-settled")
        holders.lead_to(ctx, way.other if opened is not None else way.live)
        if opened is None:
            for pair in pairs:
                _put_back(ctx, pair)
            return None
    ctx.records.set_live(way.other)
    return opened.attempt


def has_switched(ctx: Context, direction: str) -> bool:
    """Whether every part's other side is open and its live side observed closed."""
    with _opened(ctx, Direction(direction)) as pairs:
        return all(pair.other is not None and pair.other.control().open and pair.live.observed_closed() for pair in pairs)


@contextmanager
def _opened(ctx: Context, way: Direction) -> Iterator[list[Pair]]:
    pairs: list[Pair] = []
    try:
        for spec in fences(ctx, way):
            name = str(spec["name"])
            try:
                live = kinds.make_side(spec["live"])
            except Lost as error:
                raise _unseen(ctx, name, words_of(error)) from error
            pair = Pair(name, bool(spec["keeps"]), live, None)
            pairs.append(pair)
            live.set_limit(ACT_SECONDS)
            try:
                pair.other = kinds.make_side(spec["other"])
                pair.other.set_limit(ACT_SECONDS)
            except Lost as error:  # whether it must be seen depends on what the live side says
                pair.why = words_of(error)
        yield pairs
    finally:
        for pair in pairs:
            for side in (pair.live, pair.other):
                if side is not None:
                    side.disconnect()


def _find_decision(ctx: Context, pairs: list[Pair], prefix: str) -> Control | None:
    """The control row that an attempt of ours opened; None when none did. Where every live side is open nothing was opened
    (a side is opened only after the other was observed closed), and the other one need not be seen: its being away may be the
    very cause."""
    if all(pair.live.control(settled=True).open for pair in pairs):
        return None
    decision = None
    for pair in pairs:
        if pair.other is None:
            raise _unseen(ctx, pair.name, pair.why)
        row = pair.other.control(settled=True)
        if row.open and row.attempt.startswith(prefix):
            decision = row
    return decision


def _finish(ctx: Context, pair: Pair, attempt: str) -> None:
    """The decision was made: this part's other side is opened too."""
    if pair.other is None or pair.other.control().open:
        return
    if not pair.live.observed_closed():
        raise NeedsPerson(
            say("steps.both_open", name=pair.name, there=tuple(pair.live.who_is_there())),
            where=ctx.system.id,
            remedy=say("steps.close_one"),
        )
    pair.other.open(attempt, ctx.token)


def _reopen(ctx: Context, pair: Pair, attempt: str) -> None:
    """Nothing was decided: this part's live side is open again."""
    if pair.live.control().open:
        return
    if pair.other is None:
        raise _unseen(ctx, pair.name, pair.why)
    if not pair.other.observed_closed():
        raise NeedsPerson(
            say("steps.other_not_closed", name=pair.name, there=tuple(pair.other.who_is_there())),
            where=ctx.system.id,
            remedy=say("steps.look_before_opening"),
        )
    pair.live.open(attempt, ctx.token)


def _put_back(ctx: Context, pair: Pair) -> None:
    """The side that was not opened keeps nothing of the attempt and follows again."""
    if pair.other is None:
        ctx.say(str(say("steps.not_as_before", name=pair.name, why=pair.why)))
        return
    try:
        if pair.keeps:
            pair.other.forget()
        pair.other.follow()
    except Exception as error:  # noqa: BLE001 - the next attempt's findings say it again if it is tried again
        ctx.say(str(say("steps.not_as_before", name=pair.name, why=words_of(error))))


def _unseen(ctx: Context, name: str, why: Words) -> NeedsPerson:
    return NeedsPerson(say("steps.side_unseen", name=name, why=why), where=ctx.system.id, remedy=say("steps.bring_back"))
