"""A line that drops, or a server that restarts, while a database is prepared: waited for with a limit, and then gone on.

Our own sessions say it by an exception; PostgreSQL's programs say it in words, which libpq writes in English for us
(``LC_MESSAGES``). A server that dies of what a program asks for drops the line every time: after some times that is no accident.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import TypeVar

import psycopg

from orchestrator.errors import StepFailed, ToolError, words_of
from orchestrator.movers.postgresql.waiting import Patience
from orchestrator.texts import say
from orchestrator.tools.process import Stopped

Result = TypeVar("Result")

LOST_SECONDS = 900.0
"""How long what is under way waits for a line or a server."""
PROGRAMS_LOST = 5
"""How often a program may lose its line."""

_LOST = re.compile(
    r"server closed the connection unexpectedly|connection to server was lost|no connection to the server"
    r"|could not (receive data from|send data to) server|SSL (connection has been closed|SYSCALL error)"
    r"|terminating connection (due to|because)|the database system is (starting up|shutting down|in recovery)"
    r"|Connection (refused|reset|timed out)|timeout expired|No route to host|Network is unreachable"
)


class Line:
    """Whether both servers were reached, and since when one of them is not any more."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._was_there = False
        self._lost_at = 0.0
        self._programs_lost = 0

    def reached(self) -> None:
        """Both servers answer."""
        self._was_there, self._lost_at = True, 0.0

    def hold_on(self, act: Callable[[], Result], patience: Patience) -> Result:
        """``act``, and again as often as it lost its line; it calls ``reached`` when it has one. Raises what it raises where nobody
        was ever let in, or a server says something else; StepFailed past the limit."""
        while True:
            try:
                return act()
            except (psycopg.OperationalError, psycopg.InterfaceError, StepFailed, ToolError) as error:
                self._wait(error, patience)

    def _wait(self, error: Exception, patience: Patience) -> None:
        cause = error.__cause__ if isinstance(error, StepFailed) else error
        if not self._was_there or not is_lost(cause):
            raise error
        if isinstance(cause, ToolError):
            self._programs_lost += 1
            if self._programs_lost > PROGRAMS_LOST:
                raise error
        if not self._lost_at:
            self._lost_at = time.monotonic()
            patience.say(str(say("postgresql.line_lost", name=self._name, said=words_of(error))))
        if time.monotonic() - self._lost_at > LOST_SECONDS:
            says = say("postgresql.line_lost_for", name=self._name, seconds=LOST_SECONDS, said=words_of(error))
            raise StepFailed(says, where=self._name, remedy=say("postgresql.check_address")) from error
        patience.sleep(2.0, self._name)


def is_lost(error: BaseException | None) -> bool:
    """Whether a session of ours, or a program, lost its server, rather than being told something by it."""
    if isinstance(error, ToolError):
        return not isinstance(error, Stopped) and _LOST.search(str(error)) is not None
    if not isinstance(error, psycopg.OperationalError | psycopg.InterfaceError):
        return False
    return error.sqlstate is None or error.sqlstate.startswith("08") or error.sqlstate in ("57P01", "57P02", "57P03")
