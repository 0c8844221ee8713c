"""Replica identities: by what the other side finds a row that was updated or deleted.

A publication makes the application's own UPDATE and DELETE fail on a table that has none, so every table gets one before it
is published: its key, else a unique index without nulls, else the whole row where every column has an equality. What was
changed is written down in our schema first, and put back exactly.
"""

from __future__ import annotations

from dataclasses import dataclass

import psycopg
from psycopg import sql

from orchestrator.errors import Finding
from orchestrator.movers.postgresql import records
from orchestrator.movers.postgresql.connections import Connection
from orchestrator.movers.postgresql.names import Names
from orchestrator.movers.postgresql.relations import Table, carried_tables
from orchestrator.movers.postgresql.waiting import Patience, Statement, with_short_lock
from orchestrator.texts import say

_USABLE = "i.indisunique AND i.indimmediate AND i.indisvalid AND i.indpred IS NULL AND i.indexprs IS NULL"
_INDEXES = f"""
SELECT i.indrelid, ci.relname::text, i.indisprimary, i.indisreplident, i.indnkeyatts
FROM pg_index i JOIN pg_class ci ON ci.oid = i.indexrelid
WHERE i.indrelid = ANY(%s::oid[]) AND {_USABLE} AND NOT EXISTS (
  SELECT 1 FROM unnest((i.indkey::int2[])[0:i.indnkeyatts - 1]) AS k(attnum)
  JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum WHERE NOT a.attnotnull OR a.attgenerated <> '')
ORDER BY i.indrelid, i.indisprimary DESC, i.indnkeyatts, pg_relation_size(i.indexrelid), ci.relname
"""
_GENERATED_KEYS = """
SELECT i.indrelid, string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum) FROM pg_index i
JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey) AND a.attgenerated <> ''
WHERE i.indisprimary AND i.indrelid = ANY(%s::oid[]) GROUP BY 1
"""
"""A generated column does not flow, and by a primary key that has one the other side looks for rows, whatever their identity is."""
_COLUMNS = """
SELECT a.attrelid, a.attname::text, format_type(a.atttypid, NULL) FROM pg_attribute a
WHERE a.attrelid = ANY(%s::oid[]) AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = '' ORDER BY 1, a.attnum
"""


@dataclass(frozen=True)
class Given:
    """What a table needs before it may be published."""

    table: Table
    by: str
    """``DEFAULT`` (its key), ``FULL`` (the whole row) or ``USING INDEX``."""
    index: str = ""


def plan_identities(connection: Connection, names: Names) -> tuple[list[Given], list[Finding]]:
    """What has to be given to which table, and which tables can have none (each a reason to refuse). Reads only."""
    tables = carried_tables(connection, names)
    indexes = _usable_indexes(connection, [table.oid for table in tables])
    without: list[Table] = []
    given: list[Given] = []
    for table in tables:
        usable = indexes.get(table.oid, [])
        has_key = any(primary for _, primary, _ in usable)
        has_index = any(identity for _, _, identity in usable)
        if (table.identity == "d" and has_key) or (table.identity == "i" and has_index):
            continue
        if has_key:  # not by the key's index: both sides shall look the same, whatever a dump carries of the old identity
            given.append(Given(table, "DEFAULT"))
        elif usable:
            given.append(Given(table, "USING INDEX", usable[0][0]))
        else:
            without.append(table)
    unequal = _without_equality(connection, [table.oid for table in without])
    given += [Given(table, "FULL") for table in without if table.oid not in unequal and table.identity != "f"]
    findings = [_refusal(connection, table, unequal[table.oid], names) for table in without if table.oid in unequal]
    generated = dict(connection.execute(_GENERATED_KEYS, ([table.oid for table in tables],)).fetchall())
    findings += [_generated(table, generated[table.oid], names) for table in tables if table.oid in generated]
    return given, findings


def _generated(table: Table, columns: str, names: Names) -> Finding:
    says = say("postgresql.generated_key", table=str(table), columns=columns)
    return Finding("generated-key", "error", says, say("postgresql.ordinary_key"), system=names.system)


def _usable_indexes(connection: Connection, oids: list[int]) -> dict[int, list[tuple[str, bool, bool]]]:
    found: dict[int, list[tuple[str, bool, bool]]] = {}
    for oid, name, primary, identity, _ in connection.execute(_INDEXES, (oids,)).fetchall():
        found.setdefault(oid, []).append((name, primary, identity))
    return found


