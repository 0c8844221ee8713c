"""Logical replication between two PostgreSQL databases, set up and taken down at leisure. Every act may be repeated.

Both sides get a schema of ours (names.py: control row, marker, probe, a trigger against schema changes).
The application's tables flow by name, never ``FOR ALL TABLES``, so that nothing of ours flows except the marker.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import psycopg
from psycopg import sql

from orchestrator.movers.postgresql.fence import Connection, limit_connections, round_trip, scalar
from orchestrator.movers.postgresql.names import Names

_SCHEMA = """
CREATE SCHEMA IF NOT EXISTS {schema};
CREATE TABLE IF NOT EXISTS {schema}.control (
  id int PRIMARY KEY DEFAULT 1 CHECK (id = 1), open boolean NOT NULL, token bigint NOT NULL, attempt text NOT NULL, at timestamptz NOT NULL DEFAULT now(),
  connection_limit int NOT NULL DEFAULT -1);
CREATE TABLE IF NOT EXISTS {schema}.marker (id text PRIMARY KEY, at timestamptz NOT NULL DEFAULT now());
CREATE TABLE IF NOT EXISTS {schema}.probe (id int PRIMARY KEY, n bigint NOT NULL);
CREATE TABLE IF NOT EXISTS {schema}.identity_given (schema_name text, table_name text, PRIMARY KEY (schema_name, table_name));
INSERT INTO {schema}.probe SELECT i, 0 FROM generate_series(1, 16) AS i ON CONFLICT DO NOTHING;
"""

_FREEZE = """
CREATE OR REPLACE FUNCTION {schema}.refuse_schema_change() RETURNS event_trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NOT (SELECT rolsuper FROM pg_roles WHERE rolname = session_user) THEN
    RAISE EXCEPTION 'schema changes are frozen while this database is being migrated (%)', tg_tag
      USING HINT = 'ask the operations engineers: it must be taken over on both sides by hand';
  END IF;
END $$;
DROP EVENT TRIGGER IF EXISTS {freeze};
CREATE EVENT TRIGGER {freeze} ON ddl_command_start
  WHEN TAG IN ('CREATE TABLE', 'ALTER TABLE', 'DROP TABLE', 'CREATE SEQUENCE', 'DROP SEQUENCE', 'ALTER SEQUENCE', 'ALTER TYPE', 'DROP TYPE', 'DROP SCHEMA')
  EXECUTE FUNCTION {schema}.refuse_schema_change();
ALTER EVENT TRIGGER {freeze} ENABLE;
"""

_USER_SCHEMA = "n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname !~ '^pg_' AND n.nspname <> %s"
_TABLES = (
    "SELECT n.nspname::text, c.relname::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
    f" WHERE c.relkind IN ('r', 'p') AND c.relpersistence = 'p' AND NOT c.relispartition AND {_USER_SCHEMA} ORDER BY 1, 2"
)


def _of_ours(statements: str, names: Names) -> sql.Composed:
    return sql.SQL(statements).format(schema=sql.Identifier(names.schema), freeze=sql.Identifier(names.freeze))


def tables(connection: Connection, names: Names) -> list[tuple[str, str]]:
    """(schema, name) of the application's permanent tables, sorted."""
    return [(r[0], r[1]) for r in connection.execute(_TABLES, (names.schema,)).fetchall()]


def what_would_be_lost(connection: Connection, names: Names) -> list[str]:
    """What logical replication does not carry and this database has: each a reason to refuse (docs/cutover.md)."""
    checks = {
        "large objects": "SELECT count(*) FROM pg_largeobject_metadata",
        "unlogged tables": f"SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind = 'r' AND c.relpersistence = 'u' AND {_USER_SCHEMA}",
        "ENABLE ALWAYS triggers": "SELECT count(*) FROM pg_trigger WHERE tgenabled = 'A'",
        "prepared transactions": "SELECT count(*) FROM pg_prepared_xacts",
    }
    return [
        f"{count} {what}"
        for what, query in checks.items()
        if (count := scalar(connection, query, *([names.schema] if "%s" in query else [])))
    ]


