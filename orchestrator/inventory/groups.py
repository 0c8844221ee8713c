"""Tables of a folder and of a new reading, and which of them belong together. Pure: see ``tables`` for what follows from it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
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
    """New classified rows of the sheet that name no department: each may be one of this department's."""
    only: bool = True
    """Whether the sheet lists no other department."""

    @property
    def name(self) -> str:
        return self.key.partition(".")[0]

    @property
    def numbers(self) -> Counter[int | None]:
        return Counter(row.row_no for row in self.withheld)


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


def share_loose_rows(old: Mapping[str, list[Table]], new: Mapping[str, list[Table]]) -> None:
    """Give every table the rows of its sheet that name no department, but for those that were there before."""
    known = Counter((table.name, row.row_no) for table in old.get(NOBODY, ()) for row in table.withheld)
    of_sheet: dict[tuple[str, str], list[Table]] = {}
    for department, tables in new.items():
        for table in tables if department != NOBODY else ():
            of_sheet.setdefault(table.place, []).append(table)
    for nobodys in new.get(NOBODY, ()):
        loose = []
        for row in nobodys.withheld:
            at = (nobodys.name, row.row_no)
            if known[at]:
                known[at] -= 1
            else:
                loose.append(row)
        sharing = of_sheet.get(nobodys.place, [])
        for table in sharing:
            table.loose, table.only = loose, len(sharing) == 1


def _by_department(found: Mapping[tuple[str, Any], Table]) -> dict[str, list[Table]]:
    grouped: dict[str, list[Table]] = {}
    for (department, _), table in found.items():
        grouped.setdefault(department, []).append(table)
    return grouped


def joined(old: list[Table], new: list[Table]) -> list[tuple[list[Table], list[Table]]]:
    """Groups of tables that belong together: those that share a system, else those of one name."""
    groups: list[tuple[list[Table], list[Table]]] = [([table], []) for table in old]
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
        name = group[0][0].name
        match = next((one for one in parts if one[1] and (not name or name in {table.name for table in one[1]})), None)
        if match is not None:
            match[0].extend(group[0])
            parts.remove(group)
    for table in unmatched:
        match = next((one for one in parts if not one[1] and _continues(one[0][0], table)), None)
        if match is None and not table.systems:  # what was written by hand is one table
            match = next((one for one in parts if one[1] and any(not other.key for other in one[0])), None)
        if match is not None:
            match[1].append(table)
        else:
            parts.append(([], [table]))
    return parts


def _continues(old: Table, new: Table) -> bool:
    """Whether a new table that shares no system is the stored one again: not when both have systems, for two files may have one name."""
    if old.key:
        return old.name == new.name and not (old.systems and new.systems)
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


def carry(olds: list[Table], news: list[Table], taken: set[str]) -> None:
    """What is left of a superseded table belongs to the new one that shares most with it."""
    taken -= {table.key for table in olds}
    new_key(news, taken)
    for table in olds:
        table.key = max(news, key=lambda one: len(one.systems.keys() & table.systems.keys())).key


def new_key(tables: list[Table], taken: set[str]) -> None:
    for table in tables:
        name, number = table.name, 1
        while table.key in taken:
            number += 1
            table.key = f"{name}.{number}"
        taken.add(table.key)
