"""What of an inventory is personal: kept in the department's own record, never in a finding, report or log."""

from __future__ import annotations

import re
import unicodedata

FIELDS = {"phone", "contact"}
FIGURES = re.compile(
    r"(?<!\d)(?:"
    r"(?:\+?86[-\s]?)?1[3-9]\d(?:[-\s]?\d{4}){2}"  # mobile
    r"|0\d{2,3}[-\s]\d{7,8}(?:-\d{1,5})?"  # landline with its area code
    r"|\d{17}[\dXx]"  # identity card
    r")(?!\d)"
    r"|[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+"  # mail
)
"""Figures inside a text that lead to a person."""
_COLUMN = re.compile(r"电话|手机|联系|座机|邮箱|姓名|负责人|身份证|phone|mobile|contact|mail|tel", re.IGNORECASE)


def hidden(text: str, column: str = "") -> str:
    """The text as it may be shown: without figures that lead to a person, and without anything of a column that is about one."""
    if text and _COLUMN.search(column):
        return "…"
    folded = unicodedata.normalize("NFKC", text)
    return FIGURES.sub("…", folded) if FIGURES.search(folded) else text
