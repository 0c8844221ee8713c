"""同上, 〃: what stands above in the same column, as if its cell were merged with that: what a wall gives its neighbours is decided in one place (``wall``)."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from orchestrator.inventory.cells import is_blank, text_of
from orchestrator.inventory.sheets.header import Line
from orchestrator.texts import Words, say

DITTO = {"同上", "同前", "上同", "如上", "〃", "〞", "″", "＂", '"', "''", "”", "“", "ditto", "do."}


@dataclass
class Dittos:
    """Of one table. ``resolve`` each row, ``saw`` each that is somebody's."""

    count: int = 0
    _above: dict[int, tuple[int, Any]] = field(default_factory=dict)
    """Column → the row on which its last value stands, and that."""

    def resolve(self, line: Line) -> Line:
        """The line with what its signs stand for, and the rows on which that stands."""
        signs = [index for index in line.own() if _is_ditto(line.cells[index])]
        if not signs:
            return line
        cells, origins = list(line.cells), dict(line.origins)
        for index in signs:
            origins[index], cells[index] = self._above.get(index, (line.number, None))
        self.count += len(signs)
        return replace(line, cells=cells, origins=origins)

    def told(self) -> Words:
        """How many there were, for people; empty where there was none."""
        return say("inventory.dittos", count=self.count) if self.count else ""

    def saw(self, line: Line) -> None:
        for index, cell in enumerate(line.cells):
            if not is_blank(cell) and not _is_ditto(cell):
                self._above[index] = (line.origins.get(index, line.number), cell)


def _is_ditto(cell: Any) -> bool:
    return isinstance(cell, str) and len(cell) <= 8 and text_of(cell).casefold() in DITTO
