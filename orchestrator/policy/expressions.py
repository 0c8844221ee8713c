"""Conditions in CEL, the Common Expression Language: parsed, checked against the known facts, evaluated with three values.

Bounded: a thousand characters, no regular expressions (which can take for ever), no macro inside a macro.

A fact that is missing makes a condition *unknown* (None), unless the condition holds or fails whatever the fact is. Nothing is ever handed
to Python's ``eval``: the interpreter of cel-python walks the parse tree.

Importing cel-python costs 0.1 s and building its parser 0.2 s, so both are put off: the parse trees of the policy that ships are kept
beside it as data (``policy.trees.json``, written by ``scripts/write_policy_trees.py``, checked by a test), and plain conditions are
evaluated by ``plain_conditions``.
"""

from __future__ import annotations

import json
from collections.abc import Container, Iterable, Mapping
from functools import cache
from importlib import resources
from typing import Any

from orchestrator.policy.plain_conditions import Beyond, holds_plainly

Value = bool | float | str | list[str]
MAX_LENGTH = 1000
MAX_TEXT = 200
"""Facts are cut to this length before a condition sees them."""

_NAMES = {"ident", "ident_arg"}
_FUNCTIONS = {
    "size", "contains", "startsWith", "endsWith", "has", "all", "exists", "exists_one", "map", "filter", "int", "double", "string", "bool",
}  # fmt: skip
_MACROS = {"all", "exists", "exists_one", "map", "filter"}


class BadCondition(ValueError):
    """The text is not a condition over the known facts."""


class Condition:
    """One parsed condition. Evaluations are remembered by the values of the facts it names."""

    def __init__(self, text: str, tree: list[Any]) -> None:
        self.text = text
        self.tree = tree
        """As ``parse`` gives it: plain lists."""
        self.facts = tuple(sorted(_names(tree)))
        self._seen: dict[tuple[Any, ...], bool | None] = {}
        self._thawed: Any = None

    def holds(self, facts: Mapping[str, Value]) -> bool | None:
        """True, False, or None when a missing fact decides. Raises ``BadCondition`` when the types do not fit."""
        at = tuple(_frozen(facts.get(name)) for name in self.facts)
        if at not in self._seen:
            self._seen[at] = self._evaluate({name: facts[name] for name in self.facts if name in facts})
        return self._seen[at]

    def rests_on(self, facts: Mapping[str, Value], settled: Container[str] = ()) -> tuple[str, ...]:
        """The facts that a condition which holds would not hold without; all it names where each alone could be spared. Without ``settled`` ones."""
        known = [name for name in self.facts if name in facts and name not in settled]
        if len(known) < 2:
            return tuple(known)
        needed = [
            name
            for name in known
            if self.holds({other: facts[other] for other in self.facts if other in facts and other != name}) is not True
        ]
        return tuple(needed or known)

    def _evaluate(self, facts: Mapping[str, Value]) -> bool | None:
        plain = {name: _plain(value) for name, value in facts.items()}
        try:
            return holds_plainly(self.tree, plain)
        except Beyond:
            return self.evaluate_by_library(plain)

    def evaluate_by_library(self, facts: Mapping[str, Any]) -> bool | None:
        """The same by cel-python, over facts of bounded length."""
        from celpy.adapter import json_to_cel
        from celpy.evaluation import Activation, CELEvalError, Evaluator

        if self._thawed is None:
            self._thawed = _thaw(self.tree)
        try:
            result = Evaluator(ast=self._thawed, activation=Activation()).evaluate(
                {name: json_to_cel(value) for name, value in facts.items()}
            )
        except (CELEvalError, IndexError) as error:  # it loses its place in a chain of && and || over several missing facts
            if len(facts) < len(self.facts):
                return None
            raise BadCondition(f"{self.text}: {str(error.args[0])[:200]}") from None
        if not isinstance(result, int) or str(type(result).__name__) not in ("BoolType", "bool"):
            raise BadCondition(f"{self.text}: the result is not true or false")
        return bool(result)


def compile_conditions(texts: Iterable[str], known: Iterable[str]) -> dict[str, Condition]:
    """Each text parsed. Raises ``BadCondition`` naming the text for bad syntax and for a name that is no known fact."""
    names = set(known)
    shipped = _shipped()
    conditions: dict[str, Condition] = {}
    for text in texts:
        if text in conditions:
            continue
        tree = shipped.get(text) or parse(text)
        condition = Condition(text, tree)
        strangers = [name for name in condition.facts if name not in names]
        if strangers:
            raise BadCondition(f"{text}: no such fact: {', '.join(strangers)}")
        strangers = sorted(_functions(tree) - _FUNCTIONS)
        if strangers:
            raise BadCondition(f"{text}: no such function: {', '.join(strangers)}")
        if _nested(tree):
            raise BadCondition(f"{text}: all, exists, map or filter inside another")
        conditions[text] = condition
    return conditions


