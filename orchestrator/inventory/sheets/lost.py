"""Rows that would disappear unseen: a row in one cell, lines swallowed by a field, numbers and totals that say there were more. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from orchestrator.inventory.answers import classified, without_option
from orchestrator.inventory.build.signs import office_headed
from orchestrator.inventory.cells import plain
from orchestrator.inventory.forms import forms, match
from orchestrator.inventory.sheets.header import Line, Table
from orchestrator.inventory.values import listed_choice
from orchestrator.texts import Words, say

_SEPARATORS = (",", ";", "\t", "|", "、", " ")
_TOTAL = re.compile(
    r"^\D{0,12}?(?:合计|总计|小计|共计|累计|总数)[\s::(]*(?:[\d,.]+(?:个|项|套|台|行|条)?(?:信息)?(?:系统|数据库)?)?[)]?$"
    r"|^(?:total|sum|subtotal)(?:[::\s].*)?$",
    re.IGNORECASE,
)
_THINGS = r"(?:个|项|套|条|行)?(?:信息|业务|应用|政务)*(?:系统|数据库|项目|平台)?"
_LABEL = r"(?:本页|本表|以上|上述|全部|全市|全局|合计|总计|小计|共计|累计|总共|共有|共|信息|业务|应用|政务|系统|平台|总数|数量|个数|[::,为是有(])*"
_COUNTED = re.compile(rf"{_LABEL}(\d{{1,6}}){_THINGS}[)。]?(?:[,;、(]?(?:其中|含).*)?")
"""合计：共12个系统，其中涉密1个."""
_SUMMED = re.compile(r"\D{0,12}?(?:合计|总计|小计|共计|累计|总数)(.*)")
_OF_SYSTEMS = re.compile(r"(\d{1,6})[个项套]?(?:信息|业务|应用|政务)*系统|系统(?:总数|数量|个数)?[::为是有共]*(\d{1,6})[个项套]?(?![\d台万.])")
_OF_OTHERS = re.compile(r"密|未|另|不含|不包|除")
_SUM = re.compile(r"合计|总计|小计|共|累计|总数|系统(?:数量|个数)|total", re.IGNORECASE)


@dataclass(frozen=True)
class Lost:
    """Something that may be missing. ``row``, ``column``: where it shows."""

    code: str
    severity: str
    row: int
    column: int
    says: Words
    mend: Words


def in_one_cell(table: Table, line: Line) -> int | None:
    """The column whose cell holds a whole row, under another separator than the file's; None when none does."""
    own = line.own()
    if not own or len(own) > 2:
        return None
    for index in own:
        text = plain(line.cells[index])
        for separator in _SEPARATORS:
            parts = [part.strip() for part in text.split(separator)]
            if len(parts) >= 4 and abs(len(parts) - len(table.columns)) <= 2 + len(table.unknown) and _answers(parts) >= 2:
                return index
    return None


def swallowed(line: Line) -> int | None:
    """The column whose cell holds further rows: an unclosed quotation mark took their line ends for text."""
    for index, cell in enumerate(line.cells):
        if isinstance(cell, str) and "\n" in cell:
            rows = [part for part in cell.split("\n")[1:] if max(part.count(mark) for mark in ",;\t") >= 3]
            if rows and max(_answers(re.split(r"[,;\t]", plain(row))) for row in rows) >= 1:
                return index
    return None


def rows_within(table: Table, line: Line) -> Lost | None:
    """That a cell holds a whole row, or rows: they would be gone. Nothing of it is repeated: it may be a classified one."""
    if (index := in_one_cell(table, line)) is not None:
        return Lost("row-in-one-cell", "error", line.number, index, say("inventory.row_in_one_cell"), say("inventory.split_into_columns"))
    if (index := swallowed(line)) is not None:
        return Lost("rows-in-a-cell", "error", line.number, index, say("inventory.rows_in_a_cell"), say("inventory.check_quotes"))
    return None


def _answers(parts: list[str]) -> int:
    """How many parts are answers that stand in a row of a form: a choice's word, yes or no. 7、无 is one of a list of notes."""
    kinds = ("level", "organisation", "kind", "status", "network")
    plain_ones = [part for part in parts if part and without_option(part) == part]
    return sum(any(listed_choice(kind, part) is not None for kind in kinds) or classified(part) is not None for part in plain_ones)


