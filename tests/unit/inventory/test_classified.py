"""R2: a classified row leaves no trace but its count, anywhere; what turns out to be classified later goes from the folder."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from orchestrator.cli.main import main
from orchestrator.inventory.load import load

sys.path.insert(0, str(Path(__file__).parents[2] / "fixtures"))
from workbooks import build  # type: ignore[import-not-found]

SECRET = "玄武岩"
HEADERS = ["序号", "单位名称", "单位层级", "单位性质", "系统名称", "类别", "是否涉密", "建设状态", "操作系统", "关联系统", "备注", "自定义"]


def secret_row(answer: str) -> list[object]:
    return [1, "市档案局", "市直", "政府", f"{SECRET}系统", "应用系统", answer, "已建", f"{SECRET}OS", f"{SECRET}甲", SECRET, SECRET]


def plain_row(number: int, name: str, depends: str = "") -> list[object]:
    return [number, "市档案局", "市直", "政府", name, "应用系统", "否", "已建", "Linux", depends, "", ""]


@pytest.mark.parametrize("answer", ["是", "", "机密", "待定"])
def test_no_word_of_a_classified_row_is_left_anywhere(
    answer: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    given, work = tmp_path / "given", tmp_path / "work"
    given.mkdir()
    (work / "tmp").mkdir(parents=True)
    monkeypatch.chdir(work)
    monkeypatch.setenv("TMPDIR", str(work / "tmp"))
    form = build(
        given / "form.xlsx",
        [
            {
                "name": "统计表",
                "rows": [HEADERS, secret_row(answer), plain_row(2, "公开查询", f"{SECRET}系统")],
                "comments": {"E2": SECRET},
            },
            {"name": "主机", "rows": [["系统编码或名称", "主机名", "地址"], [f"{SECRET}系统", "basalt-1", "10.66.66.66"]]},
        ],
    )
    (given / "more.yaml").write_text(
        f"departments: [{{id: secret-office, name: 市保密局, level: municipal}}]\n"
        f"systems:\n  - {{id: basalt, name: {SECRET}, department: secret-office, row_no: 3, classified: true, os: {SECRET}, hosts: [{{name: basalt-1, address: 10.66.66.66}}]}}\n",
        encoding="utf-8",
    )
    monkeypatch.setenv("ORCHESTRATOR_INVENTORY", str(work / "inventory"))
    inputs = [str(form), str(given / "more.yaml")]
    for arguments in (
        ["inventory", "check", *inputs],
        ["inventory", "check", "--json", *inputs],
        ["inventory", "import", *inputs, "--into", str(work / "inventory"), "--partial"],
        ["inventory", "show"],
        ["assess", "--json"],
        ["override", "basalt", "--strategy", "hosting", "--reason", "x"],
        ["baseline", "freeze", "--reason", "x"],
    ):
        main(arguments)
    printed = capfd.readouterr()
    words = (SECRET, "10.66.66.66", "basalt-1")
    assert not any(word in printed.out + printed.err for word in words)
    assert load([work / "inventory"]).inventory.excluded, "the count must be there"
    for folder, _, files in os.walk(work):
        for file in files:
            data = Path(folder, file).read_bytes()
            assert not any(word.encode() in data or word.encode("utf-16-le") in data for word in words), file


def test_a_system_found_classified_later_goes_from_the_folder(tmp_path: Path) -> None:
    into = tmp_path / "inventory"
    first = build(tmp_path / "first.xlsx", [{"name": "统计表", "rows": [HEADERS, secret_row("否"), plain_row(2, "公开查询")]}])
    assert main(["inventory", "import", str(first), "--into", str(into), "--yes", "--partial"]) == 3  # 关联系统 matches nothing
    assert SECRET in "".join(file.read_text("utf-8") for file in into.iterdir())
    second = build(tmp_path / "second.xlsx", [{"name": "统计表", "rows": [HEADERS, secret_row("是"), plain_row(2, "公开查询")]}])
    assert main(["inventory", "import", str(second), "--into", str(into), "--yes"]) == 0
    assert SECRET not in "".join(file.read_text("utf-8") for file in into.iterdir())
    assert [row.row_no for row in load([into]).inventory.excluded] == [1]
    third = build(tmp_path / "third.xlsx", [{"name": "统计表", "rows": [HEADERS, plain_row(1, "解密系统"), plain_row(2, "公开查询")]}])
    assert main(["inventory", "import", str(third), "--into", str(into), "--yes"]) == 0
    assert load([into]).inventory.excluded == ()
