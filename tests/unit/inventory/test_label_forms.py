"""Forms with the label left and the value right: 等保备案表, registration forms, several on a sheet."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from orchestrator.inventory.check import counts
from orchestrator.inventory.load import load
from tests.fixtures.workbooks import build
from tests.unit.inventory.test_questions import answer, read


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "inventory").mkdir()


def form(*sheets: tuple[str, list[list[Any]]]) -> Path:
    return build(Path("备案表.xlsx"), [{"name": name, "rows": rows} for name, rows in sheets])


FILED = [
    ["信息系统安全等级保护备案表"],
    ["01 单位名称", "市水务局", None, "单位性质", "□事业单位 ☑行政机关"],
    ["02 系统名称", "水费征收管理系统", None, "系统编号", None],
    ["承载业务", "水费征收"],
    ["服务范围", "全市", None, "服务对象", "☑社会公众 □内部人员"],
    ["网络性质", "☑业务专网 □互联网"],
    ["业务信息安全等级(S)", "第二级", None, "系统服务安全等级(A)", "第三级"],
    ["何时投入运行使用", "2015年6月"],
    ["是否涉密", "否"],
]


def test_a_filing_form_is_one_system() -> None:
    path = form(("表二", FILED))
    reading = read(path)
    assert [(question.kind, question.column or question.about, question.proposed) for question in reading.questions] == [
        ("department", "市水务局", "市直、政府"),
        ("blank", "status", "已建"),
        ("blank", "kind", "按名称判断"),
    ]
    answer(path, {})
    reading = read(path)
    (system,) = reading.inventory.systems
    assert (reading.errors, system.name, system.protection_grade, system.network) == ([], "水费征收管理系统", 3, "dedicated")
    assert (system.users, system.in_service_since, system.unknown["承载业务"]) == ("public", "2015-06", "水费征收")
    assert reading.places[system.id]["network"] == "备案表.xlsx › 表二 › B6"


def test_several_forms_on_one_sheet_are_several_systems_under_one_department() -> None:
    one = [["填报单位：市水务局"], ["单位层级", "市直", "单位性质", "政府"]]
    for number in (1, 2, 3):
        one += [["系统名称", f"系统{number}号平台"], ["类别", "应用系统"], ["建设状态", "已建"], ["是否涉密", "是" if number == 2 else "否"], ["等保级别", f"{number}级"], []]
    reading = load([form(("登记", one))])
    assert reading.questions == ()
    assert sorted((system.name, system.protection_grade) for system in reading.inventory.systems) == [("系统1号平台", 1), ("系统3号平台", 3)]
    assert counts(reading)["classified"] == 1
    assert "系统2号" not in str(reading)


def test_a_form_that_does_not_say_whether_it_is_classified_is_a_wall() -> None:
    path = form(("甲", [*FILED[:-1]]), ("乙", [*FILED[:-1], ["备注", "本系统属涉密系统"], ["是否涉密", "否"]]))
    reading = read(path)
    assert (counts(reading)["unanswered"], [question.kind for question in reading.questions]) == (2, ["sheet", "sheet"])
    assert "水费征收" not in str(reading)


def test_a_table_on_its_side_gives_a_system_for_each_of_its_columns() -> None:
    rows = [["单位名称", "市水务局", "市财政局", "市财政局"], ["系统名称", "甲系统", "乙系统", "磐石系统"], ["是否涉密", "否", "", "是"], ["类别", "应用系统", "应用系统", "应用系统"],
            ["建设状态", "已建", "已建", "已建"], ["单位层级", "市直", "市直", "市直"], ["单位性质", "政府", "政府", "政府"]]  # fmt: skip
    reading = load([form(("表", rows))])
    assert [system.name for system in reading.all_systems()] == ["甲系统"]
    assert [(row.answered, row.file) for row in reading.withheld] == [(False, "备案表.xlsx"), (True, "备案表.xlsx")]
    assert [str(question.asks).split("，")[0] for question in reading.questions] == ["备案表.xlsx › 表：第 3 列未答“是否涉密”"]
    assert "磐石" not in repr(reading) and reading.places[reading.all_systems()[0].id]["status"] == "备案表.xlsx › 表 › B5"
