"""The schema, by pg_dump: all of the application's, its publications too, nothing of ours, no subscription of anybody's.

The dump is taken once the freeze is at work, goes through an archive (so that single entries of ours can be left out), and is
restored in four parts: schemas, extensions, what else stands by itself, and then indexes, constraints and triggers, which may
call functions. What fails is said by object and cause, not in psql's words.
"""

from __future__ import annotations

import contextlib
import re
import shutil
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import psycopg
from psycopg import sql

from orchestrator.errors import StepFailed, ToolError
from orchestrator.movers.postgresql import connections, waiting
from orchestrator.movers.postgresql.names import Names
from orchestrator.texts import Words, say
from orchestrator.tools import process, programs
from orchestrator.tools.process import Register, Stopped

_FAILED = re.compile(r"^psql:[^\n]*:(\d+): (?:ERROR|FATAL|错误|致命错误):\s+(.*)$", re.M)
_BEGINS = re.compile(r"^\d+; \d+ \d+ (?:(?:ACL|COMMENT|SECURITY LABEL) - )?(SCHEMA|EXTENSION) ")
_NAMED = re.compile(r"^-- Name: (.*); Type: ([A-Z ]+); Schema: (.*); Owner: ")
_EMPTY_PATH = b"SELECT pg_catalog.set_config('search_path', '', false);"
_WORKER_LOCKED = "could not obtain lock on relation"
_LOCKED = re.compile(f"Query was: LOCK TABLE|{_WORKER_LOCKED}")
"""What pg_dump says, in English by ``LC_MESSAGES``; the server's own sentence may be in any language."""
LOCK_SECONDS = 60.0
_UNKNOWN_TO_OLDER = ("SET transaction_timeout = 0;",)
"""Lines that a newer pg_dump writes and an older server refuses."""


def environment(dsn_text: str, **more: str) -> dict[str, str]:
    """libpq's variables for a DSN, and nothing of the caller's own PG… variables; the password goes this way, never by argv."""
    import os

    parts = psycopg.conninfo.conninfo_to_dict(dsn_text)
    variables = {"host": "PGHOST", "port": "PGPORT", "dbname": "PGDATABASE", "user": "PGUSER", "password": "PGPASSWORD"}
    own = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    own["LC_CTYPE"] = own.pop("LC_ALL", own.get("LC_CTYPE", "C"))  # it would win over the language of messages
    given = {variable: str(parts[key]) for key, variable in variables.items() if key in parts}
    # ALTER DATABASE … SET role would make us somebody else
    options = " ".join(["-c role=none", more.pop("PGOPTIONS", "")])
    return own | given | {"PGCONNECT_TIMEOUT": "10", "LC_MESSAGES": "C", "PGOPTIONS": options} | more


def dump_schema(source: str, names: Names, folder: Path, register: Register, *, limit: float = 1800) -> Path:
    """An archive of the schema. Raises ToolError in words."""
    archive = folder / f"{names.schema}.schema"
    _remove(archive)
    argv = ["--schema-only", "-Fc", "--no-subscriptions", f"--exclude-schema={names.schema}"]
    try:
        run_dump(argv, archive, source, register, label="pg_dump schema", limit=limit)
    except Stopped:
        raise
    except ToolError as error:
        raise _explain_dump(error, names) from error
    return archive


def run_dump(
    argv: Sequence[str], into: Path, source: str, register: Register, *, label: str, limit: float, jobs: int = 1,
    cancelled: Callable[[], bool] | None = None,
) -> None:  # fmt: skip
    """pg_dump with these options, giving way to every client while it asks for its locks (``waiting.give_way``): where it does
    not get them it is begun again, for ``LOCK_SECONDS``, and then waits for each of them as long once. Raises ToolError in
    pg_dump's words."""
    env = environment(source, PGOPTIONS="-c deadlock_timeout=10ms")
    brief = 1
    with contextlib.suppress(psycopg.Error), connections.connect(source) as asked:  # else pg_dump says why
        brief = waiting.brief_wait_ms(asked)
    until = time.monotonic() + LOCK_SECONDS
    is_last = False
    while True:
        wait = f"--lock-wait-timeout={int(LOCK_SECONDS * 1000) if is_last else brief}"
        workers = ["-j", str(jobs)] if jobs > 1 else []
        command: list[str | Path] = [programs.find("pg_dump"), wait, *argv, *workers, "-f", into]
        try:
            process.run(command, label=label, limit=limit, env=env, register=register, cancelled=cancelled)
        except ToolError as error:
            if is_last or not _LOCKED.search(error.what):
                raise
            if _WORKER_LOCKED in error.what:
                jobs = 1  # several workers take no lock behind somebody's TRUNCATE; one alone waits for its turn
            is_last = time.monotonic() > until
            _remove(into)
        else:
            return


def _remove(path: Path) -> None:
    shutil.rmtree(path, ignore_errors=True)
    path.unlink(missing_ok=True)


def _explain_dump(error: ToolError, names: Names) -> ToolError:
    if "server version mismatch" in error.what:
        return ToolError(
            say("postgresql.dump_older", database=names.database), where=names.database,
            remedy=say("postgresql.install_client"),
        )  # fmt: skip
    if _LOCKED.search(error.what):
        return ToolError(
            say("postgresql.schema_locked", database=names.database, said=error.says), where=names.database,
            remedy=say("postgresql.end_lock"), retryable=True,
        )  # fmt: skip
    return error


