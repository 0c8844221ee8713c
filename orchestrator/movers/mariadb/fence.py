"""The small acts a cutover is made of, on connections already open.

MariaDB has no transaction over accounts and rows: ACCOUNT LOCK commits by itself. So the control row alone is the
decision, one InnoDB commit, and the accounts follow it, under the row's lock: whoever looks with ``settle`` brings them
in line with the row. While a side closes, the accounts are locked before the row says so; while it opens, the row says so
before they are unlocked. So nobody is ever let in while the row says closed, whoever dies when.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pymysql

from orchestrator.movers.mariadb import accounts
from orchestrator.movers.mariadb.accounts import Account
from orchestrator.movers.mariadb.connections import Connection, fill
from orchestrator.movers.names import Names
from orchestrator.movers.side import Control, Fenced
from orchestrator.texts import Words, say

_SESSIONS = """
SELECT p.id, p.user, p.host, p.db, p.command, date_format(now() - INTERVAL p.time SECOND, '%%Y-%%m-%%d %%H:%%i:%%s'), t.trx_started
FROM information_schema.processlist p LEFT JOIN information_schema.innodb_trx t ON t.trx_mysql_thread_id = p.id
WHERE p.user <> %s AND p.user NOT IN ('system user', 'event_scheduler') AND p.command NOT IN ('Binlog Dump', 'Daemon')
ORDER BY p.id
"""
"""Everybody but ourselves and the server's own threads. A session that is still logging in stands there as ``unauthenticated user``,
one that rolls back as ``Killed``: both count. Those that follow the binary log only read it."""


def control(connection: Connection, names: Names) -> Control:
    """The control row as it is now."""
    rows = connection.execute(fill("SELECT open, token, attempt FROM {} WHERE id = 1", [names.schema, "control"]))
    return _as_control(rows)


def _as_control(rows: list[tuple[Any, ...]]) -> Control:
    if not rows:
        raise LookupError("the control row is missing")
    is_open, token, attempt = rows[0]
    return Control(open=bool(is_open), token=int(token), attempt=str(attempt))


@contextmanager
def locked_row(connection: Connection, names: Names) -> Iterator[Control]:
    """The control row, which nobody else changes or follows while the block lasts. Its end commits, an error rolls back."""
    connection.execute("START TRANSACTION READ WRITE")
    try:
        row = _as_control(
            connection.execute(fill("SELECT open, token, attempt FROM {} WHERE id = 1 FOR UPDATE", [names.schema, "control"]))
        )
        yield row
    except BaseException:
        if not connection.closed:
            connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


def _insist_on_token(row: Control, token: int) -> None:
    if row.token > token:
        raise Fenced(say("mariadb.newer_engine", holds=row.token, attempt=row.attempt, token=token))


def _write(connection: Connection, names: Names, row: Control) -> None:
    statement = fill(
        "UPDATE {} SET open = %s, token = %s, attempt = %s, at = current_timestamp(6) WHERE id = 1", [names.schema, "control"]
    )
    connection.execute(statement, row.open, row.token, row.attempt)


def close(row_keeper: Connection, acting: Connection, names: Names, admin: str, attempt: str, token: int) -> None:
    """Every account shut out, then the row closed, then their sessions told to end. ``acting``: another connection, since a
    statement about accounts would commit the row's transaction."""
    with locked_row(row_keeper, names) as row:
        _insist_on_token(row, token)
        _shut_out(acting, names, admin)
        _write(row_keeper, names, Control(open=False, token=token, attempt=attempt))
    end_sessions(acting, admin)


def open_row(row_keeper: Connection, names: Names, attempt: str, token: int) -> None:
    """The opening: its commit. The accounts follow by ``settle``."""
    with locked_row(row_keeper, names) as row:
        _insist_on_token(row, token)
        _write(row_keeper, names, Control(open=True, token=token, attempt=attempt))


def settle(row_keeper: Connection, acting: Connection, names: Names, admin: str) -> Control:
    """Waits for whoever changes the row, then brings the accounts in line with it."""
    with locked_row(row_keeper, names) as row:
        if row.open:
            _let_in(acting, names)
        else:
            _shut_out(acting, names, admin)
    return row


