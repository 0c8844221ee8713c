"""What each kind of client will see of the switch, told to whoever approves it and by a dry run."""

from __future__ import annotations

from orchestrator.steps import hold
from orchestrator.steps.base import Context
from orchestrator.steps.parts import parts
from orchestrator.texts import Words, say


def what_clients_see(ctx: Context, *, held: bool) -> tuple[Words, ...]:
    """One sentence for each part of the system, in the order of the fence. ``held``: whether the entry holds writes."""
    seen: list[Words] = [say("steps.foretold_writes")] if held else []
    for mover, part in parts(ctx):
        word = "steps.foretold_ended" if mover.ends_connections else "steps.foretold_held"
        seen.append(say(word, name=part.name, kind=part.kind))
    if hold.services_of(ctx) and not held:
        seen.append(say("steps.foretold_entry"))
    return tuple(seen)


def tell(ctx: Context) -> None:
    """Says it before the cutover is approved. What is stopped for its move has an outage that is announced instead."""
    if "replicate" in ctx.facts or hold.is_held(ctx):
        ctx.say(str(say("steps.foretold", seen=what_clients_see(ctx, held=hold.is_held(ctx)))))
