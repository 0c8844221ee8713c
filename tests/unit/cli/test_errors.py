"""What an operator sees when something is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.cli.main import main

HEAD = "序号,单位名称,单位层级,单位性质,系统名称,类别,是否涉密,建设状态\n"


@pytest.mark.parametrize("command", [["inventory", "check"], ["inventory", "import", "--yes", "--into", "into"]])
def test_nothing_of_a_hostile_text_is_obeyed_by_the_terminal(
    command: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    evil = "甲\x1b[31m\x1b]0;pwn\x07\u202e"
    (tmp_path / "a.csv").write_text(HEAD + "".join(f"{n},市水务局,市直,政府,{evil},应用系统,否,已建\n" for n in (1, 2)), encoding="utf-8")
    assert main([*command, "a.csv"]) == 3
    shown = capsys.readouterr()
    assert "甲" in shown.out + shown.err
    assert not any(char in shown.out + shown.err for char in "\x1b\x07\u202e")
