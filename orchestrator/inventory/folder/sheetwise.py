"""What the tables of one sheet say together: which stored sheet comes again on it, which departments are gone from it, and whose its rows may be.

A key stands for one sheet of one file, for all departments on it alike. A sheet *continues* a stored one when they have one name and a table
in common, or when it lists at least half of its systems. It *touches* one of which it takes over less. Pure.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from orchestrator.inventory.folder.groups import NOBODY, Part, Table, joined
from orchestrator.inventory.names import table_key
from orchestrator.inventory.reading import Withheld

Place = tuple[str, str]


@dataclass
class Sheet:
    place: Place
    tables: dict[str, list[Table]] = field(default_factory=dict)
    """Department → its tables here."""
    continues: set[str] = field(default_factory=set)
    touches: set[str] = field(default_factory=set)
    gone: list[tuple[str, Table]] = field(default_factory=list)
    """Departments of a sheet that it continues and that have no row on it, each with its stored table."""
    rows: list[Withheld] = field(default_factory=list)
    """New classified rows that name no department, or one of which no system is stored: they may be any department's."""
    beside: list[str] = field(default_factory=list)
    """Systems that ``rows`` may be too, though the sheet does not continue theirs."""
    rows_beside: int = 0
    """Classified rows of theirs."""

    @property
    def name(self) -> str:
        return table_key(*self.place)

    @property
    def named(self) -> set[str]:
        return self.tables.keys() - {NOBODY}


class Sheets:
    """All of a reading. ``parts``: department → which of its tables belong together."""

    def __init__(
        self,
        old: Mapping[str, list[Table]],
        new: Mapping[str, list[Table]],
        keep: Collection[str],
        kept: Collection[str],
        forms: Iterable[Place] = (),
    ) -> None:
        self._old, self._new, self._keep = old, new, keep
        found: dict[Place, Sheet] = {place: Sheet(place) for place in forms}  # one without a row has lost all that it had
        for department, tables in new.items():
            for table in tables:
                found.setdefault(table.place, Sheet(table.place)).tables.setdefault(department, []).append(table)
        self.sheets = [found[place] for place in sorted(found)]
        most = self._mostly(found)
        self.parts: dict[str, list[Part]] = {
            department: joined(
                old.get(department, []), new.get(department, []), lambda was, now: was.name == now.name or was.key in most[now.place], kept
            )
            for department in {*old, *new} - {NOBODY}
        }
        for olds, news in [part for parts in self.parts.values() for part in parts]:
            for table in news:
                sheet = found[table.place]
                sheet.touches |= {one.key for one in olds}
                sheet.continues |= {one.key for one in olds if one.key and (one.name == sheet.name or one.key in most[table.place])}
        for sheet in self.sheets:
            if not sheet.named:
                sheet.continues |= {key for key in self._keys() if key.partition(".")[0] == sheet.name}
        self.parts[NOBODY] = joined(old.get(NOBODY, []), new.get(NOBODY, []), lambda was, now: was.key in found[now.place].continues, kept)
        taken_over = {id(table) for parts in self.parts.values() for olds, news in parts if news for table in olds}
        for sheet in self.sheets:
            self._missing(sheet, taken_over)
            self._may_be_others(sheet)
        self._share()
        self._keys_again(taken_over)

    def _keys(self) -> set[str]:
        return {table.key for tables in self._old.values() for table in tables if table.key}

    def _mostly(self, found: Mapping[Place, Sheet]) -> dict[Place, set[str]]:
        """The stored sheets of which each lists at least half of the systems."""
        at = {ident: table.key for tables in self._old.values() for table in tables if table.key for ident in table.systems}
        total = Counter(at.values())
        most: dict[Place, set[str]] = {}
        for place, sheet in found.items():
            shared = Counter(at[ident] for table in _all(sheet.tables) for ident in table.systems if ident in at)
            most[place] = {key for key, number in shared.items() if number * 2 >= total[key]}
        return most

    def _missing(self, sheet: Sheet, taken_over: set[int]) -> None:
        for department in sorted(self._old.keys() - {NOBODY}):
            if department not in sheet.tables:
                for table in self._old[department]:
                    if table.key in sheet.continues and id(table) not in taken_over:
                        taken_over.add(id(table))
                        sheet.gone.append((department, table))

    def _may_be_others(self, sheet: Sheet) -> None:
        for department, tables in sorted(sheet.tables.items()):
            before = self._old.get(department, [])
            if department in self._keep or any(table.systems for table in before):
                continue
            known: Counter[int | None] = Counter()
            for table in before:
                if table.key in sheet.continues or not table.key:
                    known += table.numbers
            for row in [row for table in tables for row in table.withheld]:
                if known[row.row_no]:
                    known[row.row_no] -= 1
                else:
                    sheet.rows.append(row)
        if sheet.rows:
            unnamed = not sheet.touches and not sheet.continues and any(row.department == NOBODY for row in sheet.rows)
            others = [
                table
                for department, tables in self._old.items()
                if department not in self._new
                for table in tables
                if unnamed or self._beside(sheet, table)
            ]
            sheet.beside = sorted(ident for table in others for ident in table.systems)
            sheet.rows_beside = sum(len(table.withheld) for table in others)

    @staticmethod
    def _beside(sheet: Sheet, table: Table) -> bool:
        return table.key not in sheet.continues and (table.key in sheet.touches or table.name == sheet.name)

    def _share(self) -> None:
        """Give every table the rows of its sheet that may be its department's."""
        for sheet in self.sheets:
            for department in sheet.named:
                for table in sheet.tables[department]:
                    table.loose = [row for row in sheet.rows if row.department != department]
                    table.only = len(sheet.named) == 1 and not sheet.gone

    def _keys_again(self, taken_over: set[int]) -> None:
        """One key for all tables of a sheet: the one that it had, if it is free."""
        taken = {table.key for table in _all(self._old) if id(table) not in taken_over and table.key}
        for sheet in self.sheets:
            had = [key for key in sheet.continues if key.partition(".")[0] == sheet.name and key not in taken]
            key = min(had, key=_order, default=sheet.name)
            number = 1
            while key in taken:
                number += 1
                key = f"{sheet.name}.{number}"
            taken.add(key)
            for table in _all(sheet.tables):
                table.key = key
            for _, table in sheet.gone:
                table.key = key


def _all(tables: Mapping[str, Iterable[Table]]) -> list[Table]:
    return [table for some in tables.values() for table in some]


def _order(key: str) -> int:
    return int(key.partition(".")[2] or 1)
