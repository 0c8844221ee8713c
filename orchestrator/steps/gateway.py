"""Makes the cloud's gateway know the system's databases, pointing at the source as long as the source is live."""

from __future__ import annotations

from orchestrator.errors import Finding, Refused
from orchestrator.gateways.holder import Place
from orchestrator.steps import previews
from orchestrator.steps.base import Context, Effect, Facts, Observed, Step
from orchestrator.steps.holders import opened_pgbouncer, sites_with_pgbouncer
from orchestrator.steps.parts import parts
from orchestrator.texts import say


def run(ctx: Context) -> Facts:
    """Verifier and line on the cloud's gateway; the room's must know the databases already. Raises Refused with what either
    gateway cannot do."""
    if not ctx.world.movable_databases:
        return {"databases": []}
    with opened_pgbouncer(ctx, ctx.world.cloud, "source") as gateway:
        for mover, part in parts(ctx):
            gateway.learn_user(part.role, mover.credential(part))
            gateway.learn(part.name, Place(part.source.address, part.source.port))
    if problems := find_problems(ctx):
        raise Refused(say("steps.gateway_findings", count=len(problems), system=ctx.system.id), findings=problems)
    return {"databases": [database.name for database in ctx.world.movable_databases]}


def find_problems(ctx: Context) -> list[Finding]:
    """What a gateway that knows the databases cannot do for a switch: each named. An entry of ours comes and goes in its file."""
    problems = []
    for site in sites_with_pgbouncer(ctx):
        with opened_pgbouncer(ctx, site, "source") as gateway:
            for problem in gateway.obstacles():
                remedy = say("steps.mend_gateway")
                problems.append(Finding("gateway", "error", problem, remedy, system=ctx.system.id))
    return problems


def find_room_problems(ctx: Context) -> list[Finding]:
    """For preflight: whether the old room's gateway holds the databases, and its file can be changed. Reads only."""
    if not ctx.world.movable_databases:
        return []
    remedy = say("steps.bring_gateway")
    try:
        with opened_pgbouncer(ctx, ctx.world.room, "source") as gateway:
            found = gateway.find_problems()
    except Exception as error:  # noqa: BLE001 - whatever keeps us from asking it is one finding
        found = [say("steps.gateway_not_asked", said=str(error).strip())]
    return [Finding("gateway", "error", problem, remedy, system=ctx.system.id) for problem in found]


def observe(ctx: Context) -> Observed:
    """PgBouncer itself lists the databases."""
    if not ctx.world.movable_databases:
        return Observed.NOTHING
    with opened_pgbouncer(ctx, ctx.world.cloud, "source") as gateway:
        known = [gateway.knows(database.name) for database in ctx.world.movable_databases]
    return Observed.DONE if all(known) else Observed.NOT_DONE


def undo(ctx: Context) -> None:
    """Takes our lines out of the cloud's gateway again; one that stood there before us stays."""
    if not ctx.world.movable_databases:
        return
    with opened_pgbouncer(ctx, ctx.world.cloud, "source") as gateway:
        for database in ctx.world.movable_databases:
            gateway.unlearn(database.name)


STEP = Step(
    id="prepare_gateway", effect=Effect.REVERSIBLE, run=run, observe=observe, undo_target=undo, preview=previews.gateway,
)  # fmt: skip
