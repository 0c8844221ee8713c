"""Whatever an office's form looks like: no row is lost, nothing is counted as what it is not, and no word of a classified row is anywhere."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from orchestrator.inventory.check import as_json, counts
from orchestrator.inventory.folder.merge import apply, prepare
from orchestrator.inventory.load import load
from tests.support.office_generator import make_form


@pytest.mark.parametrize("seed", range(24))
def test_what_stands_in_a_form_is_counted_as_what_it_is(seed: int, tmp_path: Path) -> None:
    path = tmp_path / "form.xlsx"
    contents = make_form(path, seed)
    reading = load([path])
    count = counts(reading)
    assert count["rows"] == contents.rows
    assert {system.name for system in reading.inventory.systems} == contents.in_scope
    assert (count["classified"], count["unanswered"], count["retired"]) == (contents.classified, contents.unanswered, contents.retired)
    assert {finding.code for finding in reading.errors} <= {"classified-unanswered"}
    into = tmp_path / "inventory"
    apply(prepare([path], into, partial=True), into)
    texts = [str(reading), json.dumps(as_json(reading), ensure_ascii=False, default=str), *(file.read_text("utf-8") for file in into.iterdir())]
    assert not [secret for secret in contents.secrets if any(secret in text for text in texts)]
    assert {system.name for system in load([into]).inventory.systems} == contents.in_scope
