"""What is worked out from rows and does not flow: materialized views and the planner's statistics."""

from __future__ import annotations

import re
from graphlib import TopologicalSorter

import psycopg
from psycopg import sql

from orchestrator.errors import StepFailed
from orchestrator.movers.postgresql.connections import Connection
from orchestrator.movers.postgresql.names import Names
from orchestrator.movers.postgresql.relations import CARRIED
from orchestrator.movers.postgresql.settings_kept import find_stored
from orchestrator.movers.postgresql.waiting import Patience
from orchestrator.texts import say

_VIEWS = f"""
SELECT c.oid, n.nspname::text, c.relname::text, c.relispopulated, pg_get_userbyid(c.relowner)::text,
  EXISTS (SELECT 1 FROM pg_index i WHERE i.indrelid = c.oid AND i.indisunique AND i.indpred IS NULL AND i.indexprs IS NULL AND i.indisvalid)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind = 'm' AND {CARRIED} ORDER BY 2, 3
"""
_USES = """
SELECT DISTINCT r.ev_class, d.refobjid FROM pg_rewrite r JOIN pg_class v ON v.oid = r.ev_class
JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = r.oid AND d.refclassid = 'pg_class'::regclass
WHERE v.relkind IN ('v', 'm') AND d.refobjid <> r.ev_class
"""


def refresh_views(source: Connection, target: Connection, names: Names, patience: Patience, *, live: bool = False) -> list[str]:
    """Fills on ``target`` the materialized views that are filled on ``source``, those first that others are made of; returns
    their names. ``live``: only those that can be refreshed beside their readers. Raises StepFailed naming one that cannot.
    """
    populated = {(row[1], row[2]) for row in source.execute(_VIEWS, {"ours": names.schema}).fetchall() if row[3]}
    views = {row[0]: row for row in target.execute(_VIEWS, {"ours": names.schema}).fetchall() if (row[1], row[2]) in populated}
    refreshed = []
    for oid in _in_order(target, set(views)):
        _, schema, name, filled, owner, unique = views[oid]
        concurrently = filled and unique
        if live and not concurrently:
            continue
        patience.look_up(f"{schema}.{name}")
        _refresh(target, schema, name, owner, concurrently=live)
        refreshed.append(f"{schema}.{name}")
    return refreshed


def _in_order(connection: Connection, views: set[int]) -> list[int]:
    uses: dict[int, set[int]] = {view: set() for view in views}
    for view, used in connection.execute(_USES).fetchall():
        uses.setdefault(view, set()).add(used)
    return [oid for oid in TopologicalSorter(uses).static_order() if oid in views]


def _refresh(connection: Connection, schema: str, name: str, owner: str, *, concurrently: bool) -> None:
    word = sql.SQL("CONCURRENTLY ") if concurrently else sql.SQL("")
    try:
        with connection.transaction():
            # before PostgreSQL 17 functions inside a view see the session's path: its owner's, not ours
            path = owners_path(connection, owner)
            connection.execute("SELECT set_config('search_path', %s, true)", (path,))
            connection.execute(sql.SQL("REFRESH MATERIALIZED VIEW {}{}").format(word, sql.Identifier(schema, name)))
    except psycopg.Error as error:
        raise StepFailed(
            say("postgresql.view_not_refreshed", schema=schema, name=name, said=error.diag.message_primary or str(error)),
            where=f"{schema}.{name}",
            remedy=say("postgresql.make_refreshable"),
        ) from error


def owners_path(connection: Connection, role: str) -> str:
    """The search_path with which a new session of a role begins in this database."""
    path = find_stored(connection, role, "search_path")
    return _with_user('"$user", public' if path is None else path, role)


def _with_user(path: str, role: str) -> str:
    quoted = '"' + role.replace('"', '""') + '"'
    return re.sub(r'"\$user"|\$user', lambda _: quoted, path)


def gather_statistics(connection: Connection, patience: Patience) -> None:
    """ANALYZE of the whole database. A table that refuses is named and left: statistics are no reason to stop."""
    try:
        connection.execute("ANALYZE")
    except psycopg.Error as error:
        patience.say(str(say("postgresql.statistics", said=error.diag.message_primary or str(error))))
