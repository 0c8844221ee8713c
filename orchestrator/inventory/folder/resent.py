"""What a reading says of the inventory that is stored: which sheets come again, what of theirs it no longer lists, which rows are new. Pure.

A *key* stands for one sheet of one file: the digest of its name, with a number behind it where two have one name; empty: of no sheet.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from orchestrator.inventory.folder.origins import Stored
from orchestrator.inventory.names import NOBODY, key, same_file, table_key
from orchestrator.inventory.questions import digest
from orchestrator.inventory.reading import Reading, Withheld
from orchestrator.models import System


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


class Resent:
    """``missing``: stored systems that the reading no longer lists → the sheets that should. ``keep``: ids of systems, and of departments, that
    are said to be still there, none of which is a classified row of the reading."""

    def __init__(self, before: Mapping[str, System], stored: Stored, reading: Reading, keep: Collection[str]) -> None:
        self.before, self.stored, self._keep = before, stored, keep
        self.kept = {system.id for system in before.values() if {system.id, system.department} & {*keep}}
        self.owners = {system.department for system in before.values()}
        uncounted = {key(row.name) for row in reading.uncounted if row.name}
        self.listed = {one.id for one in reading.all_systems()} | {one.id for one in before.values() if key(one.name) in uncounted}
        self.at = {ident: stored.systems.get(ident, "") for ident in before}
        self.pairs = {(table, before[ident].department) for ident, table in self.at.items()} | {(table, row.department) for row, table in stored.withheld}
        self.homes: dict[str, set[str]] = {table: set() for table, _ in self.pairs}
        for ident, table in self.at.items():
            self.homes[table].add(ident)
        self.sheets = _sheets(reading)
        self.names = {sheet.name for sheet in self.sheets}
        self.new = [system for sheet in self.sheets for system in sheet.systems if system.id not in before]
        for sheet in self.sheets:
            self._recognise(sheet)
        unlisted = {ident: self.covering(self.at[ident], before[ident].department) for ident in before.keys() - self.listed}
        self.missing = {ident: sheets for ident, sheets in sorted(unlisted.items()) if sheets}
        self._give_keys()

    def _recognise(self, sheet: Sheet) -> None:
        ids = {system.id for system in sheet.systems}
        sheet.touched = {(self.at[ident], self.before[ident].department) for ident in ids & self.before.keys()}
        shared = {table for table, _ in sheet.touched if table}
        lost = {table for table in self.homes if same_file(table, sheet.name) and _name_of(table) not in self.names}
        sheet.touched |= {(table, department) for table in lost for _, department in sheet.touched}
        alike = {table for table in self.homes if _name_of(table) == sheet.name}
        known = Counter((row.department, row.row_no) for row, table in self.stored.withheld if table in {"", *shared, *alike})
        for row in sheet.rows:
            known[row.department, row.row_no] -= 1
            if known[row.department, row.row_no] < 0 and row.department not in self._keep and not row.system:
                sheet.fresh.append(row)
        sheet.again = {table for table in shared if 2 * len(self.homes[table] & ids) >= len(self.homes[table])}
        sheet.again |= shared & alike or self._of_its_name(sheet, alike)

    def _of_its_name(self, sheet: Sheet, alike: set[str]) -> set[str]:
        """Stored sheets of its name of which it lists no system: those of a department of its; else all of which it may list one."""
        free = {table for table in alike if not self.homes[table] & self.kept}
        theirs = {table for table, department in self.pairs if table in free and department in sheet.departments}
        nobodys = not sheet.departments or any(self.is_loose(row) for row in sheet.fresh)
        names = {key(system.name) for system in sheet.systems}
        perhaps = {table for table in free if nobodys or names & {key(self.before[ident].name) for ident in self.homes[table]}}
        return theirs or perhaps

    def is_loose(self, row: Withheld) -> bool:
        """Whether a new row may be any department's: it names none, or one of which no system is stored."""
        return row.department not in self.owners

    def covering(self, table: str, department: str) -> list[Sheet]:
        """The sheets on which what this department has on that stored one should be."""
        return [sheet for sheet in self.sheets if (table and table in sheet.again) or (table, department) in sheet.touched]

    def _give_keys(self) -> None:
        """Each sheet the key that it had, else one that is free."""
        taken = self.homes.keys() - {table for sheet in self.sheets for table in sheet.again}
        for sheet in self.sheets:
            had = sorted(table for table in sheet.again if _name_of(table) == sheet.name)
            numbered = (f"{sheet.name}.{number}" for number in range(2, len(taken) + 3))
            sheet.key = next(table for table in (*had, sheet.name, *numbered) if table not in taken)
            taken = taken | {sheet.key}

    def rows_left(self) -> list[tuple[Withheld, str, Sheet | None]]:
        """Stored rows that still count, each with its key and the sheet that does not list it. A sheet replaces all rows of the stored one of
        its name; of one of another name that it is, as many as it has; else those whose numbers are listed."""
        numbers = Counter((row.department, row.row_no) for sheet in self.sheets for row in sheet.rows)
        numbers.update({(system.department, system.row_no) for system in self.new if system.row_no is not None})
        room = {sheet.place: len(sheet.rows) for sheet in self.sheets}
        left: list[tuple[Withheld, str, Sheet | None]] = []
        for row, table in sorted(self.stored.withheld, key=lambda stored: _name_of(stored[1]) not in self.names):
            on = self.covering(table, row.department)
            numbers[row.department, row.row_no] -= 1
            is_listed = (bool(on) or not table) and numbers[row.department, row.row_no] >= 0
            is_again = [sheet for sheet in on if _name_of(table) == sheet.name or (table in sheet.again and room[sheet.place] > 0)]
            if is_again:
                room[is_again[0].place] -= 1
            elif not is_listed:
                alone = [sheet for sheet in self.sheets if row.department in sheet.departments and not (table and (sheet.again or sheet.touched))]
                left.append((row, table, next(iter(on or alone), None)))
        return left


def _sheets(reading: Reading) -> list[Sheet]:
    found = {place: Sheet(place) for place in reading.forms}  # one without a row has lost all that it had
    for system in reading.all_systems():
        if system.id in reading.tables:  # else only technical rows of it were read
            found.setdefault(reading.tables[system.id], Sheet(reading.tables[system.id])).systems.append(system)
    for row in reading.withheld:
        found.setdefault((row.file, row.sheet), Sheet((row.file, row.sheet))).rows.append(row)
    return [found[place] for place in sorted(found)]


def _name_of(table: str) -> str:
    """The digest of a stored sheet's name: its key without the number."""
    return table.partition(".")[0]
