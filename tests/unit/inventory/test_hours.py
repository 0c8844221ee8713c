"""Service hours that cannot be read are told at their cell and kept as they are written."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from orchestrator.inventory.hours import outside_hours
from orchestrator.inventory.load import load
from orchestrator.planning.calendar import rule_of

HEADERS = ["序号", "单位名称", "单位层级", "单位性质", "系统名称", "类别", "是否涉密", "建设状态", "服务时间"]


@pytest.mark.parametrize(
    ("hours", "warned"),
    [
        ("25:00-99:00", True),
        ("工作日 08:70-17:30", True),
        ("工作日 17:30-08:30", True),
        ("看情况", True),
        ("工作日", True),
        ("工作日 08:30-17:30", False),
        ("周一至周五 ０９：００－１７：００", False),
        ("7×24小时", False),
        ("", False),
    ],
)
def test_unread_hours_are_a_warning_at_their_cell(tmp_path: Path, hours: str, warned: bool) -> None:
    path = tmp_path / "form.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([HEADERS, ["1", "市林业局", "市直", "政府", "林权系统", "应用系统", "否", "已建", hours]])
    reading = load([path])
    (system,) = reading.inventory.systems
    assert [(f.code, f.severity, f.cell, f.system) for f in reading.findings] == (
        [("hours-unread", "warning", "I2", system.id)] if warned else []
    )
    assert system.service_hours == (hours or None)


@pytest.mark.parametrize(
    ("hours", "outside"),
    [
        ("每日 20:00-06:00", ["daily 06:00-20:00"]),
        ("每天8点到18点", ["daily 00:00-08:00", "daily 18:00-24:00"]),
        ("8:00-12:00，14点半-17:30", ["daily 00:00-08:00", "daily 12:00-14:30", "daily 17:30-24:00"]),
        (
            "周一至周五 8:30-17:30，周六 9:00-12:00",
            ["mon,tue,wed,thu,fri 00:00-08:30", "mon,tue,wed,thu,fri 17:30-24:00", "sat 00:00-09:00", "sat 12:00-24:00", "sun 00:00-24:00"],
        ),
        (
            "周六、周日 9:00-24:00",
            ["mon,tue,wed,thu,fri 00:00-24:00", "sat,sun 00:00-09:00"],
        ),
        ("工作日 08:30-12:00、14:30-17:30", ["workday 00:00-08:30", "workday 12:00-14:30", "workday 17:30-24:00", "weekend 00:00-24:00", "holiday 00:00-24:00"]),
        ("全年无休", []),
        ("每天 00:00-24:00", []),
        ("24h", []),
        ("周一至周五 20:00-06:00", None),  # on which day does its second half fall off? nobody guesses
        ("工作日 8:30-17:30，周六 9:00-12:00", None),  # a Saturday that is worked would be both
        ("周一三五", None),
    ],
)  # fmt: skip
def test_what_lies_outside_of_the_hours_is_free(hours: str, outside: list[str] | None) -> None:
    found = outside_hours(hours)
    assert (found if found is None else [rule_of(window) for window in found]) == outside
