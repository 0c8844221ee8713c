"""Window patterns: systems with the same windows share the work of finding their openings, week by week, when asked."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from orchestrator.errors import Finding
from orchestrator.inventory.hours import outside_hours
from orchestrator.models import System, Window
from orchestrator.planning.calendar import windows_between
from orchestrator.planning.hours import windows_for
from orchestrator.planning.programme import Blackout, Programme
from orchestrator.texts import say

DAY = 24 * 60
WEEK = 7 * DAY
"""Minutes of a week."""
Slot = tuple[int, int, str]
"""An opening: start and end in minutes from the base Monday, and the rule that gave it."""
Part = tuple[tuple[Window, ...], str, str]
"""Windows, the department whose own blackouts apply to them (or empty), where they come from."""


class Pattern:
    """The openings in which all of the given window sets are open together, each at least ``hours`` long."""

    def __init__(self, parts: Sequence[Part], hours: float, programme: Programme, base: dt.date, start: int) -> None:
        self._parts, self._programme, self._base, self._start = parts, programme, base, start
        self.hours = hours
        self.asks_calendar = any(window.days in {"workday", "weekend", "holiday"} for windows, _, _ in parts for window in windows)
        self._weeks: dict[int, tuple[Slot, ...]] = {}
        self._ever: bool | None = None
        self._longest: float | None = None
        self._closed_by: tuple[Blackout, ...] | None = None

    def slots(self, week: int) -> tuple[Slot, ...]:
        """Openings that start in this week, by start."""
        found = self._weeks.get(week)
        if found is None:
            found = self._weeks[week] = self._find(week, self.hours)
        return found

    def first(self, week: int, floor: int) -> Slot | None:
        """The first opening of the week that starts no earlier than minute ``floor``."""
        for slot in self._weeks.get(week) or self.slots(week):
            if slot[0] >= floor:
                return slot
        return None

    def ever(self, weeks: int) -> bool:
        """Whether there is any opening in the first ``weeks`` weeks."""
        if self._ever is None:
            self._ever = any(self.slots(week) for week in range(weeks))
        return self._ever

    def longest(self, weeks: int) -> float:
        """Hours of the longest opening from the present to week ``weeks`` (excluded), whatever length is asked for, blackouts apart; 0: none."""
        if self._longest is None:
            free, ahead = self._without_blackouts(), range(self._start // WEEK, weeks)
            self._longest = max((end - start for week in ahead for start, end, _ in free._find(week, 0.01)), default=0) / 60
        return self._longest

    def closed_by(self, weeks: int) -> tuple[Blackout, ...]:
        """Blackouts that touch an opening which there would be without any, from the present to week ``weeks`` (excluded)."""
        if self._closed_by is None:
            free = self._without_blackouts()
            slots = [slot for week in range(self._start // WEEK, weeks) for slot in free.slots(week)]
            mine = {department for _, department, _ in self._parts}
            self._closed_by = tuple(
                one for one in self._programme.blackouts
                if (not one.departments or mine.intersection(one.departments)) and any(
                    start < minutes_between(self._base, one.ends) + DAY and end > minutes_between(self._base, one.starts) for start, end, _ in slots
                )
            )  # fmt: skip
        return self._closed_by

    def _without_blackouts(self) -> Pattern:
        return Pattern(self._parts, self.hours, self._programme.model_copy(update={"blackouts": ()}), self._base, self._start)

    def _find(self, week: int, hours: float) -> tuple[Slot, ...]:
        first = self._base + dt.timedelta(days=7 * week)
        both: list[Slot] | None = None
        # a window that opened on the Sunday before may overlap this Monday only as part of that week's opening
        for windows, department, origin in self._parts:
            openings = windows_between(
                windows, first, first + dt.timedelta(days=6), self._programme, hours=hours, department=department or None
            )
            mine = [(minutes_of(self._base, one.start), minutes_of(self._base, one.end), _rule(one.rule, origin)) for one in openings]
            both = mine if both is None else _overlaps(both, mine)
        return tuple(sorted(slot for slot in both or () if slot[0] >= self._start and slot[1] - slot[0] >= hours * 60))


class PatternBook:
    """One ``Pattern`` for each distinct set of windows, department blackout and length."""

    def __init__(self, programme: Programme, base: dt.date, start: int) -> None:
        self._programme, self._base, self._start = programme, base, start
        self._found: dict[object, Pattern] = {}
        self._windows: dict[tuple[tuple[Window, ...], str | None], tuple[tuple[Window, ...], str]] = {}
        self._special = {department for one in programme.blackouts for department in one.departments}
        self._unread: list[str] = []

    def of(self, members: Sequence[System], hours: float) -> Pattern:
        parts = []
        for one in members:
            asked = (one.windows, one.service_hours)
            if asked not in self._windows:
                self._windows[asked] = windows_for(one, self._programme)
            windows, origin = self._windows[asked]
            if origin == "default" and one.service_hours and outside_hours(one.service_hours) is None:
                self._unread.append(one.id)
            text = ""
            if origin != "declared":
                text = f"outside service hours {one.service_hours}" if origin == "service hours" else "default windows of the programme"
            part = (windows, one.department if one.department in self._special else "", text)
            if part not in parts:
                parts.append(part)
        key = (tuple(parts), hours)
        if key not in self._found:
            self._found[key] = Pattern(parts, hours, self._programme, self._base, self._start)
        return self._found[key]

    def warnings(self) -> list[Finding]:
        return [
            Finding(
                "hours-unread", "warning", say("planning.hours_unread", system=sid), say("planning.write_hours"), system=sid,
            )
            for sid in sorted(set(self._unread))
        ]  # fmt: skip


def minutes_between(base: dt.date, day: dt.date) -> int:
    return (day - base).days * 24 * 60


def minutes_of(base: dt.date, moment: dt.datetime) -> int:
    return minutes_between(base, moment.date()) + moment.hour * 60 + moment.minute


def _rule(rule: str, origin: str) -> str:
    return f"{rule} ({origin})" if origin else rule


def _overlaps(left: Sequence[Slot], right: Sequence[Slot]) -> list[Slot]:
    found = []
    for start, end, rule in left:
        for begin, until, other in right:
            low, high = max(start, begin), min(end, until)
            if low < high:
                found.append((low, high, rule if rule == other else f"{rule} and {other}"))
    return found
