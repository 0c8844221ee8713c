"""Columns whose header says which amounts stand in a cell, in which order and units: 云资源需求（vCPU/内存GB/存储GB） over 32/128/4096. Header and cells are read as
one size of a machine (``machine_sizes``); a cell with another number of amounts stays as it is."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from orchestrator.inventory.cells import plain, text_of
from orchestrator.inventory.forms import forms, match
from orchestrator.inventory.sheets.grids import Grid, Row

_HEADER = "资源配置"
_KNOWN = 2
"""Headers of the form that a row of them holds at least."""
_BRACKET = re.compile(r"[(\[【{]([^)\]】}]*)[)\]】}]")
_MARKS = re.compile(r"\s*[/、,;|+*×x_-]\s*|\s+")
_KINDS = (
    ("核", re.compile(r"v?cpu(?:核数?|总核数)?|(?:总|cpu)?核心?数?|处理器(?:核数)?|cores?")),
    ("内存", re.compile(r"(?:内存|memory|mem|ram)(?:容量|大小)?(?P<unit>[gtm]i?b?)?")),
    ("存储", re.compile(r"(?:存储|硬盘|磁盘|数据盘|云盘|disk|storage)(?:容量|空间|大小)?(?P<unit>[gtm]i?b?)?")),
)
_AMOUNT = re.compile(r"\d{1,7}(?:\.\d{1,4})?")


@dataclass(frozen=True)
class ListedSizes:
    header: int
    column: int
    parts: tuple[tuple[str, str], ...]
    """What each amount is, and its unit."""


def amounts_of(header: str) -> tuple[tuple[str, str], ...]:
    """What a header lists, each with its unit; empty where it is no such list, or a unit is missing."""
    said = plain(header).casefold()
    lists = [found[1] for found in _BRACKET.finditer(said)] + [re.sub(r"[()\[\]【】{}]", "", said)]
    for listed in lists:
        parts = [_part(words) for words in _MARKS.split(listed.strip()) if words]
        known = tuple(part for part in parts if part is not None)
        if len(known) == len(parts) >= 2 and len({label for label, _ in known}) == len(known) and known[0][0] == "核":
            return known
    return ()


def _part(words: str) -> tuple[str, str] | None:
    for label, kind in _KINDS:
        found = kind.fullmatch(words)
        if found is not None:
            unit = "" if label == "核" else found["unit"]
            return None if unit is None else (label, unit)
    return None


def find_listed_sizes(rows: Sequence[Row]) -> list[ListedSizes]:
    """In the headers among these rows: of a row that has no other column for processors."""
    found: list[ListedSizes] = []
    for number, row in enumerate(rows):
        heads = {column: cell for column, cell in enumerate(row) if isinstance(cell, str) and cell}
        listed = {column: parts for column, cell in heads.items() if (parts := amounts_of(cell))}
        known = [meant.field for column, cell in heads.items() if column not in listed and (meant := match(forms()["systems"], text_of(cell))) is not None]
        if len(listed) == 1 and len(known) >= _KNOWN and "vcpus" not in known:
            found += [ListedSizes(number, column, parts) for column, parts in listed.items()]
    return found


def with_sizes(grid: Grid, found: Sequence[ListedSizes]) -> Grid:
    """The grid with one size in words in each of these cells."""
    return replace(grid, rows=_translated(grid.rows, found))


def _translated(rows: Iterator[Row], found: Sequence[ListedSizes]) -> Iterator[Row]:
    for number, row in enumerate(rows):
        line = list(row)
        for listed in found:
            if listed.header == number:
                line[listed.column] = _HEADER
            elif listed.header < number and listed.column < len(line):
                line[listed.column] = _size(line[listed.column], listed.parts)
        yield line


def _size(cell: Any, parts: Sequence[tuple[str, str]]) -> Any:
    amounts = [amount for amount in _MARKS.split(plain(cell).strip()) if amount] if isinstance(cell, str) else []
    if len(amounts) != len(parts) or not all(map(_AMOUNT.fullmatch, amounts)):
        return cell
    return "/".join(f"{amount}{label}" if label == "核" else f"{label}{amount}{unit}" for amount, (label, unit) in zip(amounts, parts, strict=True))
