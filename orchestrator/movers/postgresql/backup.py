"""R10: a backup that was verified by a restore. The restored copy is the one the rehearsal runs on.

The copy is whole: owners, rights, roles and settings as the source has them, so that what a rehearsal shows is what the
application will meet. Rows and definitions are compared with the snapshot that was backed up.
"""

from __future__ import annotations

import re
import secrets
import shutil
from collections.abc import Collection
from pathlib import Path

import psycopg
from psycopg import sql

from orchestrator.errors import StepFailed, ToolError, words_of
from orchestrator.movers.contract import Facts, Hands, Part
from orchestrator.movers.postgresql import (
    beginnings,
    broken_keys,
    comparison,
    derived,
    dumps,
    fingerprint,
    foreign_keys,
    functions,
    generated,
    records,
    roles,
    settings_kept,
)
from orchestrator.movers.postgresql import target as target_side
from orchestrator.movers.postgresql.broken_keys import ValidKey
from orchestrator.movers.postgresql.connections import Connection, scalar
from orchestrator.movers.postgresql.dump_progress import DumpProgress
from orchestrator.movers.postgresql.fingerprint import Change
from orchestrator.movers.postgresql.line import Line
from orchestrator.movers.postgresql.names import Names
from orchestrator.movers.postgresql.reach import connect, dsn_of, names_of
from orchestrator.movers.postgresql.relations import carried_tables
from orchestrator.movers.postgresql.settings_kept import Setting
from orchestrator.movers.postgresql.waiting import Patience
from orchestrator.texts import Words, kept, say
from orchestrator.tools.process import Stopped

SHOWN = 20
_OF_THE_CLUSTER = re.compile(r"^(database$|setting |role |membership |publication |subscription |parameter )")
# pg_dump says nothing of foreign keys whose triggers a superuser disabled
_NOT_IN_A_DUMP = ("not enforced as usual",)
_CAUSE = re.compile(r"(?:ERROR|FATAL|错误|致命错误):\s+(.*)")
_OF_TABLE = re.compile(r'contents of table "(.+?)" failed')
_MENDS = {
    re.compile("violates check constraint|检查约束"): say("postgresql.mend_check"),
    re.compile("violates foreign key constraint|外键约束"): say("postgresql.mend_foreign_key"),
    re.compile(""): say("postgresql.mend_target_untouched"),
}
"""By what a program said, the first that fits."""


def back_up(part: Part, hands: Hands) -> Facts:
    """Dumps from one snapshot of the source, restores on the target, compares rows and definitions with that snapshot. A line that
    drops is waited for, and all of it begun again. Raises StepFailed with every difference or with the cause, in words, of what a
    program could not do."""
    line = Line(part.name)
    return line.hold_on(lambda: _back_up(part, hands, line), Patience(say=hands.say, should_stop=hands.should_stop))


def _back_up(part: Part, hands: Hands, line: Line) -> Facts:
    names = names_of(part)
    folder = hands.folder / "backup" / part.name.encode("utf-8").hex() if "/" in part.name else hands.folder / "backup" / part.name
    shutil.rmtree(folder, ignore_errors=True)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with connect(part, "source") as holder, connect(part, "source") as source:
        line.reached()
        holder.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        snapshot = str(scalar(holder, "SELECT pg_export_snapshot()"))
        size = _dump(part, hands, folder, snapshot, holder, source)
        expected = comparison.checksums(source, names, part.role, snapshot)
        emptied = _emptied_since(holder, source, names)
        definitions = fingerprint.read(holder, names)
        broken = broken_keys.look_at_keys(holder, names, part.role).broken_keys
        holder.execute("COMMIT")
        carried = _make_copy(part, source)
        with connect(part, "target", database=names.rehearsal) as copy:
            _restore(part, hands, folder, source, copy, broken)
            derived.refresh_views(source, copy, names, Patience(say=hands.say, should_stop=hands.should_stop))
            _let_rehearse(part, source, copy, carried)
            restored = comparison.checksums(copy, names, part.role)
            for name in emptied:
                expected.pop(name, None)
                restored.pop(name, None)
            differ = comparison.differences(expected, restored)
            differ += generated.find_stale(source, names, part.role, comparison.tables_that_differ(expected, restored))
            differ += [change.says for change in _changes(definitions, fingerprint.take(copy, names), broken)]
    if emptied:
        hands.say(str(say("postgresql.emptied_meanwhile", name=part.name, tables=tuple(emptied))))
    if differ:
        raise StepFailed(
            say("postgresql.backup_differs", count=len(differ), some=tuple(differ[:SHOWN])),
            where=part.name,
            remedy=say("postgresql.backup_none"),
        )
    rows = sum(table.rows for table in expected.values())
    return {"bytes": size, "tables": len(expected), "rows": rows, "folder": str(folder), "snapshot": snapshot, "state": f"snapshot {snapshot}"}


def _emptied_since(holder: Connection, source: Connection, names: Names) -> list[str]:
    """Tables that somebody truncated since the snapshot: a snapshot does not see what stood in them, so there is nothing to
    compare with. ``holder`` holds the snapshot, ``source`` sees what is now."""
    files = "SELECT oid, relfilenode FROM pg_class WHERE relkind = 'r'"
    then, now = (dict(connection.execute(files).fetchall()) for connection in (holder, source))
    return [str(table) for table in carried_tables(source, names) if now.get(table.oid) != then.get(table.oid)]