def _shut_out(acting: Connection, names: Names, admin: str) -> None:
    """Whom we lock is written down first: an account that its administrator had locked stays locked when the side opens."""
    unlocked = accounts.find_unlocked(acting, admin)
    hold(acting, names, unlocked)
    accounts.set_lock(acting, unlocked, locked=True)


def hold(connection: Connection, names: Names, unlocked: list[Account]) -> None:
    """These are locked by us, and let in when the side opens."""
    for account in unlocked:
        connection.execute(fill("INSERT IGNORE INTO {} VALUES (%s, %s)", [names.schema, "held"]), account.user, account.host)


def _let_in(acting: Connection, names: Names) -> None:
    held = [Account(*row) for row in acting.execute(fill("SELECT user, host FROM {}", [names.schema, "held"]))]
    if not held:
        return
    known = set(acting.execute("SELECT user, host FROM mysql.global_priv"))
    accounts.set_lock(acting, [account for account in held if (account.user, account.host) in known], locked=False)
    acting.execute(fill("DELETE FROM {}", [names.schema, "held"]))


# ------------------------------------------------------------ who is there


def sessions(connection: Connection, admin: str) -> int:
    """How many could still write."""
    return len(connection.execute(_SESSIONS, admin))


def end_sessions(connection: Connection, admin: str) -> None:
    """Told to end; not waited for. One that has just gone is fine."""
    for number, *_ in connection.execute(_SESSIONS, admin):
        with contextlib.suppress(pymysql.err.OperationalError):  # no such thread: it is gone; whoever stays is counted
            connection.execute("KILL CONNECTION %s", number)


def who_is_there(connection: Connection, admin: str, *, busy: bool = False) -> list[Words]:
    """Those sessions in words; ``busy``: only those in a transaction."""
    named: list[Words] = []
    for number, user, host, database, command, since, began in connection.execute(_SESSIONS, admin):
        if busy and began is None:
            continue
        doing = say("mariadb.in_transaction", began=str(began)) if began else str(command).lower()
        whose = {"user": str(user), "host": str(host), "database": str(database) if database else say("mariadb.no_database")}
        named.append(say("mariadb.session", number=int(number), doing=doing, since=str(since), **whose))
    return named


def observed_closed(connection: Connection, names: Names, admin: str) -> bool:
    """The row says closed, every account is locked, nobody is there."""
    if control(connection, names).open or accounts.find_unlocked(connection, admin):
        return False
    return sessions(connection, admin) == 0


# ------------------------------------------------------------ standing still


def block_commits(connection: Connection, seconds: float) -> None:
    """Whoever commits waits, readers do not: until this connection is dropped, or says nothing for ``seconds``; then the server
    ends it. A backup that is under way, or a commit that does not end, is waited for as long at most."""
    connection.execute("SET SESSION wait_timeout = %s, max_statement_time = %s", max(1, round(seconds)), seconds)
    connection.execute("BACKUP STAGE START")
    connection.execute("BACKUP STAGE BLOCK_COMMIT")


# ------------------------------------------------------------ markers


def mark(connection: Connection, names: Names, name: str) -> None:
    """Goes through the binary log, behind all that was committed before."""
    connection.execute("SET SESSION sql_log_bin = 1")
    try:
        connection.execute(fill("INSERT IGNORE INTO {} (id) VALUES (%s)", [names.schema, "marker"]), name)
    finally:
        if not connection.closed:
            connection.execute("SET SESSION sql_log_bin = 0")


def marked(connection: Connection, names: Names, name: str) -> bool:
    """Whether it has come."""
    return connection.scalar(fill("SELECT 1 FROM {} WHERE id = %s", [names.schema, "marker"]), name) is not None


def round_trip(live: Connection, other: Connection, names: Names, marker: str, *, limit: float) -> float | None:
    """Seconds a marker needs from live to other; None when it took longer than ``limit``."""
    began = time.monotonic()
    mark(live, names, marker)
    while time.monotonic() - began < limit:
        if marked(other, names, marker):
            return time.monotonic() - began
        time.sleep(0.005)
    return None
