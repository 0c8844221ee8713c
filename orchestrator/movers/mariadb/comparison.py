"""Contents of every table at one moment: how many rows, and two sums over a hash of each.

A column is hashed in a form that does not depend on the session: texts by the bytes that are stored, numbers and moments
as they are written. The sums do not depend on the order of rows, and equal rows do not cancel each other out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from orchestrator.movers.mariadb.connections import Connection, fill
from orchestrator.movers.names import Names
from orchestrator.texts import Words, say

Sum = tuple[int, str]
"""Rows, and the two sums as text."""

_COLUMNS = """
SELECT c.table_name, c.column_name, c.data_type FROM information_schema.columns c JOIN information_schema.tables t
  ON t.table_schema = c.table_schema AND t.table_name = c.table_name
WHERE c.table_schema = %s AND t.table_type = 'BASE TABLE' ORDER BY c.table_name, c.ordinal_position
"""
_BY_BYTES = frozenset({
    "char", "varchar", "tinytext", "text", "mediumtext", "longtext", "binary", "varbinary", "tinyblob", "blob", "mediumblob",
    "longblob", "enum", "set",
})  # fmt: skip
AS_WRITTEN = frozenset({
    "tinyint", "smallint", "mediumint", "int", "bigint", "decimal", "float", "double", "bit", "date", "time", "year", "datetime",
    "timestamp", "uuid", "inet4", "inet6",
})  # fmt: skip
KNOWN = _BY_BYTES | AS_WRITTEN
"""Types whose values are carried and compared; others are refused ahead."""


def list_columns(connection: Connection, names: Names) -> dict[str, list[tuple[str, str]]]:
    """Table → (column, type), in order."""
    tables: dict[str, list[tuple[str, str]]] = {}
    for table, column, kind in connection.execute(_COLUMNS, names.database):
        tables.setdefault(str(table), []).append((str(column), str(kind).lower()))
    return tables


def _form(column: str, kind: str) -> str:
    place = fill("{}", column)
    if kind in _BY_BYTES:  # a hash of each: HEX of a large value would be larger than a packet may be, and so NULL
        value = f"MD5({place})"
    elif kind == "bit":
        value = f"HEX({place} + 0)"
    elif kind == "float":  # as text it is rounded to six digits
        value = f"CAST(CAST({place} AS DOUBLE) AS CHAR)"
    else:
        value = f"CAST({place} AS CHAR)"
    return f"IFNULL(CONCAT('=', {value}), '-')"


def sum_table(connection: Connection, names: Names, table: str, columns: Iterable[tuple[str, str]]) -> Sum:
    """Of what the connection's transaction sees."""
    row = ", ',', ".join(_form(column, kind) for column, kind in columns)
    hashed = f"MD5(CONCAT({row}))"
    sums = ", '/', ".join(
        f"IFNULL(SUM(CAST(CONV({part}({hashed}, 15), 16, 10) AS DECIMAL(20))), 0)" for part in ("LEFT", "RIGHT")
    )
    ((rows, text),) = connection.execute(f"SELECT COUNT(*), CONCAT({sums}) FROM " + fill("{}", [names.database, table]))
    return int(rows), str(text)


def sum_all(connection: Connection, names: Names, tell: Callable[[int, int], None]) -> dict[str, Sum]:
    """Every table. ``tell``: how many are done, of how many."""
    tables = list_columns(connection, names)
    found = {}
    for number, (table, columns) in enumerate(tables.items()):
        tell(number, len(tables))
        found[table] = sum_table(connection, names, table, columns)
    return found


def differences(here: Mapping[str, Sum], there: Mapping[str, Sum]) -> list[Words]:
    """Each table that is not the same, in words."""
    found: list[Words] = []
    for table in sorted({*here, *there}):
        if table not in here or table not in there:
            found.append(say("mariadb.table_one_side", table=table))
        elif here[table] != there[table]:
            rows, others = here[table][0], there[table][0]
            differ = say("mariadb.rows_differ", table=table, rows=rows, others=others)
            found.append(differ if rows != others else say("mariadb.contents_differ", table=table, rows=rows))
    return found
