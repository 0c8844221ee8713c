"""One question asked in several columns: 已建 ｜ 在建 ｜ 停用, a tick under one of them. Read as the one column of the form that it is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from orchestrator.inventory.cells import is_blank, plain, text_of
from orchestrator.inventory.forms import forms, header_key, match
from orchestrator.inventory.sheets.grids import Grid, Row
from orchestrator.inventory.units import is_unit
from orchestrator.inventory.values import listed_choice

_TICKS = {"√", "✓", "✔", "☑", "■", "●", "v", "y", "1", "是"}
_EMPTY = {"□", "☐", "○", "0", "否", "×", "x", "n"}
_RING = "○"
"""A tick where it is the only sign of a row, an empty box beside others."""
_CHOICES = ("status", "level", "organisation_type", "kind", "network")
_KNOWN = 2
"""Headers of the form that a row of them holds at least."""
_CLASSIFIED = ({"涉密", "涉密系统", "是"}, {"非涉密", "不涉密", "非涉密系统", "否"})


@dataclass(frozen=True)
class TickedColumns:
    field: str
    header: int
    words: dict[int, str]
    """Column → the answer that a tick under it gives."""
    is_asked_above: bool = False
    """Whether the question stands in a row of its own above them, with the headers of all other columns."""

    @property
    def at(self) -> int:
        """The column that takes the answer."""
        return min(self.words)


def find_ticked_columns(rows: Sequence[Row]) -> list[TickedColumns]:
    """In the first of these rows that has some. Cells below that are neither ticks nor blank make no such columns."""
    for number, row in enumerate(rows):
        heads = {index: text_of(cell) for index, cell in enumerate(row) if isinstance(cell, str) and text_of(cell)}
        if _known(heads.values()) < _KNOWN and not (number and _known(map(text_of, rows[number - 1])) >= _KNOWN and all(map(_completes_a_header, heads.values()))):
            continue
        found = [columns for field in (*_CHOICES, "classified") if (columns := _columns_of(field, number, heads, rows)) is not None]
        if found:
            return found
    return []


def _known(words: Iterable[str]) -> int:
    return sum(match(forms()["systems"], word) is not None for word in words if word)


def _completes_a_header(words: str) -> bool:
    """What the second row of a header may hold besides answers: 是 ｜ 否 below 是否涉密, units below the rest."""
    return is_unit(words) or any(header_key(words) in answers for answers in _CLASSIFIED) or any(listed_choice(_type(field), words) for field in _CHOICES)


def _columns_of(field: str, number: int, heads: dict[int, str], rows: Sequence[Row]) -> TickedColumns | None:
    form = forms()["systems"]
    above = rows[number - 1] if number else []
    if any(getattr(match(form, words), "field", "") == field for words in heads.values() if field != "classified"):
        return None  # it has the column itself
    words: dict[int, str] = {}
    for index, head in heads.items():
        group = next((text_of(cell) for cell in reversed(above[: index + 1]) if text_of(cell)), "")
        if _is_answer(field, head, heads, asked=getattr(match(form, group), "field", "") == field):
            words[index] = head
    below = [row for row in rows[number + 1 :] if any(not is_blank(cell) for cell in row)]
    ticks = [_ticked([row[index] if index < len(row) else None for index in words], field) for row in below]
    others = any(not _is_tick(row[index]) and not _is_empty(row[index]) for row in below for index in words if index < len(row))
    if len({_meaning(field, word) for word in words.values()}) < 2 or not any(ticks) or others:
        return None
    first = min(words)
    over = match(form, text_of(above[first])) if first < len(above) and _known(map(text_of, above)) >= _KNOWN else None
    return TickedColumns(field, number, words, over is not None and over.field == field and _known(heads.values()) < _KNOWN)


def _is_answer(field: str, head: str, heads: dict[int, str], *, asked: bool) -> bool:
    """Whether a header is an answer to the question. 是 and 否 are where the group above asks it; what may be a column of its own (业务系统)
    is where another one is that column; no database is called by a tick."""
    if field == "classified":
        return any(header_key(head) in words for words in _CLASSIFIED) and (asked or header_key(head) not in {"是", "否"})
    own = match(forms()["systems"], head)
    elsewhere = own is not None and (own.field == "dbms" or any(words != head and match(forms()["systems"], words) is own for words in heads.values()))
    return (asked or own is None or elsewhere) and listed_choice(_type(field), head) is not None


def _meaning(field: str, word: str) -> str | None:
    return str(header_key(word) in _CLASSIFIED[0]) if field == "classified" else listed_choice(_type(field), word)


def _type(field: str) -> str:
    return forms()["systems"].column(field).type


def _is_tick(cell: Any) -> bool:
    return plain(cell).casefold() in _TICKS


def _ticked(cells: Sequence[Any], field: str) -> list[int]:
    """Which of a row's cells are ticked. A ring decides nothing about classification: it may be what is left of an empty box."""
    ticks = [number for number, cell in enumerate(cells) if _is_tick(cell)]
    rings = [number for number, cell in enumerate(cells) if plain(cell) == _RING]
    return rings if not ticks and len(rings) == 1 and field != "classified" else ticks


def _is_empty(cell: Any) -> bool:
    return is_blank(cell) or plain(cell).casefold() in _EMPTY


def with_one_column(grid: Grid, ticked: TickedColumns) -> Grid:
    """The grid with the column of the form in the place of the first of them."""
    return replace(grid, rows=_translated(grid.rows, ticked))


def _translated(rows: Iterator[Row], ticked: TickedColumns) -> Iterator[Row]:
    for number, row in enumerate(rows):
        line = list(row) + [None] * (max(ticked.words) + 1 - len(row))
        if number == ticked.header:
            for index in ticked.words:
                line[index] = None
            line[ticked.at] = None if ticked.is_asked_above else forms()["systems"].column(ticked.field).zh
        elif number > ticked.header and all(_is_tick(line[index]) or _is_empty(line[index]) for index in ticked.words):
            at = list(ticked.words)
            answers = [ticked.words[at[number]] for number in _ticked([line[index] for index in at], ticked.field)]
            for index in ticked.words:
                line[index] = None
            line[ticked.at] = "、".join(answers) or None
        yield line
