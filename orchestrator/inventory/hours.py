"""Service hours as departments write them (服务时间): one reading for the inventory's findings and for the planner's windows."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Literal, cast

from orchestrator.errors import Finding
from orchestrator.inventory.reading import Raw
from orchestrator.models import Window

Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
Days = Literal["daily", "workday", "weekend", "holiday"] | tuple[Weekday, ...]
_WEEK: tuple[Weekday, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_CHINESE = {"一": 0, "二": 1, "三": 2, "四": 3, "五": 4, "六": 5, "日": 6, "天": 6, "末": 6}
_ALWAYS = re.compile(r"^(7[x×*]24(小时)?|24[x×*]7|全天(候)?|24小时|always)$", re.IGNORECASE)
_DAYS_RANGE = re.compile(r"^(?:周|星期)([一二三四五六日天])(?:至|到|-)(?:周|星期)?([一二三四五六日天])$")
_ENGLISH_RANGE = re.compile(r"^(mon|tue|wed|thu|fri|sat|sun)-(mon|tue|wed|thu|fri|sat|sun)$")
_HOURS = re.compile(r"(\d{1,2})[:：.]([0-5]\d)(?:-|至|到)(\d{1,2})[:：.]([0-5]\d)(?!\d)")
_DAILY = {"每日", "每天", "天天", "daily", ""}
_WORKDAYS = {"工作日", "法定工作日", "workday", "workdays", "weekdays"}


def outside_hours(text: str | None) -> tuple[Window, ...] | None:
    """Windows outside of the service hours. ``()``: there is no time outside. None: nothing is written, or it cannot be read."""
    written = _normal(text or "")
    if not written:
        return None
    if _ALWAYS.match(written):
        return ()
    spans = sorted((_minutes(a, b), _minutes(c, d)) for a, b, c, d in _HOURS.findall(written))
    days = _HOURS.sub("", written).strip("、,;")
    if not spans or any(start >= end or end > 24 * 60 for start, end in spans):
        return None
    if days in _WORKDAYS:
        # between two days' service, and the days off as a whole
        return (*_outside("workday", spans), _whole("weekend"), _whole("holiday"))
    served = _served(days)
    if served is None or len(served) == 7:
        return served and _outside("daily", spans)
    rest = cast("tuple[Weekday, ...]", tuple(day for day in _WEEK if day not in served))
    return (*_outside(served, spans), _whole(rest))


def hours_unread(raws: Iterable[Raw], findings: list[Finding]) -> None:
    """A warning for service hours that cannot be read; they are kept as they are written."""
    for raw in raws:
        written = raw.values.get("service_hours")
        if isinstance(written, str) and _normal(written) and outside_hours(written) is None:
            findings.append(
                raw.finding(
                    "hours-unread",
                    "warning",
                    "服务时间无法识别，按原文保留，排期时不作依据 (the service hours cannot be read; kept as written, not used for windows)",
                    "填写如“工作日 08:30-17:30”或“7×24” (write them like workdays 08:30-17:30, or 7×24)",
                    at="service_hours",
                    system=str(raw.values["id"]),
                )
            )


def _outside(days: Days, spans: Sequence[tuple[int, int]]) -> tuple[Window, ...]:
    return tuple(Window(days=days, start=_clock(a), end=_clock(b)) for a, b in _gaps(spans))


def _whole(days: Days) -> Window:
    return Window(days=days, start="00:00", end="24:00")


def _served(days: str) -> tuple[Weekday, ...] | None:
    if days in _DAILY:
        return _WEEK
    if found := _DAYS_RANGE.match(days):
        first, last = _CHINESE[found[1]], _CHINESE[found[2]]
    elif found := _ENGLISH_RANGE.match(days):
        first, last = _WEEK.index(cast("Weekday", found[1])), _WEEK.index(cast("Weekday", found[2]))
    else:
        return None
    return _WEEK[first : last + 1] if first <= last else (*_WEEK[: last + 1], *_WEEK[first:])


def _gaps(spans: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    free, at = [], 0
    for start, end in spans:
        if start > at:
            free.append((at, start))
        at = max(at, end)
    if at < 24 * 60:
        free.append((at, 24 * 60))
    return free


def _minutes(hours: str, minutes: str) -> int:
    return int(hours) * 60 + int(minutes)


def _clock(minutes: int) -> str:
    return f"{minutes // 60:02d}:{minutes % 60:02d}"


def _normal(text: str) -> str:
    wide = {ord(a): b for a, b in zip("０１２３４５６７８９：－—–～~", "0123456789:-----", strict=True)}
    return re.sub(r"\s+", "", text.translate(wide)).lower().replace("--", "-")
