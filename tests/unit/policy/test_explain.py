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
        ("市水务局,市直,政府,水费系统,应用系统,否,已建,是,,", ["停用退出，不迁移", "是否拟停用填报为“是”", "form.csv › I2"], ["switched off", "To be retired: yes"]),
        ("市水务局,市直,政府,水费系统,应用系统,否,已建,,2026年12月,", ["停用退出，不迁移", "计划停用时间填报为“2026年12月”", "form.csv › J2"], ["switched off", "planned end"]),
        ("市水务局,市直,政府,水费系统,应用系统,否,已建,,,省统建", ["已在别处运行", "现部署位置填报为", "form.csv › K2"], ["already elsewhere"]),
        ("市水务局,市直,政府,水费系统,应用系统,否,停用,,,", ["不在统计范围", "建设状态填报为停用", "form.csv › H2"], ["Outside the count", "it is retired"]),
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
