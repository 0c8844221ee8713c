"""MariaDB's side of a fence (``movers/side.py``): the acts of ``fence.py`` on connections that are open already."""

from __future__ import annotations

import functools
import time
from typing import Any

import pymysql

from orchestrator.movers.mariadb import channel, check, fence, numbers, records
from orchestrator.movers.mariadb.connections import Connection, open_connection, words_of
from orchestrator.movers.mariadb.snapshots import Keeper
from orchestrator.movers.names import Names
from orchestrator.movers.side import Control, Lost, Role
from orchestrator.texts import Words, say

KIND = "mariadb"
CONNECTING_SECONDS = 8.0
"""How long a channel that is not connected may just be starting."""
KEPT = "kept"
"""The word under which our database remembers from where on this side's binary log is needed by the other one."""


def specify(
    *, host: str, port: int, user: str, password: str, system: str, database: str, place: str, unchanged: bool = False
) -> dict[str, Any]:
    """The guard's plain description of one side. It holds a password. ``place``: ``source`` or ``target``; ``unchanged``: what was
    changed here since the copy and does not flow is an obstacle."""
    return {
        "kind": KIND, "host": host, "port": port, "user": user, "password": password, "system": system, "database": database,
        "place": place, "unchanged": unchanged,
    }  # fmt: skip


class MariadbSide:
    """One server's side of a database. ``place`` says which of our channels lives here."""

    def __init__(
        self, *, host: str, port: int, user: str, password: str, system: str, database: str, place: str, unchanged: bool = False
    ) -> None:
        self._open = functools.partial(open_connection, host=host, port=port, user=user, password=password)
        self._admin = user
        self._names = Names(system, database)
        self._channel = self._names.forward if place == "target" else self._names.back
        self._unchanged = unchanged
        self._limit = 0.0
        self._where = say("mariadb.database_on", database=database, host=host, port=port)
        self._keepers: list[Keeper] = []
        self._still: Connection | None = None
        self._connect()

    def _connect(self) -> None:
        try:
            self._row_keeper, self._acting = self._open(), self._open()
            self._view: Connection | None = self._open()
        except pymysql.err.Error as error:
            raise Lost(say("mariadb.lets_not_in", where=self._where, error=words_of(error))) from error
        if self._limit:
            self.set_limit(self._limit)

    @property
    def where(self) -> Words:
        return self._where

    def is_there(self) -> None:
        for connection in (self._row_keeper, self._acting):
            connection.execute("SELECT 1")

    # ------------------------------------------------------------ before anything is paused

    def obstacles(self, role: Role, *, keeps: bool = False) -> list[Words]:
        found: list[Words] = [say("mariadb.changed_since", change=change) for change in self._changes()]
        if records.is_ours(self._acting, self._names) is not True:
            return [*found, say("mariadb.no_control_row", where=self._where)]
        found += check.find_standing_transactions(self._acting)
        if role == "live":
            return found
        self._wait_for_channel()
        problem = channel.find_problem(self._acting, self._channel)
        if problem:
            found.append(problem)
        found += [say("mariadb.may_log_in", account=str(account)) for account in check.find_intruders(self._acting, self._admin)]
        found += [say("mariadb.somebody_there", who=who) for who in self.who_is_there()]
        return found + (check.find_log_obstacles(self._acting) if keeps else [])

    def _changes(self) -> list[Words]:
        return check.find_changes(self._acting, self._names, self._admin) if self._unchanged else []

    def _wait_for_channel(self) -> None:
        """A channel that was just started needs a moment until it is connected."""
        until = time.monotonic() + CONNECTING_SECONDS
        while time.monotonic() < until and not channel.find_problem(self._acting, self._channel):
            if channel.is_following(self._acting, self._channel):
                return
            time.sleep(0.05)

    def control(self, *, settled: bool = False) -> Control:
        if settled:
            return fence.settle(self._row_keeper, self._acting, self._names, self._admin)
        return fence.control(self._acting, self._names)

    def set_limit(self, seconds: float) -> None:
        """Of every statement, so of every lock that one waits for."""
        self._limit = seconds
        for connection in (self._row_keeper, self._acting):
            connection.execute("SET SESSION max_statement_time = %s", max(seconds, 0.01))

    # ------------------------------------------------------------ closing

    def close(self, attempt: str, token: int) -> None:
        fence.close(self._row_keeper, self._acting, self._names, self._admin, attempt, token)

    def sessions(self) -> int:
        return fence.sessions(self._acting, self._admin)

    def end_sessions(self) -> None:
        fence.end_sessions(self._acting, self._admin)

    def who_is_there(self, *, busy: bool = False) -> list[Words]:
        return fence.who_is_there(self._acting, self._admin, busy=busy)

    def observed_closed(self) -> bool:
        return fence.observed_closed(self._acting, self._names, self._admin)

    # ------------------------------------------------------------ bringing the other one level

    def mark(self, name: str) -> None:
        fence.mark(self._acting, self._names, name)

    def marked(self, name: str) -> bool:
        return fence.marked(self._acting, self._names, name)

    def snapshot(self) -> str:
        view, self._view = self._view or self._open(), None
        keeper = Keeper(view, self._open, self._names)
        self._keepers.append(keeper)
        return keeper.start()

    def stand_still(self, seconds: float) -> str:
        self.go_on()
        self._still = still = self._open()  # before it waits: whoever gives up meanwhile ends it
        fence.block_commits(still, seconds)
        return channel.own_position(self._acting)

    def has_come_to(self, point: str) -> bool:
        return channel.has_come_to(self._acting, point)

    def go_on(self) -> None:
        still, self._still = self._still, None
        if still is not None:
            still.drop()

    def hand_over(self) -> dict[str, Any]:
        return numbers.read_numbers(self._acting, self._names)

    def take_over(self, left: dict[str, Any]) -> None:
        numbers.set_numbers(self._acting, self._names, left)

    def stop_following(self) -> None:
        channel.stop(self._acting, self._channel)

    def follow(self) -> None:
        channel.follow(self._acting, self._channel)

    def keep_from_here(self) -> None:
        """Nothing is made for it: the binary log holds everything anyhow. From where on it is needed is written down."""
        records.write_word(self._acting, self._names, KEPT, channel.own_position(self._acting))

    def forget(self) -> None:
        records.forget_word(self._acting, self._names, KEPT)

    # ------------------------------------------------------------ opening

    def open(self, attempt: str, token: int) -> None:
        fence.open_row(self._row_keeper, self._names, attempt, token)
        try:
            self.control(settled=True)
        except Exception as error:  # the row is committed: it has happened, and only its accounts may be behind
            raise Lost(say("mariadb.not_let_in_yet", where=self._where, error=words_of(error))) from error

    def reconnect(self) -> None:
        self.disconnect()
        self._connect()

    def disconnect(self) -> None:
        for keeper in self._keepers:
            keeper.stop()
        self._keepers = []
        self.go_on()
        for connection in (self._row_keeper, self._acting, self._view):
            if connection is not None:  # not by a polite message: the server may hang, and another thread may still wait on it
                connection.drop()
