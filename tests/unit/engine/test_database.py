"""Who may write the journal's file, and what is said when its disk cannot hold it."""

import resource
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from orchestrator.errors import JournalAway
from orchestrator.journal.database import open_database
from orchestrator.journal.store import Journal


@pytest.mark.parametrize(("folder", "journal"), [(0o700, 0o600), (0o2770, 0o660), (0o770, 0o600)])
def test_the_journal_is_the_groups_only_where_the_owner_shared_the_folder(tmp_path: Path, folder: int, journal: int) -> None:
    state = tmp_path / "state"
    state.mkdir()
    state.chmod(folder)
    open_database(f"sqlite:///{state}/journal.sqlite", create=True).dispose()
    assert stat.S_IMODE((state / "journal.sqlite").stat().st_mode) == journal


@contextmanager
def _no_file_may_grow_beyond(size: int) -> Iterator[None]:
    """As a full disk: a write beyond fails, and what is smaller can be written."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_journal_that_finds_no_room_is_away_and_goes_on_where_it_stood(tmp_path: Path) -> None:
    """It was called a bug of ours, by the engine whose working folder had filled up."""
    journal = Journal(f"sqlite:///{tmp_path / 'journal.sqlite'}")
    journal.append_event("note", actor="os:li", payload={"n": 1})
    log = tmp_path / "journal.sqlite-wal"
    with _no_file_may_grow_beyond(log.stat().st_size), pytest.raises(JournalAway) as raised:
        journal.append_event("note", actor="os:li", payload={"n": 2, "text": "long " * 5000})
    assert str(tmp_path / "journal.sqlite") in raised.value.where
    assert "resume" in raised.value.remedy
    journal.append_event("note", actor="os:li", payload={"n": 3})
    assert [event.payload["n"] for event in journal.events(kind="note")] == [1, 3]
    assert journal.verify() == []
