"""A row of units is the header's, whoever's header that is: its numbers are in these units, and it is nobody's row."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from openpyxl import Workbook

from orchestrator.inventory.answerbook import Answer
from orchestrator.inventory.check import counts
from orchestrator.inventory.folder.keeping import keep_answers
from orchestrator.inventory.load import load
from orchestrator.inventory.reading import Reading

OFFICE = "市水务局"
SIZED = [[OFFICE, "水情", "应用系统", "否", "已建", 8, 16384, 4], [OFFICE, "河长", "应用系统", "否", "已建", 8, 16384, 0.5]]


def answered(folder: Path, rows: list[list[Any]], *merged: str) -> Reading:
    """The reading once everything is answered as it is proposed."""
    book = Workbook()
    assert book.active is not None
    for row in rows:
        book.active.append(row)
    for span in merged:
        book.active.merge_cells(span)
    path = folder / "form.xlsx"
    book.save(path)
    keep_answers(folder, [Answer("department", "", OFFICE, "", "市直、政府", "王小明", "2018-05-01")])
    for _ in range(3):
        reading = load([path])
        keep_answers(folder, [Answer(*one.key, answer=one.proposed, by="王小明", on="2018-05-01") for one in reading.questions if one.proposed])
    return reading


@pytest.mark.parametrize("units", [["核", "MB", "TB"], ["个", "M", "T"], ["(核)", "（MB）", "单位：TB"], ["vCPU", "ＭＢ", "TB"]])
@pytest.mark.parametrize("before", [[None] * 5, ["单位", None, None, None, None], [None, "全称", None, "是/否", None]])
@pytest.mark.parametrize(("name", "numbers"), [("系统名称", []), ("系统名称", [[1, 2, 3, 4, 5, 6, 7, 8]]), ("信息化项目", [])])
def test_below_any_header(name: str, before: list[Any], units: list[str], numbers: list[list[Any]], tmp_path: Path) -> None:
    if before[1] and units[1] == "M":
        pytest.skip("letters beside words may be codes")
    reading = answered(tmp_path, [["单位名称", name, "类别", "是否涉密", "建设状态", "vCPU", "内存", "硬盘"], [*before, *units], *numbers, *SIZED])
    sizes = {system.name: (system.vcpus, system.memory_gb, system.storage_gb) for system in reading.inventory.systems}
    assert sizes == {"水情": (8, 16, 4096), "河长": (8, 16, 512)}
    assert (counts(reading)["rows"], reading.errors) == (2, [])


def test_below_a_header_of_two_rows(tmp_path: Path) -> None:
    head = [["单位名称", "系统名称", "类别", "是否涉密", "建设状态", "资源配置", None, None], [None] * 5 + ["CPU", "内存", "存储"], [None] * 5 + ["核", "MB", "TB"]]
    reading = answered(tmp_path, [*head, *SIZED], "F1:H1", *(f"{letter}1:{letter}3" for letter in "ABCDE"))
    assert {system.name: (system.vcpus, system.memory_gb, system.storage_gb) for system in reading.inventory.systems} == {"水情": (8, 16, 4096), "河长": (8, 16, 512)}


def test_a_unit_that_is_none_of_the_column_is_never_another_one(tmp_path: Path) -> None:
    reading = answered(tmp_path, [["单位名称", "系统名称", "类别", "是否涉密", "建设状态", "CPU", "内存(GB)", "硬盘"], [None] * 5 + ["颗", "条", "块"], *SIZED])
    assert {(system.vcpus, system.memory_gb, system.storage_gb) for system in reading.inventory.systems} == {(None, None, None)}
    assert {finding.code for finding in reading.errors} == {"unreadable"}


def test_of_machines(tmp_path: Path) -> None:
    head = [["虚拟机名称", "CPU", "内存", "磁盘", "IP地址", "业务系统", "是否涉密", "单位名称", "类别", "建设状态"], [None, "核", "MB", "TB"]]
    rows = [[f"vm{number}", 8, 16384, 1, f"10.1.1.{number}", name, "否", OFFICE, "应用系统", "已建"] for number, name in enumerate(["水情", "水情", "河长"])]
    reading = answered(tmp_path, [*head, *rows])
    assert {system.name: (system.vcpus, system.memory_gb, system.storage_gb) for system in reading.inventory.systems} == {"水情": (16, 32, 2048), "河长": (8, 16, 1024)}


@pytest.mark.parametrize("pair", [["硬盘", 4, "TB"], ["硬盘", "TB", 4], ["硬盘（TB）", 4]])
def test_beside_the_value_of_a_card(pair: list[Any], tmp_path: Path) -> None:
    reading = answered(tmp_path, [["单位名称", OFFICE], ["系统名称", "水情"], ["类别", "应用系统"], ["是否涉密", "否"], ["建设状态", "已建"], pair])
    assert [system.storage_gb for system in reading.inventory.systems] == [4096]


@pytest.mark.parametrize("head", [[], [["指标", "单位", "系统一", "系统二"]]])
def test_of_a_table_on_its_side(head: list[list[Any]], tmp_path: Path) -> None:
    rows = [["系统名称", None, "水情", "河长"], ["单位名称", None, OFFICE, OFFICE], ["类别", None, "应用系统", "应用系统"], ["是否涉密", None, "否", "否"]]
    reading = answered(tmp_path, [*head, *rows, ["建设状态", None, "已建", "已建"], ["内存", "MB", 16384, 16384], ["硬盘", "TB", 4, 0.5]])
    assert {system.name: (system.memory_gb, system.storage_gb) for system in reading.inventory.systems} == {"水情": (16, 4096), "河长": (16, 512)}
