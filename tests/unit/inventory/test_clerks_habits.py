"""What clerks do in their table programs: letters written downwards, 同上 and 〃, ticks and units in one row, sheets named after their system in fewer
letters, a row a server under one merged name."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from orchestrator.inventory.check import counts
from orchestrator.inventory.load import load
from orchestrator.inventory.sheets.coded_answers import codes_of
from orchestrator.inventory.values import read_value

TESTS = Path(__file__).parents[2]
sys.path[:0] = [str(TESTS / "fixtures"), str(TESTS / "bench")]
from bench_forms import answered  # type: ignore[import-not-found]  # noqa: E402 - a helper beside the benches
from workbooks import build  # type: ignore[import-not-found]  # noqa: E402 - a helper beside the fixtures

HEAD = ["单位名称", "单位层级", "单位性质", "系统名称", "类别", "建设状态", "是否涉密", "所在机房", "操作系统"]


def read(tmp_path: Path, rows: list[list[Any]], **sheet: Any) -> Any:
    return load([build(tmp_path / "a.xlsx", [{"name": "统计表", "rows": rows, **sheet}])])


def test_letters_written_downwards_are_one_name(tmp_path: Path) -> None:
    rows = [HEAD, ["市\n水\n务\n局", "市直", "政府", "水费\n征缴平台", "应用系统", "已建", "否"], [None, "市直", "政府", "管网平台", "应用系统", "已建", "否"]]
    reading = read(tmp_path, rows, merged=["A2:A3"])
    assert [department.name for department in reading.inventory.departments] == ["市水务局"]
    assert sorted(system.name for system in reading.all_systems()) == ["水费\n征缴平台", "管网平台"]


@pytest.mark.parametrize("sign", ["同上", "〃", "″", '"', " 同上 "])
def test_a_sign_for_the_same_is_what_stands_above(sign: str, tmp_path: Path) -> None:
    rows = [HEAD, ["市水务局", "市直", "政府", "水费平台", "应用系统", "已建", "否", "三楼机房", "CentOS 7"], [*[sign] * 3, "管网平台", *[sign] * 5], [*[sign] * 3, "水情平台", *[sign] * 4, "麒麟V10"]]
    reading = read(tmp_path, rows)
    assert (reading.errors, reading.questions) == ([], ())
    assert {system.name: (system.room, system.os) for system in reading.all_systems()} == {
        "水费平台": ("三楼机房", "CentOS 7"), "管网平台": ("三楼机房", "CentOS 7"), "水情平台": ("三楼机房", "麒麟V10"),
    }  # fmt: skip


@pytest.mark.parametrize("sign", ["同上", "〃"])
@pytest.mark.parametrize("answer", ["是", "机密", ""])
def test_whose_a_row_is_it_learns_from_a_withheld_one_too(answer: str, sign: str, tmp_path: Path) -> None:
    same = [sign] * 3
    rows = [
        HEAD, ["市水务局", "市直", "政府", "水费平台", "应用系统", "已建", "否", "三楼机房", "CentOS 7"], [*same, "玄霜平台", "应用系统", "已建", answer, "玄霜室", "玄霜OS"],
        [*same, "管网平台", "应用系统", "已建", "否", sign, sign],
    ]  # fmt: skip
    reading = read(tmp_path, rows)
    assert {system.name: (system.room, system.os) for system in reading.all_systems()} == {"水费平台": ("三楼机房", "CentOS 7"), "管网平台": (None, None)}
    assert not [finding for finding in reading.errors if finding.code != "classified-unanswered"] and "玄霜" not in repr(reading)


@pytest.mark.parametrize(("answer", "kind"), [("是", "classified"), ("待定", "unanswered")])
def test_it_learns_nothing_from_a_row_that_is_withheld_but_its_answer(answer: str, kind: str, tmp_path: Path) -> None:
    rows = [
        HEAD, ["市水务局", "市直", "政府", "玄霜密控平台", "应用系统", "已建", answer, "玄霜保密室", "玄霜OS"], ["市水务局", "市直", "政府", "管网平台", "应用系统", "已建", "否", "同上", "〃"],
        ["市水务局", "市直", "政府", "又一平台", "应用系统", "已建", "否", "同上", "〃"], ["市水务局", "市直", "政府", "水情平台", "应用系统", "已建", "同上", "三楼机房", "CentOS 7"],
        ["市水务局", "市直", "政府", "玄霜三号", "应用系统", "已建", answer, "玄霜保密室", "玄霜OS"], ["市水务局", "市直", "政府", "玄霜四号", "应用系统", "已建", "同上", "玄霜保密室", "玄霜OS"],
    ]  # fmt: skip
    reading = read(tmp_path, rows)
    assert {name: counts(reading)[name] for name in ("rows", "in_scope", kind)} == {"rows": 6, "in_scope": 3, kind: 3}
    assert {system.name: (system.room, system.os) for system in reading.all_systems()} == {"管网平台": (None, None), "又一平台": (None, None), "水情平台": ("三楼机房", "CentOS 7")}
    assert "玄霜" not in repr(reading)


def test_ticks_and_units_in_the_second_row_of_a_header(tmp_path: Path) -> None:
    rows = [
        ["单位名称", "单位层级", "单位性质", "系统名称", "类别", "建设状态", "是否涉密", None, "数据\n总量", "用户\n规模", "可中断\n时长"],
        [None, None, None, None, None, None, "是", "否", "（GB）", "（万人）", "（小时）"],
        ["市人社局", "市直", "政府", "社保系统", "应用系统", "已建", None, "√", 1200, 45, 2], ["市人社局", "市直", "政府", "就业平台", "应用系统", "已建", None, "√", 300, 12.5, 8],
        ["市人社局", "市直", "政府", "雁回密档", "应用系统", "已建", "√", None, 10, 0.01, 1],
    ]  # fmt: skip
    reading = read(tmp_path, rows, merged=["G1:H1"])
    assert {name: counts(reading)[name] for name in ("rows", "in_scope", "classified")} == {"rows": 3, "in_scope": 2, "classified": 1}
    said = {system.name: (system.data_gb, system.user_count, system.max_interruption_minutes) for system in reading.all_systems()}
    assert said == {"社保系统": (1200, 450_000, 120), "就业平台": (300, 125_000, 480)}
    assert "雁回" not in repr(reading)


@pytest.mark.parametrize("sheet", ["银松护林", "护林密网", "银松"])
def test_a_sheet_that_bears_a_part_of_a_classified_name_is_not_told(sheet: str, tmp_path: Path) -> None:
    def form(name: str, answer: str) -> list[list[Any]]:
        return [["填报单位", "市林业局"], ["系统名称", name, "系统类别", "应用系统"], ["是否涉密", answer, "运行状态", "在用"], ["等保级别", "二级", "数据量", "120G"]]

    (tmp_path / "inventory").mkdir()
    sheets = [{"name": "森林防火", "rows": form("森林防火平台", "否")}, {"name": sheet, "rows": form("银松护林密网", "是")}]
    readings, _ = answered(build(tmp_path / "a.xlsx", sheets), tmp_path / "inventory")
    assert not any(word in repr(reading) for reading in readings for word in ("银松", "护林密网"))
    assert any("森林防火" in sheet for _, sheet in readings[-1].tables.values())


def test_a_row_a_server_under_one_merged_name(tmp_path: Path) -> None:
    rows = [
        ["单位名称", "单位层级", "单位性质", "系统名称", "类别", "建设状态", "是否涉密", "服务器", "CPU"],
        ["市大数据局", "市直", "政府", "共享平台", "应用系统", "已建", "否", "应用服务器", "2*16核/128G/2*600G"],
        [*[None] * 7, "数据库服务器", "2*20核/256G/4*2T"], ["市大数据局", "市直", "政府", "云管平台", "应用系统", "已建", "否", "虚拟机", "8C16G500G"],
        ["市大数据局", "市直", "政府", "寒星密网", "应用系统", "已建", "是", "应用服务器", "2*16核/77G"], [*[None] * 7, "寒星服务器", "2*20核/77G"],
    ]  # fmt: skip
    (tmp_path / "inventory").mkdir()
    merged = [f"{letter}{first}:{letter}{first + 1}" for letter in "ABCDEFG" for first in (2, 5)]
    readings, asked = answered(build(tmp_path / "a.xlsx", [{"name": "统计表", "rows": rows, "merged": merged}]), tmp_path / "inventory")
    assert {name: counts(readings[-1])[name] for name in ("in_scope", "classified")} == {"in_scope": 2, "classified": 1}
    assert [question.kind for question in asked if question.kind == "rows"] == ["rows"]
    said = {system.name: (system.servers, system.vcpus, system.memory_gb, system.storage_gb, system.virtualised) for system in readings[-1].all_systems()}
    assert said == {"共享平台": (2, 72, 384, 9392, None), "云管平台": (None, 8, 16, 500, True)}
    assert not any("寒星" in repr(reading) for reading in readings)


@pytest.mark.parametrize(("said", "virtual"), [("虚拟机", True), ("物理机", False), ("应用服务器", None), ("虚拟机、物理机", None), ("数据库服务器、虚拟机", None)])
def test_what_machines_are_is_no_number_of_them(said: str, virtual: bool | None) -> None:
    value = read_value("count", said)
    assert (value.value, value.also.get("virtualised")) == (None, virtual)


def test_the_year_before_a_department_is_none_of_its_name(tmp_path: Path) -> None:
    rows = [["2026年市教育局信息系统统计表"], ["系统名称", "类别", "建设状态", "是否涉密"], ["学籍系统", "应用系统", "已建", "否"]]
    (question,) = read(tmp_path, rows).questions
    assert question.proposed == "市教育局、市直、政府"


CODES = [
    ("是否涉密（1是2否）", 2, 1), ("是否涉密（0-是，1-否）", 1, 0), ("涉密（A.是 B.否）", "B", "A"), ("是否涉密（a：是；b：否）", "b.否", "a"), ("是否涉密[1=涉密,0=非涉密]", "0", "1"),
    ("是否涉密（1、是 2、否）", 2.0, 1.0),
]  # fmt: skip


@pytest.mark.parametrize(("header", "no", "yes"), CODES)
def test_codes_are_read_as_the_header_says(header: str, no: object, yes: object, tmp_path: Path) -> None:
    head = ["单位名称", "单位层级", "单位性质", "系统名称", "类别（1应用系统 2数据库）", "建设状态（1已建，2在建，3停用）", header]
    rows = [["市体育局", "市直", "政府", "场馆预约", 1, 1, no], ["市体育局", "市直", "政府", "鹰隼密训", 1, 1, yes], ["市体育局", "市直", "政府", "健身库", 2, 3, no]]
    rows.append(["市体育局", "市直", "政府", "甲", 1, 1, "9"])
    reading = read(tmp_path, [head, *rows])
    assert {name: counts(reading)[name] for name in ("rows", "in_scope", "classified", "retired", "unanswered")} == {"rows": 4, "in_scope": 1, "classified": 1, "retired": 1, "unanswered": 1}
    assert sorted((system.name, system.kind.value, system.status.value) for system in reading.all_systems()) == [("健身库", "database", "retired"), ("场馆预约", "application", "in_use")]
    assert "鹰隼" not in repr(reading)


@pytest.mark.parametrize("header", ["数据量（GB）", "1、系统名称", "CPU（2路）", "是否涉密（非涉密填否）", "用户数（1万人以上填）", "是否涉密（1是1否）", "等保（1级2级）3"])
def test_other_brackets_are_no_codes(header: str) -> None:
    assert codes_of(header) in ({}, {"1": "级", "2": "级"})


def test_what_a_row_consists_of_is_no_system(tmp_path: Path) -> None:
    rows = [
        [*HEAD, "数据量"], ["市公安局", "市直", "政府", "执法平台", "应用系统", "已建", "否", None, None, "5T"], [None, None, None, "其中：图片库", None, None, None, None, None, "4T"],
        ["市公安局", "市直", "政府", "猎隼密侦", "应用系统", "已建", "是", None, None, "9T"], [None, None, None, "其中：猎隼声纹库", None, None, None, None, None, "8T"],
        ["市公安局", "市直", "政府", "其中一平台", "应用系统", "已建", "否", None, None, "1T"],
    ]  # fmt: skip
    reading = read(tmp_path, rows)
    assert {name: counts(reading)[name] for name in ("rows", "in_scope", "classified")} == {"rows": 3, "in_scope": 2, "classified": 1}
    assert (reading.questions, reading.errors) == ((), [])
    assert "猎隼" not in repr(reading)


def test_what_a_classified_system_is_called_besides_is_told_nowhere(tmp_path: Path) -> None:
    rows = [
        ["单位名称", "单位层级", "单位性质", "系统名称", "系统简称", "类别", "建设状态", "是否涉密", "备注"], ["市政务局", "市直", "政府", "密传平台", "霜降", "应用系统", "已建", "是", None],
        ["市政务局", "市直", "政府", "好差评系统", "好差评", "应用系统", "已建", "否", "每日向霜降推送"],
    ]  # fmt: skip
    reading = read(tmp_path, rows)
    assert [(system.name, system.remark) for system in reading.all_systems()] == [("好差评系统", "每日向〔涉密〕推送")]
    assert "霜降" not in repr(reading)


@pytest.mark.parametrize("title", ["信息系统汇总（标红为涉密系统）", "非涉密系统清单，涉密系统用黄色标出", "红色底纹行为涉密"])
def test_a_colour_that_means_classified_is_said_with_the_question(title: str, tmp_path: Path) -> None:
    rows = [[title], ["单位名称", "单位层级", "单位性质", "系统名称", "类别", "建设状态"], ["市卫健委", "市直", "政府", "健康平台", "应用系统", "已建"]]
    (question,) = read(tmp_path, rows).questions
    assert (question.kind, question.proposed) == ("sheet", "")
    assert "颜色" in str(question.evidence)
