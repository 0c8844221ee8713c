"""What is left of a migration goes after its time, by the list that was read, and never the only copy."""

from __future__ import annotations

import datetime as dt
import shutil
from pathlib import Path
from typing import Any

import pytest

from orchestrator.engine.cleaning import Cleaning, digest_of, size_of
from orchestrator.engine.session import Session
from orchestrator.errors import NeedsPerson, Refused
from orchestrator.journal.states import Ending, MigrationState

SYSTEM = "weather-bulletin"
LATER = dt.datetime.now(dt.UTC) + dt.timedelta(days=31)
MUCH_LATER = dt.datetime.now(dt.UTC) + dt.timedelta(days=181)


def migrated(session: Session, *, ending: Ending | None = Ending.ACCEPTED, strategy: str = "cloud_deployment") -> Path:
    """The system's folder after a migration that ended so, with three things in it."""
    journal = session.journal
    ident = journal.start_migration(
        system=SYSTEM, strategy=strategy, runbook=strategy, plan_digest="d" * 64, requested_by="os:li", steps=[("preflight", "read_only")]
    )
    if ending is not None:
        lease = journal.acquire(ident, holder="engine")
        if ending is not Ending.ACCEPTED:
            journal.set_migration(lease, state=MigrationState.UNDOING)
        journal.set_migration(lease, state=MigrationState.ENDED, ending=ending)
        journal.release(lease)
    folder = session.settings.state / "systems" / SYSTEM
    for name, size in (("relay", 1000), ("cold", 5000), ("manifests", 10)):
        (folder / name).mkdir(parents=True)
        (folder / name / "file").write_bytes(b"x" * size)
    return folder


def here(session: Session, now: dt.datetime | None = None) -> dict[str, Any]:
    with Cleaning(session, SYSTEM, now) as cleaning:
        return {Path(each.path).name: each for each in cleaning.find() if each.place == "here"}


def test_nothing_goes_before_acceptance_or_its_delay_and_backups_stay_longer(session: Session) -> None:
    folder = migrated(session)
    assert {name: each.bytes for name, each in here(session).items()} == {"relay": 1000, "cold": 5000}
    assert all("30 days after" in str(each.kept) or "180 days after" in str(each.kept) for each in here(session).values())
    assert {name: bool(each.kept) for name, each in here(session, LATER).items()} == {"relay": False, "cold": True}
    assert not any(each.kept for each in here(session, MUCH_LATER).values())
    with Cleaning(session, SYSTEM) as cleaning, pytest.raises(Refused, match="nothing of it may be removed"):
        cleaning.remove(digest_of(cleaning.find())[:12])
    assert (folder / "relay" / "file").exists()


@pytest.mark.parametrize(("ending", "why"), [(None, "is under way"), (Ending.ROLLED_BACK_BEFORE, "was not accepted"), (Ending.CANCELLED, "was not accepted")])
def test_what_was_not_accepted_keeps_everything_for_ever(session: Session, ending: Ending | None, why: str) -> None:
    migrated(session, ending=ending)
    assert all(why in str(each.kept) for each in here(session, MUCH_LATER).values())


def test_a_retired_systems_backup_is_the_only_copy_and_never_goes(session: Session) -> None:
    folder = migrated(session, strategy="retire")
    found = here(session, MUCH_LATER)
    assert (str(found["cold"].kept), found["relay"].kept) == ("the only copy of a system that was switched off", "")
    with Cleaning(session, SYSTEM, MUCH_LATER) as cleaning:
        cleaning.remove(digest_of(cleaning.find()))
    assert ((folder / "cold").is_dir(), (folder / "relay").exists()) == (True, False)


def test_what_goes_is_the_list_that_was_read_and_each_deletion_is_on_the_trail(session: Session) -> None:
    folder = migrated(session)
    with Cleaning(session, SYSTEM, LATER) as cleaning:
        read = digest_of(cleaning.find())[:12]
    (folder / "relay" / "more").write_bytes(b"x" * 5)
    with Cleaning(session, SYSTEM, LATER) as cleaning:
        for digest in (read, "", read[:7], "0" * 64):
            with pytest.raises(Refused, match="the list has changed"):
                cleaning.remove(digest)
        gone = cleaning.remove(digest_of(cleaning.find())[:12])
    assert [(Path(each.path).name, each.bytes) for each in gone] == [("relay", 1005)]
    assert ((folder / "relay").exists(), (folder / "cold").is_dir(), (folder / "manifests").is_dir()) == (False, True, True)
    kinds = [event.kind for event in session.journal.events(system=SYSTEM) if event.kind.startswith("left_")]
    assert kinds == ["left_removing", "left_removed"]
    assert session.journal.verify() == []


def test_a_link_is_neither_counted_followed_nor_listed(session: Session, tmp_path: Path) -> None:
    folder = migrated(session)
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious" / "file").write_bytes(b"x" * 100)
    (folder / "relay" / "away").symlink_to(tmp_path / "precious")
    (folder / "backup").symlink_to(tmp_path / "precious")
    assert size_of(folder / "relay") == 1000
    assert "backup" not in here(session, MUCH_LATER)
    with Cleaning(session, SYSTEM, MUCH_LATER) as cleaning:
        cleaning.remove(digest_of(cleaning.find()))
    assert (tmp_path / "precious" / "file").exists()


def test_what_cannot_be_removed_is_named_and_the_rest_goes(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = migrated(session)
    real = shutil.rmtree

    def fails(path: str) -> None:
        if path.endswith("relay"):
            raise PermissionError(13, "not allowed", path)
        real(path)

    monkeypatch.setattr(shutil, "rmtree", fails)
    with Cleaning(session, SYSTEM, MUCH_LATER) as cleaning, pytest.raises(NeedsPerson, match=r"relay.*not allowed"):
        cleaning.remove(digest_of(cleaning.find()))
    assert not (folder / "cold").exists()


def test_hosts_and_databases_that_do_not_answer_are_said_and_touched_by_nobody(session: Session) -> None:
    migrated(session)
    with Cleaning(session, SYSTEM, MUCH_LATER) as cleaning:
        others = [each for each in cleaning.find() if each.place != "here"]
    assert {each.place for each in others} == {"weather-1", "database weather (source)"}
    assert all("cannot be asked" in str(each.kept) for each in others)


def test_old_disks_are_a_persons_work_after_the_delay_and_only_where_something_stays_behind(session: Session) -> None:
    migrated(session)
    with Cleaning(session, SYSTEM) as cleaning, pytest.raises(Refused, match="30 days after"):
        cleaning.ask_to_erase()
    with Cleaning(session, SYSTEM, LATER) as cleaning:
        number = cleaning.ask_to_erase()
        assert cleaning.ask_to_erase() == number
    [task] = session.decisions.tasks(state="open")
    assert (task.id, task.detail["machines"]) == (number, ["weather-1"])


@pytest.mark.parametrize("runbook", ["hosting", "retire"])
def test_where_the_disks_travelled_or_were_erased_nobody_is_asked(session: Session, runbook: str) -> None:
    migrated(session, strategy=runbook)
    with Cleaning(session, SYSTEM, LATER) as cleaning, pytest.raises(Refused, match="the disks of"):
        cleaning.ask_to_erase()
