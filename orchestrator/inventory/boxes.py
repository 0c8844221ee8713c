"""Boxes to tick, as forms print them: what of a cell is ticked (``□是 ☑否``, ``是□ 否√``, ``○是 ●否``)."""

from __future__ import annotations

import re
from typing import Any

_TICKS, _BOXES = "☑√✓✔", "□☐"
_MARKS = re.compile(f"[{_TICKS}{_BOXES}]")
_PAIRS = (("■", "□"), ("●", "○"), ("◉", "○"), ("☒", "☐"))
"""Signs that are a tick only beside the empty one: alone they are bullets, or a cross."""
_SIGNS = re.compile(f"[{_TICKS}{_BOXES}{''.join(tick for tick, _ in _PAIRS)}]")
_TYPED_BOX = re.compile(r"(^|[\s、,;/])口(?=\s*[^\s口])")
"""口, the word, typed for a box."""
_BRACKETED_TICK = re.compile(f"[(（\\[【]\\s*[{_TICKS}]\\s*[)）\\]】]")
_EMPTY_BRACKETS = re.compile(r"[(（\[【]\s*[)）\]】]")
_NUMBER = re.compile(r"^(?:\d+[、.．\s]+|\d{1,2}(?=[\u4e00-\u9fff]))")
"""Of an option, also without a sign behind it: ``2指挥调度``."""
_BEFORE = re.compile(rf"([{_TICKS}{_BOXES}])([^{_TICKS}{_BOXES}]*)")
_AFTER = re.compile(rf"([^{_TICKS}{_BOXES}]+)([{_TICKS}{_BOXES}])")
_BETWEEN = " \t\n　、,，;；/()（）"


def ticked(value: Any) -> Any:
    """What is ticked of a cell with boxes; None where no box is, or where it cannot be told which. A cell without boxes is what it is."""
    if not isinstance(value, str) or not _SIGNS.search(value):
        return value
    text = _with_plain_signs(value.strip())
    marks = _MARKS.findall(text)
    has_boxes = any(mark in _BOXES for mark in marks)
    if not (has_boxes or len(marks) > 1 or (len(text) > 1 and marks and {text[0], text[-1]} & {*_TICKS})):
        return value
    if text[-1] in _TICKS + _BOXES:
        options = [] if text[0] in _TICKS + _BOXES else [(mark, option) for option, mark in _AFTER.findall(text)]
    else:
        options = _BEFORE.findall(text)
    chosen = [_NUMBER.sub("", option.strip(_BETWEEN)) for mark, option in options if mark in _TICKS]
    return "、".join(option for option in chosen if option) or None


def ticked_of_several(value: Any) -> Any:
    """The same, where there is a choice of several boxes; else the cell as it is: one tick beside a word may mean yes as well as the word."""
    several = isinstance(value, str) and _SIGNS.search(value) and len(_MARKS.findall(_with_plain_signs(value.strip()))) > 1
    return ticked(value) if several else value


def _with_plain_signs(text: str) -> str:
    """The text with ☑ and □ for what is a tick and a box in it."""
    if any(sign in text for sign in _TICKS):
        text = _EMPTY_BRACKETS.sub("□", _BRACKETED_TICK.sub("☑", text))
        text = _TYPED_BOX.sub(r"\1□", text).replace("☒", "☐")
    for tick, box in _PAIRS:
        if tick in text and (box in text or text.count(tick) > 1):
            text = text.replace(tick, "☑").replace(box, "□")
    return text
