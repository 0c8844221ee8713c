"""Several writers at once, several controllers, a backup and its restore, on a real PostgreSQL."""

from __future__ import annotations

import json
import subprocess
import sys
import threading

import pytest
from sqlalchemy import create_engine, text

from orchestrator.errors import LeaseHeld, NeedsPerson, Refused, StaleLease
from orchestrator.journal import store
from orchestrator.journal.archive import back_up, restore
from orchestrator.journal.states import StepState
from orchestrator.journal.store import Journal

pytestmark = pytest.mark.servers
STEPS = [("one", "reversible"), ("two", "read_only")]


def begin(journal: Journal, system: str = "portal") -> str:
    return journal.start_migration(
        system=system, strategy="cloud_deployment", runbook="fake", plan_digest="d" * 64, requested_by="os:li", steps=STEPS
    )


def tamper(url: str, statement: str, **values: object) -> None:
    with create_engine(url).begin() as connection:
        connection.execute(text(statement), values)


def test_two_controllers_that_open_an_empty_journal_at_once_both_find_it_made(url):
    opened, failed = [], []

    def open_it() -> None:
        try:
            opened.append(Journal(url))
        except Exception as error:  # noqa: BLE001 - shown below
            failed.append(repr(error))

    threads = [threading.Thread(target=open_it) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert all(journal.migrations() == [] for journal in opened)


def test_the_chain_never_forks_under_writers_in_several_processes(url):
    script = (
        "import sys; from orchestrator.journal.store import Journal; j = Journal(sys.argv[1]); "
        "[j.append_event('noted', actor=sys.argv[2], payload={'n': n}) for n in range(60)]"
    )
    writers = [subprocess.Popen([sys.executable, "-c", script, url, f"os:writer-{number}"]) for number in range(4)]
    assert [writer.wait(200) for writer in writers] == [0, 0, 0, 0]
    journal = Journal(url)
    events = journal.events(kind="noted")
    assert len(events) == 240
    assert [event.seq for event in events] == list(range(1, 241))
    for number in range(4):
        mine = [event.payload["n"] for event in events if event.actor == f"os:writer-{number}"]
        assert mine == list(range(60)), "each one's own order is kept"
    assert journal.verify() == []
    tamper(url, "UPDATE payloads SET payload = :p WHERE seq = 17", p=json.dumps({"n": 999}))
    assert len(journal.verify()) == 1


def test_one_migration_of_a_system_is_begun_however_many_ask_at_once(journal):
    outcomes = []

    def ask() -> None:
        try:
            outcomes.append(begin(journal))
        except Refused:
            outcomes.append("refused")

    threads = [threading.Thread(target=ask) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["portal-1", *["refused"] * 5]


def test_another_controller_waits_for_the_lease_to_end_and_the_one_that_slept_writes_nothing_more(url, monkeypatch):
    """The second controller is another machine by its name; the lease's clock is the database's, not either machine's."""
    journal = Journal(url)
    migration = begin(journal)
    slept = journal.acquire(migration, holder="os:a one:1")
    monkeypatch.setattr(store.socket, "gethostname", lambda: "another-controller")
    monkeypatch.setattr(store.time, "time", lambda: 9e9)  # its clock is wrong by centuries
    with pytest.raises(LeaseHeld, match="os:a one:1"):
        journal.acquire(migration, holder="os:b two:2")
    tamper(url, "UPDATE leases SET expires = extract(epoch from clock_timestamp()) - 1")
    taken = journal.acquire(migration, holder="os:b two:2")
    assert taken.token == slept.token + 1
    journal.set_step(taken, "fake", "one", StepState.RUNNING)
    for write in (
        lambda: journal.set_step(slept, "fake", "one", StepState.DONE),
        lambda: journal.renew(slept),
        lambda: journal.append_event("x", actor="a", lease=slept),
    ):
        with pytest.raises(StaleLease):
            write()
    journal.release(slept)  # gives nothing back that is not its own
    assert journal.lease_holder(migration).holder == "os:b two:2"
    assert journal.verify() == []


def test_a_backup_of_either_database_is_restored_into_either_and_written_on(journal, url, tmp_path, archive):
    first = begin(journal)
    lease = journal.acquire(first, holder="engine")
    journal.set_step(lease, "fake", "one", StepState.RUNNING)
    journal.set_step(lease, "fake", "one", StepState.DONE, facts={"rows": 7, "name": "门户\u2028\x00 'quoted'"})
    rows = back_up(journal, archive)
    assert archive.stat().st_mode & 0o777 == 0o600
    other = Journal(f"sqlite:///{tmp_path / 'other' / 'journal.sqlite'}")
    assert restore(archive, other) == rows
    assert [event.hash for event in other.events()] == [event.hash for event in journal.events()]
    assert other.step(first, "fake", "one").facts == journal.step(first, "fake", "one").facts
    again = tmp_path / "again.jsonl"
    back_up(other, again)
    tamper(url, "DROP SCHEMA public CASCADE")
    tamper(url, "CREATE SCHEMA public")
    back = Journal(url)
    assert restore(again, back) == rows
    back.register_process(back.acquire(first, holder="engine"), "two", _record())  # ids are counted on
    assert begin(back, "register") == "register-1"
    assert back.verify() == []


def _record():
    from orchestrator.tools.process import ProcessRecord

    return ProcessRecord(1, 1, "boot", "label", "mark")


@pytest.mark.parametrize("harm", ["cut", "changed", "reordered", "empty", "no backup", "other revision"])
def test_a_backup_that_is_not_whole_is_refused_and_nothing_is_restored(journal, tmp_path, archive, harm):
    begin(journal)
    back_up(journal, archive)
    lines = archive.read_text("utf-8").splitlines(keepends=True)
    harmed = {
        "cut": "".join(lines[:-2]),
        "changed": "".join(lines).replace("cloud_deployment", "cloud_deploymenx", 1),
        "reordered": "".join([lines[0], lines[2], lines[1], *lines[3:]]),
        "empty": "",
        "no backup": "PK\x03\x04",
        "other revision": "".join(lines).replace('"revision":"', '"revision":"9', 1),
    }[harm]
    archive.write_text(harmed, "utf-8")
    fresh = Journal(f"sqlite:///{tmp_path / 'fresh.sqlite'}")
    with pytest.raises(Refused):
        restore(archive, fresh)
    assert fresh.events() == []
    assert fresh.migrations() == []


def test_a_backup_replaces_no_file_and_a_restore_no_journal(journal, archive):
    begin(journal)
    archive.write_text("somebody's", "utf-8")
    with pytest.raises(Refused, match="never replaces"):
        back_up(journal, archive)
    assert archive.read_text("utf-8") == "somebody's"
    archive.unlink()
    back_up(journal, archive)
    with pytest.raises(Refused, match="not empty"):
        restore(archive, journal)


def test_a_chain_that_was_broken_before_the_backup_is_named_when_it_is_restored(journal, url, tmp_path, archive):
    begin(journal)
    tamper(url, "UPDATE events SET actor = 'os:nobody' WHERE seq = 1")
    back_up(journal, archive)
    with pytest.raises(NeedsPerson, match="chain is broken"):
        restore(archive, Journal(f"sqlite:///{tmp_path / 'fresh.sqlite'}"))
