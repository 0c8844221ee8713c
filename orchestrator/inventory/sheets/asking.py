"""What the reading of one sheet asks about, and what earlier answers say: wordings, units, whether its rows are classified."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from orchestrator.inventory import cells
from orchestrator.inventory.answerbook import Answers
from orchestrator.inventory.build.signs import sign
from orchestrator.inventory.cells import Ambiguous, Unreadable, Value
from orchestrator.inventory.forms import Column, header_key
from orchestrator.inventory.personal import hidden
from orchestrator.inventory.proposals import answers_of, proposal
from orchestrator.inventory.questions import NO_SYSTEM, Asked, Key, all_of, digest
from orchestrator.inventory.reading import Raw
from orchestrator.inventory.sheets.grids import address
from orchestrator.inventory.sheets.header import Line, Table
from orchestrator.inventory.statements import NOT_CLASSIFIED, read_statement, statement_choices
from orchestrator.inventory.values import place_answered, read_value, runs_at
from orchestrator.texts import Name, Sentence, say

_MOST = {"memory_gb": 1536.0, "storage_gb": 100_000.0, "data_gb": 100_000.0, "file_gb": 100_000.0, "disk_gb": 100_000.0}
"""More than one machine has: a bare number above it is in another unit than the column's own."""


_BY_COLOUR = re.compile(
    r"[红黄蓝绿橙紫灰]色?(?:字体?|底纹?|标注|填充|部分|行|的)*[^,，。;；]{0,4}(?:涉密|机密|秘密)"
    r"|(?:涉密|机密|秘密)[^,，。;；]{0,8}(?:标|涂|用|为)[^,，。;；]{0,4}(?:[红黄蓝绿橙紫灰]|颜色)"
)
"""A title that says which rows are classified by their colour, which nobody reads here."""


@dataclass
class Source:
    """One table of a file, for questions about it."""

    file: str
    sheet: str
    table: Table
    contexts: dict[str, str] = field(default_factory=dict)
    waits: str = ""
    """As of a ``Raw``."""

    def __post_init__(self) -> None:
        heads = sorted({*(header_key(column.zh) for column in self.table.columns.values()), *map(header_key, self.table.unknown.values())})
        self.id = digest(self.table.form.id, *heads)
        """Empty: its columns are being asked about, and what else there is to ask waits."""
        self.contexts = {"工作表名称": self.sheet, "标题": self.table.title, "文件名": self.file.rsplit("/", 1)[-1]}

    def wait(self) -> None:
        """Its columns are asked about."""
        self.id, self.waits = "", address(self.table.header, min([*self.table.columns, *self.table.unknown]))

    @property
    def at(self) -> str:
        return " › ".join(part for part in (self.file, self.sheet) if part)

    def place(self, number: int, index: int) -> str:
        return f"{self.at} › {address(number, index)}"


def answered_wording(answers: Answers, column: Column, form: str, value: Any) -> Value | None:
    """What somebody answered this wording means in this column."""
    answer = answers.get("wording", _field(column, form), cells.text_of(value))
    if answer is None:
        return None
    if column.field == "kind" and answer.answer == NO_SYSTEM:
        return Value(NO_SYSTEM)
    if column.type == "place":  # whose the room is was asked, not what it is called
        where = runs_at(answer.answer)
        return place_answered(value, where) if where else Value(cells.text_of(value))
    try:
        read = read_value(column.type, answer.answer, column.unit)
    except cells.Unreadable:
        return None
    return Value(read.value, answer.understood(answer.answer), read.also)


def settled(why: Unreadable, answers: Answers, asked: Asked, scope: str, column: str | Name, sheet: str, place: str) -> Value | None:
    """What a cell with two meanings means by what was answered for its manner in this table; where nothing was, it is asked, once. ``scope``: the table's."""
    while isinstance(why, Ambiguous):
        answer = answers.get("manner", why.manner, scope=scope)
        means = why.means.get(answer.answer) if answer is not None else None
        if means is None:
            if scope:
                _ask_manner(asked, why, scope, column, sheet, place)
            return None
        try:
            return means()
        except Unreadable as further:
            why = further
    return None


