"""What a row below a header is: someone's row, or a total, a note, an example. Whatever may be a system's row is one."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Any

from orchestrator.inventory.answers import classified
from orchestrator.inventory.cells import Unreadable, plain
from orchestrator.inventory.header import Line, Table
from orchestrator.inventory.values import choice


class Kind(StrEnum):
    BLANK = "blank"
    TOTAL = "total"
    NOTE = "note"
    EXAMPLE = "example"
    ODD = "odd"
    """Too little to be anyone's row."""
    DATA = "data"


_TOTAL = re.compile(
    r"^\D{0,12}?(?:合计|总计|小计|共计|累计|总数)[\s::(]*(?:[\d,.]+(?:个|项|套|台|行|条)?(?:信息)?(?:系统|数据库)?)?[)]?$"
    r"|^(?:total|sum|subtotal)(?:[::\s].*)?$",
    re.IGNORECASE,
)
_PLAIN_TOTAL = re.compile(r"^(?:合计|总计|小计|共计)[::]?$")
_NOTE_WORDS = (
    r"^(?:注|备注|说明|填表说明|填报说明|(?:填表|填报|制表|审核|复核|经办|联系)人?|(?:单位|部门|系统)?负责人|(?:分管|主管)领导|负责人签字|联系电话"
    r"|(?:填表|填报|制表)?日期|(?:填报|填表)单位|note|remark)s?(?:\([^)]*\))?\s*\d*\s*"
)
_NOTE = re.compile(_NOTE_WORDS + r"(?:[::.、]|$)", re.IGNORECASE)
_SIGNED = re.compile(_NOTE_WORDS + r"[::]", re.IGNORECASE)
_EXAMPLE = re.compile(r"^[(\[【<](?:示例|样例|举例|例|example)[)\]】>]|^(?:示例|样例|举例|例|例如|example)\s*(?:[::]|$)", re.IGNORECASE)
_CHOICES = {"kind": "kind", "status": "status", "level": "level", "organisation_type": "organisation"}


def kind_of_row(table: Table, line: Line) -> Kind:
    """In doubt a row is ``DATA``: then what is wrong with it is told."""
    if line.cells.count("") + line.cells.count(None) == len(line.cells):
        return Kind.BLANK  # at once: sheets end in a hundred thousand of these
    own = line.own()
    if not own:
        return Kind.BLANK
    number, department = table.by_field.get("row_no"), table.by_field.get("department")
    in_block = department in line.filled and bool(plain(line.cells[department])) if department is not None else False
    words = [plain(line.cells[index]) for index in own]
    if own == [number] and words[0].isdigit():
        return Kind.DATA if in_block else Kind.BLANK  # numbered ahead, not filled in
    first = next((text for index, text in zip(own, words, strict=True) if index != number or not text.isdigit()), "")
    answered = any(index in own for index in table.classified)
    numbered = number in own and words[0].isdigit()
    total = len(first) < 40 and (_PLAIN_TOTAL if numbered else _TOTAL).match(first.replace(" ", ""))
    signed = _SIGNED.match(first)
    if (total or signed) and not _is_full(table, line, own):
        return Kind.TOTAL if total else Kind.NOTE
    if _NOTE.match(first) and not answered and table.name_at not in own and department not in own:
        return Kind.NOTE
    if _EXAMPLE.match(words[0]) or (table.name_at in own and _EXAMPLE.match(plain(line.cells[table.name_at or 0]))):
        return Kind.EXAMPLE
    if answered or in_block or (table.name_at in own and len(own) > 1) or sum(index in table.columns for index in own) >= 3:
        return Kind.DATA
    return Kind.NOTE if len(own) == 1 and (len(first) > 15 or own == [number]) and own[0] != table.name_at else Kind.ODD


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
    try:
        choice(kind, line.cells[index])
    except Unreadable:
        return False
    return True


def _numeric(cell: Any) -> bool:
    return plain(cell).replace(".", "").isdigit()
