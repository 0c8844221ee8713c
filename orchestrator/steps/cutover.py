"""The switch of live traffic, both ways: the guard does it, the engine observes and journals what the guard decided.

Its possible endings are listed in docs/cutover.md. Called with the roles swapped it is the way back.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from orchestrator.cutover import guarding
from orchestrator.cutover.specification import GuardSpec, PartSpec
from orchestrator.errors import CutoverAborted, NeedsPerson
from orchestrator.movers.contract import Direction
from orchestrator.steps import gates, gateway, hold, holders, previews, settling
from orchestrator.steps.base import Context, Effect, Facts, Observed, Step
from orchestrator.steps.citizens import HEALTHY_SECONDS, Probes, put_on_record
from orchestrator.steps.parts import fences, parts
from orchestrator.texts import Words, kept, pack, say
from orchestrator.texts.names import side_name

TRIES = 5
OPENING_MS = 200
"""What opening and resuming is given out of the system's budget; the fence gets the rest."""
EDGE_SECONDS = 0.4
"""Before the first attempt: so that a gap that it begins with has its first answered request."""


def sides(direction: str) -> tuple[str, str]:
    """(live, other) for ``forward`` or ``back``."""
    return ("source", "target") if direction == "forward" else ("target", "source")


def specification(
    ctx: Context, direction: str, attempt: str, *, mode: str = "switch", probes: Sequence[str] = (),
    foretold: Mapping[str, int] | None = None,
) -> GuardSpec:  # fmt: skip
    """What the guard is told. The fence's budget is the system's own, less the opening."""
    way = Direction(direction)
    budget = (ctx.system.interruption.gap_ms if ctx.system.interruption else 1000) - OPENING_MS
    fence_ms = max(100, budget)
    stage, _, hold = ctx.settings.fault_hold.partition(":")
    fenced = fences(ctx, way, snapshot_only=mode == "snapshot")
    return GuardSpec(
        attempt=attempt,
        token=ctx.token,
        record=str(ctx.world.folder / "guard.jsonl"),
        fence_ms=fence_ms,
        parts=[PartSpec(**part) for part in fenced],
        holders=_holders(ctx, way, fence_ms, mode),
        probes=list(probes),
        foretold=dict(foretold or {}),
        mode=mode,
        hold_after=stage,
        hold_ms=int(hold or 0),
    )


def _holders(ctx: Context, way: Direction, fence_ms: int, mode: str) -> list[dict[str, Any]]:
    """The entry too where it holds writes; a look at one point needs the databases' gateways only."""
    described = holders.describe_holders(ctx, way.other)
    return described if mode == "snapshot" else [*described, *hold.describe(ctx, way.other, fence_ms)]


def switch(ctx: Context, direction: str) -> Facts:
    """Tries until the guard switched. Raises Waiting outside the approved window, NeedsPerson when it never fits or is stuck."""
    if direction == "forward":
        gates.wait_window(ctx)
    for mover, part in parts(ctx):
        mover.freshen(part, Direction(direction))
    if direction == "forward":
        gateway.refresh_accounts(ctx)
    hold.freshen(ctx, Direction(direction))
    probes = Probes.of(ctx, direction)
    probes.start()
    attempts: list[dict[str, Any]] = []
    try:
        ctx.pause(HEALTHY_SECONDS)  # so that the guard sees whether citizens are answered before it begins
        result = _attempts(ctx, direction, probes, attempts)
        unconfirmed = probes.wait_healthy()
    except NeedsPerson:
        if any("started" in attempt for attempt in attempts):
            _measure(ctx, direction, probes, attempts)  # citizens waited in each of them
        raise
    finally:
        probes.stop()
    facts = _measure(ctx, direction, probes, attempts, unconfirmed)
    ctx.world.snapshots = result["snapshots"]
    return facts


def _attempts(ctx: Context, direction: str, probes: Probes, seen: list[dict[str, Any]]) -> dict[str, Any]:
    """The result of the attempt that switched; ``seen`` is told each, also where none does and it raises."""
    for number in range(1, TRIES + 1):
        ctx.stop_if_asked()
        attempt = f"{ctx.migration}-{direction}-{ctx.token}-{number}"
        try:
            hold.catch_up(ctx, Direction(direction))
            guard = guarding.GuardProcess(specification(ctx, direction, attempt, probes=probes.samples(), foretold=probes.foretold()))
        except CutoverAborted as error:
            seen.append({"attempt": attempt, "outcome": "refused", "reason": kept(error.says)} | _packed(error.says))
            ctx.say(str(say("steps.attempt_not_begun", number=number, said=error.says)))
            time.sleep(1.0)
            continue
        try:
            result = guard.go(lambda event: ctx.say(f"guard: {event}"))
        except NeedsPerson as error:  # citizens must not wait for a person where the control rows can be read
            guard.done()
            result = _without_guard(ctx, direction, attempt, error.says)
        seen.append(result)
        if result["outcome"] == "switched":
            ctx.records.set_live(sides(direction)[1])  # before anything else that could fail
            ctx.world.guard = guard if result["snapshots"] else None
            if result.get("problems"):
                _follow(ctx, direction, guarding.problems_of(result))
            return result
        guard.done()
        if result["outcome"] == "stuck":
            raise NeedsPerson(
                say("steps.guard_stopped", reason=guarding.reason_of(result)),
                where=attempt,
                remedy=say("steps.resume_settles"),
            )
        ctx.say(str(say("steps.attempt_aborted", number=number, side=side_name(sides(direction)[0]), reason=guarding.reason_of(result))))
        if result.get("problems"):
            _follow(ctx, direction, guarding.problems_of(result))
        time.sleep(1.0)
    if all(attempt["outcome"] == "refused" for attempt in seen):
        raise NeedsPerson(
            say("steps.attempts_not_begun", tries=TRIES, reason=guarding.reason_of(seen[-1])),
            where=ctx.system.id,
            remedy=say("steps.mend_and_resume"),
        )
    raise NeedsPerson(
        say("steps.attempts_failed", tries=TRIES, reason=guarding.reason_of(seen[-1])),
        where=ctx.system.id,
        remedy=say("steps.end_and_resume"),
    )


