"""Windows, holidays, make-up working days, blackouts, service hours."""

from __future__ import annotations

import datetime as dt

import pytest

from orchestrator.inventory.hours import outside_hours
from orchestrator.models import System, Window
from orchestrator.planning.calendar import Opening, calendar_findings, in_window, rule_of, windows_between
from orchestrator.planning.hours import windows_for
from orchestrator.planning.programme import Blackout, Programme
from tests.support.demo_city import demo_city

NIGHT = (Window(days="workday", start="22:00", end="06:00"),)


@pytest.fixture
def programme() -> Programme:
    return demo_city()[2].model_copy(update={"starts": dt.date(2018, 1, 1)})


def at(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text)


@pytest.mark.parametrize(
    ("window", "moment", "permitted"),
    [
        (Window(days="daily", start="00:00", end="24:00"), "2018-05-05T23:59", True),
        (Window(days="daily", start="22:00", end="06:00"), "2018-05-05T05:59", True),
        (Window(days="daily", start="22:00", end="06:00"), "2018-05-05T06:00", False),
        (Window(days="workday", start="18:00", end="24:00"), "2018-10-01T19:00", False),  # National Day
        (Window(days="workday", start="18:00", end="24:00"), "2018-09-29T19:00", True),  # a Saturday that is worked
        (Window(days="weekend", start="08:00", end="20:00"), "2018-09-29T12:00", False),  # the same Saturday
        (Window(days="weekend", start="08:00", end="20:00"), "2018-09-22T12:00", True),
        (Window(days="holiday", start="00:00", end="24:00"), "2018-10-03T12:00", True),
        (Window(days="holiday", start="00:00", end="24:00"), "2018-10-13T12:00", False),  # an ordinary Saturday
        (Window(days=("tue", "thu"), start="20:00", end="23:00"), "2018-05-08T20:00", True),
        (Window(days=("tue", "thu"), start="20:00", end="23:00"), "2018-05-08T23:00", False),
    ],
)
def test_a_moment_is_inside_a_window_or_not(programme: Programme, window: Window, moment: str, permitted: bool) -> None:
    rule = in_window([window], at(moment), programme)
    assert (rule == rule_of(window)) is permitted


def test_a_night_window_of_a_working_day_reaches_into_the_holiday(programme: Programme) -> None:
    assert in_window(NIGHT, at("2018-10-01T05:00"), programme) == "workday 22:00-06:00"  # Sunday 30 September was worked
    assert in_window(NIGHT, at("2018-10-02T05:00"), programme) is None


def test_a_blackout_day_closes_and_cuts_windows_that_reach_into_it(programme: Programme) -> None:
    closed = programme.model_copy(update={"blackouts": (Blackout(name="congress", starts=dt.date(2018, 5, 8), ends=dt.date(2018, 5, 9)),)})
    assert in_window(NIGHT, at("2018-05-07T23:00"), closed)
    assert in_window(NIGHT, at("2018-05-08T01:00"), closed) is None
    assert in_window(NIGHT, at("2018-05-08T23:00"), closed) is None
    assert in_window(NIGHT, at("2018-05-10T01:00"), closed)  # the night that began on the last blackout day
    assert in_window(NIGHT, at("2018-05-10T23:00"), closed)


def test_an_opening_belongs_to_the_day_on_which_it_really_starts(programme: Programme) -> None:
    closed = programme.model_copy(update={"blackouts": (Blackout(name="congress", starts=dt.date(2018, 5, 7), ends=dt.date(2018, 5, 13)),)})
    sunday_night = [Window(days=("sun",), start="22:00", end="06:00")]
    assert not windows_between(sunday_night, dt.date(2018, 5, 7), dt.date(2018, 5, 13), closed)
    assert [one.start for one in windows_between(sunday_night, dt.date(2018, 5, 14), dt.date(2018, 5, 20), closed)] == [
        at("2018-05-14T00:00"), at("2018-05-20T22:00"),
    ]  # fmt: skip


