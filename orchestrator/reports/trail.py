"""The journal as reports read it: protocols for its public methods, and an index from rows to the events that made them.

Rows are read before events: a row's event is written in the row's own transaction, so every row that is seen has its event.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

from orchestrator.reports.values import Source

MEASURED = ("measured", "breach")


@dataclass(frozen=True)
class Notes:
    """Rows of what is open of one migration."""

    findings: tuple[Any, ...]
    alarms: tuple[Any, ...]
    owed: tuple[Any, ...]


class EventLike(Protocol):
    """One event of the audit chain."""

    @property
    def seq(self) -> int: ...
    @property
    def at(self) -> str: ...
    @property
    def actor(self) -> str: ...
    @property
    def kind(self) -> str: ...
    @property
    def system(self) -> str | None: ...
    @property
    def migration(self) -> str | None: ...
    @property
    def payload(self) -> Mapping[str, Any] | None: ...
    @property
    def hash(self) -> str: ...


class JournalLike(Protocol):
    """What a report reads of the journal. Reads only."""

    def events(self, *, kind: str | None = None, system: str | None = None, migration: str | None = None) -> Sequence[EventLike]: ...
    def migrations(self, *, system: str | None = None) -> Sequence[Any]: ...
    def steps(self, migration: str, runbook: str | None = None) -> Sequence[Any]: ...
    def plan(self, digest: str) -> str | None: ...
    def flag(self, name: str) -> Any | None: ...
    def verify(self) -> list[str]: ...


class DecisionsLike(Protocol):
    """What a report reads of people's decisions and of figures."""

    def gates(self, migration: str | None = None) -> Sequence[Any]: ...
    def tasks(self, migration: str | None = None, *, state: str | None = None) -> Sequence[Any]: ...
    def measurements(self, migration: str | None = None) -> Sequence[Any]: ...


class NotesLike(Protocol):
    """What a report reads of what is open: findings of the last attempts, alarms, clean-up that is owed."""

    def findings(self, migration: str) -> Sequence[Any]: ...
    def alarms(self, migration: str, *, standing: bool = False) -> Sequence[Any]: ...
    def owed(self, migration: str) -> Sequence[Any]: ...


class Trail:
    """One reading of the journal. Systems in ``hidden`` are left out everywhere but in the chain's own figures (R2)."""

    def __init__(
        self, journal: JournalLike, decisions: DecisionsLike, notes: NotesLike, *, hidden: Callable[[str, bool], bool]
    ) -> None:
        migrations = list(journal.migrations())
        self._notes = {
            m.id: Notes(tuple(notes.findings(m.id)), tuple(notes.alarms(m.id, standing=True)), tuple(notes.owed(m.id)))
            for m in migrations
        }
        self._steps = {m.id: list(journal.steps(m.id)) for m in migrations}
        gates, tasks, measurements = list(decisions.gates()), list(decisions.tasks()), list(decisions.measurements())
        self.hold = journal.flag("hold")
        self.events = list(journal.events())
        self.breaks = journal.verify()
        purged = {e.system for e in self.events if e.kind == "purged" and e.system}
        seen = {m.system for m in migrations} | {e.system for e in self.events if e.system}
        self.hidden = {s for s in seen if hidden(s, s in purged)}
        self.migrations = [m for m in migrations if m.system not in self.hidden]
        shown = {m.id for m in self.migrations}
        self.gates, self.tasks, self.measurements = ([r for r in rows if r.migration in shown] for rows in (gates, tasks, measurements))

    @cached_property
    def by_migration(self) -> dict[str, list[EventLike]]:
        found: dict[str, list[EventLike]] = {}
        for event in self.events:
            if event.migration and event.system not in self.hidden:
                found.setdefault(event.migration, []).append(event)
        return found

    @cached_property
    def _by_kind(self) -> dict[str, list[EventLike]]:
        found: dict[str, list[EventLike]] = {}
        for event in self.events:
            if event.system not in self.hidden:
                found.setdefault(event.kind, []).append(event)
        return found

    def of_kind(self, *kinds: str, system: str | None = None) -> list[EventLike]:
        """Visible events of these kinds, in order."""
        found = [e for kind in kinds for e in self._by_kind.get(kind, ()) if system is None or e.system == system]
        return sorted(found, key=lambda e: e.seq)

    def of(self, migration: str, kind: str, **fields: Any) -> list[EventLike]:
        """A migration's events of a kind whose payload holds these values."""
        return [
            e
            for e in self.by_migration.get(migration, [])
            if e.kind == kind and e.payload is not None and all(e.payload.get(k) == v for k, v in fields.items())
        ]

    def steps(self, migration: str) -> list[Any]:
        """A migration's steps in order of their runbook."""
        return self._steps[migration]

    def notes(self, migration: str) -> Notes:
        """What is open of a migration."""
        return self._notes[migration]

    # ------------------------------------------------------------ sources

    def nothing(self) -> Source:
        """The source of a zero: all events were searched."""
        return Source(rows=(f"journal:1-{len(self.events)}",)) if self.events else Source(rows=("journal:0",))

    def source(self, events: Sequence[EventLike], *rows: str) -> Source:
        """These events and rows; never empty."""
        found = Source(events=tuple(e.seq for e in events), rows=rows)
        return found if found.events or found.rows else self.nothing()

    @cached_property
    def closed(self) -> dict[str, list[tuple[str, Any]]]:
        """Decided gates and finished tasks by migration, as ("gate" | "task", row)."""
        found: dict[str, list[tuple[str, Any]]] = {}
        for kind, rows in (("gate", self.gates), ("task", self.tasks)):
            for row in rows:
                if row.state != "open":
                    found.setdefault(row.migration, []).append((kind, row))
        return found

    @cached_property
    def measurements_of(self) -> dict[str, list[Any]]:
        """Measurement rows by migration, oldest first."""
        found: dict[str, list[Any]] = {}
        for row in self.measurements:
            found.setdefault(row.migration, []).append(row)
        return found

    @cached_property
    def measured(self) -> dict[int, Source]:
        """The source of every measurement row: its event, paired in the order both were written."""
        found: dict[int, Source] = {}
        for migration, rows in self.measurements_of.items():
            events = [e for e in self.by_migration.get(migration, []) if e.kind in MEASURED]
            for n, row in enumerate(rows):
                found[row.id] = Source(events=tuple(e.seq for e in events[n : n + 1]), rows=(f"measurements:{row.id}",))
        return found

    def ended(self, migration: str, ending: str) -> list[EventLike]:
        """The event by which a migration came to this ending (the last one)."""
        return self.of(migration, "migration", ending=ending)[-1:]

    def started(self, migration: str) -> list[EventLike]:
        return self.of(migration, "migration_started")

    def step_events(self, migration: str, step: str, state: str | None = None) -> list[EventLike]:
        """Events of a step, the last one only."""
        fields = {"step": step} | ({"state": state} if state else {})
        return self.of(migration, "step", **fields)[-1:]

    def gate_events(self, row: Any) -> list[EventLike]:
        """The events by which a gate stands as it does."""
        kinds = ("gate_opened", "gate_reopened") if row.state == "open" else ("gate_decided",)
        return [e for kind in kinds for e in self.of(row.migration, kind, gate=row.gate)][-1:]

    def task_events(self, row: Any) -> list[EventLike]:
        kind = "task_opened" if row.state == "open" else "task_done"
        return self.of(row.migration, kind, task=row.name)[-1:]
