"""What stands beside a form, behind an empty column, and is none of its columns: how to fill it in, lists of codes, who is to be called. It is told that it
is there, and nothing of it is read."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from orchestrator.errors import Finding
from orchestrator.inventory.cells import is_blank, plain, text_of
from orchestrator.inventory.forms import forms, header_key, match, most_headers
from orchestrator.inventory.reading import Raw
from orchestrator.inventory.sheets.archive import column_of
from orchestrator.inventory.sheets.grids import Grid, Row, address
from orchestrator.inventory.sheets.header import Line
from orchestrator.inventory.sheets.notes_below import heads_people, says_notes
from orchestrator.texts import say

_FEWEST = 3
"""Headers that a form has at least."""
_CODES = {"代码", "编码", "取值", "选项", "可选项", "含义", "指标", "字段", "填写要求", "填写示例", "示例", "释义"}
_OF_CODES = _CODES | {"名称", "说明", "备注", "序号", "要求", "类别", "类型", "分类"}
_SENTENCE = re.compile(r"^(?:[(（]?\d{1,2}[)）.、．:：]|[①-⑳]|注[:：]|\*|※)|[。；]$")
_LONG = 25


@dataclass(frozen=True)
class Beside:
    """``column``: the first that is not the form's; ``row``: the first row with something there; ``rows``: how many of the first rows have something."""

    column: int
    row: int
    rows: int

    def told(self, file: str, sheet: str) -> Finding:
        says = say("inventory.notes_beside", column=address(0, self.column)[:-1])
        return Raw(file, sheet, address(self.row, self.column)).finding("notes-beside", "warning", says, say("inventory.move_into_table"))


def find_notes_beside(grid: Grid, first: Sequence[Row]) -> Beside | None:
    """The first block to the right of the form's header, behind an empty column, that is no part of it."""
    header = next((number for number, row in enumerate(first) if most_headers(map(text_of, row))[0] >= _FEWEST), None)
    if header is None:
        return None
    width = max(map(len, first))
    heads = {column: text_of(cell) for column, cell in enumerate(first[header]) if not is_blank(cell)}
    for begin, end in _blocks(grid, first, header, width):
        if begin <= min(heads):
            continue
        own = {column: words for column, words in heads.items() if begin <= column < end}
        if _are_notes(first, header, own, [words for column, words in heads.items() if column < begin], (begin, end)):
            rows = [number for number, row in enumerate(first) if any(not is_blank(cell) for cell in row[begin:])]
            return Beside(begin, rows[0], len(rows))
    return None


def without_notes(grid: Grid, beside: Beside) -> Grid:
    """The sheet without those columns. What a title says above them is theirs."""
    end = beside.column

    def is_form(cell: str) -> bool:
        return column_of(cell.rstrip("0123456789").encode()) - 1 < end

    return replace(
        grid, rows=(row[:end] for row in grid.rows), merged=[span for span in grid.merged if span[1] < end], comments=set(filter(is_form, grid.comments)),
        errors=set(filter(is_form, grid.errors)), formulas={cell: formula for cell, formula in grid.formulas.items() if is_form(cell)},
    )  # fmt: skip


def _blocks(grid: Grid, first: Sequence[Row], header: int, width: int) -> Iterator[tuple[int, int]]:
    """Columns between columns that are empty from the header on; a merged cell that spans one joins what is beside it."""
    filled = [any(column < len(row) and not is_blank(row[column]) for row in first[header:]) for column in range(width)]
    for top, left, bottom, right in grid.merged:
        if bottom >= header and top < len(first):
            filled[left : right + 1] = [True] * (min(right + 1, width) - left)
    begin = None
    for column, there in enumerate([*filled, False]):
        if there and begin is None:
            begin = column
        elif not there and begin is not None:
            yield begin, column
            begin = None


def _are_notes(first: Sequence[Row], header: int, own: dict[int, str], others: Sequence[str], block: tuple[int, int]) -> bool:
    """``own``: the block's words on the header's row; ``others``: those to its left."""
    begin, end = block
    cells = [text_of(cell) for row in first for cell in row[begin:end] if not is_blank(cell)]
    above = [text_of(cell) for row in first[:header] for cell in row[begin:end] if not is_blank(cell)]
    if any(map(says_notes, [*above, *own.values()])):
        return True
    form = forms()["systems"]
    if not own:  # under no header: none of the form's columns, whatever it is; a lone word may be a signature's
        below = {text_of(cell) for row in first[header : header + 3] for cell in row[begin:end]}
        return not any(match(form, word) for word in below) and (len(cells) > 1 or any(map(_is_sentence, cells)))
    words = [header_key(word) for word in own.values()]
    if set(words) & _CODES and set(words) <= _OF_CODES:
        return True
    if heads_people(Line(header, [None] * begin + list(first[header][begin:end]))) and _has_people(others):
        return True
    known = [column.field for word in own.values() if (column := match(form, word)) is not None]
    if known:
        return False
    sentences = [cell for cell in cells if cell not in own.values() and _is_sentence(cell)]
    return len(sentences) * 2 > len(cells) - len(own) > 0


def _is_sentence(text: str) -> bool:
    return bool(_SENTENCE.search(plain(text))) or len(text) > _LONG


def _has_people(others: Sequence[str]) -> bool:
    """Whether the form asks whom to call itself: then further people beside it are none of its columns."""
    return any(header_key(word) in {"联系人", "联系电话", "电话"} for word in others)
