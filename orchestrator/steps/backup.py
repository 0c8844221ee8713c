"""R10: a backup that was verified by a restore. The restored copy is the one the rehearsal runs on."""

from __future__ import annotations

from orchestrator.movers.contract import Moment
from orchestrator.steps import previews
from orchestrator.steps.base import Context, Effect, Facts, Observed, Step
from orchestrator.steps.parts import parts, refuse_on
from orchestrator.texts import say


def run(ctx: Context) -> Facts:
    """Every part is checked on both sides first. Then backs each up and restores it on the target; the restored copy is
    compared with what was backed up. Raises Refused with nothing touched."""
    refuse_on(ctx, Moment.COPY)
    facts: Facts = {"databases": {}}
    for mover, part in parts(ctx):
        made = mover.back_up(part)
        ctx.records.copied(
            what=f"backup of {part.name}",
            source_state=made["state"],
            size=made["bytes"],
            items=made["rows"],
        )
        facts["databases"][part.name] = made
    return facts


def observe(ctx: Context) -> Observed:
    """The restored copies are there."""
    seen = [mover.backed_up(part) for mover, part in parts(ctx)]
    return Observed.NOTHING if not seen else Observed.DONE if all(seen) else Observed.NOT_DONE


def drop_copies(ctx: Context) -> None:
    """Removes the throwaway copies."""
    for mover, part in parts(ctx):
        mover.drop_copy(part)


def undo(ctx: Context) -> None:
    """The throwaway copies go; the dumps stay, with the system's folder."""
    if ctx.world.targets:
        drop_copies(ctx)


STEP = Step(
    id="verify_backup",
    moves_data=True,
    effect=Effect.REVERSIBLE,
    run=run,
    observe=observe,
    undo_target=undo,
    preview=previews.databases(say("steps.how_backup")),
)
