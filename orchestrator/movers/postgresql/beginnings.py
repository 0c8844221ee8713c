"""What stands in a database before its own schema, and no dump carries as it is: extensions in the source's versions and made
by their owners (a trusted one is made by whoever owns the database), functions that somebody put into the system's schema, and
what initdb gives (the schema public, the language plpgsql) where the source dropped it."""

from __future__ import annotations

import psycopg
from psycopg import sql

from orchestrator.errors import StepFailed
from orchestrator.movers.postgresql.connections import Connection, scalar
from orchestrator.movers.postgresql.names import Names
from orchestrator.texts import Words, say

_EXTENSIONS = """
SELECT e.extname::text, e.extversion, n.nspname::text, pg_get_userbyid(e.extowner)::text
FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace WHERE e.oid >= 16384 ORDER BY e.oid
"""
"""In the order in which they were made: what one requires stands before it."""
_FUNCTIONS_OF_THE_SYSTEM = """
SELECT p.oid::regprocedure::text, pg_get_functiondef(p.oid), pg_get_userbyid(p.proowner)::text, obj_description(p.oid, 'pg_proc')
FROM pg_proc p WHERE p.pronamespace = 'pg_catalog'::regnamespace AND p.oid >= 16384 AND p.prokind IN ('f', 'p')
  AND NOT EXISTS (SELECT 1 FROM pg_depend x WHERE x.classid = 'pg_proc'::regclass AND x.objid = p.oid AND x.deptype = 'e')
ORDER BY p.oid
"""


def begin_like(source: Connection, target: Connection, names: Names) -> None:
    """Makes it so on ``target``, in which the source's roles and schemas stand and nothing of them yet. Raises StepFailed with
    what cannot be made."""
    if not scalar(source, "SELECT 1 FROM pg_namespace WHERE nspname = 'public'"):
        target.execute("DROP SCHEMA IF EXISTS public")
    if not scalar(source, "SELECT 1 FROM pg_extension WHERE extname = 'plpgsql' AND oid < 16384"):
        target.execute("DROP EXTENSION IF EXISTS plpgsql")
    for function in source.execute(_FUNCTIONS_OF_THE_SYSTEM).fetchall():
        _make_function(target, names, *function)
    for extension in source.execute(_EXTENSIONS).fetchall():
        _make_extension(target, names, *extension)


def _make_function(target: Connection, names: Names, signature: str, definition: str, owner: str, comment: str | None) -> None:
    # the server has quoted the signature for a session whose path is the system's schema
    function = sql.SQL("FUNCTION pg_catalog.") + sql.SQL(signature.removeprefix("pg_catalog."))
    try:
        with target.transaction():
            target.execute("SET LOCAL check_function_bodies = off")
            target.execute(definition.encode())
            if _is_role(target, owner):
                target.execute(sql.SQL("ALTER {} OWNER TO {}").format(function, sql.Identifier(owner)))
            target.execute(sql.SQL("COMMENT ON {} IS {}").format(function, sql.Literal(comment)))
    except psycopg.Error as error:
        raise _cannot(say("postgresql.a_function", name=signature), names, error) from error


def _make_extension(target: Connection, names: Names, name: str, version: str, schema: str, owner: str) -> None:
    if scalar(target, "SELECT 1 FROM pg_extension WHERE extname = %s", name):
        return
    create = sql.SQL("CREATE EXTENSION {} VERSION {}").format(sql.Identifier(name), sql.Literal(version))
    if scalar(target, "SELECT 1 FROM pg_namespace WHERE nspname = %s", schema):  # else it makes its schema itself
        create = sql.SQL("CREATE EXTENSION {} SCHEMA {} VERSION {}").format(
            sql.Identifier(name), sql.Identifier(schema), sql.Literal(version)
        )
    try:
        with target.transaction():
            if _is_role(target, owner):
                _make_as(target, names, owner, create, trusted=_is_trusted(target, name, version))
            else:
                target.execute(create)
    except psycopg.Error as error:
        raise _cannot(say("postgresql.an_extension", name=name), names, error) from error


def _make_as(target: Connection, names: Names, owner: str, create: sql.Composed, *, trusted: bool) -> None:
    """Nothing gives an extension to another role: its owner makes it, or it changes hands with all that somebody has."""
    role = sql.Identifier(owner)
    if scalar(target, "SELECT rolsuper FROM pg_roles WHERE rolname = %s", owner):
        target.execute(sql.SQL("SET LOCAL ROLE {}").format(role))
        target.execute(create)
        target.execute("SET LOCAL ROLE none")
    elif trusted:
        database = sql.Identifier(str(scalar(target, "SELECT current_database()")))
        target.execute(sql.SQL("GRANT CREATE ON DATABASE {} TO {}").format(database, role))
        target.execute(sql.SQL("SET LOCAL ROLE {}").format(role))
        target.execute(create)
        target.execute("SET LOCAL ROLE none")
        target.execute(sql.SQL("REVOKE CREATE ON DATABASE {} FROM {}").format(database, role))
    else:
        maker = sql.Identifier(f"{names.schema}_maker")
        target.execute(sql.SQL("CREATE ROLE {} SUPERUSER").format(maker))
        target.execute(sql.SQL("SET LOCAL ROLE {}").format(maker))
        target.execute(create)
        target.execute("SET LOCAL ROLE none")
        target.execute(sql.SQL("REASSIGN OWNED BY {} TO {}").format(maker, role))
        target.execute(sql.SQL("DROP ROLE {}").format(maker))


def _is_role(target: Connection, name: str) -> bool:
    return bool(scalar(target, "SELECT 1 FROM pg_roles WHERE rolname = %s", name))


def _is_trusted(target: Connection, name: str, version: str) -> bool:
    query = "SELECT trusted FROM pg_available_extension_versions WHERE name = %s AND version = %s"
    return bool(scalar(target, query, name, version))


def _cannot(what: Words, names: Names, error: psycopg.Error) -> StepFailed:
    cause = error.diag.message_primary or str(error)
    return StepFailed(
        say("postgresql.object_not_made", object=what, database=names.database, cause=cause), where=names.database,
        remedy=say("postgresql.mend_target"),
    )  # fmt: skip
