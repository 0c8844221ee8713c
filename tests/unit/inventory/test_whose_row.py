"""Whose a row is, is known before it is decided whether it may be read: by a merged cell, 同上, or the row above where it has no name. Nothing of a
row that may be a classified system's is told."""

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
LIST = [["单位名称", "系统名称", "类别", "是否涉密", "建设状态"], [OFFICE, "水情", "应用系统", "否", "已建"], [OFFICE, "密函收发", "应用系统", "是", "已建"]]
SECRET = ("密函", "海光", "10.9.9", "密存", "密统", "密vm", "c密", "密库", "密注", "密类")
HOSTS = ["系统名称", "主机名", "IP地址", "CPU", "内存", "操作系统"]
SIZES = ["系统名称", "CPU", "内存", "操作系统"]
SYSTEMS = ["系统名称", "单位名称", "类别", "是否涉密", "建设状态", "CPU", "操作系统"]


def hasty(folder: Path, sheets: dict[str, list[list[Any]]], merged: str = "") -> Reading:
    """The reading once everything is answered as it is proposed, and of every sheet that none of it is classified. ``merged``: on the last sheet."""
    book = Workbook()
    for title, rows in sheets.items():
        sheet = book.create_sheet(title)
        for row in rows:
            sheet.append(row)
    if merged:
        sheet.merge_cells(merged)
    book.remove(book.worksheets[0])
    path = folder / "form.xlsx"
    book.save(path)
    keep_answers(folder, [Answer("department", "", OFFICE, "", "市直、政府", "王小明", "2018-05-01")])
    for _ in range(4):
        reading = load([path])
        assert not [word for word in SECRET if word in repr(reading)]
        questions = [question for question in reading.questions if question.kind == "sheet" or question.proposed]
        keep_answers(folder, [Answer(*one.key, answer="均非涉密" if one.kind == "sheet" else one.proposed, by="王小明", on="2018-05-01") for one in questions])
    return reading


@pytest.mark.parametrize(("name", "merged"), [(None, ""), (None, "A3:A4"), ("同上", ""), ("〃", "")])
@pytest.mark.parametrize(
    ("head", "opened", "first", "second"), [
        (HOSTS, ["水情", "sq-1", "10.1.1.1", 8, 16, "CentOS 7"], ["密函收发", "b", "10.9.9.9", 8, 16, "CentOS"], ["c密", "10.9.9.8", "海光密机", "密存", "密统"]),
        (SIZES, ["水情", 8, 16, "CentOS 7"], ["密函收发", 8, 16, "CentOS"], ["海光密机", "密存", "密统"]),
    ],
)  # fmt: skip
def test_a_further_row_of_a_classified_system_is_passed_on_a_sheet_that_adds_to_the_list(
    name: str | None, merged: str, head: list[str], opened: list[Any], first: list[Any], second: list[Any], tmp_path: Path
) -> None:
    reading = hasty(tmp_path, {"清单": LIST, "资源": [head, opened, first, [name, *second]]}, merged)
    assert [system.name for system in reading.inventory.systems] == ["水情"]
    assert (counts(reading)["classified"], counts(reading)["unanswered"], reading.errors) == (1, 0, [])


@pytest.mark.parametrize("answer", ["是", "部分涉密"])
@pytest.mark.parametrize(("name", "merged"), [(None, ""), (None, "A3:A4"), ("同上", "")])
def test_and_in_the_list_itself(name: str | None, merged: str, answer: str, tmp_path: Path) -> None:
    rows = [SYSTEMS, ["水情", OFFICE, "应用系统", "否", "已建", 8, "CentOS"], ["密函收发", OFFICE, "应用系统", answer, "已建", 8, "x"], [name, OFFICE, None, None, None, "海光密机", "密统"]]
    reading = hasty(tmp_path, {"清单": rows}, merged)
    assert [system.name for system in reading.inventory.systems] == ["水情"]
    assert counts(reading)["classified"] + counts(reading)["unanswered"] == 1


def test_a_row_without_a_name_that_has_a_number_of_its_own_is_not_lost(tmp_path: Path) -> None:
    rows = [["序号", *SYSTEMS], [1, "密函收发", OFFICE, "应用系统", "是", "已建", 8, "x"], [2, None, OFFICE, "应用系统", None, "已建", "海光密机", "密统"]]
    book = Workbook()
    assert book.active is not None
    for row in rows:
        book.active.append(row)
    book.save(tmp_path / "form.xlsx")
    assert (counts(reading := load([tmp_path / "form.xlsx"]))["classified"], counts(reading)["unanswered"]) == (1, 1)


