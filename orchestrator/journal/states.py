"""The tables of transitions. What is not in them is an error."""

from __future__ import annotations

from enum import StrEnum

from orchestrator.errors import IllegalTransition


class StepState(StrEnum):
    PENDING = "pending"
    RUNNING = "running"  # intent committed; the world may or may not have been touched
    WAITING = "waiting"  # stands at a gate, a window or a human task; nothing was touched since
    DONE = "done"  # observed, not believed
    FAILED = "failed"
    UNDOING = "undoing"
    UNDONE = "undone"
    UNDO_FAILED = "undo_failed"


STEP_TRANSITIONS: dict[StepState, frozenset[StepState]] = {
    StepState.PENDING: frozenset({StepState.RUNNING}),
    StepState.RUNNING: frozenset({StepState.DONE, StepState.FAILED, StepState.WAITING}),
    StepState.WAITING: frozenset({StepState.RUNNING, StepState.UNDOING}),
    StepState.FAILED: frozenset({StepState.RUNNING, StepState.UNDOING}),
    StepState.DONE: frozenset({StepState.UNDOING}),
    StepState.UNDOING: frozenset({StepState.UNDONE, StepState.UNDO_FAILED}),
    StepState.UNDO_FAILED: frozenset({StepState.UNDOING}),  # only by a person's `resume`
    StepState.UNDONE: frozenset(),
}


class MigrationState(StrEnum):
    FORWARD = "forward"
    UNDOING = "undoing"  # before the switch: undoing what was done
    GOING_BACK = "going_back"  # after the switch: the runbook that goes back
    ENDED = "ended"


MIGRATION_TRANSITIONS: dict[MigrationState, frozenset[MigrationState]] = {
    MigrationState.FORWARD: frozenset({MigrationState.UNDOING, MigrationState.GOING_BACK, MigrationState.ENDED}),
    MigrationState.GOING_BACK: frozenset({MigrationState.UNDOING}),
    MigrationState.UNDOING: frozenset({MigrationState.ENDED}),
    MigrationState.ENDED: frozenset(),
}


class Ending(StrEnum):
    """The six endings; no others. ``NEEDS_A_PERSON`` is left again by `resume`, `rollback` or `cancel`."""

    ACCEPTED = "accepted"
    ROLLED_BACK_BEFORE = "rolled_back_before_cutover"
    ROLLED_BACK_AFTER = "rolled_back_after_cutover"
    ROLLED_BACK_LOSING = "rolled_back_target_lost"
    """The target was lost while it was live: on the source again, without what only the target had."""
    CANCELLED = "cancelled"
    NEEDS_A_PERSON = "needs_a_person"


def check_step(current: StepState, wanted: StepState, step: str) -> None:
    """Raises IllegalTransition unless the table allows it."""
    if wanted not in STEP_TRANSITIONS[current]:
        raise IllegalTransition(
            f"step {step} cannot go from {current} to {wanted}", where=step, remedy="report this: it is a bug in the engine"
        )


def check_migration(current: MigrationState, wanted: MigrationState, migration: str) -> None:
    """Raises IllegalTransition unless the table allows it."""
    if wanted not in MIGRATION_TRANSITIONS[current]:
        raise IllegalTransition(
            f"migration {migration} cannot go from {current} to {wanted}", where=migration, remedy="report this: it is a bug in the engine"
        )
