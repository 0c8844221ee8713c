"""Ends what another thread waits for on a server: the server's work first, then the wait itself.

A mover notes every connection that it makes, with how it is cut off, for the step that runs: ``gathered`` says whose.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from typing import Protocol

from orchestrator.errors import TurnedBack


class Connection(Protocol):
    """A connection of any driver, as far as it matters here."""

    @property
    def closed(self) -> bool: ...

    def close(self) -> None: ...


class Held:
    """The connections of one migration's running step."""

    def __init__(self) -> None:
        self._connections: list[tuple[Connection, Callable[[], None]]] = []
        self._interrupted = False

    def take(self, connection: Connection, cut_off: Callable[[], None]) -> None:
        """Notes a new one. Raises TurnedBack when the step has been told to stop: it gets nothing new."""
        self._connections = [known for known in self._connections if not known[0].closed]
        self._connections.append((connection, cut_off))
        if self._interrupted:
            connection.close()
            raise TurnedBack

    def interrupt(self) -> None:
        """From any thread: whatever is waited for ends with an error."""
        self._interrupted = True
        for connection, cut_off in list(self._connections):
            if not connection.closed:
                cut_off()

    def go_on(self) -> None:
        """The step is over. What was cut off is closed; what is opened from now on is for the way back."""
        if self._interrupted:
            for connection, _ in self._connections:
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


def note(connection: Connection, cut_off: Callable[[], None]) -> None:
    """Called for every new connection. ``cut_off``: from any thread, the server gives the statement up and the waiting
    thread gets an error, whether the server answers or not; closing is left to that thread."""
    held = _HELD.get()
    if held is not None:
        held.take(connection, cut_off)