def install_schema(connection: Connection, names: Names, *, is_open: bool, roles: list[str], token: int, connection_limit: int) -> None:
    """Our own schema on one side, with its control row as observed: the source open, the target closed.

    ``connection_limit`` is the application's own: what opening this side gives back. ``roles`` may use the probe's table."""
    with connection.transaction():
        connection.execute(_of_ours(_SCHEMA, names))
        connection.execute(
            sql.SQL(
                "INSERT INTO {} (open, token, attempt, connection_limit) VALUES (%s, %s, 'prepared', %s) ON CONFLICT (id) DO NOTHING"
            ).format(names.table("control")),
            (is_open, token, connection_limit),
        )
        if not scalar(connection, sql.SQL("SELECT open FROM {}").format(names.table("control"))):
            limit_connections(connection, 0)
        for role in roles:
            connection.execute(sql.SQL("GRANT USAGE ON SCHEMA {} TO {}").format(sql.Identifier(names.schema), sql.Identifier(role)))
            connection.execute(sql.SQL("GRANT SELECT, UPDATE ON {} TO {}").format(names.table("probe"), sql.Identifier(role)))


def freeze_schema(connection: Connection, names: Names) -> None:
    """Refuses the application's schema changes while replication runs; the engine's own role is let through."""
    with connection.transaction():
        connection.execute(_of_ours(_FREEZE, names))


def unfreeze_schema(connection: Connection, names: Names) -> None:
    """The application may change its schema again; not frozen is fine."""
    connection.execute(sql.SQL("DROP EVENT TRIGGER IF EXISTS {}").format(sql.Identifier(names.freeze)))


def drop_schema(connection: Connection, names: Names) -> None:
    """Removes everything of ours from a side."""
    with connection.transaction():
        unfreeze_schema(connection, names)
        connection.execute(sql.SQL("DROP SCHEMA IF EXISTS {} CASCADE").format(sql.Identifier(names.schema)))


def give_identity(connection: Connection, names: Names, *, lock_seconds: float = 2.0, tries: int = 10) -> list[str]:
    """REPLICA IDENTITY FULL for tables without a key, before any publication; returns all that were given one so far.
    Short locks, tried again; what was changed is kept on the source itself, so that the undo does not depend on us."""
    rows = connection.execute(
        "SELECT n.nspname::text, c.relname::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
        f" WHERE c.relkind = 'r' AND c.relpersistence = 'p' AND c.relreplident = 'd' AND {_USER_SCHEMA}"
        " AND NOT EXISTS (SELECT 1 FROM pg_index i WHERE i.indrelid = c.oid AND i.indisprimary)",
        (names.schema,),
    ).fetchall()
    for schema, name in rows:
        connection.execute(
            sql.SQL("INSERT INTO {} VALUES (%s, %s) ON CONFLICT DO NOTHING").format(names.table("identity_given")), (schema, name)
        )
        _with_short_lock(
            connection, sql.SQL("ALTER TABLE {} REPLICA IDENTITY FULL").format(sql.Identifier(schema, name)), lock_seconds, tries
        )
    return [f"{schema}.{name}" for schema, name in _given(connection, names)]


def take_identity(connection: Connection, names: Names) -> None:
    """Undoes ``give_identity`` for exactly the tables it changed; call it before ``drop_schema``."""
    if scalar(connection, "SELECT to_regclass(%s)", f"{names.schema}.identity_given") is None:
        return
    for schema, name in _given(connection, names):
        _with_short_lock(
            connection, sql.SQL("ALTER TABLE IF EXISTS {} REPLICA IDENTITY DEFAULT").format(sql.Identifier(schema, name)), 2.0, 10
        )


def _given(connection: Connection, names: Names) -> list[tuple[str, str]]:
    return [
        (r[0], r[1])
        for r in connection.execute(
            sql.SQL("SELECT schema_name, table_name FROM {} ORDER BY 1, 2").format(names.table("identity_given"))
        ).fetchall()
    ]


def _with_short_lock(connection: Connection, statement: sql.SQL | sql.Composed, seconds: float, tries: int) -> None:
    for attempt in range(tries):
        try:
            with connection.transaction():
                connection.execute(sql.SQL("SET LOCAL lock_timeout = {}").format(sql.Literal(f"{int(seconds * 1000)}ms")))
                connection.execute(statement)
        except psycopg.errors.LockNotAvailable:
            if attempt == tries - 1:
                raise
            time.sleep(0.5)
        else:
            return