def _packed(reason: Words) -> dict[str, Any]:
    """As the guard says its own reasons."""
    return {"says": {"reason": pack(reason), "problems": []}}


def _follow(ctx: Context, direction: str, problems: Sequence[Words]) -> None:
    """A side is open, but something did not follow: once more from here, then a person. The side that is open stays open."""
    ctx.say(str(say("steps.not_followed", problems=tuple(problems))))
    settling.settle_rows(ctx, direction)


def _without_guard(ctx: Context, direction: str, attempt: str, why: Words) -> dict[str, Any]:
    """What an attempt came to whose guard vanished: settled at once. Raises NeedsPerson when a side cannot be seen."""
    ctx.say(str(say("steps.reading_rows", why=why)))
    began, monotonic = time.time(), time.monotonic()
    switched = settling.by_the_control_rows(ctx, direction) is not None
    return {
        "attempt": attempt,
        "outcome": "switched" if switched else "aborted",
        "reason": kept(why),
        **_packed(why),
        "started": began,
        "ended": time.time(),
        "monotonic": [monotonic, time.monotonic()],
        "timings_ms": {},
        "snapshots": {},
    }


def _measure(
    ctx: Context, direction: str, probes: Probes, attempts: list[dict[str, Any]], unconfirmed: Sequence[Words] = ()
) -> Facts:
    """Puts on record what clients had from the first attempt until the system was confirmed (or is not, in words)."""
    result = attempts[-1]
    begun = [attempt for attempt in attempts if "started" in attempt]
    begin = min(float(attempt["started"]) for attempt in begun) - EDGE_SECONDS
    clocks = [attempt["monotonic"][0] for attempt in begun if "monotonic" in attempt]
    first = min(clocks) - EDGE_SECONDS if len(clocks) == len(begun) else None
    seen, end = probes.since(begin, first)
    aborted = [attempt["reason"] for attempt in attempts if attempt["outcome"] != "switched"]
    detail: dict[str, Any] = {
        "timings_ms": result.get("timings_ms", {}),
        "attempts": len(attempts),
        "aborted": aborted,
        "switched_at": result["ended"] if result["outcome"] == "switched" else None,
        "not_confirmed": list(map(kept, unconfirmed)),
    }
    if ctx.world.movable_databases or hold.is_held(ctx):  # else citizens follow by the entry alone, which is measured there
        detail |= _count_ended(ctx, begun)
        closings = sum(attempt.get("ended_connections") != {} for attempt in begun)  # one of which nothing is known counts too
        foretold = sum(probes.foretold().values()) * closings
        put_on_record(ctx, direction, seen, began=begin, ended=end, detail=detail, foretold=foretold)
    if unconfirmed:
        ctx.say(str(say("steps.not_all_answered", unconfirmed=tuple(unconfirmed))))
    return {
        "attempt": result["attempt"],
        "timings_ms": result.get("timings_ms", {}),
        "started": begin,
        "ended": end,
        "attempts": len(attempts),
        "gap_ms": seen.longest_gap_ms,
        "failed": seen.failed,
    }


def _count_ended(ctx: Context, attempts: Sequence[Mapping[str, Any]]) -> Facts:
    """Connections that the fences ended, told once: each saw one error."""
    count = sum(sum(attempt.get("ended_connections", {}).values()) for attempt in attempts)
    if not count:
        return {}
    ctx.say(str(say("steps.connections_ended", count=count)))
    return {"ended_connections": count}


# ---------------------------------------------------------------- after a crash


def settle(ctx: Context, direction: str) -> Facts | None:
    """What an interrupted attempt came to: facts when it had switched, None when citizens are where they were."""
    attempt = settling.by_the_control_rows(ctx, direction)
    if attempt is None:
        return None
    now = time.time()
    start = guarding.began(ctx.world.folder / "guard.jsonl", attempt) or now
    unknown = {"attempt": attempt, "started": start, "ended": now, "timings_ms": {}, "outcome": "switched", "reason": ""}
    result = guarding.last_result(ctx.world.folder / "guard.jsonl", attempt) or unknown
    probes = Probes.of(ctx, direction)
    probes.stop()
    return _measure(ctx, direction, probes, [result]) | {"settled": True}


# ---------------------------------------------------------------- the steps


def observed(direction: str) -> Callable[[Context], Observed]:
    """The control rows and who may come in, on both sides."""

    def observe(ctx: Context) -> Observed:
        return Observed.DONE if settling.has_switched(ctx, direction) else Observed.NOT_DONE

    return observe


def _forward(ctx: Context) -> Facts:
    return switch(ctx, "forward")


def _back(ctx: Context) -> Facts:
    return switch(ctx, "back")


FORWARD = Step(
    id="cutover", effect=Effect.REVERSIBLE, run=_forward, observe=observed("forward"), switches="target",
    settle=lambda ctx: settle(ctx, "forward"), preview=previews.fence("forward"),
)  # fmt: skip
BACK = Step(
    id="cutover_back", effect=Effect.REVERSIBLE, run=_back, observe=observed("back"), switches="source",
    settle=lambda ctx: settle(ctx, "back"),
)  # fmt: skip
