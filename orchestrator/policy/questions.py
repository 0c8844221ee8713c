"""A condition, taken apart at ``&&``, ``||`` and ``!`` into single questions, and for each fact the answers that its questions tell apart."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from orchestrator.policy.expressions import Condition, Value
from orchestrator.policy.facts import Provided, provided
from orchestrator.policy.policy import Policy

_PASSING = {"expr", "conditionalor", "conditionaland", "relation", "addition", "multiplication", "unary", "member", "paren_expr"}
_CONNECTIVES = {"conditionalor": "or", "conditionaland": "and"}
_COMPARES = re.compile(r"relation_(lt|le|gt|ge|eq|ne|in)")
_NUMBERS = ("INT_LIT", "UINT_LIT", "FLOAT_LIT")
MOST_WORDS = 12
"""Words of a condition that are tried in pairs."""
MOST_ITEMS = 100


@dataclass(frozen=True)
class Question:
    """A part of a condition that is no combination of others. ``closed``: trying all answers of its facts proves it."""

    key: str
    condition: Condition
    facts: tuple[str, ...]
    """Without the limits, which are settled."""
    closed: bool
    numbers: tuple[float, ...]
    texts: tuple[str, ...]


class Questions:
    """The questions of all conditions of one policy."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self._provided = provided(policy)
        self._asked: dict[str, Question] = {}
        self.trees = {text: self._taken_apart(text, condition.tree) for text, condition in policy.conditions.items()}
        """Text → ``("and" | "or", left, right)``, ``("not", inner)`` or the key of a question."""

    def of(self, texts: Iterable[str]) -> list[Question]:
        """The questions of these conditions, each once."""
        return [self._asked[key] for key in dict.fromkeys(key for text in texts for key in _keys(self.trees[text]))]

    def answers(self, name: str, questions: Sequence[Question]) -> list[Value]:
        """The answers of a fact that these questions could tell apart: all of a closed list; for a number those that are named, those beside
        and between them; for free texts and lists a choice that proves nothing when none of it fits."""
        kind = self._kind(name)
        asked = [question for question in questions if name in question.facts]
        words = list(dict.fromkeys(word for question in asked for word in question.texts))
        numbers = {number for question in asked for number in question.numbers}
        if kind.type == "bool":
            return [True, False]
        if kind.type == "number":
            return [float(answer) for answer in kind.answers] or list(_around(numbers, whole=kind.whole))
        if kind.answers:
            return list(kind.answers)
        known = list(dict.fromkeys([*words, *(str(value) for value in self._policy.facts[name].values)]))
        if kind.type == "text":
            pairs = ["".join(pair) for pair in itertools.permutations(words[:MOST_WORDS], 2)]
            return list(dict.fromkeys(["…", "", *known, *pairs, "".join(words)]))
        few = [list(some) for size in (0, 1, 2) for some in itertools.combinations([*known[:MOST_WORDS], "…"], size)]
        many = [[f"…{at}" for at in range(int(number) + 1)] for number in sorted(numbers) if 1 < number < MOST_ITEMS]
        return [*few, known[:MOST_ITEMS], *many]

    def _taken_apart(self, text: str, node: Any) -> Any:
        if node[0] in _CONNECTIVES and len(node) == 3:
            return (_CONNECTIVES[node[0]], *(self._taken_apart(text, child) for child in node[1:]))
        if node[0] == "unary" and node[1] == ["unary_not"]:
            return ("not", self._taken_apart(text, node[2]))
        if len(node) == 2 and (node[0] in _PASSING or (node[0] == "primary" and node[1][0] == "paren_expr")):
            return self._taken_apart(text, node[1])
        condition = Condition(text, node)
        literals = list(_literals(node))
        texts = [_unquoted(value) for kind, value in literals if kind == "STRING_LIT"]
        numbers = [_number(value.rstrip("uU")) for kind, value in literals if kind in _NUMBERS]
        numbers += [float(word) for word in texts if re.fullmatch(r"\d{1,15}(\.\d+)?", word)]
        limits = self._policy.limits
        numbers += [limits[name] for name in condition.facts if name in limits]
        facts = tuple(name for name in condition.facts if name not in limits)
        kinds = [self._kind(name) for name in facts]
        closed = all(kind.type == "bool" or kind.answers for kind in kinds) or (len(facts) == 1 and self._compares(node, facts[0]))
        key = json.dumps(node)
        self._asked.setdefault(key, Question(key, condition, facts, closed, tuple(numbers), tuple(texts)))
        return key

    def _kind(self, name: str) -> Provided:
        return self._provided.get(name) or Provided(self._policy.facts[name].type)

    def _compares(self, node: Any, fact: str) -> bool:
        """Whether this is a number compared with numbers that are written down, or with a limit: between those its answer does not change."""
        if self._kind(fact).type != "number" or node[0] != "relation" or len(node) != 3 or not _COMPARES.match(node[1][0]):
            return False
        sides = (_bare(node[1][1]), _bare(node[2]))
        return sides.count(("ident", f"IDENT={fact}")) == 1 and all(
            kind == "ident" or kind in _NUMBERS or (kind == "list_lit" and _is_plain(node[2])) for kind, _ in sides
        )


def _number(text: str) -> float:
    return float(int(text, 16)) if text[:2] in {"0x", "0X"} else float(text)


def _bare(node: Any) -> tuple[str, str]:
    """(``ident`` or the kind of literal, token) when nothing but that stands there."""
    while len(node) == 2 and isinstance(node[1], list):
        node = node[1]
        if node[0] == "list_lit":
            return "list_lit", ""
    if node[0] == "ident":
        return "ident", str(node[1])
    if node[0] == "literal":
        kind, _, value = str(node[1]).partition("=")
        return kind, value
    return "", ""


def _is_plain(node: Any) -> bool:
    """Whether a list has nothing in it but literals."""
    return isinstance(node, str) or (
        node[0] in _PASSING | {"primary", "list_lit", "exprlist", "literal"}
        and len(node) > 1
        and (node[0] != "unary" or len(node) == 2)
        and all(_is_plain(child) for child in node[1:])
    )


def _literals(node: Any) -> Iterator[tuple[str, str]]:
    if isinstance(node, str):
        return
    if node[0] == "literal":
        kind, _, value = node[1].partition("=")
        yield kind, value
    for child in node[1:]:
        yield from _literals(child)


def _unquoted(literal: str) -> str:
    return literal.lstrip("rRbB").strip("\"'")


def _keys(tree: Any) -> Iterator[str]:
    if isinstance(tree, str):
        yield tree
    else:
        for child in tree[1:]:
            yield from _keys(child)


def _around(numbers: Iterable[float], *, whole: bool) -> Iterator[float]:
    """Every number, those between it and its neighbours, one below and one above; none is negative."""
    known = sorted({0.0, *(number for number in numbers if number >= 0)})
    if whole:
        near = {float(int(number) + step) for number in known for step in (-1, 0, 1, 2)}
        yield from sorted(number for number in near if number >= 0)
        return
    for number, following in itertools.pairwise([*known, known[-1] + 2]):
        yield number
        yield (number + following) / 2
    yield known[-1] + 2
