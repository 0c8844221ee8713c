"""Several departments on one sheet, each named above its own block: one question each, and each system its department's."""

from __future__ import annotations

import itertools
import sys
from pathlib import Path
from typing import Any

import pytest

from orchestrator.inventory.build.signs import office_headed
from orchestrator.inventory.check import counts

TESTS = Path(__file__).parents[2]
sys.path[:0] = [str(TESTS / "fixtures"), str(TESTS / "bench")]
from bench_forms import answered  # type: ignore[import-not-found]  # noqa: E402 - a helper beside the benches
from workbooks import build  # type: ignore[import-not-found]  # noqa: E402

SECRET = "玄武岩系统"
HEADS = [
    [["系统名称", "类别", "建设状态", "是否涉密"]], [["序号", "信息系统", "系统类型", "运行状态", "涉密与否"]], [["系统名称", "系统类别", "现状", "是否涉密", "备注"]],
    [["序号", "系统情况", None, "安全", None], [None, "系统名称", "类别", "是否涉密", "密级"]],
]  # fmt: skip
TITLES = ["{office}", "一、{office}", "{office}（2个）", "{office}信息系统统计表", "单位：{office}", "填报单位：{office}"]
OFFICES = [("市民政局", ["低保核对", SECRET]), ("市退役军人局", ["优抚数据"]), ("市不动产登记中心", ["康复登记", "就业帮扶"])]


def block(title: str, head: list[list[Any]], office: str, names: list[str]) -> list[list[Any]]:
    rows: list[list[Any]] = [[title.format(office=office)], *head]
    for number, name in enumerate(names, start=1):
        said = {
            "序号": number, "系统名称": name, "信息系统": name, "类别": "应用系统", "系统类别": "应用系统", "系统类型": "应用系统", "建设状态": "已建", "运行状态": "在用", "现状": "在用",
            "是否涉密": "是" if name == SECRET else "否", "涉密与否": "涉密" if name == SECRET else "不涉密", "备注": "", "密级": "", "系统情况": "", "安全": "",
        }  # fmt: skip
        rows.append([said[low or high] for low, high in zip(head[-1], head[0], strict=True)])
    return rows


def owners(path: Path, folder: Path) -> dict[str, str]:
    readings, asked = answered(path, folder)
    last = readings[-1]
    count = counts(last)
    assert (count["rows"], count["classified"], count["uncounted"], last.errors, last.questions) == (5, 1, 0, [], ())
    assert sum(question.kind in {"owner", "department"} for question in asked) <= len(OFFICES)
    assert not any(SECRET in repr(reading) for reading in readings)
    named = {department.id: department.name for department in last.inventory.departments}
    return {system.name: named[system.department] for system in last.inventory.systems}


def wanted() -> dict[str, str]:
    return {name: office for office, names in OFFICES for name in names if name != SECRET}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "inventory").mkdir()
    return tmp_path / "inventory"


@pytest.mark.parametrize("title", TITLES)
@pytest.mark.parametrize("heads", [HEADS[:1] * 3, HEADS[1:2] * 3, [HEADS[0], HEADS[2], HEADS[0]], HEADS[3:] * 3, [HEADS[1], HEADS[0], HEADS[2]]])
@pytest.mark.parametrize("between", [[], [[None]]])
def test_blocks_below_each_other(title: str, heads: list[list[list[Any]]], between: list[list[Any]], tmp_path: Path, folder: Path) -> None:
    rows: list[list[Any]] = [["全市政务信息系统汇总表"]]
    for (office, names), head in zip(OFFICES, heads, strict=True):
        rows += [*block(title, head, office, names), *between]
    assert owners(build(tmp_path / "汇总.xlsx", [{"name": "汇总", "rows": rows}]), folder) == wanted()


@pytest.mark.parametrize("title", TITLES)
@pytest.mark.parametrize("heads", [HEADS[:1] * 3, HEADS[1:2] * 3, [HEADS[0], HEADS[2], HEADS[1]]])
@pytest.mark.parametrize("gap", [0, 1, 2])
def test_blocks_beside_each_other(title: str, heads: list[list[list[Any]]], gap: int, tmp_path: Path, folder: Path) -> None:
    if not gap and heads[0] != heads[1]:
        pytest.skip("two headers without anything between them are one")
    blocks = [block(title, head, office, names) for (office, names), head in zip(OFFICES, heads, strict=True)]
    widths = [max(map(len, rows)) + gap for rows in blocks]
    rows = []
    for lines in itertools.zip_longest(*blocks, fillvalue=[]):
        rows.append([cell for line, width in zip(lines, widths, strict=True) for cell in [*line, *[None] * (width - len(line))]])
    assert owners(build(tmp_path / "汇总.xlsx", [{"name": "汇总", "rows": rows}]), folder) == wanted()


@pytest.mark.parametrize("other", [["系统名称", "类别", "建设状态", "是否涉密", "备注"], ["系统名称", "类别", "建设状态", "是否涉密"]])
def test_a_no_below_a_heading_of_classified_systems_is_none_whatever_header_follows_it(other: list[Any], tmp_path: Path, folder: Path) -> None:
    rows = [["单位：市民政局"], ["一、非涉密系统"], *HEADS[0][0:1], ["低保核对", "应用系统", "已建", "否"], ["二、涉密系统"], other, [SECRET, "应用系统", "已建", "否", ""][: len(other)]]
    reading = answered(build(tmp_path / "汇总.xlsx", [{"name": "汇总", "rows": rows}]), folder)[0][0]
    assert (counts(reading)["rows"], counts(reading)["unanswered"]) == (2, 1)
    assert SECRET not in repr(reading)


def test_departments_called_after_registers_surveys_or_figures_and_bureaus_themselves_head_sections() -> None:
    heads = {
        "一、云泽市水务局机关（1个）": "云泽市水务局", "二、云泽市不动产登记中心（1个）": "云泽市不动产登记中心", "市统计局": "市统计局", "三、市信息中心": "市信息中心",
        "市直机关工委": "市直机关工委",
        "市企业登记备案中心": "市企业登记备案中心", "四、国家统计局云泽调查队": "国家统计局云泽调查队", "市残联（2个）": "市残联", "市委宣传部": "市委宣传部",
        "市水务局本级": "市水务局", "（五）市政协机关": "市政协机关",
        "市统计局信息系统登记表": "市统计局",
    }  # fmt: skip
    assert {text: office_headed(text) for text in heads} == heads
    none = ["一、在用系统", "二、硬件部分", "三、服务器登记", "系统登记表", "信息情况", "登记办", "市直单位", "各中小学", "一、医院", "二、信息登记情况", "内部机关单位"]
    assert {text: office_headed(text) for text in none} == dict.fromkeys(none, "")