def _ask_manner(asked: Asked, why: Ambiguous, scope: str, column: str | Name, sheet: str, place: str) -> None:
    asks = {"sockets": "inventory.asks_manner_sockets", "times": "inventory.asks_manner_times", "parts": "inventory.asks_manner_parts"}[why.manner]
    asked.ask(Key("manner", why.manner, scope=scope), say(asks, sheet=sheet, column=column), place=place, choices=tuple(why.means))


def ask_wording(asked: Asked, column: Column, form: str, value: Any, place: str, header: str = "") -> None:
    """A wording that no rule reads, once for each column and word. ``header``: what the office calls the column."""
    words = cells.text_of(value)
    if hidden(words) != words or len(words) > 200:
        return  # figures that lead to a person: an error at its cell, and nowhere else
    proposed, evidence = proposal(column.type, value)
    options = answers_of(column.type) or (("是", "否") if column.yes_no else ())
    if column.field == "kind":
        options = (*options, NO_SYSTEM)
    asked.ask(
        Key("wording", _field(column, form), words),
        say("inventory.asks_wording", column=header or column.name, words=words[:60]),
        place=place, proposed=proposed, evidence=evidence, choices=(*options, "不详"),
    )  # fmt: skip


def _field(column: Column, form: str) -> str:
    return column.field if form == "systems" else f"{form}.{column.field}"


class BareNumbers:
    """Numbers without a unit in columns whose header says none: taken as the column's own unit only if machines have as much."""

    def __init__(self, source: Source, answers: Answers, asked: Asked) -> None:
        self._source, self._asked = source, asked
        self._taken: dict[int, list[tuple[Raw, int]]] = {}
        """Column → rows with a number of no unit."""
        self._columns: dict[int, Column] = {}
        for index, column in source.table.columns.items():
            if column.field in _MOST and source.table.units.get(index) == "":
                answer = answers.get("unit", column.field, scope=source.id)
                if answer is not None:
                    source.table.units[index] = answer.answer.casefold()
                else:
                    self._columns[index] = column

    def took(self, raw: Raw, index: int, number: int, value: Any, amount: Any) -> None:
        """``value`` was read as ``amount`` in the column's own unit."""
        column = self._columns.get(index)
        if column is None or not re.fullmatch(r"[\d.,]+", cells.plain(value)) or not isinstance(amount, int | float):
            return
        self._taken.setdefault(index, []).append((raw, number))

    def settle(self) -> list[tuple[int, int, Column]]:
        """Take back what an implausible column gave. Returns (row, column, meaning) of each cell that is not read."""
        unread = []
        for index, rows in self._taken.items():
            column = self._columns[index]
            most = max(_each(raw, column.field) for raw, _ in rows)
            if most <= _MOST[column.field]:
                continue
            for raw, number in rows:
                raw.values.pop(column.field, None)
                unread.append((number, index, column))
                if self._source.id:
                    self._ask(index, number, column, most)
        return unread

    def _ask(self, index: int, number: int, column: Column, most: float) -> None:
        self._asked.ask(
            Key("unit", column.field, scope=self._source.id),
            say("inventory.asks_unit", column=column.name),
            place=self._source.place(number, index), choices=("GB", "MB", "TB", "KB"), proposed="MB",
            evidence=say("inventory.by_most", unit=column.unit, most=most),
        )  # fmt: skip


def _each(raw: Raw, field: str) -> float:
    """What one machine of the row has at least."""
    servers = raw.values.get("servers")
    return float(raw.values.get(field) or 0) / max(1.0, float(servers) if isinstance(servers, int | float) else 1.0)


@dataclass
class Statement:
    """What a named person said of the rows of one sheet that do not answer 是否涉密. ``classified``: numbers of rows that are."""

    classified: frozenset[int]
    who: str


