"""Dates as far as people know them: a day, a month, or a year (``2015年6月上线``)."""

from __future__ import annotations

import datetime as dt
import re
from typing import Any

from orchestrator.inventory.cells import Unreadable, Value, as_date, plain, text_of
from orchestrator.texts import say

_FORM = say("inventory.form_when")
_DATE = re.compile(r"((?:19|20)\d{2})(?:\s*[年./-]\s*(\d{1,2})(?:\s*[月./-]\s*(\d{1,2})\s*[日号]?|\s*月份?)?|\s*年度?)?(?!\d)")
_COMPACT = re.compile(r"((?:19|20)\d{2})(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])?")
"""``20160508``, ``201605``: as databases export them."""
_SHORT_YEAR = re.compile(r"(?<!\d)([01]\d|9\d)(?=年\d{1,2}月)")
"""``16年5月``; 使用10年 is no date."""
_IN_SIGNS = re.compile(r"([一二][〇零○一二三四五六七八九]{3})年(?:(十[一二]?|[一二三四五六七八九])月)?")
"""``二〇一六年五月``."""
_SIGNS = str.maketrans("〇零○一二三四五六七八九", "000123456789")
_MONTHS = {"十": "10", "十一": "11", "十二": "12"}
_TIME = re.compile(r"(?<=\d)[t\s]+\d{1,2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?:z|[+-]\d{2}:?\d{2})?$", re.IGNORECASE)
_ABOUT = re.compile(
    r"正式|建成|建设完成|上线|投入|使用|运行|投运|启用|开通|完工|验收|计划|预计|拟|停用|停运|下线|淘汰|替代|到期|截止|截至"
    r"|年?底|年?初|上半年|下半年|第?[一二三四1-4]季度|中旬|上旬|下旬|之?前|之?后|以前|约|左右|[起至于在的,。;()]"
)
"""Words beside a date that do not change it."""


def when(raw: Any) -> Value:
    """A day, a month or a year in ISO form, as precise as it was written. Two dates, or words that say something else, are unreadable."""
    if isinstance(raw, int | float) and not isinstance(raw, bool) and 1900 <= raw <= 2099 and float(raw).is_integer():
        return Value(str(int(raw)))
    compact = _COMPACT.fullmatch(plain(raw).removesuffix(".0"))
    if compact:
        return _checked(*compact.groups(), raw=raw)
    if isinstance(raw, dt.date | int | float):
        day = as_date(raw)
        if day is None:
            raise Unreadable(_FORM)
        return _said(day.isoformat(), raw)
    text = _IN_SIGNS.sub(_in_digits, _SHORT_YEAR.sub(_whole_year, _TIME.sub("", plain(raw)))).replace(" ", "")
    dates = list(_DATE.finditer(text))
    if len(dates) != 1 or _ABOUT.sub("", text[: dates[0].start()] + text[dates[0].end() :]):
        raise Unreadable(_FORM)
    return _checked(*dates[0].groups(), raw=raw)


def _whole_year(short: re.Match[str]) -> str:
    return ("19" if short[0].startswith("9") else "20") + short[0]


def _in_digits(found: re.Match[str]) -> str:
    year, month = found.groups()
    return f"{year.translate(_SIGNS)}年" + (f"{_MONTHS.get(month, month.translate(_SIGNS))}月" if month else "")


def _checked(year: str, month: str | None, day_of_month: str | None, *, raw: Any) -> Value:
    try:
        dt.date(int(year), int(month or 1), int(day_of_month or 1))
    except ValueError:
        raise Unreadable(_FORM) from None
    return _said("-".join([year, *(part.zfill(2) for part in (month, day_of_month) if part)]), raw)


def _said(date: str, raw: Any) -> Value:
    return Value(date, "" if text_of(raw) == date else date)
