"""Where each card of a sheet stands: forms of one system each, below each other, beside each other, or both. No value of one card reaches another:
what cannot be told apart is said to be that, and nobody's."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from orchestrator.inventory.cells import is_blank
from orchestrator.inventory.sheets.grids import Row

_ONCE = {"name", "classified", "kind", "status"}
"""What one card asks once in a row."""


@dataclass(frozen=True)
class Label:
    """A label of a sheet, whether or not something stands beside it. ``field``: empty where nobody knows it."""

    row: int
    column: int
    words: str
    field: str
    value_at: int | None


@dataclass(frozen=True)
class Card:
    """``top`` up to, without, ``bottom``; the columns from ``left`` up to, without, ``right``."""

    top: int
    bottom: int
    left: int
    right: int
    is_clear: bool = True
    """Whether all that stands here is known to be of one system."""

    def row(self, row: Row) -> Row:
        return [cell if self.left <= index < self.right else None for index, cell in enumerate(row)]


Labels = Callable[[int, Row], Iterator[Label]]


def find_cards(rows: Sequence[Row], labels: Labels) -> list[Card]:
    """The cards, row by row. What stands above the first of a strip is above them all."""
    cards = []
    for strip in find_strips(rows, labels):
        tops, agree = _tops([label for number, row in enumerate(rows) for label in labels(number, strip.row(row))]) if strip.is_clear else ([0], False)
        ends = [*tops[1:], len(rows)]
        cards += [Card(top, bottom, strip.left, strip.right, is_clear=agree) for top, bottom in zip(tops, ends, strict=True)]
    return sorted(cards, key=lambda card: (card.top, card.left))


def find_strips(rows: Sequence[Row], labels: Labels) -> list[Card]:
    """The cards below each other in the same columns, taken together: one strip, where they cannot be told from those beside them."""
    width = max(map(len, rows), default=0)
    found = _strips(rows, width, [label for number, row in enumerate(rows) for label in labels(number, row)])
    return [Card(0, len(rows), left, right) for left, right in found] or [Card(0, len(rows), 0, width, is_clear=False)]


def _strips(rows: Sequence[Row], width: int, labels: Sequence[Label]) -> list[tuple[int, int]]:
    """First column and end of each strip of cards: as many as columns in which 系统名称 stands. Empty: they cannot be told."""
    names = sorted({label.column for label in labels if label.field == "name"})
    firsts = [0]
    for before, name in pairwise(names):
        blank = [column for column in range(before + 1, name) if all(column >= len(row) or is_blank(row[column]) for row in rows)]
        lead = names[0] - min(label.column for label in labels if label.field)
        firsts.append(blank[-1] + 1 if blank else max(name - lead, before + 1))
        if not blank and not _are_alike(labels, firsts[-2:], name - before):
            return []
    strips = list(zip(firsts, [*firsts[1:], width], strict=True))
    return strips if all(_is_one(labels, strip) for strip in strips) else []


def _are_alike(labels: Sequence[Label], firsts: Sequence[int], apart: int) -> bool:
    """Whether two strips with no gap between ask the same in each row, in the same places."""
    left = {(label.row, label.column, label.words) for label in labels if label.field and firsts[0] <= label.column < firsts[1]}
    right = {(label.row, label.column - apart, label.words) for label in labels if label.field and firsts[1] <= label.column < firsts[1] + apart}
    both = {row for row, _, _ in left} & {row for row, _, _ in right}
    return all(label in left and label in right for label in left | right if label[0] in both)


def _is_one(labels: Sequence[Label], strip: tuple[int, int]) -> bool:
    """Whether no row of a strip asks the same of a system twice, and no label's value stands in another strip."""
    first, end = strip
    own = [label for label in labels if label.field and first <= label.column < end]
    asked = [(label.row, label.words) for label in own if label.field in _ONCE]
    return len(asked) == len(set(asked)) and all(label.value_at is None or first <= label.value_at < end for label in own)


def _tops(labels: Sequence[Label]) -> tuple[list[int], bool]:
    """The rows on which the cards of a strip begin: with the first of its labels that stands as often as 系统名称, once above each; and whether what
    stands above the first card comes again in none of them."""
    names = [number for number, label in enumerate(labels) if label.field == "name"]
    if not names:
        return ([labels[0].row], True) if labels else ([], True)
    for label in labels[: names[0] + 1]:
        begins = [number for number, other in enumerate(labels) if (other.field or other.words) == (label.field or label.words)]
        ends = [*begins[1:], len(labels)]
        if all(sum(begin <= name < end for name in names) == 1 for begin, end in zip(begins, ends, strict=True)):
            above = {one.words for one in labels[: begins[0]]}
            return [labels[begin].row for begin in begins], not any(one.words in above for one in labels[begins[0] :])
    return [labels[name].row for name in names], len(names) == 1
