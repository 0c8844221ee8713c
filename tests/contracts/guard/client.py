"""A client that writes through the gateway all the time and keeps what was acknowledged."""

from __future__ import annotations

import threading
import time
from typing import Any

import psycopg

from tests.contracts.guard.servers import Servers


class Client:
    """One connection, a numbered row every few milliseconds; never a retry. Use as a context."""

    def __init__(self, servers: Servers, database: str) -> None:
        self.servers = servers
        self.database = database
        self.acknowledged: list[int] = []
        self.failures: list[str] = []
        self.longest = 0.0
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._work, daemon=True)

    def __enter__(self) -> Client:
        self._thread.start()
        self.must_be_served()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        if self._thread.ident is not None:
            self._thread.join(60)

    def must_be_served(self, seconds: float = 60) -> None:
        """A new write is acknowledged."""
        before = len(self.acknowledged)
        until = time.monotonic() + seconds
        while len(self.acknowledged) == before:
            assert time.monotonic() < until, f"no write to {self.database} was acknowledged in {seconds:g} s; {self.failures[-3:]}"
            time.sleep(0.01)

    def _work(self) -> None:
        number = 0
        last = time.monotonic()
        connection: psycopg.Connection[Any] | None = None
        while not self._end.is_set():
            number += 1
            try:
                if connection is None:
                    connection = self.servers.pooled(self.database)
                connection.execute("INSERT INTO ledger (n, receipt) VALUES (%s, nextval('receipts'))", (number,))
                self.acknowledged.append(number)
                self.longest = max(self.longest, time.monotonic() - last)
                last = time.monotonic()
            except psycopg.Error as error:
                self.failures.append(f"{number}: {str(error).strip()}")
                if connection is not None and (connection.broken or connection.closed or "pgbouncer" in str(error)):
                    connection = None
                time.sleep(0.05)
            time.sleep(0.005)
        if connection is not None:
            connection.close()
