"""The target's database: made empty and closed, given the source's roles, row, settings and schema; nothing flows yet."""

from __future__ import annotations

from collections.abc import Collection

import psycopg
from psycopg import sql

from orchestrator.errors import Finding, Refused, StepFailed
from orchestrator.movers.contract import Hands, Part
from orchestrator.movers.postgresql import (
    beginnings,
    database_row,
    foreign_keys,
    functions,
    parameter_rights,
    records,
    retention,
    roles,
    row_checks,
    schema_copy,
    settings_kept,
    subscription,
)
from orchestrator.movers.postgresql.connections import Connection, scalar
from orchestrator.movers.postgresql.names import Names
from orchestrator.movers.postgresql.reach import connect, dsn_of, names_of
from orchestrator.texts import say

_CONFIGURED = "SELECT extname::text, extversion FROM pg_extension WHERE extconfig IS NOT NULL"
READY = "schema"
"""Kind of the record that says: the schema stands, whole."""


def roles_to_carry(source: Connection, server: Connection, part: Part) -> list[str]:
    """The roles that the target must have; the first superuser of both clusters, where they share its name, is each one's own."""
    own = {roles.first_superuser(server)} & {roles.first_superuser(source)}
    named = [part.role] if part.role else []
    return [name for name in roles.depended_on(source, named=named, ours=[names_of(part).schema]) if name not in own]


def refusals(part: Part, source: Connection, server: Connection) -> list[Finding]:
    """Why the target cannot take this database. Reads only."""
    names = names_of(part)
    found: list[Finding] = []
    mine = made_on_target(part, server)
    strange = roles.strangers(source, server, roles_to_carry(source, server, part), mine)
    for name, differ in strange.items():
        message = say("postgresql.role_differs", database=part.name, role=name, differ=tuple(differ))
        found.append(Finding("role-differs", "error", message, say("postgresql.make_alike"), system=part.system))
    if scalar(server, "SELECT 1 FROM pg_database WHERE datname = %s", part.name):
        with connect(part, "target") as there:
            if records.schema_is_ours(there, names) is not True:
                message = say("postgresql.database_there", name=part.name)
                found.append(Finding("target-database-exists", "error", message, say("postgresql.rename_it_or_drop"), system=part.system))
    return found


def made_on_target(part: Part, server: Connection) -> list[str]:
    """Roles that we created there in an earlier attempt, or for the restored backup: these may be made equal."""
    names = names_of(part)
    made: list[str] = []
    for database in (part.name, names.rehearsal):
        if scalar(server, "SELECT 1 FROM pg_database WHERE datname = %s", database):
            with connect(part, "target", database=database) as there:
                made += records.made(there, names, "role")
    return made


def make_database(part: Part, source: Connection, server: Connection, *, connection_limit: int) -> None:
    """The database, empty and closed, with our schema in it. One that an interrupted attempt of ours left unfinished is dropped
    first; nothing of it was ever live."""
    names = names_of(part)
    of_ours = made_on_target(part, server)
    if scalar(server, "SELECT 1 FROM pg_database WHERE datname = %s", part.name) and not _stands(part, source, names):
        _drop_ours(part, server, names)
    database_row.create_like(server, part.name, database_row.read_row(source))
    with connect(part, "target") as target:
        records.install_schema(target, names, is_open=False, connection_limit=connection_limit)
        records.remember(target, names, "made", [("role", name) for name in of_ours])


def _stands(part: Part, source: Connection, names: Names) -> bool:
    """Whether the schema was copied whole, and rows flow, through a slot that has kept all of them."""
    with connect(part, "target") as target:
        is_whole = bool(records.made(target, names, READY)) and subscription.is_subscribed(target, names.forward)
        return is_whole and retention.lost(source, names.forward) is None


