"""Whatever an office's form looks like: no row is lost, nothing is counted as what it is not, and no word of a classified row is anywhere."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from orchestrator.inventory.answerbook import Answer
from orchestrator.inventory.check import as_json, counts
from orchestrator.inventory.folder.keeping import keep_answers
from orchestrator.inventory.folder.merge import apply, prepare
from orchestrator.inventory.load import load
from orchestrator.inventory.reading import Reading
from tests.support.office_generator import Contents, make_form


@pytest.mark.parametrize("seed", range(24))
def test_what_stands_in_a_form_is_counted_as_what_it_is(seed: int, tmp_path: Path) -> None:
    contents = make_form(tmp_path / "form.xlsx", seed)
    reading = load(contents.files)
    assert_counted(reading, contents)
    into = tmp_path / "inventory"
    apply(prepare(contents.files, into, partial=True), into)
    texts = [repr(reading), json.dumps(as_json(reading), ensure_ascii=False, default=str), *(file.read_text("utf-8") for file in into.iterdir())]
    assert_says_nothing("\n".join(texts), contents)
    stored = load([into]).inventory.systems
    assert {system.name for system in stored} == contents.in_scope
    assert {system.name: system.vcpus for system in stored if system.name in contents.cores} == contents.cores


@pytest.mark.parametrize("seed", range(12))
def test_what_comes_back_as_classified_is_gone_with_all_its_words(seed: int, tmp_path: Path) -> None:
    into = tmp_path / "inventory"
    first = make_form(tmp_path / "form.xlsx", seed)
    apply(prepare(first.files, into, partial=True), into)
    for file in first.files:
        file.unlink()
    again = make_form(tmp_path / "form.xlsx", seed, again=True)
    assert again.turned <= first.in_scope
    reading = load(again.files)
    assert_counted(reading, again)
    apply(prepare(again.files, into, partial=True), into)
    assert {system.name for system in load([into]).inventory.systems} == again.in_scope
    assert_says_nothing("\n".join([repr(reading), *(file.read_text("utf-8") for file in into.iterdir())]), again)


def assert_counted(reading: Reading, contents: Contents) -> None:
    count = counts(reading)
    assert {system.name for system in reading.inventory.systems} == contents.in_scope
    found = {name: count[name] for name in ("rows", "classified", "unanswered", "retired", "party_mass")}
    assert found == {name: getattr(contents, name) for name in found}
    assert {finding.code for finding in reading.errors} <= {"classified-unanswered", "classified-doubt"}


def assert_says_nothing(text: str, contents: Contents) -> None:
    """No word of a classified or unanswered row, with or without the gaps that somebody put into it."""
    for said in (text, re.sub(r"[\s\u200b]", "", text)):
        assert not [secret for secret in contents.secrets if secret in said]


@pytest.mark.parametrize("seed", range(16))
def test_whatever_a_hasty_office_answers_no_classified_row_is_counted(seed: int, tmp_path: Path) -> None:
    """The form asks for classification in words that no form knows; the office takes every proposal, and says of each sheet that none of it is classified."""
    contents = make_form(tmp_path / "form.xlsx", seed, otherwise=True)
    said: list[Answer] = []
    for _ in range(4):
        reading = load(contents.files)
        assert {system.name for system in reading.inventory.systems} <= contents.in_scope
        assert_says_nothing("\n".join([repr(reading), json.dumps(as_json(reading), ensure_ascii=False, default=str)]), contents)
        more = [
            Answer(*one.key, answer="均非涉密" if one.kind == "sheet" else one.proposed, by="王小明", on="2018-05-01")
            for one in reading.questions if one.kind == "sheet" or one.proposed
        ]  # fmt: skip
        said += more
        keep_answers(tmp_path, more)
    assert {answer.kind for answer in said} >= {"columns"}
    reading = load(contents.files)
    assert {system.name for system in reading.inventory.systems} == contents.in_scope
    assert (counts(reading)["classified"], counts(reading)["unanswered"]) == (contents.classified, contents.unanswered)
