"""Any cell as text, as a blank, as a date; what a reading of it is made of."""

from __future__ import annotations

import datetime as dt
import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from orchestrator.texts import Words

SPLIT = re.compile(r"[、;;\n\r]+|(?<![A-Za-z])/|/(?![A-Za-z])|[,,]")
"""What stands between several names in one cell."""


class Unreadable(ValueError):
    """The text fits none of the accepted forms; ``form`` says which are."""

    def __init__(self, form: Words) -> None:
        super().__init__(form)
        self.form = form


class Ambiguous(Unreadable):
    """The text has more than one meaning, and so has every text of its manner (``2路16核``): which one is asked once for all of them.

    ``manner``: what it is about. ``means``: answer → the reading by it, which may raise another one.
    """

    def __init__(self, form: Words, manner: str, means: Mapping[str, Callable[[], Value]]) -> None:
        super().__init__(form)
        self.manner, self.means = manner, means


@dataclass(frozen=True)
class Value:
    """``value`` None: not answered. ``understood``: words for the list of interpretations, empty when the value is what stood there."""

    value: Any
    understood: Words = ""
    also: Mapping[str, Any] = field(default_factory=dict)
    """Field → what the same cell says of other columns (``4C8G`` under CPU): taken where they are silent."""


BLANK = {"", "/", "\\", "-", "--", "—", "——", "――", "n/a", "#n/a", "nan", "nat", "(null)", "<null>", "(空)", "(blank)"}
NOT_KNOWN = {
    "不详", "不清楚", "不知道", "不确定", "未知", "待定", "待确认", "待核实", "待补充", "待查", "待填", "未填", "未提供", "?", "??", "???", "不明", "暂无",
    "同上", "略", "见附件", "详见附件", "见附表", "unknown", "not known", "tbd", "na", "null",
}  # fmt: skip
MAX_CELL = 32_767
_DOWNWARDS = re.compile(r"[\u4e00-\u9fff](?:\s*\n\s*[\u4e00-\u9fff]){2,}")
"""A name written downwards, a letter a line."""
_UNSEEN = "\u200b\u200c\u200d\u2060\ufeff"
"""Signs that nobody sees: what is copied from pages and messages begins and ends with them."""
_DATE = re.compile(r"^(\d{4})\s*[年./-]\s*(\d{1,2})(?:\s*[月./-]\s*(?:(\d{1,2})\s*日?)?)?$")


def plain(raw: Any) -> str:
    """Any cell as text, width folded: for matching, not for keeping."""
    return unicodedata.normalize("NFKC", text_of(raw)).strip()


def folded(word: str) -> str:
    """A word as choices are compared: width, case and spaces do not matter."""
    return unicodedata.normalize("NFKC", word).casefold().replace(" ", "")


def text_of(raw: Any) -> str:
    """Any cell as the text a person sees."""
    if raw is None:
        return ""
    if isinstance(raw, str):  # first: most cells are texts
        return _seen(raw)
    if isinstance(raw, bool):
        return "是" if raw else "否"
    if isinstance(raw, float):
        return str(int(raw)) if raw.is_integer() and abs(raw) < 1e15 else repr(raw)
    if isinstance(raw, dt.datetime):
        return raw.strftime("%Y-%m-%d") if raw.time() == dt.time() else raw.strftime("%Y-%m-%d %H:%M:%S")
    return _seen(str(raw))


def _seen(text: str) -> str:
    text = text.strip()
    if text and (text[0] in _UNSEEN or text[-1] in _UNSEEN):
        text = text.strip(_UNSEEN + " \t\r\n\u3000\xa0")
    if "\n" in text and _DOWNWARDS.fullmatch(text):
        text = "".join(text.split())
    return text[:MAX_CELL]


def is_blank(raw: Any) -> bool:
    if not isinstance(raw, str):
        return raw is None
    return _is_blank_text(raw) if len(raw) <= _KEPT_LENGTH else _normalised(raw) in BLANK


_KEPT_LENGTH = 60
"""Longer texts are rarely the same twice."""


@lru_cache(maxsize=20_000)
def _is_blank_text(text: str) -> bool:
    """Each cell is asked several times, and most say what others say."""
    return _normalised(text) in BLANK


def _normalised(text: str) -> str:
    return unicodedata.normalize("NFKC", text).strip().casefold()


def not_known(raw: Any) -> bool:
    """Whether a text says that nobody knows: ``不详``, ``(待确认)``, ``未知/待定``."""
    if not isinstance(raw, str) or len(raw) > 60:
        return False
    return all(part.strip(" ()[]。.!…") in NOT_KNOWN for part in re.split("[、;,/]", plain(raw).casefold().strip(" ;,、/")))


def as_date(raw: Any) -> dt.date | None:
    """A date as people write it: ``2015年6月`` (its last day), ``2019-12-31``, an Excel serial number, a date cell."""
    if isinstance(raw, dt.datetime):
        return raw.date()
    if isinstance(raw, dt.date):
        return raw
    if isinstance(raw, int | float) and not isinstance(raw, bool) and 20000 < raw < 80000:
        return dt.date(1899, 12, 30) + dt.timedelta(days=int(raw))
    found = _DATE.match(plain(raw))
    if not found:
        return None
    year, month, day = int(found.group(1)), int(found.group(2)), found.group(3)
    if not 1 <= month <= 12:
        return None
    try:
        if day:
            return dt.date(year, month, int(day))
        return (dt.date(year + month // 12, month % 12 + 1, 1)) - dt.timedelta(days=1)
    except ValueError:
        return None
