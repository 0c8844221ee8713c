"""Dates as people and programs write them, as precise as they were written; what is no date stays unread."""

from __future__ import annotations

import datetime as dt

import pytest

from orchestrator.inventory.cells import Unreadable
from orchestrator.inventory.dates import when


@pytest.mark.parametrize(
    ("typed", "date"),
    [
        ("2016年5月", "2016-05"), ("2016-05-08", "2016-05-08"), ("2016/5/8 10:00", "2016-05-08"), ("2016.5", "2016-05"), ("20160508", "2016-05-08"),
        (20160508.0, "2016-05-08"), (201605, "2016-05"), (2016, "2016"), (42005, "2015-01-01"), (dt.datetime.fromisoformat("2016-05-08 01:02"), "2016-05-08"),
        ("16年5月上线", "2016-05"), ("98年3月", "1998-03"), ("二〇一六年十二月", "2016-12"), ("二零一六年", "2016"), ("2016-05-08T10:22:33+08:00", "2016-05-08"),
        ("2016年第二季度", "2016"), ("2016年5月8日上线运行", "2016-05-08"), ("2016年底", "2016"),
    ],
)  # fmt: skip
def test_a_date_is_read_as_far_as_it_is_said(typed: object, date: str) -> None:
    assert when(typed).value == date


@pytest.mark.parametrize("typed", ["使用10年", "约10年", "10年5个月", "20161305", "201600", "2016年5月至2018年", "2016-2018", "May 2016", "五月", True])
def test_what_is_no_one_date_is_not_read(typed: object) -> None:
    with pytest.raises(Unreadable):
        when(typed)
