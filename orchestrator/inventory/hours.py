"""Service hours as departments write them (服务时间): one reading for the inventory's findings and for the planner's windows."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Literal, cast

from orchestrator.errors import Finding
from orchestrator.inventory.reading import Raw
from orchestrator.models import Window
from orchestrator.texts import say

Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
Span = tuple[int, int]
"""Minutes of a day: from, to."""
Days = Literal["daily", "workday", "weekend", "holiday"] | tuple[Weekday, ...]
_WEEK: tuple[Weekday, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_CHINESE = {"一": 0, "二": 1, "三": 2, "四": 3, "五": 4, "六": 5, "日": 6, "天": 6}
_ALWAYS = re.compile(r"^(7[x×*]24(小时)?|24[x×*]7|(每天|每日|全年|全年365天)?(全天(候)?|24小时|24h)|全年无休|always)$", re.IGNORECASE)
_PARTS = re.compile(r"[、，,;；/]|和|及")
_DAYS_RANGE = re.compile(r"^(?:周|星期)([一二三四五六日天])(?:至|到|-)(?:周|星期)?([一二三四五六日天])$")
_ENGLISH_RANGE = re.compile(r"^(mon|tue|wed|thu|fri|sat|sun)-(mon|tue|wed|thu|fri|sat|sun)$")
_DAYS_LIST = re.compile(r"^(?:周|星期)[一二三四五六日天](?:(?:周|星期)?[一二三四五六日天])*$")
_OCLOCK = re.compile(r"(\d{1,2})[点时](?:([0-5]?\d)分?|(半))?")
_HOURS = re.compile(r"(\d{1,2})[:：.]([0-5]\d)(?:-|至|到)(\d{1,2})[:：.]([0-5]\d)(?!\d)")
_DAILY = {"每日", "每天", "天天", "daily"}
_WEEKEND = {"周末", "双休日", "weekend", "weekends"}
_WORKDAYS = {"工作日", "法定工作日", "workday", "workdays", "weekdays"}


def outside_hours(text: str | None) -> tuple[Window, ...] | None:
    """Windows outside of the service hours. ``()``: there is no time outside. None: nothing is written, or it cannot be read."""
    written = _normal(text or "")
    if not written:
        return None
    if _ALWAYS.match(written):
        return ()
    served = _service(written)
    if served is None:
        return None
    week, working = served
    if working:  # between two days' service, and the days off as a whole
        return (*_outside("workday", sorted(working)), _whole("weekend"), _whole("holiday"))
    if len(week) == 7 and len({tuple(sorted(spans)) for spans in week.values()}) == 1:
        return _outside("daily", sorted(week["mon"]))
    alike: dict[tuple[Span, ...], list[Weekday]] = {}
    for day in _WEEK:
        alike.setdefault(tuple(sorted(week.get(day, ()))), []).append(day)
    return tuple(window for spans, days in alike.items() for window in _outside(tuple(days), spans))


def _service(written: str) -> tuple[dict[Weekday, list[Span]], list[Span]] | None:
    """When there is service: by weekday, or on working days. Parts without days go on with those before. None: it cannot be read."""
    week: dict[Weekday, list[Span]] = {}
    working: list[Span] = []
    days: tuple[Weekday, ...] | None = _WEEK
    waiting: tuple[Weekday, ...] = ()
    for part in _PARTS.split(written):
        named = _HOURS.sub("", part)
        spans = [(_minutes(a, b), _minutes(c, d)) for a, b, c, d in _HOURS.findall(part)]
        if named in _WORKDAYS:
            days = None
        elif named and (mine := _days(named)) is not None:
            days = waiting = (*waiting, *mine)
        elif named:
            return None
        if not spans and not (named and waiting):
            return None
        if spans:
            waiting = ()
        for start, end in spans:
            night = days == _WEEK and 24 * 60 >= start > end  # it crosses midnight, and so it does every day
            if (start >= end or end > 24 * 60) and not night:
                return None
            pieces = [(start, 24 * 60), (0, end)] if night else [(start, end)]
            if days is None:
                working += pieces
            for day in days or ():
                week.setdefault(day, []).extend(pieces)
    return None if waiting or (week and working) else (week, working)


def hours_unread(raws: Iterable[Raw], findings: list[Finding]) -> None:
    """A warning for service hours that cannot be read; they are kept as they are written."""
    for raw in raws:
        written = raw.values.get("service_hours")
        if isinstance(written, str) and _normal(written) and outside_hours(written) is None:
            findings.append(
                raw.finding(
                    "hours-unread",
                    "warning",
                    say("inventory.hours_unread"),
                    say("inventory.form_hours"),
                    at="service_hours",
                    system=str(raw.values["id"]),
                )
            )


def _outside(days: Days, spans: Sequence[Span]) -> tuple[Window, ...]:
    return tuple(Window(days=days, start=_clock(a), end=_clock(b)) for a, b in _gaps(spans))


def _whole(days: Days) -> Window:
    return Window(days=days, start="00:00", end="24:00")


def _days(named: str) -> tuple[Weekday, ...] | None:
    if named in _DAILY:
        return _WEEK
    if named in _WEEKEND:
        return ("sat", "sun")
    if found := _DAYS_RANGE.match(named):
        first, last = _CHINESE[found[1]], _CHINESE[found[2]]
    elif found := _ENGLISH_RANGE.match(named):
        first, last = _WEEK.index(cast("Weekday", found[1])), _WEEK.index(cast("Weekday", found[2]))
    elif _DAYS_LIST.match(named):
        return tuple(_WEEK[_CHINESE[one]] for one in named if one in _CHINESE)
    else:
        return None
    return _WEEK[first : last + 1] if first <= last else (*_WEEK[: last + 1], *_WEEK[first:])


def _gaps(spans: Sequence[Span]) -> list[Span]:
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
    plain = re.sub(r"\s+", "", text.translate(wide)).lower().replace("--", "-")
    return _OCLOCK.sub(lambda found: f"{found[1]}:{'30' if found[3] else (found[2] or '0').zfill(2)}", plain)
