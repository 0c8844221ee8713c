"""Plants the faults that the judge must find, behind the engine's back. Shares no code with the engine.

``live`` and ``other`` are superuser DSNs of the two sides. Every function returns what it did, in words, and raises ValueError
when there is nothing to damage. Plant all but ``slow`` when the load is held and the migration has ended.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from threading import Event, Thread
from typing import Any

import psycopg
from psycopg import sql

FAULTS = ("lost-write", "content", "row", "schema", "sequence", "file", "second-writer", "slow", "unsigned")
HOLD = 0.7
"""Seconds that one of the slow clients keeps its transaction open."""
SLOW_CLIENTS = 4
"""Staggered, so that at any moment one of them has most of its time before it: PAUSE waits for the longest."""


def lost_write(live: str, table: str) -> str:
    """Delete an acknowledged write on the live side (an armed replication carries the deletion: the ledger still knows)."""
    statement = sql.SQL("DELETE FROM {0} WHERE ctid = (SELECT ctid FROM {0} WHERE n > 0 ORDER BY n DESC LIMIT 1) RETURNING n")
    number = _one(live, statement, table)
    return f"deleted number {number} from {table}"


def row(live: str, table: str) -> str:
    """Change one old row on the live side without a trace in its numbers."""
    column = {"registrations": "owner", "requests": "body", "bulletins": "text", "parcels": "address"}.get(table)
    if column is None:
        raise ValueError(f"no column to damage is known in {table}")
    statement = sql.SQL("UPDATE {0} SET {1} = {1} || ' ' WHERE ctid = (SELECT min(ctid) FROM {0}) RETURNING {1}")
    _one(live, statement, table, column)
    return f"changed the first row of {table}"


def content(live: str, table: str) -> str:
    """Swap the texts of two acknowledged writes: every number is still there, once."""
    column = {"requests": "body", "bulletins": "text"}.get(table)
    if column is None:
        raise ValueError(f"no text that citizens sent is known in {table}")
    statement = sql.SQL(
        "WITH two AS (SELECT ctid AS place, n, {1} AS text FROM {0} WHERE n > 0 ORDER BY n LIMIT 2)"
        " UPDATE {0} AS t SET {1} = b.text FROM two AS a, two AS b WHERE t.ctid = a.place AND a.n <> b.n RETURNING t.n"
    )
    return f"swapped the texts of number {_one(live, statement, table, column)} and its neighbour in {table}"


def schema(live: str) -> str:
    """Take one promise from the schema of the live side: a constraint that is not a primary key, else an index, else a default."""
    with _unreplicated(live) as connection:
        found = connection.execute(
            "SELECT conrelid::regclass::text, conname FROM pg_constraint WHERE connamespace = 'public'::regnamespace"
            " AND contype IN ('u', 'c', 'f') ORDER BY contype DESC, conname LIMIT 1"
        ).fetchone()
        if found:
            connection.execute(sql.SQL("ALTER TABLE {} DROP CONSTRAINT {}").format(sql.Identifier(found[0]), sql.Identifier(found[1])))
            return f"dropped constraint {found[1]} of {found[0]}"
        index = connection.execute(
            "SELECT indexrelid::regclass::text FROM pg_index WHERE NOT indisunique"
            " AND indrelid IN (SELECT oid FROM pg_class WHERE relnamespace = 'public'::regnamespace) ORDER BY 1 LIMIT 1"
        ).fetchone()
        if index is None:
            raise ValueError("there is no constraint and no index to drop")
        connection.execute(sql.SQL("DROP INDEX {}").format(sql.Identifier(index[0])))
        return f"dropped index {index[0]}"


def sequence(live: str, name: str) -> str:
    """Set a sequence of the live side back to its beginning."""
    with psycopg.connect(live, autocommit=True) as connection:
        connection.execute("SELECT setval(%s, 1)", (f'public."{name}"',))
    return f"set {name} back to 1"


def second_writer(other: str, table: str) -> str:
    """Somebody still writes to the side that is not live."""
    columns = {
        "requests": ("n, body, receipt", "0, '旧系统里的新申请', 0"),
        "registrations": ("n, owner, signature", "0, '旧系统', ''"),
        "bulletins": ("n, text", "0, '旧系统里的新公告'"),
        "contributions": ("id, n, person_id, fen", "-1, 0, 1, 100"),
    }.get(table)
    if columns is None:
        raise ValueError(f"no row to insert is known for {table}")
    with _unreplicated(other) as connection:
        if table != "contributions":  # the side that is not live has a counter of its own, behind the rows that followed
            connection.execute(f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), max(id) + 1000000) FROM {table}".encode())  # noqa: S608 - as below
        connection.execute(f"INSERT INTO {table} ({columns[0]}) VALUES ({columns[1]})".encode())  # noqa: S608 - constants above
    return f"inserted a row into {table} of the other side"


def file(folder: Path) -> str:
    """Change one byte of a file and leave its size and time as they were."""
    whole = (path for path in sorted(folder.rglob("*")) if path.is_file() and not path.name.startswith("."))
    path = next((path for path in whole if path.stat().st_size), None)
    if path is None:
        raise ValueError(f"no file in {folder}")
    before = path.stat()
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0xFF
    with path.open("r+b") as handle:
        handle.write(data)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    return f"changed a byte of {path.name}"


def unsigned(live: str, table: str = "registrations") -> str:
    """A registration of the live side gets a signature that the device never gave."""
    statement = sql.SQL(
        "UPDATE {0} SET signature = repeat('0', 128) WHERE ctid = (SELECT ctid FROM {0} WHERE n > 0 ORDER BY n LIMIT 1) RETURNING n"
    )
    return f"registration {_one(live, statement, table)} has a false signature"


class Slow:
    """Clients with open transactions in the way of every cutover: each PAUSE waits about half a second for them.

    ``pooled`` is the application's DSN through PgBouncer. They never fail a cutover whose fence waits a second for open
    transactions; they make it slower than the demo's limit. Use as a context, or ``start`` and ``stop``.
    """

    def __init__(self, pooled: str, hold: float = HOLD) -> None:
        self._dsn, self._hold = pooled, hold
        self._stop = Event()
        self._threads = [Thread(target=self._client, args=(index,), daemon=True) for index in range(SLOW_CLIENTS)]

    def start(self) -> Slow:
        for thread in self._threads:
            thread.start()
        return self

    def stop(self) -> None:
        """Returns when no client of ours has a transaction open."""
        self._stop.set()
        for thread in self._threads:
            thread.join(self._hold + 10)

    def __enter__(self) -> Slow:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _client(self, index: int) -> None:
        time.sleep(self._hold * index / SLOW_CLIENTS)
        while not self._stop.is_set():
            try:
                with psycopg.connect(self._dsn, prepare_threshold=None, connect_timeout=10) as connection:
                    while not self._stop.is_set():
                        with connection.transaction():
                            connection.execute("SELECT pg_sleep(%s)", (self._hold,))
            except psycopg.Error:
                self._stop.wait(0.2)


def _unreplicated(dsn: str) -> psycopg.Connection[Any]:
    """A superuser's connection whose changes pass triggers, foreign keys and a read-only default. Commits when left."""
    return psycopg.connect(dsn, options="-c session_replication_role=replica -c default_transaction_read_only=off")


def _one(dsn: str, statement: sql.SQL, *names: str) -> Any:
    with _unreplicated(dsn) as connection:
        found = connection.execute(statement.format(*[sql.Identifier(name) for name in names])).fetchone()
    if found is None:
        raise ValueError(f"nothing to damage in {names[0]}")
    return found[0]


def plant(fault: str, *, live: str, other: str | None = None, table: str = "requests", files: Path | None = None) -> str:
    """Plant any fault but ``slow`` by its name; what was done. Raises ValueError for what is unknown or lacks its side."""
    planters: dict[str, Callable[[], str]] = {
        "lost-write": lambda: lost_write(live, table),
        "content": lambda: content(live, table),
        "row": lambda: row(live, table),
        "schema": lambda: schema(live),
        "sequence": lambda: sequence(live, "receipt_no"),
        "unsigned": lambda: unsigned(live, table),
    }
    if other is not None:
        planters["second-writer"] = lambda: second_writer(other, table)
    if files is not None:
        planters["file"] = lambda: file(files)
    if fault not in planters:
        raise ValueError(f"cannot plant {fault}: unknown, or the side it belongs to was not given")
    return planters[fault]()
