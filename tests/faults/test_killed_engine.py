"""One migration of the portal under load, killed again and again: the source is open again by itself, nothing is lost.

The tests tell one story in their order; each begins where the one before it ended.
"""

import os
import signal
import time

import psycopg
import pytest

from orchestrator.embedded import citizens, judge
from tests.faults.conftest import PORTAL, Story, wait_until

pytestmark = [pytest.mark.servers, pytest.mark.timeout(900)]
BUDGET = 1.0
"""The system's own: gap_ms of the inventory."""
GENEROUS = 60.0
"""What a busy test machine is given to show the same."""
RESUME = ("resume", PORTAL, "--direct")


@pytest.fixture(scope="module")
def baseline(city):
    return citizens.baseline(city, PORTAL)


@pytest.fixture(scope="module")
def story(begin, baseline) -> Story:
    assert baseline
    return begin(PORTAL)


def test_killed_while_it_copies_the_database_it_takes_it_up_and_finishes_the_copy(story):
    engine = story.start("migrate", "--system", PORTAL, "--direct", "--wait", fault_hold="close:3000")
    story.until_step("replicate")
    story.kill(engine)
    assert story.step("replicate").state == "running"
    story.write()
    story.start(*RESUME, "--wait", fault_hold="close:3000")
    story.until_step("replicate", "done")
    assert story.step("replicate").attempt == 2


def test_killed_inside_the_fence_the_source_is_open_again_within_the_budget(story, capsys):
    engine = story.engines[-1]
    story.until_closed(engine)
    assert not story.may_log_in()
    story.kill(engine)
    seconds = wait_until("the source is open again", story.source_is_open, GENEROUS, every=0.005)
    with capsys.disabled():
        print(f"\n  engine killed in the fence: source open again after {seconds * 1000:.0f} ms (budget {BUDGET * 1000:.0f} ms)")
    story.write()
    wait_until("the guard ended", story.guard_gone, 300)
    last = story.record("result")[-1]
    assert last["outcome"] == "aborted"
    assert last["reason"] == "the engine is gone" or "budget" in last["reason"]  # on a busy machine its own deadline may come first
    assert story.row.live == "source"


def test_when_guard_and_engine_die_together_nobody_opens_anything_until_resume_reads_the_control_rows(story):
    engine = story.start(*RESUME, "--wait", fault_hold="close:3000")
    story.until_closed(engine)
    os.kill(story.guard, signal.SIGKILL)
    story.kill(engine)
    time.sleep(1)
    assert not story.control()[0]
    story.session.journal.set_flag("hold", "the test looks", actor="os:test")
    assert story.run(*RESUME) == 6, story.said()
    assert story.source_is_open()
    assert story.control()[1].endswith("-settled")
    story.write()
    story.session.journal.set_flag("hold", "", actor="os:test")


def test_when_the_guard_dies_under_a_living_engine_the_engine_opens_the_source_at_once(story, capsys):
    engine = story.start(*RESUME, "--wait", fault_hold="close:3000")
    story.until_closed(engine)
    os.kill(story.guard, signal.SIGKILL)
    seconds = wait_until("the source is open again", story.source_is_open, GENEROUS, every=0.005)
    with capsys.disabled():
        print(f"\n  guard killed in the fence: source open again after {seconds * 1000:.0f} ms")
    assert engine.poll() is None
    story.kill(engine)
    wait_until("whatever guard there is has ended", story.guard_gone, 300)
    wait_until("the source is open", story.source_is_open, GENEROUS)
    story.write()


def test_a_fence_that_grows_too_long_is_given_up_with_the_source_open_and_the_slot_gone(story):
    engine = story.start(*RESUME, "--wait", fault_hold="prepare:1500")
    before = len(story.record("result"))
    story.until_guarded()
    wait_until("the reverse slot exists", story.slots, 300, every=0.005)
    wait_until("the attempt is over", lambda: len(story.record("result")) > before, 10)
    story.kill(engine)
    wait_until("whatever guard there is has ended", story.guard_gone, 300)
    result = story.record("result")[before]
    assert result["outcome"] == "aborted"
    assert "budget of 800 ms is used up" in result["reason"]
    assert story.slots() == []
    assert story.source_is_open()
    story.write()


def test_killed_while_the_pause_waits_for_an_open_transaction_the_clients_go_on_and_the_guard_ends(story):
    with psycopg.connect(citizens.pooled_dsn(story.city, PORTAL), prepare_threshold=None) as slow:
        slow.execute("UPDATE offices SET hours = hours WHERE id = 1")
        engine = story.start(*RESUME, "--wait")
        story.until_guarded()
        wait_until("clients are held", story.paused, 300, every=0.002)
        story.kill(engine)
        wait_until("nobody is held", lambda: not story.paused(), GENEROUS)
        wait_until("the guard ended", story.guard_gone, 300)
        assert story.source_is_open()
        story.write()
        slow.rollback()


def test_an_open_transaction_longer_than_the_budget_leaves_everybody_where_they_were_and_asks_a_person(story):
    before, closed = len(story.record("result")), len(story.record("closing"))
    with psycopg.connect(citizens.pooled_dsn(story.city, PORTAL), prepare_threshold=None) as slow:
        slow.execute("UPDATE offices SET hours = hours WHERE id = 1")
        assert story.run(*RESUME, "--wait") == 5, story.said()
        assert story.row.ending == "needs_a_person"
        assert "end what holds transactions open" in story.row.why
        results = story.record("result")[before:]
        assert [r["outcome"] for r in results] == ["aborted"] * 5
        assert len(story.record("closing")) == closed  # it was never closed: the pause did not come about
        assert story.source_is_open()
        assert story.slots() == []
        story.write()
        slow.rollback()


def test_the_transaction_over_it_switches_and_killed_in_the_trial_run_it_ends_accepted_with_nothing_lost(story, baseline, capsys):
    engine = story.start(*RESUME, "--wait")
    story.until_step("trial_run")
    assert story.row.live == "target"
    assert story.control("target")[0]
    assert not story.control("source")[0]
    story.write()
    story.kill(engine)
    story.write()
    story.accepting = True
    assert story.run(*RESUME, "--wait") == 0, story.said()
    assert (story.row.state, story.row.ending, story.row.live) == ("ended", "accepted", "target")
    verdict = story.judged(baseline, live="target")
    measured = [m for m in story.session.decisions.measurements(story.row.id) if m.kind == "cutover"]
    with capsys.disabled():
        print(
            f"\n  {verdict.acknowledged} acknowledged, {verdict.lost} lost, {verdict.duplicated} doubled, {verdict.failed} failed; cutover {measured[-1].longest_gap_ms} ms"
        )
    assert verdict.faults == [], verdict.details
    assert verdict.acknowledged > 500
    assert story.session.journal.verify() == []
    assert not measured[-1].breach
    switched = judge.cut_of(judge.read_ledger(story.out / f"{PORTAL}.jsonl"), {"start": measured[-1].started, "end": measured[-1].ended})
    assert switched.failed_requests == 0