def _drop_ours(part: Part, server: Connection, names: Names) -> None:
    with connect(part, "target") as target:
        empty = not scalar(target, "SELECT count(*) FROM pg_class WHERE oid >= 16384")  # created, and nothing more, by us
        if not empty:
            if records.schema_is_ours(target, names) is not True:
                finding = Finding(
                    "target-database-exists",
                    "error",
                    say("postgresql.database_there", name=part.name),
                    say("postgresql.rename_it_or_drop"),
                    system=part.system,
                )
                raise Refused(say("postgresql.stands_on_target", name=part.name), findings=[finding], where=part.name)
            if scalar(target, sql.SQL("SELECT open FROM {}").format(names.table("control"))):
                raise StepFailed(say("postgresql.open_on_target", name=part.name), where=part.name, remedy=say("postgresql.who_uses"))
        subscription.unsubscribe(target, names.forward)
        subscription.drop_slot(target, names.back)
    server.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(part.name)))


def is_there(part: Part) -> bool:
    """Whether the target has a database of this name. Raises what its server answers when it does not answer."""
    if part.target is None:
        return False
    with connect(part, "target", database="postgres") as server:
        return scalar(server, "SELECT 1 FROM pg_database WHERE datname = %s", part.name) is not None


def fill(part: Part, hands: Hands, source: Connection, target: Connection) -> list[str]:
    """Roles, schema, the database's row and settings; returns the roles. What was done in an earlier attempt is done again only
    where it is cheap and may have changed."""
    names = names_of(part)
    carried = roles_to_carry(source, target, part)
    mine = set(made_on_target(part, target))
    existing = {role.name for role in roles.read_roles(target, carried)} - mine
    with target.transaction():
        records.remember(target, names, "made", [("role", name) for name in carried if name not in existing])
        roles.copy_roles(source, target, carried)
        parameter_rights.copy_rights(source, target, carried)
    if not records.made(target, names, READY):
        archive = schema_copy.dump_schema(dsn_of(part, "source"), names, hands.folder, hands.register)
        path = functions.path_of(source, part.role)
        schema_copy.restore_schema(
            archive, dsn_of(part, "target"), names, hands.register, server_version=target.info.server_version,
            path=functions.path_to_find(source, names, part.role),
            begun=lambda: beginnings.begin_like(source, target, names),
            extended=lambda: functions.carry_altered_members(source, target),
            between=lambda: functions.hold_functions(target, names, path, like=source),
        )  # fmt: skip
        row_checks.lift_unvalidated(target, names)
        foreign_keys.lift_keys(source, target, names, part.role)
        records.remember(target, names, "made", [(READY, "copied")])
    database_row.copy_row(source, target)
    copy_settings(source, target, carried, part)
    return carried


def copy_settings(source: Connection, target: Connection, carried: Collection[str], part: Part) -> None:
    """The settings of the database and of the roles. Raises StepFailed naming what the target's server does not know."""
    try:
        settings_kept.copy_settings(source, target, carried, everybody=roles.is_alone_in_cluster(source))
    except psycopg.Error as error:
        raise StepFailed(
            say("postgresql.setting_not_given", name=part.name, said=error.diag.message_primary or str(error)), where=part.name,
            remedy=say("postgresql.reset_setting"),
        ) from error  # fmt: skip


def empty_configured(source: Connection, target: Connection, names: Names) -> None:
    """Tables of extensions whose rows are the application's flow like any other, so they begin empty: what the extension itself
    filled in comes from the source. Raises StepFailed where the two sides have different versions of it."""
    theirs = dict(target.execute(_CONFIGURED).fetchall())
    for name, version in source.execute(_CONFIGURED).fetchall():
        if theirs.get(name) != version:
            raise StepFailed(
                say("postgresql.extension_rows", name=name, version=version, there=str(theirs.get(name))),
                where=names.database, remedy=say("postgresql.same_on_both"),
            )  # fmt: skip
    rows = target.execute(
        "SELECT n.nspname::text, c.relname::text FROM pg_extension e, unnest(e.extconfig) AS t(oid) JOIN pg_class c ON c.oid = t.oid"
        " JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind = 'r'"
    ).fetchall()
    for schema, table in rows:
        target.execute(sql.SQL("DELETE FROM {}").format(sql.Identifier(schema, table)))
