"""Roles: which ones a database depends on, with every attribute, and how the target gets the same ones.

Log-in is copied as it is: the target database itself is closed (CONNECTION LIMIT 0) until the switch. The engine's own
account is nobody's: it is neither read nor written.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, fields

import psycopg
from psycopg import sql

from orchestrator.movers.postgresql.connections import Connection, scalar


@dataclass(frozen=True)
class Role:
    """A role as pg_authid has it. ``verifier`` is a secret: it is compared and copied, never shown."""

    name: str
    superuser: bool
    inherit: bool
    create_role: bool
    create_database: bool
    login: bool
    replication: bool
    bypass_rls: bool
    connection_limit: int
    verifier: str | None
    valid_until: str | None
    comment: str | None


@dataclass(frozen=True, order=True)
class Membership:
    """``member`` is in ``group``. ``grantor`` None where it is not a role of this listing."""

    group: str
    member: str
    admin: bool
    grantor: str | None


WORDS = {
    "superuser": "SUPERUSER", "inherit": "INHERIT", "create_role": "CREATEROLE", "create_database": "CREATEDB", "login": "LOGIN",
    "replication": "REPLICATION", "bypass_rls": "BYPASSRLS",
}  # fmt: skip

_ROLES = """
SELECT rolname::text, rolsuper, rolinherit, rolcreaterole, rolcreatedb, rolcanlogin, rolreplication, rolbypassrls, rolconnlimit,
       rolpassword, CASE WHEN rolvaliduntil = 'infinity' THEN 'infinity' ELSE (rolvaliduntil AT TIME ZONE 'UTC')::text || '+00' END,
       shobj_description(oid, 'pg_authid')
FROM pg_authid WHERE rolname = ANY(%s) ORDER BY 1
"""

# Owners that pg_shdepend does not know: nothing is recorded of what the cluster's first superuser owns.
_OWNERS = (
    ("pg_class", "relowner"), ("pg_proc", "proowner"), ("pg_type", "typowner"), ("pg_namespace", "nspowner"),
    ("pg_operator", "oprowner"), ("pg_collation", "collowner"), ("pg_conversion", "conowner"), ("pg_ts_dict", "dictowner"),
    ("pg_ts_config", "cfgowner"), ("pg_foreign_server", "srvowner"), ("pg_foreign_data_wrapper", "fdwowner"),
    ("pg_event_trigger", "evtowner"), ("pg_statistic_ext", "stxowner"), ("pg_largeobject_metadata", "lomowner"),
    ("pg_language", "lanowner"),
)  # fmt: skip
_MADE_BY_FIRST = " UNION ALL ".join(
    f"SELECT 1 FROM {catalog} c WHERE c.oid >= 16384 AND c.{owner} = 10 AND c.oid <> ALL(%(ours)s::oid[])"
    f" AND NOT EXISTS (SELECT 1 FROM pg_depend d WHERE d.classid = '{catalog}'::regclass AND d.objid = c.oid AND d.deptype IN ('e', 'i'))"
    for catalog, owner in _OWNERS
)

_DEPENDED_ON = """
WITH RECURSIVE this AS (SELECT oid, datdba FROM pg_database WHERE datname = current_database()),
direct AS (
  SELECT d.refobjid AS role FROM pg_shdepend d, this WHERE d.refclassid = 'pg_authid'::regclass
    AND (d.dbid = this.oid OR (d.classid = 'pg_database'::regclass AND d.objid = this.oid))
    AND NOT (d.dbid = this.oid AND d.classid = 'pg_namespace'::regclass AND d.objid = ANY(%(ours)s::oid[]))
  UNION SELECT datdba FROM this
  UNION SELECT s.setrole FROM pg_db_role_setting s, this WHERE s.setdatabase = this.oid AND s.setrole <> 0
  UNION SELECT a.usesysid FROM pg_stat_activity a JOIN pg_roles r ON r.oid = a.usesysid, this WHERE a.datid = this.oid AND NOT r.rolsuper
  UNION SELECT u.umuser FROM pg_user_mapping u WHERE u.umuser <> 0
  UNION SELECT oid FROM pg_roles WHERE rolname = ANY(%(named)s)
  UNION SELECT oid FROM pg_roles WHERE %(all)s AND oid <> 10
), down AS (
  SELECT role FROM direct
  UNION SELECT m.member FROM pg_auth_members m JOIN down ON m.roleid = down.role
    WHERE NOT EXISTS (SELECT 1 FROM pg_roles p WHERE p.oid = m.roleid AND p.rolname ~ '^pg_')
), up AS (
  SELECT role FROM down
  UNION SELECT x.role FROM up JOIN pg_auth_members m ON m.member = up.role CROSS JOIN LATERAL (VALUES (m.roleid), (m.grantor)) AS x(role)
)
SELECT r.rolname::text, r.oid = 10 FROM up JOIN pg_roles r ON r.oid = up.role
WHERE r.rolname !~ '^pg_' AND r.rolname <> session_user ORDER BY 1
"""

_MEMBERSHIPS = """
SELECT g.rolname::text, m.rolname::text, a.admin_option, CASE WHEN b.rolname = ANY(%(names)s) THEN b.rolname::text END
FROM pg_auth_members a JOIN pg_roles g ON g.oid = a.roleid JOIN pg_roles m ON m.oid = a.member LEFT JOIN pg_roles b ON b.oid = a.grantor
WHERE m.rolname = ANY(%(names)s) AND (g.rolname = ANY(%(names)s) OR g.rolname ~ '^pg_')
"""


def is_alone_in_cluster(connection: Connection) -> bool:
    """Whether this database has its cluster for itself: then every role of it is the application's."""
    # a restored backup of ours comes and goes; it is nobody else's
    others = (
        "SELECT count(*) FROM pg_database WHERE NOT datistemplate AND datname NOT IN ('postgres', current_database())"
        " AND datname !~ '^orchestrator_[0-9a-f]{10}_rehearsal$'"
    )
    return not scalar(connection, others)


