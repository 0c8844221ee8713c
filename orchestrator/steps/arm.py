"""Arms the way back right after the switch: what the cloud commits flows to the source from the fence's slot on."""

from __future__ import annotations

from orchestrator.errors import StepFailed
from orchestrator.movers.postgresql import fence, replication
from orchestrator.steps.base import Context, Effect, Facts, Observed, Step


def run(ctx: Context) -> Facts:
    """Forward off before reverse on (PostgreSQL 15 has no ``origin = none``: this order prevents loops)."""
    lags = {}
    for database in ctx.world.movable_databases:
        names = ctx.world.names(database)
        source, target = ctx.world.sql(database, "source"), ctx.world.sql(database, "target")
        replication.unsubscribe(target, names.forward)
        replication.drop_slots(source, names.forward)
        replication.freeze_schema(target, names)
        if not replication.has_slot(target, names.back):
            raise StepFailed(
                f"{database.name}: the reverse slot is missing",
                where=database.host,
                remedy="the way back is lost: a person decides whether to stay",
            )
        fence.enable_subscription(source, names.back)
        lag = fence.round_trip(target, source, names, f"{ctx.migration}-armed-{ctx.token}", limit=60)
        if lag is None:
            raise StepFailed(
                f"{database.name}: nothing flows back within 60 s", where=database.host, remedy="look at the apply worker on the source"
            )
        lags[database.name] = round(lag * 1000, 1)
    return {"lag_ms": lags}


def observe(ctx: Context) -> Observed:
    """The reverse worker of every database is at work on the source, the forward subscription is gone."""
    for database in ctx.world.movable_databases:
        names = ctx.world.names(database)
        source, target = ctx.world.sql(database, "source"), ctx.world.sql(database, "target")
        if replication.subscribed(target, names.forward) or not replication.works(source, names.back):
            return Observed.NOT_DONE
    return Observed.DONE


def disarm(ctx: Context) -> None:
    """Nothing flows back any more; the slot on the cloud goes."""
    for database in ctx.world.movable_databases:
        names = ctx.world.names(database)
        source = ctx.world.sql(database, "source")
        replication.unsubscribe(source, names.back)
        if database.host in ctx.world.targets:
            replication.drop_slots(ctx.world.sql(database, "target"), names.back)


STEP = Step(
    id="arm_way_back",
    zh="启用反向复制",
    en="arm the way back",
    effect=Effect.REVERSIBLE,
    run=run,
    observe=observe,
    undo=disarm,
)
FOR_GOING_BACK = Step(
    id="finish_arming",
    zh="确认反向复制",
    en="finish arming the way back",
    effect=Effect.READ_ONLY,
    run=run,
    observe=observe,
)
