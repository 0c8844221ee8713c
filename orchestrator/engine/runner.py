"""Runs a migration's runbook step by step, and finds its way forward or back after anything.

Intent is committed before a step touches the world; after it the world is observed. What is found RUNNING or UNDOING
on start is unknown: former processes are proved dead first, the world is observed, then the runner chooses.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from orchestrator import texts
from orchestrator.engine.interruption import Interruption
from orchestrator.engine.observer import Observer, Silent
from orchestrator.engine.records import WITNESS
from orchestrator.errors import Finding, NeedsPerson, OrchestratorError, StaleLease, StepFailed, ToolError, TurnedBack, Waiting, words_of
from orchestrator.journal.decisions import Decisions
from orchestrator.journal.notes import Notes
from orchestrator.journal.states import Ending, MigrationState, StepState
from orchestrator.journal.store import Journal, Lease
from orchestrator.runbooks import GOING_BACK, GOING_BACK_ALONE, RUNBOOKS, STANDS_NOWHERE
from orchestrator.steps.base import Context, Facts, Observed, Step
from orchestrator.texts import Name, Value, Words, kept, packed, row_words, say
from orchestrator.tools.process import ProcessRecord, end, still_alive

Invoke = Callable[[Step, Callable[[], Facts]], Facts]


def directly(_step: Step, act: Callable[[], Facts]) -> Facts:
    """Runs a step in this thread; a flow passes its own way of running tasks."""
    return act()


CLEAN_UP = say("engine.clean_up")
REMOVE_IT = say("engine.remove_it")
SEEN = {
    Observed.DONE: Name("已完成", "done"),
    Observed.UNCLEAR: Name("只完成了一部分", "unclear"),
    Observed.NOT_DONE: Name("没有完成", "not done"),
    Observed.NOTHING: Name("无可查看", "nothing"),
}
"""What the world shows of a step, in words."""

ALONE = "back_alone"
"""What the way back without the target is called in the journal."""

CANCELLED = "cancelled: "
"""How a wish to turn back begins that gives the migration up."""

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
    untouched: bool = False
    """It ended before anything was touched: a refusal, not a roll-back."""


class Runner:
    """One migration in the hands of one process that holds its lease."""

    def __init__(
        self, journal: Journal, lease: Lease, context: Context, observer: Observer | None = None, *, invoke: Invoke = directly, stopping: Stopping = never,
        lost: Stopping = never,
        runbooks: Mapping[str, tuple[Step, ...]] = RUNBOOKS, going_back: Mapping[str, tuple[Step, ...]] = GOING_BACK,
        going_back_alone: Mapping[str, tuple[Step, ...]] = GOING_BACK_ALONE,
    ) -> None:  # fmt: skip
        self._journal = journal
        self._lease = lease
        self._context = context
        self._invoke = invoke
        self._stopping = stopping
        self._lost = lost
        self._runbooks = runbooks
        self._going_back = going_back
        self._going_back_alone = going_back_alone
        self._observer: Observer = observer or Silent()
        self._system = str(journal.migration(lease.migration).system)
        self._notes = Notes(journal)
        self._decisions = Decisions(journal)
        self._interruption = Interruption(self._turn_back_waits, *context.interruptible)
        context.should_stop = self._interruption.should_stop

    # ------------------------------------------------------------ the story

    def run(self) -> Outcome:
        """Forward as far as it goes; on failure back; never raises for what a step did."""
        try:
            row = self._migration()
            if row.state == MigrationState.ENDED:
                return Outcome(Ending(row.ending), why=row.why or "")
            self._prove_dead(witnesses=False)
            self._load_facts()
            self._settle_switch()
            self._prove_dead(witnesses=True)  # only now is what they measured on record
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
            self._journal.set_migration(self._lease, ending=Ending.NEEDS_A_PERSON, why=words_of(error))
            return Outcome(Ending.NEEDS_A_PERSON, why=str(error))

    def _forward(self) -> Outcome | None:
        for step in self._runbook():
            if self._asked_to_turn_back():
                return None
            if self._stopping():
                raise Waiting(say("engine.interrupted"), where=self._lease.migration, remedy=say("engine.resume_goes_on"))
            try:
                self._advance(step, self._migration().runbook)
            except (Waiting, NeedsPerson, StaleLease):
                raise
            except OrchestratorError as error:
                if isinstance(error, TurnedBack) and self._asked_to_turn_back():
                    return None
                return self._turn_back(step, error)
        # what was accepted runs on the cloud, unless it was ended; without a source no step switched anything
        live = "nowhere" if self._migration().runbook in STANDS_NOWHERE else "target"
        self._journal.set_migration(self._lease, state=MigrationState.ENDED, ending=Ending.ACCEPTED, live=live)
        return Outcome(Ending.ACCEPTED)

    def _turn_back(self, step: Step, error: OrchestratorError) -> Outcome | None:
        """A step failed for good: before the switch undo, after it go back. Once the source was given up: a person."""
        row = self._migration()
        why = say("engine.at_step", step=_named(step), error=words_of(error))
        if self._journal.past_return(row.id):
            raise NeedsPerson(why, where=row.id, remedy=say("engine.past_return"))
        self._context.say(texts.text("say.failed_back", why=why))
        state = MigrationState.GOING_BACK if row.live == "target" else MigrationState.UNDOING
        self._journal.set_migration(self._lease, state=state, why=why)
        return None

    def _turn_back_waits(self) -> bool:
        """Whether a person asked, and there is a step that goes forward and may be left for it; or the lease is lost, so that another
        controller may begin at any moment."""
        if self._lost():
            return True
        if self._journal.flag(f"turn_back:{self._lease.migration}") is None:
            return False
        row = self._migration()
        return row.state == MigrationState.FORWARD and not self._journal.past_return(row.id)

    def _asked_to_turn_back(self) -> bool:
        """A person's rollback or cancel: seen before every step, and by the trial run. Only here, once an interrupted switch
        is settled, is it known which side is live, and so which way back is the right one."""
        asked = self._journal.flag(f"turn_back:{self._lease.migration}")
        if asked is None:
            return False
        row = self._migration()
        if self._journal.past_return(row.id):
            self._context.say(texts.text("say.asked_past"))
            return False
        self._context.say(texts.text("say.asked", why=asked.value))
        state = MigrationState.GOING_BACK if row.live == "target" else MigrationState.UNDOING
        self._journal.set_migration(self._lease, state=state, why=asked.value)
        return True

    # ------------------------------------------------------------ one step

    def _advance(self, step: Step, runbook: str) -> None:
        """Brings one step to DONE. Raises what it raised once the journal says FAILED, or Waiting."""
        row = self._journal.step(self._lease.migration, runbook, step.id)
        if row.state == StepState.DONE:
            return
        if row.state == StepState.RUNNING and not self._recover(step, runbook):
            return
        self._set(runbook, step.id, StepState.RUNNING)
        try:
            with self._interruption.over(step):
                facts = self._invoke(step, lambda: step.run(self._context))
                self._verify(step)
        except Waiting:
            self._set(runbook, step.id, StepState.WAITING)
            raise
        except StaleLease:
            raise
        except Exception as error:
            if self._lost():  # nothing more is written: whoever has the lease next finds it RUNNING, and looks at the world
                raise StaleLease(
                    say("engine.lease_lost", migration=self._lease.migration),
                    where=self._lease.migration,
                    remedy=say("engine.status_shows_holder"),
                ) from error
            if step.can_be_left and self._turn_back_waits():  # whatever it raised: it was told to stop
                left = TurnedBack(where=step.id)
                self._set(runbook, step.id, StepState.FAILED, error=_describe(left))
                raise left from error
            if isinstance(error, OrchestratorError):
                self._set(runbook, step.id, StepState.FAILED, error=_describe(error), findings=_findings(error))
                raise
            self._set(runbook, step.id, StepState.FAILED, error=_describe(error))
            raise StepFailed(
                _says(error),
                where=step.id,
                remedy=say("engine.mend_and_migrate"),
            ) from error
        self._finish(step, runbook, facts)

    def _finish(self, step: Step, runbook: str, facts: Facts) -> None:
        if step.switches:
            self._journal.set_migration(self._lease, live=step.switches)
        self._context.facts[step.id] = facts
        self._set(runbook, step.id, StepState.DONE, facts=facts)

    def _verify(self, step: Step) -> None:
        seen = step.observe(self._context)
        if seen not in (Observed.DONE, Observed.NOTHING):
            raise StepFailed(
                say("engine.not_as_it_should", seen=SEEN[seen]), where=step.id, remedy=say("engine.look_and_migrate"),
            )

    def _verify_undone(self, step: Step) -> None:
        if step.observe(self._context) is Observed.DONE:
            raise StepFailed(say("engine.still_done"), where=step.id, remedy=say("engine.look_and_resume"))

    def _recover(self, step: Step, runbook: str) -> bool:
        """A step found RUNNING: its process is dead, so the world decides. False: it is done after all."""
        self._context.say(texts.text("say.found", step=step.title))
        facts = self._context.facts.get(step.id)
        if facts is not None and step.observe(self._context) is Observed.DONE:
            self._finish(step, runbook, facts)
            return False
        self._set(runbook, step.id, StepState.FAILED, error={"what": "interrupted; it is run again"})
        return True

    # ------------------------------------------------------------ back

    def _go_back(self) -> None:
        """The runbook that goes back after the switch; failing there needs a person, since both ways are then in doubt."""
        name, runbook = self._way_back()
        self._journal.add_runbook(self._lease, name, [(s.id, s.effect) for s in runbook])
        for step in runbook:
            try:
                self._advance(step, name)
            except (Waiting, NeedsPerson, StaleLease):
                raise
            except OrchestratorError as error:
                raise NeedsPerson(
                    say("engine.going_back_failed", step=_named(step), error=words_of(error)),
                    where=self._lease.migration,
                    remedy=say("engine.live_side_serves"),
                ) from error
        self._journal.set_migration(self._lease, state=MigrationState.UNDOING)

    def _undo_all(self) -> Outcome:
        """Undoes what is owed, last first; the list comes from the journal. The first failure stops and needs a person."""
        by_id = {s.id: s for s in self._runbook()}
        for owed in reversed(self._rows()):
            step = by_id.get(owed.step)
            if step is None or not step.has_undo or owed.state in (StepState.PENDING, StepState.UNDONE):
                continue
            self._undo(step, owed)
        state, cause = self._first_cause()
        ending = (
            self._ending_after()
            if state == MigrationState.GOING_BACK
            else Ending.CANCELLED
            if cause.startswith(CANCELLED)
            else Ending.ROLLED_BACK_BEFORE
        )
        why = self._in_any_language(cause.removeprefix(CANCELLED))
        self._journal.set_migration(self._lease, state=MigrationState.ENDED, ending=ending, live="source", why=why)
        return Outcome(ending, why=str(why), untouched=self._journal.untouched(self._lease.migration))

    def _ending_after(self) -> Ending:
        """Nothing is lost but where the source was opened without its target."""
        alone = self._journal.steps(self._lease.migration, ALONE)
        return Ending.ROLLED_BACK_LOSING if any(row.state == StepState.DONE for row in alone) else Ending.ROLLED_BACK_AFTER

    def _first_cause(self) -> tuple[str, str]:
        """Into which state it turned back, and why; what went wrong later on the way back does not replace it."""
        for event in self._journal.events(kind="migration", migration=self._lease.migration):
            payload = event.payload or {}
            if payload.get("state") in (MigrationState.UNDOING, MigrationState.GOING_BACK):
                return str(payload["state"]), str(payload.get("why") or "")
        return MigrationState.UNDOING, self._migration().why or ""

    def _in_any_language(self, cause: str) -> Words:
        """The cause as the chain keeps it, with what it was made from where the migration's row still holds that."""
        words = row_words(self._migration(), "why")
        return words if kept(words) == cause else cause

    def _undo(self, step: Step, owed: Any) -> None:
        """The target's half first, so that nothing holds on to the source; then the source's, which must succeed."""
        state = StepState(owed.state)
        if state is StepState.RUNNING:
            self._set(owed.runbook, step.id, StepState.FAILED, error={"what": "interrupted; it is undone"})
        if state is not StepState.UNDOING:
            self._set(owed.runbook, step.id, StepState.UNDOING)
        clean = self._undo_target(step)
        try:
            if step.undo_source is not None:
                self._act(step, step.undo_source)
            if clean and step.undo_source is not None:
                self._verify_undone(step)
        except (StaleLease, Waiting):  # a person carries something back: the undoing goes on when it is done
            raise
        except Exception as error:
            self._set(owed.runbook, step.id, StepState.UNDO_FAILED, error=_describe(error), findings=_findings(error))
            raise NeedsPerson(
                say("engine.undoing_failed", step=_named(step), error=words_of(error)),
                where=self._lease.migration,
                remedy=say("engine.nothing_skipped"),
            ) from error
        self._set(owed.runbook, step.id, StepState.UNDONE)

    def _undo_target(self, step: Step) -> bool:
        """Whether the target is clean of this step. A failure becomes clean-up that is owed: it never holds up the source."""
        if step.undo_target is None:
            return True
        lost = self._decisions.target_lost(self._lease.migration)
        if lost is not None:
            if step.takes_target_away:
                self._notes.owe(self._lease, step.id, say("engine.target_left", why=lost), REMOVE_IT)
            return False
        try:
            self._act(step, step.undo_target)
            self._verify_undone(step)
        except (StaleLease, Waiting):
            raise
        except Exception as error:  # noqa: BLE001 - whatever a broken target does to us is said, kept, and tried again later
            self._context.say(texts.text("say.owed", step=step.title, error=error))
            self._notes.owe(self._lease, step.id, say("engine.at_step", step=_named(step), error=_says(error)), CLEAN_UP)
            return False
        self._notes.settle(self._lease, step.id, "undone when it was tried again")
        if step.takes_target_away:
            for row in self._notes.owed(self._lease.migration):
                self._notes.settle(self._lease, row.step, "the target itself was taken away")
        return True

    def clean_up(self) -> list[Any]:
        """Tries once more what an ended migration still owes on its target, last first. Returns what is left."""
        self._load_facts()
        by_id = {step.id: step for step in self._runbook()}
        owing = {row.step for row in self._notes.owed(self._lease.migration)}
        for row in reversed(self._rows()):
            step = by_id.get(row.step)
            if step is not None and row.step in owing and self._still_owed(row.step):
                self._context.say(texts.text("say.clean_up", step=step.title))
                self._undo_target(step)
        return self._notes.owed(self._lease.migration)

    def _still_owed(self, step: str) -> bool:
        return any(row.step == step for row in self._notes.owed(self._lease.migration))

    def _act(self, step: Step, act: Callable[[Context], None]) -> None:
        def undo() -> Facts:
            act(self._context)
            return {}

        self._invoke(step, undo)

    # ------------------------------------------------------------ on start

    def _prove_dead(self, *, witnesses: bool) -> None:
        """Ends what a former run of this migration left alive, on this host; elsewhere it needs a person. ``witnesses``:
        those that measure, or all the others."""
        for row in self._journal.processes(self._lease.migration):
            if (row.step == WITNESS) is not witnesses:
                continue
            record = ProcessRecord(row.pid, row.started, row.boot, row.label, row.mark)
            if row.host == socket.gethostname() and still_alive(record):
                self._context.say(texts.text("say.ending_child", label=row.label, pid=row.pid))
                try:
                    end(record)
                except ToolError as error:
                    raise NeedsPerson(error.says, where=error.place, remedy=error.mend) from error

    def _load_facts(self) -> None:
        for row in self._journal.steps(self._lease.migration):
            if row.facts:
                self._context.facts[row.step] = dict(row.facts)

    def _settle_switch(self) -> None:
        """Where a switch was interrupted, or its guard was lost or stopped, the control rows decide which side is live, before
        anything else."""
        state = self._migration().state
        forward = (self._migration().runbook, self._runbook())
        ways = {MigrationState.FORWARD: forward, MigrationState.GOING_BACK: self._way_back()}
        name, steps = ways.get(state, (self._migration().runbook, ()))
        settling = {s.id: (s, s.settle) for s in steps if s.settle}
        for row in self._journal.steps(self._lease.migration, name):
            if row.step in settling and row.state in (StepState.RUNNING, StepState.FAILED):
                self._settle(*settling[row.step], row)

    def _settle(self, step: Step, settle: Callable[[Context], Facts | None], row: Any) -> None:
        self._context.say(texts.text("say.settling", step=step.title))
        try:
            facts = settle(self._context)
        except Exception as error:
            if step.switches == "target" and self._decisions.target_lost(row.migration) is not None:
                # nobody can say any more whether it was opened: as if it had been, so that the source is opened without it
                self._settled(step, row, {"unsettled": kept(words_of(error))})
                return
            if isinstance(error, OrchestratorError):
                raise
            raise NeedsPerson(
                say("engine.cannot_be_read", step=_named(step), error=words_of(error)),
                where=row.migration,
                remedy=say("engine.bring_back_and_resume"),
            ) from error
        if facts is not None:
            self._settled(step, row, facts)
        elif row.state == StepState.RUNNING:
            self._set(row.runbook, step.id, StepState.FAILED, error={"what": "interrupted before the switch"})

    def _settled(self, step: Step, row: Any, facts: Facts) -> None:
        if row.state == StepState.FAILED:
            self._set(row.runbook, step.id, StepState.RUNNING)
        self._finish(step, row.runbook, facts)

    # ------------------------------------------------------------ helpers

    def _set(self, runbook: str, step: str, state: StepState, **more: Any) -> None:
        """The journal first; only then is anybody told."""
        self._journal.set_step(self._lease, runbook, step, state, **more)
        rows = self._journal.steps(self._lease.migration, runbook)
        number = next(i for i, row in enumerate(rows, start=1) if row.step == step)
        self._observer.advanced(self._system, step, str(state), number, len(rows))

    def _migration(self) -> Any:
        return self._journal.migration(self._lease.migration)

    def _runbook(self) -> tuple[Step, ...]:
        return self._runbooks[self._migration().runbook]

    def _way_back(self) -> tuple[str, tuple[Step, ...]]:
        """Its name in the journal and its steps. Once the target is declared lost nothing is asked of it any more, and what an
        attempt to go back with it came to is not either: whoever is open by then is left open."""
        alone = self._decisions.target_lost(self._lease.migration) is not None
        ways, name = (self._going_back_alone, ALONE) if alone else (self._going_back, "back")
        return name, ways.get(self._migration().runbook, ())

    def _rows(self) -> list[Any]:
        return self._journal.steps(self._lease.migration, self._migration().runbook)


def _describe(error: Exception) -> dict[str, Any]:
    if isinstance(error, OrchestratorError):
        told = {"what": kept(error.says), "where": kept(error.place), "remedy": kept(error.mend), "retryable": error.retryable}
        said = packed(what=error.says, where=error.place, remedy=error.mend)
        return told | ({"said": said} if said else {})
    words = _says(error)
    return {"what": kept(words), "said": packed(what=words)}


def _says(error: Exception) -> Words:
    """What happened, without where and what to do."""
    if isinstance(error, OrchestratorError):
        return error.says
    return say("engine.unexpected", kind=error.__class__.__name__, error=words_of(error))


def _named(step: Step) -> Value:
    """A step's name, in whatever language it is then read."""
    return say(f"step.{step.id}") if texts.knows(f"step.{step.id}") else step.id


def _findings(error: Exception) -> tuple[Finding, ...]:
    return tuple(getattr(error, "findings", ()))
