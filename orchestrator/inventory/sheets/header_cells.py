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


_ANOTHER_NAME = re.compile(r"简称|别名|又名|俗称|曾用名|原名|缩写|英文名|代号|abbreviation|alias|short name", re.IGNORECASE)


def says_another_name(words: str) -> bool:
    """Whether a column holds what things are called besides: 系统简称."""
    return bool(_ANOTHER_NAME.search(words))


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
    is_completed = _reach_below(0, above, merged)
    groups_above = any(right > left and top == bottom and above - is_completed <= top <= above for top, left, bottom, right in merged)  # of three rows: over those above
    if not groups_above or (len(own) < 2 and not is_completed) or not _has_groups(rows[above]):
        return HeaderCells(number, own, own)
    groups = {index: text_of(rows[above][left]) for left, right, bottom in spans if right > left and left < len(rows[above]) for index in range(left, min(right, left + 200) + 1)}
    upper = header_cells(rows, above, merged)
    words = {index: f"{group} {text}" if (group := groups.get(index)) else text for index, text in own.items()}
    for left, right, bottom in spans:
        if bottom >= number:  # one that stands in this row, too
            words |= {index: groups[index] for index in range(left, min(right, left + 200) + 1) if index in groups and index not in words}
    words |= {index: text for index, text in upper.words.items() if index not in words}
    return HeaderCells(number, {index: text for index, text in sorted(words.items()) if text}, own, upper.rows + 1)


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
        last = number
        while last + 2 < len(rows) and _is_group_row(last, merged) and (last == number or _reach_below(number, last, merged)):
            last += 1
        return header_cells(rows, last, merged)
    return None


def _is_group_row(number: int, merged: Merged) -> bool:
    return any(top == bottom == number and right > left for top, left, bottom, right in merged)


def _reach_below(first: int, last: int, merged: Merged) -> bool:
    """Whether a header's merged cells reach below this row of it."""
    return sum(first <= top <= last < bottom for top, _, bottom, _ in merged) >= 2


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
