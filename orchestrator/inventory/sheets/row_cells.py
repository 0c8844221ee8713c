"""The cells of one row → the values of its system or thing, each read by its column's type."""

from __future__ import annotations

import datetime as dt
import string
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from orchestrator.inventory import cells
from orchestrator.inventory.build.wall import Wall
from orchestrator.inventory.cells import Value
from orchestrator.inventory.forms import Column
from orchestrator.inventory.reading import Interpretation, Raw
from orchestrator.inventory.sheets.archive import column_of
from orchestrator.inventory.sheets.asking import BareNumbers, Source, answered_wording, ask_wording, settled
from orchestrator.inventory.sheets.grids import Grid, Row, address
from orchestrator.inventory.sheets.header import Table
from orchestrator.inventory.sheets.headings import compared
from orchestrator.inventory.sheets.sheet_notes import SheetNotes
from orchestrator.inventory.values import date, read_value
from orchestrator.texts import say

if TYPE_CHECKING:
    from orchestrator.inventory.build.builder import Builder

_DIGITS = string.digits
_KEPT_READINGS = 50_000
_KEPT_LENGTH = 60
"""Longer cells are rarely the same twice."""


class RowCells:
    """Reads rows of one sheet by the table that was named to ``use`` last. Never called for a classified row."""

    def __init__(self, grid: Grid, file: str, builder: Builder, today: dt.date, wall: Wall, notes: SheetNotes) -> None:
        self.grid, self.file, self.builder, self.today, self.wall, self.notes = grid, file, builder, today, wall, notes
        self._readings: dict[tuple[str, str | None, str], Value] = {}

    def use(self, table: Table, source: Source, bare: BareNumbers) -> None:
        self.table, self.by_field, self.source, self.bare = table, table.by_field, source, bare
        self.heads = {*table.columns, *table.unknown, *table.classified, *(index for index, _ in (*table.repeated, *table.joined))}
        self.heads |= {table.number_at} if table.number_at is not None else set()

    def fill(self, raw: Raw, number: int, row: Row) -> None:
        also: dict[str, tuple[Any, str]] = {}
        for index, column in self.table.columns.items():
            cell = raw.at(column.field)
            value = at(row, index)
            if cell in self.grid.formulas:
                self.notes.formula(number, index, value)
                self.wall.saw_formula(raw, column.field, cell, self.grid.formulas[cell])
            if cell in self.grid.errors:
                self.notes.error(number, index, column, say("inventory.formula_error"))
                continue
            if column.field == "classified":
                continue
            try:
                read = self._read(column.type, value, self.table.units.get(index, ""))
            except cells.Unreadable as why:
                if column.field == "row_no" and any(map(str.isdigit, cells.text_of(value))):
                    continue  # an office's own number (XT-01); 合计 there is an error
                answered = self._answered(column, value, number, index, why)
                if answered is None:
                    raw.unread.add(column.field)
                    self.notes.error(number, index, column, why.form)
                    continue
                read = answered
            if read.understood:
                raw.interpretations.append(Interpretation(self.file, self.grid.name, cell, cells.text_of(value), read.understood))
            if read.value is not None:
                self._put(raw, column, read.value, cells.text_of(value) if read.understood else "")
                self.bare.took(raw, index, number, value, read.value)
            also |= {known: (more, cell) for field, more in read.also.items() if (known := self._field_of(field))}
        self._take_also(raw, row, also)
        self._further(raw, number, row)
        for index, words in self.table.unknown.items():
            if not cells.is_blank(value := at(row, index)):
                raw.unknown[words[:200]] = self._unknown(raw, words, value, number, index)[:2000]
                if (cell := address(number, index)) in self.grid.formulas:
                    self.wall.saw_formula(raw, words[:200], cell, self.grid.formulas[cell])
        self._without_header(number, row)

    def _read(self, kind: str, value: Any, unit: str | None) -> Value:
        """``read_value``, once for each text of a sheet: thousands of rows say 已建. Raises ``Unreadable``."""
        if not isinstance(value, str) or len(value) > _KEPT_LENGTH:
            return read_value(kind, value, unit, self.today)
        key = (kind, unit, value)
        read = self._readings.get(key)
        if read is None:
            read = read_value(kind, value, unit, self.today)
            unchangeable = read.value is None or isinstance(read.value, str | int | float)
            if unchangeable and len(self._readings) < _KEPT_READINGS:
                self._readings[key] = read
        return read

    def _without_header(self, number: int, row: Row) -> None:
        for index, value in enumerate(row):
            if index not in self.heads and not cells.is_blank(value) and self.notes.first("cell-without-header", index):
                self.notes.finding(
                    "cell-without-header", "warning", number, index, say("inventory.cell_without_header"),
                    say("inventory.give_header"),
                )  # fmt: skip

    def _answered(self, column: Column, value: Any, number: int, index: int, why: cells.Unreadable) -> Value | None:
        """What somebody answered this wording means; where nobody did, it is asked about."""
        form = self.table.form.id
        if isinstance(why, cells.Ambiguous):
            heading, place = self.table.typed.get(index, "") or column.name, self.source.place(number, index)
            return settled(why, self.builder.answers, self.builder.asked, self.source.id, heading, self.source.at, place)
        read = answered_wording(self.builder.answers, column, form, value)
        if read is None:
            ask_wording(self.builder.asked, column, form, value, self.source.place(number, index), self.table.typed.get(index, ""))
        return read

    def _field_of(self, field: str) -> str:
        """What this form calls the field of a statistics form; empty where it has none: a host's storage is its disk, and it is no number of servers."""
        known = {column.field for column in self.table.form.columns}
        return field if field in known else "disk_gb" if field == "storage_gb" and "disk_gb" in known else ""

    def _take_also(self, raw: Raw, row: Row, also: Mapping[str, tuple[Any, str]]) -> None:
        """What cells said of other columns, where those are silent: ``4C8G`` under CPU."""
        for field, (more, cell) in also.items():
            outer, _, inner = field.partition(".")
            held = raw.values.setdefault(outer, {}) if inner else raw.values
            if (inner or outer) not in held and cells.is_blank(self.cell(row, field)):
                held[inner or outer] = more
                raw.cells[field] = cell

    def _further(self, raw: Raw, number: int, row: Row) -> None:
        """Further columns of fields that have been read."""
        for index, column in self.table.joined:
            self._join(raw, number, row, index, column)
        for index, column in self.table.repeated:
            self._compare(raw, number, row, index, column)

    def _join(self, raw: Raw, number: int, row: Row, index: int, column: Column) -> None:
        """数据库类型 and 数据库版本 are one answer."""
        second, first = cells.text_of(at(row, index)), raw.values.get(column.field)
        if cells.is_blank(second) or cells.not_known(second) or (isinstance(first, str) and cells.folded(second) in cells.folded(first)):
            return
        whole = f"{first} {second}" if first else second
        raw.values[column.field] = whole
        raw.interpretations.append(Interpretation(self.file, self.grid.name, address(number, index), second, whole[:200]))

    def _compare(self, raw: Raw, number: int, row: Row, index: int, column: Column) -> None:
        """Two columns of one field: what only one says is taken, what they say differently is not."""
        if column.field == "classified" or not compared(column) or cells.is_blank(second := at(row, index)):
            return
        first = self.cell(row, column.field)
        try:
            read = read_value(column.type, second, self.table.units.get(index, ""), self.today)
            same = read_value(column.type, first, self.table.units.get(self.by_field[column.field], ""), self.today).value == read.value
        except cells.Unreadable:
            read, same = None, cells.folded(cells.text_of(second)) == cells.folded(cells.text_of(first))
        if same:
            return
        if read is not None and cells.is_blank(first):
            if read.value is not None:
                self._put(raw, column, read.value, cells.text_of(second) if read.understood else "")
            return
        raw.values.pop(column.field, None)
        self.notes.error(number, index, column, say("inventory.differs_from_other_column"))

    def _put(self, raw: Raw, column: Column, value: Any, words: str) -> None:
        """``words``: the cell as it stood, where reading it took more than copying."""
        if column.type == "grade":
            raw.values["grade_answered"] = True
            if value:
                raw.values["protection_grade"] = value
            else:
                raw.values.setdefault("protection_grade", None)
        elif "." in column.field:
            outer, inner = column.field.split(".")
            raw.values.setdefault(outer, {})[inner] = value
        else:
            raw.values[column.field] = value
        if column.field == "special_equipment" and value is True and words and "special_equipment_note" not in raw.values:
            raw.values["special_equipment_note"] = words

    def _unknown(self, raw: Raw, words: str, value: Any, number: int, index: int) -> str:
        """A value of an unknown column, as text; a serial number under a header about time is shown as the date it is."""
        if isinstance(value, float) and any(word in words for word in ("时间", "日期", "年月")):
            try:
                read = date(value)
            except cells.Unreadable:
                return cells.text_of(value)
            raw.interpretations.append(
                Interpretation(self.file, self.grid.name, address(number, index), cells.text_of(value), str(read.value))
            )
            return str(read.value)
        return cells.text_of(value)

    def comments(self, raw: Raw, places: Iterable[str], *, on_a_row: bool = True) -> None:
        """Only that there is one: its words may speak of a classified system, on whichever row they stand (R2)."""
        for cell in places:
            index = column_of(cell.rstrip(_DIGITS).encode()) - 1
            if not self.notes.another("comment-in-cell", index):
                continue
            finding = Raw(self.file, self.grid.name, cell).finding(
                "comment-in-cell", "warning", say("inventory.comment_in_cell"),
                say("inventory.comment_into_cell"),
            )  # fmt: skip
            (raw if on_a_row else self.builder).findings.append(finding)

    def cell(self, row: Row, field: str) -> Any:
        index = self.by_field.get(field)
        return None if index is None else at(row, index)


def at(row: Row, index: int) -> Any:
    """A cell; None where the row ends before it."""
    return row[index] if index < len(row) else None
