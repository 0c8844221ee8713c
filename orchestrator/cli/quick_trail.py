"""Read-only glance at a SQLite journal without loading SQLAlchemy: ``assess`` and ``explain`` answer at once. A test compares it with the journal."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from orchestrator.errors import NeedsPerson, Refused
from orchestrator.policy.records import Record


class QuickTrail:
    """An ``Audit`` that only reads."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def append(self, kind: str, system: str | None, payload: Mapping[str, Any], actor: str) -> None:  # noqa: ARG002 - the protocol's signature
        raise Refused("this trail is opened for reading only", remedy="a bug of ours: please report it")

    def read(self, kind: str) -> list[Record]:
        rows = self._rows(
            "SELECT e.at, e.actor, e.system, p.payload FROM events e LEFT JOIN payloads p ON p.seq = e.seq WHERE e.kind = ? ORDER BY e.seq", kind
        )
        return [Record(at, actor, system, json.loads(payload) if payload is not None else None) for at, actor, system, payload in rows]

    def plan(self, digest: str) -> str | None:
        return next((str(text) for (text,) in self._rows("SELECT plan FROM plans WHERE digest = ?", digest)), None)

    def _rows(self, query: str, value: str) -> list[tuple[Any, ...]]:
        try:
            with sqlite3.connect(f"{self._file.resolve().as_uri()}?mode=ro", uri=True, timeout=10) as connection:
                return connection.execute(query, (value,)).fetchall()
        except sqlite3.Error as error:
            raise NeedsPerson(
                f"the journal cannot be read: {type(error).__name__}",
                where=self._file.name,
                remedy="check the disk and the backup of the journal",
            ) from None
