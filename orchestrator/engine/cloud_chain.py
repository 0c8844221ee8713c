"""The journal as a system's servers need it: facts on the audit chain, where the system stands, what it still owes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from orchestrator.cloud.stand import Stand, find_stand
from orchestrator.journal.notes import Notes
from orchestrator.journal.store import Journal, Lease

PROVISION = "provision"
"""The step that makes servers."""


class CloudChain:
    """See ``cloud.book.Chain``. With a lease: bound to the migration that holds it. Without: a person's command between migrations."""

    def __init__(self, journal: Journal, system: str, *, actor: str, lease: Lease | None = None) -> None:
        self._journal, self._system, self._actor, self._lease = journal, system, actor, lease
        self._notes = Notes(journal)

    def event(self, kind: str, payload: Mapping[str, Any]) -> None:
        """Puts a fact on the audit chain. Raises StaleLease when the lease is an old one."""
        migration = self._lease.migration if self._lease else None
        self._journal.append_event(kind, actor=self._actor, system=self._system, migration=migration, payload=payload, lease=self._lease)

    def history(self, kind: str) -> list[Mapping[str, Any]]:
        """The facts of this kind that any migration of this system put on the chain, in order; what was purged is left out."""
        return [event.payload for event in self._journal.events(kind=kind, system=self._system) if event.payload is not None]

    def stand(self) -> Stand:
        """Where this system stands on the cloud: what its servers may hold."""
        migrations = self._journal.migrations(system=self._system)
        rows = [row for migration in migrations for row in self._journal.steps(migration.id) if row.step == PROVISION]
        return find_stand(migrations, rows, {migration.id for migration in migrations if self._owes_servers(migration.id)})

    def owing(self) -> list[str]:
        """Other migrations of this system that still owe taking their servers away."""
        mine = self._lease.migration if self._lease else None
        others = [row.id for row in self._journal.migrations(system=self._system) if row.id != mine]
        return [migration for migration in others if self._owes_servers(migration)]

    def handed_over(self) -> list[str]:
        """Names of the servers that the last migration handed over; empty when it has none."""
        for migration in reversed(self._journal.migrations(system=self._system)):
            for row in self._journal.steps(migration.id):
                if row.step == PROVISION and row.facts and row.state != "undone":
                    return sorted(str(server["name"]) for server in row.facts["servers"].values())
        return []

    def _owes_servers(self, migration: str) -> bool:
        return any(row.step == PROVISION for row in self._notes.owed(migration))
