"""What is told of one sheet while its rows are read: findings at their cells, those of one kind in one column one by one up to a limit."""

from __future__ import annotations

from typing import Any

from orchestrator.inventory import cells
from orchestrator.inventory.build.listed import Findings
from orchestrator.inventory.forms import Column
from orchestrator.inventory.reading import Interpretation, Raw
from orchestrator.inventory.sheets.grids import address
from orchestrator.inventory.sheets.header import Line
from orchestrator.inventory.sheets.rowkind import Kind
from orchestrator.texts import Words, say

_PASSED = {
    Kind.TOTAL: ("合计", say("inventory.passed_total")),
    Kind.NOTE: ("说明", say("inventory.passed_note")),
    Kind.EXAMPLE: ("示例", say("inventory.passed_example")),
}
"""What is listed of a row that is nobody's: none of its words, for they may be about anyone."""
EACH = 50
"""Findings of one kind in one column that are listed one by one; the rest are counted."""


class SheetNotes:
    """Findings about cells; rows and columns count from 0."""

    def __init__(self, file: str, sheet: str, findings: Findings) -> None:
        self.file, self.sheet, self.findings = file, sheet, findings
        self.counts: dict[tuple[str, int], int] = {}
        self.told: set[tuple[str, int]] = set()
        """What is said once of a column."""

    def error(self, number: int, index: int, column: Column, form: Words) -> None:
        self.finding("unreadable", "error", number, index, say("inventory.unreadable", column=column.name), form)

    def formula(self, number: int, index: int, value: Any) -> None:
        if cells.is_blank(value):
            self.warn(
                "formula-without-value", number, index, say("inventory.formula_without_value"),
                say("inventory.save_or_type"),
            )  # fmt: skip
        else:
            self.warn(
                "formula", number, index, say("inventory.formula"), say("inventory.type_value")
            )  # fmt: skip

    def warn(self, code: str, number: int, index: int, says: Words, mend: Words) -> None:
        if self.another(code, index):
            self.finding(code, "warning", number, index, says, mend)

    def another(self, code: str, index: int) -> bool:
        """Whether one more of these in this column is still listed by itself."""
        seen = self.counts[code, index] = self.counts.get((code, index), 0) + 1
        return seen <= EACH

    def first(self, code: str, index: int) -> bool:
        """Whether this is said of this column for the first time."""
        before = len(self.told)
        self.told.add((code, index))
        return len(self.told) > before

    def finding(self, code: str, severity: str, number: int, index: int, says: Words, mend: Words) -> None:
        at = address(number, index)
        self.findings.append(Raw(self.file, self.sheet, at).finding(code, severity, says, mend))

    def passed(self, line: Line, what: Kind, *, heads: bool) -> Interpretation | None:
        """How a row that holds no data was understood; that it was not is told. ``heads``: it is a section's heading."""
        at = address(line.number, (line.own() or [0])[0])
        if what is Kind.ODD and heads:
            return Interpretation(self.file, self.sheet, at, "小标题", say("inventory.passed_heading"))
        if what is Kind.ODD:
            self.warn("row-skipped", line.number, 0, say("inventory.row_skipped"), say("inventory.complete_or_remove"))
        return Interpretation(self.file, self.sheet, at, *_PASSED[what]) if what in _PASSED else None

    def leftover_counts(self, header: int) -> None:
        """How many more there were, at the header's row."""
        for (code, index), seen in self.counts.items():
            if seen > EACH:
                self.findings.append(
                    Raw(self.file, self.sheet, address(header, index)).finding(
                        code, "warning", say("inventory.more_in_column", count=seen - EACH), say("inventory.as_above")
                    )
                )
