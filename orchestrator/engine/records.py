"""The journal as steps see it: bound to one migration and its lease."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from orchestrator.cloud.stand import Stand
from orchestrator.engine.cloud_chain import CloudChain
from orchestrator.journal.decisions import Decisions
from orchestrator.journal.notes import Notes
from orchestrator.journal.store import Journal, Lease
from orchestrator.texts import Words
from orchestrator.tools.process import ProcessRecord, ask_to_end

WITNESS = "witness"
"""Stands for the step of a child that only measures."""


class BoundRecords:
    """See ``steps.base.Records``."""

    def __init__(self, journal: Journal, lease: Lease, system: str) -> None:
        self._journal, self._lease, self._system = journal, lease, system
        self._decisions = Decisions(journal)
        self._notes = Notes(journal)
        self._cloud = CloudChain(journal, system, actor=lease.holder, lease=lease)
        self._children: list[ProcessRecord] = []

    def gate(self, gate: str, digest: str) -> Mapping[str, Any]:
        """The gate's row, opened when it was not."""
        return dict(self._decisions.open_gate(self._lease, gate, digest)._mapping)

    def approved_window(self) -> Mapping[str, str] | None:
        """The window that the last approval of the cutover named: start, end (the city's clock, ISO 8601), rule."""
        for event in reversed(self._journal.events(kind="gate_decided", migration=self._lease.migration)):
            if event.payload and event.payload["gate"] == "approve_cutover" and event.payload["approved"]:
                window: Mapping[str, str] | None = event.payload.get("window")
                return window
        return None

    def said(self, kind: str) -> bool:
        """Whether a fact of this kind is on the chain of this migration."""
        return bool(self._journal.events(kind=kind, migration=self._lease.migration))

    def history(self, kind: str) -> list[Mapping[str, Any]]:
        """The facts of this kind that any migration of this system put on the chain, in order."""
        return self._cloud.history(kind)

    def stand(self) -> Stand:
        """Where this system stands on the cloud: what its servers may hold."""
        return self._cloud.stand()

    def owing(self) -> list[str]:
        """Other migrations of this system that still owe taking their servers away."""
        return self._cloud.owing()

    def ask_again(self, gate: str) -> None:
        """The gate is open again: what was decided there no longer holds."""
        self._decisions.reopen_gate(self._lease, gate)

    def task(self, step: str, name: str, *, zh: str, en: str, detail: Mapping[str, Any]) -> Mapping[str, Any]:
        """The human task's row, opened when it was not."""
        return dict(self._decisions.open_task(self._lease, step, name, zh=zh, en=en, detail=detail)._mapping)

    def reopen_task(self, step: str, name: str, refused: Sequence[str]) -> None:
        """The task is open again: what was handed in does not show it, for these reasons."""
        self._decisions.reopen_task(self._lease, step, name, refused)

    def task_opened(self, step: str, name: str) -> float | None:
        """When a human task was opened (seconds since the epoch); None when it was not."""
        for task in self._decisions.tasks(self._lease.migration):
            if (task.step, task.name) == (step, name):
                return dt.datetime.fromisoformat(task.opened).timestamp()
        return None

    def tasks_done(self, step: str) -> list[str]:
        """Names of the human tasks of a step that were done."""
        return [t.name for t in self._decisions.tasks(self._lease.migration, state="done") if t.step == step]

    def measure(self, **values: Any) -> None:
        """Keeps one measured interruption."""
        self._decisions.measure(self._lease, **values)

    def copied(self, *, what: str, source_state: str, size: int, items: int) -> None:
        """Keeps one entry of the copy ledger."""
        self._decisions.record_copy(self._lease, what=what, source_state=source_state, size=size, items=items)

    def process(self, record: ProcessRecord) -> None:
        """Keeps a child that must be proved dead before anybody resumes."""
        self._journal.register_process(self._lease, "", record)
        self._children.append(record)

    def witness(self, record: ProcessRecord) -> None:
        """Keeps a child that measures and outlives the engine: ended by whoever takes the migration up, once the switch that
        it measured is settled."""
        self._journal.register_process(self._lease, WITNESS, record)

    def watched(self) -> AbstractContextManager[None]:
        """Children are noted whenever they start."""
        return nullcontext()

    def interrupt(self) -> None:
        """Asks every child of the running step to end."""
        for record in list(self._children):
            ask_to_end(record)

    def go_on(self) -> None:
        """The step is over, and its children with it."""
        self._children.clear()

    def event(self, kind: str, payload: Mapping[str, Any]) -> None:
        """Puts a fact on the audit chain."""
        self._journal.append_event(
            kind, actor=self._lease.holder, system=self._system, migration=self._lease.migration, payload=payload, lease=self._lease
        )

    def set_live(self, live: str) -> None:
        """Which side citizens' writes go to, as soon as it is known."""
        self._journal.set_migration(self._lease, live=live)

    def held(self) -> str | None:
        """Why all cutovers are held, or None."""
        row = self._journal.flag("hold")
        return f"{row.value} ({row.actor})" if row else None

    def switch_time(self) -> str | None:
        """When the live side last became the target (UTC, ISO 8601)."""
        for event in reversed(self._journal.events(kind="migration", migration=self._lease.migration)):
            if (event.payload or {}).get("live") == "target":
                return event.at
        return None

    def watch(self, problems: Mapping[str, Words]) -> None:
        """What watching sees now, code → sentence: new ones become alarms, those that are gone end theirs."""
        self._notes.watch(self._lease, problems)

    def stay_decided(self) -> str | None:
        """Why a person wants this migration to stay where it is, whatever its health, or None."""
        row = self._journal.flag(f"stay:{self._lease.migration}")
        return str(row.value) if row else None

    def turn_back_asked(self) -> str | None:
        """Why a person wants this migration to go back, or None."""
        row = self._journal.flag(f"turn_back:{self._lease.migration}")
        return str(row.value) if row else None
