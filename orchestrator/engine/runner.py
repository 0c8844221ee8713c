"""Runs a migration's runbook step by step, and finds its way forward or back after anything.

Intent is committed before a step touches the world; after it the world is observed. What is found RUNNING or UNDOING
on start is unknown: former processes are proved dead first, the world is observed, then the runner chooses.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from orchestrator.engine.journal import Journal, Lease
from orchestrator.engine.states import Ending, MigrationState, StepState
from orchestrator.errors import NeedsPerson, OrchestratorError, StaleLease, StepFailed, Waiting
from orchestrator.runbooks import GOING_BACK, RUNBOOKS
from orchestrator.steps import cutover
from orchestrator.steps.base import Context, Facts, Observed, Step
from orchestrator.tools.process import ProcessRecord, end, still_alive

Invoke = Callable[[Step, Callable[[], Facts]], Facts]


def directly(_step: Step, act: Callable[[], Facts]) -> Facts:
    """Runs a step in this thread; a flow passes its own way of running tasks."""
    return act()


Stopping = Callable[[], bool]


def never() -> bool:
    """Nobody interrupts."""
    return False


@dataclass(frozen=True)
class Outcome:
    """How far a run came: an ending, or what it waits for."""

    ending: Ending | None
    waiting: str = ""
    why: str = ""


class Runner:
    """One migration in the hands of one process that holds its lease."""

    def __init__(self, journal: Journal, lease: Lease, context: Context, *, invoke: Invoke = directly, stopping: Stopping = never) -> None:
        self._journal = journal
        self._lease = lease
        self._context = context
        self._invoke = invoke
        self._stopping = stopping

    # ------------------------------------------------------------ the story

    def run(self) -> Outcome:
        """Forward as far as it goes; on failure back; never raises for what a step did."""
        try:
            row = self._migration()
            if row.state == MigrationState.ENDED:
                return Outcome(Ending(row.ending), why=row.why or "")
            self._prove_dead()
            self._load_facts()
            self._settle_switch()
            if self._migration().state == MigrationState.FORWARD:
                outcome = self._forward()
                if outcome is not None:
                    return outcome
            if self._migration().state == MigrationState.GOING_BACK:
                self._go_back()
            return self._undo_all()
        except StaleLease:
            raise
        except Waiting as waiting:
            return Outcome(None, waiting=waiting.what)
        except NeedsPerson as error:
            self._journal.set_migration(self._lease, ending=Ending.NEEDS_A_PERSON, why=str(error))
            return Outcome(Ending.NEEDS_A_PERSON, why=str(error))

    def _forward(self) -> Outcome | None:
        for step in self._runbook():
            if self._asked_to_turn_back():
                return None
            if self._stopping():
                raise Waiting("interrupted between two steps", where=self._lease.migration, remedy="`orchestrator resume` goes on")
            try:
                self._advance(step, self._migration().runbook)
            except (Waiting, NeedsPerson, StaleLease):
                raise
            except OrchestratorError as error:
                return self._turn_back(step, error)
        self._journal.set_migration(self._lease, state=MigrationState.ENDED, ending=Ending.ACCEPTED)
        return Outcome(Ending.ACCEPTED)

    def _turn_back(self, step: Step, error: OrchestratorError) -> Outcome | None:
        """A step failed for good: before the switch undo, after it go back. Once the source was given up: a person."""
        row = self._migration()
        why = f"{step.en}: {error}"
        if any(s.effect == "one_way" and s.state in (StepState.RUNNING, StepState.FAILED, StepState.DONE) for s in self._rows()):
            raise NeedsPerson(why, where=row.id, remedy="it is past the point of no return: mend the cause and `orchestrator resume`")
        self._context.say(f"failed, going back: {why}")
        state = MigrationState.GOING_BACK if row.live == "target" else MigrationState.UNDOING
        self._journal.set_migration(self._lease, state=state, why=why)
        return None

    def turn_back(self, why: str, *, cancelled: bool = False) -> None:
        """A person's rollback or cancel: the next ``run`` goes back. Refuses after final acceptance (ENDED)."""
        row = self._migration()
        if row.state == MigrationState.FORWARD:
            state = MigrationState.GOING_BACK if row.live == "target" else MigrationState.UNDOING
            self._journal.set_migration(self._lease, state=state, why=("cancelled: " if cancelled else "") + why)

    def _asked_to_turn_back(self) -> bool:
        """A person asked for it while this process worked: seen before every step, and by the trial run."""
        asked = self._journal.flag(f"turn_back:{self._lease.migration}")
        if asked is None or self._migration().state != MigrationState.FORWARD:
            return False
        self._context.say(f"asked to go back: {asked.value}")
        self.turn_back(asked.value.removeprefix("cancelled: "), cancelled=asked.value.startswith("cancelled: "))
        return True

    # ------------------------------------------------------------ one step

    def _advance(self, step: Step, runbook: str) -> None:
        """Brings one step to DONE. Raises what it raised once the journal says FAILED, or Waiting."""
        row = self._journal.step(self._lease.migration, runbook, step.id)
        if row.state == StepState.DONE:
            return
        if row.state == StepState.RUNNING and not self._recover(step, runbook):
            return
        self._journal.set_step(self._lease, runbook, step.id, StepState.RUNNING)
        self._context.say(step.en)
        try:
            facts = self._invoke(step, lambda: step.run(self._context))
            self._verify(step)
        except Waiting:
            self._journal.set_step(self._lease, runbook, step.id, StepState.WAITING)
            raise
        except StaleLease:
            raise
        except OrchestratorError as error:
            self._journal.set_step(self._lease, runbook, step.id, StepState.FAILED, error=_describe(error))
            raise
        except Exception as error:
            self._journal.set_step(self._lease, runbook, step.id, StepState.FAILED, error={"what": f"{error.__class__.__name__}: {error}"})
            raise StepFailed(
                f"{error.__class__.__name__}: {error}".strip(),
                where=step.id,
                remedy="`orchestrator status` shows the step; mend the cause and migrate again",
            ) from error
        self._finish(step, runbook, facts)

    def _finish(self, step: Step, runbook: str, facts: Facts) -> None:
        if step.switches:
            self._journal.set_migration(self._lease, live=step.switches)
        self._context.facts[step.id] = facts
        self._journal.set_step(self._lease, runbook, step.id, StepState.DONE, facts=facts)

    def _verify(self, step: Step) -> None:
        seen = step.observe(self._context)
        if seen is not Observed.DONE:
            raise StepFailed(
                f"it ran, but the world shows it {seen.replace('_', ' ')}",
                where=step.id,
                remedy="look at the system's hosts, then migrate again",
            )

    def _verify_undone(self, step: Step) -> None:
        if step.observe(self._context) is Observed.DONE:
            raise StepFailed("it was undone, but the world still shows it done", where=step.id, remedy="look at the hosts, then resume")

    def _recover(self, step: Step, runbook: str) -> bool:
        """A step found RUNNING: its process is dead, so the world decides. False: it is done after all."""
        self._context.say(f"found interrupted: {step.en}; looking at what it left")
        facts = self._context.facts.get(step.id)
        if facts is not None and step.observe(self._context) is Observed.DONE:
            self._finish(step, runbook, facts)
            return False
        self._journal.set_step(self._lease, runbook, step.id, StepState.FAILED, error={"what": "interrupted; it is run again"})
        return True

    # ------------------------------------------------------------ back

    def _go_back(self) -> None:
        """The runbook that goes back after the switch; failing there needs a person, since both ways are then in doubt."""
        runbook = GOING_BACK.get(self._migration().runbook, ())
        self._journal.add_runbook(self._lease, "back", [(s.id, s.effect) for s in runbook])
        for step in runbook:
            try:
                self._advance(step, "back")
            except (Waiting, NeedsPerson, StaleLease):
                raise
            except OrchestratorError as error:
                raise NeedsPerson(
                    f"going back failed at “{step.en}”: {error}",
                    where=self._lease.migration,
                    remedy="citizens are served by the side shown as live; mend the cause and `orchestrator resume`",
                ) from error
        self._journal.set_migration(self._lease, state=MigrationState.UNDOING)

    def _undo_all(self) -> Outcome:
        """Undoes what is owed, last first; the list comes from the journal. The first failure stops and needs a person."""
        row = self._migration()
        by_id = {s.id: s for s in self._runbook()}
        for owed in reversed(self._rows()):
            step = by_id.get(owed.step)
            if step is None or step.undo is None or owed.state in (StepState.PENDING, StepState.UNDONE):
                continue
            self._undo(step, owed)
        went_back = any(
            (e.payload or {}).get("state") == MigrationState.GOING_BACK for e in self._journal.events(kind="migration", migration=row.id)
        )
        ending = (
            Ending.ROLLED_BACK_AFTER
            if went_back
            else Ending.CANCELLED
            if (row.why or "").startswith("cancelled: ")
            else Ending.ROLLED_BACK_BEFORE
        )
        self._journal.set_migration(self._lease, state=MigrationState.ENDED, ending=ending, live="source")
        return Outcome(ending, why=row.why or "")

    def _undo(self, step: Step, owed: Any) -> None:
        assert step.undo is not None  # noqa: S101 - the caller looked
        state = StepState(owed.state)
        if state is StepState.RUNNING:
            self._journal.set_step(self._lease, owed.runbook, step.id, StepState.FAILED, error={"what": "interrupted; it is undone"})
        if state is not StepState.UNDOING:
            self._journal.set_step(self._lease, owed.runbook, step.id, StepState.UNDOING)
        self._context.say(f"undo: {step.en}")
        undo = step.undo
        try:
            self._invoke(step, lambda: undo(self._context) or {})
            self._verify_undone(step)
        except (StaleLease, Waiting):  # a person carries something back: the undoing goes on when it is done
            raise
        except Exception as error:
            self._journal.set_step(self._lease, owed.runbook, step.id, StepState.UNDO_FAILED, error={"what": str(error)})
            raise NeedsPerson(
                f"undoing “{step.en}” failed: {error}",
                where=self._lease.migration,
                remedy="mend the cause and `orchestrator resume`; nothing is skipped",
            ) from error
        self._journal.set_step(self._lease, owed.runbook, step.id, StepState.UNDONE)

    # ------------------------------------------------------------ on start

    def _prove_dead(self) -> None:
        """Ends what a former run of this migration left alive, on this host; elsewhere it needs a person."""
        for row in self._journal.processes(self._lease.migration):
            record = ProcessRecord(row.pid, row.started, row.boot, row.label, row.mark)
            if row.host == socket.gethostname() and still_alive(record):
                self._context.say(f"ending {row.label} (pid {row.pid}), left by a former run")
                end(record)  # raises when it does not end

    def _load_facts(self) -> None:
        for row in self._journal.steps(self._lease.migration):
            if row.facts:
                self._context.facts[row.step] = dict(row.facts)

    def _settle_switch(self) -> None:
        """Where an interrupted switch is concerned, the control rows decide which side is live, before anything else."""
        for row in self._journal.steps(self._lease.migration):
            if row.state != StepState.RUNNING:
                continue
            step = next((s for s in (cutover.FORWARD, cutover.BACK) if s.id == row.step), None)
            if step is None:
                continue
            facts = cutover.settle(self._context, "forward" if step.switches == "target" else "back")
            if facts is not None:
                self._finish(step, row.runbook, facts)
            else:
                self._journal.set_step(self._lease, row.runbook, step.id, StepState.FAILED, error={"what": "interrupted before the switch"})

    # ------------------------------------------------------------ helpers

    def _migration(self) -> Any:
        return self._journal.migration(self._lease.migration)

    def _runbook(self) -> tuple[Step, ...]:
        return RUNBOOKS[self._migration().runbook]

    def _rows(self) -> list[Any]:
        return self._journal.steps(self._lease.migration, self._migration().runbook)


def _describe(error: OrchestratorError) -> dict[str, Any]:
    return {"what": error.what, "where": error.where, "remedy": error.remedy, "retryable": error.retryable}
