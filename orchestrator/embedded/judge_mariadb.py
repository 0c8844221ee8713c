"""How the judge reads a MariaDB database: one snapshot, read-only. Shares no code with the engine."""

from __future__ import annotations

import hashlib
import re
from types import TracebackType
from typing import Any, Self
from urllib.parse import unquote, urlsplit

import pymysql

SCHEME = "mariadb://"
_NEXT_NUMBER = re.compile(r" AUTO_INCREMENT=\d+")
"""In a table's definition: where its numbers stand, which is no promise."""


class MariadbDatabase:
    """One side, as it is at one moment, by ``mariadb://ROLE:PASSWORD@HOST:PORT/NAME``. Use as a context. Raises pymysql.err.Error."""

    def __init__(self, dsn: str) -> None:
        parts = urlsplit(dsn)
        self._name = parts.path.removeprefix("/")
        self._connection = pymysql.connect(
            host=parts.hostname, port=parts.port or 3306, user=parts.username, password=unquote(parts.password or ""),
            database=self._name, charset="utf8mb4", connect_timeout=10,
        )  # fmt: skip
        self._ask("START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._connection.close()

    def _ask(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        with self._connection.cursor() as cursor:
            cursor.execute(query, values)
            return list(cursor.fetchall())

    def list_tables(self) -> list[str]:
        """Ordinary tables, sorted; a migration tool's own are in other databases."""
        query = "SELECT table_name FROM information_schema.tables WHERE table_schema = %s AND table_type = 'BASE TABLE' ORDER BY 1"
        return [str(name) for (name,) in self._ask(query, self._name)]

    def _list_columns(self, table: str) -> list[str]:
        query = "SELECT column_name FROM information_schema.columns WHERE table_schema = %s AND table_name = %s ORDER BY ordinal_position"
        return [str(name) for (name,) in self._ask(query, self._name, table)]

    def find_key(self, table: str) -> list[str]:
        """Columns of the primary key; empty when there is none."""
        query = (
            "SELECT column_name FROM information_schema.key_column_usage WHERE table_schema = %s AND table_name = %s"
            " AND constraint_name = 'PRIMARY' ORDER BY ordinal_position"
        )
        return [str(name) for (name,) in self._ask(query, self._name, table)]

    def read_rows(self, table: str, *, old: bool = False) -> list[tuple[str, str, int]]:
        """(key, md5 of the row, n) of every row in order; the key is the row's md5 in a table without a key, n is 0 without such a
        column. ``old``: only rows written before the load began (n < 0, or no such column)."""
        columns, key = self._list_columns(table), self.find_key(table)
        rows = []
        for values in self._ask(f"SELECT * FROM {_quote(table)}"):  # noqa: S608 - a table's own name, quoted
            row = dict(zip(columns, values, strict=True))
            number = int(row.get("n", 0))
            if old and "n" in row and number >= 0:
                continue
            digest = _md5(repr(values))
            rows.append(("|".join(str(row[name]) for name in key) if key else digest, digest, number))
        return sorted(rows)

    def read_numbers(self, table: str) -> list[int]:
        """Every citizen's number that is there, as often as it is there."""
        return [int(number) for (number,) in self._ask(f"SELECT n FROM {_quote(table)} WHERE n > 0")]  # noqa: S608 - as above

    def read_texts(self, table: str, column: str) -> list[tuple[int, str]]:
        """(number, md5 of its text) of every citizen's row."""
        query = f"SELECT n, {_quote(column)} FROM {_quote(table)} WHERE n > 0"  # noqa: S608 - as above
        return [(int(number), _md5(str(text))) for number, text in self._ask(query)]

    def read_signatures(self, table: str) -> list[tuple[int, str]]:
        """Nothing of MariaDB's in this city is signed."""
        raise NotImplementedError(table)

    def read_definitions(self) -> dict[str, str]:
        """What the database promises: each table, view, trigger and routine by its name."""
        found: dict[str, str] = {}
        kinds = (
            ("table", "SELECT table_name FROM information_schema.tables WHERE table_schema = %s", 1),
            ("trigger", "SELECT trigger_name FROM information_schema.triggers WHERE trigger_schema = %s", 2),
            ("procedure", "SELECT routine_name FROM information_schema.routines WHERE routine_schema = %s AND routine_type = 'PROCEDURE'", 2),
            ("function", "SELECT routine_name FROM information_schema.routines WHERE routine_schema = %s AND routine_type = 'FUNCTION'", 2),
        )
        for kind, query, column in kinds:
            for (name,) in self._ask(query, self._name):
                (shown,) = self._ask(f"SHOW CREATE {kind.upper()} {_quote(name)}")
                found[f"{kind} {name}"] = _NEXT_NUMBER.sub("", str(shown[column]))
        return found

    def find_sequences_behind(self) -> list[str]:
        """Tables whose next number has been given already, in words."""
        query = (
            "SELECT c.table_name, c.column_name, t.auto_increment FROM information_schema.columns c JOIN information_schema.tables t"
            " ON t.table_schema = c.table_schema AND t.table_name = c.table_name WHERE c.table_schema = %s AND c.extra LIKE '%%auto_increment%%'"
        )
        behind = []
        for table, column, following in self._ask(query, self._name):
            ((largest,),) = self._ask(f"SELECT MAX({_quote(column)}) FROM {_quote(table)}")  # noqa: S608 - as above
            if largest is not None and int(following) <= int(largest):
                behind.append(f"{table} goes on at {following}, {table}.{column} has {largest}")
        return behind


def _md5(text: str) -> str:
    return hashlib.md5(text.encode()).hexdigest()  # noqa: S324 - compared, not trusted


def _quote(name: str) -> str:
    return "`" + name.replace("`", "``") + "`"
