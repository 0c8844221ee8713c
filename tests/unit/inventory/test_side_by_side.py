"""Tables side by side on one sheet are read each for itself: no row is lost, none mixed with its neighbour, a classified one is a wall for both."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from orchestrator.inventory.check import as_json, counts
from orchestrator.inventory.load import load

sys.path.insert(0, str(Path(__file__).parents[2] / "fixtures"))
from workbooks import build, save_values  # type: ignore[import-not-found]

HEAD = ["单位名称", "单位层级", "单位性质", "系统名称", "类别", "是否涉密", "建设状态", "操作系统"]


def system(department: str, name: str, answer: str = "否", os: str = "Linux") -> list[object]:
    return [department, "市直", "政府", name, "应用系统", answer, "已建", os]


@pytest.mark.parametrize("between", [[], [None], [None, None]])
@pytest.mark.parametrize("title", [[], [["市直单位信息系统统计表"]]])
def test_each_table_is_read_where_it_stands(between: list[object], title: list[list[object]], tmp_path: Path) -> None:
    rows = [
        *title,
        [*HEAD, *between, *HEAD],
        [*system("市文旅局", "票务系统"), *between, *system("市体育局", "场馆系统")],
        [*system("市文旅局", "博物馆网"), *between, *system("市体育局", "赛事系统", "是")],
        [*[None] * len(HEAD), *between, *system("市体育局", "健身地图")],
    ]
    reading = load([build(tmp_path / "a.xlsx", [{"name": "并列", "rows": rows}])])
    assert {system.name for system in reading.inventory.systems} == {"票务系统", "博物馆网", "场馆系统", "健身地图"}
    assert (counts(reading)["rows"], counts(reading)["classified"], reading.errors) == (5, 1, [])
    column = chr(ord("A") + len(HEAD) + len(between) + HEAD.index("系统名称"))
    (ident,) = [system.id for system in reading.inventory.systems if system.name == "健身地图"]
    assert reading.places[ident]["name"].endswith(f"{column}{4 + len(title)}")
    owners = {one.name: one.department for one in reading.inventory.systems}
    assert owners["场馆系统"] == owners["健身地图"] != owners["票务系统"]


def test_a_formula_that_looks_across_gives_nothing(tmp_path: Path) -> None:
    rows = [[*HEAD, None, *HEAD], [*system("市文旅局", "票务系统", os="=M2"), None, *system("市体育局", "玄武岩系统", "是", "玄武岩")]]
    path = build(tmp_path / "a.xlsx", [{"name": "并列", "rows": rows}])
    save_values(path, {"H2": "玄武岩"})
    reading = load([path])
    assert [system.os for system in reading.inventory.systems] == [None]
    assert "玄武岩" not in str(reading) + json.dumps(as_json(reading), ensure_ascii=False, default=str)


@pytest.mark.parametrize("second", [HEAD[:5], [*HEAD[:3], "系统名称", "备注", "是否涉密", "建设状态", "数据库"]])
def test_other_headers_beside_a_table_are_columns_of_it(second: list[object], tmp_path: Path) -> None:
    rows = [[*HEAD, *second], [*system("市文旅局", "票务系统"), *system("市文旅局", "票务系统")[: len(second)]]]
    reading = load([build(tmp_path / "a.xlsx", [{"name": "S", "rows": rows}])])
    assert counts(reading)["rows"] == 1


def test_a_table_above_keeps_all_of_its_columns(tmp_path: Path) -> None:
    above = [HEAD, system("市文旅局", "票务系统"), system("市文旅局", "博物馆网")]
    below = [[*HEAD, *HEAD], [*system("市文旅局", "展览系统"), *system("市文旅局", "展览系统")]]
    reading = load([build(tmp_path / "a.xlsx", [{"name": "S", "rows": [*above, [None], *below]}])])
    assert {system.name for system in reading.inventory.systems} == {"票务系统", "博物馆网", "展览系统"}
    assert {system.os for system in reading.inventory.systems} == {"Linux"}
