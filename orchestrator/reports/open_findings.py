"""What is open of a system, as `status` shows it: findings of the last attempt, alarms that stand, clean-up that is owed.

Each with the name of the object that it is about; what was mended is not here any more.
"""

from __future__ import annotations

from typing import Any

from orchestrator.reports.given import Given
from orchestrator.reports.system_facts import OpenFinding
from orchestrator.reports.trail import EventLike
from orchestrator.reports.values import Sourced
from orchestrator.reports.words import OPEN, mark
from orchestrator.texts import row_words

LIMIT = 600


def open_findings(given: Given, rows: list[Any]) -> tuple[OpenFinding, ...]:
    """Of the latest migration everything, of earlier ones what is still owed on their targets."""
    found: list[OpenFinding] = []
    for row in rows[-1:]:
        notes = given.trail.notes(row.id)
        if row.ending != "accepted":
            found += [_finding(given, row.id, finding) for finding in notes.findings]
        found += [_alarm(given, row.id, alarm) for alarm in notes.alarms]
    for row in rows:
        found += [_owed(given, row.id, owed) for owed in given.trail.notes(row.id).owed]
    return tuple(found)


def _finding(given: Given, migration: str, row: Any) -> OpenFinding:
    events = given.trail.step_events(migration, row.step)
    return _open(given, row.severity, (row, "message", "remedy"), row.place, row.at, events, f"findings:{row.id}")


def _alarm(given: Given, migration: str, row: Any) -> OpenFinding:
    events = given.trail.of(migration, "way_back_alarm")[-1:]
    return _open(given, "alarm", (row, "message", ""), "", row.raised, events, f"alarms:{row.id}")


def _owed(given: Given, migration: str, row: Any) -> OpenFinding:
    events = given.trail.of(migration, "clean_up_owed", step=row.step)[-1:]
    return _open(given, "owed", (row, "what", "remedy"), "", row.at, events, f"owed:{row.id}")


def _open(given: Given, kind: str, told: tuple[Any, str, str], place: str, at: str, events: list[EventLike], row: str) -> OpenFinding:
    """``told``: a row, and the names under which it says what and what to do (empty: nothing)."""
    kept, what, remedy = told
    says, mend = row_words(kept, what), row_words(kept, remedy) if remedy else ""
    return OpenFinding(
        kind=mark(OPEN, kind),
        message=given.in_english(says, LIMIT),
        place=given.scrub.text(place),
        remedy=given.in_english(mend, LIMIT),
        says=given.in_both(says, LIMIT),
        mend=given.in_both(mend, LIMIT),
        at=Sourced(value=given.local(at), source=given.trail.source(events, row)),
    )
