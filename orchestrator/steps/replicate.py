"""Copies the databases by logical replication and keeps the target in step until the cutover."""

from __future__ import annotations

from orchestrator.movers.postgresql import dumps, fence, replication
from orchestrator.steps.base import Context, Effect, Facts, Observed, Step


def run(ctx: Context) -> Facts:
    """Roles, schema, publications, the forward subscription; then the one that will flow back, prepared and disabled."""
    facts: Facts = {"databases": {}}
    for database in ctx.world.movable_databases:
        names = ctx.world.names(database)
        source, target = ctx.world.sql(database, "source"), ctx.world.sql(database, "target", name="postgres")
        dumps.create_database(target, database.name, like=source, closed=True)
        target = ctx.world.sql(database, "target")
        roles = replication.copy_roles(source, target)
        limit = fence.connection_limit(source)
        replication.install_schema(source, names, is_open=True, roles=roles, token=0, connection_limit=limit)
        identity = replication.give_identity(source, names)
        if not replication.tables(target, names):
            dumps.copy_schema(
                ctx.world.dsn(database, "source"), ctx.world.dsn(database, "target"), names, ctx.world.folder, ctx.records.process
            )
        replication.install_schema(target, names, is_open=False, roles=roles, token=0, connection_limit=limit)
        replication.freeze_schema(source, names)
        replication.publish(source, names, names.forward)
        replication.publish(target, names, names.back)
        replication.subscribe(target, names.forward, ctx.world.dsn(database, "source"), names.forward, copy=True)
        lag = replication.wait_in_step(target, source, names, limit=6 * 3600, lag_ms=150, say=ctx.say)
        replication.subscribe(source, names.back, ctx.world.dsn(database, "target"), names.back, copy=False, slot=names.back)
        views = replication.refresh_derived(target, names)
        size = fence.scalar(source, "SELECT pg_database_size(current_database())")
        tables = replication.tables(target, names)
        state = str(fence.scalar(source, "SELECT pg_current_wal_lsn()"))
        ctx.records.copied(what=f"database {database.name}", source_state=f"LSN {state}", size=size, items=len(tables))
        facts["databases"][database.name] = {
            "roles": roles,
            "identity": identity,
            "views": views,
            "tables": len(tables),
            "bytes": size,
            **lag,
        }
    return facts


def observe(ctx: Context) -> Observed:
    """Every database's target follows the source."""
    seen = []
    for database in ctx.world.movable_databases:
        if database.host not in ctx.world.targets:
            return Observed.NOT_DONE
        try:
            seen.append(replication.subscribed(ctx.world.sql(database, "target"), ctx.world.names(database).forward))
        except Exception:  # noqa: BLE001 - no server, no database, no login: not there
            return Observed.NOT_DONE
    return Observed.DONE if all(seen) else Observed.UNCLEAR if any(seen) else Observed.NOT_DONE


def undo(ctx: Context) -> None:
    """Leaves the source as it was; the target's copy goes with its server (to quarantine)."""
    for database in ctx.world.movable_databases:
        names = ctx.world.names(database)
        source = ctx.world.sql(database, "source")
        target = None
        if database.host in ctx.world.targets:
            try:
                target = ctx.world.sql(database, "target")
            except Exception:  # noqa: BLE001 - a target that does not answer must not block the source's way home
                ctx.say(f"{database.name}: the target does not answer; it is left to clean-up")
        if target is not None:
            replication.unsubscribe(target, names.forward)
        replication.unsubscribe(source, names.back)
        replication.drop_slots(source, names.forward)
        if target is not None:
            replication.drop_slots(target, names.back)
            replication.unpublish(target, names.back)
        replication.unpublish(source, names.forward)
        replication.take_identity(source, names)
        replication.drop_schema(source, names)


STEP = Step(
    id="replicate",
    zh="复制数据库并保持同步",
    en="copy the databases and keep them in step",
    effect=Effect.REVERSIBLE,
    run=run,
    observe=observe,
    undo=undo,
)
