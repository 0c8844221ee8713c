"""Service hours that cannot be read are told at their cell and kept as they are written."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from orchestrator.inventory.load import load

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
