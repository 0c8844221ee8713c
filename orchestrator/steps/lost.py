"""The target is lost while it is live: the source is opened without it, and what is lost is named.

A decision of two people (``target-lost``), never the program's. It is the one case in which a side is opened although the other one
was not observed closed: so nothing may answer there, or somebody could still write.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

from orchestrator import texts
from orchestrator.cutover import kinds
from orchestrator.errors import NeedsPerson
from orchestrator.movers.contract import Direction
from orchestrator.movers.side import Side
from orchestrator.steps import holders
from orchestrator.steps.base import Context, Effect, Facts, Observed, Step
from orchestrator.steps.parts import fences, parts
from orchestrator.texts import kept, say


def open_source(ctx: Context) -> Facts:
    """Every part's source is open and the gateways lead there. Raises NeedsPerson while a target still answers."""
    answering = [part.name for mover, part in parts(ctx) if part.target is not None and mover.answers(part, "target")]
    if answering:
        raise NeedsPerson(
            say("steps.lost_answers", answering=tuple(answering)),
            where=ctx.system.id,
            remedy=say("steps.power_off_target"),
        )
    attempt = f"{ctx.migration}-alone-{ctx.token}"
    lost = {part.name: mover.open_alone(part, attempt, ctx.token) for mover, part in parts(ctx)}
    for side in _sources(ctx):  # of a system without rows of its own, where there was no part to open
        side.open(attempt, ctx.token)
    ctx.records.set_live("source")
    gateways_owed = list(map(kept, holders.lead_room(ctx, "source")))
    named = [_name_loss(ctx, name, str(facts["kept_until"])) for name, facts in lost.items()]
    named += [texts.english("lost.files", path=tree.path) for tree in ctx.system.file_trees]
    ctx.records.event("lost_with_the_target", {"parts": lost, "named": named, "gateways_owed": gateways_owed})
    return {"lost": named, "parts": lost, "gateways_owed": gateways_owed}


def _name_loss(ctx: Context, name: str, kept_until: str) -> str:
    """In words, for the record and for whoever watches."""
    if not kept_until:
        ctx.say(texts.text("lost.all", name=name))
        return texts.english("lost.all", name=name)
    seconds = max(0.0, (dt.datetime.now(dt.UTC) - dt.datetime.fromisoformat(kept_until)).total_seconds())
    values = {"name": name, "since": kept_until, "seconds": f"{seconds:.0f}"}
    ctx.say(texts.text("lost.since", **values))
    return texts.english("lost.since", **values)


def _sources(ctx: Context) -> Iterator[Side]:
    for fence in fences(ctx, Direction.BACK):
        side = kinds.make_side(fence["other"])
        try:
            yield side
        finally:
            side.disconnect()


def observe(ctx: Context) -> Observed:
    """Every source's own control row."""
    rows = [side.control() for side in _sources(ctx)]
    return Observed.DONE if all(row.open for row in rows) else Observed.NOT_DONE


OPEN_SOURCE = Step(
    id="open_source_alone",
    effect=Effect.REVERSIBLE,
    run=open_source,
    observe=observe,
    switches="source",
)
