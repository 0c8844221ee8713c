"""The catalogue's promises: both languages say the same things, every step and ending has its sentence, none is unused."""

import re
import string
from pathlib import Path

import pytest

from orchestrator import texts
from orchestrator.journal.states import Ending, MigrationState, StepState
from orchestrator.runbooks import GOING_BACK, GOING_BACK_ALONE, RUNBOOKS

SOURCES = Path(texts.__file__).resolve().parents[1]


def places(sentence: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(sentence) if name is not None}


def test_both_languages_have_the_same_sentences_with_the_same_places():
    assert texts.codes("zh") == texts.codes("en")
    for code in texts.codes("en"):
        zh, en = texts.both(code)
        assert places(zh) == places(en), code
        assert re.search("[一-鿿]", zh) or not re.search("[A-Za-z]{4}", re.sub(r"\{\w+\}|`[^`]*`", "", zh)), code


def test_every_step_state_ending_and_gate_has_its_sentence():
    steps = {step.id for book in (*RUNBOOKS.values(), *GOING_BACK.values(), *GOING_BACK_ALONE.values()) for step in book}
    wanted = {f"step.{step}" for step in steps}
    wanted |= {f"ending.{ending}" for ending in Ending} | {f"next.{ending}" for ending in Ending}
    wanted |= {f"state.{state}" for state in MigrationState} | {f"step_state.{state}" for state in StepState}
    assert wanted <= texts.codes("en")
    assert {code for code in texts.codes("en") if code.startswith("step.")} == {f"step.{step}" for step in steps}


def test_no_sentence_is_unused():
    tables = ("step", "ending", "next", "state", "step_state", "gate", "side")  # asked for by a name that the journal keeps
    code = "".join(path.read_text("utf-8") for path in SOURCES.rglob("*.py"))
    unused = [c for c in texts.codes("en") if c.partition(".")[0] not in tables and f'"{c}"' not in code]
    assert unused == []


@pytest.mark.parametrize(
    ("environment", "language"),
    [({"LANG": "zh_CN.UTF-8"}, "zh"), ({"LANG": "de_DE"}, "en"), ({}, "en"), ({"LC_ALL": "zh_TW", "LANG": "en_US"}, "zh")],
)
def test_the_language_is_the_locales_unless_one_is_chosen(monkeypatch, environment, language):
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    texts.use(None)
    assert texts.language() == language
    texts.use("zh")
    assert texts.text("ending.accepted") == "已终验"
    texts.use(None)
