"""The services of a system whose database its vendor moves: not placed before the data is there, since nothing would answer them."""

from __future__ import annotations

from orchestrator.errors import StepFailed
from orchestrator.steps import configuration
from orchestrator.steps.base import Context, Facts
from orchestrator.steps.services import carriage, give_secret, moved, problem_of, silence_target, standing, take_down, with_files
from orchestrator.texts import say


def start_for_good(ctx: Context) -> Facts:
    """Placed and started in the inventory's order, outside effects on. Raises StepFailed at the first that is not healthy."""
    passwords = {database.name: ctx.world.secret(database.secret) for database in ctx.system.databases if database.secret}
    started = []
    for service in moved(ctx):
        brought = carriage(ctx, service)
        edited = configuration.edited_files(ctx, service, None, passwords)
        one = with_files(standing(ctx, service, effects=True), brought, edited)
        one.manager.place(one.placed)
        for database in ctx.system.databases:
            if database.secret:
                path = ctx.world.secret_path(ctx.world.target(service.host), service, database)
                give_secret(ctx, one, path, passwords[database.name], brought)
        if not one.placed.shared or not one.manager.state(one.placed).active:
            one.manager.release(one.placed)
            one.manager.start(one.placed)
        problem = problem_of(one)
        if problem:
            raise StepFailed(
                say("steps.ill_on_cloud", name=service.name, problem=problem), where=f"{one.connection.name} {one.placed.address}:{one.placed.port}",
                remedy=say("steps.old_started_again"),
            )  # fmt: skip
        started.append(service.name)
    return {"services": started}


def running(ctx: Context) -> list[str]:
    """Services of ours that run on the cloud now."""
    placed = [standing(ctx, service, effects=True) for service in moved(ctx)] if ctx.world.targets else []
    states = [(one, one.manager.state(one.placed)) for one in placed if not one.placed.shared]
    return [one.service.name for one, state in states if state.active and state.ours]


def take_away(ctx: Context) -> None:
    """The target's half of the undo: stopped there, and the hosts as they were before."""
    if ctx.world.targets:
        silence_target(ctx, moved(ctx))
        take_down(ctx)
