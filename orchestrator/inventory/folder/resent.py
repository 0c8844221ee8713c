"""What a reading says of the inventory that is stored: which sheets come again, what of theirs it no longer lists, which rows are new. Pure.

A *key* stands for one sheet of one file: the digest of its name, with a number behind it where two have one name; empty: of no sheet.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from orchestrator.inventory.folder.origins import Stored
from orchestrator.inventory.names import key, make_id, same_file, table_key
from orchestrator.inventory.questions import digest
from orchestrator.inventory.reading import Reading, Withheld
from orchestrator.models import System

NOBODY = make_id("dept", "?")
"""The department of rows that name none."""


@dataclass
class Sheet:
    """One sheet of a reading. ``fresh``: rows of it that were not stored before and name no stored system. ``again``: keys of the stored sheets
    that it is. ``touched``: key and department of the stored systems that it lists."""

    place: tuple[str, str]
    systems: list[System] = field(default_factory=list)
    rows: list[Withheld] = field(default_factory=list)
    fresh: list[Withheld] = field(default_factory=list)
    again: set[str] = field(default_factory=set)
    touched: set[tuple[str, str]] = field(default_factory=set)
    key: str = ""

    @cached_property
    def name(self) -> str:
        return table_key(*self.place)

    @cached_property
    def departments(self) -> set[str]:
        return {system.department for system in self.systems} | {row.department for row in self.rows} - {NOBODY}

    @cached_property
    def scope(self) -> str:
        """The sheet as it stands: an answer holds for this and no other."""
        systems = (f"{one.department}/{key(one.name)}/{one.kind}" for one in self.systems)
        return digest(self.name, *sorted(systems), *sorted(f"{one.department}/{one.row_no}/{one.answered}" for one in self.rows))

    def covers(self, table: str, department: str) -> bool:
        """Whether what this department has on that stored sheet should be on this one."""
        return (bool(table) and table in self.again) or (table, department) in self.touched


class Resent:
    """``missing``: stored systems that the reading no longer lists → the sheets that should. ``keep``: ids of systems, and of departments, that
    are said to be still there, none of which is a classified row of the reading."""

    def __init__(self, before: Mapping[str, System], stored: Stored, reading: Reading, keep: Collection[str]) -> None:
        self.before, self.stored, self._keep = before, stored, keep
        self.owners = {system.department for system in before.values()}
        uncounted = {key(row.name) for row in reading.uncounted if row.name}
        self.listed = {one.id for one in reading.all_systems()} | {one.id for one in before.values() if key(one.name) in uncounted}
        self.homes: dict[str, set[str]] = {table: set() for _, table in stored.withheld}
        for ident in before:
            self.homes.setdefault(stored.systems.get(ident, ""), set()).add(ident)
        self.sheets = _sheets(reading)
        self.new = [system for sheet in self.sheets for system in sheet.systems if system.id not in before]
        for sheet in self.sheets:
            self._recognise(sheet)
        self.missing = {ident: on for ident in sorted(before.keys() - self.listed) if (on := self._expected_on(ident))}
        self._give_keys()

    def _recognise(self, sheet: Sheet) -> None:
        ids = {system.id for system in sheet.systems}
        sheet.touched = {(self.stored.systems.get(ident, ""), self.before[ident].department) for ident in ids & self.before.keys()}
        shared = {table for table, _ in sheet.touched if table}
        alike = {table for table in self.homes if table.partition(".")[0] == sheet.name}
        known = Counter((row.department, row.row_no) for row, table in self.stored.withheld if table in {"", *shared, *alike})
        for row in sheet.rows:
            known[row.department, row.row_no] -= 1
            if known[row.department, row.row_no] < 0 and row.department not in self._keep and not row.system:
                sheet.fresh.append(row)
        sheet.again = {table for table in shared if 2 * len(self.homes[table] & ids) >= len(self.homes[table])}
        sheet.again |= shared & alike or self._of_its_name(sheet, alike)

    def _of_its_name(self, sheet: Sheet, alike: set[str]) -> set[str]:
        """Stored sheets of its name of which it lists no system: those of a department of its; else all of which it may list one."""
        free = {table for table in alike if not any({ident, self.before[ident].department} & {*self._keep} for ident in self.homes[table])}
        owners = {table: {self.before[ident].department for ident in self.homes[table]} for table in free}
        for row, table in self.stored.withheld:
            owners.get(table, set()).add(row.department)
        names = {key(system.name) for system in sheet.systems}
        nobodys = not sheet.departments or any(self.is_loose(row) for row in sheet.fresh)
        perhaps = {table for table in free if nobodys or names & {key(self.before[ident].name) for ident in self.homes[table]}}
        return {table for table in free if owners[table] & sheet.departments} or perhaps

    def is_loose(self, row: Withheld) -> bool:
        """Whether a new row may be any department's: it names none, or one of which no system is stored."""
        return row.department not in self.owners

    def _expected_on(self, ident: str) -> list[Sheet]:
        table, department = self.stored.systems.get(ident, ""), self.before[ident].department
        return [sheet for sheet in self.sheets if sheet.covers(table, department)] or self.left_of_file(table, department)

    def left_of_file(self, table: str, department: str) -> list[Sheet]:
        """The sheets with stored systems of a department that are left of a file which has lost this one."""
        of_file = [sheet for sheet in self.sheets if same_file(table, sheet.name)]
        is_there = any(sheet.name == table.partition(".")[0] for sheet in of_file)
        return [sheet for sheet in of_file if not is_there and department in {of for _, of in sheet.touched}]

    def _give_keys(self) -> None:
        """Each sheet the key that it had, else one that is free."""
        taken = self.homes.keys() - {table for sheet in self.sheets for table in sheet.again}
        for sheet in self.sheets:
            had = [table for table in sheet.again - taken if table.partition(".")[0] == sheet.name]
            names = [sheet.name, *(f"{sheet.name}.{number}" for number in range(2, len(taken) + 3))]
            sheet.key = min(had, key=lambda table: (len(table), table)) if had else next(name for name in names if name not in taken)
            taken = taken | {sheet.key}

    def rows_left(self) -> list[tuple[Withheld, str, Sheet | None]]:
        """Stored rows that still count, each with its key and the sheet that does not list it. A sheet replaces all rows of the stored one of
        its name; of one of another name as many as it has, those that bear a number of its first."""
        numbers = Counter((row.department, row.row_no) for sheet in self.sheets for row in sheet.rows)
        numbers.update({(one.department, one.row_no) for one in self.new if one.row_no is not None})
        room = {sheet.place: len(sheet.rows) for sheet in self.sheets}
        names = {sheet.name for sheet in self.sheets}
        left: list[tuple[Withheld, str, Sheet | None]] = []
        for row, table in sorted(
            self.stored.withheld, key=lambda one: (one[1].partition(".")[0] not in names, not numbers[one[0].department, one[0].row_no])
        ):
            on = [sheet for sheet in self.sheets if sheet.covers(table, row.department)]
            alone = [sheet for sheet in self.sheets if row.department in sheet.departments and not (table and (sheet.again or sheet.touched))]
            sheets = on or (alone if not table else []) or self.left_of_file(table, row.department) or alone
            again = bool(on or not table) and numbers[row.department, row.row_no] > 0
            numbers[row.department, row.row_no] -= 1
            same = any(table.partition(".")[0] == sheet.name for sheet in on)
            if not (same or again or (on and table and room[on[0].place] > 0)):
                left.append((row, table, sheets[0] if sheets else None))
            elif on:
                room[on[0].place] -= 1
        return left


def _sheets(reading: Reading) -> list[Sheet]:
    found = {place: Sheet(place) for place in reading.forms}  # one without a row has lost all that it had
    for system in reading.all_systems():
        if system.id in reading.tables:  # else only technical rows of it were read
            found.setdefault(reading.tables[system.id], Sheet(reading.tables[system.id])).systems.append(system)
    for row in reading.withheld:
        found.setdefault((row.file, row.sheet), Sheet((row.file, row.sheet))).rows.append(row)
    return [found[place] for place in sorted(found)]