def publish(connection: Connection, names: Names, name: str) -> None:
    """Publishes the application's tables and the marker under ``name``."""
    if scalar(connection, "SELECT 1 FROM pg_publication WHERE pubname = %s", name):
        return
    listed = sql.SQL(", ").join(sql.Identifier(*t) for t in [*tables(connection, names), (names.schema, "marker")])
    connection.execute(sql.SQL("CREATE PUBLICATION {} FOR TABLE {}").format(sql.Identifier(name), listed))


def unpublish(connection: Connection, name: str) -> None:
    """Drops the publication; none there is fine."""
    connection.execute(sql.SQL("DROP PUBLICATION IF EXISTS {}").format(sql.Identifier(name)))


def subscribe(connection: Connection, name: str, conninfo: str, publication: str, *, copy: bool, slot: str | None = None) -> None:
    """``copy``: create the slot, copy and follow. Otherwise: prepared only, disabled, for a slot made later."""
    if subscribed(connection, name):
        return
    options = (
        sql.SQL("binary = true, streaming = on")
        if copy
        else sql.SQL("binary = true, streaming = on, create_slot = false, copy_data = false, enabled = false, slot_name = {}").format(
            sql.Identifier(slot or name)
        )
    )
    # a failing statement must not leave the password in the server's log
    connection.execute("SET log_min_error_statement = panic")
    try:
        connection.execute(
            sql.SQL("CREATE SUBSCRIPTION {} CONNECTION {} PUBLICATION {} WITH ({})").format(
                sql.Identifier(name), sql.Literal(conninfo), sql.Identifier(publication), options
            )
        )
    finally:
        connection.execute("RESET log_min_error_statement")


def subscribed(connection: Connection, name: str) -> bool:
    """Whether this database has the subscription."""
    return bool(
        scalar(
            connection,
            "SELECT 1 FROM pg_subscription s JOIN pg_database d ON d.oid = s.subdbid WHERE subname = %s AND datname = current_database()",
            name,
        )
    )


def unsubscribe(connection: Connection, name: str) -> None:
    """Drops the subscription and leaves its slot on the other side to ``drop_slot``, so that an absent side does not block."""
    if not subscribed(connection, name):
        return
    subscription = sql.Identifier(name)
    connection.execute(sql.SQL("ALTER SUBSCRIPTION {} DISABLE").format(subscription))
    connection.execute(sql.SQL("ALTER SUBSCRIPTION {} SET (slot_name = NONE)").format(subscription))
    connection.execute(sql.SQL("DROP SUBSCRIPTION {}").format(subscription))


def drop_slots(connection: Connection, prefix: str, *, limit: float = 10.0) -> None:
    """Drops our slots (and those of interrupted table copies). What still holds one is ended: a subscriber that is lost or
    only gone quiet, a slot that waits for an old transaction before it is made. Raises TimeoutError."""
    until = time.monotonic() + limit
    query = (
        "SELECT slot_name::text, active_pid FROM pg_replication_slots WHERE database = current_database()"
        " AND (slot_name = %s OR slot_name LIKE 'pg\\_%%\\_sync\\_%%')"
    )
    while rows := connection.execute(query, (prefix,)).fetchall():
        for name, holder in rows:
            if holder is not None:
                connection.execute("SELECT pg_terminate_backend(%s)", (holder,))
            else:
                connection.execute("SELECT pg_drop_replication_slot(%s)", (name,))
        if time.monotonic() > until:
            raise TimeoutError(f"slot {prefix} is still in use after {limit:.0f} s")
        time.sleep(0.05)


def wait_in_step(
    target: Connection, source: Connection, names: Names, *, limit: float, lag_ms: float, say: Callable[[str], None]
) -> dict[str, Any]:
    """Waits until every table is copied and a marker's round trip is under ``lag_ms``. Raises TimeoutError with what is
    still missing."""
    began = time.monotonic()
    left: list[str] = []
    while time.monotonic() - began < limit:
        left = [
            r[0]
            for r in target.execute(
                "SELECT srrelid::regclass::text FROM pg_subscription_rel r JOIN pg_subscription s ON s.oid = r.srsubid"
                " WHERE s.subname = %s AND srsubstate <> 'r'",
                (names.forward,),
            ).fetchall()
        ]
        if not left:
            lag = round_trip(source, target, names, f"lag-{time.time_ns()}", limit=5.0)
            if lag is not None and lag * 1000 < lag_ms:
                return {"seconds": round(time.monotonic() - began, 2), "lag_ms": round(lag * 1000, 1)}
        say(f"{len(left)} tables to copy" if left else "catching up")
        time.sleep(0.2)
    raise TimeoutError(f"not in step after {limit:.0f} s: {', '.join(left) or 'lag stays high'}")


