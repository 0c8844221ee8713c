"""Forms with the label left and the value right (等保备案表, 登记表): one system a form, several forms below each other on a sheet, or beside
each other: a table on its side, with a column a system."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from orchestrator.inventory import cells
from orchestrator.inventory.answers import classified
from orchestrator.inventory.boxes import ticked
from orchestrator.inventory.forms import most_headers, whole_key
from orchestrator.inventory.questions import digest
from orchestrator.inventory.reading import Interpretation, Raw
from orchestrator.inventory.sheets.asking import Unanswered, answered_wording, ask_wording
from orchestrator.inventory.sheets.cards import find_cards, find_strips
from orchestrator.inventory.sheets.foreign import Source, ahead
from orchestrator.inventory.sheets.grids import Grid, Row, address
from orchestrator.inventory.sheets.header import Line
from orchestrator.inventory.sheets.labels import Labels, Pair, words_of
from orchestrator.inventory.sheets.notes_below import says_notes
from orchestrator.inventory.sheets.secrecy import Verdict, is_open, judge, says_yes, speaks_of_secrets
from orchestrator.inventory.sheets.unknown_tables import ask_about_labels
from orchestrator.inventory.units import header_unit, unit_said
from orchestrator.inventory.values import read_value
from orchestrator.texts import say

if TYPE_CHECKING:
    from orchestrator.inventory.build.builder import Builder

_LABELS = 4
"""So many labels with a value beside them make a form; the system's name is one of them. With 是否涉密 one less does."""
_WHOSE = {"department", "level", "organisation_type"}
_HEADS = re.compile(r"(?:填报|调查|登记|统计|信息)?(?:项目?|指标|内容|字段|事项|要素|条目)(?:名称)?")
"""What stands over the labels of a table on its side."""
_REMARKS = re.compile(r"备注|说明|(?:填写?)?(?:示例|样例|例子)|(?:填[写报]|填表)?要求|单位")
"""What stands there over no system's answers."""


@dataclass
class _Block:
    """One form. ``first``: the row of its name; ``column``: the only column of its values, in a table on its side."""

    first: int
    column: int = 0
    pairs: list[Pair] = field(default_factory=list)
    others: list[tuple[str, Any]] = field(default_factory=list)
    """Labels that nobody knows, with what stands beside them."""
    secret: bool = False
    is_clear: bool = True
    """Whether all that stands in it is known to be of one system."""
    is_alone: bool = True
    """Whether no other form is named on its row: else no statement about rows is one about it."""

    @property
    def answers(self) -> list[Any]:
        """What it says under 是否涉密."""
        return [ticked(pair.value) for pair in self.pairs if pair.column.field == "classified"]

    @property
    def may_say_yes(self) -> bool:
        """Whether it says yes beside a label that is open."""
        return any(is_open(label) and classified(ticked(value)) is True for label, value in self.others)

    @property
    def is_a_systems(self) -> bool:
        """Whether it names a system, or says of one without a name whether it is classified."""
        return any(pair.column.field == "name" or (pair.column.field == "classified" and classified(ticked(pair.value)) is not None) for pair in self.pairs)


def is_label_form(sources: Iterable[Source], rows: Sequence[Row]) -> bool:
    """Whether these first rows are labels with their values, of one form or of several beside each other, and no table."""
    known = Labels(sources)
    if _is_a_tables(known, rows):
        return False
    strips = find_strips(rows, known.labels)
    fields: list[set[str]] = []
    for strip in strips:
        found = _asked([strip.row(row) for row in rows], known, is_clear=strip.is_clear)
        if found is None:
            return False
        fields.append(found)
    return any(map(_are_a_systems, fields)) and last_label(known, rows) is None


