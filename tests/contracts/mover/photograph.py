"""A database as somebody sees it who shares no code with the mover: by pg_dump, pg_dumpall, COPY and plain queries."""

from __future__ import annotations

import difflib
import hashlib
import re
import subprocess
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

import psycopg
from psycopg import sql

from orchestrator.tools import programs
from tests.contracts.mover.servers import ADMIN, SIDES, Servers

OURS = re.compile(r"orchestrator_[0-9a-f]{10}")


@dataclass(frozen=True)
class Photograph:
    """Texts by what they describe; two photographs are equal when all of them are."""

    schema: str
    globals: str
    database: dict[str, str]
    rows: dict[str, str] = field(default_factory=dict)
    objects: str = ""

    def differences(self, other: Photograph, *, contents: bool = True) -> list[str]:
        """What differs but for sequences, as lines that a reader of a failed test needs."""
        lines = _diff("schema", _with_plain_conditions(self.schema), _with_plain_conditions(other.schema))
        lines += _diff("globals", self.globals, other.globals)
        pairs = [("database", self.database, other.database)]
        if contents:
            pairs.append(("rows", self.rows, other.rows))
            lines += [] if self.objects == other.objects else ["large objects differ"]
        for kind, here, there in pairs:
            for name in sorted(here.keys() | there.keys()):
                if here.get(name) != there.get(name):
                    lines.append(f"{kind} {name}: {here.get(name)} | {there.get(name)}")
        return lines


def take(servers: Servers, side: str, database: str, others: Collection[str] = ()) -> Photograph:
    """What is there now; what bears our name is left out, and so are the roles of other applications."""
    environment = servers.environment(side, database)
    with servers.connect(side, database) as connection:
        held = _held(connection)
        return Photograph(
            schema=_with_functions_as_they_were(_with_triggers_as_they_were(_schema(environment), held), _functions_held(connection)),
            globals=_globals(environment, without=others),
            database=_database(connection, [row[2] for row in held]),
            rows=_rows(connection),
            objects=_large_objects(connection),
        )


def _held(connection: psycopg.Connection[Any]) -> list[tuple[str, str, str, str]]:
    """(schema, table, trigger, state) of what is held still while this side follows: it is not at work by intent."""
    return [(row[0], row[1], row[2], row[3]) for row in _remembered(connection, "trigger_held")]


def _functions_held(connection: psycopg.Connection[Any]) -> list[str]:
    """Functions that have the application's path while this side follows."""
    return [f"CREATE FUNCTION {row[0]}.{row[1]}(" for row in _remembered(connection, "function_held")]


def _remembered(connection: psycopg.Connection[Any], table: str) -> list[tuple[Any, ...]]:
    query = "SELECT n.nspname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE relname = %s"
    found: list[tuple[Any, ...]] = []
    for (schema,) in connection.execute(query, (table,)).fetchall():
        if OURS.search(schema):
            found += connection.execute(sql.SQL("SELECT * FROM {}").format(sql.Identifier(schema, table))).fetchall()
    return found


def _with_functions_as_they_were(schema: str, held: list[str]) -> str:
    blocks = schema.split("\n\n")
    for number, block in enumerate(blocks):
        if block.startswith(tuple(held)):
            blocks[number] = re.sub(r"\n    SET search_path TO .*", "", block, count=1)
    return "\n\n".join(blocks)


def _with_triggers_as_they_were(schema: str, held: list[tuple[str, str, str, str]]) -> str:
    for of_schema, table, trigger, state in held:
        word = {"A": "ENABLE ALWAYS", "R": "ENABLE REPLICA"}[state]
        schema = schema.replace(
            f"ALTER TABLE {of_schema}.{table} DISABLE TRIGGER {trigger};", f"ALTER TABLE {of_schema}.{table} {word} TRIGGER {trigger};"
        )
    return schema


def sequences_that_differ(servers: Servers, database: str, moving: list[str]) -> list[str]:
    """Sequences of the two sides, less those that the application draws from meanwhile."""
    sides = []
    for side in SIDES:
        with servers.connect(side, database) as connection:
            sides.append(_sequences(connection))
    here, there = sides
    names = sorted((here.keys() | there.keys()) - set(moving))
    return [f"sequence {name}: {here.get(name)} | {there.get(name)}" for name in names if here.get(name) != there.get(name)]


def _run(argv: list[str], environment: dict[str, str]) -> str:
    done = subprocess.run(argv, env=environment, capture_output=True, check=True, timeout=300)
    return done.stdout.decode("utf-8", "backslashreplace")


def _schema(environment: dict[str, str]) -> str:
    text = _run([str(programs.find("pg_dump")), "-s"], environment)
    blocks = re.split(r"\n\n--\n(?=-- )", text)
    blocks = [re.sub(r"^-- .*\n--\n", "", block) for block in blocks]
    kept = [block for block in blocks[1:] if not OURS.search(block) and "dump complete" not in block]
    kept = [re.sub(r"^\\(un)?restrict .*$", "", block, flags=re.M).strip() for block in kept]
    return "\n\n".join(sorted(kept))


