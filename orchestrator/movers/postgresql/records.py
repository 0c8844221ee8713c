"""What our own schema on a side remembers, so that an undo depends on nothing but the database itself: what was changed and how
it was before, what was created, what is held while the side follows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from psycopg import sql

from orchestrator.errors import Finding
from orchestrator.movers.postgresql.connections import Connection, scalar
from orchestrator.movers.postgresql.names import Names
from orchestrator.texts import say

_TABLES = """
CREATE SCHEMA IF NOT EXISTS {schema};
COMMENT ON SCHEMA {schema} IS {mark};
CREATE TABLE IF NOT EXISTS {schema}.control (
  id int PRIMARY KEY DEFAULT 1 CHECK (id = 1), open boolean NOT NULL, token bigint NOT NULL, attempt text NOT NULL,
  at timestamptz NOT NULL DEFAULT now(), connection_limit int NOT NULL DEFAULT -1);
CREATE TABLE IF NOT EXISTS {schema}.marker (id text PRIMARY KEY, at timestamptz NOT NULL DEFAULT now());
CREATE TABLE IF NOT EXISTS {schema}.probe (id int PRIMARY KEY, n bigint NOT NULL);
CREATE TABLE IF NOT EXISTS {schema}.identity_before (
  schema_name text, table_name text, identity text NOT NULL, index_name text, PRIMARY KEY (schema_name, table_name));
CREATE TABLE IF NOT EXISTS {schema}.trigger_held (
  schema_name text, table_name text, trigger_name text, enabled text NOT NULL, PRIMARY KEY (schema_name, table_name, trigger_name));
CREATE TABLE IF NOT EXISTS {schema}.made (kind text, name text, PRIMARY KEY (kind, name));
INSERT INTO {schema}.probe SELECT i, 0 FROM generate_series(1, 16) AS i ON CONFLICT DO NOTHING;
"""
"""``control``: the fence's (fence.py). ``marker``: rows that flow and show how far. ``probe``: what the probe writes.
``made``: what we created or changed beside tables, by kind."""


def schema_is_ours(connection: Connection, names: Names) -> bool | None:
    """Whether our schema is there and bears our mark; None: no schema of that name."""
    query = "SELECT coalesce(obj_description(oid, 'pg_namespace'), '') = %s FROM pg_namespace WHERE nspname = %s"
    ours = scalar(connection, query, names.mark, names.schema)
    return None if ours is None else bool(ours)


def names_taken(connection: Connection, names: Names) -> list[Finding]:
    """What bears a name of ours without our mark: it is never written to, and never dropped."""
    taken = []
    if schema_is_ours(connection, names) is False:
        taken.append(f"schema {names.schema}")
    publications = (
        "SELECT pubname::text FROM pg_publication WHERE pubname = ANY(%s) AND obj_description(oid, 'pg_publication') IS DISTINCT FROM %s"
    )
    for (name,) in connection.execute(publications, ([names.forward, names.back], names.mark)).fetchall():
        taken.append(f"publication {name}")
    triggers = "SELECT evtname::text FROM pg_event_trigger WHERE starts_with(evtname, %s) AND obj_description(oid, 'pg_event_trigger') IS DISTINCT FROM %s"
    for (name,) in connection.execute(triggers, (names.freeze, names.mark)).fetchall():
        taken.append(f"event trigger {name}")
    return [
        Finding(
            "our-name-taken",
            "error",
            say("postgresql.not_marked", database=names.database, what=what),
            say("postgresql.rename_or_drop"),
            system=names.system,
        )
        for what in taken
    ]


def install_schema(connection: Connection, names: Names, *, is_open: bool, connection_limit: int) -> None:
    """Our own schema on one side, marked, with its control row as observed: the source open, the target closed. Again is fine;
    a control row that is there stays. ``connection_limit`` is the application's own: what opening this side gives back."""
    with connection.transaction():
        connection.execute(sql.SQL(_TABLES).format(schema=sql.Identifier(names.schema), mark=sql.Literal(names.mark)))
        connection.execute(
            sql.SQL(
                "INSERT INTO {} (open, token, attempt, connection_limit) VALUES (%s, 0, 'prepared', %s) ON CONFLICT (id) DO NOTHING"
            ).format(names.table("control")),
            (is_open, connection_limit),
        )
        _take_rights(connection, names)


def _take_rights(connection: Connection, names: Names) -> None:
    """Default privileges of our own account may have given our tables to the application: who may write the control row opens
    a side."""
    given = connection.execute(
        "SELECT DISTINCT c.relname::text, a.grantee = 0, g.rolname::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace,"
        " aclexplode(c.relacl) a LEFT JOIN pg_roles g ON g.oid = a.grantee"
        " WHERE n.nspname = %s AND c.relkind = 'r' AND a.grantee <> c.relowner AND c.relname <> 'probe'",
        (names.schema,),
    ).fetchall()
    for table, everybody, role in given:
        whom = sql.SQL("PUBLIC") if everybody else sql.Identifier(role)
        connection.execute(sql.SQL("REVOKE ALL ON {} FROM {}").format(names.table(table), whom))


def let_probe(connection: Connection, names: Names, role: str) -> None:
    """The application's role may write the probe's rows."""
    connection.execute(sql.SQL("GRANT USAGE ON SCHEMA {} TO {}").format(sql.Identifier(names.schema), sql.Identifier(role)))
    connection.execute(sql.SQL("GRANT SELECT, UPDATE ON {} TO {}").format(names.table("probe"), sql.Identifier(role)))


def drop_schema(connection: Connection, names: Names) -> None:
    """Removes our schema, where it bears our mark."""
    if schema_is_ours(connection, names):
        connection.execute(sql.SQL("DROP SCHEMA {} CASCADE").format(sql.Identifier(names.schema)))


def has_records(connection: Connection, names: Names) -> bool:
    """Whether there is a memory to read."""
    found = "SELECT 1 FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = %s AND c.relname = 'made'"
    return scalar(connection, found, names.schema) is not None


def remember(connection: Connection, names: Names, table: str, rows: Iterable[Sequence[Any]]) -> None:
    """Adds rows to one of the tables above; what is there already stays as it was first written."""
    for row in rows:
        places = sql.SQL(", ").join([sql.Placeholder()] * len(row))
        connection.execute(sql.SQL("INSERT INTO {} VALUES ({}) ON CONFLICT DO NOTHING").format(names.table(table), places), tuple(row))


def remembered(connection: Connection, names: Names, table: str) -> list[tuple[Any, ...]]:
    """All rows of one of the tables above, sorted; none where our schema is not there."""
    if not has_records(connection, names):
        return []
    return sorted(connection.execute(sql.SQL("SELECT * FROM {}").format(names.table(table))).fetchall())


def made(connection: Connection, names: Names, kind: str) -> list[str]:
    """Names of what we created, by kind."""
    return [name for of_kind, name in remembered(connection, names, "made") if of_kind == kind]
