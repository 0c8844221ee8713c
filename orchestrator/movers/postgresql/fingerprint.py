"""The fingerprint of a whole database: every object, each of its parts, as a value that two sides can be compared by.

Taken at the copy and kept in our own schema on either side; asked again by every check that follows. It holds no
OID, no row, and of secrets (verifiers, passwords in options) only a digest. What an act of ours changed for the
time of the move (replica identities, triggers held, the connection limit) is read as it was before.
"""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql

from orchestrator.movers.postgresql import catalog_shared, functions, waiting
from orchestrator.movers.postgresql.catalog import Query
from orchestrator.movers.postgresql.catalog_code import CODE_QUERIES
from orchestrator.movers.postgresql.catalog_relations import RELATION_QUERIES
from orchestrator.movers.postgresql.catalog_shared import SHARED_QUERIES
from orchestrator.movers.postgresql.connections import Connection
from orchestrator.movers.postgresql.names import Names
from orchestrator.texts import Sentence, Words, say

Fingerprint = Mapping[tuple[str, str], str]
"""(object, part) → the part's text, or its digest where it is long or a secret."""

EXISTS = "there"
"""The part that every object has: it exists."""
SHORT = 80
"""Characters up to which a part is kept as it reads."""
LOCK_SECONDS = 5.0
"""How long it waits for a table that somebody keeps everybody out of."""
_PARENTHESES = re.compile(r"[()\s]")
_QUIET = """
SET LOCAL search_path = pg_catalog; SET LOCAL TimeZone = 'UTC'; SET LOCAL DateStyle = 'ISO, YMD';
SET LOCAL IntervalStyle = 'postgres'; SET LOCAL extra_float_digits = 3; SET LOCAL quote_all_identifiers = off;
SET LOCAL lc_messages = 'C'; SET LOCAL bytea_output = 'hex'; SET LOCAL xmlbinary = 'base64'; SET LOCAL jit = off
"""


@dataclass(frozen=True)
class Change:
    """One part of one object that two fingerprints do not share. None: it is not there."""

    object: str
    part: str
    before: str | None
    after: str | None

    @property
    def says(self) -> Sentence:
        """What is not the same; objects and their parts are called as SQL calls them."""
        if self.part == EXISTS:
            return say("postgresql.new", object=self.object) if self.before is None else say("postgresql.gone", object=self.object)
        return say("postgresql.change", object=self.object, part=self.part, before=_shown(self.before), after=_shown(self.after))

    def __str__(self) -> str:
        return str(self.says)


def take(connection: Connection, names: Names, *, roles: Collection[str] | None = None) -> dict[tuple[str, str], str]:
    """What is there now, seen at one point; reads only. ``roles``: those that belong to the database, None: all but
    the engine's. One round trip but for the answers; about 1 s for 2,000 tables."""
    with connection.transaction():
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        return read(connection, names, roles=roles)


def read(connection: Connection, names: Names, *, roles: Collection[str] | None = None) -> dict[tuple[str, str], str]:
    """``take`` in the transaction that is open; its settings are left as they were, and its locks (a view's definition takes
    those of its tables). Gives way to clients; raises StepFailed saying who has had a table locked for ``LOCK_SECONDS``."""
    until = time.monotonic() + LOCK_SECONDS
    while True:
        try:
            with connection.transaction(force_rollback=True):
                waiting.give_way(connection)
                return _read(connection, names, roles)
        except waiting.GAVE_WAY:
            if time.monotonic() > until:
                raise waiting.locked(connection, LOCK_SECONDS) from None


def _read(connection: Connection, names: Names, roles: Collection[str] | None) -> dict[tuple[str, str], str]:
    connection.execute(_QUIET)
    if connection.info.parameter_status("server_encoding") == "SQL_ASCII":
        connection.execute("SET LOCAL client_encoding = 'LATIN1'")  # bytes as they are: nobody knows their meaning
    values = {"ours": names.schema, "engine": _session_user(connection), "roles": _listed(roles)}
    seen: dict[tuple[str, str], str] = {}
    for query in _queries(connection):
        _add(seen, connection.execute(query.sql, values), query)
    for adjust in (_identities_before, _triggers_before, _functions_before, _limit_before):
        adjust(connection, names, seen)
    return seen


def changes(before: Fingerprint, after: Fingerprint, *, restored: bool = False) -> list[Change]:
    """Every object that was added or dropped, and every part of the others that differs; sorted. Empty: equal. ``restored``:
    one was made of the other by a dump, after which PostgreSQL may write the same condition with fewer parentheses."""
    found = []
    for key in sorted(before.keys() | after.keys()):
        thing, part = key
        here, there = before.get(key), after.get(key)
        if _is_same(here, there) or (restored and _without_parentheses(here) == _without_parentheses(there)):
            continue
        is_there_before, is_there_after = (thing, EXISTS) in before, (thing, EXISTS) in after
        if part == EXISTS or (is_there_before and is_there_after):
            found.append(Change(thing, part, here, there))
    return found


