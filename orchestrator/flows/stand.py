"""Where one system stands by the journal, as far as a flow run of it must know: ended how, worked on, waiting for what.

Nothing here knows Prefect. ``key`` changes when something has changed that a waiting migration waits for: a gate, a task, a
hold, a wish to turn back, a window that opened, a system that it depends on, an engine that died. A suspended flow run
keeps the key of the moment; ``reconcile`` wakes it when the journal has another.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from orchestrator.errors import Exit
from orchestrator.journal.decisions import Decisions
from orchestrator.journal.standing import describe
from orchestrator.journal.states import Ending, MigrationState
from orchestrator.journal.store import Journal, canonical, sha256
from orchestrator.planning.calendar import local
from orchestrator.workspace import Workspace

EXIT_OF = {
    Ending.ACCEPTED: Exit.DONE,
    Ending.CANCELLED: Exit.DONE,
    Ending.ROLLED_BACK_BEFORE: Exit.ROLLED_BACK,
    Ending.ROLLED_BACK_AFTER: Exit.ROLLED_BACK,
    Ending.NEEDS_A_PERSON: Exit.NEEDS_A_PERSON,
}


@dataclass(frozen=True)
class Stand:
    """One system's last migration. ``migration`` is empty where none was begun."""

    system: str
    migration: str = ""
    ended: bool = False
    ending: str = ""
    """Also ``needs_a_person``, which is an ending that can be left, and ``refused``."""
    why: str = ""
    alive: bool = False
    """Whether an engine works on it now."""
    waits: tuple[str, ...] = ()
    """What somebody has to do, as commands and steps."""
    live: str = "source"
    key: str = ""
    quiet: float = 0.0
    """Seconds since the journal heard of it last."""
    by_worker: bool = False
    """Whether a worker of Prefect had it last, and not a command."""

    @property
    def over(self) -> bool:
        """Whether its flow run has come to an end: it ended, or only a person leads out."""
        return self.ended or self.ending == Ending.NEEDS_A_PERSON

    @property
    def exit(self) -> Exit:
        """The exit code that a command for it ends with."""
        if not self.over:
            return Exit.WAITING
        return Exit.REFUSED if self.ending == "refused" else EXIT_OF[Ending(self.ending)]


def stand_of(session: Workspace, system: str, *, migration: str = "", together: Sequence[str] = ()) -> Stand:
    """The stand of a system's migration: the named one, else its last. ``together``: systems that move in the same run."""
    journal, clock = session.journal, local(dt.datetime.now(dt.UTC), session.programme)
    rows = journal.migrations(system=system)
    row = next((m for m in rows if m.id == migration), None) if migration else (rows[-1] if rows else None)
    if row is None:
        return Stand(system, key=key_of(journal, None, together, clock, alive=False))
    said = describe(journal, row)
    alive = bool(said["engine"]["alive"])
    waits = [wait_words(wait, system) for wait in said["waits_for"]]
    return Stand(
        system=system,
        migration=str(row.id),
        ended=row.state == MigrationState.ENDED,
        ending="refused" if said["refused"] else str(row.ending or ""),
        why=str(row.why or ""),
        alive=alive,
        waits=tuple(waits),
        live=str(row.live),
        key=key_of(journal, row, together, clock, alive=alive),
        quiet=seconds_since(journal, row),
        by_worker=str(journal.lease_holder(row.id).holder or "").startswith("prefect:"),
    )


def seconds_since(journal: Journal, row: Any) -> float:
    """How long ago a step of the migration changed its state, or the migration itself began or ended."""
    moments = [row.created, row.ended, *(moment for step in journal.steps(row.id) for moment in (step.started, step.ended))]
    last = max(moment for moment in moments if moment is not None)
    return (dt.datetime.now(dt.UTC) - dt.datetime.fromisoformat(last)).total_seconds()


def wait_words(wait: dict[str, Any], system: str) -> str:
    """What somebody has to do, in one line with the command that does it."""
    if wait["kind"] == "gate":
        return f"{wait['gate']}: another account runs `orchestrator {wait['command']} {system} --digest {wait['digest'][:12]}`"
    if wait["kind"] == "task":
        return f"{wait['title_en']}: when it is done `orchestrator task done {wait['number']} --evidence …`"
    if wait["kind"] == "target_lost":
        return f"a second account confirms that the target is lost: `orchestrator target-lost {system} --reason …`"
    return str(wait["step"])


def key_of(journal: Journal, row: Any, together: Sequence[str], clock: dt.datetime, *, alive: bool) -> str:
    """Sixteen hex digits over everything that a waiting migration may be waiting for."""
    hold = journal.flag("hold")
    facts: dict[str, Any] = {"alive": alive, "hold": hold is not None}
    if row is None or row.state == MigrationState.ENDED:  # not begun (again): it may wait for what it depends on
        facts["others"] = {m.system: (m.live, m.state) for m in journal.migrations() if m.system in together}
    if row is not None:
        decisions = Decisions(journal)
        facts |= {
            "migration": row.id,
            "state": row.state,
            "gates": sorted((gate.gate, gate.state, gate.opened) for gate in decisions.gates(row.id)),
            "tasks": sorted((task.id, task.state) for task in decisions.tasks(row.id)),
            "turn_back": journal.flag(f"turn_back:{row.id}") is not None,
            "window": window_is_open(journal, row.id, clock),
        }
    return sha256(canonical(facts))[:16]


def window_is_open(journal: Journal, migration: str, clock: dt.datetime) -> bool:
    """Whether the window that the cutover was approved for has opened by the city's clock; it also counts as open once it is over, since the
    engine then asks for another approval."""
    for event in reversed(journal.events(kind="gate_decided", migration=migration)):
        payload = event.payload or {}
        if payload.get("gate") == "approve_cutover" and payload.get("approved") and payload.get("window"):
            return clock >= dt.datetime.fromisoformat(payload["window"]["start"])
    return False
