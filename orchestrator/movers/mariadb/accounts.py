"""Accounts: whom a fence shuts out, and how they come to the other side.

The fence is ACCOUNT LOCK: it holds for every account whatever its rights are, outlives a restart, and leaves other
attributes alone. Left out are the server's own accounts and the engine's.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from orchestrator.movers.mariadb.connections import Connection

SYSTEM = ("root", "mysql", "mariadb.sys", "debian-sys-maint")
"""Accounts of the server and its administrators, which are neither moved nor shut out."""
_POWERS = frozenset({
    "SUPER", "BINLOG ADMIN", "READ_ONLY ADMIN", "REPLICATION SLAVE ADMIN", "REPLICATION MASTER ADMIN", "CREATE USER", "SHUTDOWN", "FILE",
})  # fmt: skip
"""With one of these an account can write past the binary log, to the server's files, or to who may come in."""

_COLUMN = re.compile(r"`(?:[^`]|``)+`")
_COLUMNS = re.compile(rf"\(({_COLUMN.pattern}(?:, {_COLUMN.pattern})*)\)")


@dataclass(frozen=True, order=True)
class Account:
    """``user`` from ``host``, as the server pairs them."""

    user: str
    host: str

    def __str__(self) -> str:
        return f"{self.user or 'anybody'}@{self.host}"


NATIVE = "mysql_native_password"


@dataclass(frozen=True)
class Known:
    """An account as it stands."""

    account: Account
    locked: bool
    plugin: str
    is_role: bool


def read_accounts(connection: Connection, admin: str) -> list[Known]:
    """Every account but the server's own and the engine's, sorted."""
    found = []
    for user, host, text in connection.execute("SELECT user, host, priv FROM mysql.global_priv ORDER BY user, host"):
        if user in SYSTEM or user == admin:
            continue
        row = json.loads(text)
        plugin = str(row.get("plugin", NATIVE))
        found.append(Known(Account(str(user), str(host)), bool(row.get("account_locked")), plugin, bool(row.get("is_role"))))
    return found


def matches(connection: Connection, user: str, password: str) -> bool | None:
    """Whether this is the password of an account of that name, from whatever host it comes. None where one of them keeps it in a way
    that does not tell, or there is none."""
    rows = [json.loads(text) for (text,) in connection.execute("SELECT priv FROM mysql.global_priv WHERE user = %s", user)]
    once = hashlib.sha1(password.encode()).digest()  # noqa: S324 - the server's choice
    wanted = "*" + hashlib.sha1(once).hexdigest().upper()  # noqa: S324 - as above
    if any(row.get("authentication_string") == wanted for row in rows):
        return True
    told = rows and all(row.get("plugin", NATIVE) == NATIVE and row.get("authentication_string") and "auth_or" not in row for row in rows)
    return False if told else None


def find_unlocked(connection: Connection, admin: str) -> list[Account]:
    """Those that may log in."""
    return [known.account for known in read_accounts(connection, admin) if not known.locked and not known.is_role]


def set_lock(connection: Connection, accounts: Sequence[Account], *, locked: bool) -> None:
    """Shuts them out, or lets them in; again is fine. Not told to the other side."""
    if accounts:
        places = ", ".join(["%s@%s"] * len(accounts))
        values = [value for account in accounts for value in (account.user, account.host)]
        connection.execute(f"ALTER USER {places} ACCOUNT {'LOCK' if locked else 'UNLOCK'}", *values)


def describe(connection: Connection, account: Account) -> list[str]:
    """The statements that make an account what it is, without its lock; they hold what its password is verified by."""
    (created,) = connection.execute("SHOW CREATE USER %s@%s", account.user, account.host)
    grants = connection.execute("SHOW GRANTS FOR %s@%s", account.user, account.host)
    made = str(created[0]).replace(" ACCOUNT LOCK", "")
    return [made, *(_COLUMNS.sub(_sort_columns, str(grant)) for (grant,) in grants)]


def _sort_columns(match: re.Match[str]) -> str:
    """The server names the columns of a right in no order of its own."""
    return f"({', '.join(sorted(_COLUMN.findall(match[1])))})"


def create_locked(connection: Connection, statements: Sequence[str]) -> None:
    """Makes an account as described, shut out from its first moment on, without its rights: their objects come later."""
    connection.execute_text(statements[0] + " ACCOUNT LOCK")


def give_rights(connection: Connection, statements: Iterable[str]) -> None:
    """All grants of a description."""
    for statement in statements:
        if statement.startswith("GRANT "):
            connection.execute_text(statement)


def drop_account(connection: Connection, account: Account) -> None:
    """None there is fine."""
    connection.execute("DROP USER IF EXISTS %s@%s", account.user, account.host)


def find_powerful(connection: Connection, admin: str) -> list[tuple[Account, list[str]]]:
    """Accounts that could write past a fence or past the binary log, with the rights by which they could."""
    rights: dict[str, set[str]] = {}
    for grantee, right in connection.execute("SELECT grantee, privilege_type FROM information_schema.user_privileges"):
        rights.setdefault(str(grantee), set()).add(str(right))
    found = []
    for known in read_accounts(connection, admin):
        grantee = f"'{known.account.user}'@'{known.account.host}'"
        if powers := sorted(rights.get(grantee, set()) & _POWERS):
            found.append((known.account, powers))
    return found
