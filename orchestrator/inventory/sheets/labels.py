"""Labels of a form and the values beside them, row by row."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from orchestrator.inventory import cells
from orchestrator.inventory.answers import classified, without_option
from orchestrator.inventory.forms import Column, forms, header_key, match, whole_key
from orchestrator.inventory.sheets.cards import Label
from orchestrator.inventory.sheets.foreign import Source
from orchestrator.inventory.sheets.grids import Row
from orchestrator.inventory.sheets.secrecy import is_open
from orchestrator.inventory.units import header_unit, unit_said

_NUMBER = re.compile(r"^[(（]?[\d一二三四五六七八九十]+(?:[)）、.．\s]+|-\d+\s*)|^0\d\s*|^\d{1,2}(?=[\u4e00-\u9fff])")
"""1、 or (3) before a label; 10是否涉密."""
_LONGEST_LABEL = 20


@dataclass
class Pair:
    column: Column
    value: Any
    row: int
    index: int
    unit: str | None = ""
    """What its label says, as of a header."""
    label_at: int = 0
    words: str = ""
    """Of its label."""


class Labels:
    """The labels of the statistics form, and those of the mappings for such forms."""

    def __init__(self, sources: Iterable[Source]) -> None:
        form = forms()["systems"]
        self._further = {
            whole_key(name): form.column(column.field) for source in sources if source.about == "pairs" for column in source.columns for name in column.headers
        }

    def column(self, cell: Any) -> Column | None:
        text = _NUMBER.sub("", cells.text_of(cell)).strip()
        said = self._further.get(whole_key(text)) or self._further.get(header_key(text)) if text else None
        return said or (match(forms()["systems"], text) if 2 <= len(text) <= 30 else None)

    def is_value(self, cell: Any) -> bool:
        """Whether it may stand beside a label: it is none itself, or an answer with its number (1、涉密)."""
        return self.column(cell) is None or (without_option(cell) != cell and classified(cell) is not None)

    def several_answers(self, row: Row) -> bool:
        """Whether behind 是否涉密 stands one answer beside the other, with no label between."""
        filled = [cell for cell in row if not cells.is_blank(cell)]
        for at, cell in enumerate(filled[:-2]):
            column = self.column(cell) if isinstance(cell, str) else None
            if column is not None and column.field == "classified" and None not in map(classified, filled[at + 1 : at + 3]):
                return True
        return False

    def labels(self, number: int, row: Row) -> Iterator[Label]:
        """Every label of a row, also one beside which nothing stands, from left to right."""
        found = [*self.pairs(number, row, bare=True)]
        known = [Label(number, pair.label_at, whole_key(pair.words), pair.column.field, pair.index if pair.value is not None else None) for pair in found]
        unknown = [Label(number, index, whole_key(label), "", None) for index, label, _ in self._unknown(row)]
        yield from sorted([*known, *unknown], key=lambda label: label.column)

    def pairs(self, number: int, row: Row, *, bare: bool = False) -> Iterator[Pair]:
        """Each label of a row with the value beside it, or behind its colon. ``bare``: also those of which the value is missing."""
        filled = [(index, cell) for index, cell in enumerate(row) if not cells.is_blank(cell)]
        at = 0
        while at < len(filled):
            index, cell = filled[at]
            column = self.column(cell) if isinstance(cell, str) else None
            at += 1
            if column is None and isinstance(cell, str) and is_open(words_of(cell)) and at < len(filled) and self.is_value(filled[at][1]):
                at += 1
            elif column is None:
                label, colon, value = cells.plain(cell).partition(":") if isinstance(cell, str) else ("", "", "")
                inner = self.column(label) if colon and value.strip() else None
                if inner is not None:
                    yield Pair(inner, value.strip(), number, index, header_unit(inner, label), index, label)
            elif at < len(filled) and self.is_value(filled[at][1]):
                unit, beside = header_unit(column, words := cells.text_of(cell)), [other for _, other in filled[at : at + 2]]
                if any(unit_of := [unit_said(column, cells.text_of(other)) for other in beside]) and len(beside) == 2 and not unit and self.is_value(beside[1]):
                    of = 1 if unit_of[0] else 0  # 硬盘 ｜ 4 ｜ TB, or the other way round
                    yield Pair(column, beside[of], number, filled[at + of][0], unit_of[1 - of], index, words)
                    at += 2
                    continue
                yield Pair(column, filled[at][1], number, filled[at][0], unit, index, words)
                at += 1
            elif bare and not (index and self._is_label(row[index - 1])):  # 类别 ｜ 系统: an answer that is a label's word
                yield Pair(column, None, number, index, "", index, cells.text_of(cell))

    def _is_label(self, cell: Any) -> bool:
        return isinstance(cell, str) and self.column(cell) is not None

    def _begins_with_a_group(self, filled: Sequence[Any]) -> bool:
        """Whether a row's first cell stands over its label: 04系统服务情况 ｜ 服务范围 ｜ □10全国 ☑20全省."""
        return len(filled) >= 3 and all(isinstance(cell, str) and self.column(cell) is None and cells.plain(cell)[:2].isdigit() for cell in filled[:1])

    def unknown(self, row: Row) -> Iterator[tuple[str, Any]]:
        """Labels that nobody knows, with what stands beside them."""
        for _, label, value in self._unknown(row):
            yield label, value

    def _unknown(self, row: Row) -> Iterator[tuple[int, str, Any]]:
        columns = [index for index, cell in enumerate(row) if not cells.is_blank(cell)]
        filled = [row[index] for index in columns]
        for index, cell in zip(columns, filled, strict=True):
            label, colon, value = cells.plain(cell).partition(":") if isinstance(cell, str) else ("", "", "")
            if colon and value.strip() and self.column(label) is None and is_open(words_of(label)):
                yield index, words_of(label), value.strip()
        at = len(filled) % 2 if self._begins_with_a_group(filled) else 0
        while at + 1 < len(filled):
            label, value = filled[at], filled[at + 1]
            if isinstance(label, str) and self.column(label) is None and ":" not in cells.plain(label).rstrip(":") and self.is_value(value):
                if (len(label) <= _LONGEST_LABEL or is_open(words_of(label))) and not any(char in label for char in "☑√✓□☐"):
                    yield columns[at], words_of(label), value
                at += 2
            else:
                at += 2 if self.column(label) is not None else 1


def words_of(label: str) -> str:
    """A label without its number and its colon."""
    return _NUMBER.sub("", cells.text_of(label)).strip().rstrip(":：").strip()
