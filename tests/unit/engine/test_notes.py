"""Findings, alarms and owed clean-up: seen until they are over, and on the chain."""

import pytest

from orchestrator.errors import Finding, Refused
from orchestrator.journal.actors import Actor
from orchestrator.journal.notes import Notes
from orchestrator.journal.states import StepState

CHEN = Actor("os", "chen")


@pytest.fixture
def notes(journal) -> Notes:
    return Notes(journal)


def refuse(journal, lease, *messages: str) -> None:
    found = [Finding("unlogged", "error", message, "make it logged", file="db", sheet="audit") for message in messages]
    journal.set_step(lease, "fake", "one", StepState.RUNNING)
    journal.set_step(lease, "fake", "one", StepState.FAILED, error={"what": "found"}, findings=found)


def test_findings_are_kept_with_object_place_and_remedy_and_on_the_chain(journal, lease, notes):
    refuse(journal, lease, "table public.a is unlogged", "table public.b is unlogged")
    found = notes.findings(lease.migration)
    assert [(f.step, f.code, f.message, f.place, f.remedy) for f in found] == [
        ("one", "unlogged", "table public.a is unlogged", "db › audit", "make it logged"),
        ("one", "unlogged", "table public.b is unlogged", "db › audit", "make it logged"),
    ]
    assert [f["message"] for f in journal.events(kind="step")[-1].payload["findings"]] == [f.message for f in found]


def test_what_was_mended_shows_no_more(journal, lease, notes):
    refuse(journal, lease, "a is unlogged", "b is unlogged")
    refuse(journal, lease, "b is unlogged")
    assert [f.message for f in notes.findings(lease.migration)] == ["b is unlogged"]
    journal.set_step(lease, "fake", "one", StepState.RUNNING)
    assert notes.findings(lease.migration) == []


def test_an_undo_shows_what_the_run_before_it_found_and_nothing_older(journal, lease, notes):
    refuse(journal, lease, "a is unlogged")
    journal.set_step(lease, "fake", "one", StepState.UNDOING)
    assert [f.message for f in notes.findings(lease.migration)] == ["a is unlogged"]
    journal.set_step(lease, "fake", "one", StepState.UNDONE)
    assert [f.message for f in notes.findings(lease.migration)] == ["a is unlogged"]


def test_what_was_mended_before_an_undo_shows_no_more(journal, lease, notes):
    refuse(journal, lease, "a is unlogged")
    journal.set_step(lease, "fake", "one", StepState.RUNNING)
    journal.set_step(lease, "fake", "one", StepState.DONE)
    journal.set_step(lease, "fake", "one", StepState.UNDOING)
    assert notes.findings(lease.migration) == []


def test_an_alarm_is_one_row_from_its_beginning_to_its_end(journal, lease, notes):
    for lag in ("5 s behind", "6 s behind", "9 s behind"):
        notes.watch(lease, {"lag": lag})
    notes.watch(lease, {"lag": "9 s behind", "worker": "no worker"})
    notes.watch(lease, {"worker": "no worker"})
    assert [(a.code, a.message, a.cleared is None) for a in notes.alarms(lease.migration)] == [
        ("lag", "9 s behind", False),
        ("worker", "no worker", True),
    ]
    assert [a.code for a in notes.alarms(lease.migration, standing=True)] == ["worker"]
    kinds = [(e.kind, e.payload["problems"]) for e in journal.events() if "alarm" in e.kind]
    assert kinds == [("way_back_alarm", ["5 s behind"]), ("way_back_alarm", ["no worker"]), ("alarm_cleared", ["9 s behind"])]


def test_an_alarm_that_comes_again_is_another_row(lease, notes):
    for problems in ({"lag": "x"}, {}, {"lag": "x"}):
        notes.watch(lease, problems)
    assert [a.cleared is None for a in notes.alarms(lease.migration)] == [False, True]


def test_a_step_owes_once_and_is_settled_by_the_engine_or_by_a_person_with_evidence(journal, lease, notes):
    notes.owe(lease, "one", "disk full", "free it")
    notes.owe(lease, "one", "no answer", "bring it back")
    notes.owe(lease, "two", "no answer", "bring it back")
    assert [(o.step, o.what) for o in notes.owed(lease.migration)] == [("one", "no answer"), ("two", "no answer")]
    notes.settle(lease, "one", "done when it was tried again")
    number = notes.owed(lease.migration)[0].id
    with pytest.raises(Refused, match="evidence"):
        notes.settle_by_hand(number, actor=CHEN, evidence=" ")
    notes.settle_by_hand(number, actor=CHEN, evidence="ticket 7")
    assert notes.owed(lease.migration) == []
    with pytest.raises(Refused, match="is not owed"):
        notes.settle_by_hand(number, actor=CHEN, evidence="ticket 7")
    assert [e.actor for e in journal.events(kind="clean_up_done")] == ["engine", "os:chen"]
