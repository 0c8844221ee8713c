"""What a new session of the application finds set by the server itself (postgresql.conf, ALTER SYSTEM), beside what the database
and its roles set: a time zone or a form of dates that differs would be another answer to the same question."""

from __future__ import annotations

from psycopg import sql

from orchestrator.movers.contract import Part
from orchestrator.movers.postgresql import connections
from orchestrator.movers.postgresql.connections import Connection
from orchestrator.movers.postgresql.reach import conninfo_of

SEEN_BY_CLIENTS = (
    "TimeZone", "DateStyle", "IntervalStyle", "search_path", "default_text_search_config", "lc_monetary", "lc_numeric", "lc_time",
    "standard_conforming_strings", "backslash_quote", "array_nulls", "transform_null_equals", "bytea_output", "extra_float_digits",
    "xmlbinary", "xmloption", "row_security", "default_transaction_isolation", "default_transaction_read_only",
    "default_transaction_deferrable", "lo_compat_privileges", "timezone_abbreviations", "password_encryption",
)  # fmt: skip
"""Parameters that change what a client reads or may do. None of them needs a restart."""


_SET_BY_SERVER = """
SELECT s.name::text, CASE WHEN s.source IN ('global', 'database', 'user', 'database user', 'client') THEN coalesce((
    SELECT f.setting FROM pg_file_settings f WHERE lower(f.name) = lower(s.name) AND f.applied ORDER BY f.seqno DESC LIMIT 1
  ), s.boot_val) ELSE s.reset_val END
FROM pg_settings s WHERE s.name = ANY(%s)
"""
"""What a session finds may be its own account's or database's setting: that is not what the application finds."""


def read_defaults(connection: Connection) -> dict[str, str]:
    """Each parameter as the server sets it, whoever asks. ``connection``: one without options of ours."""
    rows = connection.execute(_SET_BY_SERVER, (list(SEEN_BY_CLIENTS),))
    return {name: str(value) for name, value in rows.fetchall()}


def find_differences(part: Part) -> dict[str, tuple[str, str]]:
    """Parameter → (source's, target's), where they differ."""
    sides = []
    for side in ("source", "target"):
        with connections.connect(conninfo_of(part, side, database="postgres")) as plain:
            sides.append(read_defaults(plain))
    source, target = sides
    return {name: (value, target[name]) for name, value in sorted(source.items()) if name in target and target[name] != value}


def give_to_target(part: Part) -> list[str]:
    """ALTER SYSTEM on the target for what differs; returns the parameters. Only where nobody else's database is there."""
    differ = find_differences(part)
    if not differ:
        return []
    with connections.connect(conninfo_of(part, "target", database="postgres")) as server:
        for name, (wanted, _) in differ.items():
            words = [word.strip() for word in wanted.split(",")] if name == "search_path" else [wanted]
            values = sql.SQL(", ").join(sql.Literal(word.strip('"')) for word in words)
            server.execute(sql.SQL("ALTER SYSTEM SET {} TO ").format(sql.Identifier(name)) + values)
        server.execute("SELECT pg_reload_conf()")
    return sorted(differ)


def is_shared(server: Connection, part: Part) -> bool:
    """Whether other databases than ours stand in the target's cluster."""
    query = "SELECT count(*) FROM pg_database WHERE NOT datistemplate AND datname <> 'postgres' AND datname <> %s"
    return bool(connections.scalar(server, query + " AND NOT starts_with(datname, 'orchestrator_')", part.name))
