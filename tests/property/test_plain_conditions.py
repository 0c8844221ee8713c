"""Plain conditions say what cel-python says of them, over every kind of fact, known or not; all of the policy that ships are plain.

Where facts are missing cel-python leaves open some of what one side of ``||`` or ``&&`` has decided already, and it compares 2.5 with 3 but
not 3 with 2.5: there plain conditions say more.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from orchestrator.policy.expressions import BadCondition, Condition, parse
from orchestrator.policy.plain_conditions import Beyond, holds_plainly

SHIPPED: dict[str, list[Any]] = json.loads((resources.files("orchestrator.policy") / "policy.trees.json").read_text("utf-8"))
TEXTS = st.sampled_from(["", "in_use", "B/S+C/S", "c/s", "postgresql", "proprietary", "mail", "三级"])
NUMBERS = st.one_of(st.integers(0, 9), st.sampled_from([2.5, 64, 500, 5001, 1e6]))
FACTS = st.one_of(TEXTS, NUMBERS, st.booleans(), st.lists(TEXTS, max_size=3))
NAMES = st.sampled_from(["engines", "grade", "on", "role"])
LITERALS = st.one_of(TEXTS.map(lambda text: f'"{text}"'), st.sampled_from(["0", "3", "2.5", "true", "false", '["mail", "in_use"]', "[]"]))
OPERANDS = st.one_of(NAMES, LITERALS, NAMES.map(lambda name: f"size({name})"))
COMPARISONS = st.builds("{} {} {}".format, OPERANDS, st.sampled_from(["==", "!=", "<", "<=", ">", ">=", "in"]), OPERANDS)
QUESTIONS = st.builds("{}.{}({})".format, NAMES, st.sampled_from(["contains", "startsWith", "endsWith"]), st.one_of(NAMES, LITERALS))
CONDITIONS = st.recursive(
    st.one_of(COMPARISONS, QUESTIONS, NAMES),
    lambda inner: st.one_of(st.builds("({} {} {})".format, inner, st.sampled_from(["&&", "||"]), inner), inner.map("!({})".format)),
    max_leaves=4,
)


@cache
def parsed(text: str) -> list[Any]:
    return parse(text)


def agree(plainly: bool | None, tree: list[Any], facts: Mapping[str, Any]) -> bool:
    """Whether cel-python says the same, or nothing: where facts are missing, and of a whole number before one with a fraction."""
    condition = Condition("", tree)
    try:
        said = condition.evaluate_by_library({name: facts[name] for name in facts if name in condition.facts})
    except BadCondition:
        return any(isinstance(fact, float) for fact in facts.values())
    return said == plainly or (said is None and not set(condition.facts) <= facts.keys())


@given(CONDITIONS, st.dictionaries(NAMES, FACTS))
@settings(max_examples=200, deadline=None)
def test_a_plain_condition_says_what_the_library_says(text: str, facts: dict[str, Any]) -> None:
    try:
        plainly = holds_plainly(parsed(text), facts)
    except Beyond:
        assume(False)
    assert agree(plainly, parsed(text), facts)


def test_whole_numbers_and_fractions_are_compared_either_way() -> None:
    text = "database_gb > limit_database_gb"
    assert holds_plainly(SHIPPED[text], {"database_gb": 3, "limit_database_gb": 2.5}) is True
    assert holds_plainly(SHIPPED[text], {"database_gb": 2.5, "limit_database_gb": 3}) is False


def test_one_side_that_holds_decides_whatever_is_missing_on_the_other() -> None:
    text = "server_vcpus > limit_server_vcpus || server_memory_gb > limit_server_memory_gb"
    assert holds_plainly(SHIPPED[text], {"server_memory_gb": 512, "limit_server_memory_gb": 256}) is True
    assert holds_plainly(SHIPPED[text], {"server_memory_gb": 128, "limit_server_memory_gb": 256}) is None


@pytest.mark.parametrize("text", sorted(SHIPPED))
@given(st.data())
@settings(max_examples=10, deadline=None)
def test_the_policy_that_ships_is_plain_over_facts_of_its_kinds(text: str, data: st.DataObject) -> None:
    facts = {name: data.draw(_fitting(text, name)) for name in Condition(text, SHIPPED[text]).facts if data.draw(st.booleans())}
    assert agree(holds_plainly(SHIPPED[text], facts), SHIPPED[text], facts)


def _fitting(text: str, name: str) -> st.SearchStrategy[Any]:
    """Facts of the type that the condition compares this one with."""
    if f"in {name}" in text or f"size({name})" in text:
        return st.lists(TEXTS, max_size=3)
    if f"{name} in" in text or f"{name}.contains" in text or f'{name} == "' in text:
        return TEXTS
    if f"{name} == true" in text or f"{name} == false" in text:
        return st.booleans()
    return st.integers(0, 9) if f"{name} ==" in text else NUMBERS