class Numbers:
    """The 序号 of the rows of one table, whatever the table is of: a number that is missing between others is a row that is."""

    def __init__(self, column: int | None) -> None:
        self._column = column
        self._numbers: list[tuple[int, int]] = []
        """(序号, row) since it began anew."""
        self._gaps: list[Lost] = []

    def row(self, number: int, cells: Sequence[Any]) -> None:
        at = self._column
        text = plain(cells[at]).removesuffix(".0") if at is not None and at < len(cells) else ""
        if not text.isdigit() or len(text) > 6:
            return
        if self._numbers and int(text) <= self._numbers[-1][0]:
            self._close()
        self._numbers.append((int(text), number))

    def gaps(self) -> Iterator[Lost]:
        """Numbers that are missing."""
        self._close()
        yield from self._gaps

    def _close(self) -> None:
        numbers, self._numbers = self._numbers, []
        if len(numbers) < 3:
            return
        first, last = numbers[0][0], numbers[-1][0]
        known = {number for number, _ in numbers}
        missing = [number for number in range(first, min(last, first + 200_000)) if number not in known]
        if not missing or len(missing) > len(numbers):
            return
        shown: tuple[int | str, ...] = (*missing[:10], *(["…"] if len(missing) > 10 else []))
        self._gaps.append(
            Lost(
                "numbers-missing", "warning", numbers[-1][1], self._column or 0,
                say("inventory.numbers_missing", last=last, count=len(missing), numbers=shown), say("inventory.add_left_out"),
            )
        )  # fmt: skip


def number_column(heads: Mapping[int, str]) -> int | None:
    """Of the headers of a table, the one of 序号."""
    known = {index: match(forms()["systems"], words) for index, words in heads.items()}
    return next((index for index, column in known.items() if column is not None and column.field == "row_no"), None)


def rows_said(text: str) -> int | None:
    """How many rows a total says there are: ``12``, ``合计：共12个系统``, ``系统数量：12``, ``以上共12项``, ``合计：服务器30台、系统12个``."""
    if found := _COUNTED.fullmatch(text):
        return int(found[1])
    rest = found[1].partition("其中")[0] if (found := _SUMMED.fullmatch(text)) else ""
    several = _OF_SYSTEMS.search(rest) if not _OF_OTHERS.search(rest) else None
    return int(several[1] or several[2]) if several else None


def says_total(text: str) -> bool:
    """合计, 小计：3个系统, 以上共12项."""
    said = plain(text).replace(" ", "")
    return len(said) < 40 and bool(_TOTAL.match(said) or (_SUM.search(said) and rows_said(said) is not None))


class Tally:
    """Counts the rows of one table, and holds them against its 序号 and its totals. ``before``: rows of the tables above it."""

    def __init__(self, table: Table, before: int = 0) -> None:
        self.before = before
        self._numbers = Numbers(table.by_field.get("row_no", table.number_at))
        self._labels = {index for field in ("row_no", "department", "name") if (index := table.by_field.get(field)) is not None}
        self._rows = self._since_total = 0

    def row(self, line: Line) -> None:
        """A row that counts as one, whatever became of it."""
        self._rows += 1
        self._since_total += 1
        self._numbers.row(line.number, [None if index in line.filled else cell for index, cell in enumerate(line.cells)] if line.filled else line.cells)

    @property
    def all(self) -> int:
        """Rows of the sheet so far."""
        return self.before + self._rows

    def total(self, line: Line) -> Lost | None:
        """A row of totals: what it says of how many rows there are, where that is neither the number since the last one nor of all."""
        said = self._said(line)
        since, self._since_total = self._since_total, 0
        if said is None or said[0] in {since, self._rows, self.all}:
            return None
        number, index = said
        return Lost(
            "total-differs", "error", line.number, index,
            say("inventory.total_differs", said=number, read=since)
            if since == self._rows
            else say("inventory.total_differs_of", said=number, read=since, all=self._rows),
            say("inventory.find_the_rows"),
        )  # fmt: skip

    def _said(self, line: Line) -> tuple[int, int] | None:
        """The number of rows that a total names: beside its label in a column of names, or as 12个系统 anywhere."""
        for index in line.own():
            text = plain(line.cells[index]).replace(" ", "").removesuffix(".0")
            number = rows_said(text)
            if number is not None and (index in self._labels or "个" in text or "系统" in text or _SUM.search(text)):
                return number, index
        return None

    def gaps(self) -> Iterator[Lost]:
        """Numbers that are missing from the table's 序号."""
        return self._numbers.gaps()


_HEADING = re.compile(r"[一二三四五六七八九十]{1,3}[、.]|[(][一二三四五六七八九十\d]{1,3}[)]|附?表[一二三四五六七八九十\d]|第[一二三四五六七八九十\d]{1,3}部分")
_NAMED = re.compile(r"(?:系统|平台|网|网站|库|app|小程序)$", re.IGNORECASE)
_NO_HEADING = re.compile(r"^(?:注|备注|说明|填表|填报|制表|审核)")


def heading_of(line: Line) -> str:
    """The text of a row that is a heading of a section; empty where it is none."""
    own = line.own()
    text = plain(line.cells[own[0]]) if len(own) == 1 else ""
    return "" if len(text) > 30 or _NO_HEADING.match(text) else text


def says_it_heads(text: str) -> bool:
    """Whether a lone text is a heading, and no system's name with nothing beside it: a department, 一、市直单位, 表二 服务器登记."""
    return bool(text) and (bool(office_headed(text)) or (bool(_HEADING.match(text)) and not _NAMED.search(text)))
