"""When a cutover may happen: windows, public holidays and make-up working days of China, blackout dates.

All moments are wall-clock times of the city without a time zone; a moment that carries one is converted first.
The calendar library is imported when a rule first asks for working days, and knows only some years: outside of them
Monday to Friday are taken for working days, and ``calendar_findings`` says so.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from orchestrator.errors import Finding
from orchestrator.models import PlanEntry, System, Window
from orchestrator.planning.hours import windows_for
from orchestrator.planning.programme import Programme
from orchestrator.texts import say

DAY = dt.timedelta(days=1)
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_MIDNIGHT = dt.time()


@dataclass(frozen=True)
class Opening:
    """One stretch of time in which a cutover is permitted, and the rule that permits it."""

    start: dt.datetime
    end: dt.datetime
    rule: str

    @property
    def hours(self) -> float:
        return (self.end - self.start).total_seconds() / 3600

    @property
    def until(self) -> str:
        """Its end, as it is told beside its start: the hour alone on the same day, and midnight is the 24:00 of the day that ends."""
        is_midnight = self.end.time() == _MIDNIGHT
        day, hour = (self.end.date() - DAY, "24:00") if is_midnight else (self.end.date(), f"{self.end:%H:%M}")
        return hour if day == self.start.date() else f"{day:%Y-%m-%d} {hour}"


@dataclass(frozen=True)
class Day:
    working: bool
    holiday: bool
    """A day off that a public holiday gave (its weekend days included)."""
    known: bool
    """False: the library has no data for this year; Monday to Friday were assumed."""


@lru_cache(maxsize=8192)
def _library_day(day: dt.date) -> Day:
    from chinese_calendar import get_holiday_detail

    try:
        off, name = get_holiday_detail(day)
    except NotImplementedError:
        return Day(working=day.weekday() < 5, holiday=False, known=False)
    return Day(working=not off, holiday=bool(off and name), known=True)


def day_kind(day: dt.date, programme: Programme) -> Day:
    """Working day or not; the programme's own lists speak before the library."""
    if day in programme.workdays:
        return Day(working=True, holiday=False, known=True)
    if day in programme.holidays:
        return Day(working=False, holiday=True, known=True)
    return _library_day(day)


def calendar_findings(programme: Programme, first: dt.date, last: dt.date) -> tuple[Finding, ...]:
    """One warning for the years between both days that the calendar library does not know and the programme does not list."""
    listed = {day.year for day in (*programme.holidays, *programme.workdays)}
    unknown = [year for year in range(first.year, last.year + 1) if year not in listed and not _library_day(dt.date(year, 7, 1)).known]
    if not unknown:
        return ()
    years = tuple(str(year) for year in unknown)
    return (
        Finding(
            "calendar-unknown",
            "warning",
            say("planning.calendar_unknown", years=years),
            say("planning.list_holidays"),
        ),
    )


def rule_of(window: Window) -> str:
    """The window in one line, e.g. ``workday 18:00-24:00``."""
    days = window.days if isinstance(window.days, str) else ",".join(window.days)
    return f"{days} {window.start}-{window.end}"


def in_window(windows: Sequence[Window], at: dt.datetime, programme: Programme, *, department: str | None = None) -> str | None:
    """Which rule permits a cutover at this moment, or None. An opening contains its start and not its end."""
    at = local(at, programme)
    for day in (at.date() - DAY, at.date()):
        for opening in openings_on(windows, day, programme, department=department):
            if opening.start <= at < opening.end:
                return opening.rule
    return None


def approved_opening(entry: PlanEntry, system: System, approved: dt.datetime, programme: Programme) -> Opening | None:
    """What an approval given at a moment is for: the planned window; when that is over already, the first opening of the system's windows
    that is open then or comes later and is as long as a plan asks for. None: there is none within 400 days."""
    approved = local(approved, programme)
    planned = Opening(local(entry.window_start, programme), local(entry.window_end, programme), entry.window_rule)
    if approved < planned.end:
        return planned
    outage = (system.interruption.outage_minutes if system.interruption else None) or 0
    hours = max(programme.work_of(entry.strategy).cutover_hours, outage / 60)
    found = windows_between(
        windows_for(system, programme)[0], approved.date() - DAY, approved.date() + 400 * DAY, programme, hours=hours, department=system.department
    )  # fmt: skip
    return next((one for one in found if one.end > approved), None)


