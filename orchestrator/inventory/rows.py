"""Rows of a recognised table → raw records in the builder, each cell read by its column's type. Classified rows end here, unread (R2)."""

from __future__ import annotations

import datetime as dt
import string
from collections.abc import Iterable
from typing import Any

from orchestrator.inventory import values
from orchestrator.inventory.archive import column_of
from orchestrator.inventory.build import Builder
from orchestrator.inventory.forms import Column
from orchestrator.inventory.reading import Interpretation, Raw
from orchestrator.inventory.sheets import Grid, Row, address
from orchestrator.inventory.table import Table, kind_of_row, recognise

QUIET_SHEETS = {"填表说明", "说明", "instructions", "封面", "目录"}
_LETTERS, _DIGITS = string.ascii_uppercase, string.digits
EACH = 50
"""Findings of one kind in one column that are listed one by one; the rest are counted."""


def read_grid(grid: Grid, file: str, builder: Builder, today: dt.date) -> bool:
    """Read one sheet into the builder. False when no form was recognised on it. Raises ``BadFile`` from the grid's rows."""
    table, rows, anything = recognise(grid)
    if table is None:
        if anything and grid.name.casefold() not in QUIET_SHEETS and not (grid.hidden and grid.name.startswith("_")):
            builder.findings.append(
                Raw(file, grid.name).finding(
                    "sheet-not-recognised",
                    "warning",
                    "没有认出表头，该工作表未读取 (no header recognised; sheet not read)",
                    "使用模板的表头，或删除该工作表 (use the template's headers, or remove the sheet)",
                )
            )
        return False
    _SheetReader(grid, file, builder, today, table).run(rows)
    return True


