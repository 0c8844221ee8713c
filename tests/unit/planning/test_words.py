"""What a plan says in words: kept in English whoever planned, shown in the reader's language, never changing a digest."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from orchestrator import texts
from orchestrator.models import Plan
from orchestrator.planning.notes import note_remedy, note_words
from orchestrator.planning.plan import make_plan, plan_digest
from orchestrator.planning.verify import verify
from orchestrator.planning.words import named
from tests.support.demo_city import demo_city


@pytest.fixture(autouse=True)
def _no_language_stays() -> Iterator[None]:
    yield
    texts.use(None)


def plan_in(language: str) -> Plan:
    texts.use(language)
    inventory, verdicts, programme = demo_city()
    return make_plan(inventory, verdicts, programme, inventory_digest="", policy_digest="")


def test_a_plan_is_the_same_in_whatever_language_it_was_made() -> None:
    assert plan_in("zh") == plan_in("en")


def test_a_plans_notes_are_shown_in_the_readers_language_also_from_its_json() -> None:
    plan = Plan.model_validate_json(plan_in("en").model_dump_json())
    assert plan.notes
    texts.use("zh")
    assert all(str(note_words(note)) != note.message for note in plan.notes)
    texts.use("en")
    assert all((str(note_words(note)), str(note_remedy(note))) == (note.message, note.remedy) for note in plan.notes)


def test_a_plan_of_an_older_release_keeps_its_digest_and_is_shown_as_it_was_kept() -> None:
    plan = plan_in("en")
    older = plan.model_copy(update={"notes": tuple(note.model_copy(update={"said": None}) for note in plan.notes)})
    assert "said" not in older.model_dump_json()
    older = older.model_copy(update={"digest": plan_digest(older)})
    assert plan_digest(Plan.model_validate_json(older.model_dump_json())) == older.digest != plan.digest
    assert verify(older, *demo_city()) == ()
    texts.use("zh")
    assert [str(note_words(note)) for note in older.notes] == [note.message for note in older.notes]


def test_a_group_of_thousands_is_told_by_its_first_dozen():
    ids = [f"s{number}" for number in range(5000)]
    assert named(ids).endswith("s11, … (+4988)") and named(ids).startswith("s0, s1, ")
    assert named(ids[:12]) == ", ".join(ids[:12])
