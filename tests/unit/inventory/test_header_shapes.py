"""Headers of one to three rows, merged or not, with rows of units and of numbers below: the same systems whatever the shape."""

from __future__ import annotations

import csv
import random
import sys
from pathlib import Path
from typing import Any

import pytest

from orchestrator.inventory.check import counts
from orchestrator.inventory.load import load

sys.path.insert(0, str(Path(__file__).parents[2] / "fixtures"))
from workbooks import build  # type: ignore[import-not-found]

SECRET = "玄武岩"
Head = tuple[str, ...]
"""The words above one column, outermost first."""
BASE: list[list[Head]] = [
    [("单位名称",), ("单位层级",), ("单位性质",)], [("单位情况", "名称"), ("单位情况", "层级"), ("单位情况", "性质")],
    [("填报单位", "单位名称"), ("填报单位", "单位层级"), ("填报单位", "单位性质")],
]  # fmt: skip
SYSTEM: list[list[Head]] = [
    [("系统名称",), ("类别",), ("建设状态",)], [("系统情况", "系统名称"), ("系统情况", "类别"), ("系统情况", "建设状态")],
    [("系统基本信息", "系统名称"), ("系统基本信息", "现状", "类别"), ("系统基本信息", "现状", "建设状态")],
    [("基本情况", "信息系统名称"), ("基本情况", "系统类型"), ("基本情况", "运行情况")],
]  # fmt: skip
ANSWER: list[list[Head]] = [
    [("是否涉密",), ("密级",)], [("安全情况", "是否涉密"), ("安全情况", "密级")], [("安全情况", "保密", "是否涉密"), ("安全情况", "保密", "密级")],
    [("涉密情况", "是否"), ("涉密情况", "密级")], [("安全保密", "涉密与否"), ("安全保密", "涉密等级")], [("系统安全", "安全保密", "涉密否"), ("系统安全", "安全保密", "涉密级别")],
]  # fmt: skip
MACHINES: list[list[Head]] = [
    [("服务器数量",), ("内存",)], [("资源配置", "服务器数量"), ("资源配置", "内存")], [("资源配置", "服务器", "数量"), ("资源配置", "服务器", "内存")],
    [("部署情况", "服务器", "台数"), ("部署情况", "服务器", "内存容量")],
]  # fmt: skip
GUIDES: list[list[Any]] = [
    [str(number) for number in range(1, 12)], [*range(1, 12)], ["甲", "乙", *range(1, 10)], ["栏次", *range(1, 11)], [*"ABCDEFGHIJK"], [*"abcdefghijk"], ["甲", "乙", "丙", *range(1, 9)],
    [f"({number})" for number in range(1, 12)], [*"①②③④⑤⑥⑦⑧⑨⑩⑪"], [f"第{number}列" for number in range(1, 12)], [f"{number}栏" for number in range(1, 12)], [*"一二三四五六七八九十", "十一"],
    [f"[{number}]" for number in range(1, 12)], [None, *range(1, 11)], ["—", *range(1, 11)], [f"C{number}" for number in range(1, 12)],
]  # fmt: skip
UNITS = [["(台)", "(GB)"], ["台", "GB"], ["（台）", "（ＧＢ）"], ["单位：台", "单位：GB"], ["个", "G"]]


def header(columns: list[Head]) -> tuple[list[list[Any]], list[str]]:
    """Its rows, and the ranges of its merged cells as an office would merge them."""
    depth = max(map(len, columns))
    rows: list[list[Any]] = [[None] * len(columns) for _ in range(depth)]
    spans = []
    for level in range(depth):
        for at, column in enumerate(columns):
            if level >= len(column) or (at and columns[at - 1][: level + 1] == column[: level + 1] and level < len(column) - 1):
                continue
            rows[level][at] = column[level]
            right = at
            while level < len(column) - 1 and right + 1 < len(columns) and columns[right + 1][: level + 1] == column[: level + 1]:
                right += 1
            bottom = depth - 1 if level == len(column) - 1 else level
            if (right, bottom) != (at, level):
                spans.append((at, level, right, bottom))
    return rows, [f"{chr(65 + left)}{{{top}}}:{chr(65 + right)}{{{bottom}}}" for left, top, right, bottom in spans]


