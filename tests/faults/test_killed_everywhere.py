"""The engine is killed at every step of every runbook, and each time somebody resumes: the migration still ends accepted, nothing lost."""

import contextlib
import sqlite3
import time

import pytest

from orchestrator.embedded import citizens
from orchestrator.runbooks import RUNBOOKS
from tests.faults.conftest import REGISTER, Story

pytestmark = [pytest.mark.servers, pytest.mark.timeout(1200)]
INSURANCE, ARCHIVES = "social-insurance", "digital-archives"


def kill_when_begun(story: Story, step: str) -> str:
    """Kill the engine as soon as the journal shows this step begun; what the journal says of it then."""
    engine, until, seen = story.engines[-1], time.monotonic() + 120, -1
    story.session.journal.migrations(system=story.system)  # from here on there is one
    with contextlib.closing(sqlite3.connect(story.session.settings.state / "journal.sqlite")) as journal:
        while True:
            before, seen = seen, journal.execute("PRAGMA data_version").fetchone()[0]  # costs a hundredth of reading it
            row = story.step(step) if seen != before and story.session.journal.migrations(system=story.system) else None
            if row is not None and row.state != "pending":
                story.kill(engine)
                return str(story.step(step).state)
            assert engine.poll() is None, f"the engine ended with {engine.returncode} before {step}:\n{story.said()}"
            assert time.monotonic() < until, f"{step} did not begin:\n{story.said()}"
            time.sleep(0.002)


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
