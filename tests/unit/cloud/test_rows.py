"""tests/openstack/ROWS.md says which case holds which row: they are there, under those names."""

from __future__ import annotations

import re

from orchestrator.settings import HOME

TESTS = HOME / "tests"
ROWS = (TESTS / "openstack/ROWS.md").read_text(encoding="utf-8")


def test_every_case_that_a_row_names_is_there() -> None:
    written = "".join(file.read_text(encoding="utf-8") for file in (TESTS / "openstack").glob("test_*.py"))
    named = re.findall(r"([a-z]\w+)…", ROWS)
    assert len(named) > 20
    assert [name for name in named if f"def test_{name}" not in written] == []


def test_every_file_that_a_row_names_is_there() -> None:
    parts = [HOME / name for name in re.findall(r"`(tests/\S+\.py)`", ROWS)]
    parts += [TESTS / "openstack" / f"{name}.py" for name in re.findall(r"`(test_\w+)`", ROWS)]
    assert [path.name for path in parts if not path.is_file()] == []
    folder = TESTS / "cases/terraform/inputs"
    stems = re.findall(r"`(?:inputs/openstack)?(-\w+-|-\w[\w-]*)…?`", ROWS)
    assert stems
    assert [stem for stem in stems if not list(folder.glob(f"openstack{stem}*.yaml"))] == []
