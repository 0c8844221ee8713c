"""What the guard does at and after the point where there is no deadline any more: decide, open, or reopen.

A side is opened only after the other one was observed closed, and nobody else could open that one: its token is ours.
"""

from __future__ import annotations

import contextlib
import functools
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any

from orchestrator.cutover.deadlines import Hangs
from orchestrator.errors import words_of
from orchestrator.movers.side import Fenced, Lost, Side
from orchestrator.texts import Words, say

if TYPE_CHECKING:
    from orchestrator.cutover.guard import Guard, Pair
    from orchestrator.gateways.holder import Holder

ACT_SECONDS = 10.0
"""One act, where there is no budget any more."""
ANSWER_SECONDS = 30.0
"""How long the decision's answer is looked for before nobody may open anything."""
REOPEN_SECONDS = 60.0
"""How long a side that must be reopened is waited for: a restart, a recovery."""
FOLLOW_SECONDS = 10.0
"""How long further parts and gateways are insisted on after the decision, before it is said that they do not follow."""
OPEN_FIRST_SECONDS = 0.25
"""How long the gateways wait for further parts before the clients of the opened ones go on."""


class Undecidable(Exception):
    """The opening was sent and its answer never came."""


def decide(guard: Guard) -> None:
    """The first part's opening is the decision. Returns when it is known to have happened; any error but Undecidable means
    that it did not."""
    pair = guard.pairs[0]
    guard.opening_sent = True
    try:
        _act(guard, pair.other, lambda: pair.other.open(guard.spec.attempt, guard.spec.token))
    except (Lost, Hangs) as error:
        if not _was_opened(guard, pair):
            raise error from None


def _was_opened(guard: Guard, pair: Pair) -> bool:
    """Asks the control row what was decided, behind a transaction that may still be under way."""
    until = time.monotonic() + ANSWER_SECONDS
    while time.monotonic() < until:
        try:
            _revive(guard, pair.other)
            row = _act(guard, pair.other, lambda: pair.other.control(settled=True))
        except Exception:  # noqa: BLE001 - it is asked until it answers
            time.sleep(0.1)
            continue
        return bool(row.open and row.attempt == guard.spec.attempt)
    raise Undecidable(say("cutover.undecidable", where=pair.other.where))


def open_the_rest(guard: Guard) -> None:
    """After the decision there is no way but forward. Clients of a part that is open are not kept waiting for one that is not."""
    spec = guard.spec
    rest = {}
    for pair in guard.pairs[1:]:
        opening = functools.partial(pair.other.open, spec.attempt, spec.token)
        rest[pair.name] = guard.acts.start(None, functools.partial(_insist, guard, pair.other, opening))
    until = time.monotonic() + OPEN_FIRST_SECONDS
    while any(not opening.done() for opening in rest.values()) and time.monotonic() < until:
        time.sleep(0.001)
    late = [name for name, opening in rest.items() if not opening.done() or opening.exception()]
    _let_go(guard, late)
    failed = [name for name, opening in rest.items() if opening.exception()]
    guard.problems += [say("cutover.not_open", name=name, error=_said(rest[name])) for name in failed]
    if late and set(late) != set(failed):
        _let_go(guard, failed)


def _said(ended: Future[None]) -> Words:
    error = ended.exception()
    return words_of(error) if error else ""


def _let_go(guard: Guard, but: list[str]) -> None:
    running = [
        (holder, guard.acts.start(None, functools.partial(_insist, guard, holder, functools.partial(holder.switch_and_resume, but))))
        for holder in guard.holders
    ]
    for holder, letting in running:
        _note_failure(guard, holder, letting)


def _note_failure(guard: Guard, holder: Holder, running: Future[None]) -> None:
    try:
        running.result()
    except Exception as error:  # noqa: BLE001 - reported to the engine, which tries again and asks a person
        guard.problems.append(say("cutover.says", where=holder.where, said=words_of(error)))


