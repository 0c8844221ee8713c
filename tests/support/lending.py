"""Clients of the lending desk's MariaDB, who keep what they were told is written."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import pymysql

from orchestrator.embedded import mariadb
from orchestrator.embedded.databases import Source

_NUMBERS = itertools.count(1)


@dataclass
class Client(threading.Thread):
    """One connection that is never tried before it is used: it sees an error when it is ended, and connects again."""

    source: Source
    address: str
    port: int
    written: list[int] = field(default_factory=list)
    """Acknowledged."""
    failed: list[str] = field(default_factory=list)
    longest: float = 0.0
    pause: float = 0.005
    """Seconds between two writes."""
    ended: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        super().__init__(daemon=True)

    __hash__ = threading.Thread.__hash__

    def run(self) -> None:
        connection, since = None, time.monotonic()
        while not self.ended.wait(self.pause):
            number = next(_NUMBERS)
            try:
                if connection is None:
                    connection = mariadb.connect(self.source, host=self.address, port=self.port, admin=False)
                with connection.cursor() as cursor:
                    cursor.execute("INSERT INTO loan (n, reader, title) VALUES (%s, 1, 'of a test')", (number,))
            except pymysql.err.Error as error:
                self.failed.append(str(error))
                connection = None
                continue
            self.written.append(number)
            self.longest, since = max(self.longest, time.monotonic() - since), time.monotonic()


@contextmanager
def at_work(source: Source, address: str, port: int, number: int) -> Iterator[list[Client]]:
    """So many clients, writing by this gateway."""
    own = [Client(source, address, port) for _ in range(number)]
    for client in own:
        client.start()
    try:
        yield own
    finally:
        for client in own:
            client.ended.set()
        for client in own:
            client.join(30)


def lost(clients: Sequence[Client], source: Source, host: str = "") -> set[int]:
    """What was acknowledged and is not there. ``host``: another server than the source's own."""
    acknowledged = {number for client in clients for number in list(client.written)}
    with mariadb.connect(source, host=host or source.address) as admin, admin.cursor() as cursor:
        cursor.execute("SELECT n FROM lending.loan WHERE n > 0")
        return acknowledged - {int(row[0]) for row in cursor.fetchall()}
