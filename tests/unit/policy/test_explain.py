"""What a department head reads of a system that does not move: the verdict and why, by the answer that decided it, and nothing that does not matter."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from orchestrator.cli.main import main

HEAD = "序号,单位名称,单位层级,单位性质,系统名称,类别,是否涉密,建设状态,是否拟停用,计划停用时间,现部署位置"


@pytest.fixture(autouse=True)
def city(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["init", "city"]) == 0
    monkeypatch.chdir(tmp_path / "city")


@pytest.mark.parametrize(
    ("row", "zh", "en"),
    [
        ("市水务局,市直,政府,水费系统,应用系统,否,已建,是,,", ["停用退出，不迁移", "是否拟停用：是", "form.csv › I2"], ["switched off", "To be retired: yes"]),
        ("市水务局,市直,政府,水费系统,应用系统,否,已建,,2026年12月,", ["停用退出，不迁移", "计划停用时间：2026年12月", "form.csv › J2"], ["switched off", "planned end"]),
        ("市水务局,市直,政府,水费系统,应用系统,否,已建,,,省统建", ["已在别处运行", "现部署位置：租用服务或上级统建", "form.csv › K2"], ["already elsewhere"]),
        ("市水务局,市直,政府,水费系统,应用系统,否,停用,,,", ["不在统计范围", "建设状态为停用", "form.csv › H2"], ["Outside the count", "it is retired"]),
        ("市委组织部,市直,党群,水费系统,应用系统,否,已建,,,", ["不在统计范围", "党群部门", "form.csv › B2"], ["Outside the count", "party or mass"]),
    ],
)  # fmt: skip
def test_what_does_not_move_is_explained_by_the_answer_that_decides(row: str, zh: list[str], en: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    Path("form.csv").write_text(f"{HEAD}\n1,{row}\n", encoding="utf-8")
    assert main(["inventory", "import", "form.csv", "--into", "inventory", "--yes"]) == 0
    capsys.readouterr()
    assert main(["explain", "水费系统", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert [words for words in zh if words not in told["zh"]] == []
    assert [words for words in en if words not in told["en"]] == []
    assert "尚未填报" not in told["zh"] and "把握" not in told["zh"] and "Confidence" not in told["en"]


@pytest.mark.parametrize(("grade", "dbms", "typed", "never"), [
    ("四级", "Oracle 11g", ["等保级别：四级", "数据库类型及版本填报为“Oracle 11g”（2020-12 起停止支持）"], ["“4”", "“四级”", "“Oracle 11g（"]),
    ("S4A3G4", "SQL Server 2008", ["等保级别：四级", "填报为“SQL Server 2008”（"], ["“4”", "“S4A3G4”"]),
])
def test_only_what_was_typed_stands_in_quotation_marks(grade: str, dbms: str, typed: list[str], never: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    Path("form.csv").write_text(f"{HEAD},等保级别,数据库类型及版本\n1,市水务局,市直,政府,水费系统,应用系统,否,已建,,,,{grade},{dbms}\n", encoding="utf-8")
    assert main(["inventory", "import", "form.csv", "--into", "inventory", "--yes"]) == 0
    capsys.readouterr()
    assert main(["explain", "水费系统", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)["zh"]
    assert [words for words in typed if words not in told] == [] and [words for words in never if words in told] == []


@pytest.mark.parametrize(("ends", "place"), [("关停", ""), ("", "省统建")])
def test_of_what_does_not_move_nothing_is_said_about_moving(ends: str, place: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path("form.csv").write_text(f"{HEAD},等保级别,数据库类型及版本,操作系统\n1,市水务局,市直,政府,水费系统,应用系统,否,已建,{ends},,{place},四级,Oracle 11g,CentOS 6\n", encoding="utf-8")
    assert main(["inventory", "import", "form.csv", "--into", "inventory", "--yes"]) == 0
    capsys.readouterr()
    assert main(["explain", "水费系统", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert not [words for words in ("由厂商实施", "公告停机", "上云前", "计分", "成熟度") if words in told["zh"]]
    assert "vendor" not in told["en"] and "before it moves" not in told["en"]