def _without_equality(connection: Connection, oids: list[int]) -> dict[int, list[str]]:
    """Tables (oids) → their columns whose type has no equality: the other side could not find a row by it. The server is asked
    for each type, by the very look-up that its worker makes, so that arrays, domains and composites are answered too."""
    unequal: dict[int, list[str]] = {}
    answers: dict[str, bool] = {}
    for oid, column, type_name in connection.execute(_COLUMNS, (oids,)).fetchall():
        if type_name not in answers:
            answers[type_name] = _has_equality(connection, type_name)
        if not answers[type_name]:
            unequal.setdefault(oid, []).append(f"{column} ({type_name})")
    return unequal


def _has_equality(connection: Connection, type_name: str) -> bool:
    try:
        with connection.transaction():
            # format_type has quoted it; a superuser's path holds nothing but the system's schema here, so the name is whole
            connection.execute(sql.SQL("SELECT DISTINCT NULL::{}").format(sql.SQL(type_name)))
    except (psycopg.errors.UndefinedFunction, psycopg.errors.FeatureNotSupported):
        return False
    return True


def _refusal(connection: Connection, table: Table, columns: list[str], names: Names) -> Finding:
    row = connection.execute(
        "SELECT pg_size_pretty(pg_total_relation_size(%s)), reltuples::bigint FROM pg_class WHERE oid = %s", (table.oid, table.oid)
    ).fetchone()
    size, rows = row or ("?", 0)
    about = say("postgresql.about", rows=rows) if rows and rows > 0 else ""
    return Finding(
        code="no-identity",
        severity="error",
        says=say("postgresql.no_key", table=str(table), size=size, about=about, columns=tuple(columns)),
        mend=say("postgresql.give_key"),
        system=names.system,
    )


def give_identities(connection: Connection, names: Names, patience: Patience) -> list[str]:
    """Gives what ``plan_identities`` says, one table at a time under a short lock; returns all that were given one so far."""
    given, _ = plan_identities(connection, names)
    for one in given:
        patience.look_up(f"replica identity of {one.table}")
        records.remember(connection, names, "identity_before", [_before(connection, one.table)])
        with_short_lock(connection, [_statement(one)], [one.table.oid], patience, where=f"replica identity of {one.table}")
    return [f"{row[0]}.{row[1]}" for row in records.remembered(connection, names, "identity_before")]


def _before(connection: Connection, table: Table) -> tuple[str, str, str, str | None]:
    row = connection.execute(
        "SELECT ci.relname::text FROM pg_index i JOIN pg_class ci ON ci.oid = i.indexrelid WHERE i.indrelid = %s AND i.indisreplident",
        (table.oid,),
    ).fetchone()
    return (table.schema, table.name, table.identity, row[0] if row else None)


def _statement(given: Given) -> sql.Composed:
    index = sql.Identifier(given.index) if given.index else sql.SQL("")
    table = sql.Identifier(given.table.schema, given.table.name)
    return sql.SQL("ALTER TABLE {} REPLICA IDENTITY {} {}").format(table, sql.SQL(given.by), index)


def put_back_identities(connection: Connection, names: Names, patience: Patience, *, limit: float = 120.0) -> None:
    """Puts back what ``give_identities`` changed, table by table; what is done is forgotten, so that an interrupted undo goes
    on where it stood. Raises StepFailed naming who holds a table."""
    tables = {(table.schema, table.name): table for table in carried_tables(connection, names)}
    for schema, name, identity, index in records.remembered(connection, names, "identity_before"):
        forget = sql.SQL("DELETE FROM {} WHERE schema_name = {} AND table_name = {}").format(
            names.table("identity_before"), sql.Literal(schema), sql.Literal(name)
        )
        table = tables.get((schema, name))
        statements: list[Statement] = [forget] if table is None else [*_back(table, identity, index), forget]
        oids = [table.oid] if table else []
        with_short_lock(connection, statements, oids, patience, where=f"replica identity of {schema}.{name}", limit=limit)


def _back(table: Table, identity: str, index: str | None) -> list[Statement]:
    target = sql.Identifier(table.schema, table.name)
    if identity == "i" and index is not None:
        return [sql.SQL("ALTER TABLE {} REPLICA IDENTITY USING INDEX {}").format(target, sql.Identifier(index))]
    word = {"d": "DEFAULT", "f": "FULL", "n": "NOTHING", "i": "NOTHING"}[identity]
    statements: list[Statement] = [sql.SQL("ALTER TABLE {} REPLICA IDENTITY {}").format(target, sql.SQL(word))]
    if identity == "i":
        # it named an index that was dropped since: no statement leads back there, and the catalogue's letter is all that it was
        statements.append(sql.SQL("UPDATE pg_class SET relreplident = 'i' WHERE oid = {}").format(sql.Literal(table.oid)))
    return statements
