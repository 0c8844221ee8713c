"""A plan or a baseline of no system is never made: the refusal says what is in the inventory instead, and what to do."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from orchestrator.cli.main import main

HEAD = "序号,单位名称,单位层级,单位性质,系统名称,类别,是否涉密,建设状态,是否拟停用,现部署位置"
ROWS = {
    "none-listed": "",
    "none-classified": "1,市水务局,市直,政府,潜流系统,应用系统,是,已建,,",
    "none-unanswered": "1,市水务局,市直,政府,潜流系统,应用系统,,已建,,",
    "none-party-mass": "1,市委组织部,市直,党群,党员系统,应用系统,否,已建,,",
    "none-retired": "1,市水务局,市直,政府,水费系统,应用系统,否,停用,,",
    "none-retire": "1,市水务局,市直,政府,水费系统,应用系统,否,已建,是,",
    "none-already-elsewhere": "1,市水务局,市直,政府,水费系统,应用系统,否,已建,,省政务云",
}


@pytest.fixture
def city(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    assert main(["init", "city"]) == 0
    monkeypatch.chdir(tmp_path / "city")
    return tmp_path / "city"


def imported(*rows: str) -> None:
    Path("form.csv").write_text("\n".join([HEAD, *rows]) + "\n", encoding="utf-8")
    main(["inventory", "import", "form.csv", "--into", "inventory", "--yes", "--partial"])


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("code", ROWS)
def test_nothing_to_plan_and_nothing_to_freeze_is_said_with_its_reason(code: str, language: str, city: Path, capsys: pytest.CaptureFixture[str]) -> None:
    if ROWS[code]:
        imported(ROWS[code])
    for command in (["plan", "--json"], ["plan", "--replan", "--json"], ["baseline", "freeze", "--reason", "x", "--despite-unanswered"]):
        capsys.readouterr()
        assert main(["--lang", language, *command]) == 3
        told = capsys.readouterr()
        said = told.out + told.err
        assert f"{code}" in said and "潜流" not in said
        if "--json" in command and command[1] == "--json":
            (finding,) = json.loads(told.out)["findings"]
            assert (finding["code"], bool(finding["remedy"])) == (code, True)
    assert not list(city.rglob("plan*.json"))
    assert main(["baseline", "show"]) == 0


@pytest.mark.usefixtures("city")
def test_every_reason_is_said_at_once_and_one_system_is_enough(capsys: pytest.CaptureFixture[str]) -> None:
    rows = [f"{number},{row.partition(',')[2]}" for number, row in enumerate(filter(None, ROWS.values()), start=1)]
    rows = [row.replace("水费系统", f"水费系统{number}") for number, row in enumerate(rows)]
    imported(*rows)
    capsys.readouterr()
    assert main(["plan"]) == 3
    said = capsys.readouterr().err
    assert [code for code in ROWS if code in said] == [code for code in ROWS if code != "none-listed"]
    imported(*rows, "9,市水务局,市直,政府,河长制系统,应用系统,否,已建,,")
    assert main(["plan"]) == 0
