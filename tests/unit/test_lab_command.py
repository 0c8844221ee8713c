"""The lab's command line names what there is where a word of it names nothing; no host is booted for this."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.lab import command, lab


@pytest.fixture
def standing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A lab on record, of two hosts that are off."""
    monkeypatch.setattr(lab, "HOME", tmp_path)
    monkeypatch.setattr(command, "why_not", lambda: "")
    folder = tmp_path / "labs" / "main"
    folder.mkdir(parents=True)
    rows = [["controller", 0, "office", "10.80.0.10", "/base"], ["app", 1, "room", "10.80.1.10", "/base"]]
    (folder / "lab.json").write_text(json.dumps(rows))


@pytest.mark.parametrize("words", [
    ["run", "nobody", "true"], ["fault", "cut-power", "nobody"], ["fault", "boot", "nobody"], ["fault", "partition", "nobody"],
    ["fault", "heal", "nobody"], ["fault", "slow", "nobody"], ["fault", "fast", "nobody"], ["fault", "relocate", "nobody", "cloud"],
])  # fmt: skip
@pytest.mark.usefixtures("standing")
def test_a_host_that_is_not_there_is_said_with_those_that_are(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(words) == 1
    assert "nobody" in (said := capsys.readouterr().err)
    assert "controller, app" in said


@pytest.mark.usefixtures("standing")
def test_a_network_that_is_not_there_is_said_with_those_that_are(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["fault", "relocate", "app", "moon"]) == 1
    assert "office, room, cloud, street" in capsys.readouterr().err


@pytest.mark.usefixtures("standing")
def test_a_lab_that_stands_is_not_made_twice(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["up", "app@room"]) == 1
    assert "make lab-down" in capsys.readouterr().err


@pytest.mark.parametrize(("where", "account"), [("engineer", "engineer"), ("leader", "leader")])
def test_both_people_of_the_controller_can_be_asked_for(where: str, account: str, monkeypatch: pytest.MonkeyPatch) -> None:
    standing = lab.Lab("main")
    monkeypatch.setattr(standing, "engineer_argv", lambda argv, _values, *, account: [account, *argv])
    assert command.inside_argv(standing, where, ["true"]) == [account, "true"]
