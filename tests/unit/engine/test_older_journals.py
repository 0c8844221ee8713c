"""A journal of an older engine goes on in this one: forward migrations, tried from a file as it was then."""

import sqlite3
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine, text

from orchestrator.errors import Finding, Refused
from orchestrator.journal import schema
from orchestrator.journal.database import HEAD
from orchestrator.journal.decisions import Decisions
from orchestrator.journal.notes import Notes
from orchestrator.journal.states import StepState
from orchestrator.journal.store import Journal

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures"


@pytest.fixture
def older(tmp_path: Path) -> Path:
    """The journal of revision 0001: one migration in its trial run, one rolled back, a hold."""
    file = tmp_path / "journal.sqlite"
    with sqlite3.connect(file) as connection:
        connection.executescript((FIXTURES / "journal-0001.sql").read_text("utf-8"))
    return file


def rows(file: Path) -> dict[str, list[tuple]]:
    """Every row of every table that 0001 had, with the columns it had then."""
    with sqlite3.connect(file) as connection:
        script = (FIXTURES / "journal-0001.sql").read_text("utf-8")
        with sqlite3.connect(":memory:") as reference:
            reference.executescript(script)
            names = [r[0] for r in reference.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
            columns = {n: [r[1] for r in reference.execute(f"PRAGMA table_info({n})")] for n in names if n != "alembic_version"}
        return {
            name: connection.execute(f"SELECT {', '.join(wanted)} FROM {name} ORDER BY 1, 2").fetchall()  # noqa: S608 - names of the fixture
            for name, wanted in columns.items()
        }


def test_every_row_of_an_older_journal_is_kept_and_its_chain_is_whole(older):
    before = rows(older)
    journal = Journal(f"sqlite:///{older}")
    assert rows(older) == before
    assert sum(map(len, before.values())) > 40
    assert journal.verify() == []
    with create_engine(journal.url).connect() as connection:
        assert connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one() == HEAD
        assert compare_metadata(MigrationContext.configure(connection), schema.metadata) == []


def test_a_migration_begun_by_an_older_engine_goes_on(older):
    journal = Journal(f"sqlite:///{older}")
    lease = journal.acquire("portal-1", holder="os:li other:1")
    finding = Finding("disk", "error", "the disk of db-1 is full", "free some space", system="portal")
    journal.set_step(lease, "cloud_deployment", "trial_run", StepState.FAILED, error={"what": "full"}, findings=[finding])
    notes = Notes(journal)
    assert [(f.code, f.message, f.place) for f in notes.findings("portal-1")] == [("disk", "the disk of db-1 is full", "portal")]
    notes.owe(lease, "replicate", "no answer", "bring it back")
    Decisions(journal).record_copy(lease, what="files", source_state="pass 1", size=3 << 30, items=1)
    assert [c.bytes for c in Decisions(journal).copies("portal-1")] == [1234, 3 << 30]
    assert journal.verify() == []


def test_opening_it_twice_changes_nothing_more(older):
    Journal(f"sqlite:///{older}")
    with sqlite3.connect(older) as connection:
        shape = connection.execute("SELECT sql FROM sqlite_master ORDER BY name").fetchall()
    Journal(f"sqlite:///{older}")
    with sqlite3.connect(older) as connection:
        assert connection.execute("SELECT sql FROM sqlite_master ORDER BY name").fetchall() == shape


def test_a_journal_of_a_newer_engine_is_refused_by_name_and_left_alone(older):
    with sqlite3.connect(older) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '0999'")
    before = rows(older)
    with pytest.raises(Refused, match="revision 0999"):
        Journal(f"sqlite:///{older}")
    assert rows(older) == before
    with sqlite3.connect(older) as connection:
        assert connection.execute("SELECT version_num FROM alembic_version").fetchone() == ("0999",)