def form(seed: int) -> tuple[list[list[Any]], list[str], bool]:
    """A form whose systems are known: 甲, 乙, 丙 count, one is classified; whether a machine's column has a unit."""
    chance = random.Random(seed)  # noqa: S311 - forms to read, no secrets
    blocks = [chance.choice(BASE), chance.choice(SYSTEM), chance.choice(ANSWER), chance.choice(MACHINES)]
    first, *rest = blocks if chance.random() < 0.5 else [blocks[0], blocks[1], blocks[3], blocks[2]]
    columns: list[Head] = [("序号",), *first, *(head for block in rest for head in block)]
    head, spans = header(columns)
    titles: list[list[Any]] = [["市水务局信息系统情况表"], ["填报日期：2018年5月"]][: chance.randint(0, 2)]
    rows = [*titles, *head]
    has_units = chance.random() < 0.6
    memory = next(at for at, column in enumerate(columns) if "内存" in column[-1])
    if has_units:
        servers, unit = chance.choice(UNITS)
        rows.append([servers if at == memory - 1 else unit if at == memory else None for at in range(len(columns))])
    if chance.random() < 0.6:
        rows.append(chance.choice(GUIDES)[: len(columns)])
    values = {"服务器数量": 2, "内存": 64 if has_units else "64G"}
    for number, (name, answer) in enumerate([("甲系统", "否"), ("乙系统", "否"), (f"{SECRET}系统", "是"), ("丙系统", "否")], start=1):
        row: list[Any] = [number, "市水务局", "市直", "政府"]
        for block in rest:
            if block is blocks[1]:
                row += [name, "应用系统", "已建"]
            elif block is blocks[2]:
                row += [answer, "机密" if answer == "是" else chance.choice(["", "/", "无"])]
            else:
                row += [*values.values()]
        rows.append(row)
    from_row = len(titles)
    return rows, [_absolute(span, from_row) for span in spans], has_units


def _absolute(span: str, first: int) -> str:
    return ":".join(f"{part.split('{')[0]}{int(part.split('{')[1][:-1]) + first + 1}" for part in span.split(":"))


@pytest.mark.parametrize("seed", range(60))
@pytest.mark.parametrize("shape", ["merged", "not merged", "text"])
def test_any_header_of_the_form_is_read(seed: int, shape: str, tmp_path: Path) -> None:
    rows, spans, _ = form(seed)
    if shape == "text":
        path = tmp_path / "a.csv"
        with path.open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows(["" if cell is None else cell for cell in row] for row in rows)
    else:
        path = build(tmp_path / "a.xlsx", [{"name": "表", "rows": rows, "merged": spans if shape == "merged" else []}])
    reading = load([path])
    count = counts(reading)
    assert {system.name for system in reading.inventory.systems} == {"甲系统", "乙系统", "丙系统"}
    assert (count["rows"], count["classified"], count["unanswered"], reading.errors, reading.questions) == (4, 1, 0, [], ())
    assert {(system.servers, system.memory_gb, system.kind) for system in reading.inventory.systems} == {(2, 64.0, "application")}
    assert SECRET not in str((reading.findings, reading.interpretations, reading.inventory))


@pytest.mark.parametrize("word", ["数据库", "应用系统"])
def test_rows_of_a_merged_department_with_little_on_them_are_no_header(word: str, tmp_path: Path) -> None:
    head = ["单位名称", "单位层级", "单位性质", "系统名称", "类别", "是否涉密", "建设状态", "操作系统", "内存", "CPU", "存储", "备注"]
    rows = [head, *(["市水务局", "市直", "政府", f"{name}系统", word, "否", "已建"] if name == "甲" else [None, None, None, f"{name}系统", word, "否", "已建"] for name in "甲乙丙")]
    path = build(tmp_path / "a.xlsx", [{"name": "表", "rows": rows, "merged": ["A2:A4", "B2:B4", "C2:C4"]}])
    reading = load([path])
    assert ({system.name for system in reading.inventory.systems}, reading.errors) == ({"甲系统", "乙系统", "丙系统"}, [])
    silent = [head, ["市水务局", "市直", "政府", f"{SECRET}甲"], [None, None, None, f"{SECRET}乙"], [None, None, None, f"{SECRET}丙"]]
    reading = load([build(tmp_path / "b.xlsx", [{"name": "表", "rows": silent, "merged": ["A2:A4", "B2:B4", "C2:C4"]}])])
    assert (counts(reading)["rows"], counts(reading)["unanswered"]) == (3, 3)
    assert SECRET not in str(reading)
