"""Functions that rows need: those of checks, generated columns, indexes and statistics, and what an index is ordered by.

An ordinary one finds its tables, types and other functions by the application's ``search_path``. A restore and a
subscription's worker have none, so each row would fail with "does not exist". On the side that follows such a function gets
the application's path for the time of following; what it was is written down and put back before that side is opened.

The other half are functions of extensions whose attributes were altered (``ALTER FUNCTION unaccent(text) IMMUTABLE``, so that
an index may use it): no dump carries that.
"""

from __future__ import annotations

from psycopg import sql

from orchestrator.movers.postgresql import records
from orchestrator.movers.postgresql.connections import Connection
from orchestrator.movers.postgresql.names import Names
from orchestrator.movers.postgresql.settings_kept import find_stored, split_words

_OF_ROWS = """
SELECT d.refclassid, d.refobjid FROM pg_depend d WHERE d.refclassid IN ('pg_proc'::regclass, 'pg_operator'::regclass) AND (
  d.classid IN ('pg_constraint'::regclass, 'pg_statistic_ext'::regclass)
  OR d.classid = 'pg_class'::regclass AND d.objid IN (SELECT oid FROM pg_class WHERE relkind IN ('i', 'I', 'r', 'p'))
  OR d.classid = 'pg_attrdef'::regclass AND d.objid IN (SELECT f.oid FROM pg_attrdef f JOIN pg_attribute a
    ON a.attrelid = f.adrelid AND a.attnum = f.adnum WHERE a.attgenerated <> ''))
"""
_NEEDED = f"""
WITH of_rows AS ({_OF_ROWS}), needed AS (
  SELECT refobjid AS oid FROM of_rows WHERE refclassid = 'pg_proc'::regclass
  UNION SELECT o.oprcode FROM of_rows JOIN pg_operator o ON refclassid = 'pg_operator'::regclass AND o.oid = refobjid
  UNION SELECT amproc FROM pg_amproc
  UNION SELECT unnest(ARRAY[rngsubdiff, rngcanonical]) FROM pg_range)
SELECT n.nspname::text, p.proname::text, pg_get_function_identity_arguments(p.oid)
FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace JOIN pg_language l ON l.oid = p.prolang
WHERE p.oid IN (SELECT oid FROM needed) AND p.oid >= 16384 AND p.prokind = 'f' AND l.lanname NOT IN ('c', 'internal')
  AND p.prosqlbody IS NULL AND NOT EXISTS (SELECT 1 FROM unnest(p.proconfig) AS c WHERE c LIKE 'search_path=%%')
  AND n.nspname NOT IN ('pg_catalog', 'information_schema', %(ours)s) ORDER BY 1, 2, 3
"""
_DEFINITION = """
SELECT pg_get_functiondef(p.oid), EXISTS (SELECT 1 FROM unnest(p.proconfig) AS c WHERE c LIKE 'search_path=%%')
FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
WHERE n.nspname = %s AND p.proname = %s AND pg_get_function_identity_arguments(p.oid) = %s
"""
_TABLE = """
CREATE TABLE IF NOT EXISTS {} (schema_name text, function_name text, arguments text, before text NOT NULL, during text NOT NULL,
  PRIMARY KEY (schema_name, function_name, arguments))
"""
_MEMBERS = """
SELECT n.nspname::text, p.proname::text, pg_get_function_identity_arguments(p.oid), p.provolatile::text, p.proparallel::text,
  p.proleakproof, p.prosecdef, p.proisstrict, p.procost::float8, p.prorows::float8
FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
JOIN pg_depend x ON x.classid = 'pg_proc'::regclass AND x.objid = p.oid AND x.deptype = 'e' WHERE p.prokind = 'f'
"""
_WORDS: dict[int, dict[object, str]] = {
    3: {"i": "IMMUTABLE", "s": "STABLE", "v": "VOLATILE"},
    4: {"s": "PARALLEL SAFE", "r": "PARALLEL RESTRICTED", "u": "PARALLEL UNSAFE"},
    5: {True: "LEAKPROOF", False: "NOT LEAKPROOF"},
    6: {True: "SECURITY DEFINER", False: "SECURITY INVOKER"},
    7: {True: "STRICT", False: "CALLED ON NULL INPUT"},
}
"""Column of ``_MEMBERS`` → what ALTER FUNCTION calls its values."""


def path_of(connection: Connection, role: str) -> list[str]:
    """The schemas in which a new session of ``role`` (the application's) looks."""
    words = split_words(find_stored(connection, role, "search_path") or '"$user", public')
    return [role if word == "$user" else word for word in words if word != "$user" or role]


