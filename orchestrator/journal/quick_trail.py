"""Read-only glance at a SQLite journal without loading SQLAlchemy: ``assess`` and ``explain`` answer at once. A test compares it with the journal."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

from orchestrator.errors import NeedsPerson, Refused
from orchestrator.policy.records import WORDS_REMOVED, Audit, Record, what_stayed
from orchestrator.texts import say


class QuickTrail:
    """An ``Audit`` that only reads."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def append(self, kind: str, system: str | None, payload: Mapping[str, Any], actor: str) -> None:  # noqa: ARG002 - the protocol's signature
        raise Refused(say("cli.trail_read_only"), remedy=say("cli.please_report"))

    def read(self, kind: str) -> list[Record]:
        found = self._events(kind)
        stands = what_stayed(said for *_, said in self._events(WORDS_REMOVED) if said) if any(said is None for *_, said in found) else {}
        return [Record(at, actor, system, stands.get(seq) if said is None else said) for seq, at, actor, system, said in found]

    def alone(self) -> AbstractContextManager[Audit]:
        return nullcontext(self)

    def plan(self, digest: str) -> str | None:
        return next((str(text) for (text,) in self._rows("SELECT plan FROM plans WHERE digest = ?", digest)), None)

    def _events(self, kind: str) -> list[tuple[int, str, str, str | None, dict[str, Any] | None]]:
        rows = self._rows(
            "SELECT e.seq, e.at, e.actor, e.system, p.payload FROM events e LEFT JOIN payloads p ON p.seq = e.seq WHERE e.kind = ? ORDER BY e.seq",
            kind,
        )
        return [(*said, json.loads(payload) if payload is not None else None) for *said, payload in rows]

    def _rows(self, query: str, value: str) -> list[tuple[Any, ...]]:
        try:
            with sqlite3.connect(f"{self._file.resolve().as_uri()}?mode=ro", uri=True, timeout=10) as connection:
                return connection.execute(query, (value,)).fetchall()
        except sqlite3.Error as error:
            raise NeedsPerson(
                say("cli.journal_unread", error=type(error).__name__), where=self._file.name, remedy=say("cli.check_disk_and_backup"),
            ) from None
