"""A row of units below a header (核 ｜ GB ｜ TB), whoever's header it is: its units go into the header's own cells, once and before anybody reads the sheet,
and the row is nobody's."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from orchestrator.inventory.cells import is_blank, plain, text_of
from orchestrator.inventory.sheets.grids import Grid, Row
from orchestrator.inventory.sheets.rowkind import numbers_columns
from orchestrator.inventory.units import is_measure, is_unit

_DEEPEST = 4
"""Rows above that a header and the numbers of its columns may take."""
_LABEL = re.compile(r"^[(（]?(?:计量|计算|数据)?单位[)）]?[:：]?")
_GUIDE = re.compile(r"必填|选填|全称|简称|文本|文字|数[字值]|日期|[是有][/或][否无]|单选|多选|下拉(?:选择)?|请?选择|请?填写(?:单位)?|[/—–-]+")
"""What may stand beside units: how a column is to be filled in."""


def with_units(grid: Grid) -> Grid:
    """The sheet with units in its headers: 内存 over GB is 内存(GB)."""
    return replace(grid, rows=_with_units(grid.rows))


def _with_units(rows: Iterator[Row]) -> Iterator[Row]:
    above: deque[Row] = deque()
    for row in rows:
        units, rest = _units(row)
        heads = _heads_of(units, above) if units else {}
        for index, head in heads.items():
            head[index] = f"{text_of(head[index])}({units[index]})"
        above.append(rest if heads else row)
        if len(above) > _DEEPEST:
            yield above.popleft()
    yield from above


def _units(row: Row) -> tuple[dict[int, str], Row]:
    """Column → its unit, and what the row holds besides: nothing, or where it holds several units beyond doubt, any words (是 ｜ 否 ｜ GB ｜ 万人)."""
    found: dict[int, str] = {}
    rest: Row = list(row)
    clear = 0
    is_mixed = has_guides = False
    for index, cell in enumerate(row):
        if is_blank(cell):
            continue
        if not isinstance(cell, str) or any(map(str.isdigit, plain(cell))):
            return {}, row
        text = plain(cell).strip("()[]（）【】<> ")
        said = _LABEL.sub("", text)
        rest[index] = None
        if is_measure(said) or (is_unit(plain(cell)) and "单位" not in text):
            found[index] = said
            clear += is_measure(said) and (len(said) > 1 or not said.isascii())
        elif _GUIDE.fullmatch(text):
            has_guides = True
        elif found or not _LABEL.fullmatch(text):
            rest[index], is_mixed = cell, True
    return (found, rest if is_mixed else []) if clear >= 2 or not (is_mixed or has_guides) else ({}, row)


def _heads_of(units: dict[int, str], above: Sequence[Row]) -> dict[int, Row]:
    """The header's row for each column that has one: the nearest text above, no row with numbers of its own being one's."""
    heads: dict[int, Row] = {}
    for row in reversed(above):
        filled = [cell for cell in row if not is_blank(cell)]
        if numbers_columns([plain(cell) for cell in filled]):
            continue
        if not all(isinstance(cell, str) and not _is_number(cell) for cell in filled):
            break
        for index in units:
            if index not in heads and index < len(row) and not is_blank(row[index]):
                heads[index] = row
        if len(heads) == len(units):
            break
    return heads


def _is_number(cell: Any) -> bool:
    return plain(cell).replace(".", "").isdigit()
