"""What is told of one sheet while its rows are read: findings at their cells, those of one kind in one column one by one up to a limit."""

from __future__ import annotations

from typing import Any

from orchestrator.inventory import cells
from orchestrator.inventory.build.listed import Findings
from orchestrator.inventory.forms import Column
from orchestrator.inventory.reading import Raw
from orchestrator.inventory.sheets.grids import address

EACH = 50
"""Findings of one kind in one column that are listed one by one; the rest are counted."""


class SheetNotes:
    """Findings about cells; rows and columns count from 0."""

    def __init__(self, file: str, sheet: str, findings: Findings) -> None:
        self.file, self.sheet, self.findings = file, sheet, findings
        self.counts: dict[tuple[str, int], int] = {}
        self.told: set[tuple[str, int]] = set()
        """What is said once of a column."""

    def error(self, number: int, index: int, column: Column, why: str) -> None:
        self.finding("unreadable", "error", number, index, f"“{column.zh}”无法识别 (cannot be read as {column.en})", why)

    def formula(self, number: int, index: int, value: Any) -> None:
        if cells.is_blank(value):
            self.warn(
                "formula-without-value", number, index, "公式没有保存结果，按未填写处理 (a formula without a saved value: taken as not answered)",
                "用 Excel 或 WPS 打开并保存，或改为填写数值 (open and save it in Excel or WPS, or type the value in)",
            )  # fmt: skip
        else:
            self.warn(
                "formula", number, index, "公式，读取的是缓存值 (a formula; its cached value was read)", "改为填写数值 (type the value in)"
            )  # fmt: skip

    def warn(self, code: str, number: int, index: int, message: str, remedy: str) -> None:
        if self.another(code, index):
            self.finding(code, "warning", number, index, message, remedy)

    def another(self, code: str, index: int) -> bool:
        """Whether one more of these in this column is still listed by itself."""
        seen = self.counts[code, index] = self.counts.get((code, index), 0) + 1
        return seen <= EACH

    def first(self, code: str, index: int) -> bool:
        """Whether this is said of this column for the first time."""
        before = len(self.told)
        self.told.add((code, index))
        return len(self.told) > before

    def finding(self, code: str, severity: str, number: int, index: int, message: str, remedy: str) -> None:
        at = address(number, index)
        self.findings.append(Raw(self.file, self.sheet, at).finding(code, severity, message, remedy))

    def leftover_counts(self, header: int) -> None:
        """How many more there were, at the header's row."""
        for (code, index), seen in self.counts.items():
            if seen > EACH:
                self.findings.append(
                    Raw(self.file, self.sheet, address(header, index)).finding(
                        code, "warning", f"同列另有 {seen - EACH} 处同类情况 (and {seen - EACH} more in this column)", "同上 (as above)"
                    )
                )
