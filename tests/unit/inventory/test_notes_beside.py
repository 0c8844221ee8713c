"""What stands to the right of a form behind an empty column is no row and no column of it, whatever its length; that it is there is told, without its words."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from orchestrator.inventory.check import counts
from orchestrator.inventory.load import load
from orchestrator.inventory.reading import Reading

sys.path.insert(0, str(Path(__file__).parents[2] / "fixtures"))
from technical import SECRET, SYSTEMS  # type: ignore[import-not-found]
from workbooks import build  # type: ignore[import-not-found]

BESIDE: dict[str, list[list[Any]]] = {
    "how to fill it in": [["填表说明"], ["1. 单位名称填全称"], ["2. 涉密系统只填名称"], [f"3. {SECRET}系统由保密办填"], ["4. 数据量填总量"], ["5. 联系王某"]],
    "sentences without a title": [[None], ["①单位名称填写全称，与三定方案一致"], ["②数据量填写现有总量。"], ["③有疑问请联系市大数据局"], [None], ["④请于月底前报送"]],
    "codes": [["代码", "名称"], ["01", "应用系统"], ["02", "数据库"], ["03", "网站"], ["04", SECRET], ["05", "其他"]],
    "codes with a title above": [["类别", "状态"], ["应用系统", "已建"], ["数据库", "在建"], [None, "停用"]],
    "one long note": [[None], ["本表由各单位填写，汇总后于月底前报送市大数据局信息科，涉密系统不填"]],
    "words under no header": [[None], ["张三"], ["李四"], [None], [None], ["王五"], ["赵六"]],
}  # fmt: skip


def beside(rows: list[list[Any]], notes: list[list[Any]], gap: int = 1, lower: int = 0) -> list[list[Any]]:
    width = max(map(len, rows)) + gap
    there: list[list[Any]] = [[] for _ in range(lower)] + notes
    longest = max(len(rows), len(there))
    return [[*(rows[n] if n < len(rows) else []), *[None] * (width - len(rows[n] if n < len(rows) else [])), *(there[n] if n < len(there) else [])] for n in range(longest)]


def read(path: Path, rows: list[list[Any]]) -> Reading:
    return load([build(path, [{"name": "统计表", "rows": rows}])])


@pytest.mark.parametrize("kind", BESIDE)
@pytest.mark.parametrize(("gap", "title"), [(1, False), (2, True)])
def test_it_is_no_row_and_told_once(kind: str, gap: int, title: bool, tmp_path: Path) -> None:
    rows = beside(SYSTEMS, BESIDE[kind], gap)
    if title or kind == "codes with a title above":
        rows = [["市水务局信息系统统计表", *[None] * (len(SYSTEMS[0]) + gap - 1), "附：代码表" if kind.startswith("codes") else None], *rows]
    reading = read(tmp_path / "a.xlsx", rows)
    alone = read(tmp_path / "b.xlsx", SYSTEMS)
    assert counts(reading) == counts(alone)
    assert [(finding.code, finding.severity) for finding in reading.findings] == [("notes-beside", "warning")]
    assert [system.model_dump() for system in reading.all_systems()] == [system.model_dump() for system in alone.all_systems()]
    assert reading.questions == ()
    assert SECRET not in repr(reading)


@pytest.mark.parametrize("columns", [["操作系统", "CPU"], ["处室意见"], ["联系人", "联系电话"], ["备注"]])
def test_columns_of_the_form_behind_an_empty_one_are_read(columns: list[str], tmp_path: Path) -> None:
    values = {"操作系统": "CentOS 7", "CPU": "8核", "处室意见": "同意", "联系人": "张三", "联系电话": "0724-2345678", "备注": "每周维护"}
    reading = read(tmp_path / "a.xlsx", beside(SYSTEMS, [columns, *[[values[column] for column in columns]] * (len(SYSTEMS) - 1)]))
    system = reading.all_systems()[0]
    said = {**system.unknown, "操作系统": system.os, "CPU": system.vcpus and f"{system.vcpus:g}核", "联系人": system.contact, "联系电话": system.phone, "备注": system.remark}
    assert {column: said[column] for column in columns} == {column: values[column] for column in columns}
    assert "notes-beside" not in {finding.code for finding in reading.findings}
