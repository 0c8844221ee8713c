"""Arms the way back right after the switch: what the cloud commits flows to the source from the fence on."""

from __future__ import annotations

from orchestrator.steps import previews
from orchestrator.steps.base import Context, Effect, Facts, Observed, Step
from orchestrator.steps.parts import name_changes, parts
from orchestrator.texts import kept


def run(ctx: Context) -> Facts:
    """Every part's way back, with how long a mark needed for it."""
    marker = f"{ctx.migration}-armed-{ctx.token}"
    return {"lag_ms": {part.name: mover.arm(part, marker)["lag_ms"] for mover, part in parts(ctx)}}


def finish_arming(ctx: Context) -> Facts:
    """Before going back: the way back works, and what was made on the cloud and is not on the source is named."""
    return run(ctx) | {"not_on_both_sides": [kept(change) for change in name_changes(ctx)]}


def observe(ctx: Context) -> Observed:
    """Whether every part flows back."""
    armed = [mover.armed(part) for mover, part in parts(ctx)]
    return Observed.NOTHING if not armed else Observed.DONE if all(armed) else Observed.NOT_DONE


def disarm_source(ctx: Context) -> None:
    """The source follows the cloud no more."""
    for mover, part in parts(ctx):
        mover.disarm(part, "source")


def disarm_target(ctx: Context) -> None:
    """The cloud keeps nothing for the source any more."""
    for mover, part in parts(ctx):
        mover.disarm(part, "target")


STEP = Step(
    id="arm_way_back",
    effect=Effect.REVERSIBLE,
    run=run,
    observe=observe,
    undo_source=disarm_source,
    undo_target=disarm_target,
    preview=previews.fence("back"),
)
FOR_GOING_BACK = Step(
    id="finish_arming",
    effect=Effect.READ_ONLY,
    run=finish_arming,
    observe=observe,
)
