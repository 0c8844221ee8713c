"""`cancel` reaches a step that runs, within seconds, and what was done is undone: a playbook, a copy that waits for somebody's
transaction. Real steps on real servers; the source is as it was, and nobody's transaction was ended."""

import time

import psutil
import psycopg
import pytest

from orchestrator.embedded import citizens
from orchestrator.errors import Exit
from tests.faults.conftest import WEATHER, Story, wait_until

pytestmark = [pytest.mark.servers, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def story(begin) -> Story:
    return begin(WEATHER)


def cancel_and_see(story: Story, engine, step: str, capsys) -> None:
    """Cancels while the step runs. The answer comes with the turn round; the engine ends by itself, cancelled."""
    began = time.monotonic()
    assert story.run("cancel", WEATHER, "--reason", "not this week", "--direct", "--log", "lines", "--lang", "en", seconds=200) == 0, story.said()
    seconds = time.monotonic() - began
    assert engine.wait(300) == 0, story.said()
    row = story.row
    assert (row.state, row.ending, row.live) == ("ended", "cancelled", "source")
    assert "not this week" in row.why
    with capsys.disabled():
        [said] = [line for line in story.said(80).splitlines() if "was left after" in line][-1:]
        print(f"\n  {step}: the command took {seconds:.1f} s with its own start; {said.split(WEATHER)[1].strip()}")
    states = {s.step: s.state for s in story.session.journal.steps(row.id)}
    assert states[step] in ("undone", "failed")
    assert set(states.values()) <= {"undone", "done", "failed", "pending"}
    assert story.session.notes.owed(row.id) == []


def nothing_of_ours(story: Story) -> None:
    with psycopg.connect(story.dsn("source")) as source:
        assert source.execute("SELECT count(*) FROM pg_replication_slots").fetchone() == (0,)
        assert source.execute("SELECT count(*) FROM pg_publication").fetchone() == (0,)
        assert source.execute("SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'orchestrator%'").fetchone() == (0,)


def test_a_playbook_that_runs_is_stopped_with_all_it_started(story, capsys):
    engine = story.start("migrate", "--system", WEATHER, "--direct", "--wait", "--log", "lines", "--lang", "en")
    story.until_step("prepare_hosts")

    def playbooks() -> list[psutil.Process]:
        return [p for p in psutil.Process(engine.pid).children(recursive=True) if "ansible-playbook" in " ".join(p.cmdline())]

    wait_until("the playbook runs", playbooks, 120, every=0.1)
    started = playbooks()
    cancel_and_see(story, engine, "prepare_hosts", capsys)
    assert [p for p in started if p.is_running() and p.status() != psutil.STATUS_ZOMBIE] == []
    nothing_of_ours(story)


def test_a_copy_that_waits_for_an_open_transaction_is_left_and_the_transaction_is_not_touched(story, capsys):
    with psycopg.connect(story.dsn("source")) as somebody:
        somebody.execute("CREATE TABLE IF NOT EXISTS of_somebody (n int PRIMARY KEY)")
        somebody.commit()
        somebody.execute("INSERT INTO of_somebody VALUES (1) ON CONFLICT (n) DO UPDATE SET n = 1")
        engine = story.start("migrate", "--system", WEATHER, "--direct", "--wait", "--log", "lines", "--lang", "en")
        story.until_step("replicate")
        time.sleep(5)  # well inside whatever it waits in
        assert story.step("replicate").state == "running", story.said()
        cancel_and_see(story, engine, "replicate", capsys)
        assert somebody.execute("SELECT n FROM of_somebody").fetchone() == (1,)
        somebody.execute("DROP TABLE of_somebody")
    nothing_of_ours(story)


def test_attempts_that_are_all_given_up_are_on_record_with_what_citizens_had_of_them(story):
    engine = story.start("migrate", "--system", WEATHER, "--direct", "--wait", "--log", "lines", "--lang", "en")
    story.until_step("cutover")
    with psycopg.connect(citizens.pooled_dsn(story.city, WEATHER), prepare_threshold=None) as somebody:
        somebody.execute("SELECT 1")
        assert engine.wait(200) == Exit.NEEDS_A_PERSON, story.said()
    [measured] = [each for each in story.session.decisions.measurements(story.row.id) if each.kind == "cutover"]
    assert (measured.direction, measured.detail["attempts"], measured.detail["switched_at"]) == ("forward", 5, None)
    assert len(measured.detail["aborted"]) == 5
    assert measured.requests > 100
    assert (measured.failed_requests, story.row.live) == (0, "source")
    going_back = story.start("rollback", WEATHER, "--reason", "another week", "--direct")
    wait_until("it goes back", lambda: story.row.state == "undoing", 60)
    story.kill(going_back)
    assert story.run("resume", WEATHER, "--direct") == 0, story.said()  # it was asked for: done
    assert story.row.ending == "rolled_back_before_cutover"
    nothing_of_ours(story)
