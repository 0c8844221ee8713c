"""`migrate --wait` at a gate: others see who waits, may work on the migration meanwhile, and are waited for."""

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator.engine.observer import Silent
from orchestrator.engine.runner import Outcome
from orchestrator.engine.session import Session
from orchestrator.errors import Exit
from orchestrator.flows.drive import Drive
from orchestrator.journal.actors import Actor
from orchestrator.journal.decisions import Decisions
from orchestrator.journal.standing import describe
from orchestrator.journal.states import Ending, MigrationState, StepState
from orchestrator.journal.store import Journal

GATE = "approve_cutover"
CHEN = Actor("os", "chen")
HOLDER = """
import sys
from orchestrator.journal.store import Journal
lease = Journal(sys.argv[1]).acquire(sys.argv[2], holder="os:wang elsewhere:9")
print(lease.token, flush=True)
sys.stdin.read()
"""


class AtAGate:
    """A session whose only system waits for the approval of its cutover, and has moved once that is given."""

    waits_for_people = Session.waits_for_people
    decided_meanwhile = Session.decided_meanwhile
    holder = "os:li here:7"

    def __init__(self, folder: Path) -> None:
        self.journal = Journal(f"sqlite:///{folder / 'journal.sqlite'}")
        self.decisions = Decisions(self.journal)
        self.migration = self.journal.start_migration(
            system="portal", strategy="cloud_deployment", runbook="cloud_deployment", plan_digest="d" * 64, requested_by="os:li",
            steps=[(GATE, "read_only")],
        )  # fmt: skip
        self.verdicts: dict[str, object] = {}
        self.runs = 0

    def run(self, migration: str, **_: object) -> Outcome:
        lease = self.journal.acquire(migration, holder=self.holder)
        try:
            self.runs += 1
            if self.journal.step(migration, "cloud_deployment", GATE).state == "pending":
                self.journal.set_step(lease, "cloud_deployment", GATE, StepState.RUNNING)
                self.journal.set_step(lease, "cloud_deployment", GATE, StepState.WAITING)
                self.decisions.open_gate(lease, GATE, "d" * 64)
            if self.waits_for_people(migration):
                return Outcome(None, waiting="waits for approval")
            self.journal.set_migration(lease, state=MigrationState.ENDED, ending=Ending.ACCEPTED)
            return Outcome(Ending.ACCEPTED)
        finally:
            self.journal.release(lease)

    def row(self) -> dict:
        return describe(self.journal, self.journal.migration(self.migration))

    def until(self, what: str, done) -> None:
        until = time.monotonic() + 60
        while not done():
            assert time.monotonic() < until, f"still not: {what}"
            time.sleep(0.02)


@pytest.fixture
def waits(tmp_path: Path) -> AtAGate:
    return AtAGate(tmp_path)


@pytest.fixture
def drive(waits: AtAGate) -> Iterator[Drive]:
    """One that stands at the gate, in a thread of its own."""
    drive = Drive(waits, Silent(), wait=True, direct=True)  # type: ignore[arg-type]
    thread = threading.Thread(target=drive._one, args=("portal", waits.migration, ["portal"]), daemon=True)
    thread.start()
    waits.until("it stands by", lambda: waits.row()["standing_by"])
    yield drive
    drive.stop.set()
    thread.join(60)
    assert not thread.is_alive()


def test_who_waits_at_a_gate_is_told_and_nobody_need_resume(waits, drive):
    row = waits.row()
    assert (row["engine"]["alive"], [standby["holder"] for standby in row["standing_by"]]) == (False, ["os:li here:7"])
    assert row["next"] == [f"orchestrator approve portal --digest {'d' * 12}"]
    waits.decisions.decide_gate(waits.migration, GATE, approve=True, actor=CHEN, digest="d" * 64)
    waits.until("it has ended", lambda: drive.codes)
    assert drive.codes == {"portal": Exit.DONE}
    assert waits.row()["standing_by"] == []


def test_one_that_was_stopped_stands_by_no_more(waits, drive):
    drive.stop.set()
    waits.until("it left", lambda: drive.codes)
    row = waits.row()
    assert (drive.codes["portal"], row["standing_by"]) == (Exit.WAITING, [])
    assert "orchestrator resume portal" in row["next"]


def test_who_takes_the_migration_up_meanwhile_is_waited_for(waits, drive):
    """It ended with "is held by", as if nobody had waited: a `rollback` from another terminal, a `resume` after the approval."""
    other = subprocess.Popen(
        [sys.executable, "-c", HOLDER, waits.journal.url, waits.migration], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert other.stdout is not None
    assert other.stdout.readline() == "2\n"
    waits.decisions.decide_gate(waits.migration, GATE, approve=True, actor=CHEN, digest="d" * 64)
    time.sleep(1.5)  # three looks
    assert (waits.runs, drive.codes) == (1, {})
    other.communicate("")
    waits.until("it went on", lambda: drive.codes)
    assert drive.codes == {"portal": Exit.DONE}
