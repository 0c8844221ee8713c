"""Cancel and rollback: asked for in the journal, done here when nobody works on the migration, else followed until it obeys."""

from __future__ import annotations

import time
from typing import Any

from orchestrator import texts
from orchestrator.errors import Exit, LeaseHeld
from orchestrator.flows.drive import Drive
from orchestrator.journal.standing import engine
from orchestrator.journal.states import MigrationState, StepState
from orchestrator.steps.base import Step

OBEYED_SECONDS = 30.0
"""How long the command waits for the engine that works on it to turn round."""


def turn_back(drive: Drive, migration: str, system: str, reason: str, *, cancelled: bool) -> int:
    """Returns 0 when it went back or the engine that works on it turned round, 6 when that engine is still in its step."""
    session = drive.session
    session.ask_to_turn_back(migration, reason, cancelled=cancelled)
    if engine(session.journal, migration)["alive"]:  # seen ahead: the answer does not wait for all that a run loads
        return int(_told(drive, migration, system))
    try:
        outcome = drive.run(migration, system)
    except LeaseHeld:
        return int(_told(drive, migration, system))
    return int(as_asked(drive.report(migration, system, outcome)))


def as_asked(code: Exit) -> Exit:
    """The exit code of a run that a person had asked to go back: that it went back is what was wanted."""
    return Exit.DONE if code in (Exit.ROLLED_BACK, Exit.REFUSED) else code


def _told(drive: Drive, migration: str, system: str) -> Exit:
    """Another process works on it. Says what it will do, and watches it begin."""
    journal, began = drive.session.journal, time.monotonic()
    lease = journal.lease_holder(migration)
    running = _running(drive, migration)
    drive.observer.said(system, _what_will_happen(drive, system, running, str(lease.holder)))
    while time.monotonic() - began < OBEYED_SECONDS and not drive.stop.is_set():
        if journal.migration(migration).state != MigrationState.FORWARD:
            seconds = f"{time.monotonic() - began:.1f}"
            if running is None:
                drive.observer.said(system, texts.text("turn.turned", seconds=seconds))
            else:
                drive.observer.said(system, texts.text("turn.obeyed", step=running.title, seconds=seconds))
            return Exit.DONE
        time.sleep(0.2)
    now = _running(drive, migration)
    still = {"step": _title(now), "holder": lease.holder, "seconds": round(time.monotonic() - began)}
    drive.observer.said(system, texts.text("turn.still", **still))
    return Exit.WAITING


def _what_will_happen(drive: Drive, system: str, running: Step | None, holder: str) -> str:
    if running is None:
        return texts.text("turn.told_between", holder=holder)
    if running.can_be_left:
        return texts.text("turn.told", holder=holder, step=running.title)
    from orchestrator.steps.cutover import TRIES

    interruption = drive.session.system(system).interruption
    budget = interruption.gap_ms if interruption else 1000
    return texts.text("turn.switching", holder=holder, budget=budget, tries=TRIES)


def _running(drive: Drive, migration: str) -> Step | None:
    """The step that runs now, by the journal."""
    from orchestrator.runbooks import GOING_BACK, RUNBOOKS

    row: Any = drive.session.journal.migration(migration)
    known = {step.id: step for step in (*RUNBOOKS[row.runbook], *GOING_BACK.get(row.runbook, ()))}
    for step in drive.session.journal.steps(migration):
        if step.state in (StepState.RUNNING, StepState.UNDOING) and step.step in known:
            return known[step.step]
    return None


def _title(step: Step | None) -> str:
    return step.title if step is not None else "-"
