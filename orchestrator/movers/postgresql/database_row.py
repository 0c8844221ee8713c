"""The database's own row: encoding, collation, owner, rights, comment, connection limit, tablespace; its settings are
``settings_kept``. What is fixed at its birth is given at its birth; the rest once roles are there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql

from orchestrator.errors import StepFailed
from orchestrator.movers.postgresql.connections import Connection, scalar
from orchestrator.texts import say


@dataclass(frozen=True)
class DatabaseRow:
    """What pg_database says of the current database, by names instead of numbers."""

    name: str
    owner: str
    encoding: str
    collate: str
    ctype: str
    provider: str
    """``c``: the operating system's; ``i``: ICU's; ``b``: PostgreSQL's own."""
    locale: str | None
    """ICU's (or PostgreSQL's own) locale."""
    rules: str | None
    collation_version: str | None
    is_template: bool
    connection_limit: int
    tablespace: str
    comment: str | None
    rights: tuple[tuple[str, str, str, bool], ...]
    """(grantee, grantor, right, with grant option), sorted; a grantee ``""`` is PUBLIC."""


_RIGHTS = """
SELECT coalesce(g.rolname::text, ''), coalesce(b.rolname::text, ''), a.privilege_type, a.is_grantable
FROM pg_database d, aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) a
LEFT JOIN pg_roles g ON g.oid = a.grantee LEFT JOIN pg_roles b ON b.oid = a.grantor
WHERE d.datname = current_database() ORDER BY 1, 2, 3
"""


def read_row(connection: Connection) -> DatabaseRow:
    """The current database's row."""
    version = connection.info.server_version
    locale = "daticulocale" if version < 170000 else "datlocale"
    provider = "datlocprovider::text" if version >= 150000 else "'c'"
    icu = f"{locale}::text" if version >= 150000 else "NULL::text"
    rules = "daticurules::text" if version >= 160000 else "NULL::text"
    collation_version = "datcollversion::text" if version >= 150000 else "NULL::text"
    row = connection.execute(
        f"SELECT datname::text, pg_get_userbyid(datdba)::text, pg_encoding_to_char(encoding), datcollate::text, datctype::text, {provider},"
        f" {icu}, {rules}, {collation_version}, datistemplate, datconnlimit, t.spcname::text, shobj_description(d.oid, 'pg_database')"
        " FROM pg_database d JOIN pg_tablespace t ON t.oid = dattablespace WHERE datname = current_database()"
    ).fetchone()
    assert row is not None  # noqa: S101 - the current database exists
    rights = tuple((r[0], r[1], r[2], r[3]) for r in connection.execute(_RIGHTS).fetchall())
    values: tuple[Any, ...] = (*row, rights)
    return DatabaseRow(*values)


def create_statement(name: str, row: DatabaseRow, server_version: int) -> sql.Composed:
    """CREATE DATABASE for a database as ``row`` describes it, empty and closed: only superusers may connect."""
    options: list[sql.Composable] = [
        sql.SQL("TEMPLATE template0 CONNECTION LIMIT 0"),
        sql.SQL("ENCODING {}").format(sql.Literal(row.encoding)),
        sql.SQL("LC_COLLATE {}").format(sql.Literal(row.collate)),
        sql.SQL("LC_CTYPE {}").format(sql.Literal(row.ctype)),
    ]
    if row.tablespace != "pg_default":
        options.append(sql.SQL("TABLESPACE {}").format(sql.Identifier(row.tablespace)))
    if server_version >= 150000:  # else the template's provider would be inherited, whatever the source has
        options.append(sql.SQL("LOCALE_PROVIDER {}").format(sql.SQL({"c": "libc", "i": "icu", "b": "builtin"}[row.provider])))
        if row.provider == "i":
            options.append(sql.SQL("ICU_LOCALE {}").format(sql.Literal(row.locale)))
        elif row.provider == "b":
            options.append(sql.SQL("BUILTIN_LOCALE {}").format(sql.Literal(row.locale)))
        if row.rules:
            options.append(sql.SQL("ICU_RULES {}").format(sql.Literal(row.rules)))
    return sql.SQL("CREATE DATABASE {} ").format(sql.Identifier(name)) + sql.SQL(" ").join(options)


def create_like(server: Connection, name: str, row: DatabaseRow) -> bool:
    """Creates the database, closed; False when one of that name is there already. Raises StepFailed with what the server lacks."""
    if scalar(server, "SELECT 1 FROM pg_database WHERE datname = %s", name):
        return False
    try:
        server.execute(create_statement(name, row, server.info.server_version))
    except psycopg.Error as error:
        raise StepFailed(
            say(
                "postgresql.database_not_made",
                name=name,
                encoding=row.encoding,
                collate=row.collate,
                ctype=row.ctype,
                tablespace=row.tablespace,
                said=error.diag.message_primary or str(error),
            ),
            where=name,
            remedy=say("postgresql.install_missing"),
        ) from error
    return True


def copy_row(source: Connection, target: Connection) -> DatabaseRow:
    """Owner, rights, comment and template flag as on the source; roles must be there. The connection limit stays: it is the
    fence's, which gives back the source's when it opens."""
    row = read_row(source)
    there = read_row(target)
    name = sql.Identifier(there.name)
    with target.transaction():
        if there.owner != row.owner:
            target.execute(sql.SQL("ALTER DATABASE {} OWNER TO {}").format(name, sql.Identifier(row.owner)))
        if there.comment != row.comment:
            target.execute(sql.SQL("COMMENT ON DATABASE {} IS {}").format(name, sql.Literal(row.comment)))
        if there.is_template != row.is_template:
            target.execute(sql.SQL("ALTER DATABASE {} IS_TEMPLATE {}").format(name, sql.Literal(row.is_template)))
        if read_row(target).rights != row.rights:
            _copy_rights(target, row)
    return row


def _copy_rights(target: Connection, row: DatabaseRow) -> None:
    """From nothing: every right taken, then each given again by the role that had given it, givers before those they empowered."""
    name = sql.Identifier(row.name)
    grantees = {grantee for grantee, _, _, _ in read_row(target).rights} | {""} | {row.owner}
    for grantee in sorted(grantees):
        whom = sql.Identifier(grantee) if grantee else sql.SQL("PUBLIC")
        target.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM {} CASCADE").format(name, whom))
    able = {row.owner}
    left = list(row.rights)
    while left:
        ready = [right for right in left if right[1] in able]
        if not ready:
            raise StepFailed(say("postgresql.rights_not_given", grantor=left[0][1]), where=row.name, remedy=say("postgresql.grant_anew"))
        for grantee, grantor, right, grantable in ready:
            whom = sql.Identifier(grantee) if grantee else sql.SQL("PUBLIC")
            statement = sql.SQL("GRANT {} ON DATABASE {} TO {}").format(sql.SQL(right), name, whom)
            target.execute(sql.SQL("SET LOCAL ROLE {}").format(sql.Identifier(grantor)))
            target.execute(statement + sql.SQL(" WITH GRANT OPTION" if grantable else ""))
            target.execute("RESET ROLE")
            if grantable:
                able.add(grantee)
        left = [right for right in left if right not in ready]
