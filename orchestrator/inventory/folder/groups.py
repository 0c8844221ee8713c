"""Tables of a folder and of a new reading, and which of them belong together. Pure: see ``tables`` for what follows from it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from orchestrator.inventory.names import make_id, table_key
from orchestrator.inventory.reading import Reading, Withheld
from orchestrator.models import System

NOBODY = make_id("dept", "?")
"""The department of rows that name none."""


@dataclass(frozen=True)
class Stored:
    """What the folder knows of its tables. A key is the digest of a table's name, with a number behind it where two have one name; empty:
    not known."""

    systems: Mapping[str, str] = field(default_factory=dict)
    """System id → key of its table."""
    withheld: Sequence[tuple[Withheld, str]] = ()
    """Classified and unanswered rows, each with the key of its table."""


@dataclass
class Table:
    key: str
    systems: dict[str, int | None] = field(default_factory=dict)
    withheld: list[Withheld] = field(default_factory=list)
    place: tuple[str, str] = ("", "")
    loose: list[Withheld] = field(default_factory=list)
    """New classified rows of the sheet that name no department, or one of which no system is stored: each may be one of this department's."""
    only: bool = True
    """Whether the sheet is about no other department."""

    @property
    def name(self) -> str:
        return self.key.partition(".")[0]

    @property
    def numbers(self) -> Counter[int | None]:
        return Counter(row.row_no for row in self.withheld)


Part = tuple[list[Table], list[Table]]
"""Stored and new tables of one department that belong together."""


def stored_tables(before: Mapping[str, System], stored: Stored) -> dict[str, list[Table]]:
    found: dict[tuple[str, str], Table] = {}
    for ident, system in before.items():
        at = stored.systems.get(ident, "")
        found.setdefault((system.department, at), Table(at)).systems[ident] = system.row_no
    for row, at in stored.withheld:
        found.setdefault((row.department, at), Table(at)).withheld.append(row)
    return _by_department(found)


def new_tables(reading: Reading) -> dict[str, list[Table]]:
    found: dict[tuple[str, tuple[str, str]], Table] = {}

    def table(department: str, place: tuple[str, str]) -> Table:
        return found.setdefault((department, place), Table(table_key(*place), place=place))

    for system in reading.all_systems():
        if system.id in reading.tables:  # else only technical rows of it were read: they say nothing of what its form lists
            table(system.department, reading.tables[system.id]).systems[system.id] = system.row_no
    for row in reading.withheld:
        table(row.department, (row.file, row.sheet)).withheld.append(row)
    return _by_department(found)


def _by_department(found: Mapping[tuple[str, Any], Table]) -> dict[str, list[Table]]:
    grouped: dict[str, list[Table]] = {}
    for (department, _), table in found.items():
        grouped.setdefault(department, []).append(table)
    return grouped


def joined(old: list[Table], new: list[Table], same: Callable[[Table, Table], bool], kept: Collection[str]) -> list[Part]:
    """Groups of tables that belong together: those that share a system, else those of one sheet. ``same``: whether a new table is on the sheet
    that a stored one was on. ``kept``: systems that are said to be still there: a table that shares none with theirs is another one."""
    groups: list[Part] = [([table], []) for table in old]
    of = {ident: number for number, table in enumerate(old) for ident in table.systems}
    home = list(range(len(old)))

    def root(number: int) -> int:
        while home[number] != number:
            number = home[number]
        return number

    unmatched: list[Table] = []
    for table in new:
        roots = sorted({root(of[ident]) for ident in table.systems if ident in of})
        if not roots:
            unmatched.append(table)
            continue
        for other in roots[1:]:
            home[other] = roots[0]
            groups[roots[0]][0].extend(groups[other][0])
            groups[roots[0]][1].extend(groups[other][1])
        groups[roots[0]][1].append(table)
    parts = [groups[number] for number in range(len(old)) if home[number] == number]
    for group in [one for one in parts if not one[1] and not one[0][0].systems]:  # rows alone go where their table goes
        rows = group[0][0]
        match = next((one for one in parts if one[1] and (not rows.key or any(same(rows, table) for table in one[1]))), None)
        if match is not None:
            match[0].extend(group[0])
            parts.remove(group)
    replaced = [one for one in parts if not one[1] and one[0][0].systems and not one[0][0].systems.keys() & set(kept)]
    for table in unmatched:
        match = next((one for one in parts if not one[1] and _continues(one[0][0], table, same)), None)
        if match is None and not table.systems:  # what was written by hand is one table
            match = next((one for one in parts if one[1] and any(not other.key for other in one[0])), None)
        if match is None:
            match = _replaced(table, [one for one in replaced if one[0] and one[0][0].key and same(one[0][0], table)], parts)
        if match is not None:
            match[1].append(table)
        else:
            parts.append(([], [table]))
    _own_sheets(parts, replaced)
    return [one for one in parts if one[0] or one[1]]


def _own_sheets(parts: list[Part], replaced: list[Part]) -> None:
    """A sheet that shares systems with another one only: what was on its own is superseded too."""
    for part in [one for one in parts if one[0] and one[1]]:
        names = {table.name for table in part[1]} - {table.name for table in part[0]}
        for own in [one for one in replaced if one[0] and not one[1] and one[0][0].name in names]:
            part[0].extend(own[0])
            own[0].clear()


def _replaced(table: Table, candidates: list[Part], parts: list[Part]) -> Part | None:
    """Tables of the same sheet that share no system with what stands there now, as one."""
    if not table.systems or not candidates:
        return None
    first, *others = candidates
    for other in others:
        first[0].extend(other[0])
        other[0].clear()
        parts[:] = [one for one in parts if one is not other]
    return first


def _continues(old: Table, new: Table, same: Callable[[Table, Table], bool]) -> bool:
    """Whether a new table of which nothing is stored is the stored one again, where one of the two lists no system."""
    if old.key:
        return same(old, new) and not (old.systems and new.systems)
    return not old.systems and old.numbers <= new.numbers


def together(tables: list[Table]) -> Table:
    systems = {ident: number for table in tables for ident, number in table.systems.items()}
    loose = {id(table.loose): table.loose for table in tables}.values()
    return Table("", systems, [row for table in tables for row in table.withheld], loose=[row for rows in loose for row in rows])


def left_over(olds: list[Table], news: list[Table], was: Table, now: Table, cleared: set[int | None]) -> list[tuple[Withheld, str]]:
    """Rows that still count, under the key they have: a table of another name may leave them out without meaning that they are gone.
    ``cleared``: numbers that are new systems now."""
    names = {table.name for table in news}
    others = [(row, table.key) for table in olds if table.name not in names for row in table.withheld]
    replaced = max(0, len(now.withheld) - (len(was.withheld) - len(others)))
    left = [(row, at) for row, at in others if row.row_no not in now.numbers and row.row_no not in cleared]
    return left[: max(0, len(others) - replaced)]


def carry(olds: list[Table], news: list[Table]) -> None:
    """What is left of a superseded table belongs to the new one that shares most with it."""
    for table in olds:
        table.key = max(news, key=lambda one: len(one.systems.keys() & table.systems.keys())).key
