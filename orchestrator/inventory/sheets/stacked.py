"""Different tables one below the other on a sheet: each is read as a sheet of its own, its cells staying where they are.

Tables of the form below each other are one sheet's (see ``table``): they share their 填报单位, their units, and what is stated of the sheet. Another
table begins where a header stands that no form knows: that of a known kind of table, one whose words speak for themselves, or words over numbers. Right below the rows of a
table, without a blank row, a title or a total between, it must also stand over other things than they do: no row of data is taken for a header.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from enum import Enum
from typing import TYPE_CHECKING, Any

from orchestrator.inventory.answers import classified
from orchestrator.inventory.cells import is_blank, plain, text_of
from orchestrator.inventory.forms import whole_key
from orchestrator.inventory.sheets.foreign import recognise, without_unit
from orchestrator.inventory.sheets.grids import Grid, Part, Row, address
from orchestrator.inventory.sheets.header import Line, may_begin, table_at
from orchestrator.inventory.sheets.header_cells import HeaderCells, likeliest_header
from orchestrator.inventory.sheets.label_forms import is_label_form, is_on_its_side
from orchestrator.inventory.sheets.lost import number_column, says_total
from orchestrator.inventory.sheets.proposing import propose_columns
from orchestrator.inventory.sheets.rowkind import numbers_columns
from orchestrator.inventory.sheets.table import Merges

if TYPE_CHECKING:
    from orchestrator.inventory.build.builder import Builder

_AHEAD = 12
_FEWEST = 3
"""Texts that a header has at least."""
_TITLE = re.compile(r"^附?[表件][一二三四五六七八九十\d]|(?:表|清单|登记|一览|台账|明细|汇总|情况|信息|目录|名录)(?:[(（].*)?$")
_BEFORE = 3
"""Rows above that are looked at for what they have in their columns."""


class _Whose(Enum):
    OURS = "a header that a form knows"
    ANOTHERS = "one that none does"


def split_stacked(grid: Grid, first: Sequence[Row], builder: Builder) -> Iterable[Grid]:
    """The sheet's tables. ``first``: its first rows. Each table must be read to its end before the next one is asked for."""
    if is_label_form(builder.foreign, first) or is_on_its_side(builder.foreign, first):
        if recognise(builder.foreign, grid.name, first, grid.merged) is None:
            return [grid]
        return _Stack(grid, builder, below_labels=True).tables()
    return _Stack(grid, builder).tables()


