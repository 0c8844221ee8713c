"""The examples of docs/first-migration.md are read, planned and dry run as they stand there."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from orchestrator.cli.main import main
from tests.lab.inventory import PROGRAM

EXAMPLES = Path(__file__).resolve().parents[3] / "docs/examples"
DEPARTMENTS = """departments:
- {id: permits-office, name: 市行政审批局, level: municipal, organisation_type: government}
"""


def test_a_first_system_by_the_examples_is_movable_and_every_step_can_be_looked_at(tmp_path: Path, monkeypatch) -> None:
    inventory = tmp_path / "inventory"
    inventory.mkdir()
    for example in EXAMPLES.glob("*.yaml"):
        shutil.copy(example, inventory)
    (inventory / "departments.yaml").write_text(DEPARTMENTS, "utf-8")
    (inventory / "program.yaml").write_text(PROGRAM, "utf-8")
    (tmp_path / "orchestrator.toml").write_text('inventory = "inventory"\nterraform_module = "existing"\n', "utf-8")
    monkeypatch.chdir(tmp_path)
    code = main(["dry-run", "--system", "permits", "--json", "result.json"])
    found = json.loads(Path("result.json").read_text("utf-8"))
    (system,) = found["systems"]
    said = [*found["findings"], *system["findings"]]
    assert [finding for finding in said if finding["severity"] == "error"] == []
    assert code == 0
    assert {"database-name-fixed", "not-movable"}.isdisjoint(finding["code"] for finding in said)
