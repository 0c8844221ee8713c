"""Files in the manner of offices and their tools (``fixtures/offices.py``): few questions, everything in them understood, nothing of a classified row."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from orchestrator.inventory.check import counts

TESTS = Path(__file__).parents[2]
sys.path[:0] = [str(TESTS / "fixtures"), str(TESTS / "bench")]
from bench_forms import answered  # type: ignore[import-not-found]  # noqa: E402 - a helper beside the benches
from offices import OFFICES, SECRET, Office  # type: ignore[import-not-found]  # noqa: E402 - a helper beside the fixtures


@pytest.mark.parametrize("office", OFFICES, ids=lambda office: office.name)
def test_all_of_it_counts_after_few_answers_and_nothing_of_a_classified_row_is_left(office: Office, tmp_path: Path) -> None:
    (tmp_path / "given").mkdir()
    folder = tmp_path / "inventory"
    folder.mkdir()
    readings, asked = answered(office.make(tmp_path / "given"), folder)
    last = readings[-1]
    count = counts(last)
    outside = count["classified"] + count["unanswered"] + count["party_mass"] + count["retired"]
    assert (count["in_scope"], outside, count["uncounted"]) == (office.systems, office.outside, 0)
    assert (last.errors, last.questions) == ([], ())
    systems = {system.name: system.model_dump(mode="json") for system in last.all_systems()}
    for name, facts in office.facts.items():
        assert {field: systems[name][field] for field in facts} == facts, name
    departments = sum(question.kind == "department" for question in asked)
    wordings = sum(question.kind == "wording" for question in asked)
    kinds = {question.kind for question in asked}
    most = (
        6 if {"columns", "grouping"} <= kinds else 5
    )  # a list of machines that nobody knows: whose, which, what, how grouped, and its columns
    assert len(asked) - departments - wordings <= most, [question.asks for question in asked]
    assert not any(SECRET in repr(reading) for reading in readings)
    assert not any(SECRET in file.read_text("utf-8") for file in folder.iterdir())
