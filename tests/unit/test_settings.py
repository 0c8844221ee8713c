"""Settings come from the command line, else the environment, else the file, else the default; tables are laid over each other field by field."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from orchestrator.cli.settings import load_settings
from orchestrator.errors import Refused
from orchestrator.settings import Settings

TOML = 'state = "from-file"\nreport_hour = 5\n[limits]\nroom = 2\ndepartment = 3\n[cloud.inputs]\nregion = "a"\n'


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("ORCHESTRATOR_STATE", "ORCHESTRATOR_LIMITS", "ORCHESTRATOR_REPORT_HOUR"):
        monkeypatch.delenv(name, raising=False)


def test_without_a_file_there_are_defaults() -> None:
    assert (Settings().state, Settings().report_hour, Settings().limits.room) == (Path(".orchestrator"), 7, None)


def test_what_stands_above_outweighs_what_stands_below(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("orchestrator.toml").write_text(TOML, "utf-8")
    monkeypatch.setenv("ORCHESTRATOR_STATE", "from-environment")
    monkeypatch.setenv("orchestrator_limits", '{"room": 9}')
    monkeypatch.setenv("ORCHESTRATOR_DEBUG_SOMETHING", "no setting")
    settings = Settings(report_hour=1)
    assert (settings.state, settings.report_hour) == (Path("from-environment"), 1)
    assert (settings.limits.room, settings.limits.department, settings.cloud.inputs) == (9, 3, {"region": "a"})


@pytest.mark.parametrize(
    ("written", "place", "word"),
    [
        ("# settings\nstat = 1\n", "L2 stat", "`state`"),
        ("report_hour = 99\n", "L1 report_hour", "23"),
        ("\n[limits]\nrooms = 1\n", "L3 limits.rooms", "`room`"),
        ('[zones]\nwest = [\n"internet",\n"dedicatd"]\n', "L2 zones.west[1]", "`dedicated`"),
        ("state = \n", "L1", "9"),
        ('state = """\n', "", "quotation"),
    ],
)
def test_what_is_wrong_in_the_file_is_told_at_its_line_with_what_is_allowed(written: str, place: str, word: str) -> None:
    Path("orchestrator.toml").write_text(written, "utf-8")
    with pytest.raises(Refused) as slip:
        load_settings()
    (finding,) = slip.value.findings
    assert (finding.file, finding.cell) == ("orchestrator.toml", place)
    assert word in f"{finding.message} {finding.remedy}"


def test_what_is_wrong_in_the_environment_is_told_by_its_variable_beside_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("orchestrator.toml").write_text("[limits]\nroom = 0\n", "utf-8")
    monkeypatch.setenv("ORCHESTRATOR_REPORT_HOUR", "noon")
    with pytest.raises(Refused) as slip:
        load_settings()
    assert [finding.place() for finding in slip.value.findings] == ["ORCHESTRATOR_REPORT_HOUR report_hour", "orchestrator.toml › L2 limits.room"]


def test_a_table_of_the_environment_that_is_no_json_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ORCHESTRATOR_LIMITS", "room=9")
    with pytest.raises(ValidationError, match="ORCHESTRATOR_LIMITS"):
        Settings()
