"""A column that asks the other way round: 是否非涉密, 非涉密 with a tick. Read as 是否涉密 with its yes and no turned, and shown so.

Taken for 是否涉密 it would leave out what is to be moved, and read what is classified (R2).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from orchestrator.inventory.answers import classified, without_option, yes_no
from orchestrator.inventory.boxes import ticked
from orchestrator.inventory.cells import Unreadable, is_blank, text_of
from orchestrator.inventory.forms import forms, match
from orchestrator.inventory.sheets.grids import Grid, Row
from orchestrator.inventory.sheets.rowkind import numbers_columns
from orchestrator.inventory.sheets.secrecy import asks_the_other_way


@dataclass(frozen=True)
class DeniedQuestion:
    header: int
    column: int
    words: str


def find_denied_questions(rows: Sequence[Row]) -> list[DeniedQuestion]:
    """In the first of these rows that is a header, or part of one, and has some."""
    for number, row in enumerate(rows):
        heads = {index: text_of(cell) for index, cell in enumerate(row) if isinstance(cell, str) and text_of(cell)}
        above = rows[max(0, number - 2) : number]
        if _known(row) < 2 and not (any(_known(one) >= 2 for one in above) and len(heads) == _known(row) + sum(map(asks_the_other_way, heads.values()))):
            continue  # neither a header, nor the last row of one: that holds nothing else
        denied = [DeniedQuestion(number, index, words) for index, words in heads.items() if asks_the_other_way(words)]
        if answered := [question for question in denied if _is_answered(question, rows[number + 1 :])]:
            return answered
    return []


def _known(row: Row) -> int:
    """How many of its texts are headers of the form."""
    return sum(match(forms()["systems"], text_of(cell)) is not None for cell in row if isinstance(cell, str) and text_of(cell))


def _is_answered(question: DeniedQuestion, below: Sequence[Row]) -> bool:
    """Whether what stands below are answers: most of it, for under 非涉密系统 there may be names; under 是否非涉密 one will do."""
    cells = [row[question.column] for row in below if question.column < len(row) and not is_blank(row[question.column])]
    said = [cell for cell in cells if text_of(cell) != question.words]
    answers = [_yes_or_no(cell) is not None or classified(cell) is not None for cell in said]
    return any(answers) and ("是否" in question.words or sum(answers) * 2 > len(answers))


def with_straight_questions(grid: Grid, denied: Sequence[DeniedQuestion]) -> Grid:
    """The grid with such columns as the form asks them. What is neither yes nor no (非涉密, 机密) says it itself and stays."""
    return replace(grid, rows=_straight(grid.rows, {question.column: question for question in denied}))


def _straight(rows: Iterator[Row], denied: Mapping[int, DeniedQuestion]) -> Iterator[Row]:
    header = max(question.header for question in denied.values())
    for number, row in enumerate(rows):
        line = list(row)
        if number in {header + 1, header + 2} and numbers_columns([text for cell in row if (text := text_of(cell))]):
            yield line  # the F among A, B, C is no answer
            continue
        for index, question in denied.items():
            if index >= len(line):
                continue
            if text_of(line[index]) == question.words:  # the header, on each page
                line[index] = forms()["systems"].column("classified").zh
            elif number > question.header:
                line[index] = _turned(line[index])
        yield line


def _turned(cell: Any) -> Any:
    answer = _yes_or_no(cell)
    return cell if answer is None else "否" if answer else "是"


def _yes_or_no(cell: Any) -> bool | None:
    """A plain yes or no, ticked or typed; None for everything else (有线电视系统)."""
    try:
        read = yes_no(without_option(ticked(cell)))
    except Unreadable:
        return None
    return read.value if isinstance(read.value, bool) and not read.understood else None
