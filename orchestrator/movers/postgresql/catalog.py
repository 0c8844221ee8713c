"""The words that the fingerprint's queries are put together from.

Every query answers with ``object`` (kind and full name, no OID in it) and one column for each part of it. What
is the system's, an extension's own or ours is left out. All names are written out in full: the session's
``search_path`` is empty while they run.
"""

from __future__ import annotations

from dataclasses import dataclass

USER_OID = 16384
"""From here on objects are made by users, whatever schema they stand in."""


@dataclass(frozen=True)
class Query:
    """``sql`` wants the parameters ``ours`` (our schema) and ``engine`` (the engine's role)."""

    sql: str
    secret: tuple[str, ...] = ()
    """Parts of which only a digest may leave the server."""


def not_of_extension(catalog: str, alias: str) -> str:
    """The object is no extension's own."""
    return f"NOT EXISTS (SELECT 1 FROM pg_depend x WHERE x.classid = '{catalog}'::regclass AND x.objid = {alias}.oid AND x.deptype = 'e')"


def of_user(catalog: str, alias: str, schema: str = "") -> str:
    """Made by a user, not an extension's, not in our schema, no session's. ``schema``: the alias of pg_namespace."""
    condition = f"{alias}.oid >= {USER_OID} AND {not_of_extension(catalog, alias)}"
    if schema:
        condition += f" AND {schema}.nspname <> %(ours)s AND {schema}.nspname !~ '^pg_(toast|temp)'"
    return condition


def owner(column: str) -> str:
    """The owner's name."""
    return f"pg_get_userbyid({column})::text"


def rights(column: str, kind: str, owner_column: str) -> str:
    """An ACL, sorted; one that says what is so by default reads the same as none. ``kind`` as of acldefault."""
    return _sorted_rights(f"coalesce({column}, acldefault('{kind}', {owner_column}))")


def _sorted_rights(acl: str) -> str:
    return (
        "(SELECT string_agg(concat(CASE WHEN a.grantee = 0 THEN 'PUBLIC' ELSE pg_get_userbyid(a.grantee)::text END,"
        " '=', a.privilege_type, CASE WHEN a.is_grantable THEN '*' END, '/', pg_get_userbyid(a.grantor)), ', '"
        " ORDER BY pg_get_userbyid(a.grantee), a.grantee, a.privilege_type, pg_get_userbyid(a.grantor), a.is_grantable)"
        f" FROM aclexplode({acl}) AS a)"
    )


def explicit_rights(column: str) -> str:
    """An ACL without a default."""
    return _sorted_rights(column)


def sorted_words(array: str) -> str:
    """An array of words (options, settings), sorted."""
    return f"(SELECT string_agg(w, ', ' ORDER BY w) FROM unnest({array}) AS w)"


def column_options(array: str) -> str:
    """A column's options, sorted, without the stamp that the server itself keeps there (15.20: ``pg_attver``): it differs between
    any two servers and is nobody's setting."""
    return f"(SELECT string_agg(w, ', ' ORDER BY w) FROM unnest({array}) AS w WHERE left(w, 10) <> 'pg_attver=')"


def row_without(alias: str, *columns: str) -> str:
    """A catalog row as text without the columns that hold OIDs or are told apart: whatever a later version adds is
    in it by itself."""
    listed = ", ".join(f"'{column}'" for column in ("oid", *columns))
    return f"(to_jsonb({alias}) - ARRAY[{listed}])::text"
