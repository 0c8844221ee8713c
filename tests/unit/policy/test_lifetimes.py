"""Until when things last: planned ends, software out of support, each against a given day."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from orchestrator.models import Department, Inventory, Strategy, Verdict
from orchestrator.policy.assess import assess
from orchestrator.policy.lifetimes import date_words, ends_within, last_day, outdated
from orchestrator.policy.policy import load_policy
from tests.support.one_system import full

TODAY = dt.date(2026, 11, 29)


def judged(today: dt.date | None = TODAY, **changes: Any) -> Verdict:
    inventory = Inventory(departments=(Department(id="d-1", name="市局"),), systems=(full(**changes),))
    return assess(inventory, load_policy(None), today=today)["full"]


@pytest.mark.parametrize(
    ("partial", "day"),
    [("2026", "2026-12-31"), ("2026-02", "2026-02-28"), ("2028-02", "2028-02-29"), ("2026-12", "2026-12-31"), ("2026-12-05", "2026-12-05")],
)
def test_a_date_lasts_as_long_as_it_may_mean(partial: str, day: str) -> None:
    assert last_day(partial).isoformat() == day


def test_dates_as_people_write_them() -> None:
    assert [date_words(text)[0] for text in ("2026", "2026-02", "2026-12-05")] == ["2026年", "2026年2月", "2026年12月5日"]


@pytest.mark.parametrize(
    ("end", "soon"), [("2026-12", True), ("2018-06", True), ("2027-10", True), ("2027-11", False), ("2027-12-31", False), ("2028", False), ("2026", True)]
)
def test_a_system_that_ends_within_a_year_is_not_moved(end: str, soon: bool) -> None:
    assert ends_within(end, TODAY, 12) is soon
    assert (judged(planned_end=end).strategy is Strategy.RETIRE) is soon
    assert (judged(planned_end=end, os="AIX").strategy is Strategy.RETIRE) is soon


def test_the_reason_quotes_the_date() -> None:
    (reason,) = (one for one in judged(planned_end="2026-12").reasons if one.rule == "retires")
    assert "2026年12月" in reason.fact


def test_without_a_day_nothing_is_said_of_dates() -> None:
    said = judged(None, planned_end="2018-06", os="CentOS 6")
    assert said.strategy is Strategy.CLOUD_DEPLOYMENT
    assert not said.end_of_support


def test_a_department_that_says_it_is_to_be_retired_without_a_date_is_believed() -> None:
    assert judged(retiring=True).strategy is Strategy.RETIRE
    assert judged(retiring=True, planned_end="2031-12").strategy is Strategy.CLOUD_DEPLOYMENT
    assert judged(retiring=False).strategy is Strategy.CLOUD_DEPLOYMENT


@pytest.mark.parametrize(
    ("text", "old"),
    [
        *((text, True) for text in ("CentOS 7.6", "centos7", "CentOS Linux 7 (Core)", "Windows Server 2008 R2", "Win2012", "Red Hat 6.5")),
        *((text, True) for text in ("Oracle 11g RAC", "ORACLE 11.2.0.4", "SQL Server 2012", "MySQL 5.7.33", "PostgreSQL 9.6", "AIX 6.1")),
        *((text, True) for text in ("Tomcat 7.0", "WebLogic 10.3.6", "Ubuntu 16.04 LTS", "ＣｅｎｔＯＳ ６")),
        *((text, False) for text in ("CentOS 70", "麒麟 V10", "Windows Server 2022", "Oracle 19c", "PostgreSQL 15", "MySQL 8.4", "达梦 DM8")),
        *((text, False) for text in ("AIX 7.2", "Ubuntu 22.04", "PostgreSQL 90", "Oracle 110", "某系统 centos", "")),
    ],
)  # fmt: skip
def test_software_out_of_support_is_known_by_its_name(text: str, old: bool) -> None:
    assert bool(outdated(load_policy(None), [text], TODAY)) is old


def test_support_ends_on_its_day_and_not_before() -> None:
    days = [dt.date(2024, 6, 30), dt.date(2024, 7, 1)]
    assert [bool(outdated(load_policy(None), ["CentOS 7"], day)) for day in days] == [False, True]


def test_a_system_on_software_out_of_support_is_marked_with_the_product_and_since_when() -> None:
    said = judged(os="CentOS 7.6", dbms="Oracle 11g", middleware="Tomcat 7")
    assert said.end_of_support
    (reason,) = (one for one in said.reasons if one.rule == "end-of-support")
    for words in ("CentOS 7.6（2024-06 起停止支持）", "Oracle 11g", "Tomcat 7"):
        assert words in reason.fact
    assert judged(os="麒麟 V10", dbms="PostgreSQL 15", end_of_support="2024-06").end_of_support
    assert not judged(os="麒麟 V10", dbms="PostgreSQL 15", end_of_support="2030").end_of_support
