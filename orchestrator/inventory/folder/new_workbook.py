"""A new xlsx, written cell by cell: no text ever becomes a formula, a link or a number."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from xlsxwriter import Workbook
    from xlsxwriter.worksheet import Worksheet

_ILLEGAL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff\ud800-\udfff]")
_LONGEST = 32_767
_OBEYED = tuple("=+-@\t\r")
"""Signs at the beginning of a text that a spreadsheet program obeys once somebody has edited the cell, unless the cell is quoted."""


class NewWorkbook:
    """Sheets, and cells in looks that are each made once."""

    def __init__(self, workbook: Workbook) -> None:
        self._workbook = workbook
        self._looks: dict[tuple[tuple[str, Any], ...], Any] = {}

    def add_sheet(self, name: str) -> Worksheet:
        return self._workbook.add_worksheet(name)

    def put(self, sheet: Worksheet, row: int, column: int, value: Any, **look: Any) -> None:
        """Write a value as what it is; rows and columns count from 0. ``look``: properties of a format, e.g. ``bold=True``."""
        if isinstance(value, bool):
            sheet.write_boolean(row, column, value, self._look(look))
        elif isinstance(value, int | float):
            sheet.write_number(row, column, value, self._look(look))
        elif value is not None:
            text = _ILLEGAL.sub("\ufffd", str(value))[:_LONGEST]
            quoted = {"quote_prefix": True} if text.startswith(_OBEYED) else {}
            sheet.write_string(row, column, text, self._look({**look, **quoted}))
        elif look:
            sheet.write_blank(row, column, None, self._look(look))

    def _look(self, look: dict[str, Any]) -> Any:
        key = tuple(sorted(look.items()))
        if look and key not in self._looks:
            self._looks[key] = self._workbook.add_format(look)
        return self._looks.get(key)


@contextmanager
def new_workbook(path: Path) -> Iterator[NewWorkbook]:
    """A workbook that replaces ``path`` when the block ends: whole or not at all."""
    from xlsxwriter import Workbook

    staged = path.with_name(f".{path.name}.part")
    try:
        with staged.open("wb") as file:  # xlsxwriter closes what it is given a name for by itself, errors and all
            workbook = Workbook(file, {"in_memory": True})
            yield NewWorkbook(workbook)
            workbook.close()
        staged.replace(path)
    finally:
        staged.unlink(missing_ok=True)
