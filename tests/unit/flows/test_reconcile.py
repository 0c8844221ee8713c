"""Prefect follows the journal: a table of what its runs say, what the journal says, and what is done about it."""

from __future__ import annotations

from uuid import UUID

import pytest

from orchestrator.flows.endings import known_key, pause_key
from orchestrator.flows.reconcile import RESTARTS, Act, Do, decide
from orchestrator.flows.runs import Run
from orchestrator.flows.stand import Stand

PORTAL = "portal"
LONG = 600.0


def run(number: int = 1, *, state: str = "RUNNING", migration: str = "portal-1", key: str | None = None, since: float = LONG, **more) -> Run:
    values = {"name": "run", "system": PORTAL, "parent": "", "deployed": True, "starts": 1} | more
    return Run(id=UUID(int=number), state=state, migration=migration, key=key, since=since, **values)


def stand(**values) -> Stand:
    return Stand(**({"system": PORTAL, "migration": "portal-1", "key": "new", "quiet": LONG, "by_worker": True} | values))


ENDED = {"ended": True, "ending": "accepted", "live": "target"}
CASES = {
    "it works, and an engine lives": (run(), stand(alive=True), None),
    "it says Running and its engine is dead": (run(), stand(), Do.CRASH),
    "its engine has only just stopped": (run(), stand(quiet=3), None),
    "it was only just started": (run(since=3), stand(), None),
    "a run that has begun no migration yet is the worker's": (run(migration="", since=200), stand(migration=""), None),
    "it says Running for minutes and has begun nothing": (run(migration=""), stand(migration=""), Do.CRASH),
    "a worker took it a moment ago": (run(state="PENDING", migration="", since=60), stand(migration=""), None),
    "a worker took it and was never heard of again": (run(state="PENDING", migration=""), stand(migration=""), Do.CRASH),
    "a worker took it, and its migration has ended": (run(state="PENDING"), stand(**ENDED), Do.CLOSE),
    "its worker could not start it": (run(state="CRASHED", migration="", starts=0), stand(migration=""), Do.RESTART),
    "its worker could not start it, for an hour": (run(state="CRASHED", migration="", starts=0, age=4000), stand(migration=""), None),
    "its controller was lost": (run(state="CRASHED", since=0, lost=True), stand(), Do.RESTART),
    "it says Running and its migration has ended": (run(), stand(**ENDED), Do.CLOSE),
    "it is cancelled in Prefect and its engine is dead": (run(state="CANCELLING"), stand(), Do.CRASH),
    "it crashed in a worker": (run(state="CRASHED"), stand(), Do.RESTART),
    "it crashed a moment ago": (run(state="CRASHED", since=5), stand(), None),
    "it crashed too often": (run(state="CRASHED", starts=RESTARTS), stand(), None),
    "it crashed, and a command took it up": (run(state="CRASHED"), stand(alive=True), None),
    "a command's run crashed: a person resumes it": (run(state="CRASHED", deployed=False), stand(), None),
    "it crashed and its migration has ended": (run(state="CRASHED"), stand(**ENDED), Do.CLOSE),
    "it waits and nothing is new": (run(state="PAUSED", key="old"), stand(key="old"), None),
    "it waits and somebody decided": (run(state="PAUSED", key="old"), stand(), Do.WAKE),
    "somebody suspended it in Prefect's pages": (run(state="PAUSED", key=None), stand(), None),
    "it waits, and a command works on it": (run(state="PAUSED", key="old"), stand(alive=True), None),
    "it waits, and a command brought it to its end": (run(state="PAUSED", key="old"), stand(**ENDED), Do.CLOSE),
    "it waits, and only a person leads out": (run(state="PAUSED", key="old"), stand(ending="needs_a_person"), Do.CLOSE),
    "it waits for another system and has begun nothing": (run(state="PAUSED", migration="", key="old"), stand(migration="", key="old"), None),
    "the other system has moved": (run(state="PAUSED", migration="", key="old"), stand(migration=""), Do.WAKE),
    "it is over": (run(state="COMPLETED"), stand(**ENDED), None),
    "a person cancelled it in Prefect's pages": (run(state="CANCELLED"), stand(), None),
}


@pytest.mark.parametrize("name", CASES)
def test_one_run_beside_the_journal(name):
    given, says, wanted = CASES[name]
    acts = decide([given], [], lambda *_: says)
    assert acts == ([] if wanted is None else [Act(wanted, PORTAL, given.id)])


def test_an_older_run_is_taken_over_by_the_newest_and_only_that_one_is_woken():
    newer, older = run(2, state="PAUSED", key="old"), run(1, state="PAUSED", key="old")
    assert decide([newer, older], [], lambda *_: stand()) == [
        Act(Do.WAKE, PORTAL, newer.id), Act(Do.TAKE_OVER, PORTAL, older.id, newer.id),
    ]  # fmt: skip


def test_a_crash_that_another_run_led_to_its_end_stays_one():
    ended, crashed = run(2, state="COMPLETED"), run(1, state="CRASHED")
    assert decide([ended, crashed], [], lambda *_: stand(**ENDED)) == []


def test_a_run_of_the_command_line_takes_no_workers_run_over():
    command, waits = run(2, deployed=False), run(1, state="PAUSED", key="old")
    assert decide([command, waits], [], lambda *_: stand(alive=True)) == []


def test_a_run_that_goes_back_takes_the_one_that_waits_not_over():
    back, waits = run(2, state="SCHEDULED", turns_back=True), run(1, state="PAUSED", key="new")
    assert decide([back, waits], [], lambda *_: stand()) == []
    assert decide([back, waits], [], lambda *_: stand(ended=True, ending="rolled_back_after_cutover")) == [
        Act(Do.CLOSE, PORTAL, back.id), Act(Do.CLOSE, PORTAL, waits.id),
    ]  # fmt: skip


def test_a_new_prefect_database_is_filled_from_the_journal():
    stands = [stand(), stand(system="register", migration="register-1", **ENDED)]
    assert decide([], stands, lambda *_: stand()) == [
        Act(Do.SHOW, PORTAL, migration="portal-1"), Act(Do.SHOW, "register", migration="register-1"),
    ]  # fmt: skip


def test_a_migration_that_a_waiting_run_will_take_up_needs_no_other_run():
    waits = run(state="SCHEDULED", migration="")
    assert decide([waits], [stand()], lambda *_: stand(key="x")) == []


def test_a_wave_is_over_when_the_newest_run_of_each_of_its_systems_is():
    parent = Run(UUID(int=9), "wave 1", "", "", "", "PAUSED", True, "", LONG, 1)
    over = run(1, state="FAILED", parent=str(parent.id))
    assert decide([parent, over], [], lambda *_: stand(ended=True, ending="refused")) == [
        Act(Do.FINISH, "", parent.id)
    ]
    again = run(2, state="PAUSED", key="new", parent=str(parent.id))
    assert decide([again, parent, over], [], lambda *_: stand()) == []


def test_only_our_own_pause_keys_are_known_again_and_none_is_ever_the_same():
    mine = stand(key="abcdef0123456789")
    assert known_key(pause_key(mine)) == "abcdef0123456789"
    assert pause_key(mine) != pause_key(mine)
    assert known_key("3f1c-some-uuid") is None
    assert known_key(None) is None
