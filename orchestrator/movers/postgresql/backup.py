"""R10: a backup that was verified by a restore. The restored copy is the one the rehearsal runs on."""

from __future__ import annotations

import secrets
import shutil

from orchestrator.errors import StepFailed
from orchestrator.movers.contract import Facts, Hands, Part
from orchestrator.movers.postgresql import comparison, dumps, fence
from orchestrator.movers.postgresql.reach import connect, dsn_of, names_of


def back_up(part: Part, hands: Hands) -> Facts:
    """Dumps from one snapshot of the source, restores on the target, compares the restored rows with that
    snapshot. Raises StepFailed with every difference, ToolError with the program's words."""
    names = names_of(part)
    folder = hands.folder / "backup" / part.name
    shutil.rmtree(folder, ignore_errors=True)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with connect(part, "source") as holder, connect(part, "source") as source:
        holder.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        snapshot = str(fence.scalar(holder, "SELECT pg_export_snapshot()"))
        size = dumps.dump(dsn_of(part, "source"), names, folder, hands.register, snapshot=snapshot)
        expected = comparison.checksums(source, names, snapshot)
        holder.execute("COMMIT")
        with connect(part, "target", database="postgres") as server:
            dumps.drop_database(server, names.rehearsal)
            dumps.create_throwaway_role(server, names.rehearsal, secrets.token_urlsafe(24))
            dumps.create_database(server, names.rehearsal, like=source)
            server.execute(dumps.grant_create(names.rehearsal, names.rehearsal))
    dumps.restore(folder, dsn_of(part, "target", database=names.rehearsal), names.rehearsal, hands.register)
    with connect(part, "target", database=names.rehearsal) as copy:
        differ = comparison.differences(expected, comparison.checksums(copy, names))
    if differ:
        raise StepFailed(
            f"the restored backup differs: {'; '.join(differ)}",
            where=part.name,
            remedy="look at the source's disk and at pg_dump's messages",
        )
    rows = sum(table.rows for table in expected.values())
    return {"bytes": size, "tables": len(expected), "rows": rows, "folder": str(folder), "snapshot": snapshot}


def backed_up(part: Part) -> bool:
    """Whether the throwaway copy stands; a server that does not answer has none."""
    try:
        with connect(part, "target", database="postgres") as server:
            return dumps.database_exists(server, names_of(part).rehearsal)
    except Exception:  # noqa: BLE001 - no target, no server: no copy
        return False


def drop_copy(part: Part) -> None:
    """Removes the throwaway database and its role."""
    names = names_of(part)
    with connect(part, "target", database="postgres") as server:
        dumps.drop_database(server, names.rehearsal)
        dumps.drop_role(server, names.rehearsal)
