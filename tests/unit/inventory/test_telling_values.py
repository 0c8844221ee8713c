"""Headers that mean one column or another: by what stands below them, or by the unit beside them."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.inventory.load import load
from orchestrator.models import Level


@pytest.mark.parametrize("header", ["单位类别", "单位类型", "机构类别"])
def test_a_kind_of_department_that_says_levels_is_the_level(header: str, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(
        f"{header},单位性质1,单位,系统,类别,状况,是否涉密\n市直,政府,市财政局,预算系统,应用系统,在用,否\n县级,政府,沙洋县财政局,乡财系统,应用系统,在用,否\n区县,政府,东宝区水务局,河长平台,应用系统,在用,否\n"
        .replace("单位性质1", "机构性质"), encoding="utf-8",
    )  # fmt: skip
    reading = load([tmp_path / "a.csv"])
    assert (reading.errors, reading.questions) == ([], ())
    assert sorted(department.level for department in reading.inventory.departments) == [Level.COUNTY, Level.COUNTY, Level.MUNICIPAL]


@pytest.mark.parametrize("header", ["数据(GB)", "数据（G）", "数据库(GB)", "业务数据（GB）"])
def test_a_unit_beside_a_bare_word_makes_it_a_size(header: str, tmp_path: Path) -> None:
    rows = "市水务局,市直,政府,水费系统,应用系统,已建,否,1500\n市水务局,市直,政府,河长系统,应用系统,已建,否,2T\n"
    (tmp_path / "a.csv").write_text(f"单位名称,单位层级,单位性质,系统名称,类别,建设状态,是否涉密,{header}\n{rows}", encoding="utf-8")
    reading = load([tmp_path / "a.csv"])
    assert sorted(system.data_gb or 0 for system in reading.all_systems()) == [1500.0, 2048.0]
    assert [system.dbms for system in reading.all_systems()] == [None, None]


@pytest.mark.parametrize("header", ["是否存在涉密数据", "有无涉密信息", "是否涉及国家秘密", "有无涉密"])
def test_whether_there_are_secrets_is_asked_in_many_words(header: str, tmp_path: Path) -> None:
    words = {"甲": "是", "乙": "否", "丙": "有", "丁": "无", "戊": "存在", "己": "不存在", "庚": "涉及", "辛": "不涉及", "壬": "部分", "癸": ""}
    rows = "\n".join(f"市水务局,市直,政府,{name}号系统,应用系统,已建,{said}" for name, said in words.items())
    (tmp_path / "a.csv").write_text(f"单位名称,单位层级,单位性质,系统名称,类别,建设状态,{header}\n{rows}\n", encoding="utf-8")
    reading = load([tmp_path / "a.csv"])
    assert {system.name[0] for system in reading.all_systems()} == {"乙", "丁", "己", "辛"}
    assert [row.answered for row in reading.withheld].count(False) == 2
