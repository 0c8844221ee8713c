"""PostgreSQL by its own programs: DSNs, schema copies, dumps and restores. Passwords go by file or environment, never argv."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence
from pathlib import Path

import psycopg
from psycopg import sql

from orchestrator.movers.postgresql import database_row
from orchestrator.movers.postgresql.connections import Connection, scalar
from orchestrator.movers.postgresql.names import Names
from orchestrator.movers.postgresql.schema_copy import environment, restore_entries, run_dump, split_list
from orchestrator.tools import process, programs
from orchestrator.tools.process import Register

_FOREIGN_KEY = re.compile(r"\d+; \d+ (\d+) FK CONSTRAINT ")
_NOT_LOGGED = "-c log_min_error_statement=panic -c log_statement=none -c log_min_duration_statement=-1"


def dsn(*, host: str, port: int, database: str, user: str, password: str, **more: str) -> str:
    """A libpq connection string with every value quoted."""
    return psycopg.conninfo.make_conninfo(host=host, port=port, dbname=database, user=user, password=password, **more)


def dump(
    source: str, names: Names, folder: Path, register: Register, *, snapshot: str, asked: Callable[[], bool] | None = None,
    jobs: int = 2, limit: float = 6 * 3600,
) -> int:  # fmt: skip
    """A dump in directory format without our schema, from an exported snapshot; returns its bytes. ``asked``: again and again
    while it runs; true ends it."""
    argv = ["-Fd", "--no-publications", "--no-subscriptions", f"--exclude-schema={names.schema}", f"--snapshot={snapshot}"]
    run_dump(argv, folder, source, register, label="pg_dump", limit=limit, jobs=jobs, cancelled=asked)
    return sum(f.stat().st_size for f in folder.rglob("*") if f.is_file())


def restore(
    folder: Path, target: str, names: Names, register: Register, *, server_version: int, path: Sequence[str],
    begun: Callable[[], object], extended: Callable[[], object], between: Callable[[], object],
    without: Collection[int] = (), asked: Callable[[], bool] | None = None, jobs: int = 2, limit: float = 6 * 3600,
) -> None:  # fmt: skip
    """Restores a directory dump into an empty database, owners and rights as they were. ``begun``: called when schemas
    stand, and nothing in them; ``extended``: when extensions stand, and no table yet; ``between``: when tables and functions
    stand, and no row or index yet. Materialized views stay unfilled. ``without``: foreign keys that
    are left out, by their number on the source. ``path`` as of ``restore_entries``, ``asked`` as for a dump. Raises ToolError, or StepFailed with the object that could not be made."""
    env = environment(target, PGOPTIONS=_NOT_LOGGED)
    program = programs.find("pg_restore")
    listed = process.run([program, "-l", folder], label="pg_restore -l", limit=300, register=register, max_output=1 << 28)
    listing = folder.parent / f"{folder.name}.list"
    # a function inside a materialized view looks for its tables by its owner's search_path, and pg_restore has none
    schemas, extensions, rest = split_list(line for line in listed.stdout.splitlines() if " MATERIALIZED VIEW DATA " not in line)
    rest = _without_keys(rest, without)
    # with data and post-data in one run several workers set a check of a domain that is NOT VALID before its rows are there
    command: list[str | Path]
    for section, entries, then in (
        ("", schemas, begun), ("", extensions, extended),
        ("pre-data", rest, between), ("data", rest, None), ("post-data", rest, None),
    ):  # fmt: skip
        if section in ("", "pre-data"):
            restore_entries(
                folder, entries, section, target, names, register, server_version=server_version, path=path, limit=limit
            )
        else:
            listing.write_text("\n".join(entries) + "\n", encoding="utf-8")
            command = [program, "-d", env["PGDATABASE"], "--exit-on-error", "-L", listing, f"--section={section}", "-j", str(jobs), folder]
            process.run(command, label="pg_restore", limit=limit, env=env, register=register, cancelled=asked)
        if then is not None:
            then()
    listing.unlink(missing_ok=True)


def _without_keys(entries: list[str], keys: Collection[int]) -> list[str]:
    """Without these foreign keys and their comments, which stand right behind them."""
    left: list[str] = []
    leaves = False
    for line in entries:
        key = _FOREIGN_KEY.match(line)
        leaves = int(key.group(1)) in keys if key else leaves and " COMMENT " in line
        if not leaves:
            left.append(line)
    return left


def database_exists(connection: Connection, name: str) -> bool:
    """Whether the cluster has a database of this name."""
    return bool(scalar(connection, "SELECT 1 FROM pg_database WHERE datname = %s", name))


def create_database(connection: Connection, name: str, *, like: Connection) -> None:
    """An empty database as ``like``'s, open to everybody who may log in; one that is there already is fine."""
    if database_row.create_like(connection, name, database_row.read_row(like)):
        connection.execute(sql.SQL("ALTER DATABASE {} CONNECTION LIMIT -1").format(sql.Identifier(name)))


def drop_database(connection: Connection, name: str) -> None:
    """Drops a throwaway database with its sessions; none there is fine."""
    connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


def create_throwaway_role(connection: Connection, name: str, password: str) -> None:
    """A login role for a rehearsal; its statement stays out of the server's log."""
    with connection.transaction():
        connection.execute("SET LOCAL log_min_error_statement = panic")
        if not scalar(connection, "SELECT 1 FROM pg_roles WHERE rolname = %s", name):
            connection.execute(sql.SQL("CREATE ROLE {}").format(sql.Identifier(name)))
        connection.execute(sql.SQL("ALTER ROLE {} LOGIN PASSWORD {}").format(sql.Identifier(name), sql.Literal(password)))


def drop_role(connection: Connection, name: str) -> None:
    """Drops a throwaway role that owns nothing any more."""
    connection.execute(sql.SQL("DROP ROLE IF EXISTS {}").format(sql.Identifier(name)))
