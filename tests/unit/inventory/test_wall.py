"""Nothing of a classified row reaches its neighbours: merged cells, formulas, texts that repeat its name."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
from openpyxl import Workbook

from orchestrator.inventory.build.wall import touches
from orchestrator.inventory.load import load
from orchestrator.inventory.reading import Reading

sys.path.insert(0, str(Path(__file__).parents[2] / "fixtures"))
from workbooks import save_values  # type: ignore[import-not-found]

HEAD = ["序号", "单位名称", "单位层级", "单位性质", "系统名称", "类别", "是否涉密", "建设状态", "操作系统", "备注", "机柜"]


def read(folder: Path, rows: list[list[Any]], merged: tuple[str, ...] = ()) -> Reading:
    workbook = Workbook()
    sheet = workbook.active
    assert sheet is not None
    for row in (HEAD, *rows):
        sheet.append(row)
    for span in merged:
        sheet.merge_cells(span)
    workbook.save(folder / "form.xlsx")
    return load([folder / "form.xlsx"])


def row(number: int, name: Any, answer: Any = "否", **more: Any) -> list[Any]:
    return [number, "市水务局", "市直", "政府", name, "应用系统", answer, "已建", more.get("os", "Linux"), more.get("remark", ""), more.get("rack", "")]


@pytest.mark.parametrize("secret", ["是", "", "内部"])
def test_a_merged_cell_that_begins_on_it_gives_nothing_to_the_rows_below(secret: str, tmp_path: Path) -> None:
    rows = [row(1, "玄武系统", secret, os="玄武OS", remark="玄武备注", rack="玄武柜"), row(2, "水费系统", os=None, remark=None, rack=None)]
    reading = read(tmp_path, rows, ("I2:I3", "J2:J3", "K2:K3", "B2:B3"))
    assert "玄武" not in str(reading)
    assert [(system.name, system.os) for system in reading.inventory.systems] == [("水费系统", None)]


def test_a_merged_yes_holds_for_every_row_it_spans(tmp_path: Path) -> None:
    reading = read(tmp_path, [row(1, "玄武系统", "是"), row(2, "白虎系统", None), row(3, "水费系统")], ("G2:G3",))
    assert [system.name for system in reading.inventory.systems] == ["水费系统"]
    assert sum(entry.answered for entry in reading.inventory.excluded) == 2


def test_a_name_that_is_merged_into_another_row_is_not_that_rows(tmp_path: Path) -> None:
    reading = read(tmp_path, [row(1, "玄武系统", "是"), row(2, None)], ("E2:E3",))
    assert "玄武" not in str(reading)
    assert [(finding.code, finding.cell) for finding in reading.errors] == [("classified-contradiction", "G3")]


def test_a_formula_that_looks_at_it_gives_nothing(tmp_path: Path) -> None:
    path = tmp_path / "form.xlsx"
    rows = [row(1, "玄武系统", "是"), row(2, "水费系统", remark="=E2"), row(3, "水库系统", remark="=E3"), row(4, "报表系统", remark='=HYPERLINK("http://a","一张表")')]
    read(tmp_path, rows)
    save_values(path, {"J3": "玄武系统的备注", "J4": "水费系统"})
    reading = load([path])
    assert {system.name: system.remark for system in reading.inventory.systems} == {"水费系统": None, "水库系统": "水费系统", "报表系统": "一张表"}
    assert "玄武" not in str(reading)
    assert "formula-touches-classified" in {finding.code for finding in reading.findings}


@pytest.mark.parametrize(
    ("formula", "seen"),
    [("E5", True), ("$E$5", True), ("SUM(E2:E9)", True), ("E4", False), ("E4&F6", False), ("SUM(E6:E9)", False), ("SUM(E:E)", True), ("'表 1'!E4", True),
     ('INDIRECT("E"&5)', True), ("VLOOKUP(B4,A6:C9,2)", True), ("", True), ("TODAY()", False)],
)  # fmt: skip
def test_which_formulas_may_look_at_a_row(formula: str, seen: bool) -> None:
    assert touches(formula, {5}) is seen


def test_what_it_is_called_stands_in_no_text_of_others_and_longer_names_stay(tmp_path: Path) -> None:
    rows = [
        row(1, "玄武平台", "是"),
        row(2, "青龙平台", ""),
        row(3, "水费系统", remark="与玄武平台共用数据库，青龙平台也用", rack="玄武平台机柜"),
        row(4, "水务玄武平台", remark="由水务玄武平台和玄武平台组成", os="玄武平台专用系统"),
    ]
    reading = read(tmp_path, rows)
    by_name = {system.name: system for system in reading.inventory.systems}
    assert by_name["水费系统"].remark == "与〔涉密〕共用数据库，〔涉密〕也用"
    assert by_name["水费系统"].unknown == {"机柜": "〔涉密〕机柜"}
    assert by_name["水务玄武平台"].remark == "由水务玄武平台和〔涉密〕组成"
    assert by_name["水务玄武平台"].os == "〔涉密〕专用系统"
    assert "玄武" not in str(reading).replace("水务玄武平台", "") and "青龙" not in str(reading)


def test_a_name_that_a_system_of_another_department_has_is_no_secret(tmp_path: Path) -> None:
    other = row(2, "办公系统", remark="办公系统的备注")
    other[1] = "市财政局"
    reading = read(tmp_path, [row(1, "办公系统", "是"), other])
    assert reading.inventory.systems[0].remark == "办公系统的备注"


@pytest.mark.parametrize("merged", [(), ("E2:E3",)])
def test_a_system_of_which_one_row_says_yes_is_kept_by_no_other_row(merged: tuple[str, ...], tmp_path: Path) -> None:
    reading = read(tmp_path, [row(1, "玄武系统", remark="玄武一"), row(2, "玄武系统", "是"), row(3, "水费系统")], merged)
    assert [system.name for system in reading.all_systems()] == ["水费系统"]
    assert "classified-contradiction" in {finding.code for finding in reading.errors}
    assert sorted(row.answered for row in reading.withheld) == [False, True]
    assert "玄武" not in str(reading)


def test_the_names_of_file_and_sheet_do_not_tell_what_a_classified_system_is_called(tmp_path: Path) -> None:
    workbook = Workbook()
    sheet = workbook.active
    assert sheet is not None
    sheet.title = "玄武系统统计"
    for cells in (HEAD, row(1, "玄武系统", "是"), row(2, "水费系统", os="什么系统"), [*row(3, "水质系统"), "多"], row(4, "水文系统", "")):
        sheet.append(cells)
    workbook.save(tmp_path / "玄武系统和其他.xlsx")
    reading = load([tmp_path / "玄武系统和其他.xlsx"])
    assert {system.name for system in reading.all_systems()} == {"水质系统", "水费系统"} and reading.findings and reading.questions
    assert "玄武" not in repr(reading)
    assert all("玄武" not in place for places in reading.places.values() for place in places.values())
