"""What our own database on a side remembers, so that an undo depends on nothing but the server itself.

It is made on each side by itself: only rows of ``marker`` and ``probe`` go through the binary log.
"""

from __future__ import annotations

from orchestrator.movers.mariadb.connections import Connection, fill
from orchestrator.movers.names import Names

_TABLES = (
    "CREATE TABLE IF NOT EXISTS {} (id int PRIMARY KEY, open boolean NOT NULL, token bigint NOT NULL, attempt varchar(200) NOT NULL,"
    " at timestamp(6) NOT NULL DEFAULT current_timestamp(6)) ENGINE=InnoDB",
    "CREATE TABLE IF NOT EXISTS {} (user varchar(128), host varchar(255), PRIMARY KEY (user, host)) ENGINE=InnoDB",
    "CREATE TABLE IF NOT EXISTS {} (id varchar(200) PRIMARY KEY, at timestamp(6) NOT NULL DEFAULT current_timestamp(6)) ENGINE=InnoDB",
    "CREATE TABLE IF NOT EXISTS {} (id int PRIMARY KEY, n bigint NOT NULL) ENGINE=InnoDB",
    "CREATE TABLE IF NOT EXISTS {} (word varchar(100) PRIMARY KEY, value longtext NOT NULL) ENGINE=InnoDB",
    "CREATE TABLE IF NOT EXISTS {} (user varchar(128), host varchar(255), PRIMARY KEY (user, host)) ENGINE=InnoDB",
    "CREATE TABLE IF NOT EXISTS {} (name varchar(100) PRIMARY KEY, asked boolean NOT NULL DEFAULT false, beat timestamp(6) NULL,"
    " done boolean NOT NULL DEFAULT false, problem text) ENGINE=InnoDB",
    "CREATE TABLE IF NOT EXISTS {} (name varchar(100), object varchar(200), counted bigint, summed varchar(200),"
    " PRIMARY KEY (name, object)) ENGINE=InnoDB",
)
_NAMES = ("control", "held", "marker", "probe", "word", "made", "snapshot", "snapshot_sum")
"""``control``: which side is open. ``held``: accounts that the fence locked. ``marker``: rows that flow and show how far.
``probe``: what the probe writes. ``word``: single values by name. ``made``: accounts that we made here. ``snapshot`` and
``snapshot_sum``: what a snapshot was asked for, and its answers."""


def is_ours(connection: Connection, names: Names) -> bool | None:
    """Whether our database is there and bears our mark; None: none of that name."""
    query = "SELECT schema_comment = %s FROM information_schema.schemata WHERE schema_name = %s"
    found = connection.scalar(query, names.mark, names.schema)
    return None if found is None else bool(found)


def install(connection: Connection, names: Names, *, is_open: bool) -> None:
    """Our database on one side with its control row as observed. Again is fine; a control row that is there stays."""
    create = "CREATE DATABASE IF NOT EXISTS {} CHARACTER SET utf8mb4 COLLATE utf8mb4_bin COMMENT %s"
    connection.execute(fill(create, names.schema), names.mark)
    for name, table in zip(_NAMES, _TABLES, strict=True):
        connection.execute(fill(table, [names.schema, name]))
    connection.execute(
        fill("INSERT IGNORE INTO {} (id, open, token, attempt) VALUES (1, %s, 0, 'prepared')", [names.schema, "control"]), is_open
    )
    rows = ", ".join(f"({number}, 0)" for number in range(1, 17))
    connection.execute(fill("INSERT IGNORE INTO {} VALUES " + rows, [names.schema, "probe"]))


def drop(connection: Connection, names: Names) -> None:
    """Removes our database, where it bears our mark."""
    if is_ours(connection, names):
        connection.execute(fill("DROP DATABASE {}", names.schema))


def revoke_probe(connection: Connection, names: Names) -> None:
    """Nobody may write the probe's rows any more: rights outlive their table in MariaDB."""
    given = connection.execute("SELECT user, host FROM mysql.tables_priv WHERE db = %s AND table_name = 'probe'", names.schema)
    for user, host in given:
        connection.execute(fill("REVOKE SELECT, UPDATE ON {} FROM %s@%s", [names.schema, "probe"]), user, host)


def write_word(connection: Connection, names: Names, word: str, value: str) -> None:
    """Remembers a value."""
    connection.execute(fill("REPLACE INTO {} VALUES (%s, %s)", [names.schema, "word"]), word, value)


def read_word(connection: Connection, names: Names, word: str) -> str | None:
    """What was remembered; None: nothing, or our database is not there."""
    if not is_ours(connection, names):
        return None
    value = connection.scalar(fill("SELECT value FROM {} WHERE word = %s", [names.schema, "word"]), word)
    return None if value is None else str(value)


def forget_word(connection: Connection, names: Names, word: str) -> None:
    """Nothing remembered is fine."""
    connection.execute(fill("DELETE FROM {} WHERE word = %s", [names.schema, "word"]), word)


def made_accounts(connection: Connection, names: Names) -> list[tuple[str, str]]:
    """(user, host) of the accounts that we made here."""
    return [(str(user), str(host)) for user, host in connection.execute(fill("SELECT user, host FROM {}", [names.schema, "made"]))]
