"""The engine is killed at every step of every runbook, and each time somebody resumes: the migration still ends accepted, nothing lost."""

import contextlib
import sqlite3
import time
from collections.abc import Callable

import pytest

from orchestrator.embedded import citizens
from orchestrator.runbooks import RUNBOOKS
from tests.faults.conftest import PORTAL, REGISTER, Story

pytestmark = [pytest.mark.servers, pytest.mark.timeout(1200)]
INSURANCE, ARCHIVES = "social-insurance", "digital-archives"


def kill_when(story: Story, what: str, happened: Callable[[], bool]) -> None:
    """Kill the engine as soon as the journal shows it."""
    engine, until, seen = story.engines[-1], time.monotonic() + 120, -1
    story.session.journal.migrations(system=story.system)  # from here on there is one
    with contextlib.closing(sqlite3.connect(story.session.settings.state / "journal.sqlite")) as journal:
        while True:
            before, seen = seen, journal.execute("PRAGMA data_version").fetchone()[0]  # costs a hundredth of reading it
            if seen != before and story.session.journal.migrations(system=story.system) and happened():
                story.kill(engine)
                return
            assert engine.poll() is None, f"the engine ended with {engine.returncode} before {what}:\n{story.said()}"
            assert time.monotonic() < until, f"{what} did not come:\n{story.said()}"
            time.sleep(0.002)


def kill_when_begun(story: Story, step: str) -> str:
    """Kill the engine as soon as the journal shows this step begun; what the journal says of it then."""
    kill_when(story, step, lambda: (row := story.step(step)) is not None and row.state != "pending")
    return str(story.step(step).state)


@pytest.mark.parametrize(("system", "runbook"), [(REGISTER, "device_relocation"), (INSURANCE, "hosting"), (ARCHIVES, "onboarding")])
def test_killed_at_every_step_and_resumed_it_ends_accepted(city, begin, capsys, system, runbook):
    file = city.folder / "inventory" / "natural-resources.yaml"
    file.write_text(file.read_text("utf-8").replace("- citizen-portal", "").replace("depends_on:\n", "depends_on: []\n"), "utf-8")
    baseline = citizens.baseline(city, system) if system in citizens.KINDS else None  # a system without a source has no data yet
    story = begin(system)
    story.accepting = True
    story.start("migrate", "--system", system, "--direct", "--wait")
    found = {}
    for step in RUNBOOKS[runbook]:
        found[step.id] = kill_when_begun(story, step.id)
        story.start("resume", system, "--direct", "--wait")
    assert story.engines[-1].wait(120) == 0, story.said()
    assert (story.row.state, story.row.ending, story.row.live) == ("ended", "accepted", "target")
    assert story.session.journal.verify() == []
    inside = [name for name, state in found.items() if state == "running"]
    with capsys.disabled():
        print(f"\n  {system}: killed {len(found)} times, {len(inside)} of them inside a step")
    assert inside
    if baseline:
        verdict = story.judged(baseline, live="target")
        assert verdict.faults == [], verdict.details
        assert (verdict.lost, verdict.duplicated) == (0, 0)
        assert verdict.acknowledged > 100


def test_killed_while_the_rehearsals_copy_is_taken_away_it_goes_on(begin):
    """DROP DATABASE goes on in the server: whoever resumes sees the copy for a moment more, and must not try anything on it."""
    story = begin(PORTAL)
    story.accepting = True
    story.start("migrate", "--system", PORTAL, "--direct", "--wait")
    kill_when(story, "the end of the rehearsal", lambda: bool(story.session.journal.events(kind="rehearsed")))
    assert story.step("rehearse").state == "running"
    story.start("resume", PORTAL, "--direct", "--wait")
    assert story.engines[-1].wait(180) == 0, story.said()
    assert (story.row.ending, story.row.live) == ("accepted", "target")
    assert story.step("rehearse").facts["services"]