def split_list(lines: Iterable[str]) -> tuple[list[str], list[str], list[str]]:
    """An archive's list in three: schemas, extensions, and everything else. Extensions are made by ours, and what one brought may
    have to be altered before a table can be made of it. Their grants and comments stay with them: pg_restore counts those to the
    section of what stands before, and drops them silently where that is not in the list; so the first lists, which may begin with
    one (the rights of the schema public), are to be restored without naming a section."""
    lists: dict[str, list[str]] = {"SCHEMA": [], "EXTENSION": [], "": []}
    for line in lines:
        begins = _BEGINS.match(line)
        lists[begins.group(1) if begins else ""].append(line)
    return lists["SCHEMA"], lists["EXTENSION"], lists[""]


def restore_schema(
    archive: Path, target: str, names: Names, register: Register, *, server_version: int, path: Sequence[str],
    begun: Callable[[], object], extended: Callable[[], object], between: Callable[[], object], limit: float = 1800,
) -> None:  # fmt: skip
    """Makes the archive's schema in an empty database. ``begun``: called when schemas stand, and nothing in them; ``extended``:
    when extensions stand, and no table yet; ``between``: when tables and functions stand, and no index yet; ``path``: as of
    ``restore_entries``. Raises StepFailed with object and cause; what is half done is for the caller to drop."""
    listed = process.run(
        [programs.find("pg_restore"), "-l", archive], label="pg_restore -l", limit=300, register=register, max_output=1 << 28
    )
    schemas, extensions, rest = split_list(line for line in listed.stdout.splitlines() if not _is_ours(line, names))
    try:
        for section, entries, then in (
            ("", schemas, begun), ("", extensions, extended), ("pre-data", rest, between), ("post-data", rest, None),
        ):  # fmt: skip
            restore_entries(
                archive, entries, section, target, names, register, server_version=server_version, path=path, limit=limit
            )
            if then is not None:
                then()
    finally:
        archive.unlink(missing_ok=True)  # user mappings hold passwords


def restore_entries(
    archive: Path, entries: Iterable[str], section: str, target: str, names: Names, register: Register, *,
    server_version: int, path: Sequence[str] = (), limit: float = 1800,
) -> None:  # fmt: skip
    """Some of an archive's list, by psql, each statement by itself: one transaction of thousands of tables would need a lock for
    each. ``section``: only those of it. ``path``: schemas in which functions look, where a table cannot be made without calling
    one (a generated column unfolds it). Raises StepFailed with object and cause."""
    listing, script = (archive.parent / f"{archive.name}.{word}" for word in ("list", "sql"))
    try:
        listing.write_text("\n".join(entries) + "\n", encoding="utf-8")
        only = [f"--section={section}"] if section else []
        process.run(
            [programs.find("pg_restore"), "-L", listing, *only, "-f", script, archive],
            label="pg_restore to SQL", limit=limit, register=register,
        )  # fmt: skip
        script.chmod(0o600)
        _suit_server(script, server_version, path)
        _run_script(script, target, names, register, limit)
    finally:
        for file in (script, listing):
            file.unlink(missing_ok=True)


def _run_script(script: Path, target: str, names: Names, register: Register, limit: float) -> None:
    options = (
        "-c default_transaction_read_only=off -c log_min_error_statement=panic -c log_statement=none -c log_min_duration_statement=-1"
        " -c synchronous_commit=off"  # what is half done is dropped; what counts it as done is committed durably
    )
    try:
        process.run(
            [programs.find("psql"), "-X", "-q", "-v", "ON_ERROR_STOP=1", "-f", script],
            label="psql", limit=limit, env=environment(target, PGOPTIONS=options), register=register,
        )  # fmt: skip
    except Stopped:
        raise
    except ToolError as error:
        raise _explain_restore(error, script, names) from error


def _is_ours(line: str, names: Names) -> bool:
    """Whether a line of an archive's list is an event trigger or a publication of ours, or its comment."""
    if "EVENT TRIGGER" not in line and "PUBLICATION" not in line:
        return False
    stems = (names.freeze, names.forward, names.back)
    return any(word == stem or word.startswith(stem + "_") for word in line.split() for stem in stems)


def _suit_server(script: Path, server_version: int, path: Sequence[str]) -> None:
    text = script.read_bytes()
    if server_version < 170000:
        for line in _UNKNOWN_TO_OLDER:
            text = text.replace(b"\n" + line.encode() + b"\n", b"\n")
    if path:
        words = ", ".join(sql.Identifier(word).as_string(None) for word in path)
        # the script is in the database's encoding, whatever that is: the names travel in signs that are the same in all
        value = f"pg_catalog.convert_from(pg_catalog.decode('{words.encode().hex()}', 'hex'), 'UTF8')"
        text = text.replace(_EMPTY_PATH, _EMPTY_PATH.replace(b"''", value.encode()), 1)
    script.write_bytes(text)


def _explain_restore(error: ToolError, script: Path, names: Names) -> StepFailed:
    failed = _FAILED.search(error.what)
    if failed is None:
        return StepFailed(
            say("postgresql.schema_not_made", database=names.database, said=error.says), where=names.database, remedy=error.mend
        )
    object_name = _object_at(script, int(failed.group(1)))
    cause = failed.group(2).strip()
    remedy = say("postgresql.mend_target")
    if "extension" in cause and ("control file" in cause or "not available" in cause):
        remedy = say("postgresql.install_extension")
    return StepFailed(
        say("postgresql.object_not_made", object=object_name, database=names.database, cause=cause), where=names.database, remedy=remedy
    )


def _object_at(script: Path, line: int) -> Words:
    """The object whose definition stands at a line of the script."""
    found: Words = say("postgresql.an_object")
    with script.open(encoding="utf-8", errors="replace") as lines:
        for number, text in enumerate(lines, start=1):
            match = _NAMED.match(text)
            if match:
                name, kind, schema = match.groups()
                found = f"{kind.strip().lower()} {name}" if schema == "-" else f"{kind.strip().lower()} {schema}.{name}"
            if number >= line:
                break
    return found
