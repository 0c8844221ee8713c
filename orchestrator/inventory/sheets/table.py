"""A sheet as an office made it → its tables, one after the other: each header that is understood, and the rows below it."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from orchestrator.inventory.build.signs import office_headed
from orchestrator.inventory.cells import plain, text_of
from orchestrator.inventory.forms import asks_whether_classified, most_headers
from orchestrator.inventory.sheets.grids import MAX_FILLED, Grid, Row
from orchestrator.inventory.sheets.header import Line, Table, may_begin, table_at
from orchestrator.inventory.units import known_units
from orchestrator.inventory.values import listed_choice

HEADER_WITHIN = 2000
"""Rows in which a sheet's first header is looked for."""
_AHEAD = 4
_TITLES = 60
_STAMP = r"(?:\s*\((?:盖章|公章|签章)\))?\s*[::]\s*"
_OWNER = re.compile(rf"(?:填报单位|填表单位|单位名称|填报部门){_STAMP}(\S{{2,60}})")
_BARE_OWNER = re.compile(rf"^\s*(?:单位|部门){_STAMP}(\S{{2,60}})")
_OWNER_ENDS = re.compile(
    r"(?:填表人|填报人|联系人|联系电话|填表日期|填报日期|日期|计量单位|金额单位|单位负责人|负责人|审核)[::]?.*$|\((?:盖章|公章|签章)\)"
)
_UNITS = re.compile(r"单位\s*[::]\s*([^\s()]{1,40})")
_MEASURE = re.compile(
    r"(?:[千万百亿]?元|人民币|美元|台|个|套|项|万?条|人|次|年|月|天|小时|分钟|秒|核|颗|[kmgtp]i?b?|%|[、,,/;()\s])+", re.IGNORECASE
)


@dataclass(frozen=True)
class Unclear:
    """A row that looks like a header and cannot be told: nothing below it is read."""

    number: int


@dataclass(frozen=True)
class Unrecognised:
    """A sheet without a header. ``inventory``: what stands there looks like one all the same."""

    anything: bool
    inventory: bool


class Merges:
    """Values of merged cells: the value holds for every row it spans (and, in a header, every column)."""

    def __init__(self, merged: list[tuple[int, int, int, int]]) -> None:
        self.starts: dict[int, list[tuple[int, int, int, int]]] = {}
        budget = MAX_FILLED
        for top, left, bottom, right in merged:
            budget -= bottom - top + 1
            if budget >= 0 and bottom >= top and right >= left:
                self.starts.setdefault(top, []).append((top, left, bottom, right))
        self.open: list[tuple[int, int, object, int]] = []
        """(last row, column, value, first row)"""

    def line(self, number: int, row: Row) -> Line:
        """The row with what merged cells put into it. Call once a row, in order."""
        filled: set[int] = set()
        self.open = [entry for entry in self.open if entry[0] >= number]
        if not self.open and number not in self.starts:
            return Line(number, row, filled, across=row)
        row = list(row)
        origins: dict[int, int] = {}
        for _, column, value, first in self.open:
            row.extend([None] * (column + 1 - len(row)))
            row[column] = value
            filled.add(column)
            origins[column] = first
        for _, left, bottom, _right in self.starts.get(number, []):
            if bottom > number and left < len(row):
                self.open.append((bottom, left, row[left], number))
        return Line(number, row, filled, origins, self._across(number, row))

    def _across(self, number: int, row: Row) -> Row:
        row = list(row)
        for _, left, _, right in self.starts.get(number, []):
            if left < len(row):
                last = min(right, left + 200)
                row.extend([None] * (last + 1 - len(row)))
                for column in range(left, last + 1):
                    row[column] = row[left]
        return row


def read_tables(grid: Grid) -> Iterator[Table | Line | Unclear | Unrecognised]:
    """Each header with the rows below it, in order; a header that is printed again unchanged is passed over.

    A header with other columns, another order, other units or under another 填报单位 begins a table of its own. Ends with ``Unclear`` at one that cannot be
    understood, and is a lone ``Unrecognised`` when no header is found. Raises ``BadFile`` from the grid's rows.
    """
    merges = Merges(grid.merged)
    ahead = _Ahead(merges.line(number, row) for number, row in enumerate(grid.rows))
    table: Table | None = None
    titles: deque[Line] = deque(maxlen=_TITLES)
    seen = _Seen()
    while window := ahead.window():
        line = window[0]
        found = _begins(window, grid, table)
        if isinstance(found, Unclear):
            yield found
            return
        if found is not None:
            ahead.skip(found.header - line.number + 1)
            above = _titles(titles, table)
            _take_title_units(found, above, table)
            _find_owner(found, above, table)
            found.headed = _office_above(above)
            found.title = " ".join(text_of(cell) for line in above for cell in line.cells if isinstance(cell, str))[:500]
            if table is None or not table.says_the_same(found):
                table = found
                yield table
            else:
                table.header = found.header  # a row of column numbers may stand below this one
            titles.clear()
            continue
        ahead.skip(1)
        titles.append(line)
        if table is not None:
            yield line
        elif line.number - grid.part.begins_at >= HEADER_WITHIN:
            break
        else:
            seen.add(line)
    if table is None:
        yield Unrecognised(seen.anything, seen.looks_like_inventory())