def depended_on(connection: Connection, *, named: Collection[str] = (), ours: Collection[str] = ()) -> list[str]:
    """Names of the roles that this database depends on: owners, grantees, roles with settings or sessions in it, roles that
    the inventory named, all their members, and the groups and grantors of those. Alone in its cluster: every role, the
    cluster's first superuser only where it owns something here.

    ``ours``: schemas of our own, which count for nothing.
    """
    schemas = [row[0] for row in connection.execute("SELECT oid FROM pg_namespace WHERE nspname = ANY(%s)", (list(ours),)).fetchall()]
    inside = [
        row[0]
        for row in connection.execute(
            "SELECT oid FROM pg_class WHERE relnamespace = ANY(%s::oid[]) UNION ALL SELECT oid FROM pg_proc WHERE pronamespace = ANY(%s::oid[])"
            " UNION ALL SELECT oid FROM pg_type WHERE typnamespace = ANY(%s::oid[])",
            (schemas, schemas, schemas),
        ).fetchall()
    ]
    values = {"ours": [*schemas, *inside], "named": list(named), "all": is_alone_in_cluster(connection)}
    rows = connection.execute(_DEPENDED_ON, values).fetchall()
    first_owns = scalar(connection, f"SELECT EXISTS ({_MADE_BY_FIRST})", {"ours": values["ours"]})
    names = [name for name, is_first in rows if not is_first or first_owns]
    if first_owns:
        first = scalar(connection, "SELECT rolname::text FROM pg_roles WHERE oid = 10 AND rolname <> session_user")
        if first is not None and first not in names:
            names.append(str(first))
    return sorted(names)


def read_roles(connection: Connection, names: Collection[str]) -> list[Role]:
    """These roles with every attribute, sorted by name; names that do not exist are left out."""
    return [Role(*row) for row in connection.execute(_ROLES, (list(names),)).fetchall()]


def read_memberships(connection: Connection, names: Collection[str]) -> list[Membership]:
    """Memberships of these roles in each other and in PostgreSQL's own (``pg_…``) roles, sorted."""
    rows = connection.execute(_MEMBERSHIPS, {"names": list(names)}).fetchall()
    return sorted((Membership(*row) for row in rows), key=lambda m: (m.group, m.member, m.grantor or ""))


def first_superuser(connection: Connection) -> str:
    """The role that the cluster was made with. It belongs to the cluster: one of that name on both sides is left alone."""
    return str(scalar(connection, "SELECT rolname::text FROM pg_roles WHERE oid = 10"))


