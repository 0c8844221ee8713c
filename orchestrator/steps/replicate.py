"""Copies the movable parts and keeps the target in step until the cutover."""

from __future__ import annotations

from orchestrator.movers.contract import Moment
from orchestrator.steps import previews
from orchestrator.steps.base import Context, Effect, Facts, Observed, Step
from orchestrator.steps.parts import parts, refuse_on
from orchestrator.texts import say


def run(ctx: Context) -> Facts:
    """Every part is checked once more, on both sides, before the first one is touched. Raises Refused."""
    refuse_on(ctx, Moment.COPY)
    facts: Facts = {"databases": {}}
    for mover, part in parts(ctx):
        copied = mover.prepare(part)
        ctx.records.copied(what=f"database {part.name}", source_state=copied["state"], size=copied["bytes"], items=copied["tables"])
        facts["databases"][part.name] = copied
    return facts


def observe(ctx: Context) -> Observed:
    """Every part's target follows its source."""
    seen = [mover.prepared(part) for mover, part in parts(ctx)]
    if not seen:
        return Observed.NOTHING
    if all(seen):
        return Observed.DONE
    return Observed.NOT_DONE if not any(seen) and None not in seen else Observed.UNCLEAR


def withdraw_target(ctx: Context) -> None:
    """The target follows no more and offers nothing; its copy goes with its server (to quarantine)."""
    for mover, part in parts(ctx):
        if part.target is not None:
            mover.withdraw(part, "target")


def withdraw_source(ctx: Context) -> None:
    """Leaves the source as it was, whether the target answers or not."""
    for mover, part in parts(ctx):
        mover.withdraw(part, "source")


STEP = Step(
    id="replicate",
    moves_data=True,
    effect=Effect.REVERSIBLE,
    run=run,
    observe=observe,
    undo_source=withdraw_source,
    undo_target=withdraw_target,
    preview=previews.databases(say("steps.how_replicated")),
)
