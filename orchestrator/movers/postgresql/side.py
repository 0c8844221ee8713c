"""PostgreSQL's side of a fence (``movers/side.py``): the acts of ``fence.py`` on connections that are open already."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable
from typing import Any, Concatenate, ParamSpec, TypeVar

import psycopg

from orchestrator.errors import StepFailed, words_of
from orchestrator.movers.postgresql import drift, fence, waiting
from orchestrator.movers.postgresql.names import Names
from orchestrator.movers.side import Control, Lost, Role
from orchestrator.texts import Words, say

KIND = "postgresql"
WORKER_SECONDS = 8.0
"""How long a subscription's worker that is not there may just be starting."""
LOCK_SECONDS = 5.0
"""How long the looks before anything is begun wait for a table."""

P = ParamSpec("P")
T = TypeVar("T")


def specify(
    *, dsn: str, system: str, database: str, place: str, role: str = "", unchanged: bool = False
) -> dict[str, Any]:
    """The guard's plain description of one side. ``place``: ``source`` or ``target``; ``role``: the application's account;
    ``unchanged``: what was changed here since the copy is an obstacle."""
    return {
        "kind": KIND,
        "dsn": dsn,
        "system": system,
        "database": database,
        "place": place,
        "role": role,
        "unchanged": unchanged,
    }


def _asked(act: Callable[Concatenate[PostgresSide, P], T]) -> Callable[Concatenate[PostgresSide, P], T]:
    """A broken connection is Lost: nobody knows whether it happened. A refusal of the server stays what it is."""

    @functools.wraps(act)
    def asked(self: PostgresSide, /, *args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return act(self, *args, **kwargs)
        except psycopg.Error as error:
            if self.is_broken():
                raise Lost(say("postgresql.no_answer", where=self.where, error=words_of(error))) from error
            raise

    return asked


class PostgresSide:
    """One database of one cluster. ``place`` says which of our subscriptions and slots live here."""

    def __init__(
        self, *, dsn: str, system: str, database: str, place: str, role: str = "", unchanged: bool = False
    ) -> None:
        self._dsn = dsn
        self._role = role
        self._unchanged = unchanged
        self._names = Names(system, database)
        self._subscription = self._names.forward if place == "target" else self._names.back
        self._slot = self._names.back if place == "target" else self._names.forward
        self._limit = 0.0
        parts = psycopg.conninfo.conninfo_to_dict(dsn)
        self._where = say("postgresql.database_on", database=database, host=str(parts.get("host")), port=str(parts.get("port")))
        self._connect()

    def _connect(self) -> None:
        try:
            self._acting = fence.connect(self._dsn)
            # kept apart: an open snapshot must not hold back what the other connection does
            self._watching = fence.connect(self._dsn)
        except psycopg.Error as error:
            raise Lost(say("postgresql.no_answer", where=self._where, error=words_of(error))) from error
        if self._limit:
            self.set_limit(self._limit)

    @property
    def where(self) -> Words:
        return self._where

    def is_broken(self) -> bool:
        """Whether a connection of ours cannot be used any more."""
        return any(c.closed or c.broken for c in (self._acting, self._watching))

    @_asked
    def is_there(self) -> None:
        for connection in (self._acting, self._watching):
            connection.execute("SELECT 1")

    # ------------------------------------------------------------ before anything is paused

    @_asked
    def obstacles(self, role: Role, *, keeps: bool = False) -> list[Words]:
        waiting.give_way(self._acting, local=False)
        until = time.monotonic() + LOCK_SECONDS
        try:
            while True:
                try:
                    return self._find_obstacles(role, keeps=keeps)
                except waiting.GAVE_WAY:
                    if time.monotonic() > until:
                        raise waiting.locked(self._acting, LOCK_SECONDS) from None
        except StepFailed as error:
            return [error.says]
        finally:
            if not self.is_broken():
                self._acting.execute("RESET lock_timeout; RESET deadlock_timeout")

    def _find_obstacles(self, role: Role, *, keeps: bool) -> list[Words]:
        changes = drift.changes_since_copy(self._acting, self._names, self._role) if self._unchanged else []
        changed: list[Words] = [say("postgresql.changed_since", change=change.says) for change in changes[: drift.SHOWN]]
        if role == "live":
            return changed + fence.live_obstacles(self._acting, self._names)
        self._wait_for_worker()
        found = changed + fence.other_obstacles(self._acting, self._names, self._subscription)
        return found + (fence.slot_obstacles(self._acting, self._slot) if keeps else [])

    def _wait_for_worker(self) -> None:
        """PostgreSQL starts an apply worker again only some seconds after its last start (``wal_retrieve_retry_interval``)."""
        until = time.monotonic() + WORKER_SECONDS
        while not fence.is_following(self._acting, self._subscription) and time.monotonic() < until:
            time.sleep(0.1)

    @_asked
    def control(self, *, settled: bool = False) -> Control:
        return fence.control(self._acting, self._names, settled=settled)

    @_asked
    def set_limit(self, seconds: float) -> None:
        self._limit = seconds
        fence.limit(self._acting, int(seconds * 1000))

    # ------------------------------------------------------------ closing

    @_asked
    def close(self, attempt: str, token: int) -> None:
        fence.close(self._acting, self._names, attempt, token)

    @_asked
    def sessions(self) -> int:
        return fence.sessions(self._acting, self._names)

    @_asked
    def end_sessions(self) -> None:
        fence.end_sessions(self._acting, self._names)

    @_asked
    def who_is_there(self, *, busy: bool = False) -> list[Words]:
        return fence.who_is_there(self._acting, self._names, busy=busy)

    @_asked
    def observed_closed(self) -> bool:
        return fence.observed_closed(self._acting, self._names)

    # ------------------------------------------------------------ bringing the other one level

    @_asked
    def mark(self, name: str) -> None:
        fence.mark(self._acting, self._names, name)

    @_asked
    def marked(self, name: str) -> bool:
        return fence.marked(self._acting, self._names, name)

    @_asked
    def snapshot(self) -> str:
        return fence.export_snapshot(self._watching)

    @_asked
    def hand_over(self) -> dict[str, Any]:
        return {"sequences": fence.read_sequences(self._acting, self._names)}

    @_asked
    def take_over(self, left: dict[str, Any]) -> None:
        fence.set_sequences(self._acting, left.get("sequences", []))

    @_asked
    def stop_following(self) -> None:
        fence.disable_subscription(self._acting, self._subscription)

    @_asked
    def follow(self) -> None:
        fence.enable_subscription(self._acting, self._subscription)

    @_asked
    def keep_from_here(self) -> None:
        try:
            try:
                fence.create_slot(self._acting, self._slot)
            except psycopg.errors.DuplicateObject:  # an older one would send back what came from there
                fence.drop_slot(self._acting, self._slot)
                fence.create_slot(self._acting, self._slot)
        except psycopg.errors.QueryCanceled as error:
            named = fence.who_holds_an_xid(self._acting)
            raise fence.SlotWaits(say("postgresql.slot_waits", named=tuple(named))) from error

    @_asked
    def forget(self) -> None:
        fence.drop_slot(self._acting, self._slot)

    # ------------------------------------------------------------ opening

    @_asked
    def open(self, attempt: str, token: int) -> None:
        fence.open_side(self._acting, self._names, attempt, token)

    def reconnect(self) -> None:
        self.disconnect()
        self._connect()

    def disconnect(self) -> None:
        for connection in (self._acting, self._watching):
            # not by a polite message: the server may hang, and another thread may still wait on it
            fence.drop(connection)
