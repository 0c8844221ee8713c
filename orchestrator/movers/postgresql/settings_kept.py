"""What ALTER DATABASE … SET and ALTER ROLE … SET left behind, and how to leave the same elsewhere."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass

from psycopg import sql

from orchestrator.movers.postgresql.connections import Connection, scalar

LISTS = frozenset(
    {"local_preload_libraries", "search_path", "session_preload_libraries", "shared_preload_libraries", "temp_tablespaces",
     "unix_socket_directories"}
)  # fmt: skip
"""Parameters whose stored value is a list of quoted words: given back as one word it would mean something else."""
_WORD = re.compile(r'\s*(?:"((?:[^"]|"")*)"|([^,]*?))\s*(?:,|$)')


@dataclass(frozen=True, order=True)
class Setting:
    """One stored setting. ``role`` None: of every role; ``in_database`` False: in every database."""

    role: str | None
    in_database: bool
    name: str
    value: str


def read_settings(connection: Connection) -> list[Setting]:
    """Settings of this database, of roles in it, and of roles everywhere; sorted."""
    rows = connection.execute(
        "SELECT r.rolname::text, s.setdatabase <> 0, split_part(c.config, '=', 1), substr(c.config, strpos(c.config, '=') + 1)"
        " FROM pg_db_role_setting s LEFT JOIN pg_roles r ON r.oid = s.setrole, unnest(s.setconfig) AS c(config)"
        " WHERE s.setdatabase IN (0, (SELECT oid FROM pg_database WHERE datname = current_database()))"
    ).fetchall()
    return sorted((Setting(*row) for row in rows), key=lambda s: (s.role or "", s.in_database, s.name))


def split_words(value: str) -> list[str]:
    """A stored list as its words: ``"$user", public`` → ``$user``, ``public``."""
    words = []
    for match in _WORD.finditer(value):
        quoted, bare = match.group(1), match.group(2)
        if quoted is not None:
            words.append(quoted.replace('""', '"'))
        elif bare:
            words.append(bare)
        if match.end() == len(value):
            break
    return words


_OF_SERVER = "SELECT setting FROM pg_file_settings WHERE name = %s AND applied ORDER BY seqno DESC LIMIT 1"


def find_stored(connection: Connection, role: str, name: str) -> str | None:
    """What a new session of a role in this database begins with, as it is stored: for the role here, for the role, for the
    database, for everybody, in the server's files. None: PostgreSQL's own default. Not asked of pg_settings: in a session of
    ours it answers with what we gave ourselves."""
    stored = {(s.role, s.in_database): s.value for s in read_settings(connection) if s.name.lower() == name}
    for key in ((role, True), (role, False), (None, True), (None, False)):
        if key in stored:
            return stored[key]
    value = scalar(connection, _OF_SERVER, name)
    return None if value is None else str(value)


def _target_of(database: str, role: str | None, in_database: bool) -> sql.Composed:
    if role is None:
        if in_database:
            return sql.SQL("ALTER DATABASE {}").format(sql.Identifier(database))
        return sql.Composed([sql.SQL("ALTER ROLE ALL")])
    which = sql.SQL("ALTER ROLE {}").format(sql.Identifier(role))
    return which + sql.SQL(" IN DATABASE {}").format(sql.Identifier(database)) if in_database else which


def set_statement(database: str, setting: Setting) -> sql.Composed:
    """The ALTER … SET that leaves exactly this setting."""
    name = sql.SQL(".").join(sql.Identifier(part) for part in setting.name.split("."))
    if setting.name.lower() in LISTS:
        words = split_words(setting.value) or [""]
        value: sql.Composed = sql.SQL(", ").join(sql.Literal(word) for word in words)
    else:
        value = sql.Composed([sql.Literal(setting.value)])
    return _target_of(database, setting.role, setting.in_database) + sql.SQL(" SET {} TO ").format(name) + value


def reset_statement(database: str, setting: Setting) -> sql.Composed:
    """The ALTER … RESET that takes it away."""
    name = sql.SQL(".").join(sql.Identifier(part) for part in setting.name.split("."))
    return _target_of(database, setting.role, setting.in_database) + sql.SQL(" RESET {}").format(name)


def copy_settings(source: Connection, target: Connection, roles: Collection[str], *, everybody: bool) -> list[Setting]:
    """Makes the settings of this database and of ``roles`` the same on the target. ``everybody``: ALTER ROLE ALL too.

    Whatever the target has beyond it for these is taken away; other roles' settings are not touched.
    """
    database = str(scalar(target, "SELECT current_database()"))

    def concerns(setting: Setting) -> bool:
        if setting.role is None:
            return setting.in_database or everybody
        return setting.role in roles

    wanted = [setting for setting in read_settings(source) if concerns(setting)]
    there = [setting for setting in read_settings(target) if concerns(setting)]
    keys = {(setting.role, setting.in_database, setting.name) for setting in wanted}
    with target.transaction():
        for setting in there:
            if (setting.role, setting.in_database, setting.name) not in keys:
                target.execute(reset_statement(database, setting))
        for setting in wanted:
            if setting not in there:
                target.execute(set_statement(database, setting))
    return wanted
