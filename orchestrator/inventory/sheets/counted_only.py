"""Classified systems that an office reports as a number alone (涉密系统（只报数量）): they count as excluded, and a number is nobody's row."""

from __future__ import annotations

import re
from collections.abc import Iterator

from orchestrator.errors import Finding
from orchestrator.inventory.cells import is_blank, plain, text_of
from orchestrator.inventory.reading import Raw
from orchestrator.inventory.sheets.grids import Row, address
from orchestrator.inventory.sheets.secrecy import speaks_of_secrets
from orchestrator.texts import say

_COUNT = re.compile(r"(?:涉密)?(?:信息|业务|应用)*(?:系统|平台)*(?:数量|个数|总数|数目|数|合计|共计|共|小计)?(?:\([^)]*\))?[:]?")
_NUMBER = re.compile(r"(\d{1,4})(?:\.0)?[个套项条]?(?:信息|业务|应用)*(?:系统|平台)?")
_IN_WORDS = re.compile(r"(?:[一二三四五六七八九十]、|附?表[一二三四五六七八九十\d]+)?涉密(?:信息|业务|应用)*(?:系统|平台)*(?:\([^)\d]*\))?(?:数量|个数|总数)?[:共有为计]*" + _NUMBER.pattern)


class CountedOnly:
    """Watches the rows of one sheet for such numbers, and takes them for no system's row."""

    def __init__(self) -> None:
        self._said: list[tuple[int, int, int]] = []
        """(row, column, number)"""

    def watch(self, rows: Iterator[Row]) -> Iterator[Row]:
        is_secret = False
        for number, row in enumerate(rows):
            filled = [(index, plain(cell).replace(" ", "")) for index, cell in enumerate(row) if not is_blank(cell)]
            texts = [text for _, text in filled]
            if len(filled) == 1:
                if found := _IN_WORDS.fullmatch(texts[0]):
                    self._say(number, filled[0][0], found[1])
                is_secret = speaks_of_secrets(text_of(row[filled[0][0]]))
            elif len(filled) == 2 and (is_secret or speaks_of_secrets(texts[0])) and _COUNT.fullmatch(texts[0]) and (found := _NUMBER.fullmatch(texts[1])):
                self._say(number, filled[1][0], found[1])
                yield []
                continue
            elif filled:
                is_secret = False
            yield row

    def _say(self, row: int, column: int, number: str) -> None:
        if int(number):
            self._said.append((row, column, int(number)))

    def findings(self, file: str, sheet: str, listed: int) -> Iterator[Finding]:
        """Of each number that is not that of the classified rows which the file lists: those behind it would be in no count."""
        for row, column, number in self._said:
            if number != listed:
                yield Raw(file, sheet, address(row, column)).finding(
                    "classified-counted-only", "error", say("inventory.classified_counted_only", said=number, read=listed), say("inventory.list_classified_rows")
                )
