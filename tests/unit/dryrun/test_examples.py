"""The examples of docs/first-migration.md are read, planned and dry run as they stand there."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from orchestrator.cli.main import main
from tests.lab.inventory import PROGRAM

EXAMPLES = Path(__file__).resolve().parents[3] / "docs/examples"


def test_a_first_system_by_the_examples_is_movable_and_every_step_can_be_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    inventory = tmp_path / "inventory"
    inventory.mkdir()
    for example in EXAMPLES.glob("*.yaml"):
        shutil.copy(example, inventory)
    (inventory / "program.yaml").write_text(PROGRAM, "utf-8")
    (tmp_path / "orchestrator.toml").write_text('inventory = "inventory"\nterraform_module = "existing"\n', "utf-8")
    monkeypatch.chdir(tmp_path)
    assert main(["inventory", "check", "--json"]) == 0
    (standing,) = json.loads(capsys.readouterr().out)["systems"]
    assert (standing["reached"], list(standing["missing"])) == ("movable", [])
    code = main(["dry-run", "--system", "permits", "--require-coverage", "85", "--json", "result.json"])
    found = json.loads(Path("result.json").read_text("utf-8"))
    (system,) = found["systems"]
    said = [*found["findings"], *system["findings"]]
    assert [finding for finding in said if finding["severity"] == "error"] == []
    assert code == 0
    assert (system["strategy"], system["wave"]) == ("cloud_deployment", 1)
    assert "not stated" not in explained(capsys).lower()
    assert {"database-name-fixed", "not-movable"}.isdisjoint(finding["code"] for finding in said)


def explained(capsys: pytest.CaptureFixture[str]) -> str:
    """The verdict in words."""
    capsys.readouterr()
    assert main(["--lang", "en", "explain", "permits"]) == 0
    return capsys.readouterr().out