class _Ahead:
    """Lines, with a view of the next few."""

    def __init__(self, lines: Iterable[Line]) -> None:
        self._lines = iter(lines)
        self._next: deque[Line] = deque()

    def window(self) -> list[Line]:
        while len(self._next) < _AHEAD and (line := next(self._lines, None)) is not None:
            self._next.append(line)
        return list(self._next)

    def skip(self, count: int) -> None:
        for _ in range(count):
            self._next.popleft()


def _begins(window: list[Line], grid: Grid, table: Table | None) -> Table | Unclear | None:
    """The header that begins with the first line, if one does."""
    line, sheet = window[0], grid.name if table is None else ""  # further down it may be of another kind than the sheet is called after
    if not any(line.cells):
        return None
    if grid.form and line.number <= grid.header:
        return table_at(window, sheet, grid.form) if line.number == grid.header else None
    if table is None:
        return table_at(window, sheet)
    if line.looks_like_header:
        return table_at(window, sheet) or Unclear(line.number)
    if may_begin(window):
        found = table_at(window, sheet)  # a row of groups above it
        return found if found and found.header > line.number else None
    return None


def _titles(lines: Iterable[Line], before: Table | None) -> list[Line]:
    """The rows right above a header that are no rows of the table before."""
    titles: list[Line] = []
    for line in reversed(list(lines)):
        own = line.own()
        if before is not None and (len(own) > 4 or any(index in own for index in before.classified)):
            break
        titles.insert(0, line)
    return titles


def _take_title_units(table: Table, titles: Iterable[Line], before: Table | None) -> None:
    """计量单位：TB in a title row holds for columns whose header says none; that of the table before where the rows are silent."""
    texts = [plain(cell) for line in titles for cell in line.cells if isinstance(cell, str) and len(cell) < 300]
    said = {part.casefold() for text in texts for found in _UNITS.findall(text) for part in re.split(r"[、,/;]", found)}
    table.title_units = said or (before.title_units if before else set())
    for index, unit in table.units.items():
        column = table.columns.get(index)
        known = sorted(table.title_units & set(known_units(column))) if column and unit == "" else []
        if known:
            table.units[index] = known[0] if len(known) == 1 else None


def _find_owner(table: Table, titles: Sequence[Line], before: Table | None) -> None:
    """填报单位 from the rows above; that of the table before where they are silent."""
    for pattern in (_OWNER, _BARE_OWNER):
        for line in titles:
            for index, cell in enumerate(line.cells):
                found = pattern.search(plain(cell)) if isinstance(cell, str) and index not in line.filled and len(cell) < 300 else None
                owner = _OWNER_ENDS.sub("", found.group(1)).strip() if found else _beside(pattern, line, index)
                if len(owner) >= 2 and not _MEASURE.fullmatch(owner):
                    table.owner, table.owner_at = owner, (line.number, index)
                    return
    if before is not None:
        table.owner, table.owner_at = before.owner, before.owner_at


def _office_above(titles: Sequence[Line]) -> str:
    """The heading that names a table's department: 市民政局, or 市民政局信息系统统计表; the last one, for others are of the sheet."""
    for line in reversed(titles):
        own = line.own()
        text = text_of(line.cells[own[0]]) if len(own) == 1 and own[0] not in line.filled else ""
        if office := office_headed(text):
            return office
    return ""


def _beside(pattern: re.Pattern[str], line: Line, index: int) -> str:
    """填报单位： with the unit in the next cell."""
    if not isinstance(line.cells[index], str) or index in line.filled or not pattern.fullmatch(f"{plain(line.cells[index])}某某"):
        return ""
    return next((text_of(line.cells[at]) for at in line.own() if at > index), "")[:60]


class _Seen:
    """What stands on a sheet whose header is not found: could it be an inventory all the same?"""

    def __init__(self) -> None:
        self.anything = False
        self._columns: list[list[str]] = [[], [], []]
        self._known = False

    def add(self, line: Line) -> None:
        own = line.own()
        self.anything = self.anything or bool(own)
        if self._known or not own:
            return
        for index in own:
            if index < len(self._columns) and len(self._columns[index]) < 200:
                self._columns[index].append(text_of(line.cells[index]))
        words = [text_of(line.cells[index]) for index in own]
        self._known = most_headers(words)[0] >= 3 or _answers(words) >= 3 or any(map(asks_whether_classified, words))

    def looks_like_inventory(self) -> bool:
        return self._known or any(most_headers(column)[0] >= 3 for column in self._columns)


def _answers(words: Iterable[str]) -> int:
    """Of how many choices (层级, 性质, 类别, 建设状态) a row gives the answer."""
    kinds = set()
    for word in words:
        for kind in ("level", "organisation", "kind", "status"):
            if listed_choice(kind, word) is not None:
                kinds.add(kind)
    return len(kinds)
