"""The questions of a check as data: a query whose every row is the sentence of one finding, naming its object.

``%(ours)s`` is our own schema, ``%(role)s`` the application's role. Queries read catalogs only.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Question:
    """One reason for a refusal (or a warning), asked at every moment."""

    code: str
    query: str
    remedy: str
    severity: str = "error"


_TABLES = """pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname !~ '^pg_' AND n.nspname <> %(ours)s"""

SOURCE: tuple[Question, ...] = (
    Question(
        "large-objects",
        "SELECT format('%%s large objects (%%s)', count(*), string_agg(oid::text, ', ' ORDER BY oid) FILTER (WHERE nr <= 5))"
        " FROM (SELECT oid, row_number() OVER (ORDER BY oid) AS nr FROM pg_largeobject_metadata) AS o HAVING count(*) > 0",
        "logical replication does not carry them: keep them in a bytea column, or plan this database's move by hand",
    ),
    Question(
        "unlogged",
        f"SELECT format('table %%I.%%I is unlogged', n.nspname, c.relname) FROM {_TABLES}"
        " AND c.relkind = 'r' AND c.relpersistence = 'u' ORDER BY 1",
        "its rows cannot be followed: ALTER TABLE … SET LOGGED, or drop it",
    ),
    Question(
        "prepared-transaction",
        "SELECT format('transaction %%L was prepared by %%s on %%s and is left open', gid, owner, prepared::timestamp(0))"
        " FROM pg_prepared_xacts ORDER BY prepared",
        "COMMIT PREPARED or ROLLBACK PREPARED it",
    ),
    Question(
        "wal-level",
        "SELECT format('wal_level is %%s, not logical', setting) FROM pg_settings WHERE name = 'wal_level' AND setting <> 'logical'",
        "plan the restart that changes it in an earlier window",
    ),
    Question(
        "role-missing",
        "SELECT format('the application''s role %%I does not exist', %(role)s::text) WHERE %(role)s <> ''"
        " AND NOT EXISTS (SELECT 1 FROM pg_roles WHERE rolname = %(role)s)",
        "correct the role in the inventory",
    ),
    Question(
        "superuser-application",
        "SELECT format('the application''s role %%I is a superuser', rolname) FROM pg_roles WHERE rolname = %(role)s AND rolsuper",
        "a superuser cannot be shut out while the switch is made: give the application an ordinary role",
    ),
)