def let_find(connection: Connection, names: Names, role: str) -> None:
    """In the transaction that is open, functions that are not held find what they need: a planner that merely looks at an index
    unfolds them. The system's schema stays first, so nobody's function answers in place of the system's."""
    path = path_to_find(connection, names, role)
    if path:
        listed = sql.SQL(", ").join(sql.Identifier(word) for word in path)
        connection.execute(sql.SQL("SET LOCAL search_path TO ") + listed)


def path_to_find(connection: Connection, names: Names, role: str) -> list[str]:
    """The schemas for a session in which such functions find what they need; none where there are no such functions."""
    needed = connection.execute(_NEEDED, {"ours": names.schema}).fetchall()
    if not needed:
        return []
    return ["pg_catalog", *path_of(connection, role), *sorted({schema for schema, _, _ in needed}), "pg_temp"]


def hold_functions(connection: Connection, names: Names, path: list[str], *, like: Connection | None = None) -> list[str]:
    """On a side that is closed and will follow, or is just being restored: gives them ``path`` and their own schema. Returns
    their names. ``like``: the side that says which they are, where indexes do not stand here yet. Again is fine."""
    needed = (like or connection).execute(_NEEDED, {"ours": names.schema}).fetchall()
    if not needed:
        return []
    with connection.transaction():
        connection.execute(sql.SQL(_TABLE).format(names.table("function_held")))
        for function in needed:
            before, is_held = connection.execute(_DEFINITION, function).fetchall()[0]
            if is_held:
                continue
            words = path if function[0] in path else [*path, function[0]]
            listed = sql.SQL(", ").join(sql.Identifier(word) for word in words)
            connection.execute(_named("ALTER FUNCTION {} SET search_path TO ", *function) + listed)
            during = connection.execute(_DEFINITION, function).fetchall()[0][0]
            records.remember(connection, names, "function_held", [(*function, before, during)])
    return [f"{schema}.{name}({arguments})" for schema, name, arguments in needed]


def free_functions(connection: Connection, names: Names) -> None:
    """Puts back what was held, in one transaction: before a side opens, and in every undo. Nothing held is fine."""
    held = held_functions(connection, names)
    if not held:
        return
    with connection.transaction():
        for schema, name, arguments, _, _ in held:
            connection.execute(_named("ALTER FUNCTION {} RESET search_path", schema, name, arguments))
        connection.execute(sql.SQL("DELETE FROM {}").format(names.table("function_held")))


def held_functions(connection: Connection, names: Names) -> list[tuple[str, str, str, str, str]]:
    """(schema, name, arguments, definition before, definition while it is held) of what is held and still there."""
    query = "SELECT 1 FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = %s AND c.relname = 'function_held'"
    if connection.execute(query, (names.schema,)).fetchone() is None:
        return []
    there = (
        "SELECT h.* FROM {} h WHERE EXISTS (SELECT 1 FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace"
        " WHERE n.nspname = h.schema_name AND p.proname = h.function_name AND pg_get_function_identity_arguments(p.oid) = h.arguments)"
    )
    return sorted(connection.execute(sql.SQL(there).format(names.table("function_held"))).fetchall())


def carry_altered_members(source: Connection, target: Connection) -> list[str]:
    """Functions of extensions that were altered on the source are altered on the target; returns their names."""
    there = {tuple(row[:3]): row for row in target.execute(_MEMBERS).fetchall()}
    carried = []
    for row in source.execute(_MEMBERS).fetchall():
        other = there.get(tuple(row[:3]))
        if other is None or other == row:
            continue
        words: list[sql.Composable] = [sql.SQL(values[row[column]]) for column, values in _WORDS.items() if row[column] != other[column]]
        words += [sql.SQL("COST {}").format(sql.Literal(row[8]))] if row[8] != other[8] else []
        words += [sql.SQL("ROWS {}").format(sql.Literal(row[9]))] if row[9] != other[9] else []
        target.execute(_named("ALTER FUNCTION {} ", *row[:3]) + sql.SQL(" ").join(words))
        carried.append(f"{row[0]}.{row[1]}({row[2]})")
    return carried


def _named(statement: str, schema: str, name: str, arguments: str) -> sql.Composed:
    """``arguments``: as the server itself writes them for a session without a path, so they are quoted and whole."""
    signature = sql.Identifier(schema, name) + sql.SQL("({})").format(sql.SQL(arguments))
    return sql.SQL(statement).format(signature)