def _asked(rows: Sequence[Row], known: Labels, *, is_clear: bool) -> set[str] | None:
    """What labels with a value ask for; None where one of these rows is a header, or of several systems."""
    found: set[str] = set()
    for number, row in enumerate(rows):
        pairs = list(known.pairs(number, row))
        filled = [cell for cell in row if not cells.is_blank(cell)]
        labels = sum(isinstance(cell, str) and known.column(cell) is not None for cell in filled)
        if labels >= 3 and len(pairs) * 2 < labels + 1:
            return None  # a header: labels beside labels
        words = [cells.text_of(cell) for cell in filled if isinstance(cell, str)]
        hits, _ = most_headers(words)
        if hits >= 3 and hits * 2 > len(words) and is_clear:
            return None  # a header of another sheet, some of whose words are labels too
        if known.several_answers(row):
            return None  # of several systems: what stands beside the first one's is no label
        found |= {pair.column.field for pair in pairs}
    return found


def _is_a_tables(known: Labels, rows: Sequence[Row]) -> bool:
    """Whether the only labels stand in one row, over rows that are filled as it is: what stands between them are headers that nobody knows, no values."""
    filled = [{index for index, cell in enumerate(row) if not cells.is_blank(cell)} for row in rows]
    of_labels = [number for number, row in enumerate(rows) if any(isinstance(cell, str) and known.column(cell) is not None for cell in row)]
    widest = max((len(filled[number]) for number in of_labels), default=0)
    heads = [number for number in of_labels if len(filled[number]) == widest]
    if widest < 3 or any(rows[number] != rows[heads[0]] for number in heads) or any(number > heads[0] and len(filled[number]) * 2 > widest for number in set(of_labels) - set(heads)):
        return False
    if not all(isinstance(rows[heads[0]][index], str) for index in filled[heads[0]]):
        return False
    below = [there for there in filled[heads[0] + 1 :] if len(there) * 2 > widest]
    return bool(below) and all(there <= filled[heads[0]] for there in below)


def _are_a_systems(fields: set[str]) -> bool:
    """Whether what these labels ask for makes a form of a system."""
    return "name" in fields and len(fields) >= _LABELS - ("classified" in fields)


def is_on_its_side(sources: Iterable[Source], rows: Sequence[Row]) -> bool:
    """Whether these first rows are a table on its side: each a label and the answers of several systems."""
    return last_label(Labels(sources), rows) is not None


def last_label(known: Labels, rows: Sequence[Row]) -> int | None:
    """Of a table on its side, the last column of its labels: 序号 and 分类 may stand before it, and the answers begin behind it. None: these rows are none."""
    fields: dict[int, set[str]] = {}
    for row in rows:
        for index, cell in enumerate(row):
            if isinstance(cell, str) and (column := known.column(cell)) is not None:
                fields.setdefault(index, set()).add(column.field)
    columns = sorted((index for index, there in fields.items() if len(there) >= 2), reverse=True)
    return next((index for index in columns if _answers_behind(known, rows, index)), None)


def _answers_behind(known: Labels, rows: Sequence[Row], last: int) -> bool:
    """Whether behind this column stand the answers of several systems, and no label of one's own."""
    found: set[str] = set()
    widths: list[int] = []
    is_several = False
    for row in rows:
        column = known.column(_label(row, last))
        answers = [cell for cell in row[last + 1 :] if not cells.is_blank(cell)]
        if column is not None and answers and all(known.column(cell) is None for cell in answers):
            found.add(column.field)
            widths.append(len(answers))
            is_several = is_several or known.several_answers(row)
    filled = sum(any(not cells.is_blank(cell) for cell in row) for row in rows)
    is_several = is_several or sum(width >= 2 for width in widths) * 2 > len(widths)
    return _are_a_systems(found) and is_several and len(widths) * 2 > filled


def _label(row: Row, last: int) -> str:
    """The label of a row, the text nearest to its answers; empty where it has none."""
    return next((cells.text_of(cell) for cell in reversed(row[: last + 1]) if isinstance(cell, str) and not cells.is_blank(cell)), "")


def read_label_forms(grid: Grid, file: str, builder: Builder, today: dt.date, *, on_its_side: bool = False) -> None:
    """Every form on the sheet. Raises ``BadFile`` from the grid's rows."""
    first, grid = ahead(grid)
    reader = _Reader(grid, file, builder, today, on_its_side=on_its_side)
    last = last_label(reader.labels, first) if on_its_side else None
    if last is None:
        reader.take_cards(list(grid.rows))
    else:
        for number, row in enumerate(grid.rows):
            reader.take_across(number, row, last)
    reader.finish()


