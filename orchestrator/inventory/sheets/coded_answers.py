"""Columns whose header says what their codes mean: 是否涉密（0-是，1-否）, 状态（1已建 2在建 3停用）, 涉密（A.是 B.否）,
数据库（1Oracle 2MySQL 3达梦）. Cells are read as the words; what is no code of
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
_NEXT = re.compile(r"(?:^|[\s,;、/|。]+)(?=(?:\d{1,2}\s*[.、:=)~\-—]?|[A-Z]\s*[.、:=)])\s*(?!\d)\w)", re.IGNORECASE)
"""Where a code begins in a list of names in whatever letters: 1.SQL Server 2.MySQL5.7."""
_NAMED = re.compile(r"(\d{1,2}|[a-z])\s*[.、:=)~\-—]*\s*(?:代表|表示|为)?\s*(\S.{0,30})", re.IGNORECASE)
_CIRCLED = re.compile("[①-⑳]")
_LETTERS = re.compile(r"[^0-9a-z\u4e00-\u9fff]|代表|表示")
_CODE = re.compile(r"(\d{1,2}|[a-z])(?:\.0)?(?:\s*[.、:=)\-—]?\s*(\D.*))?")
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
    for found in _BRACKET.finditer(plain(_CIRCLED.sub(r" \g<0>", header))):
        listed = found[1] or found[2] or ""
        pairs = _PAIR.findall(listed.casefold())
        codes = [code for code, _ in pairs]
        if len(pairs) >= 2 and len(set(codes)) == len(codes) and (all(map(str.isdigit, codes)) or not any(map(str.isdigit, codes))):
            return dict(pairs) if "".join(map("".join, pairs)) == _LETTERS.sub("", listed.casefold()) else _names_of(listed) or dict(pairs)
        if names := _names_of(listed):
            return names
    return {}


def _names_of(listed: str) -> dict[str, str]:
    """Of a list whose codes go up from 0, 1 or A, whatever letters its words are of; empty where it is none."""
    found = [_NAMED.fullmatch(part.strip()) for part in _NEXT.split(listed.strip()) if part.strip()]
    pairs = [(one[1].casefold().lstrip("0") or "0", one[2].strip()) for one in found if one is not None]
    first = pairs[0][0] if pairs else ""
    codes = [int(code) if code.isdigit() else ord(code) for code, _ in pairs]
    is_list = len(found) >= 2 and None not in found and first in {"0", "1", "a"} and codes == sorted(set(codes)) and all(len(word) > 1 or not word.isascii() for _, word in pairs)
    return dict(pairs) if is_list else {}


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
        for answers in coded:
            if answers.header == number:
                line[answers.column] = _header(line[answers.column])
        if not (number <= last + 2 and numbers_columns([text for cell in row if (text := text_of(cell))])):
            for answers in coded:
                if answers.header < number and answers.column < len(line):
                    line[answers.column] = _word(line[answers.column], answers.words)
        yield line


def _header(cell: str) -> str:
    """A header of the form whose codes stand behind a colon is what stands before it."""
    stem = re.split("[:：]", cell, maxsplit=1)[0]
    return stem if match(forms()["systems"], text_of(cell)) is None and match(forms()["systems"], text_of(stem)) is not None else cell


def _word(cell: Any, words: Mapping[str, str]) -> Any:
    """A code alone, or with its own word; one with another word is none of them. 1否 where 1 is 是 says both, and is no answer."""
    said = _CODE.fullmatch(plain(cell).casefold())
    code = (said[1].lstrip("0") or "0") if said is not None else ""
    if said is None or code not in words:
        return cell
    word, own = words[code], (said[2] or "").strip()
    if not own or own == word.casefold():
        return word
    return f"{word}、{own}" if {classified(word), classified(own)} == {True, False} else cell
