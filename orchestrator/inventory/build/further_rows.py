"""Rows of further tables, which add to the systems that they name: what a system's own row leaves open is taken from them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from orchestrator.inventory.build.several_rows import join_unknown, put_together
from orchestrator.inventory.names import key
from orchestrator.inventory.reading import Interpretation, Raw
from orchestrator.texts import say

if TYPE_CHECKING:
    from orchestrator.inventory.build.builder import Builder

_OWN = {"name", "id", "row_no"}
"""What a row says of itself, not of its system."""


def take_further(builder: Builder) -> None:
    """Give each system of a file what the file's further rows say of it. One that several systems may be is a finding."""
    systems: dict[tuple[str, str], list[Raw]] = {}
    for raw in builder.systems:
        systems.setdefault((raw.file, key(str(raw.values.get("name") or ""))), []).append(raw)
    rows: dict[tuple[str, str], list[Raw]] = {}
    for row in put_together(builder.further, builder.answers, builder.asked, builder.interpretations):
        rows.setdefault((row.file, key(str(row.values["name"]))), []).append(row)
    sheets: dict[tuple[str, str], int] = {}
    for at, further in rows.items():
        found = systems.get(at, [])
        if len(found) != 1 or at[1] in builder.names_withheld_in(at[0]):
            ambiguous = say("inventory.further_ambiguous")
            builder.findings.extend(row.finding("system-ambiguous", "error", ambiguous, say("inventory.name_the_system"), at="name") for row in further)
            continue
        _add(found[0], further, builder)
        for row in further:
            sheets[row.file, row.sheet] = sheets.get((row.file, row.sheet), 0) + 1
    for (file, sheet), count in sheets.items():
        builder.interpretations.append(Interpretation(file, sheet, "A1", "", say("inventory.further_rows", count=count)))


def _add(system: Raw, rows: Sequence[Raw], builder: Builder) -> None:
    """What all of these rows that say it say alike."""
    for row in rows:
        builder.interpretations += row.interpretations
        builder.findings += row.findings
        system.unknown = join_unknown(system.unknown, row.unknown)
    for field in dict.fromkeys(field for row in rows for field in row.values if field not in _OWN):
        said = [row for row in rows if row.values.get(field) not in (None, "", [])]
        values = {repr(row.values[field]) for row in said}
        if len(values) != 1:
            continue  # servers of one system, which is being asked
        _take(system, field, said[0].values[field], said[0], builder)


def _take(system: Raw, field: str, value: Any, row: Raw, builder: Builder) -> None:
    own = system.values.get(field)
    if own in (None, "", []) and field not in system.unread:
        system.values[field] = value
    elif field not in system.unread and own != value:
        differs = say("inventory.further_differs", place=system.place(field))
        builder.findings.append(row.finding("further-differs", "warning", differs, say("inventory.make_agree"), at=field))
