"""Every folder under tests/cases/inventory is read and gives exactly what it says."""

from __future__ import annotations

import datetime as dt
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from orchestrator.inventory.check import as_json
from orchestrator.inventory.load import load

TESTS = Path(__file__).parents[2]
sys.path.insert(0, str(TESTS / "fixtures"))
from workbooks import build  # type: ignore[import-not-found]  # noqa: E402 - a helper beside the fixtures

CASES = sorted(folder for folder in (TESTS / "cases" / "inventory").iterdir() if folder.is_dir())


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_form_is_read_as_its_case_says(case: Path, tmp_path: Path) -> None:
    given = tmp_path / "given"
    given.mkdir()
    for file in sorted(case.iterdir()):
        if file.name == "sheets.yaml":
            build(given / "form.xlsx", yaml.safe_load(file.read_text("utf-8")))
        elif file.name != "expected.yaml":
            shutil.copy(file, given)
    expected: dict[str, Any] = yaml.safe_load((case / "expected.yaml").read_text("utf-8"))
    reading = load([given], today=dt.date(2017, 6, 30))
    found = as_json(reading)
    assert [[f["code"], f["sheet"], f["cell"]] for f in found["findings"]] == expected.get("findings", [])
    assert {name: found["counts"][name] for name in expected.get("counts", {})} == expected.get("counts", {})
    assert [[i["cell"], i["read"], i["understood"]] for i in found["interpretations"]] == expected.get("interpretations", [])
    systems = {s.name: s for s in [*reading.inventory.systems, *(r.system for r in reading.inventory.excluded if r.system)]}
    for name, fields in expected.get("systems", {}).items():
        dumped = systems[name].model_dump(mode="json")
        assert {field: dumped[field] for field in fields} == fields, name
    if "names" in expected:
        assert sorted(systems) == sorted(expected["names"])
