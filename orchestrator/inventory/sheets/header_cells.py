"""The words above the columns of a table that nobody knows: of one row, or of two where merged cells stand over several columns."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from orchestrator.inventory.answers import classified
from orchestrator.inventory.cells import text_of
from orchestrator.inventory.forms import forms, match
from orchestrator.inventory.sheets.grids import Row
from orchestrator.inventory.values import listed_choice

Merged = Sequence[tuple[int, int, int, int]]
_LONGEST = 60
_LONGEST_GROUP = 24
_NO_GROUP = re.compile(r"[::;；。]|\d{4}年|^附[件表录]|(?:表|清单|台账|名单)(?:[(（].*)?$|^(?:说明|备注|注)")
"""What a title, a note or 填报单位:… says, and the name of no group of columns."""
_CHOICES = ("level", "organisation", "kind", "status", "network")


@dataclass(frozen=True)
class HeaderCells:
    """``row``: the last row of the header. ``words``: column → what stands above it, the group's words first."""

    row: int
    words: Mapping[int, str]
    own: Mapping[int, str]
    """The same without the groups."""
    rows: int = 1


def header_cells(rows: Sequence[Row], number: int, merged: Merged) -> HeaderCells:
    """What the header would be if this row were its last one."""
    own = {index: text for index, cell in enumerate(rows[number]) if isinstance(cell, str) and (text := text_of(cell))}
    above = number - 1
    spans = [(left, right, bottom) for top, left, bottom, right in merged if top == above >= 0]
    if not any(right > left for left, right, bottom in spans if bottom == above) or len(own) < 2 or not _has_groups(rows[above]):
        return HeaderCells(number, own, own)
    words = dict(own)
    for left, right, bottom in spans:
        group = text_of(rows[above][left]) if left < len(rows[above]) else ""
        for index in range(left, min(right, left + 200) + 1):
            if bottom >= number:
                words.setdefault(index, group)
            elif index in own and group and right > left:
                words[index] = f"{group} {own[index]}"
    for index, cell in enumerate(rows[above]):
        if index not in words and isinstance(cell, str) and text_of(cell):
            words[index] = text_of(cell)
    return HeaderCells(number, {index: text for index, text in sorted(words.items()) if text}, own, 2)


def _has_groups(row: Row) -> bool:
    """Whether several groups stand here. One text over all columns is a title or a note: it is in no header's name, where it would
    be asked about, kept and shown with whatever it tells."""
    texts = {text for cell in row if isinstance(cell, str) and (text := text_of(cell))}
    return sum(len(text) <= _LONGEST_GROUP and not _NO_GROUP.search(text) for text in texts) >= 2


def likeliest_header(rows: Sequence[Row], merged: Merged) -> HeaderCells | None:
    """The first row of different short texts that is about as wide as the rows below it. None: there is none."""
    widths = [sum(bool(text_of(cell)) for cell in row) for row in rows]
    for number, row in enumerate(rows[:-1]):
        texts = [text_of(cell) for cell in row if text_of(cell)]
        below = sorted(widths[number + 1 : number + 8])
        usual = below[len(below) // 2]
        if len(texts) < 3 or usual < 3 or len(texts) * 10 < usual * 6 or not _could_be_headers(row, rows[number + 1 :]):
            continue
        if len(set(texts)) < len(texts) and not _is_group_row(number, merged):
            continue
        if _is_group_row(number, merged) and number + 2 < len(rows):
            return header_cells(rows, number + 1, merged)
        return header_cells(rows, number, merged)
    return None


def _is_group_row(number: int, merged: Merged) -> bool:
    return any(top == bottom == number and right > left for top, left, bottom, right in merged)


def _could_be_headers(row: Row, below: Sequence[Row]) -> bool:
    """Less than half may be answers as well (Agency, Application), where two others are headers that the form knows. One that stands over other
    things (应用系统 over names) is no answer."""
    texts = {index: text for index, cell in enumerate(row) if (text := text_of(cell))}
    others = [text for index, text in texts.items() if not _could_be_header(text) and not _stands_over(text, index, below)]
    return not others or (len(others) * 2 < len(texts) and sum(match(forms()["systems"], text) is not None for text in texts.values()) >= 2)


def _stands_over(text: str, index: int, below: Sequence[Row]) -> bool:
    cells = [words for row in below if index < len(row) and (words := text_of(row[index]))]
    is_short_text = len(text) <= _LONGEST and classified(text) is None and not any(map(str.isdigit, text))
    return is_short_text and len(cells) >= 2 and not any(_is_answer(words) for words in cells)


def _could_be_header(text: str) -> bool:
    """No answer stands in a header, and no number: what is repeated of a header to people must not be a row of somebody's system."""
    if len(text) > _LONGEST or text.replace(".", "").replace("-", "").replace(":", "").isdigit():
        return False
    return not _is_answer(text) or match(forms()["systems"], text) is not None


def _is_answer(text: str) -> bool:
    return classified(text) is not None or any(listed_choice(kind, text) is not None for kind in _CHOICES)
