"""Forms with the label left and the value right (等保备案表, 登记表): one system a form, several forms below each other on a sheet, or beside
each other: a table on its side, with a column a system."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from orchestrator.inventory import cells
from orchestrator.inventory.answers import classified
from orchestrator.inventory.boxes import ticked
from orchestrator.inventory.forms import Column, forms, header_key, match, most_headers, whole_key
from orchestrator.inventory.questions import digest
from orchestrator.inventory.reading import Interpretation, Raw
from orchestrator.inventory.sheets.asking import Unanswered, answered_wording, ask_wording
from orchestrator.inventory.sheets.foreign import Source
from orchestrator.inventory.sheets.grids import Grid, Row, address
from orchestrator.inventory.sheets.header import Line
from orchestrator.inventory.sheets.lost import speaks_of_secrets
from orchestrator.inventory.sheets.unknown_tables import ask_about_labels
from orchestrator.inventory.values import read_value
from orchestrator.texts import say

if TYPE_CHECKING:
    from orchestrator.inventory.build.builder import Builder

_NUMBER = re.compile(r"^[\d一二三四五六七八九十]+[、.．\s]+|^0\d\s*")
_LONGEST_LABEL = 20
_LABELS = 4
"""So many labels with a value beside them make a form; the system's name is one of them."""


@dataclass
class _Pair:
    column: Column
    value: Any
    row: int
    index: int


@dataclass
class _Block:
    """One form. ``first``: the row of its name; ``column``: the only column of its values, in a table on its side."""

    first: int
    column: int = 0
    pairs: list[_Pair] = field(default_factory=list)
    others: list[tuple[str, Any]] = field(default_factory=list)
    """Labels that nobody knows, with what stands beside them."""
    secret: bool = False


def is_label_form(sources: Iterable[Source], rows: Sequence[Row]) -> bool:
    """Whether these first rows are labels with their values, and no table."""
    known = _Labels(sources)
    found: set[str] = set()
    with_pairs = on_its_side = 0
    for number, row in enumerate(rows):
        pairs = list(known.pairs(number, row))
        filled = [cell for cell in row if not cells.is_blank(cell)]
        labels = sum(isinstance(cell, str) and known.column(cell) is not None for cell in filled)
        if labels >= 3 and len(pairs) * 2 < labels + 1:
            return False  # a header: labels beside labels
        words = [cells.text_of(cell) for cell in filled if isinstance(cell, str)]
        hits, _ = most_headers(words)
        if hits >= 3 and hits * 2 > len(words):
            return False  # a header of another sheet, some of whose words are labels too
        with_pairs += bool(pairs)
        on_its_side += labels == 1 and len(filled) >= 3 and known.column(filled[0]) is not None
        found |= {pair.column.field for pair in pairs}
    if on_its_side * 2 > with_pairs:
        return False  # several values behind each label
    return "name" in found and len(found) >= _LABELS


def is_on_its_side(sources: Iterable[Source], rows: Sequence[Row]) -> bool:
    """Whether these first rows are a table on its side: each a label and the answers of several systems."""
    known = _Labels(sources)
    found: set[str] = set()
    widths: list[int] = []
    for row in rows:
        filled = [cell for cell in row if not cells.is_blank(cell)]
        column = known.column(filled[0]) if filled and isinstance(filled[0], str) else None
        if column is not None and len(filled) >= 2 and all(known.column(cell) is None for cell in filled[1:]):
            found.add(column.field)
            widths.append(len(filled))
    return "name" in found and len(found) >= _LABELS and max(widths) >= 3 and len(widths) * 2 > sum(any(not cells.is_blank(cell) for cell in row) for row in rows)


def read_label_forms(grid: Grid, file: str, builder: Builder, today: dt.date, *, on_its_side: bool = False) -> None:
    """Every form on the sheet. Raises ``BadFile`` from the grid's rows."""
    reader = _Reader(grid, file, builder, today, on_its_side=on_its_side)
    for number, row in enumerate(grid.rows):
        if on_its_side:
            reader.take_across(number, row)
        else:
            reader.take(number, row)
    reader.finish()