def windows_between(
    windows: Sequence[Window], first: dt.date, last: dt.date, programme: Programme, *, hours: float = 0, department: str | None = None
) -> list[Opening]:
    """Every opening of at least ``hours`` that starts on a day from ``first`` to ``last`` inclusive, by start.

    Openings that touch or overlap are joined only where a single one would be too short: a daily window from 00:00 to 24:00
    gives one opening a day, and 18:00-24:00 with 00:00-08:00 gives fourteen hours where eight are asked for.
    """
    found: list[Opening] = []
    day = first - DAY  # a window of the day before starts on the first when a blackout took its beginning
    while day <= last:
        found += (one for one in openings_on(windows, day, programme, department=department) if first <= one.start.date() <= last)
        day += DAY
    found.sort(key=lambda one: (one.start, one.end))
    if not hours:
        return found
    enough = [one for one in found if one.hours >= hours]
    if len(enough) == len(found):
        return found
    beyond = openings_on(windows, last + DAY, programme, department=department)
    for joined in _joined(sorted((*found, *beyond), key=lambda one: (one.start, one.end))):
        alone = any(joined.start <= one.start and one.end <= joined.end for one in enough)
        if not alone and joined.hours >= hours and joined.start.date() <= last:
            enough.append(joined)
    return sorted(enough, key=lambda one: (one.start, one.end))


def openings_on(windows: Sequence[Window], day: dt.date, programme: Programme, *, department: str | None = None) -> list[Opening]:
    """Openings that start on this day, blackout days cut out."""
    found = []
    for window in windows:
        if not _applies(window, day, programme):
            continue
        start, end = _moment(day, window.start), _moment(day, window.end)
        if end <= start:
            end += DAY
        if _blacked_out(start.date(), programme, department):
            start = dt.datetime.combine(start.date() + DAY, _MIDNIGHT)
        last = (end - dt.timedelta(minutes=1)).date()
        if last >= start.date() and _blacked_out(last, programme, department):
            end = dt.datetime.combine(last, _MIDNIGHT)
        if end > start:
            found.append(Opening(start, end, rule_of(window)))
    return found


def local(at: dt.datetime, programme: Programme) -> dt.datetime:
    """The city's wall-clock time of a moment; one without a time zone is taken for it."""
    if at.tzinfo is None:
        return at
    from zoneinfo import ZoneInfo

    return at.astimezone(ZoneInfo(programme.timezone)).replace(tzinfo=None)


def _joined(openings: Sequence[Opening]) -> list[Opening]:
    done: list[Opening] = []
    for one in openings:
        if done and one.start <= done[-1].end:
            former = done[-1]
            rule = former.rule if one.rule in former.rule.split(" + ") else f"{former.rule} + {one.rule}"
            done[-1] = Opening(former.start, max(former.end, one.end), rule)
        else:
            done.append(one)
    return done


def _applies(window: Window, day: dt.date, programme: Programme) -> bool:
    if not isinstance(window.days, str):
        return WEEKDAYS[day.weekday()] in window.days
    if window.days == "daily":
        return True
    kind = day_kind(day, programme)
    if window.days == "workday":
        return kind.working
    if window.days == "holiday":
        return kind.holiday
    return day.weekday() >= 5 and not kind.working  # a weekend day that is made up for is no weekend


def _blacked_out(day: dt.date, programme: Programme, department: str | None) -> bool:
    return any(one.starts <= day <= one.ends and (not one.departments or department in one.departments) for one in programme.blackouts)


def _moment(day: dt.date, clock: str) -> dt.datetime:
    hours, minutes = clock.split(":")
    return dt.datetime.combine(day, _MIDNIGHT) + dt.timedelta(hours=int(hours), minutes=int(minutes))