def refresh_derived(connection: Connection, names: Names) -> list[str]:
    """Fills materialized views and statistics, which replication does not carry."""
    views = connection.execute(
        f"SELECT n.nspname::text, c.relname::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind = 'm' AND {_USER_SCHEMA}",
        (names.schema,),
    ).fetchall()
    for schema, name in views:
        connection.execute(sql.SQL("REFRESH MATERIALIZED VIEW {}").format(sql.Identifier(schema, name)))
    connection.execute("ANALYZE")
    return [f"{schema}.{name}" for schema, name in views]


def copy_roles(source: Connection, target: Connection) -> list[str]:
    """The application's roles with their verifiers, log-in and memberships; returns those that may log in. The target
    database itself is closed to them until the switch."""
    rows = source.execute(
        "SELECT rolname::text, rolpassword, rolinherit, rolcreatedb, rolcreaterole, rolconnlimit, rolcanlogin, rolreplication"
        " FROM pg_authid WHERE NOT rolsuper AND rolname !~ '^pg_' ORDER BY 1"
    ).fetchall()
    with target.transaction():
        target.execute("SET LOCAL log_min_error_statement = panic")
        for name, verifier, inherit, createdb, createrole, limit, login, replicates in rows:
            role = sql.Identifier(name)
            if not scalar(target, "SELECT 1 FROM pg_roles WHERE rolname = %s", name):
                target.execute(sql.SQL("CREATE ROLE {} NOLOGIN").format(role))
            words = [
                "INHERIT" if inherit else "NOINHERIT",
                "CREATEDB" if createdb else "NOCREATEDB",
                "CREATEROLE" if createrole else "NOCREATEROLE",
                "LOGIN" if login else "NOLOGIN",
                "REPLICATION" if replicates else "NOREPLICATION",
            ]
            target.execute(
                sql.SQL("ALTER ROLE {} WITH {} CONNECTION LIMIT {} PASSWORD {}").format(
                    role, sql.SQL(" ").join(map(sql.SQL, words)), sql.Literal(limit), sql.Literal(verifier)
                )
            )
        members = source.execute(
            "SELECT pg_get_userbyid(roleid)::text, pg_get_userbyid(member)::text FROM pg_auth_members"
            " WHERE pg_get_userbyid(member) !~ '^pg_'"
        ).fetchall()
        for role_name, member in members:
            target.execute(sql.SQL("GRANT {} TO {}").format(sql.Identifier(role_name), sql.Identifier(member)))
    return [row[0] for row in rows if row[6]]


def same_verifiers(source: Connection, target: Connection, roles: list[str]) -> list[str]:
    """Roles whose stored verifier differs: their logins would fail after the switch."""
    query = "SELECT rolname::text, rolpassword FROM pg_authid WHERE rolname = ANY(%s)"
    ours, theirs = (dict(c.execute(query, (roles,)).fetchall()) for c in (source, target))
    return [role for role in roles if ours.get(role) != theirs.get(role)]


def works(connection: Connection, name: str) -> bool:
    """Whether the subscription's apply worker is at work."""
    return bool(
        scalar(connection, "SELECT count(*) FROM pg_stat_subscription WHERE subname = %s AND pid IS NOT NULL AND relid IS NULL", name)
    )


def has_slot(connection: Connection, name: str) -> bool:
    """Whether the slot exists."""
    return bool(scalar(connection, "SELECT 1 FROM pg_replication_slots WHERE slot_name = %s", name))


def retained_bytes(connection: Connection, name: str) -> int:
    """WAL that the slot keeps on this side's disk."""
    return int(
        scalar(
            connection,
            "SELECT coalesce(pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn), 0)::bigint FROM pg_replication_slots WHERE slot_name = %s",
            name,
        )
        or 0
    )
