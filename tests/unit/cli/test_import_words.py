"""What an import says is said in the reader's language, in the form's words; one that is refused tells its questions as ``check`` does."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path
from typing import Any

import pytest

from orchestrator.cli.main import main

HEAD = ["单位名称", "单位层级", "单位性质", "系统名称", "系统编码", "类别", "是否涉密", "建设状态", "是否使用专用设备", "内存(GB)", "处室意见"]


def form(*rows: list[Any]) -> str:
    with Path("表.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([HEAD, *([*["市水务局", "市直", "政府"], *row] for row in rows)])
    return "表.csv"


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    ("language", "said"),
    [
        ("zh", ["+ 单位", "+ 系统 water 水费系统", "+ 涉密行", "~ 系统 water 建设状态：“在建” → “已建”", "是否使用专用设备：“是” → “否”", "内存：“8.0” → “16.0”", "处室意见：“同意” → “暂缓”"]),
        ("en", ["+ department", "+ system water 水费系统", "+ classified row", "~ system water Status: “under_construction” → “in_use”", "Special equipment: “yes” → “no”"]),
    ],
)  # fmt: skip
def test_changes_are_said_in_the_words_of_the_form(language: str, said: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    secret = ["玄武岩系统", "X", "应用系统", "是", "已建", "否", 8, ""]
    asked = ["--lang", language, "inventory", "import", "--into", "inventory", "--yes"]
    assert main([*asked, form(["水费系统", "WATER", "应用系统", "否", "在建", "是", 8, "同意"], secret)]) == 0
    assert main([*asked, form(["水费系统", "WATER", "应用系统", "否", "已建", "否", 16, "暂缓"], secret)]) == 0
    out = capsys.readouterr().out
    assert [words for words in said if words not in out] == []
    if language == "zh":
        listed = [line for line in out.splitlines() if line[:1] in "+-~"]
        assert not re.search(r"system|department|row|status|_", re.sub(r"shi-shui-wu-ju-\w+", "", "\n".join(listed)))


def test_an_import_that_is_refused_tells_its_questions(capsys: pytest.CaptureFixture[str]) -> None:
    path = form(["水费系统", "", "应用系统", "否", "八成新", "否", 8, ""])
    assert main(["inventory", "check", path]) == 3
    checked = capsys.readouterr().out
    assert main(["inventory", "import", "--into", "inventory", "--yes", path]) == 3
    refused = capsys.readouterr().err
    asked = [line for line in checked.splitlines() if "八成新" in line and line.startswith("  1. ")]
    assert asked and asked[0] in refused
    assert main(["inventory", "import", "--into", "inventory", "--yes", "--json", path]) == 3
    found = json.loads(capsys.readouterr().out)
    assert [question["about"] for question in found["questions"]] == ["八成新"]
    assert not Path("inventory", "systems").exists()


def test_a_warning_is_called_so_wherever_it_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    path = form(["水费系统", "", "应用系统", "否", "八成新", "否", 8, ""], ["", "", "", "", "", "", "", "孤零零的字"])
    assert main(["--lang", "zh", "inventory", "check", path]) == 3
    checked = capsys.readouterr().out
    assert main(["--lang", "zh", "inventory", "import", "--into", "inventory", "--yes", path]) == 3
    assert "提醒" not in checked + capsys.readouterr().err
    assert "警告" in checked


def test_a_heading_is_no_row_with_too_little_on_it(capsys: pytest.CaptureFixture[str]) -> None:
    rows = [HEAD, ["一、市直单位"], ["市水务局", "市直", "政府", "水费系统", "", "应用系统", "否", "已建", "否", 8, ""], ["（二）县市区"], ["市教育局（1个）"], ["甲系统"]]
    with Path("表.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(rows)
    main(["inventory", "check", "--json", "表.csv"])
    found = json.loads(capsys.readouterr().out)["findings"]
    assert [finding["cell"] for finding in found if finding["code"] == "row-skipped"] == ["A6"]


def test_the_list_of_systems_speaks_the_readers_language_and_tells_unanswered_rows_from_classified_ones(capsys: pytest.CaptureFixture[str]) -> None:
    rows = [["水费系统", "WATER", "应用系统", "否", "在建", "是", 8, ""], ["河湖库", "RIVER", "数据库", "否", "已建", "否", 8, ""], ["玄武岩系统", "X", "应用系统", "是", "已建", "否", 8, ""]]
    unanswered = [[f"系统{number}", f"S{number}", "应用系统", "", "已建", "否", 8, ""] for number in range(2)]
    main(["inventory", "import", "--into", "inventory", "--yes", "--partial", form(*rows, *unanswered)])
    capsys.readouterr()
    main(["--lang", "zh", "inventory", "show", "inventory"])
    said = capsys.readouterr().out
    assert "涉密 1、是否涉密未答 2、党群 0、停用 0" in said
    assert re.search(r"水费系统 .*应用系统 +在建", said) and re.search(r"河湖库 .*数据库 +已建", said)
    assert not re.search(r"application|database|in_use|under_construction", said)
    main(["--lang", "en", "inventory", "show", "inventory"])
    assert re.search(r"河湖库 .*database +in_use", capsys.readouterr().out)
