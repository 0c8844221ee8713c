"""Headers that mean one column or another by what stands below them: 性质 is the department's, unless it says 应用系统 and 数据库."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from orchestrator.inventory.cells import folded, is_blank, plain
from orchestrator.inventory.forms import forms, header_key, match
from orchestrator.inventory.heads import value_by_head
from orchestrator.inventory.sheets.grids import Grid, Row
from orchestrator.inventory.values import listed_choice

_EITHER = {"性质": ("organisation_type", "kind")}
"""Header → the column that it is taken for, and the one that it is where every cell is an answer to that."""


def with_telling_headers(grid: Grid, rows: Sequence[Row]) -> Grid:
    """The grid with such headers in the words of the column that they are. ``rows``: its first rows."""
    for number, row in enumerate(rows):
        if sum(match(forms()["systems"], plain(cell)) is not None for cell in row if isinstance(cell, str)) < 2:
            continue
        renamed = {index: words for index, cell in enumerate(row) if (words := _meant(cell, index, rows[number + 1 :]))}
        return replace(grid, rows=_renamed(grid.rows, number, renamed)) if renamed else grid
    return grid


def _meant(cell: object, index: int, below: Sequence[Row]) -> str:
    """The header in the form's words; empty where it stays."""
    taken, perhaps = _EITHER.get(header_key(plain(cell)), ("", "")) if isinstance(cell, str) else ("", "")
    values = [row[index] for row in below if index < len(row) and not is_blank(row[index])]
    if not taken or not values or any(_answers(taken, value) for value in values) or not all(_answers(perhaps, value) for value in values):
        return ""
    return forms()["systems"].column(perhaps).zh


def _answers(field: str, value: object) -> bool:
    kind = forms()["systems"].column(field).type
    return listed_choice(kind, value) is not None or value_by_head(kind, folded(plain(value))) is not None


def _renamed(rows: Iterator[Row], header: int, words: dict[int, str]) -> Iterator[Row]:
    for number, row in enumerate(rows):
        yield [words.get(index, cell) for index, cell in enumerate(row)] if number == header else row
