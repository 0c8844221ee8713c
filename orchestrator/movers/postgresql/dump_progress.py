"""How far pg_dump and pg_restore are, by what the server says of their COPYs: the programs themselves tell nothing."""

from __future__ import annotations

import time
from collections.abc import Callable

import psycopg

from orchestrator.movers.contract import Progress
from orchestrator.movers.postgresql.connections import Connection

SECONDS_BETWEEN = 1.0
_SIZES = "SELECT count(*), coalesce(sum(pg_table_size(oid)), 0)::bigint FROM pg_class WHERE relkind IN ('r', 'm') AND oid >= 16384"
_COPIED = """
SELECT pid, relid::bigint, bytes_processed, tuples_processed FROM pg_stat_progress_copy WHERE datname = current_database()
"""


class DumpProgress:
    """Asked again and again while a program runs, tells once a second. The whole is the tables' size on the source's disk, an
    estimate: rows travel in another form. Silent on a server older than 14, which does not say how far a COPY is."""

    def __init__(self, source: Connection, server: Connection, doing: str, tell: Callable[[Progress], None]) -> None:
        """``server``: where the COPYs run, over a session that nobody else uses meanwhile; ``doing``: ``backup`` or ``restore``."""
        tables, size = source.execute(_SIZES).fetchall()[0]
        self.tables, self.bytes = int(tables), int(size)
        self._server, self._doing, self._tell = server, doing, tell
        self._seen: dict[tuple[int, int], tuple[int, int]] = {}
        self._began = self._next = time.monotonic()

    def __call__(self) -> bool:
        """False: the program goes on, whatever the server answered."""
        now = time.monotonic()
        if now < self._next:
            return False
        self._next = now + SECONDS_BETWEEN
        try:
            for pid, relation, copied, rows in self._server.execute(_COPIED).fetchall():
                self._seen[pid, relation] = (int(copied), int(rows))
        except psycopg.Error:
            self._next = float("inf")
            return False
        done, lines = (sum(each) for each in zip((0, 0), *self._seen.values(), strict=True))
        self._tell(Progress(len(self._seen), self.tables, done, max(done, self.bytes), lines, now - self._began, doing=self._doing))
        return False
