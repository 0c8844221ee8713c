"""Whether the target's server has what this database needs: extensions, collations, tablespaces, and who may connect whom."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator

import psycopg
from psycopg import sql

from orchestrator.movers.postgresql.connections import Connection
from orchestrator.texts import Words, say

Reason = tuple[str, str, Words, Words]
"""(code, severity, sentence, remedy)."""

_COLLATIONS_USED = """
SELECT DISTINCT c.collname::text FROM pg_collation c WHERE c.oid < 16384 AND c.collname NOT IN ('default', 'C', 'POSIX', 'ucs_basic')
 AND (EXISTS (SELECT 1 FROM pg_attribute a JOIN pg_class r ON r.oid = a.attrelid WHERE a.attcollation = c.oid AND r.oid >= 16384)
  OR EXISTS (SELECT 1 FROM pg_type t WHERE t.typcollation = c.oid AND t.oid >= 16384)
  OR EXISTS (SELECT 1 FROM pg_index i WHERE c.oid = ANY(i.indcollation::oid[]) AND i.indexrelid >= 16384)) ORDER BY 1
"""
_TABLESPACES_USED = """
SELECT t.spcname::text, string_agg(DISTINCT what, ', ' ORDER BY what) FROM pg_tablespace t JOIN (
  SELECT reltablespace AS space, relname::text AS what FROM pg_class WHERE reltablespace <> 0 AND oid >= 16384
  UNION ALL SELECT dattablespace, 'the database itself' FROM pg_database WHERE datname = current_database()) AS used
 ON used.space = t.oid WHERE t.spcname !~ '^pg_' GROUP BY t.spcname ORDER BY 1
"""
_LOCALE = """
SELECT datcollate::text, datctype::text, pg_encoding_to_char(encoding)::text FROM pg_database WHERE datname = current_database()
"""


def misfits(source: Connection, target: Connection) -> Iterator[Reason]:
    """Everything that the source's database has and the target's server cannot give it. ``target``: a session in any database."""
    yield from _extensions(source, target)
    yield from _collations(source, target)
    there = {row[0] for row in target.execute("SELECT spcname::text FROM pg_tablespace").fetchall()}
    for space, users in source.execute(_TABLESPACES_USED).fetchall():
        if space not in there:
            yield "tablespace", "error", say("postgresql.no_tablespace", space=space, users=users), say("postgresql.create_there")


def _extensions(source: Connection, target: Connection) -> Iterator[Reason]:
    available: dict[str, set[str]] = {}
    for name, version in target.execute("SELECT name::text, version FROM pg_available_extension_versions").fetchall():
        available.setdefault(name, set()).add(version)
    for name, version in source.execute("SELECT extname::text, extversion FROM pg_extension ORDER BY 1").fetchall():
        if name not in available:
            yield "extension-missing", "error", say("postgresql.no_extension", name=name), say("postgresql.install_package_there")
        elif version not in available[name]:
            offered = ", ".join(sorted(available[name]))
            sentence = say("postgresql.extension_version", name=name, version=version, offered=offered)
            yield "extension-version", "error", sentence, say("postgresql.same_version")
    loaded, there = (_preloaded(connection) for connection in (source, target))
    for library in sorted(loaded - there):
        sentence = say("postgresql.not_preloaded", library=library)
        yield "preload", "warning", sentence, say("postgresql.add_preload")


def _preloaded(connection: Connection) -> set[str]:
    row = connection.execute("SELECT setting FROM pg_settings WHERE name = 'shared_preload_libraries'").fetchone()
    return {word.strip(' "') for word in str(row[0] if row else "").split(",") if word.strip()}


def _collations(source: Connection, target: Connection) -> Iterator[Reason]:
    there = {row[0] for row in target.execute("SELECT collname::text FROM pg_collation").fetchall()}
    for (name,) in source.execute(_COLLATIONS_USED).fetchall():
        if name not in there:
            sentence = say("postgresql.no_collation", name=name)
            yield "collation-missing", "error", sentence, say("postgresql.install_locale_import")
    collate, ctype, encoding = source.execute(_LOCALE).fetchall()[0]
    if not _knows_locale(target, collate, ctype):
        sentence = say("postgresql.no_locale", collate=collate, ctype=ctype, encoding=encoding)
        yield "collation-missing", "error", sentence, say("postgresql.install_locale")
    if source.info.server_version >= 150000 and target.info.server_version >= 150000:
        query = "SELECT datlocprovider::text, datcollversion FROM pg_database WHERE datname = current_database()"
        provider, version = source.execute(query).fetchall()[0]
        other_provider, other = target.execute(query).fetchall()[0]
        if provider == other_provider and version and other and version != other:
            sentence = say("postgresql.collation_version", version=version, other=other)
            yield "collation-version", "warning", sentence, say("postgresql.order_may_differ")


def _knows_locale(target: Connection, collate: str, ctype: str) -> bool:
    """Asked by making a collation of it in a transaction that is rolled back: there is no other way to know."""
    statement = sql.SQL("CREATE COLLATION pg_temp.asked (provider = libc, lc_collate = {}, lc_ctype = {})")
    try:
        with target.transaction(force_rollback=True):
            target.execute(statement.format(sql.Literal(collate), sql.Literal(ctype)))
    except (psycopg.errors.InvalidParameterValue, psycopg.errors.InvalidObjectDefinition, psycopg.errors.UndefinedObject):
        return False
    except psycopg.Error:
        return True  # another encoding than this session's database: the server says so only when the database is made
    return True


def may_connect(connection: Connection, *, database: str, user: str, address: str) -> Words | None:
    """Whether pg_hba.conf as the server read it lets ``user`` at ``address`` into ``database``: None, or what stands against
    it. A file that the server could not read is named with its line."""
    rules = connection.execute(
        "SELECT line_number, type, database, user_name, address, netmask, auth_method, error FROM pg_hba_file_rules ORDER BY line_number"
    ).fetchall()
    for line, kind, databases, users, place, mask, method, error in rules:
        if error and kind is None:
            return say("postgresql.hba_line_unread", line=line, error=str(error))
        if error or not str(kind).startswith("host") or kind == "hostgssenc":
            continue  # read, but it can match nobody: hostssl where TLS is off
        if not ({database, "all"} & set(databases)) or not ({user, "all"} & set(users) or any(u.startswith("+") for u in users)):
            continue
        if not _covers(place, mask, address):
            continue
        return say("postgresql.hba_rejects", line=line, user=user, address=address) if method == "reject" else None
    return say("postgresql.hba_no_line", user=user, address=address, database=database)


def _covers(place: str | None, mask: str | None, address: str) -> bool:
    if place in (None, "all", "samehost", "samenet"):
        return place != "samehost"
    try:
        network = ipaddress.ip_network(f"{place}/{mask}" if mask else str(place), strict=False)
        return ipaddress.ip_address(address) in network
    except ValueError:
        return True  # a host's name: the server resolves it, not we
