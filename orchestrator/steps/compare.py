"""Compares both sides: databases from snapshots of one point, files by content. A difference is never waved through."""

from __future__ import annotations

import time

from orchestrator.cutover import guarding
from orchestrator.errors import CutoverAborted, NeedsPerson, StepFailed
from orchestrator.movers.contract import Direction
from orchestrator.steps import cutover
from orchestrator.steps.base import Context, Effect, Facts, Observed, Step
from orchestrator.steps.parts import parts
from orchestrator.texts import say

TRIES = 3


def _pair(ctx: Context, direction: Direction) -> Facts:
    """Compares from the snapshots that the guard holds open."""
    facts: Facts = {"tables": 0, "rows": 0, "differences": []}
    for mover, part in parts(ctx):
        live, other = ctx.world.snapshots[part.name]
        comparison = mover.compare(part, direction, (live, other))
        facts["tables"] += comparison.items
        facts["rows"] += comparison.rows
        facts["differences"] += [say("steps.of", name=part.name, said=difference) for difference in comparison.differences]
    facts["equal"] = not facts["differences"]
    return facts


def _release(ctx: Context) -> None:
    if ctx.world.guard:
        ctx.world.guard.done()
    ctx.world.guard, ctx.world.snapshots = None, {}


def at_fence(ctx: Context) -> Facts:
    """From the fence's snapshots; after a restart, when they are gone, from a short hold of the clients."""
    if not ctx.world.snapshots:
        return now(ctx)
    try:
        facts = _pair(ctx, Direction.FORWARD) | {"from": "fence"}
    finally:
        _release(ctx)
    _insist(facts)
    return facts


def now(ctx: Context) -> Facts:
    """Holds the clients for the moment it takes to see both sides at one point (tens of milliseconds), lets go, compares."""
    if not ctx.world.movable_databases:
        return {"tables": 0, "rows": 0, "equal": True, "from": "nothing: it keeps no rows"}
    facts: Facts = {}
    for number in range(1, TRIES + 1):
        attempt = f"{ctx.migration}-look-{ctx.token}-{number}"
        try:
            guard = guarding.GuardProcess(cutover.specification(ctx, "back", attempt, mode="snapshot"))
        except CutoverAborted as error:
            ctx.say(str(say("steps.cannot_look", said=error.says)))
            time.sleep(2.0)
            continue
        result = guard.go()
        ctx.world.guard, ctx.world.snapshots = guard, result["snapshots"]
        try:
            if result["outcome"] != "seen":
                ctx.say(str(say("steps.no_common_point", reason=guarding.reason_of(result))))
                continue
            facts = _pair(ctx, Direction.BACK) | {"from": "hold", "hold_ms": result["timings_ms"]["total"]}
        finally:
            _release(ctx)
        break
    if not facts:  # not a difference: nothing speaks for going back
        raise NeedsPerson(
            say("steps.no_point", tries=TRIES),
            where=ctx.system.id,
            remedy=say("steps.end_transactions"),
        )
    _insist(facts)
    return facts


def _insist(facts: Facts) -> None:
    if not facts["equal"]:
        raise StepFailed(
            say("steps.sides_differ", facts=tuple(facts["differences"])),
            where="comparison",
            remedy=say("steps.who_wrote"),
        )


def _done(_: Context) -> Observed:
    return Observed.DONE


AT_FENCE = Step(
    id="compare",
    effect=Effect.READ_ONLY,
    run=at_fence,
    observe=_done,
)
BEFORE_ACCEPTANCE = Step(id="compare_again", effect=Effect.READ_ONLY, run=now, observe=_done)