def take_others(servers: Servers, others: Collection[str]) -> list[str]:
    """Roles and whole databases of other applications, on both sides."""
    seen: list[str] = []
    for side in SIDES if others else ():
        seen += [line for line in _globals(servers.environment(side, "postgres")).splitlines() if _names_one(line, others)]
        with servers.connect(side, "postgres") as connection:
            query = "SELECT datname::text FROM pg_database WHERE datname = ANY(%s) ORDER BY 1"
            databases = [row[0] for row in connection.execute(query, (list(others),)).fetchall()]
        for database in databases:
            text = _run([str(programs.find("pg_dump")), "--create"], servers.environment(side, database))
            seen.append(re.sub(r"^\\(un)?restrict .*$", "", text, flags=re.M))
    return seen


def _globals(environment: dict[str, str], *, without: Collection[str] = ()) -> str:
    text = _run([str(programs.find("pg_dumpall")), "-g"], environment)
    lines = [line for line in text.splitlines() if line and not line.startswith(("--", "\\", "SET "))]
    return "\n".join(line for line in lines if ADMIN not in line and not OURS.search(line) and not _names_one(line, without))


def _names_one(line: str, roles: Collection[str]) -> bool:
    return any(re.search(rf"\b{re.escape(role)}\b", line) for role in roles)


def _database(connection: psycopg.Connection[Any], held: list[str]) -> dict[str, str]:
    row = connection.execute(
        "SELECT pg_get_userbyid(datdba) AS owner, pg_encoding_to_char(encoding) AS encoding, datcollate, datctype,"
        " (SELECT string_agg(concat_ws(' ', grantor::regrole, grantee::regrole, privilege_type, is_grantable), ','"
        "   ORDER BY grantor::regrole::text, grantee::regrole::text, privilege_type)"
        "  FROM aclexplode(coalesce(datacl, acldefault('d', datdba)))) AS rights,"
        " shobj_description(oid, 'pg_database') AS comment,"
        " (SELECT string_agg(concat_ws(' ', coalesce(r.rolname, '(all)'), setting), ',' ORDER BY r.rolname, setting)"
        "  FROM pg_db_role_setting s LEFT JOIN pg_roles r ON r.oid = setrole, unnest(setconfig) AS setting"
        "  WHERE setdatabase = d.oid) AS settings,"
        " (SELECT string_agg(format('%%s.%%s %%s', tgrelid::regclass, coalesce(conname, tgname), tgenabled), ','"
        "   ORDER BY tgrelid::regclass::text, coalesce(conname, tgname), tgfoid::regproc::text, tgenabled)"
        "  FROM pg_trigger LEFT JOIN pg_constraint k ON k.oid = tgconstraint"
        "  WHERE tgenabled <> 'O' AND (tgisinternal OR tgenabled = 'D') AND tgname <> ALL(%s)) AS triggers_not_plain"
        " FROM pg_database d WHERE datname = %s",
        (held, connection.info.dbname),
    )
    names = [column.name for column in row.description or ()]
    return dict(zip(names, map(str, row.fetchall()[0]), strict=True))


def _relations(connection: psycopg.Connection[Any], kinds: str) -> list[tuple[str, str]]:
    query = (
        "SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
        " WHERE relkind::text = ANY(%s) AND nspname !~ '^(pg_|information_schema$|orchestrator_[0-9a-f]{10}$)' ORDER BY 1, 2"
    )
    return [(str(s), str(n)) for s, n in connection.execute(query, (list(kinds),)).fetchall()]


def _rows(connection: psycopg.Connection[Any]) -> dict[str, str]:
    seen = {}
    for schema, name in _relations(connection, "rm"):
        digest, count = hashlib.sha256(), 0
        table = sql.Identifier(schema, name)
        with connection.cursor() as cursor:
            only = sql.SQL("COPY (SELECT t.* FROM ONLY {} AS t ORDER BY (t.*)::text) TO STDOUT").format(table)
            try:
                with cursor.copy(only) as rows:
                    for block in rows:
                        digest.update(block)
                        count += bytes(block).count(b"\n")
            except psycopg.errors.ObjectNotInPrerequisiteState:
                digest.update(b"not populated")
        seen[f"{schema}.{name}"] = f"{count} rows {digest.hexdigest()[:12]}"
    return seen


def _sequences(connection: psycopg.Connection[Any]) -> dict[str, str]:
    seen = {}
    for schema, name in _relations(connection, "S"):
        query = sql.SQL("SELECT last_value, is_called FROM {}").format(sql.Identifier(schema, name))
        seen[f"{schema}.{name}"] = str(connection.execute(query).fetchone())
    return seen


def _large_objects(connection: psycopg.Connection[Any]) -> str:
    query = "SELECT count(*), sum(hashtext(m.oid::text || lo_get(m.oid)::text)) FROM pg_largeobject_metadata m"
    return str(connection.execute(query).fetchone())


def _with_plain_conditions(schema: str) -> str:
    """A dump of a restored dump may write the same condition with fewer parentheses."""
    lines = schema.splitlines()
    return "\n".join(re.sub("[()]", "", line) if " OR " in line or " AND " in line else line for line in lines)


def _diff(what: str, here: str, there: str) -> list[str]:
    lines = difflib.unified_diff(here.splitlines(), there.splitlines(), "one", "other", lineterm="", n=1)
    return [f"{what}: {line}" for line in lines][:40]
