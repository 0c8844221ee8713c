"""Going back after the switch keeps what was written on the cloud: by command, in the middle of the trial run, engine killed or not."""

import time
from datetime import datetime

import psycopg
import pytest

from orchestrator.embedded import citizens, judge
from tests.faults.conftest import WEATHER, Story

pytestmark = [pytest.mark.servers, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def baseline(city):
    return citizens.baseline(city, WEATHER)


@pytest.fixture(scope="module")
def story(begin, baseline) -> Story:
    assert baseline
    return begin(WEATHER)


def test_a_rollback_by_command_during_the_trial_run_loses_nothing(story, baseline, capsys):
    engine = story.until_trial_run()
    story.write()
    time.sleep(1)
    assert story.run("rollback", WEATHER, "--reason", "the department asks", "--direct", seconds=200) == 0, story.said()
    assert engine.wait(200) == 4, story.said()
    assert (story.row.state, story.row.ending, story.row.live) == ("ended", "rolled_back_after_cutover", "source")
    assert "the department asks" in story.row.why
    story.write()
    with psycopg.connect(story.dsn("source")) as connection:
        assert connection.execute("SELECT count(*) FROM pg_namespace WHERE nspname ~ '^orchestrator'").fetchone() == (0,)
        assert connection.execute("SELECT count(*) FROM pg_replication_slots").fetchone() == (0,)
        assert connection.execute("SELECT count(*) FROM pg_publication").fetchone() == (0,)
    verdict = story.judged(baseline, live="source")
    forward, back = (m for m in story.session.decisions.measurements(story.row.id) if m.kind == "cutover")
    live = [
        e
        for e in judge.requests_of(judge.read_ledger(story.out / f"{WEATHER}.jsonl"))
        if e["o"] == "ok" and forward.ended < e["t0"] < back.started
    ]
    with capsys.disabled():
        print(
            f"\n  {verdict.acknowledged} acknowledged, {len(live)} of them on the cloud, {verdict.lost} lost, {verdict.duplicated} doubled, {verdict.failed} failed;"
            f" forward {forward.longest_gap_ms} ms, back {back.longest_gap_ms} ms"
        )
    assert verdict.faults == [], verdict.details
    assert (verdict.lost, verdict.duplicated, verdict.failed) == (0, 0, 0)
    assert len(live) > 50
    assert (forward.direction, back.direction) == ("forward", "back")
    assert datetime.fromisoformat(story.row.ended).timestamp() > back.ended
