"""Numbers keep the unit they were written in, or are not read."""

from __future__ import annotations

import pytest

from orchestrator.inventory.cells import Unreadable
from orchestrator.inventory.forms import Column, forms
from orchestrator.inventory.units import header_unit, unit_said
from orchestrator.inventory.values import read_value


@pytest.mark.parametrize(
    ("kind", "cell", "unit", "amount"),
    [
        ("size", "500", "tb", 512000.0), ("size", 500, "tb", 512000.0), ("size", "2×8", "tb", 16384.0), ("size", "2×8G", "tb", 16.0),
        ("size", "16G*4", "", 64.0), ("size", "500G", None, 500.0), ("size", "2*500核", "", None), ("size", "500", None, None), ("size", 500, None, None),
        ("size", "2*8", None, None), ("size", "1,2T", "", None), ("size", "500万条", "", None), ("size", "小于1G", "", None), ("size", "2×8×4", "", None),
        ("cores", "2×8核", "", 16.0), ("cores", "16C", "", 16.0), ("cores", "16核", None, 16.0), ("cores", "2颗", "", None), ("cores", "3台", "", None),
        ("cores", "2*500G", "", None), ("cores", 2, None, None), ("cores", "2", None, None),
        ("count", "3台", "", 3.0), ("count", "2*500G", "", None), ("count", "16核", "", None), ("count", "2×3", "", 6.0),
        ("number", "30", "", 30.0), ("number", "30台", "", None), ("number", "2×3", "", None), ("number", 30, None, None), ("integer", 1.5, "", None),
        ("minutes", "4", "时", 240.0), ("minutes", "4", "小时", 240.0), ("minutes", "30分钟", None, 30.0), ("minutes", 8, None, None),
        ("minutes", "4时", "", None), ("minutes", "不超过4小时", "", 240.0),
        ("minutes", "不限", "", 1440.0), ("minutes", "随时", "时", 1440.0), ("minutes", "随时可停机", None, 1440.0), ("minutes", "不限流量", "", None),
    ],
)  # fmt: skip
def test_a_number_has_its_own_unit_or_its_headers_or_none(kind: str, cell: object, unit: str | None, amount: float | None) -> None:
    if amount is None:
        with pytest.raises(Unreadable):
            read_value(kind, cell, unit)
    else:
        assert read_value(kind, cell, unit).value == amount


def column(field: str) -> Column:
    return forms()["systems"].column(field)


@pytest.mark.parametrize(
    ("field", "header", "group", "unit"),
    [
        ("data_gb", "数据量(TB)", "", "tb"), ("data_gb", "数据量（单位：ＴＢ）", "", "tb"), ("data_gb", "数据量(GB,含备份)", "", "gb"), ("data_gb", "数据量", "", ""),
        ("data_gb", "数据量(必填)", "", ""), ("data_gb", "数据量(万条)", "", None), ("data_gb", "数据量(GB/TB)", "", None), ("data_gb", "数据量(每年GB)", "", None),
        ("memory_gb", "内存(条)", "", None), ("memory_gb", "内存(GB/台)", "", None), ("memory_gb", "内存(服务器1)", "", None),
        ("memory_gb", "内存", "服务器(台)", ""), ("memory_gb", "内存", "服务器(单位：TB)", "tb"), ("memory_gb", "内存", "服务器(内存、存储单位：TB)", None),
        ("memory_gb", "内存(GB)", "服务器(单位：TB)", "gb"), ("vcpus", "CPU(核)", "", "核"), ("vcpus", "CPU(颗)", "", None), ("vcpus", "CPU(主频)", "", None),
        ("servers", "服务器数量(台)", "", "台"), ("max_interruption_minutes", "可中断时长(时)", "", "时"), ("max_interruption_minutes", "可中断时长(小时/年)", "", None),
        ("trial_run_seconds", "试运行时长(天)", "", None), ("trial_run_seconds", "试运行时长(秒)", "", "秒"), ("interruption.gap_ms", "中断预算(秒)", "", None),
        ("name", "系统名称(全称)", "", ""), ("row_no", "序号(必填)", "", ""),
    ],
)  # fmt: skip
def test_a_headers_bracket_is_a_unit_of_its_column_or_not_understood(field: str, header: str, group: str, unit: str | None) -> None:
    assert header_unit(column(field), header, group) == unit


@pytest.mark.parametrize(
    ("field", "text", "unit"),
    [("data_gb", "TB", "tb"), ("data_gb", "（TB）", "tb"), ("data_gb", "单位：TB", "tb"), ("data_gb", "条", ""), ("data_gb", "1.5", ""), ("name", "TB", "")],
)  # fmt: skip
def test_a_cell_below_a_header_is_a_unit_only_when_it_is_nothing_else(field: str, text: str, unit: str) -> None:
    assert unit_said(column(field), text) == unit


def test_every_number_in_the_template_has_a_unit_that_is_understood() -> None:
    for form in forms().values():
        for at in form.columns:
            for header in (at.zh, at.en, *at.also):
                assert header_unit(at, header) is not None, (form.id, header)