class _Reader:
    def __init__(self, grid: Grid, file: str, builder: Builder, today: dt.date, *, on_its_side: bool) -> None:
        self.grid, self.file, self.builder, self.today = grid, file, builder, today
        self.labels = Labels(builder.foreign)
        self.unanswered = Unanswered(file, grid.name, builder.answers, builder.asked, columns=on_its_side)
        self.kept = {whole_key(words) for source in builder.foreign if source.about == "pairs" for words in source.kept}  # said to be none of the form's
        self.blocks: list[_Block] = []
        self.before: _Block = _Block(0)
        """What stands above all systems: the department, mostly."""
        self.named = False
        """Whether the row of names was met, in a table on its side."""
        self.notes: set[int] = set()
        """Columns of a table on its side that are no system's: how to fill it in."""

    def take_cards(self, rows: Sequence[Row]) -> None:
        """Every card, and what stands above them."""
        for number, row in enumerate(rows):
            self.unanswered.saw(Line(number, row))
        cards = find_cards(rows, self.labels.labels)
        strips = {card.left: min(other.top for other in cards if other.left == card.left) for card in cards}
        above = min(strips.values(), default=0)
        self.unanswered.columns = len(strips) == len(cards) > 1  # one beside the other: a row is several systems'
        for number, row in enumerate(rows[:above]):
            self._take(self.before, number, row)
        for card in cards:
            block = _Block(card.top, is_clear=card.is_clear)
            for number in range(card.top, card.bottom):
                self._take(block, number, card.row(rows[number]))
            for number in range(above, strips[card.left]):
                block.pairs.extend(pair for pair in self.labels.pairs(number, card.row(rows[number])) if pair.column.field in _WHOSE)
            if named := next((pair for pair in block.pairs if pair.column.field == "name"), None):
                block.first = named.row
            if self.unanswered.columns:
                block.column = named.index if named else card.left + 1
            block.secret |= says_yes(self.before.answers) or self.before.may_say_yes
            block.others.extend((label, value) for label, value in self.before.others if is_open(label))
            self.blocks.append(block)
        rows_of = [block.first for block in self.blocks]
        for block in self.blocks:
            block.is_alone = self.unanswered.columns or rows_of.count(block.first) == 1

    def _take(self, block: _Block, number: int, row: Row) -> None:
        pairs = list(self.labels.pairs(number, row))
        block.pairs.extend(pairs)
        asked = {pair.index for pair in pairs if pair.column.field == "classified"}
        block.secret |= any(isinstance(cell, str) and speaks_of_secrets(cell) for index, cell in enumerate(row) if index not in asked and not self._asks(cell))
        block.others.extend(self.labels.unknown(row))

    def take_across(self, number: int, row: Row, last: int) -> None:
        """A label, and behind it one answer for each system; an answer that a merged cell spreads is every system's below it. ``last``: the last
        column of the labels."""
        self.unanswered.saw(Line(number, row))
        row = self._spread(number, row, last)
        label = _label(row, last)
        column = self.labels.column(label)
        answers = [(index, cell) for index, cell in enumerate(row) if index > last and not cells.is_blank(cell)]
        if not self.named and (len(answers) < 2 or column is None):  # 填报单位 of them all, a title, or 项目 ｜ 系统一 ｜ 系统二
            whose = [pair for pair in self.labels.pairs(number, row) if pair.column.field in _WHOSE]
            self.before.pairs.extend(whose)
            if _HEADS.fullmatch(label):
                self.notes = {index for index, cell in answers if says_notes(cells.text_of(cell)) or _REMARKS.fullmatch(cells.plain(cell))}
            if whose or not answers or _HEADS.fullmatch(label):
                return
        self.named = self.named or (column is not None and column.field == "name")
        unit = next((unit for index, cell in answers if column is not None and (unit := unit_said(column, cells.text_of(cell)))), "")  # 内存 ｜ GB ｜ 16 ｜ 32
        answers = [(index, cell) for index, cell in answers if column is None or not unit_said(column, cells.text_of(cell))]
        for index, cell in ((index, cell) for index, cell in answers if label and index not in self.notes):
            block = next((block for block in self.blocks if block.column == index), None)
            if block is None:
                block = _Block(number, index)
                self.blocks.append(block)
            if column is None:
                block.others.append((words_of(label), cells.text_of(cell)))
            else:
                block.pairs.append(Pair(column, cell, number, index, header_unit(column, label) or unit))
            block.secret |= (column is None or column.field != "classified") and isinstance(cell, str) and speaks_of_secrets(cell)

    def _spread(self, number: int, row: Row, label: int) -> Row:
        """The row with cells that are merged across repeated, but for its labels'."""
        line = list(row)
        for top, left, _, right in self.grid.merged:
            if top == number and label < left < right and left < len(line):
                line += [None] * (min(right, left + 200) + 1 - len(line))
                line[left : min(right, left + 200) + 1] = [line[left]] * (min(right, left + 200) + 1 - left)
        return line

    def _asks(self, cell: Any) -> bool:
        """Whether the cell is the label 是否涉密 itself, or one that somebody said is none."""
        column = self.labels.column(cell)
        return whole_key(words_of(cells.text_of(cell))) in self.kept or (column is not None and column.field == "classified")

    def _is_open(self, block: _Block) -> bool:
        """Whether a label of the form may ask whether its system is classified, and nobody has said so."""
        return any(is_open(label, kept=kept) and not (kept and block.answers) for label, _ in block.others for kept in [whole_key(label) in self.kept])

    def finish(self) -> None:
        self.builder.sources.add(self.file)
        self.builder.forms.add((self.file, self.grid.name))
        waits = self._ask_about_labels()
        self.unanswered.waits = "classified" in waits
        self.blocks = [block for block in self.blocks if block.is_a_systems]
        verdicts = [self._verdict(block) for block in self.blocks]
        statement = self.unanswered.statement()
        for block, verdict in zip(self.blocks, verdicts, strict=True):
            block.pairs += [pair for pair in self.before.pairs if pair.column.field in _WHOSE]
            raw = self._raw(block)
            raw.source = "" if waits else raw.source
            answer = verdict.answer if block.is_clear else None
            may_be_stated = block.is_clear and block.is_alone and not says_yes(block.answers)
            if answer is None and may_be_stated and statement is not None:
                answer = (block.column if block.column else block.first) + 1 in statement.classified
            if answer is False:
                self._fill(raw, block)
                self.builder.sheet_system(raw)
                continue
            if answer is None and may_be_stated:
                self.unanswered.lacks(block.column or block.first, raw.place(""))
            department = next((cells.text_of(pair.value) for pair in block.pairs if pair.column.field == "department" and block.is_clear), "")
            for name in [pair.value for pair in block.pairs if pair.column.field == "name"] or [None]:
                self.builder.secrets.add(name, department if answer or block.may_say_yes else None)
                self.builder.classified_row(raw, department, None, answered=answer is True, quiet=not block.is_clear, called=("", cells.text_of(name)))
        if any(not block.is_clear for block in self.blocks):
            self.builder.findings.append(
                Raw(self.file, self.grid.name).finding("cards-unclear", "error", say("inventory.cards_unclear"), say("inventory.cards_below_each_other"))
            )
        contexts = {"工作表名称": self.grid.name, "文件名": self.file.rsplit("/", 1)[-1]}
        self.unanswered.ask(contexts)

    def _verdict(self, block: _Block) -> Verdict:
        verdict = judge(block.answers, is_open=self._is_open(block), speaks=block.secret)
        if verdict.is_doubted and block.is_clear:
            self.unanswered.doubt(block.column or block.first)
        return verdict

    def _ask_about_labels(self) -> set[str]:
        """What labels are that nobody knows, where one of them may be what the count or the plan lacks. Returns the fields that they may be."""
        values: dict[str, list[Any]] = {}
        for label, value in ((label, value) for block in self.blocks for label, value in block.others):
            values.setdefault(label, []).append(ticked(value))
        known = {pair.column.field for block in self.blocks for pair in block.pairs}
        if not values or not self.blocks:
            return set()
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
                read = read_value(pair.column.type, value, pair.unit, self.today)
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
