"""Opens the journal's database: SQLite by default, PostgreSQL by URL; brings its schema up to date."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, ExceptionContext, create_engine, event, inspect, make_url, text
from sqlalchemy.exc import SQLAlchemyError

from orchestrator.errors import JournalAway, NeedsPerson, Refused
from orchestrator.private import is_shared, make_private
from orchestrator.texts import Sentence, say

HEAD = "0004"
"""The newest Alembic revision; a test compares it with the folder, so that a plain start need not import Alembic."""

AWAY_SECONDS = 45.0
"""How long a server is waited for that answered before; shorter than a lease lives, so that nobody else has taken over meanwhile."""
LACKS = ("SQLITE_FULL", "SQLITE_IOERR", "SQLITE_READONLY", "SQLITE_CANTOPEN", "SQLITE_BUSY")
"""What SQLite says when its file's disk is full, fails, is read-only or away, or somebody else keeps it locked for half a minute."""
WRITERS = 7_206_117_301
"""The advisory lock that PostgreSQL's writers stand in line for; a number of ours, nothing else uses it."""


def open_database(url: str, *, create: bool) -> Engine:
    """The engine, schema at HEAD. Raises Refused when there is no journal and ``create`` is false."""
    if url.startswith("sqlite:///"):
        path = Path(url.removeprefix("sqlite:///"))
        if not path.exists():
            if not create:
                raise Refused(say("journal.none_yet"), where=str(path), remedy=say("journal.migrate_makes_one"))
            make_private(path.parent)
            path.touch(mode=0o660 if is_shared(path.parent) else 0o600)
            if is_shared(path.parent):
                path.chmod(0o660)  # whatever the umask; the write-ahead log takes the journal's mode over
    engine = _engine(url)
    if engine.dialect.name == "sqlite":
        _make_sqlite_durable(engine)
    else:
        _put_writers_in_line(engine)
    try:
        with engine.connect() as connection:
            current = (
                connection.scalar(text("SELECT version_num FROM alembic_version"))
                if inspect(connection).has_table("alembic_version")
                else None
            )
    except SQLAlchemyError as error:
        raise NeedsPerson(
            say("journal.cannot_be_opened", error=error.__class__.__name__),
            where=url.rsplit("@", maxsplit=1)[-1],
            remedy=say("journal.check_url"),
        ) from error
    if current is not None and current > HEAD:
        raise Refused(
            say("journal.of_a_newer_engine", revision=str(current), head=HEAD),
            where=url.rsplit("@", maxsplit=1)[-1],
            remedy=say("journal.use_newer_engine"),
        )
    if current != HEAD:
        _upgrade(engine)
    if engine.dialect.name != "sqlite":
        _outlive_the_server(engine)
    else:
        _name_what_the_file_lacks(engine)
    return engine


def _engine(url: str) -> Engine:
    """A server that fails over to its standby drops its connections: each is tried before it is used."""
    if url.startswith("sqlite"):
        return create_engine(url, connect_args={"timeout": 30})
    known = make_url(url)
    if known.get_backend_name() != "postgresql":
        raise Refused(say("journal.other_database", name=known.get_backend_name()), where="journal", remedy=say("journal.name_url"))
    options = {
        "connect_timeout": 10,
        "application_name": "orchestrator journal",
        "tcp_user_timeout": 15_000,  # a network that was cut must not hold an engine that has to notice it (``session``)
        "keepalives_idle": 5,
        "keepalives_interval": 5,
        "keepalives_count": 3,
    }
    return create_engine(known.set(drivername="postgresql+psycopg"), connect_args=options, pool_pre_ping=True)


def _put_writers_in_line(engine: Engine) -> None:
    """As SQLite does by itself: one writer at a time, each seeing what the one before has written. So the chain never forks, and
    whatever a write reads first is still true when it writes."""

    @event.listens_for(engine, "begin")
    def _begin(connection: Any) -> None:
        if connection.get_execution_options().get("writes"):
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({WRITERS})")


def _outlive_the_server(engine: Engine) -> None:
    """A server that fails over to its standby takes no connections for a while: whoever opens one waits for it, readers too. What was on
    its way when it was lost is not known, and is not sent twice. From here on every method of the journal raises JournalAway for it."""

    @event.listens_for(engine, "do_connect")
    def _wait(dialect: Any, _record: Any, arguments: Any, options: Any) -> Any:
        until = time.monotonic() + AWAY_SECONDS
        while True:
            try:
                return dialect.connect(*arguments, **options)
            except dialect.loaded_dbapi.OperationalError:
                if time.monotonic() > until:
                    raise
                time.sleep(1.0)

    @event.listens_for(engine, "handle_error")
    def _say(failed: ExceptionContext) -> None:
        words = str(failed.original_exception).strip() or type(failed.original_exception).__name__
        cause = words.splitlines()[0][:200]
        if failed.is_pre_ping:
            return  # another connection is opened instead
        if failed.connection is None:
            raise _away(say("journal.away_for", seconds=AWAY_SECONDS, cause=cause)) from failed.original_exception
        if failed.is_disconnect:
            raise _away(say("journal.away_amid", cause=cause)) from failed.original_exception


def _name_what_the_file_lacks(engine: Engine) -> None:
    """A file whose disk or quota is full, that became read-only or went away is no bug: nothing of that transaction is kept, and every
    method of the journal raises JournalAway for it."""

    @event.listens_for(engine, "handle_error")
    def _say(failed: ExceptionContext) -> None:
        name = str(getattr(failed.original_exception, "sqlite_errorname", ""))
        if name.startswith(LACKS):
            says = say("journal.file_fails", cause=str(failed.original_exception))
            path = str(engine.url.database)
            raise JournalAway(says, where=path, retryable=True, remedy=say("journal.free_and_resume")) from failed.original_exception


def _away(says: Sentence) -> JournalAway:
    return JournalAway(says, where="journal", retryable=True, remedy=say("journal.bring_it_back"))


def _make_sqlite_durable(engine: Engine) -> None:
    @event.listens_for(engine, "connect")
    def _pragmas(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # we say BEGIN ourselves: pysqlite's own is too late for writers
        cursor = connection.cursor()
        cursor.execute("PRAGMA journal_mode=WAL")
        cursor.execute("PRAGMA synchronous=FULL")  # intent must be on disk before the world is touched
        cursor.execute("PRAGMA foreign_keys=ON")
        cursor.close()

    @event.listens_for(engine, "begin")
    def _begin(connection: Any) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE" if connection.get_execution_options().get("writes") else "BEGIN")


def _upgrade(engine: Engine) -> None:
    import logging

    from alembic import command
    from alembic.config import Config

    logging.getLogger("alembic").setLevel(logging.WARNING)
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    with engine.execution_options(writes=True).begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