def _dump(part: Part, hands: Hands, folder: Path, snapshot: str, holder: Connection, source: Connection) -> int:
    asked = DumpProgress(source, source, "backup", hands.progress)
    try:
        return dumps.dump(dsn_of(part, "source"), names_of(part), folder, hands.register, snapshot=snapshot, asked=asked)
    except Stopped:
        raise
    except ToolError as error:
        raise StepFailed(
            say("postgresql.no_backup", name=part.name, why=_why(error, holder)), where=part.name, remedy=say("postgresql.mend_migrate")
        ) from error


def _why(error: ToolError, holder: Connection) -> Words:
    """The cause instead of its consequence: a snapshot is invalid because its session was ended."""
    try:
        holder.execute("SELECT 1")
    except psycopg.Error as ended:
        return say("postgresql.snapshot_ended", said=words_of(ended))
    return _cause(error)


def _cause(error: ToolError) -> Words:
    causes = list(dict.fromkeys(match.group(1).strip() for match in _CAUSE.finditer(kept(error.says))))
    tables = list(dict.fromkeys(_OF_TABLE.findall(kept(error.says))))
    return "; ".join([*tables, *causes]) if causes else error.says


def _make_copy(part: Part, source: Connection) -> list[str]:
    """The empty throwaway database, and the roles that it needs."""
    names = names_of(part)
    with connect(part, "target", database="postgres") as server:
        drop_copy(part)
        carried = target_side.roles_to_carry(source, server, part)
        existing = {role.name for role in roles.read_roles(server, carried)}
        dumps.create_throwaway_role(server, names.rehearsal, secrets.token_urlsafe(24))
        dumps.create_database(server, names.rehearsal, like=source)
        owner = scalar(source, "SELECT pg_get_userbyid(datdba)::text FROM pg_database WHERE datname = current_database()")
    with connect(part, "target", database=names.rehearsal) as copy:
        records.install_schema(copy, names, is_open=True, connection_limit=-1)
        with copy.transaction():
            records.remember(copy, names, "made", [("role", name) for name in carried if name not in existing])
            roles.copy_roles(source, copy, carried)
        if owner in carried:
            copy.execute(sql.SQL("ALTER DATABASE {} OWNER TO {}").format(sql.Identifier(names.rehearsal), sql.Identifier(owner)))
    return carried


def _restore(part: Part, hands: Hands, folder: Path, source: Connection, copy: Connection, broken: list[ValidKey]) -> None:
    names = names_of(part)

    try:
        dumps.restore(
            folder, dsn_of(part, "target", database=names.rehearsal), names, hands.register,
            server_version=copy.info.server_version, path=functions.path_to_find(source, names, part.role),
            begun=lambda: beginnings.begin_like(source, copy, names),
            extended=lambda: functions.carry_altered_members(source, copy),
            between=lambda: functions.hold_functions(copy, names, functions.path_of(source, part.role), like=source),
            without={key.oid for key in broken},
            asked=DumpProgress(source, copy, "restore", hands.progress),
        )  # fmt: skip
        functions.free_functions(copy, names)
        broken_keys.set_unvalidated(copy, broken)
        foreign_keys.name_like(source, copy, names)
    except Stopped:
        raise
    except ToolError as error:
        raise StepFailed(
            say("postgresql.no_restore", name=part.name, why=_cause(error)),
            where=part.name,
            remedy=next(mend for pattern, mend in _MENDS.items() if pattern.search(kept(error.says))),
        ) from error


def _let_rehearse(part: Part, source: Connection, copy: Connection, carried: Collection[str]) -> None:
    """The throwaway role works with the application's rights and settings, under a password of its own."""
    names = names_of(part)
    settings_kept.copy_settings(source, copy, carried, everybody=False)
    if not part.role:
        return
    rehearsal = sql.Identifier(names.rehearsal)
    copy.execute(sql.SQL("GRANT {} TO {}").format(sql.Identifier(part.role), rehearsal))
    own = [setting for setting in settings_kept.read_settings(source) if setting.role == part.role]
    for setting in sorted(own, key=lambda setting: setting.in_database):
        copied = Setting(names.rehearsal, True, setting.name, setting.value)
        copy.execute(settings_kept.set_statement(names.rehearsal, copied))
    become = sql.SQL("ALTER ROLE {} IN DATABASE {} SET role TO {}")
    copy.execute(become.format(rehearsal, rehearsal, sql.Identifier(part.role)))


def _changes(before: fingerprint.Fingerprint, after: fingerprint.Fingerprint, broken: list[ValidKey]) -> list[Change]:
    told = {thing for key in broken for thing in key.objects}  # preflight named them
    return [
        change
        for change in fingerprint.changes(before, after, restored=True)
        if not _OF_THE_CLUSTER.match(change.object) and change.part not in _NOT_IN_A_DUMP and change.object not in told
    ]


def backed_up(part: Part) -> bool:
    """Whether the throwaway copy stands; a server that does not answer has none."""
    try:
        with connect(part, "target", database="postgres") as server:
            return dumps.database_exists(server, names_of(part).rehearsal)
    except Exception:  # noqa: BLE001 - no target, no server: no copy
        return False


def drop_copy(part: Part) -> None:
    """Removes the throwaway database, its role, and roles that were made for it and that the copy proper does not use."""
    names = names_of(part)
    with connect(part, "target", database="postgres") as server:
        made: list[str] = []
        if dumps.database_exists(server, names.rehearsal):
            with connect(part, "target", database=names.rehearsal) as copy:
                made = records.made(copy, names, "role")
        dumps.drop_database(server, names.rehearsal)
        dumps.drop_role(server, names.rehearsal)
        if not dumps.database_exists(server, part.name):
            for name in made:
                dumps.drop_role(server, name)
