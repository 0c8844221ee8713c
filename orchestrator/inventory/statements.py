"""What a named person states of the rows of a sheet that do not answer 是否涉密: none of them is classified, or these are and the others are not."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from orchestrator.inventory import cells

NOT_CLASSIFIED = "均非涉密"
_STATEMENT = re.compile(r"(?:全部|均|都|以上|本表)?(?:均|都|全部)?(?:为)?(?:非涉密|不涉密|否|非涉密系统)")
_REST = re.compile(r"(?:其余|其他|其它)(?:均|都)?(?:为)?(?:非涉密|不涉密|否)")
_NAMED = re.compile(r"(非|不)?涉密(?:行|的行|列|的列)?[::]?(?:第)?([\d、,和至到\s行列-]+)")


@dataclass(frozen=True)
class Stated:
    """``classified``: numbers of rows (or columns) that are; all others are not. ``looked_at``: those that are named as not being."""

    classified: frozenset[int] = frozenset()
    looked_at: frozenset[int] = frozenset()

    def settles(self, doubted: frozenset[int]) -> bool:
        """Whether it names each of these, which speak of secrets: a word about all others does not stand for them."""
        return doubted <= self.classified | self.looked_at


def statement_choices(of: str, doubted: Sequence[int]) -> tuple[str, str]:
    """What may be stated of rows or columns (``of``: 行, 列): of all at once only where none of them speaks of secrets."""
    if not doubted:
        return NOT_CLASSIFIED, f"涉密{of}：{of}号；其余非涉密"
    named = "、".join(map(str, doubted))
    return f"涉密{of}：{named}；其余非涉密", f"非涉密{of}：{named}；其余非涉密"


def read_statement(text: str) -> Stated | None:
    """None where the text says no such thing."""
    parts = [part.strip() for part in re.split(r"[;；]", cells.folded(cells.plain(text)).rstrip("。.")) if part.strip()]
    if len(parts) == 1 and "其余" in parts[0] and not _REST.fullmatch(parts[0]):
        parts = [part for part in re.split(r"[,、;]?(?=其余)", parts[0]) if part]
    *named, last = parts or [""]
    if not (_STATEMENT.fullmatch(last) or (named and _REST.fullmatch(last))):
        return None
    numbers: dict[bool, set[int]] = {True: set(), False: set()}
    for part in named:
        found = _NAMED.fullmatch(part)
        if found is None:
            return None
        numbers[not found.group(1)] |= _numbers(found.group(2))
    return Stated(frozenset(numbers[True]), frozenset(numbers[False]))


def _numbers(text: str) -> set[int]:
    found: set[int] = set()
    for first, last in re.findall(r"(\d+)(?:[-至到](\d+))?", text):
        found.update(range(int(first), min(int(last or first), int(first) + 100_000) + 1))
    return found
