"""On which row the system of a row is named: decided before it is decided whether the row may be read."""

from __future__ import annotations

from collections.abc import Collection

from orchestrator.inventory.cells import text_of
from orchestrator.inventory.names import key
from orchestrator.inventory.sheets.header import Line, Table
from orchestrator.inventory.sheets.row_cells import at
from orchestrator.inventory.sheets.secrecy import is_silent


class WhoseRow:
    """Of one table. Ask ``began`` of each row that is somebody's, in order, with what merged cells and 同上 put into it. ``walls``: rows (from 1)
    that nothing may be learnt from."""

    def __init__(self, table: Table, walls: Collection[int]) -> None:
        self.table, self.walls = table, walls
        self._above: Line | None = None
        self._began = 0

    def name(self, line: Line) -> str:
        """The key of its system's name."""
        return key(text_of(at(line.cells, self.table.name_at))) if self.table.name_at is not None else ""

    def began(self, line: Line) -> int:
        """Where the merged cell begins that names its system, or what 同上 stands for; of a row without a name, a number and an answer below one
        that may not be read, where that one's is named. Further rows are further servers of one system."""
        above, index = self._above, self.table.name_at
        if index is not None and self.name(line):
            self._began = line.origins.get(index, line.number)
        elif above is None or above.number + 1 not in self.walls or not self.name(above) or self._begins_itself(line, above):
            self._began = line.number
        else:
            return self._began  # ``above`` stays: it is the last one with a name
        self._above = line
        return self._began

    def _begins_itself(self, line: Line, above: Line) -> bool:
        """Whether a row without a name is somebody else's than the row above: it has a number, another department, or an answer of its own."""
        number, department = self.table.by_field.get("row_no", self.table.number_at), self.table.by_field.get("department")
        if number in line.own() or any(not is_silent(line.cells[index]) for index in self.table.classified if index in line.own()):
            return True
        return department in line.own() and key(text_of(at(line.cells, department or 0))) != key(text_of(at(above.cells, department or 0)))