def parse(text: str) -> list[Any]:
    """The parse tree as plain lists: ``[rule, child…]``, a token as ``"TYPE=value"``. Raises ``BadCondition``."""
    from celpy.celparser import CELParseError, CELParser

    if len(text) > MAX_LENGTH or text.count("(") + text.count("[") > 100:
        raise BadCondition(f"condition is too long or too deep: {text[:60]}…")
    try:
        tree: list[Any] = _freeze(CELParser().parse(text))
    except (CELParseError, RecursionError) as error:
        raise BadCondition(f"{text}: not a valid CEL expression") from error
    return tree


@cache
def _shipped() -> dict[str, list[Any]]:
    file = resources.files("orchestrator.policy") / "policy.trees.json"
    try:
        trees: dict[str, list[Any]] = json.loads(file.read_text("utf-8"))
    except FileNotFoundError:
        return {}
    return trees


def _freeze(node: Any) -> Any:
    from lark import Token

    if isinstance(node, Token):
        return f"{node.type}={node.value}"
    return [str(node.data), *(_freeze(child) for child in node.children)]


_PASSING = {"expr", "conditionalor", "conditionaland", "relation", "addition", "multiplication", "unary", "member"}
"""Levels of the grammar that only hand on the value of an only child."""


def _thaw(node: Any, *, whole: bool = False) -> Any:
    """The tree for the interpreter. Levels that only hand on a value are left out: 5 times faster. ``whole``: macros look at every level."""
    from lark import Token, Tree
    from lark.tree import Meta

    if isinstance(node, str):
        kind, _, value = node.partition("=")
        return Token(kind, value)
    whole = whole or node[0] == "exprlist"
    if not whole and node[0] in _PASSING and len(node) == 2 and isinstance(node[1], list):
        return _thaw(node[1])
    meta: Any = Meta()  # type: ignore[no-untyped-call]  # lark leaves it untyped
    meta.line, meta.column, meta.empty = 1, 1, False
    return Tree(Token("RULE", node[0]), [_thaw(child, whole=whole) for child in node[1:]], meta)


def _names(node: Any, bound: frozenset[str] = frozenset()) -> set[str]:
    """Free identifiers of a tree; the variable of a macro is not one."""
    if isinstance(node, str):
        return set()
    if node[0] in _NAMES and isinstance(node[1], str):
        found = {node[1].partition("=")[2]} if node[0] == "ident" else set()
        return (found | set().union(*(_names(child, bound) for child in node[2:]))) - bound
    if node[0] == "member_dot_arg" and node[2].partition("=")[2] in _MACROS and len(node) > 3:
        variable = _names(node[3][1]) if len(node[3]) > 1 else set()
        inner = bound | variable
        return _names(node[1], bound) | set().union(*(_names(child, inner) for child in node[3][2:]))
    return set().union(*(_names(child, bound) for child in node[1:])) if len(node) > 1 else set()


def _nested(node: Any, inside: bool = False) -> bool:
    """Whether a macro stands in another's argument or follows one: the work would grow by a power. One alone is bounded by the text's length."""
    if isinstance(node, str):
        return False
    macro = node[0] == "member_dot_arg" and node[2].partition("=")[2] in _MACROS
    return (macro and inside) or any(_nested(child, inside or macro) for child in node[1:])


def _functions(node: Any) -> set[str]:
    """Names of functions, methods and macros that a tree calls."""
    if isinstance(node, str):
        return set()
    called = node[1] if node[0] == "ident_arg" else node[2] if node[0] == "member_dot_arg" else ""
    found = {called.partition("=")[2]} if called else set()
    return found.union(*(_functions(child) for child in node[1:]))


def _frozen(value: Value | None) -> Any:
    return tuple(value) if isinstance(value, list) else (type(value).__name__, value)


def _plain(value: Value) -> Any:
    if isinstance(value, str):
        return value[:MAX_TEXT]
    if isinstance(value, bool):
        return value
    if isinstance(value, int | float):  # whole numbers as int: CEL compares int with double by < and >, but not by ==
        return int(value) if float(value).is_integer() else float(value)
    return [item[:MAX_TEXT] for item in value[:100]]


def write_trees() -> str:
    """The parse trees of the policy that ships, as the text of ``policy.trees.json``."""
    import yaml

    text = (resources.files("orchestrator.policy") / "policy.yaml").read_text("utf-8")
    document = yaml.safe_load(text)
    texts = {rule.get(name, "") for rule in document["rules"] for name in ("when", "facts_only_if")}
    texts |= {fact.get("asked_if", "") for fact in document["facts"].values()}
    lines = [f"{json.dumps(when, ensure_ascii=False)}: {json.dumps(parse(when), ensure_ascii=False)}" for when in sorted(texts - {""})]
    return "{\n" + ",\n".join(lines) + "\n}\n"
