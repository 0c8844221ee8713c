"""R10: a backup that was verified by a restore. The restored copy is the one the rehearsal runs on."""

from __future__ import annotations

import shutil

from orchestrator.errors import StepFailed
from orchestrator.models import Database
from orchestrator.movers.postgresql import comparison, dumps, fence
from orchestrator.steps.base import Context, Effect, Facts, Observed, Step


def copy_name(ctx: Context, database: Database) -> str:
    """The throwaway database's name on the target's cluster, and its role's."""
    return ctx.world.names(database).rehearsal


def run(ctx: Context) -> Facts:
    """Dumps from one snapshot of the source, restores on the target, compares the restored rows with that snapshot."""
    facts: Facts = {"databases": {}}
    for database in ctx.world.movable_databases:
        names = ctx.world.names(database)
        source = ctx.world.sql(database, "source")
        folder = ctx.world.folder / "backup" / database.name
        shutil.rmtree(folder, ignore_errors=True)
        folder.parent.mkdir(parents=True, exist_ok=True)
        source.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        snapshot = str(fence.scalar(source, "SELECT pg_export_snapshot()"))
        size = dumps.dump(ctx.world.dsn(database, "source"), names, folder, ctx.records.process, snapshot=snapshot)
        expected = comparison.checksums(ctx.world.sql(database, "source"), names, snapshot)
        source.execute("COMMIT")
        server = ctx.world.sql(database, "target", name="postgres")
        dumps.drop_database(server, copy_name(ctx, database))
        dumps.create_throwaway_role(server, copy_name(ctx, database), ctx.world.throwaway_password())
        dumps.create_database(server, copy_name(ctx, database), like=source)
        server.execute(dumps.grant_create(copy_name(ctx, database), copy_name(ctx, database)))
        dumps.restore(
            folder, ctx.world.dsn(database, "target", name=copy_name(ctx, database)), copy_name(ctx, database), ctx.records.process
        )
        differ = comparison.differences(
            expected, comparison.checksums(ctx.world.sql(database, "target", name=copy_name(ctx, database)), names)
        )
        if differ:
            raise StepFailed(
                f"the restored backup differs: {'; '.join(differ)}",
                where=database.name,
                remedy="look at the source's disk and at pg_dump's messages",
            )
        rows = sum(t.rows for t in expected.values())
        ctx.records.copied(what=f"backup of {database.name}", source_state=f"snapshot {snapshot}", size=size, items=rows)
        facts["databases"][database.name] = {"bytes": size, "tables": len(expected), "rows": rows, "folder": str(folder)}
    return facts


def observe(ctx: Context) -> Observed:
    """The restored copy is there."""
    for database in ctx.world.movable_databases:
        if database.host not in ctx.world.targets:
            return Observed.NOT_DONE
        try:
            if not dumps.database_exists(ctx.world.sql(database, "target", name="postgres"), copy_name(ctx, database)):
                return Observed.NOT_DONE
        except Exception:  # noqa: BLE001 - no server: no copy
            return Observed.NOT_DONE
    return Observed.DONE


def drop_copies(ctx: Context) -> None:
    """Removes the throwaway databases and their role."""
    for database in ctx.world.movable_databases:
        server = ctx.world.sql(database, "target", name="postgres")
        dumps.drop_database(server, copy_name(ctx, database))
        dumps.drop_role(server, copy_name(ctx, database))


def undo(ctx: Context) -> None:
    """The throwaway copy goes; the dump stays, with the system's folder."""
    if ctx.world.targets:
        drop_copies(ctx)


STEP = Step(
    id="verify_backup",
    zh="备份并以恢复验证",
    en="back up, and verify the backup by a restore",
    effect=Effect.REVERSIBLE,
    run=run,
    observe=observe,
    undo=undo,
)