def give_up(guard: Guard, error: Exception) -> tuple[str, Words]:
    """Reopens the live side. The first failure stops it: never skipped."""
    reason = words_of(error)
    if isinstance(error, Undecidable):
        return "stuck", reason
    for pair in guard.pairs:
        for side in (pair.live, pair.other):  # the budget is over; what follows has limits of its own
            if not guard.acts.hangs(side):
                with contextlib.suppress(Exception):
                    _act(guard, side, functools.partial(side.set_limit, ACT_SECONDS))
    try:
        if guard.opening_sent:  # before, nobody could have opened it: it was seen closed, and the token is ours
            for pair in guard.pairs:
                _insist(guard, pair.other, functools.partial(_require_closed, pair.other), REOPEN_SECONDS)
        if guard.closing_sent:
            for pair in guard.pairs:
                _insist(guard, pair.live, functools.partial(_reopen, guard, pair.live), REOPEN_SECONDS)
    except Exception as second:  # noqa: BLE001 - reported to the engine, which asks a person
        return "stuck", say("cutover.way_back_failed", reason=reason, error=words_of(second))
    resume(guard)
    _as_before(guard)
    return "aborted", reason


def resume(guard: Guard) -> None:
    """Lets the clients go on where they were. A gateway that does not is a problem of its own clients only."""
    running = [(holder, guard.acts.start(None, functools.partial(_insist, guard, holder, holder.resume))) for holder in guard.holders]
    for holder, resuming in running:
        _note_failure(guard, holder, resuming)


def _reopen(guard: Guard, side: Side) -> None:
    side.open(guard.spec.attempt, guard.spec.token)
    if not side.control().open:
        raise Lost(say("cutover.still_closed", where=side.where))


def _require_closed(side: Side) -> None:
    if not side.observed_closed():
        raise Lost(say("cutover.not_reopened", where=side.where, there=tuple(side.who_is_there())))


def _as_before(guard: Guard) -> None:
    """The side that was not opened, and the gateways' files. Whatever fails is named; the next attempt looks for it again."""
    for holder in guard.holders:
        try:
            _act(guard, holder, holder.unstage)
        except Exception as error:  # noqa: BLE001 - clients are served; the engine puts it back or asks
            guard.problems.append(say("cutover.still_staged", where=holder.where, error=words_of(error)))
    for pair in guard.pairs:
        try:
            _revive(guard, pair.other)
            if pair.spec.keeps:
                _act(guard, pair.other, pair.other.forget)
            if guard.closing_sent:
                _act(guard, pair.other, pair.other.follow)
        except Exception as error:  # noqa: BLE001 - as above
            guard.problems.append(say("cutover.not_as_before", where=pair.other.where, error=words_of(error)))


def _act(guard: Guard, who: Side | Holder, act: Callable[[], Any]) -> Any:
    return guard.acts.run_within(who, act, ACT_SECONDS)


def _revive(guard: Guard, who: Side | Holder) -> None:
    """New connections where the old ones broke or hang, with a limit of their own."""
    if guard.acts.hangs(who) or not _answers(guard, who):
        _act(guard, who, who.reconnect)
        guard.say("new connections", who)


def _answers(guard: Guard, who: Side | Holder) -> bool:
    try:
        guard.acts.run_within(who, who.is_there, 2.0)
    except Exception:  # noqa: BLE001 - whatever it was, new connections are tried
        return False
    return True


def _insist(guard: Guard, who: Side | Holder, act: Callable[[], None], seconds: float = FOLLOW_SECONDS) -> None:
    """Tries again and again, then raises what it met last. A newer engine's token is not insisted against."""
    until = time.monotonic() + seconds
    again = guard.acts.hangs(who)
    while True:
        try:
            if again:
                _revive(guard, who)
            _act(guard, who, act)
        except Fenced:
            raise
        except Exception:
            if time.monotonic() > until:
                raise
            time.sleep(0.1)
            again = True
        else:
            return
