"""Makes the cloud's gateway know the system's databases, pointing at the source as long as the source is live."""

from __future__ import annotations

from orchestrator.errors import StepFailed
from orchestrator.gateways import pgbouncer
from orchestrator.models import Database, Site
from orchestrator.movers.postgresql import fence
from orchestrator.steps import cutover
from orchestrator.steps.base import Context, Effect, Facts, Observed, Step


def run(ctx: Context) -> Facts:
    """Verifier and line on the cloud's gateway; the room's must know the databases already."""
    missing = [d.name for d in ctx.world.movable_databases if d.name not in _known(ctx, ctx.world.room)]
    if missing:
        raise StepFailed(
            f"the old room's gateway does not hold {', '.join(missing)}",
            where=ctx.world.room.gateway.name,
            remedy="bring the gateway in front first (docs/gateway.md)",
        )
    for database in ctx.world.movable_databases:
        _learn(ctx, ctx.world.cloud, database)
    return {"databases": [d.name for d in ctx.world.movable_databases]}


def _learn(ctx: Context, site: Site, database: Database) -> None:
    source = ctx.world.sql(database, "source")
    verifier = fence.scalar(source, "SELECT rolpassword FROM pg_authid WHERE rolname = %s", database.role)
    assert site.pgbouncer is not None  # noqa: S101 - preflight looked
    users = site.pgbouncer.databases_file.rpartition("/")[0] + "/userlist.txt"
    shell = pgbouncer.Shell(cutover.gateways(ctx, "source")[-1].channel)
    try:
        shell.run(pgbouncer.replace_user(users, str(database.role), str(verifier)))
        shell.run(pgbouncer.replace_line(site.pgbouncer.databases_file, database.name, cutover.line(ctx, database, "source")))
    finally:
        shell.close()
    _reload(ctx, site)


def _reload(ctx: Context, site: Site) -> None:
    with pgbouncer.admin(cutover.admin_dsn(ctx, site)) as admin:
        admin.execute("RELOAD")


def _known(ctx: Context, site: Site) -> set[str]:
    with pgbouncer.admin(cutover.admin_dsn(ctx, site)) as admin:
        return {str(row[0]) for row in admin.execute("SHOW DATABASES").fetchall()}


def observe(ctx: Context) -> Observed:
    """PgBouncer itself lists the databases."""
    known = _known(ctx, ctx.world.cloud)
    return Observed.DONE if all(d.name in known for d in ctx.world.movable_databases) else Observed.NOT_DONE


def undo(ctx: Context) -> None:
    """Takes the lines out of the cloud's gateway again."""
    site = ctx.world.cloud
    assert site.pgbouncer is not None  # noqa: S101 - preflight looked
    shell = pgbouncer.Shell(cutover.gateways(ctx, "source")[-1].channel)
    try:
        for database in ctx.world.movable_databases:
            shell.run(pgbouncer.replace_line(site.pgbouncer.databases_file, database.name, ""))
    finally:
        shell.close()
    _reload(ctx, site)


STEP = Step(
    id="prepare_gateway", effect=Effect.REVERSIBLE, run=run, observe=observe, undo_target=undo,
)  # fmt: skip