def keep(connection: Connection, names: Names, fingerprint: Fingerprint) -> None:
    """Stores it in our schema on this side, in place of an earlier one."""
    table = names.table("fingerprint")
    with connection.transaction():
        connection.execute(
            sql.SQL("CREATE TABLE IF NOT EXISTS {} (object text, part text, value text, PRIMARY KEY (object, part))").format(table)
        )
        connection.execute(sql.SQL("DELETE FROM {}").format(table))
        with connection.cursor() as cursor, cursor.copy(sql.SQL("COPY {} FROM STDIN").format(table)) as copy:
            for (thing, part), value in sorted(fingerprint.items()):
                copy.write_row((thing, part, value))


def is_kept(connection: Connection, names: Names) -> bool:
    """Whether ``keep`` stored one on this side."""
    return _has_table(connection, names, "fingerprint")


def kept(connection: Connection, names: Names) -> dict[tuple[str, str], str] | None:
    """What ``keep`` stored on this side; None: nothing."""
    if not is_kept(connection, names):
        return None
    rows = connection.execute(sql.SQL("SELECT object, part, value FROM {}").format(names.table("fingerprint"))).fetchall()
    return {(thing, part): value for thing, part, value in rows}


# ---------------------------------------------------------------- reading


def _queries(connection: Connection) -> list[Query]:
    queries = [*SHARED_QUERIES, *CODE_QUERIES, *RELATION_QUERIES]
    if connection.info.server_version >= 150000:
        queries.append(catalog_shared.PARAMETER_RIGHTS)
    return queries


def _add(seen: dict[tuple[str, str], str], answer: psycopg.Cursor[Any], query: Query) -> None:
    parts = [column.name for column in answer.description or ()]
    for row in answer:
        thing = str(row[0])
        seen[thing, EXISTS] = "yes"
        for part, text in zip(parts[1:], row[1:], strict=True):
            if text is not None and text != "":
                seen[thing, part] = _value(str(text), secret=part in query.secret)


def _value(text: str, *, secret: bool) -> str:
    if not secret and len(text) <= SHORT and "\n" not in text:
        return text
    return f"#{_digest(text)}" if secret else f"#{_digest(text)}~{_digest(_PARENTHESES.sub('', text))}"


def _digest(text: str) -> str:
    return hashlib.blake2b(text.encode("utf-8", "surrogateescape"), digest_size=12).hexdigest()


def _is_same(here: str | None, there: str | None) -> bool:
    if here is None or there is None or not (here.startswith("#") and there.startswith("#")) or ("~" in here) == ("~" in there):
        return here == there
    return here.partition("~")[0] == there.partition("~")[0]  # one was kept by an engine that had no second digest


def _without_parentheses(value: str | None) -> str | None:
    if value is None:
        return None
    return value.partition("~")[2] or value if value.startswith("#") else _digest(_PARENTHESES.sub("", value))


def _shown(value: str | None) -> Words:
    if value is None:
        return say("postgresql.nothing")
    return say("postgresql.longer_text") if value.startswith("#") else value


def _listed(roles: Collection[str] | None) -> list[str] | None:
    return None if roles is None else sorted(roles)


def _session_user(connection: Connection) -> str:
    row = connection.execute("SELECT session_user::text").fetchone()
    return str(row[0]) if row else ""


# ---------------------------------------------------------------- what an act of ours changed for a time


def _has_table(connection: Connection, names: Names, table: str) -> bool:
    query = "SELECT 1 FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = %s AND c.relname = %s"
    return connection.execute(query, (names.schema, table)).fetchone() is not None


def _identities_before(connection: Connection, names: Names, seen: dict[tuple[str, str], str]) -> None:
    if not _has_table(connection, names, "identity_before"):
        return
    query = (
        "SELECT format('table %I.%I', schema_name, table_name),"
        " CASE identity WHEN 'f' THEN 'full' WHEN 'n' THEN 'nothing' WHEN 'i' THEN 'index ' || index_name END FROM {}"
    )
    for thing, identity in connection.execute(sql.SQL(query).format(names.table("identity_before"))).fetchall():
        seen.pop((thing, "replica identity"), None)
        if (thing, EXISTS) in seen and identity is not None:
            seen[thing, "replica identity"] = identity


def _triggers_before(connection: Connection, names: Names, seen: dict[tuple[str, str], str]) -> None:
    if not _has_table(connection, names, "trigger_held"):
        return
    query = "SELECT format('trigger %I on %I.%I', trigger_name, schema_name, table_name), enabled FROM {}"
    for thing, enabled in connection.execute(sql.SQL(query).format(names.table("trigger_held"))).fetchall():
        if (thing, EXISTS) in seen:
            seen[thing, "enabled"] = enabled


def _functions_before(connection: Connection, names: Names, seen: dict[tuple[str, str], str]) -> None:
    for schema, name, arguments, before, during in functions.held_functions(connection, names):
        query = "SELECT concat('function ', quote_ident(%s), '.', quote_ident(%s), '(', %s::text, ')')"
        thing = str(connection.execute(query, (schema, name, arguments)).fetchall()[0][0])
        if seen.get((thing, "definition")) == _value(during, secret=False):
            seen[thing, "definition"] = _value(before, secret=False)


def _limit_before(connection: Connection, names: Names, seen: dict[tuple[str, str], str]) -> None:
    if not _has_table(connection, names, "control"):
        return
    row = connection.execute(sql.SQL("SELECT connection_limit FROM {}").format(names.table("control"))).fetchone()
    if row is not None and seen.get(("database", "connection limit")) == "0":
        seen["database", "connection limit"] = str(row[0])