class Unanswered:
    """Rows of one sheet whose classification is not answered: one question for them together.

    A statement holds for the sheet as it stood when it was made: any change in it, and it is asked for again. Rows are kept here, in memory
    only, and only where there is a statement that may be about them.
    """

    def __init__(self, file: str, sheet: str, answers: Answers, asked: Asked, *, columns: bool = False) -> None:
        self._at, self._answers, self._asked, self.columns = " › ".join(part for part in (file, sheet) if part), answers, asked, columns
        self._digest = hashlib.sha256(sheet.encode())
        self._numbers: list[int] = []
        self._first: dict[int, str] = {}
        self._doubted: list[int] = []
        """Rows of which only who names them may state something (see ``secrecy``)."""
        self._silent: list[int] = []
        """Of these, rows that say nothing under such a heading."""
        self.may_be_stated = answers.any("sheet")
        self.waits = False
        """A column is asked about that may say it."""

    def saw(self, line: Line) -> None:
        """Every row of the sheet's tables, in order."""
        self._digest.update("\x1f".join(cells.text_of(cell) for cell in line.cells).rstrip("\x1f").encode())
        self._digest.update(b"\n")

    def lacks(self, number: int, place: str) -> None:
        self._numbers.append(number)
        self._first[number] = place

    def doubt(self, number: int, *, silent: bool = False) -> None:
        self._doubted.append(number)
        if silent:
            self._silent.append(number)

    def doubt_all(self, others: Sequence[int]) -> None:
        """These, and all that were found lacking."""
        for number in {*others, *self._numbers}:
            self.doubt(number)

    def statement(self) -> Statement | None:
        """What was said of this very sheet. Call when all of it was seen. None while a column is open that may say otherwise."""
        if self.waits:
            return None
        answer = self._answers.get("sheet", "classified", scope=self._scope)
        stated = read_statement(answer.answer) if answer is not None and answer.by else None
        if answer is None or stated is None or not stated.settles(frozenset(number + 1 for number in self._doubted)):
            return None
        return Statement(stated.classified, answer.who)

    def ask(self, contexts: dict[str, str]) -> None:
        """The question, after the sheet has ended."""
        if self.waits:
            return
        said = next((sign(place, "非涉密") for place, text in contexts.items() if "非涉密" in text), None)
        coloured = any(_BY_COLOUR.search(text) for text in contexts.values())
        doubted = [number for number in self._doubted if number in self._first]
        evidence = [said] if said else []
        evidence += [say("inventory.by_doubt", which=_spans(doubted))] if doubted else []
        evidence += [say("inventory.by_colour")] if coloured else []
        secret = self._numbers == self._silent and not self.columns  # that all others are none is nothing to propose
        proposed = f"涉密行：{'、'.join(str(number + 1) for number in self._silent)}；其余非涉密" if secret else NOT_CLASSIFIED if said and not doubted and not coloured else ""
        choices = statement_choices("列" if self.columns else "行", [number + 1 for number in doubted])
        for number in self._numbers:
            self._asked.ask(
                Key("sheet", "classified", scope=self._scope),
                self._asks(),
                place=self._first[number], proposed=proposed, evidence=all_of(evidence),
                choices=choices, needs_name=True,
            )  # fmt: skip

    def _asks(self) -> Sentence:
        which = _spans(self._numbers)
        if self.columns:
            return say("inventory.asks_columns_classified", sheet=self._at, which=which)
        return say("inventory.asks_rows_classified", sheet=self._at, which=which)

    @property
    def _scope(self) -> str:
        return self._digest.hexdigest()[:16]


def _spans(numbers: Sequence[int]) -> Sentence:
    """``5``, ``7-9`` of row numbers from 0."""
    spans: list[list[int]] = []
    for number in numbers:
        if spans and number == spans[-1][1] + 1:
            spans[-1][1] = number
        else:
            spans.append([number, number])
    shown = tuple(f"{first + 1}" if first == last else f"{first + 1}-{last + 1}" for first, last in spans[:8])
    return say("inventory.numbers_of", numbers=shown, count=len(numbers)) if len(spans) > 8 else say("inventory.numbers", numbers=shown)
