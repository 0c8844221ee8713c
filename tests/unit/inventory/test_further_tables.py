"""A table that says only more of systems listed elsewhere in its file (资源情况, 数据库情况) adds to them: none is counted twice, and none of a
classified one is read, on whichever sheet the list stands."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from orchestrator.inventory.check import counts

TESTS = Path(__file__).parents[2]
sys.path[:0] = [str(TESTS / "fixtures"), str(TESTS / "bench")]
from bench_forms import answered  # type: ignore[import-not-found]  # noqa: E402 - a helper beside the benches
from technical import SECRET, SYSTEMS, A, B  # type: ignore[import-not-found]  # noqa: E402 - a helper beside the fixtures
from workbooks import build  # type: ignore[import-not-found]  # noqa: E402 - a helper beside the fixtures

RESOURCES: list[list[Any]] = [
    ["系统名称", "CPU", "内存", "存储", "操作系统"], [A, "8核", "16G", "500G", "CentOS 7"], [B, "4核", "8G", "200G", "麒麟V10"], [SECRET + "系统", "64核", "512G", "9T", "玄武岩OS"],
]  # fmt: skip


def read(folder: Path, sheets: list[dict[str, Any]], name: str = "底数.xlsx") -> tuple[list[Any], list[Any]]:
    (folder / "inventory").mkdir()
    readings, asked = answered(build(folder / name, sheets), folder / "inventory")
    assert not any(word in repr(reading) for reading in readings for word in (SECRET, "玄武岩", "512G"))
    return readings, asked


@pytest.mark.parametrize("list_first", [True, False])
def test_it_adds_to_the_systems_it_names(tmp_path: Path, list_first: bool) -> None:
    sheets = [{"name": "统计表", "rows": SYSTEMS}, {"name": "资源情况", "rows": RESOURCES}]
    readings, asked = read(tmp_path, sheets if list_first else sheets[::-1])
    assert (asked, readings[-1].errors) == ([], [])
    assert {name: counts(readings[-1])[name] for name in ("rows", "in_scope", "classified")} == {"rows": 3, "in_scope": 2, "classified": 1}
    said = {system.name: (system.vcpus, system.memory_gb, system.storage_gb, system.os) for system in readings[-1].all_systems()}
    assert said == {A: (8, 16, 500, "CentOS 7"), B: (4, 8, 200, "麒麟V10")}


def test_a_row_of_no_listed_system_is_asked_about_as_any(tmp_path: Path) -> None:
    rows = [*RESOURCES, ["没有列出的系统", "2核", "4G", "50G", "CentOS 7"]]
    readings, asked = read(tmp_path, [{"name": "统计表", "rows": SYSTEMS}, {"name": "资源情况", "rows": rows}])
    assert counts(readings[0])["rows"] == 4
    assert counts(readings[0])["unanswered"] == 1
    assert [question.kind for question in asked][:1] == ["sheet"]
    assert counts(readings[-1])["in_scope"] == 3


def test_what_contradicts_the_list_is_told_and_not_taken(tmp_path: Path) -> None:
    systems = [[*SYSTEMS[0], "内存"], *([*row, memory] for row, memory in zip(SYSTEMS[1:], ("16G", "99G", "1G"), strict=True))]
    readings, _ = read(tmp_path, [{"name": "统计表", "rows": systems}, {"name": "资源情况", "rows": RESOURCES}])
    assert {system.name: system.memory_gb for system in readings[-1].all_systems()} == {A: 16, B: 99}
    assert [(finding.code, finding.sheet, finding.cell) for finding in readings[-1].findings if finding.code == "further-differs"] == [("further-differs", "资源情况", "C3")]


def test_rows_of_several_servers_are_asked_about_once(tmp_path: Path) -> None:
    rows = [*RESOURCES[:2], [A, "8核", "32G", "500G", "CentOS 7"], *RESOURCES[2:]]
    readings, asked = read(tmp_path, [{"name": "统计表", "rows": SYSTEMS}, {"name": "资源情况", "rows": rows}])
    assert [question.kind for question in asked] == ["rows"]
    assert counts(readings[-1])["rows"] == 3
    assert {system.name: (system.servers, system.vcpus, system.memory_gb) for system in readings[-1].all_systems()}[A] == (2, 16, 48)


def test_two_systems_of_one_name_are_not_guessed_between(tmp_path: Path) -> None:
    systems = [*SYSTEMS, [4, "市民政局", "市直", "政府", A, "应用系统", "否", "已建"]]
    readings, _ = read(tmp_path, [{"name": "统计表", "rows": systems}, {"name": "资源情况", "rows": RESOURCES}])
    assert [(finding.code, finding.cell) for finding in readings[-1].errors] == [("system-ambiguous", "A2")]
    assert {system.vcpus for system in readings[-1].all_systems() if system.name == A} == {None}


def test_another_offices_list_is_no_further_table(tmp_path: Path) -> None:
    """Of another file: two offices may call theirs alike."""
    folder = tmp_path / "inventory"
    folder.mkdir()
    (tmp_path / "forms").mkdir()
    build(tmp_path / "forms" / "甲.xlsx", [{"name": "统计表", "rows": SYSTEMS[:3]}])
    build(tmp_path / "forms" / "乙.xlsx", [{"name": "统计表", "rows": RESOURCES[:3]}])
    readings, _ = answered(tmp_path / "forms", folder)
    assert counts(readings[-1])["rows"] == 4
