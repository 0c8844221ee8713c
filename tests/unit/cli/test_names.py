"""Names are accepted wherever ids are: the same command with either gives the same answer."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from orchestrator.cli.main import main

ROOT = Path(__file__).resolve().parents[3]
SYSTEM, NAME = "weather-bulletin", "气象公告数据库"
DIGEST = "0" * 64
COMMANDS = [
    ["assess", SYSTEM],
    ["explain", SYSTEM],
    ["approve", SYSTEM, "--digest", DIGEST],
    ["accept", SYSTEM, "--digest", DIGEST],
    ["refuse", SYSTEM, "--digest", DIGEST, "--reason", "x"],
    ["rollback", SYSTEM, "--reason", "x"],
    ["cancel", SYSTEM],
    ["status", SYSTEM],
    ["baseline", "change", SYSTEM, "--what", "moved", "--reason", "x"],
    ["override", SYSTEM, "--strategy", "cloud_deployment", "--reason", "x"],
    ["override", SYSTEM, "--withdraw", "--reason", "x"],
    ["discover", "--system", SYSTEM, "--hosts", "not a host"],
]


@pytest.fixture
def city(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copytree(ROOT / "inventories" / "demo", tmp_path / "inventory")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.usefixtures("city")
@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: " ".join(command[:2]))
def test_a_name_does_what_the_id_does(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    answers = []
    for said in (SYSTEM, NAME):
        code = main([said if word == SYSTEM else word for word in command])
        answers.append((code, *capsys.readouterr()))
    assert answers[0] == answers[1]
    assert answers[0][0] in (0, 2, 3)
    assert "no such system" not in answers[0][2]


@pytest.mark.usefixtures("city")
@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: " ".join(command[:2]))
def test_a_name_that_nobody_bears_is_a_wrong_use_that_says_what_to_do(
    command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["气象公报数据库" if word == SYSTEM else word for word in command]) == 2
    printed = capsys.readouterr().err
    assert f"{SYSTEM}（{NAME}）" in printed


def test_a_department_by_its_name(city: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["workplan", "--department", "市 气象局", "--format", "html", "--out", "plan.html"]) == 0
    assert (city / "plan.html").exists()
    assert main(["workplan", "--department", "市气像局"]) == 2
    assert "市气象局" in capsys.readouterr().err