def attributes_that_differ(one: Role, other: Role) -> list[str]:
    """Names of the attributes in which two roles of one name differ; never their values: one of them is a secret."""
    return [f.name for f in fields(Role) if getattr(one, f.name) != getattr(other, f.name)]


def strangers(source: Connection, target: Connection, names: Collection[str], made_by_us: Collection[str]) -> dict[str, list[str]]:
    """Roles that the target has under one of these names, made by somebody else, with other attributes."""
    theirs = {role.name: role for role in read_roles(target, names)}
    found = {}
    for role in read_roles(source, names):
        there = theirs.get(role.name)
        if there is not None and role.name not in made_by_us:
            differ = attributes_that_differ(role, there)
            if differ:
                found[role.name] = differ
    return found


def _attributes(role: Role, *, lift_time_limit: bool) -> sql.Composed:
    parts: list[sql.Composable] = [sql.SQL(word if getattr(role, name) else f"NO{word}") for name, word in WORDS.items()]
    parts.append(sql.SQL("CONNECTION LIMIT {}").format(sql.Literal(role.connection_limit)))
    parts.append(sql.SQL("PASSWORD {}").format(sql.Literal(role.verifier)))
    if role.valid_until is not None or lift_time_limit:  # never given and infinity are two things: only a new role has neither
        parts.append(sql.SQL("VALID UNTIL {}").format(sql.Literal(role.valid_until or "infinity")))
    return sql.SQL(" ").join(parts)


def copy_roles(source: Connection, target: Connection, names: Collection[str]) -> list[str]:
    """Makes these roles of the target the source's equal, attributes, verifiers, comments and memberships; returns those
    that it had to create. Roles of other names are not touched. Ask ``strangers`` first.
    """
    there = {role.name: role for role in read_roles(target, names)}
    created: list[str] = []
    with target.transaction():
        target.execute("SET LOCAL log_min_error_statement = panic")  # a failing statement must not leave a verifier in the log,
        target.execute("SET LOCAL log_statement = 'none'")  # nor one that succeeds
        target.execute("SET LOCAL log_min_duration_statement = -1")
        for role in read_roles(source, names):
            if role == there.get(role.name):
                continue
            name = sql.Identifier(role.name)
            if role.name not in there:
                target.execute(sql.SQL("CREATE ROLE {} NOLOGIN").format(name))
                created.append(role.name)
            limited = role.name in there and there[role.name].valid_until is not None
            target.execute(sql.SQL("ALTER ROLE {} WITH ").format(name) + _attributes(role, lift_time_limit=limited))
            target.execute(sql.SQL("COMMENT ON ROLE {} IS {}").format(name, sql.Literal(role.comment)))
        _copy_memberships(source, target, names)
    return created


def _copy_memberships(source: Connection, target: Connection, names: Collection[str]) -> None:
    wanted, there = read_memberships(source, names), read_memberships(target, names)
    for membership in there:
        if membership not in wanted:
            target.execute(sql.SQL("REVOKE {} FROM {}").format(sql.Identifier(membership.group), sql.Identifier(membership.member)))
    there = read_memberships(target, names)
    for membership in wanted:
        if membership not in there:
            target.execute(_grant(target, membership))


def _grant(target: Connection, membership: Membership) -> sql.Composed:
    """From PostgreSQL 16 on a grantor needs the admin option itself; there the grant is ours."""
    statement = sql.SQL("GRANT {} TO {}").format(sql.Identifier(membership.group), sql.Identifier(membership.member))
    if membership.admin:
        statement += sql.SQL(" WITH ADMIN OPTION")
    if membership.grantor is not None and target.info.server_version < 160000:
        statement += sql.SQL(" GRANTED BY {}").format(sql.Identifier(membership.grantor))
    return statement


def drop_roles(target: Connection, names: Collection[str]) -> list[str]:
    """Drops roles that we created and nothing depends on any more; returns those that had to stay."""
    stayed = []
    for name in names:
        try:
            target.execute(sql.SQL("DROP ROLE IF EXISTS {}").format(sql.Identifier(name)))
        except psycopg.errors.DependentObjectsStillExist:
            stayed.append(name)
    return stayed