class _SheetReader:
    def __init__(self, grid: Grid, file: str, builder: Builder, today: dt.date, table: Table) -> None:
        self.grid, self.file, self.builder, self.today, self.table = grid, file, builder, today, table
        self.counts: dict[tuple[str, int], int] = {}
        self.by_field = {column.field: index for index, column in table.columns.items()}
        self.letters = {field: address(0, index)[:-1] for field, index in self.by_field.items()}
        for field, letters in list(self.letters.items()):
            self.letters.setdefault(field.split(".")[0], letters)
        self.systems = table.form.id == "systems"
        self.comments: dict[int, list[str]] = {}
        """Row → cells with comments that nobody was told of yet."""
        for cell in sorted(grid.comments):
            self.comments.setdefault(int(cell.lstrip(_LETTERS)) - 1, []).append(cell)

    # ------------------------------------------------------------ the sheet

    def run(self, rows: Any) -> None:
        self._about_sheet()
        no_answer_column = self.systems and "classified" not in self.by_field
        for number, row, filled in rows:
            what = kind_of_row(self.table, row, filled)
            if what == "odd":
                self._warn(
                    "row-skipped",
                    number,
                    0,
                    "该行内容太少，未读取 (too little on this row; not read)",
                    "补全或删除该行 (fill it in or remove it)",
                )
            if what != "data":
                continue
            raw = Raw(self.file, self.grid.name, f"A{number + 1}", columns=self.letters)
            comments = self.comments.pop(number, ())  # on a classified row they go where the row goes
            if not self.systems:
                self._comments(raw, comments)
                self._fields(raw, number, row)
                if isinstance(raw.values.get("health"), dict):
                    raw.values["health"].setdefault("target", "")  # nothing to say of a TCP check
                self.builder.part(self.table.form.id, raw)
                continue
            answer = None if no_answer_column else values.classified(self._cell(row, "classified"))
            if answer is False:
                self._comments(raw, comments)
                self._fields(raw, number, row)
                self._owner(raw)
                self.builder.sheet_system(raw)
                continue
            self._classified(raw, row, answer, no_answer_column)
        self._comments(Raw(self.file, self.grid.name), [cell for row in self.comments.values() for cell in row], on_a_row=False)
        self._leftover_counts()

    def _about_sheet(self) -> None:
        header = self.table.header
        if self.grid.hidden:
            self.builder.findings.append(
                Raw(self.file, self.grid.name).finding(
                    "hidden-sheet",
                    "warning",
                    "隐藏的工作表，已照常读取 (a hidden sheet; it was read)",
                    "如不应统计，请删除 (remove it if it is not meant to count)",
                )
            )
        for index, words in self.table.unknown.items():
            self._finding(
                "unknown-column", "warning", header, index,
                f"不认识的列“{words[:60]}”，原样保留 (unknown column; kept as it is)", "如为统计列，请改用模板的表头 (use the template's header if it is one of its columns)",
            )  # fmt: skip
            self.builder.unknown_columns.append(words[:200])
        for index, column in self.table.repeated:
            self._finding(
                "repeated-column", "warning", header, index,
                f"“{column.zh}”有两列，只读取第一列 (two columns for one field; the first was read)", "删除或改名其中一列 (remove or rename one of them)",
            )  # fmt: skip
        if self.systems and "classified" not in self.by_field:
            self._finding(
                "classified-column-missing", "error", header, 0,
                "没有“是否涉密”列，全部按涉密处理，未读取 (no column for 是否涉密: every row is treated as classified)",
                "增加“是否涉密”列并逐行填写 (add the column and answer it on every row)",
            )  # fmt: skip
        if self.systems and "department" not in self.by_field and self.table.owner:
            self.builder.interpretations.append(
                Interpretation(self.file, self.grid.name, address(*self.table.owner_at), "填报单位", f"全表单位：{self.table.owner}")
            )

    def _classified(self, raw: Raw, row: Row, answer: bool | None, whole_sheet: bool) -> None:
        department = values.text_of(self._cell(row, "department")) or self.table.owner
        try:
            row_no = values.read_value("integer", self._cell(row, "row_no")).value
        except values.Unreadable:
            row_no = None
        self.builder.classified_row(raw, department, row_no, answered=answer is True, quiet=whole_sheet)

    # ------------------------------------------------------------ one row

    def _fields(self, raw: Raw, number: int, row: Row) -> None:
        for index, column in self.table.columns.items():
            cell = raw.at(column.field)
            value = row[index] if index < len(row) else None
            if cell in self.grid.formulas:
                self._formula(number, index, value)
            if cell in self.grid.errors:
                self._error(number, index, column, "公式出错 (a formula's error value)")
                continue
            if column.field == "classified":
                continue
            try:
                read = values.read_value(column.type, value, self.table.units.get(index, ""), self.today)
            except values.Unreadable as why:
                self._error(number, index, column, str(why))
                continue
            if read.understood:
                raw.interpretations.append(Interpretation(self.file, self.grid.name, cell, values.text_of(value)[:200], read.understood))
            if read.value is not None:
                self._put(raw, column, read.value, values.text_of(value) if read.understood else "")
        for index, words in self.table.unknown.items():
            if index < len(row) and not values.is_blank(row[index]):
                raw.unknown[words[:200]] = self._unknown(words, row[index], number, index)[:2000]

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

    def _unknown(self, words: str, value: Any, number: int, index: int) -> str:
        """A value of an unknown column, as text; a serial number under a header about time is shown as the date it is."""
        if isinstance(value, float) and any(word in words for word in ("时间", "日期", "年月")):
            try:
                read = values.date(value)
            except values.Unreadable:
                return values.text_of(value)
            self.builder.interpretations.append(
                Interpretation(self.file, self.grid.name, address(number, index), values.text_of(value), str(read.value))
            )
            return str(read.value)
        return values.text_of(value)

    def _comments(self, raw: Raw, cells: Iterable[str], *, on_a_row: bool = True) -> None:
        """Only that there is one: its words may speak of a classified system, on whichever row they stand (R2)."""
        for cell in cells:
            index = column_of(cell.rstrip(_DIGITS).encode()) - 1
            if not self._another("comment-in-cell", index):
                continue
            finding = Raw(self.file, self.grid.name, cell).finding(
                "comment-in-cell", "warning", "批注未读作数据 (a comment in the cell; not taken as data)",
                "请把要填的内容写入单元格，再删除批注 (what belongs to the answer goes into the cell; then delete the comment)",
            )  # fmt: skip
            (raw if on_a_row else self.builder).findings.append(finding)

    def _owner(self, raw: Raw) -> None:
        if "department" not in self.by_field and self.table.owner:
            raw.values["department"] = self.table.owner

    def _cell(self, row: Row, field: str) -> Any:
        index = self.by_field.get(field)
        return row[index] if index is not None and index < len(row) else None

    # ------------------------------------------------------------ findings

    def _error(self, number: int, index: int, column: Column, why: str) -> None:
        self._finding("unreadable", "error", number, index, f"“{column.zh}”无法识别 (cannot be read as {column.en})", why)

    def _formula(self, number: int, index: int, value: Any) -> None:
        if values.is_blank(value):
            self._warn(
                "formula-without-value", number, index, "公式没有保存结果，按未填写处理 (a formula without a saved value: taken as not answered)",
                "用 Excel 或 WPS 打开并保存，或改为填写数值 (open and save it in Excel or WPS, or type the value in)",
            )  # fmt: skip
        else:
            self._warn(
                "formula", number, index, "公式，读取的是缓存值 (a formula; its cached value was read)", "改为填写数值 (type the value in)"
            )  # fmt: skip

    def _warn(self, code: str, number: int, index: int, message: str, remedy: str) -> None:
        if self._another(code, index):
            self._finding(code, "warning", number, index, message, remedy)

    def _another(self, code: str, index: int) -> bool:
        """Whether one more of these in this column is still listed by itself."""
        seen = self.counts[code, index] = self.counts.get((code, index), 0) + 1
        return seen <= EACH

    def _finding(self, code: str, severity: str, number: int, index: int, message: str, remedy: str) -> None:
        at = address(number, index)
        self.builder.findings.append(Raw(self.file, self.grid.name, at).finding(code, severity, message, remedy))

    def _leftover_counts(self) -> None:
        for (code, index), seen in self.counts.items():
            if seen > EACH:
                self.builder.findings.append(
                    Raw(self.file, self.grid.name, address(self.table.header, index)).finding(
                        code, "warning", f"同列另有 {seen - EACH} 处同类情况 (and {seen - EACH} more in this column)", "同上 (as above)"
                    )
                )
