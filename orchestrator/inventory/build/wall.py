"""A classified row, or one that is not answered, is a wall: nothing of it reaches its neighbours (R2).

Merged cells that begin on it and formulas that look at it give nothing; texts that repeat what it is called: see ``secrets``.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field, replace

from orchestrator.errors import Finding
from orchestrator.inventory.reading import Raw
from orchestrator.inventory.sheets.grids import Part
from orchestrator.inventory.sheets.header import Line, Table
from orchestrator.texts import say

_ITS_DEPARTMENTS = {"department", "level", "organisation_type"}
_RANGE = re.compile(r"\$?[A-Z]{1,3}\$?(\d{1,7})(?::\$?[A-Z]{1,3}\$?(\d{1,7}))?")
_ANYWHERE = re.compile(r"!|\[|INDIRECT|OFFSET|INDEX|LOOKUP|MATCH|\$?\b[A-Z]{1,3}:\$?[A-Z]{1,3}\b", re.IGNORECASE)


def told_anyway(table: Table) -> set[int]:
    """Columns of which a wall gives what stands there to its neighbours: whose it is, and whether it is classified."""
    return {*table.classified, *(index for index, column in table.columns.items() if column.field in _ITS_DEPARTMENTS)}


@dataclass
class Wall:
    """The rows of one table that nothing may be learnt from; what stands below the table (see ``stacked``) is behind it, too."""

    part: Part = field(default_factory=Part)
    rows: set[int] = field(default_factory=set)
    """From 1, as formulas count them."""
    _formulas: list[tuple[Raw, str, str, str]] = field(default_factory=list)
    """Row, field, cell, formula."""

    def add(self, line: Line) -> None:
        self.rows.add(line.number + 1)

    def without_its_cells(self, line: Line, table: Table) -> Line:
        """The line without what merged cells of a wall put into it; whose row it is, and whether it is classified, they may say."""
        if not line.origins:
            return line
        told = told_anyway(table)
        gone = [index for index, origin in line.origins.items() if origin + 1 in self.rows and index not in told]
        if not gone:
            return line
        cells = list(line.cells)
        for index in gone:
            cells[index] = None
        return replace(line, cells=cells)

    def saw_formula(self, raw: Raw, name: str, cell: str, formula: str) -> None:
        self._formulas.append((raw, name, cell, formula))

    def take_back(self) -> Iterable[Finding]:
        """Values of formulas that look at a wall, once all of them are known; each is a finding."""
        below = self.part.ends_at
        for raw, name, cell, formula in self._formulas if self.rows or below is not None else ():
            if not touches(formula, self.rows, below) or (raw.values.pop(name, None) is None and raw.unknown.pop(name, None) is None):
                continue
            yield Finding(
                "formula-touches-classified", "warning", say("inventory.formula_touches_classified"),
                say("inventory.type_value"), file=raw.file, sheet=raw.sheet, cell=cell,
            )  # fmt: skip


def touches(formula: str, rows: Collection[int], below: int | None = None) -> bool:
    """Whether a formula may look at one of these rows, or at any ``below``. One whose text is not known (shared with another cell) may."""
    if not formula or _ANYWHERE.search(formula):
        return True
    for first, last in _RANGE.findall(formula):
        low, high = sorted((int(first), int(last or first)))
        if any(low <= row <= high for row in rows) or (below is not None and high > below):
            return True
    return False
