"""Ends what another thread waits for in SQL: the server's work first, then the wait itself.

Every connection of ours is made in ``connections.connect``, which notes it here for the step that runs: ``gathered`` says whose.
"""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Iterator
from contextvars import ContextVar
from typing import Any

import psycopg

from orchestrator.errors import TurnedBack

CANCEL_SECONDS = 2.0


class Held:
    """The connections of one migration's running step."""

    def __init__(self) -> None:
        self._connections: list[psycopg.Connection[Any]] = []
        self._interrupted = False

    def take(self, connection: psycopg.Connection[Any]) -> None:
        """Notes a new one. Raises TurnedBack when the step has been told to stop: it gets nothing new."""
        self._connections = [known for known in self._connections if not known.closed]
        self._connections.append(connection)
        if self._interrupted:
            connection.close()
            raise TurnedBack

    def interrupt(self) -> None:
        """From any thread: whatever is waited for ends with an error."""
        self._interrupted = True
        for connection in list(self._connections):
            cut_off(connection)

    def go_on(self) -> None:
        """The step is over. What was cut off is closed; what is opened from now on is for the way back."""
        if self._interrupted:
            for connection in self._connections:
                connection.close()
        self._connections, self._interrupted = [], False


_HELD: ContextVar[Held | None] = ContextVar("held", default=None)


@contextlib.contextmanager
def gathered(held: Held) -> Iterator[None]:
    """Inside, every connection that this thread makes is noted."""
    token = _HELD.set(held)
    try:
        yield
    finally:
        _HELD.reset(token)


def note(connection: psycopg.Connection[Any]) -> None:
    """Called for every new connection."""
    held = _HELD.get()
    if held is not None:
        held.take(connection)


def cut_off(connection: psycopg.Connection[Any]) -> None:
    """The server is asked to give the statement up (it would go on without a client), then the socket is shut, so that the
    waiting thread gets an error whether the server answers or not. Closing is left to that thread."""
    if connection.closed:
        return
    with contextlib.suppress(psycopg.Error):
        connection.cancel_safe(timeout=CANCEL_SECONDS)
    with contextlib.suppress(psycopg.Error, OSError), socket.socket(fileno=os.dup(connection.pgconn.socket)) as same:
        same.shutdown(socket.SHUT_RDWR)
