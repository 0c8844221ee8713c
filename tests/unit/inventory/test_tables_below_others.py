"""Other tables below a form on its sheet, whatever the form's numbers are and whatever stands between them: none of their rows is a system's."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from orchestrator.inventory.check import counts
from orchestrator.inventory.load import load

sys.path.insert(0, str(Path(__file__).parents[2] / "fixtures"))
from workbooks import build  # type: ignore[import-not-found]

ROAD, TAXI = "公路治理系统", "出租车平台"
SECRET = "玄武岩系统"
HEAD = ["编号", "单位名称", "单位层级", "单位性质", "系统名称", "类别", "建设状态", "是否涉密"]
NUMBERS = [("JT-01", "JT-02", "JT-03"), (1, 2, 3), ("甲1", "甲2", "甲3"), ("2018-001", "2018-002", "2018-003")]
OTHERS: list[list[list[Any]]] = [
    [["编号", "设备名称", "承载系统", "类型"], [1, "治理应用", ROAD, "机架式"], [2, "出租车应用", TAXI, "虚机"]],
    [["序号", "设备", "型号", "数量", "接入系统", "可否搬迁"], [1, "加密机", "SJJ1309", "2台", ROAD, "可"], [2, "短信猫", "WAVECOM", "1个", TAXI, "可"]],
    [["编号", "库名", "数据库产品", "所属业务", "数据量", "所在服务器"], ["D1", "gl", "Oracle 11g", ROAD, "3.1T", "10.2.1.12"], ["D2", "taxi", "PostgreSQL", TAXI, "880G", "10.2.1.13"]],
    [
        ["编号", "设备名称", "承载系统", "类型", "配置（CPU/内存/硬盘）", "管理地址"],
        [1, "治理应用", ROAD, "机架式", "8核/16G/1T", "10.2.1.1"], [3, "出租车应用", TAXI, "虚机", "8核/16G/1T", "10.2.1.2"],
    ],
    [["序号", "姓名", "职务", "电话", "负责系统"], [1, "张三", "科长", "0724-1234567", ROAD], [2, "李四", "科员", "0724-1234568", TAXI]],
    [["编号", "对接单位", "对接系统", "接口方式", "方向"], ["J1", "省厅", ROAD, "WebService", "推送"], ["J2", "市公安局", TAXI, "库表", "双向"]],
]  # fmt: skip
BETWEEN: list[list[list[Any]]] = [[[None]], [["表二  登记"]], [[None], ["表二 设备登记"]], [["合计：3个系统"], [None]], [[None], ["二、服务器情况"], ["单位：台"]]]


@pytest.mark.parametrize("numbers", NUMBERS, ids=lambda numbers: str(numbers[0]))
@pytest.mark.parametrize("between", BETWEEN, ids=range(len(BETWEEN)))
@pytest.mark.parametrize("other", OTHERS, ids=lambda other: other[0][1])
def test_another_table_is_none_of_the_forms_rows(numbers: tuple[Any, ...], between: list[list[Any]], other: list[list[Any]], tmp_path: Path) -> None:
    systems = [
        [number, "市交通局", "市直", "政府", name, "应用系统", "已建", "是" if name == SECRET else "否"] for number, name in zip(numbers, [ROAD, TAXI, SECRET], strict=True)
    ]
    reading = load([build(tmp_path / "调查表.xlsx", [{"name": "表", "rows": [HEAD, *systems, *between, *other]}])])
    count = counts(reading)
    assert (count["rows"], count["in_scope"], count["classified"], count["unanswered"]) == (3, 2, 1, 0)
    assert {system.name for system in reading.inventory.systems} == {ROAD, TAXI}
    assert {finding.code for finding in reading.errors} <= {"sheet-not-recognised"}
    assert not any("治理应用" in str(finding) or SECRET in str(finding) for finding in reading.findings)
