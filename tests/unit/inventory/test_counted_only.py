"""Further tables of a sheet, however small what stands below them is; and classified systems that are reported as a number alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from orchestrator.inventory.check import counts
from orchestrator.inventory.load import load
from orchestrator.inventory.reading import Reading
from tests.fixtures.workbooks import build
from tests.unit.inventory.test_questions import answer, read

HEAD = ["序号", "单位名称", "单位层级", "单位性质", "系统名称", "类别", "建设状态", "是否涉密"]


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "inventory").mkdir()


def row(number: int, name: str | None, classified: str) -> list[Any]:
    return [number, "云泽市城管局", "市直", "政府", name, "应用系统", "已建", classified]


IN_USE = [["表1 在用系统"], HEAD, row(1, "甲平台", "否"), row(2, "乙平台", "否"), []]
RETIRED = [["表2 已停用系统"], ["编号", "系统名", "停用时间", "停用原因", "密否"], ["9", "老OA", "2024-06", "被取代", "N"], ["10", "广告审批系统", "2022年", "划转", "N"], []]


def path_of(rows: list[list[Any]]) -> Path:
    return build(Path("台账.xlsx"), [{"name": "表", "rows": rows}])


def codes(reading: Reading) -> list[tuple[str, str, str]]:
    return [(finding.severity, finding.code, finding.cell) for finding in reading.findings if finding.code in {"sheet-not-recognised", "classified-counted-only"}]


@pytest.mark.parametrize(
    "small",
    [
        [["表3 服务器"], ["数量", "30"]],
        [["表3 无"]],
        [["填表人：", "李四"], ["日期：", "2026-11"], ["电话：", "123"]],
        [["甲"], [], ["乙"], [], ["丙"], ["丁"], [], ["戊"]],
    ],
)  # fmt: skip
def test_a_table_is_asked_about_whatever_small_thing_stands_below_it(small: list[list[Any]]) -> None:
    path = path_of([*IN_USE, *RETIRED, *small])
    reading = load([path])
    assert [question.kind for question in reading.questions] == ["columns"]
    assert codes(reading) == [("error", "sheet-not-recognised", "A7")]
    path = path_of([*RETIRED[1:], *small])
    assert [question.kind for question in load([path]).questions] == ["columns"]


@pytest.mark.parametrize(
    ("lines", "cell"),
    [
        ([["表3  涉密系统（只报数量）"], ["数量", "1"]], "B7"),
        ([["表3  涉密系统（只报数量）"], ["数量", 1]], "B7"),
        ([["三、涉密信息系统"], [], ["个数：", "1个"]], "B8"),
        ([["涉密系统数量", 1]], "B6"),
        ([["涉密系统：共1个"]], "A6"),
    ],
)  # fmt: skip
def test_classified_systems_that_are_a_number_alone_are_not_lost(lines: list[list[Any]], cell: str) -> None:
    assert codes(load([path_of([*IN_USE, *lines])])) == [("error", "classified-counted-only", cell)]
    listed = [*IN_USE[:-1], [3, "云泽市城管局", None, None, None, None, None, "是"], [], *lines]
    reading = load([path_of(listed)])
    assert (codes(reading), counts(reading)["classified"], counts(reading)["unanswered"], reading.errors) == ([], 1, 0, [])


@pytest.mark.parametrize("lines", [[["涉密系统数量", 0]], [["非涉密系统数量", 2]], [["合计：共2个系统，其中涉密0个"]], [["服务器数量", 3]], [["三、非涉密系统"], ["数量", 2]]])
def test_a_number_of_other_things_is_none_of_classified_systems(lines: list[list[Any]]) -> None:
    assert codes(load([path_of([*IN_USE, *lines])])) == []


def test_after_the_answers_the_retired_count_and_the_number_is_still_told() -> None:
    path = path_of([*IN_USE, *RETIRED, ["表3 涉密系统（只报数量）"], ["数量", "1"]])
    answer(path, {})
    answer(path, {"哪个单位": "云泽市城管局、市直、政府", "建设状态": "停用", "类别": "应用系统"})
    reading = read(path)
    assert codes(reading) == [("error", "classified-counted-only", "B12")] and reading.questions == () and reading.withheld == ()
    assert counts(reading)["retired"] == 2