class _Stack:
    """The rows of a sheet, handed out table by table."""

    def __init__(self, grid: Grid, builder: Builder, *, below_labels: bool = False) -> None:
        self.grid, self.builder, self.below_labels = grid, builder, below_labels
        self.number = 0
        """Of the next row."""
        self.whose: _Whose | None = _Whose.OURS if below_labels else None
        """Whose header the next row stands below."""
        self._header: list[str] = []
        """Its words, where it is another's."""
        self._classified: list[int] = []
        """Of the last header of ours, the columns that say whether a row is classified."""
        sources = [source for source in builder.foreign if source.about != "pairs" and source.is_whole]
        self._sources = sources
        self._known_by = {key(name) for source in sources for names in source.known_by[:1] for name in names for key in (whole_key, lambda words: without_unit(words)[0])}
        """Words that are in the header of any known kind of table."""
        self._header_rows = range(0)
        """The further rows of the last header that was recognised."""
        self._is_again = False
        """Whether it was printed before."""
        self._words: dict[str, bool] = {}
        self._tables = any(source.table for source in sources)
        self._lines = self._with_merged_cells()
        self._ahead: deque[tuple[Row, Line]] = deque()
        self._before: deque[Line] = deque(maxlen=_BEFORE)

    def tables(self) -> Iterator[Grid]:
        while self._look_ahead():
            table = replace(self.grid, part=Part(self.number, title=_lone(self._before[-1]) if self._before else ""))
            table.rows = self._rows(table.part)
            if self.number:  # what a formula looks at may be a classified row of the table above
                table.rows, table.formulas = _without(table.rows, self.grid.formulas), {}
            yield table
            deque(table.rows, maxlen=0)  # whoever read it may have had enough

    def _with_merged_cells(self) -> Iterator[tuple[Row, Line]]:
        merges = Merges(self.grid.merged)
        return ((row, merges.line(number, row)) for number, row in enumerate(self.grid.rows))

    def _look_ahead(self) -> bool:
        while len(self._ahead) < _AHEAD and (line := next(self._lines, None)) is not None:
            self._ahead.append(line)
        return bool(self._ahead)

    def _rows(self, part: Part) -> Iterator[Row]:
        """Blank ones for those of the tables above, then its own up to the next table's header."""
        for _ in range(part.begins_at):
            yield []
        self._before.clear()
        is_first = True
        while self._look_ahead():
            row, line = self._ahead[0]
            begins = self._begins()
            if begins is not None and self.whose is not None and not is_first and _Whose.ANOTHERS in {begins, self.whose}:
                if begins is self.whose and self._header == self._header_words():
                    row, self._is_again = [], True  # printed again on the next page
                else:
                    part.ends_at = self.number
                    return
            elif begins is not None:
                self.whose, self._header, self._is_again = begins, self._header_words(), False
            elif self._is_again and (self.number in self._header_rows or (0 <= self.number - self._header_rows.stop <= 1 and numbers_columns([plain(line.cells[index]) for index in line.own()]))):
                row = []  # with the numbers of its columns
            is_first = False
            self._ahead.popleft()
            self.number += 1
            self._before.append(line)
            yield row

    def _header_words(self) -> list[str]:
        """Those of the header that begins with the next row."""
        rows = len(self._header_rows) + 1 if self.number + 1 == self._header_rows.start else 1
        return [words for _, line in list(self._ahead)[:rows] for words in _words(line)]

    def _begins(self) -> _Whose | None:
        """Whose header begins with the next row; None: none does."""
        line = self._ahead[0][1]
        own = line.own()
        if self.number in self._header_rows:
            return None
        if len(own) > 1 and self._is_recognised():
            return _Whose.ANOTHERS  # what was said of this table is said of no other one
        if self.below_labels or len(own) < _FEWEST or not all(isinstance(line.cells[index], str) for index in own) or numbers_columns([plain(line.cells[index]) for index in own]):
            return None
        is_apart = not self._before or _divides(self._before[-1])
        window = [line for _, line in list(self._ahead)[:4]]
        if self.whose is None or may_begin(window):
            table = table_at(window, self.grid.name)
            if table is not None:
                self._classified = table.classified
                return _Whose.OURS
        elif not is_apart and not self._stands_over_others(line):
            return None
        return _Whose.ANOTHERS if self._is_anothers(is_apart=is_apart) else None

    def _stands_over_others(self, line: Line) -> bool:
        """Whether a column has text here, and nothing but numbers in the rows above."""
        if len(self._before) < 2:
            return False
        return any(
            not _is_number(line.cells[index]) and all(index < len(above.cells) and _is_number(above.cells[index]) for above in self._before)
            for index in line.own()
        )

    def _merged(self) -> list[tuple[int, int, int, int]]:
        """The merged cells from the next row on, as if it were the first."""
        return [(top - self.number, left, bottom - self.number, right) for top, left, bottom, right in self.grid.merged if top >= self.number]

    def _is_recognised(self) -> bool:
        """Whether the header of a known kind of table begins with the next row. Most rows are told at once by their words."""
        line = self._ahead[0][1]
        texts = [text_of(line.cells[index]) for index in line.own()] + [text_of(cell) for _, below in list(self._ahead)[1:2] for cell in below.cells]
        if not any(map(self._may_be_known_by, texts)) and not (self._tables and (not self._before or _divides(self._before[-1]))):
            return False
        known = recognise(self._sources, self.grid.name, [row for row, _ in list(self._ahead)[:3]], self._merged())
        if known is None or known.header - known.heads.rows + 1 != 0:
            return False
        self._header_rows = range(self.number + 1, self.number + known.header + 1)
        return True

    def _may_be_known_by(self, text: str) -> bool:
        if text not in self._words:
            self._words[text] = whole_key(text) in self._known_by or without_unit(text)[0] in self._known_by
        return self._words[text]

    def _is_anothers(self, *, is_apart: bool) -> bool:
        rows: list[Row] = []
        for row, line in self._ahead:
            if rows and (not line.own() or (len(rows) > 1 and line.looks_like_header)):
                break
            rows.append(row)
        heads = likeliest_header(rows, self._merged())
        if heads is None or heads.row - heads.rows + 1 != 0 or self._go_on_below(heads, rows):
            return False
        if is_apart and self.whose is not None and _numbers_its_rows(heads, rows):
            return True
        proposed = propose_columns(heads, rows[heads.row + 1 :], self.grid.name, self.builder.names_of_systems())
        if proposed is None:
            return is_apart and self.whose is not None and _stands_over_numbers(heads, rows)
        spoken = sum(guess.spoken for guess in proposed.columns.values())
        if is_apart and self._before and _is_title(self._before[-1]):
            return spoken >= 2
        return spoken * 2 >= len(heads.words) and spoken >= (2 if is_apart else 3)

    def _go_on_below(self, heads: HeaderCells, rows: Sequence[Row]) -> bool:
        """Whether the rows below answer what the table above asks, and no word of this row does: it is one of theirs."""
        asked = [index for index in self._classified if index not in heads.words]
        return any(index < len(row) and classified(row[index]) is not None for row in rows[heads.row + 1 :] for index in asked)


def _numbers_its_rows(heads: HeaderCells, rows: Sequence[Row]) -> bool:
    """Whether one of its words is 序号 or 编号, which no row of data holds, and numbers or codes stand below."""
    column = number_column(heads.own)
    below = [plain(row[column]) for row in rows[heads.row + 1 :] if column is not None and column < len(row) and not is_blank(row[column])]
    return bool(below) and all(any(map(str.isdigit, text)) for text in below)


def _is_title(line: Line) -> bool:
    """表二 服务器登记; 二、设备清单."""
    return bool(_TITLE.search(_lone(line)))


def _lone(line: Line) -> str:
    """The only text of a row; empty where it has others."""
    own = line.own()
    return plain(line.cells[own[0]]) if len(own) == 1 else ""


def _stands_over_numbers(heads: HeaderCells, rows: Sequence[Row]) -> bool:
    """Whether a column is text in this row, and numbers in all below."""
    below = rows[heads.row + 1 :]
    return len(below) >= 2 and any(all(index < len(row) and _is_number(row[index]) for row in below) for index in heads.words)


def _without(rows: Iterator[Row], formulas: Iterable[str]) -> Iterator[Row]:
    known = set(formulas)
    for number, row in enumerate(rows):
        yield [None if cell is not None and address(number, column) in known else cell for column, cell in enumerate(row)] if known else row


def _divides(line: Line) -> bool:
    """Whether a table may end with this row: one without more than a title, a note or signatures, or one of totals."""
    own = line.own()
    return len(own) < _FEWEST or says_total(text_of(line.cells[own[0]]))


def _words(line: Line) -> list[str]:
    return [text_of(line.cells[index]) for index in line.own()]


def _is_number(cell: Any) -> bool:
    return not is_blank(cell) and plain(cell).replace(".", "").isdigit()
