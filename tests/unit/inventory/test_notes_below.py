"""Below a form: how to fill it in, lists of codes, who signs and whom to call. None of it is a row, and no row is lost to it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from orchestrator.inventory.check import counts
from orchestrator.inventory.load import load

sys.path.insert(0, str(Path(__file__).parents[2] / "fixtures"))
from workbooks import build  # type: ignore[import-not-found]

SECRET = "玄武岩系统"
HEAD = ["序号", "单位名称", "单位层级", "单位性质", "系统名称", "类别", "建设状态", "是否涉密", "备注"]
NOTES: list[list[list[Any]]] = [
    [["填表说明"], ["1、是否涉密：填是或否"], ["2、建设状态：填已建、在建、停用"], ["3、类别：应用系统、数据库"]],
    [["填表说明："], ["序号", "指标", "填写要求"], [1, "是否涉密", "填是或否"], [2, "建设状态", "填已建、在建、停用"], [3, "类别", "应用系统或数据库"]],
    [["代码表"], ["代码", "名称", "说明"], ["01", "应用系统", "业务类"], ["02", "数据库", "数据类"], ["03", "网站", "门户类"]],
    [["联系方式"], ["姓名", "部门", "电话", "邮箱"], ["张三", "信息科", "0724-2345678", "a@b.cn"], ["李四", "办公室", "13900000000", "c@d.cn"]],
    [["联系人：张三", "", "", "电话：0724-2345678"], ["地址：象山大道1号"]],
    [["附：字典"], ["建设状态", "含义"], ["已投入", "已经投入使用"], ["未投入", "正在建设"], ["已不用", "不再使用"]],
    [["填报人", "审核人", "单位负责人", "联系电话"], ["张三", "李四", "王五", "0724-2345678"]],
    [["姓名", "职务", "办公电话", "手机", "备注"], ["张三", "科长", "0724-2345678", "13900000000", ""]],
    [["填表人：", "张三", "", "审核人：", "李四"], ["填报日期", "2018年5月"]],
]  # fmt: skip


def systems(*names: str, first: int = 1) -> list[list[Any]]:
    return [[number, "市水务局", "市直", "政府", name, "应用系统", "已建", "是" if name == SECRET else "否", ""] for number, name in enumerate(names, first)]


@pytest.mark.parametrize("notes", NOTES, ids=lambda notes: str(notes[0][0]))
@pytest.mark.parametrize("gap", [[], [[None]]], ids=["right below", "a blank row"])
def test_notes_are_no_rows(notes: list[list[Any]], gap: list[list[Any]], tmp_path: Path) -> None:
    rows = [HEAD, *systems("水费系统", "水库系统", SECRET), *gap, *notes]
    reading = load([build(tmp_path / "a.xlsx", [{"name": "表", "rows": rows}])])
    count = counts(reading)
    assert (count["rows"], count["in_scope"], count["classified"], count["unanswered"]) == (3, 2, 1, 0)
    assert (reading.errors, reading.questions) == ([], ())


@pytest.mark.parametrize("notes", NOTES, ids=lambda notes: str(notes[0][0]))
@pytest.mark.parametrize("numbered", [True, False])
def test_rows_below_notes_are_rows(notes: list[list[Any]], numbered: bool, tmp_path: Path) -> None:
    """As on the second of several printed pages; one names its system alone, as classified ones do."""
    below = [*systems("水厂系统", first=4), [5, "市水务局", "", "", SECRET, "", "", "", ""]]
    if not numbered:
        below = [["", *row[1:]] for row in below]
    rows = [HEAD, *systems("水费系统", "水库系统", "水表系统"), *notes, HEAD if len(notes[1]) == 3 or len(notes) == 5 else [None], *below]
    reading = load([build(tmp_path / "a.xlsx", [{"name": "表", "rows": rows}])])
    count = counts(reading)
    assert (count["rows"], count["in_scope"], count["unanswered"]) == (5, 4, 1)
    assert SECRET not in str(reading)