class _Labels:
    """The labels of the statistics form, and those of the mappings for such forms."""

    def __init__(self, sources: Iterable[Source]) -> None:
        form = forms()["systems"]
        self._further = {
            whole_key(name): form.column(column.field) for source in sources if source.about == "pairs" for column in source.columns for name in column.headers
        }

    def column(self, cell: Any) -> Column | None:
        text = _NUMBER.sub("", cells.text_of(cell)).strip()
        if not 2 <= len(text) <= 30:
            return None
        return self._further.get(whole_key(text)) or self._further.get(header_key(text)) or match(forms()["systems"], text)

    def pairs(self, number: int, row: Row) -> Iterator[_Pair]:
        """Each label of a row with the value beside it, or behind its colon."""
        filled = [(index, cell) for index, cell in enumerate(row) if not cells.is_blank(cell)]
        at = 0
        while at < len(filled):
            index, cell = filled[at]
            column = self.column(cell) if isinstance(cell, str) else None
            at += 1
            if column is None:
                label, colon, value = cells.plain(cell).partition(":") if isinstance(cell, str) else ("", "", "")
                inner = self.column(label) if colon and value.strip() else None
                if inner is not None:
                    yield _Pair(inner, value.strip(), number, index)
            elif at < len(filled) and self.column(filled[at][1]) is None:
                yield _Pair(column, filled[at][1], number, filled[at][0])
                at += 1

    def _begins_with_a_group(self, filled: Sequence[Any]) -> bool:
        """Whether a row's first cell stands over its label: 04系统服务情况 ｜ 服务范围 ｜ □10全国 ☑20全省."""
        return len(filled) >= 3 and all(isinstance(cell, str) and self.column(cell) is None and cells.plain(cell)[:2].isdigit() for cell in filled[:1])

    def unknown(self, row: Row) -> Iterator[tuple[str, Any]]:
        """Labels that nobody knows, with what stands beside them."""
        filled = [cell for cell in row if not cells.is_blank(cell)]
        at = len(filled) % 2 if self._begins_with_a_group(filled) else 0
        while at + 1 < len(filled):
            label, value = filled[at], filled[at + 1]
            if isinstance(label, str) and self.column(label) is None and ":" not in cells.plain(label) and self.column(value) is None:
                if len(label) <= _LONGEST_LABEL and not any(char in label for char in "☑√✓□☐"):
                    yield _NUMBER.sub("", cells.text_of(label)).strip(), value
                at += 2
            else:
                at += 2 if self.column(label) is not None else 1


