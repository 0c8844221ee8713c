"""Who may write the journal's file."""

import stat
from pathlib import Path

import pytest

from orchestrator.journal.database import open_database


@pytest.mark.parametrize(("folder", "journal"), [(0o700, 0o600), (0o2770, 0o660), (0o770, 0o600)])
def test_the_journal_is_the_groups_only_where_the_owner_shared_the_folder(tmp_path: Path, folder: int, journal: int) -> None:
    state = tmp_path / "state"
    state.mkdir()
    state.chmod(folder)
    open_database(f"sqlite:///{state}/journal.sqlite", create=True).dispose()
    assert stat.S_IMODE((state / "journal.sqlite").stat().st_mode) == journal
