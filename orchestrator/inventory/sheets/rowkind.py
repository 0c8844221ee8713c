"""What a row below a header is: someone's row, or a total, a note, an example. Whatever may be a system's row is one."""

from __future__ import annotations

import re
from enum import StrEnum
from itertools import dropwhile
from typing import Any

from orchestrator.inventory.answers import classified
from orchestrator.inventory.cells import not_known, plain
from orchestrator.inventory.forms import Column
from orchestrator.inventory.sheets.archive import column_of
from orchestrator.inventory.sheets.header import Line, Table
from orchestrator.inventory.sheets.lost import says_total
from orchestrator.inventory.values import listed_choice


class Kind(StrEnum):
    BLANK = "blank"
    TOTAL = "total"
    NOTE = "note"
    EXAMPLE = "example"
    ODD = "odd"
    """Too little to be anyone's row."""
    DATA = "data"


_PLAIN_TOTAL = re.compile(r"^(?:合计|总计|小计|共计)[::]?$")
_NOTE_WORDS = (
    r"^(?:注|备注|说明|填表说明|填报说明|(?:填表|填报|制表|审核|复核|经办|联系)人?|(?:单位|部门|系统)?负责人|(?:分管|主管)领导|负责人签字|联系电话"
    r"|(?:填表|填报|制表)?日期|(?:填报|填表)单位|note|remark)s?(?:\([^)]*\))?\s*\d*\s*"
)
_NOTE = re.compile(_NOTE_WORDS + r"(?:[::.、]|$)", re.IGNORECASE)
_SIGNED = re.compile(_NOTE_WORDS + r"[::]", re.IGNORECASE)
_EXAMPLE = re.compile(r"^[(\[【<](?:示例|样例|举例|例|example)[)\]】>]|^(?:示例|样例|举例|例|例如|example)\s*(?:[::]|$)", re.IGNORECASE)
_PART = re.compile(r"^其中(?:[,:、(]|包括|包含|含|有|\s|$)")
_LEADING = {"department", "name", "system"}
_CHOICES = {"kind": "kind", "status": "status", "level": "level", "organisation_type": "organisation"}


def kind_of_row(table: Table, line: Line) -> Kind:
    """In doubt a row is ``DATA``: then what is wrong with it is told."""
    if line.cells.count("") + line.cells.count(None) == len(line.cells):
        return Kind.BLANK  # at once: sheets end in a hundred thousand of these
    own = line.own()
    if not own:
        return Kind.BLANK
    if line.number == table.header + 1 and _guides(table, line, own):
        return Kind.NOTE
    number, department, name = table.by_field.get("row_no"), table.by_field.get("department"), table.name_at
    in_block = department in line.filled and bool(plain(line.cells[department])) if department is not None else False
    in_block = in_block or (name in line.filled and bool(plain(line.cells[name or 0])) and any(index in table.columns for index in own))  # a further server
    numbered = number in own and plain(line.cells[number or 0]).isdigit()
    if numbered and len(own) == 1:
        return Kind.DATA if in_block else Kind.BLANK  # numbered ahead, not filled in
    at = next(index for index in own if index != number or not numbered)
    first = plain(line.cells[at])
    answered = any(index in own and (len(own) > 1 or _is_answer(line.cells[index])) for index in table.classified)
    named = any(index in own and not _numeric(line.cells[index]) for index in (name, department, *table.classified) if index is not None)
    if _PART.match(first) and not answered and at != department:
        return Kind.NOTE  # 其中：图片库 is part of what stands above it
    if _leads(table.columns.get(at)) or not named:
        total = _PLAIN_TOTAL.match(first.replace(" ", "")) if numbered else says_total(first)
        if (total or _SIGNED.match(first)) and not _is_full(table, line, own):
            return Kind.TOTAL if total else Kind.NOTE
        if _NOTE.match(first) and not answered and name not in own and department not in own:
            return Kind.NOTE
        if _EXAMPLE.match(first):
            return Kind.EXAMPLE
    if name in own and _EXAMPLE.match(plain(line.cells[name or 0])):
        return Kind.EXAMPLE
    if answered or in_block or (name in own and len(own) > 1) or sum(index in table.columns for index in own) >= 3:
        return Kind.DATA
    return Kind.NOTE if len(own) == 1 and (len(first) > 15 or at == number) and at != name else Kind.ODD


_GUIDE = re.compile(r"^(?:填写|填报|填表)?(?:说明|要求|提示|示例|规则)[::]?$|^(?:栏次|列次|列号)$")
_LETTER = re.compile(r"[A-Z]{1,2}", re.IGNORECASE)
_NUMBERED = re.compile(r"^[(\[【]?[第c]?(\d{1,3}|[一二三四五六七八九十]{1,3})[列栏项]?[)\]】]?(?:=.{1,30})?$", re.IGNORECASE)
_DIGITS = ("", *"一二三四五六七八九")
_NO_NUMBER = re.compile(r"^[(\[]?[甲乙丙丁戊己庚辛][)\]]?$|^[-—–/]+$")


def _guides(table: Table, line: Line, own: list[int]) -> bool:
    """A row right below the header that numbers the columns (栏次, 甲, 1, 2, …) or says how they are to be filled in."""
    texts = [plain(line.cells[index]) for index in own]
    if _GUIDE.match(texts[0]):
        texts = texts[1:]
        if not _is_full(table, line, own):
            return True
    return numbers_columns(texts)


def numbers_columns(texts: list[str]) -> bool:
    """Whether a row numbers its columns, as statistics forms do: 甲, 乙, 1, 2, …; ①, ②, …; 第1列, …; A, B, C, … as the program letters them."""
    if len(texts) >= 3 and all(map(_LETTER.fullmatch, texts)):
        numbers = [column_of(text.upper().encode()) for text in texts]
    else:
        found = [_NUMBERED.match(text) for text in dropwhile(_NO_NUMBER.match, texts)]
        if len(texts) < 3 or len(found) < 2 or not all(found):
            return False
        numbers = [_number(one[1]) for one in found if one]
        if numbers[0] > 2:
            return False
    return numbers == list(range(numbers[0], numbers[0] + len(numbers)))


def _number(text: str) -> int:
    """12 or 十二."""
    if text.isdigit():
        return int(text)
    tens, ten, ones = text.rpartition("十")
    return 10 * (_DIGITS.index(tens) if tens in _DIGITS[1:] else 1 if ten else 0) + (_DIGITS.index(ones) if ones in _DIGITS else 0)


def _leads(column: Column | None) -> bool:
    """Whether a cell of this column may say what its row is: in a column of free text these are words of its own (备注：例：…)."""
    return column is None or column.field in _LEADING or column.type not in {"text", "names", "host", "on_host", "thing"}


def _is_answer(cell: Any) -> bool:
    return classified(cell) is not None or not_known(cell)


def _is_full(table: Table, line: Line, own: list[int]) -> bool:
    """Whether it answers as a system's row does. A number is a sum as well as an answer, and proves nothing."""
    if any(index in own and not _numeric(line.cells[index]) and classified(line.cells[index]) is not None for index in table.classified):
        return True
    if table.form.id != "systems":
        return any(index in table.columns and not _numeric(line.cells[index]) for index in own[1:])
    return sum(_answers(kind, line, table.by_field.get(field), own) for field, kind in _CHOICES.items()) >= 2


def _answers(kind: str, line: Line, index: int | None, own: list[int]) -> bool:
    if index is None or index not in own:
        return False
    return listed_choice(kind, line.cells[index]) is not None


def _numeric(cell: Any) -> bool:
    return plain(cell).replace(".", "").isdigit()
