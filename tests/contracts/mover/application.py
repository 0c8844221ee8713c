"""The application under migration: one direct session that writes all the time and keeps what was acknowledged."""

from __future__ import annotations

import threading
import time
from typing import Any

import psycopg

from tests.contracts.mover.servers import APPLICATION, SIDES, Servers

LEDGER = """
CREATE TABLE ledger (n bigint PRIMARY KEY, told text NOT NULL DEFAULT 'new');
CREATE SEQUENCE ledger_receipt;
"""


class Application:
    """Writes numbered rows on the live side, and in each transaction what the case wants done. Use as a context."""

    def __init__(self, servers: Servers, database: str, also: list[str]) -> None:
        self.servers = servers
        self.database = database
        self.also = also
        self.live = "source"
        self.acknowledged: list[int] = []
        self.harm: list[str] = []
        """What failed while no switch was under way."""
        self.last_error = ""
        """Of any time: while it is switched sessions may end."""
        self._switching = threading.Event()
        self._paused = threading.Event()
        self._resting = threading.Event()
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._work, daemon=True)

    def __enter__(self) -> Application:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join(60)

    def switching(self, to: str) -> None:
        """From now on sessions may end, until ``switched``."""
        self._switching.set()
        self.live = to

    def switched(self, live: str) -> None:
        """Where it is served now; an error is harm again once it got through."""
        self.live = live
        before = len(self.acknowledged)
        self._wait(lambda: len(self.acknowledged) > before or self._paused.is_set(), "a write after the switch")
        self._switching.clear()

    def rest(self) -> None:
        """Stops writing and ends its session."""
        self._paused.set()
        self._wait(self._resting.is_set, "the application's rest")

    def wake(self) -> None:
        """Writes again."""
        self._paused.clear()
        self._resting.clear()

    def _wait(self, done: Any, what: str) -> None:
        until = time.monotonic() + 60
        while not done():
            assert time.monotonic() < until, f"waited 60 s for {what}; last error: {self.last_error}; seen: {self.harm[-3:]}"
            time.sleep(0.01)

    def _work(self) -> None:
        number = 0
        connection: psycopg.Connection[Any] | None = None
        while not self._end.is_set():
            if self._paused.is_set():
                if connection is not None:
                    connection.close()
                    connection = None
                self._resting.set()
                time.sleep(0.01)
                continue
            number += 1
            try:
                if connection is None or connection.closed:
                    side = self.live if not self._switching.is_set() else SIDES[number % 2]
                    connection = self.servers.connect(side, self.database, user=APPLICATION)
                self._write(connection, number)
                self.acknowledged.append(number)
            except psycopg.Error as error:
                self.last_error = str(error).strip()
                if not self._switching.is_set():
                    self.harm.append(f"{type(error).__name__}: {str(error).strip()}")
                connection = None if connection is None or connection.broken or connection.closed else connection
            time.sleep(0.01)
        if connection is not None:
            connection.close()

    def _write(self, connection: psycopg.Connection[Any], number: int) -> None:
        with connection.transaction():
            connection.execute("INSERT INTO ledger (n) VALUES (%s)", (number,))
            connection.execute("UPDATE ledger SET told = 'told ' || nextval('ledger_receipt') WHERE n = %s", (number,))
        for statement in self.also:
            connection.execute(statement.encode())