class _Reader:
    def __init__(self, grid: Grid, file: str, builder: Builder, today: dt.date, *, on_its_side: bool) -> None:
        self.grid, self.file, self.builder, self.today = grid, file, builder, today
        self.labels = _Labels(builder.foreign)
        self.unanswered = Unanswered(file, grid.name, builder.answers, builder.asked, columns=on_its_side)
        self.blocks: list[_Block] = []
        self.before: _Block = _Block(0)
        """What stands above the first name: the department, mostly."""

    def take(self, number: int, row: Row) -> None:
        self.unanswered.saw(Line(number, row))
        pairs = list(self.labels.pairs(number, row))
        for pair in pairs:
            if pair.column.field == "name" and (not self.blocks or any(one.column.field == "name" for one in self.blocks[-1].pairs)):
                self.blocks.append(_Block(number))
            block = self.blocks[-1] if self.blocks else self.before
            block.pairs.append(pair)
        block = self.blocks[-1] if self.blocks else self.before
        asked = {pair.index for pair in pairs if pair.column.field == "classified"}
        block.secret |= any(isinstance(cell, str) and speaks_of_secrets(cell) for index, cell in enumerate(row) if index not in asked and not self._asks(cell))
        block.others.extend(self.labels.unknown(row))

    def take_across(self, number: int, row: Row) -> None:
        """A label, and behind it one answer for each system; an answer that a merged cell spreads is every system's below it."""
        self.unanswered.saw(Line(number, row))
        row = self._spread(number, row)
        filled = [(index, cell) for index, cell in enumerate(row) if not cells.is_blank(cell)]
        label = filled[0][1] if filled and isinstance(filled[0][1], str) else ""
        column = self.labels.column(label)
        for index, cell in filled[1:] if label else ():
            block = next((block for block in self.blocks if block.column == index), None)
            if block is None:
                block = _Block(number, index)
                self.blocks.append(block)
            if column is None:
                block.others.append((cells.text_of(label), cells.text_of(cell)))
            else:
                block.pairs.append(_Pair(column, cell, number, index))
            block.secret |= (column is None or column.field != "classified") and isinstance(cell, str) and speaks_of_secrets(cell)

    def _spread(self, number: int, row: Row) -> Row:
        """The row with cells that are merged across repeated, but for the label's."""
        line = list(row)
        for top, left, _, right in self.grid.merged:
            if top == number and 0 < left < right and left < len(line):
                line += [None] * (min(right, left + 200) + 1 - len(line))
                line[left : min(right, left + 200) + 1] = [line[left]] * (min(right, left + 200) + 1 - left)
        return line

    def _asks(self, cell: Any) -> bool:
        """Whether the cell is the label 是否涉密 itself."""
        column = self.labels.column(cell)
        return column is not None and column.field == "classified"

    def finish(self) -> None:
        self.builder.sources.add(self.file)
        self.builder.forms.add((self.file, self.grid.name))
        statement = self.unanswered.statement()
        waits = self._ask_about_labels()
        self.blocks = [block for block in self.blocks if any(pair.column.field == "name" for pair in block.pairs)]
        for block in self.blocks:
            block.pairs = [*(pair for pair in self.before.pairs if pair.column.field in {"department", "level", "organisation_type"}), *block.pairs]
            raw = self._raw(block)
            raw.source = "" if waits else raw.source
            said = {classified(ticked(pair.value)) for pair in block.pairs if pair.column.field == "classified"}
            answer = None if len(said) != 1 or (said == {False} and block.secret) else said.pop()
            if answer is None and True not in said and statement is not None:
                answer = (block.column if block.column else block.first) + 1 in statement.classified
            if answer is False:
                self._fill(raw, block)
                self.builder.sheet_system(raw)
                continue
            if answer is None:
                self.unanswered.lacks(block.column or block.first, raw.place(""))
            department = next((cells.text_of(pair.value) for pair in block.pairs if pair.column.field == "department"), "")
            name = next(pair.value for pair in block.pairs if pair.column.field == "name")
            self.builder.secrets.add(name, department if answer else None)
            self.builder.classified_row(raw, department, None, answered=answer is True, called=("", cells.text_of(name)))
        contexts = {"工作表名称": self.grid.name, "文件名": self.file.rsplit("/", 1)[-1]}
        self.unanswered.ask(contexts)

    def _ask_about_labels(self) -> bool:
        """What labels are that nobody knows, where one of them may be what the count or the plan lacks. Whether it is asked."""
        values: dict[str, list[Any]] = {}
        for label, value in ((label, value) for block in self.blocks for label, value in block.others):
            values.setdefault(label, []).append(ticked(value))
        known = {pair.column.field for block in self.blocks for pair in block.pairs}
        if not values or not self.blocks:
            return False
        place = " › ".join(part for part in (self.file, self.grid.name, address(self.blocks[0].first, 0)) if part)
        return ask_about_labels(values, known, place, self.builder)

    def _raw(self, block: _Block) -> Raw:
        fields = sorted({pair.column.field for pair in block.pairs})
        contexts = {"工作表名称": self.grid.name, "文件名": self.file.rsplit("/", 1)[-1]}
        at = {pair.column.field: address(pair.row, pair.index) for pair in reversed(block.pairs)}
        cell = address(block.first, block.column)
        return Raw(self.file, self.grid.name, cell, cells=at, source=digest("pairs", *fields), contexts=contexts)

    def _fill(self, raw: Raw, block: _Block) -> None:
        grades: list[int] = []
        for pair in block.pairs:
            if pair.column.field == "classified":
                continue
            value = ticked(pair.value)
            at = address(pair.row, pair.index)
            try:
                read = read_value(pair.column.type, value, pair.column.unit and "", self.today)
            except cells.Unreadable as why:
                answered = answered_wording(self.builder.answers, pair.column, "systems", value)
                if answered is None:
                    ask_wording(self.builder.asked, pair.column, "systems", value, " › ".join(part for part in (self.file, self.grid.name, at) if part))
                    raw.unread.add(pair.column.field)
                    self.builder.findings.append(
                        Raw(self.file, self.grid.name, at).finding("unreadable", "error", say("inventory.unreadable", column=pair.column.name), why.form)
                    )
                    continue
                read = answered
            if read.understood:
                raw.interpretations.append(Interpretation(self.file, self.grid.name, at, cells.text_of(value), read.understood))
            if pair.column.type == "grade":
                grades += [int(read.value)] if read.value is not None else []
            elif read.value is not None:
                raw.values.setdefault(pair.column.field, read.value)
            for name, more in read.also.items():
                raw.values.setdefault(name, more)
        if grades:  # S, A and the whole: the highest is the system's
            raw.values |= {"grade_answered": True, "protection_grade": max(grades) or None}
        raw.unknown |= {label[:200]: cells.text_of(value)[:2000] for label, value in block.others}
        self.builder.unknown_columns.extend(label[:200] for label, _ in block.others)
