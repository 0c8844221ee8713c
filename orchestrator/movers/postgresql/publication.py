"""What flows: the application's tables and our marker, by name, in one publication a direction.

Partitions are published themselves, not through their root: both sides have the same ones (the schema is frozen), and a root
may have foreign tables below it, which cannot be published. The trial runs in the publishing transaction: a table whose
UPDATE or DELETE would fail is found before anybody else can see the publication.
"""

from __future__ import annotations

import psycopg
from psycopg import sql

from orchestrator.errors import Finding, Refused
from orchestrator.movers.postgresql import functions
from orchestrator.movers.postgresql.connections import Connection, scalar
from orchestrator.movers.postgresql.names import Names
from orchestrator.movers.postgresql.relations import Table, carried_tables
from orchestrator.movers.postgresql.waiting import Patience, with_short_lock
from orchestrator.texts import say

_MARKED = "SELECT coalesce(obj_description(oid, 'pg_publication'), '') = %s FROM pg_publication WHERE pubname = %s"

_FIRST_COLUMNS = """
SELECT attrelid, (array_agg(attname::text ORDER BY attnum))[1] FROM pg_attribute
WHERE attrelid = ANY(%s::oid[]) AND attnum > 0 AND NOT attisdropped GROUP BY attrelid
"""


def is_published(connection: Connection, names: Names, name: str) -> bool:
    """Whether our publication is there, with our mark."""
    return bool(scalar(connection, _MARKED, names.mark, name))


def publish(connection: Connection, names: Names, name: str, patience: Patience, *, role: str) -> int:
    """Publishes the application's tables and the marker; returns how many tables. ``role``: the application's. Raises Refused, with nothing published, where
    the application's own UPDATE or DELETE would fail afterwards."""
    tables = carried_tables(connection, names)
    if is_published(connection, names, name):
        return len(tables)
    listed = sql.SQL(", ").join(
        sql.SQL("ONLY {}").format(sql.Identifier(*place))  # children and partitions stand here on their own
        for place in [*((table.schema, table.name) for table in tables), (names.schema, "marker")]
    )
    identifier = sql.Identifier(name)
    create = sql.SQL("CREATE PUBLICATION {} FOR TABLE {}").format(identifier, listed)
    mark = sql.SQL("COMMENT ON PUBLICATION {} IS {}").format(identifier, sql.Literal(names.mark))

    def refuse_harm() -> None:
        """What it raises rolls the publication back."""
        functions.let_find(connection, names, role)
        findings = try_writing(connection, tables, names)
        if findings:
            raise Refused(say("postgresql.would_break", database=names.database), findings=findings, where=names.database)

    oids = [table.oid for table in tables]
    with_short_lock(connection, [create, mark], oids, patience, where=f"publication of {names.database}", then=refuse_harm)
    return len(tables)


def try_writing(connection: Connection, tables: list[Table], names: Names) -> list[Finding]:
    """Asks the server for the plan of an UPDATE and a DELETE of every table: with it comes the executor's own check that a
    published table can be written, while no row is touched and no trigger or rule fires. Call it in a transaction."""
    findings = []
    connection.execute("SET LOCAL session_replication_role = replica")  # a rule would hide the table itself
    first_columns = dict(connection.execute(_FIRST_COLUMNS, ([table.oid for table in tables],)).fetchall())
    for table in tables:
        target = sql.Identifier(table.schema, table.name)
        trial = sql.SQL("EXPLAIN DELETE FROM ONLY {}").format(target)
        if table.oid in first_columns:
            column = sql.Identifier(first_columns[table.oid])
            trial += sql.SQL("; EXPLAIN UPDATE ONLY {} SET {} = DEFAULT").format(target, column)
        try:
            with connection.transaction(force_rollback=True):  # nothing was done, and the locks on its indexes are not kept
                connection.execute(trial)
        except psycopg.errors.ObjectNotInPrerequisiteState as error:
            message = say("postgresql.table_says", table=str(table), said=str(error.diag.message_primary))
            remedy = say("postgresql.give_deferrable_key")
            findings.append(Finding("write-would-fail", "error", message, remedy, system=names.system))
    return findings


def unpublish(connection: Connection, names: Names, name: str) -> None:
    """Drops our publication; none there is fine, and somebody else's of that name stays."""
    if is_published(connection, names, name):
        connection.execute(sql.SQL("DROP PUBLICATION {}").format(sql.Identifier(name)))