def test_a_departments_blackout_closes_its_windows_only(programme: Programme) -> None:
    own = Blackout(name="exam", starts=dt.date(2018, 6, 7), ends=dt.date(2018, 6, 8), departments=("education",))
    closed = programme.model_copy(update={"blackouts": (own,)})
    assert in_window(NIGHT, at("2018-06-07T23:00"), closed, department="education") is None
    assert in_window(NIGHT, at("2018-06-07T23:00"), closed, department="health")


def test_a_moment_with_a_time_zone_is_read_in_the_citys_time(programme: Programme) -> None:
    assert in_window(NIGHT, at("2018-05-07T15:00+00:00"), programme)  # 23:00 in China
    assert in_window(NIGHT, at("2018-05-07T23:00+00:00"), programme) is None


def test_openings_are_joined_only_where_one_alone_is_too_short(programme: Programme) -> None:
    windows = outside_hours("每天 08:00-18:00")
    assert windows is not None
    week = (dt.date(2018, 5, 7), dt.date(2018, 5, 13))
    assert {one.hours for one in windows_between(windows, *week, programme, hours=6)} == {8.0, 6.0}
    joined = windows_between(windows, *week, programme, hours=12)
    assert {one.hours for one in joined} == {14.0}
    assert joined[0].start == at("2018-05-07T18:00")
    assert not windows_between(windows, *week, programme, hours=15)


@pytest.mark.parametrize(
    ("hours", "rules"),
    [
        ("7×24", []),
        ("工作日 08:30-17:30", ["workday 00:00-08:30", "workday 17:30-24:00", "weekend 00:00-24:00", "holiday 00:00-24:00"]),
        ("每天 8:00-20:00", ["daily 00:00-08:00", "daily 20:00-24:00"]),
        (
            "周一至周五 ０９：００－１７：００",
            ["mon,tue,wed,thu,fri 00:00-09:00", "mon,tue,wed,thu,fri 17:00-24:00", "sat,sun 00:00-24:00"],
        ),
        ("随时", None),
        ("25:00-99:00", None),
        ("08:70-17:30", None),
        ("", None),
    ],
)
def test_windows_lie_outside_of_the_service_hours(hours: str, rules: list[str] | None) -> None:
    found = outside_hours(hours)
    assert (None if found is None else [rule_of(one) for one in found]) == rules


def test_without_time_outside_the_programmes_default_windows_speak(programme: Programme) -> None:
    system = System.model_validate(
        {"id": "hot-line", "name": "x", "department": "d1", "kind": "application", "status": "in_use", "service_hours": "7×24"}
    )
    windows, origin = windows_for(system, programme)
    assert origin == "default"
    assert windows == programme.default_windows


def test_years_that_the_library_does_not_know_are_named_unless_the_programme_lists_them(programme: Programme) -> None:
    warned = calendar_findings(programme, dt.date(2026, 1, 1), dt.date(2099, 1, 1))
    assert warned[0].severity == "warning"
    assert "2099" in warned[0].message
    assert "2026," not in warned[0].message
    listed = programme.model_copy(update={"holidays": (dt.date(2099, 10, 1),)})
    assert not calendar_findings(listed, dt.date(2099, 1, 1), dt.date(2099, 1, 1))
    assert in_window([Window(days="holiday", start="00:00", end="24:00")], at("2099-10-01T10:00"), listed)


@pytest.mark.parametrize(
    ("start", "end", "told"),
    [
        ("2026-12-01T00:00", "2026-12-02T00:00", "24:00"),
        ("2026-12-01T18:00", "2026-12-01T23:59", "23:59"),
        ("2026-12-31T22:00", "2027-01-01T06:00", "2027-01-01 06:00"),
        ("2026-12-01T22:00", "2026-12-03T00:00", "2026-12-02 24:00"),
        ("2026-12-01T18:00", "2026-12-02T00:01", "2026-12-02 00:01"),
    ],
)
def test_an_end_is_told_so_that_it_is_after_the_start(start: str, end: str, told: str) -> None:
    assert Opening(dt.datetime.fromisoformat(start), dt.datetime.fromisoformat(end), "daily").until == told
