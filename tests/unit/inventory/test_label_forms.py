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


@pytest.mark.parametrize("label", ["本系统是否涉密？", "12、系统是否属涉密"])
def test_while_a_label_is_asked_about_that_may_say_it_nobody_is_asked_whether_the_form_is_classified(label: str) -> None:
    sheets = [(f"系统{number}", [*FILED[:2], ["02 系统名称", f"系统{number}", None, "系统编号", None], *FILED[3:-1], [label, "□是 ☑否"]]) for number in range(3)]
    path = form(*sheets)
    first = read(path).questions
    assert [question.kind for question in first] == ["columns"]
    answer(path, {})
    assert counts(read(path))["unanswered"] == 0
    assert not any(question.kind == "sheet" for question in read(path).questions)


def test_a_table_on_its_side_gives_a_system_for_each_of_its_columns() -> None:
    rows = [["单位名称", "市水务局", "市财政局", "市财政局"], ["系统名称", "甲系统", "乙系统", "磐石系统"], ["是否涉密", "否", "", "是"], ["类别", "应用系统", "应用系统", "应用系统"],
            ["建设状态", "已建", "已建", "已建"], ["单位层级", "市直", "市直", "市直"], ["单位性质", "政府", "政府", "政府"]]  # fmt: skip
    reading = load([form(("表", rows))])
    assert [system.name for system in reading.all_systems()] == ["甲系统"]
    assert [(row.answered, row.file) for row in reading.withheld] == [(False, "备案表.xlsx"), (True, "备案表.xlsx")]
    assert [str(question.asks).split("，")[0] for question in reading.questions] == ["备案表.xlsx › 表：第 3 列未答“是否涉密”"]
    assert "磐石" not in repr(reading) and reading.places[reading.all_systems()[0].id]["status"] == "备案表.xlsx › 表 › B5"


SIDE = [["项目", "系统1", "系统2", "系统3"], ["系统名称", "甲平台", "磐石平台", "乙平台"], ["单位名称", "市水务局", "市水务局", "市水务局"], ["类别", "应用系统", "应用系统", "应用系统"],
        ["建设状态", "已建", "已建", "已建"], ["是否涉密", "否", "是", "否"], ["备注", None, "龙背山机房", None], ["存储（TB）", 24, 1, "512G"], ["单位层级", "市直", "市直", "市直"],
        ["单位性质", "政府", "政府", "政府"]]  # fmt: skip


def _before(*columns: list[Any]) -> list[list[Any]]:
    return [[*labels, *row] for *labels, row in zip(*columns, SIDE, strict=True)]


NUMBERS = ["序号", 1, 2, 3, 4, 5, 6, 7, 8, 9]
GROUPS = ["分类", "基本", "基本", "基本", "基本", "安全", "其他", "数据库", "单位", "单位"]
MERGED = ["分类", "基本情况", None, None, None, "安全", "其他", "资源", "单位", None]


@pytest.mark.parametrize(
    "rows",
    [
        SIDE,
        SIDE[1:],
        _before(NUMBERS),
        _before(GROUPS),
        _before(MERGED),
        _before(MERGED)[1:],
        _before(NUMBERS, GROUPS),
        [["市水务局调查表"], [], *_before(MERGED)],
        [["填报单位：市水务局"], *(row for row in _before(MERGED) if row[1] != "单位名称")],
        [[row[0], words, *row[1:]] for row, words in zip(SIDE, ["填报要求", "写全称", "写全称", "选填", "选填", "是/否", None, None, "选填", "选填"], strict=True)],
        [[*row[:2], *row[3:], row[2]] for row in _before(MERGED)],
        [[None, *row] for row in _before(GROUPS)],
    ],
)  # fmt: skip
def test_what_stands_before_the_labels_of_a_table_on_its_side_is_none_of_its_systems(rows: list[list[Any]]) -> None:
    reading = load([form(("表", rows))])
    assert sorted((system.name, system.storage_gb) for system in reading.all_systems()) == [("乙平台", 512.0), ("甲平台", 24576.0)]
    assert [row.answered for row in reading.withheld] == [True]
    assert "磐石" not in repr(reading) and "龙背山" not in repr(reading)
    assert not {"项目", "基本", "分类"} & set(reading.unknown_columns)


@pytest.mark.parametrize(
    "rows",
    [
        [["内容", "甲平台", "磐石平台", "乙平台"], *(row for row in SIDE[1:] if row[0] != "系统名称")],  # names above, under no label
        [["分类", "要点", "甲平台", "磐石平台"], ["基本", "系统名称是什么", "甲平台", "磐石平台"], ["安全", "是否涉密", "否", "是"], ["其他", "放在哪里", "市里", "龙背山机房"]],
        [["系统名称", "甲平台", "磐石平台"], ["是否涉密", "否", "是"], ["放在哪里", "市里", "龙背山机房"]],
    ],
)  # fmt: skip
def test_a_table_on_its_side_that_is_not_understood_repeats_nothing_of_it(rows: list[list[Any]]) -> None:
    reading = load([form(("表", rows))])
    assert reading.all_systems() == [] and reading.errors
    assert not any(word in repr((reading.findings, reading.questions, reading.interpretations, reading.unknown_columns)) for word in ("磐石", "龙背山"))


def test_a_system_without_a_name_on_its_side_is_not_lost() -> None:
    rows = [[*row[:2], None if row[0] == "系统名称" else row[2], *row[3:]] for row in SIDE]
    assert [row.answered for row in load([form(("表", rows))]).withheld] == [True]
    rows[5][2] = "否"
    assert [finding.cell for finding in load([form(("表", rows))]).errors] == ["C3"]


@pytest.mark.parametrize("number", ["", "10", "10、", "(5)", "（五）", "5. ", "01"])
@pytest.mark.parametrize("above", [[], [["信息系统等级保护备案表"]]])
def test_a_short_form_is_one_system_whatever_numbers_its_labels(number: str, above: list[list[Any]]) -> None:
    def filed(name: str) -> list[list[Any]]:
        return [*above, ["备案单位", "市公安局"], [f"{number}系统名称", name], ["信息系统安全保护等级", "□第二级 ☑第三级"], [f"{number}是否涉密", "□是 ☑否"]]

    reading = load([form(("甲平台", filed("甲平台")), ("乙平台", filed("乙平台")))])
    assert [finding.code for finding in reading.errors if finding.code != "missing"] == []
    assert (counts(reading)["uncounted"], reading.withheld) == (2, ())
    assert {question.kind for question in reading.questions} == {"department", "blank"}


@pytest.mark.parametrize("rows", [FILED, SIDE, [["编号", "系统名", "密否", "等保"], ["1", "甲平台", "N", "2"], ["2", "乙平台", "N", "3"]]])
@pytest.mark.parametrize("hidden", [True, False])
def test_that_a_sheet_is_hidden_is_told_whatever_stands_on_it(rows: list[list[Any]], hidden: bool) -> None:
    path = build(Path("表.xlsx"), [{"name": "表一", "rows": rows, "hidden": hidden}, {"name": "表二", "rows": [["无"]]}])
    assert [finding.sheet for finding in load([path]).findings if finding.code == "hidden-sheet"] == ["表一"] * hidden
