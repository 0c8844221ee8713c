"""GRANT SET (or ALTER SYSTEM) ON PARAMETER: rights that the cluster keeps, not the database, from PostgreSQL 15 on."""

from __future__ import annotations

from collections.abc import Collection

from psycopg import sql

from orchestrator.movers.postgresql.connections import Connection

_RIGHTS = """
SELECT parname, g.rolname::text, a.privilege_type, a.is_grantable FROM pg_parameter_acl p, aclexplode(p.paracl) a
JOIN pg_roles g ON g.oid = a.grantee WHERE g.rolname = ANY(%s) ORDER BY 1, 2, 3
"""


def copy_rights(source: Connection, target: Connection, roles: Collection[str]) -> None:
    """Gives ``roles`` on the target what they have on the source; what they have there beyond it stays."""
    if min(connection.info.server_version for connection in (source, target)) < 150000:
        return
    there = target.execute(_RIGHTS, (list(roles),)).fetchall()
    for right in source.execute(_RIGHTS, (list(roles),)).fetchall():
        if right in there:
            continue
        name, role, privilege, grantable = right
        statement = sql.SQL("GRANT {} ON PARAMETER {} TO {}").format(
            sql.SQL(privilege), sql.Identifier(*name.split(".")), sql.Identifier(role)
        )
        target.execute(statement + sql.SQL(" WITH GRANT OPTION" if grantable else ""))
