"""status: who works on it, which side is live, what is found and owed, what to type; in one language; from the journal alone."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from orchestrator import texts
from orchestrator.cli.main import main
from orchestrator.errors import Finding
from orchestrator.journal.actors import Actor
from orchestrator.journal.decisions import Decisions
from orchestrator.journal.notes import Notes
from orchestrator.journal.standbys import standing_by
from orchestrator.journal.states import Ending, MigrationState, StepState
from orchestrator.journal.store import Journal

LI, CHEN = Actor("os", "li"), Actor("os", "chen")
STEPS = [("preflight", "read_only"), ("replicate", "reversible"), ("approve_cutover", "read_only"), ("trial_run", "read_only")]


class Told:
    """A journal in the working folder, and what `status` says of it."""

    def __init__(self, folder: Path, capsys) -> None:
        self.journal = Journal(f"sqlite:///{folder / '.orchestrator' / 'journal.sqlite'}")
        self.ident = self.journal.start_migration(
            system="portal",
            strategy="cloud_deployment",
            runbook="cloud_deployment",
            plan_digest="d" * 64,
            requested_by="os:li",
            steps=STEPS,
        )
        self.lease = self.journal.acquire(self.ident, holder="os:li here:1")
        self._capsys = capsys

    def step(self, name: str, *states: StepState, **more) -> None:
        for state in states:
            self.journal.set_step(self.lease, "cloud_deployment", name, state, **(more if state is states[-1] else {}))

    def says(self, language: str = "en") -> str:
        self._capsys.readouterr()
        assert main(["status", "--lang", language]) == 0
        return self._capsys.readouterr().out

    def row(self) -> dict:
        self._capsys.readouterr()
        assert main(["status", "--json"]) == 0
        return json.loads(self._capsys.readouterr().out)[0]


@pytest.fixture
def told(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    yield Told(tmp_path, capsys)
    texts.use(None)


def test_whether_an_engine_lives_is_asked_of_the_machine(told):
    told.step("replicate", StepState.RUNNING)
    assert told.row()["engine"]["alive"] is True  # this very process
    assert "an engine works on it: os:li here:1" in told.says()
    assert told.row()["next"] == []
    told.journal.release(told.lease)
    assert told.row()["engine"]["alive"] is False
    assert "no engine works on it: `orchestrator resume portal` goes on" in told.says()
    assert told.row()["next"] == ["orchestrator resume portal"]


def test_an_engine_that_waits_at_a_gate_is_named_with_the_decision_it_waits_for(told):
    """It said "no engine works on it: `orchestrator resume`" while `migrate --wait` stood there."""
    told.step("approve_cutover", StepState.RUNNING, StepState.WAITING)
    Decisions(told.journal).open_gate(told.lease, "approve_cutover", "d" * 64)
    told.journal.release(told.lease)
    with standing_by(told.journal, told.ident, "os:li here:1"):
        said = told.says()
        assert "an engine stands by: os:li here:1 waits and goes on by itself" in said
        assert "waits for approval of the cutover of plan dddddddddddd" in said
        assert "orchestrator resume" not in said
        assert "引擎在等待：os:li here:1" in told.says("zh")
        assert told.row()["next"] == ["orchestrator approve portal --digest dddddddddddd"]
    assert told.row()["next"][-1] == "orchestrator resume portal"


def test_a_killed_engine_is_dead_although_nobody_gave_its_lease_back(told):
    script = "import sys; from orchestrator.journal.store import Journal; Journal(sys.argv[1]).acquire(sys.argv[2], holder='other')"
    told.journal.release(told.lease)
    subprocess.run([sys.executable, "-c", script, told.journal.url, told.ident], check=True, env=os.environ)
    assert told.row()["engine"]["alive"] is False


@pytest.mark.parametrize(("live", "words"), [("source", "live: the source (old room)"), ("target", "live: the target (cloud)")])
def test_which_side_is_live(told, live, words):
    told.journal.set_migration(told.lease, live=live)
    assert words in told.says()


def test_every_finding_with_its_object_and_remedy_also_after_the_end(told):
    found = [Finding("unlogged", "error", f"table {n} is unlogged", "make it logged", system="portal") for n in ("a", "b\x1b[2J")]
    told.step("preflight", StepState.RUNNING, StepState.FAILED, error={"what": "2 findings"}, findings=found)
    told.journal.set_migration(told.lease, state=MigrationState.UNDOING, why="2 findings")
    told.journal.set_migration(told.lease, state=MigrationState.ENDED, ending=Ending.ROLLED_BACK_BEFORE)
    said = told.says()
    assert "refused, and nothing was touched" in said
    assert "unlogged portal: table a is unlogged → make it logged" in said
    assert "b\ufffd[2J" in said
    row = told.row()
    assert (row["refused"], [f["message"] for f in row["findings"]]) == (True, ["table a is unlogged", "table b\x1b[2J is unlogged"])
    assert row["next"] == ["orchestrator migrate --system portal"]


def test_the_gate_that_waits_and_what_another_account_types(told):
    told.step("preflight", StepState.RUNNING, StepState.DONE)
    told.step("approve_cutover", StepState.RUNNING, StepState.WAITING)
    Decisions(told.journal).open_gate(told.lease, "approve_cutover", "d" * 64)
    said = told.says()
    assert "waits for approval of the cutover of plan dddddddddddd" in said
    assert "→ type: orchestrator approve portal --digest dddddddddddd" in said
    assert "等待批准切换" in told.says("zh")
    assert "approval" not in told.says("zh")


def test_while_it_goes_back_no_gate_waits_for_anybody(told):
    """It showed the final acceptance, which nobody could decide any more."""
    Decisions(told.journal).open_gate(told.lease, "final_acceptance", "d" * 64)
    told.journal.set_migration(told.lease, live="target")
    told.journal.set_migration(told.lease, state=MigrationState.GOING_BACK, why="the department asks (os:li)")
    told.journal.add_runbook(told.lease, "back", [("finish_arming", "read_only"), ("cutover_back", "reversible")])
    told.journal.set_step(told.lease, "back", "cutover_back", StepState.RUNNING)
    row = told.row()
    assert (row["waits_for"], row["step"], row["live"]) == ([], "cutover_back", "target")
    assert "why: the department asks" in told.says()


def test_alarms_stay_decisions_and_what_is_owed(told):
    notes = Notes(told.journal)
    notes.watch(told.lease, {"portal side": "portal: away", "portal lag": "portal: behind"})
    notes.watch(told.lease, {"portal side": "portal: away"})
    notes.owe(told.lease, "replicate", "copy: disk full", "free it")
    told.journal.set_flag(f"stay:{told.ident}", "until noon (os:chen)", actor="os:chen")
    Decisions(told.journal).declare_lost(told.ident, actor=CHEN, reason="burnt")
    said = told.says()
    assert "portal: away" in said
    assert "portal: behind" not in said
    assert "owed clean-up 1: copy: disk full → free it" in said
    assert "a person decided to stay: until noon (os:chen)" in said
    assert "os:chen says that the target is lost (burnt): another account confirms" in said


def test_needs_a_person_says_what_to_type(told):
    told.step("replicate", StepState.RUNNING, StepState.FAILED, error={"what": "disk full"})
    told.journal.set_migration(told.lease, ending=Ending.NEEDS_A_PERSON, why="disk full")
    told.journal.release(told.lease)
    assert told.row()["next"] == ["orchestrator resume portal", "orchestrator rollback portal --reason …"]
    assert "needs a person" in told.says()


def test_a_migration_that_was_followed_by_another_says_neither_what_to_type_nor_where_the_system_is(told):
    told.journal.set_migration(told.lease, state=MigrationState.UNDOING, why="not this week")
    told.journal.set_migration(told.lease, state=MigrationState.ENDED, ending=Ending.CANCELLED)
    told.journal.release(told.lease)
    assert told.row()["next"] == ["orchestrator migrate --system portal"]
    later = told.journal.start_migration(
        system="portal", strategy="cloud_deployment", runbook="cloud_deployment", plan_digest="d" * 64, requested_by="os:li", steps=STEPS
    )
    told.journal.set_migration(told.journal.acquire(later, holder="os:li here:1"), live="target")
    row = told.row()
    assert (row["followed_by"], row["next"]) == (later, [])
    said = told.says()
    assert f"followed by {later}" in said
    assert "orchestrator migrate" not in said
    assert "live: the source" not in said
    assert "live: the target" in said