def test_of_a_technical_row_whose_system_nobody_knows_that_is_told_and_nothing_else(tmp_path: Path) -> None:
    reading = hasty(tmp_path, {"清单": LIST, "主机": [HOSTS, ["水情", "sq-1", "10.1.1.1", 8, 16, "CentOS 7"], ["密函", "c密", "10.9.9.8", "海光密机", "密存", "密统"]]})
    assert [(finding.code, finding.cell) for finding in reading.errors] == [("system-not-found", "A3")]


@pytest.mark.parametrize("answer", [None, "是", "待定"])
def test_a_row_that_names_two_systems_is_read_only_where_it_says_no_of_each(answer: str | None, tmp_path: Path) -> None:
    head = ["单位名称", "系统名称", "类别", "是否涉密", "建设状态", "CPU", "系统名称", "是否涉密", "数据库", "备注"]
    reading = hasty(tmp_path, {"表": [head, [OFFICE, "水情", "应用系统", "否", "已建", "海光密机", "密函收发", answer, "密库", "密注"]]})
    assert (reading.inventory.systems, len(reading.withheld)) == ((), 1)


def test_and_one_answer_is_not_one_of_both(tmp_path: Path) -> None:
    head = ["单位名称", "系统名称", "是否涉密", "建设状态", "CPU", "系统名称", "建设状态", "数据库", "备注", "类别"]
    reading = hasty(tmp_path, {"表": [head, [OFFICE, "水情", "否", "已建", "海光密机", "密函收发", "已建", "密库", "密注", "密类"]]})
    assert (reading.inventory.systems, len(reading.withheld)) == ((), 1)


def test_a_machine_without_a_system_below_one_of_a_classified_system_is_of_that(tmp_path: Path) -> None:
    head = ["虚拟机名称", "CPU", "内存", "IP地址", "业务系统", "是否涉密"]
    rows = [["vm1", 8, 16, "10.1.1.1", "水情", "否"], ["vm2", 8, 16, "10.1.1.2", None, None], ["密vm3", 8, 16, "10.9.9.9", "密函收发", "是"], ["密vm4", 8, 16, "10.9.9.8", None, None]]
    reading = hasty(tmp_path, {"机器": [head, *rows]})
    assert (counts(reading)["classified"], counts(reading)["unanswered"]) == (1, 0)


@pytest.mark.parametrize("is_first", [True, False])
def test_a_classified_row_of_a_sheet_whose_department_was_answered_contradicts_the_same_system_elsewhere(is_first: bool, tmp_path: Path) -> None:
    listed = [["单位名称", "系统名称", "类别", "是否涉密", "建设状态"], [OFFICE, "水情", "应用系统", "否", "已建"], [OFFICE, "密函收发", "应用系统", "否", "已建"]]
    more = [["系统名称", "类别", "是否涉密", "建设状态", "内存"], ["密函收发", "应用系统", "是", "已建", 16]]
    sheets = {"清单": listed, "补充": more} if is_first else {"补充": more, "清单": listed}
    reading = hasty(tmp_path, sheets)
    assert [system.name for system in reading.inventory.systems] == ["水情"]
    assert [finding.code for finding in reading.errors] == ["classified-contradiction"]


@pytest.mark.parametrize("head", ["该系统涉密吗", "密"])
def test_a_header_that_stands_in_the_first_of_two_rows_without_being_merged_keeps_its_words(head: str, tmp_path: Path) -> None:
    rows = [["单位名称", "系统名称", "类别", "建设状态", head, "现状", None], [None, None, None, None, None, "CPU", "内存"], [OFFICE, "水情", "应用系统", "已建", "否", 8, 16]]
    reading = hasty(tmp_path, {"表": [*rows, [OFFICE, "密函收发", "应用系统", "已建", "是", 8, 16]]}, "F1:G1")
    assert ([system.name for system in reading.inventory.systems], counts(reading)["classified"]) == (["水情"], 1)


@pytest.mark.parametrize("note", ["注：以上第2项为涉密系统", "序号2、3涉密，请勿外传", "说明：第2行系涉密系统", None])
@pytest.mark.parametrize("is_title", [True, False])
def test_that_none_is_classified_is_not_accepted_where_the_file_says_by_number_which_are(note: str | None, is_title: bool, tmp_path: Path) -> None:
    head = ["序号", "单位名称", "系统名称", "类别", "是否涉密", "建设状态"]
    rows = [head, [1, OFFICE, "水情", "应用系统", None, "已建"], [2, OFFICE, "山洪", "应用系统", None, "已建"]]
    boilerplate = [["注：以上由各单位填报，涉密系统只填单位。"]]
    reading = hasty(tmp_path, {"表": [*([[note]] if note and is_title else []), *rows, *([[note]] if note and not is_title else []), *boilerplate]})
    assert len(reading.inventory.systems) == (0 if note else 2)
