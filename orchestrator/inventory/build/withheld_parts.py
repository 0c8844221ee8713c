"""Rows of technical sheets that are of a classified system, or of one that does not say whether it is: counted, and nothing else of them is kept,
told or asked (R2)."""

from __future__ import annotations

import string
from collections import Counter
from collections.abc import Iterator

from orchestrator.inventory.build.listed import Findings
from orchestrator.inventory.questions import Asked
from orchestrator.inventory.reading import Interpretation, Raw
from orchestrator.texts import say

_LETTERS = string.ascii_uppercase


class WithheldParts:
    """One reading's. ``count`` a row that was never read, ``forget`` one that was: that its system is withheld turned out later."""

    def __init__(self, findings: Findings, asked: Asked) -> None:
        self._findings, self._asked = findings, asked
        self._counts: Counter[tuple[str, str]] = Counter()
        self._read: dict[tuple[str, str, str], tuple[str, ...]] = {}
        """Row → the codes of what is told of it all the same."""

    def count(self, file: str, sheet: str) -> None:
        self._counts[file, sheet] += 1

    def forget(self, part: Raw) -> None:
        self.count(part.file, part.sheet)
        self.tell_nothing_but((), part)

    def tell_nothing_but(self, codes: tuple[str, ...], part: Raw) -> None:
        """Of a row that was read, and may be of a withheld system."""
        self._read[part.file, part.sheet, part.cell.lstrip(_LETTERS)] = codes

    def settle(self) -> Iterator[Interpretation]:
        """How many there were, once all are known; what cells of theirs raised, findings and questions, goes."""
        if self._read:
            self._asked.forget({f"{place_of(file, sheet)}{row}" for file, sheet, row in self._read})
            self._findings[:] = [one for one in self._findings if one.code in self._read.get((one.file, one.sheet, one.cell.lstrip(_LETTERS)), (one.code,))]
        for (file, sheet), count in sorted(self._counts.items()):
            yield Interpretation(file, sheet, "", "", say("inventory.rows_of_withheld", count=count))


def place_of(file: str, sheet: str) -> str:
    return "".join(f"{part} › " for part in (file, sheet) if part)
