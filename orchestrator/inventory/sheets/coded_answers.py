"""Columns whose header says what their codes mean: 是否涉密（0-是，1-否）, 状态（1已建 2在建 3停用）, 涉密（A.是 B.否）. Cells are read as the words; what is no code of
theirs stays as it is. Without this a 0 would be a no, whatever the header says."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from orchestrator.inventory.answers import classified
from orchestrator.inventory.cells import plain, text_of
from orchestrator.inventory.forms import forms, match
from orchestrator.inventory.sheets.grids import Grid, Row
from orchestrator.inventory.sheets.rowkind import numbers_columns

_BRACKET = re.compile(r"[(\[【{]([^)\]】}]*)[)\]】}]|[:]\s*(\S.*)$")
_PAIR = re.compile(r"([0-9a-z])\s*[.、:=\-—~]?\s*(?:代表|表示|为)?\s*([\u4e00-\u9fff]{1,8}?)(?=$|[\s,;、/。|]|[0-9a-z])")
_CODE = re.compile(r"([0-9a-z])(?:\.0)?(?:\s*[.、:=\-—]?\s*([\u4e00-\u9fff]{1,8}))?")
_KNOWN = 2
"""Headers of the form that a row of them holds at least."""


@dataclass(frozen=True)
class CodedAnswers:
    header: int
    column: int
    words: Mapping[str, str]
    """Code, in small letters → the word for it."""


def codes_of(header: str) -> dict[str, str]:
    """What a header says that its codes mean; empty where it says nothing, or not clearly."""
    for found in _BRACKET.finditer(plain(header).casefold()):
        pairs = _PAIR.findall(found[1] or found[2] or "")
        codes = [code for code, _ in pairs]
        if len(pairs) >= 2 and len(set(codes)) == len(codes) and (all(map(str.isdigit, codes)) or not any(map(str.isdigit, codes))):
            return dict(pairs)
    return {}


def find_coded_answers(rows: Sequence[Row]) -> list[CodedAnswers]:
    """In the headers among these rows."""
    found: list[CodedAnswers] = []
    for number, row in enumerate(rows):
        heads = {column: cell for column, cell in enumerate(row) if isinstance(cell, str) and cell}
        if sum(match(forms()["systems"], text_of(cell)) is not None for cell in heads.values()) < _KNOWN:
            continue
        found += [CodedAnswers(number, column, words) for column, cell in heads.items() if (words := codes_of(cell))]
    return found


def with_words(grid: Grid, coded: Sequence[CodedAnswers]) -> Grid:
    """The grid with words for the codes."""
    return replace(grid, rows=_translated(grid.rows, coded))


def _translated(rows: Iterator[Row], coded: Sequence[CodedAnswers]) -> Iterator[Row]:
    last = max(answers.header for answers in coded)
    for number, row in enumerate(rows):
        line = list(row)
        if not (number <= last + 2 and numbers_columns([text for cell in row if (text := text_of(cell))])):
            for answers in coded:
                if answers.header < number and answers.column < len(line):
                    line[answers.column] = _word(line[answers.column], answers.words)
        yield line


def _word(cell: Any, words: Mapping[str, str]) -> Any:
    """A code alone, or with its own word; one with another word is none of them. 1否 where 1 is 是 says both, and is no answer."""
    said = _CODE.fullmatch(plain(cell).casefold())
    if said is None or said[1] not in words:
        return cell
    word = words[said[1]]
    if not said[2] or said[2] == word:
        return word
    return f"{word}、{said[2]}" if {classified(word), classified(said[2])} == {True, False} else cell
