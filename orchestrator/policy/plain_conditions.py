"""The conditions that policies are made of, evaluated without cel-python: comparisons, ``in``, ``&&``, ``||``, ``!``, ``size`` and the
three questions about texts.

Importing cel-python and its parser takes a quarter of the half second that a command may take, and every verdict needs conditions. So a
tree is walked here first; whatever is not plainly one of these, or would be an error in CEL, is ``Beyond`` this file and cel-python's.
Nothing is decided twice: a test holds both to the same answer over the policy that ships and over generated conditions.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from typing import Any

Tree = list[Any]
"""``[rule, child…]``, a token as ``"TYPE=value"``."""
_UNKNOWN = object()
"""The value of a fact that nobody gave, and of what rests on it."""
_TEXT = re.compile(r'"[^"\\]*"|\'[^\'\\]*\'')
_ORDERED = {"relation_lt": operator.lt, "relation_le": operator.le, "relation_gt": operator.gt, "relation_ge": operator.ge}
_ABOUT_TEXTS: dict[str, Callable[[str, str], bool]] = {
    "contains": operator.contains,
    "startsWith": str.startswith,
    "endsWith": str.endswith,
}


class Beyond(Exception):
    """Not a plain condition, or not over facts of fitting types."""


def holds_plainly(tree: Tree, facts: Mapping[str, Any]) -> bool | None:
    """True, False, or None when a missing fact decides. Raises ``Beyond``."""
    value = _value(tree, facts)
    if value is _UNKNOWN:
        return None
    if not isinstance(value, bool):
        raise Beyond
    return value


def _value(tree: Tree, facts: Mapping[str, Any]) -> Any:
    rule, children = tree[0], tree[1:]
    if rule in _RULES:
        return _RULES[rule](children, facts)
    if rule in _OF_TWO and len(children) == 2:
        return _OF_TWO[rule](children, facts)
    if rule == "unary" and len(children) == 2 and children[0] == ["unary_not"]:
        return _opposite(_value(children[1], facts))
    if len(children) == 1 and isinstance(children[0], list):  # a level of the grammar that hands on its only child
        return _value(children[0], facts)
    raise Beyond


def _relation(children: Tree, facts: Mapping[str, Any]) -> Any:
    (relation, left), right = children
    return _compared(relation, _value(left, facts), _value(right, facts))


def _fact(children: Tree, facts: Mapping[str, Any]) -> Any:
    return facts.get(children[0].partition("=")[2], _UNKNOWN)


def _function(children: Tree, facts: Mapping[str, Any]) -> Any:
    if children[0] != "IDENT=size" or len(children) != 2:
        raise Beyond
    return _size(_value(_only_argument(children[1]), facts))


def _method(children: Tree, facts: Mapping[str, Any]) -> Any:
    if len(children) != 3:
        raise Beyond
    return _about_text(children[1].partition("=")[2], _value(children[0], facts), _value(_only_argument(children[2]), facts))


def _list(children: Tree, facts: Mapping[str, Any]) -> Any:
    return [_value(item, facts) for item in children[0][1:]] if children else []


def _either(left: Any, right: Any, *, decides: bool) -> Any:
    """``decides``: the value of one side that makes the other's unimportant."""
    if not all(side is _UNKNOWN or isinstance(side, bool) for side in (left, right)):
        raise Beyond
    if left is decides or right is decides:
        return decides
    return _UNKNOWN if _UNKNOWN in (left, right) else not decides


def _opposite(value: Any) -> Any:
    if value is _UNKNOWN:
        return _UNKNOWN
    if not isinstance(value, bool):
        raise Beyond
    return not value


def _compared(relation: str, left: Any, right: Any) -> Any:
    if left is _UNKNOWN or right is _UNKNOWN:
        return _UNKNOWN
    if relation == "relation_in":
        if not isinstance(left, str) or not isinstance(right, list) or not all(isinstance(item, str) for item in right):
            raise Beyond
        return left in right
    if relation in _ORDERED and _is_number(left) and _is_number(right):
        return _ORDERED[relation](left, right)
    if relation not in ("relation_eq", "relation_ne") or type(left) is not type(right) or isinstance(left, list):
        raise Beyond  # CEL tells a whole number from one with a fraction
    return (left == right) is (relation == "relation_eq")


def _size(value: Any) -> Any:
    if value is _UNKNOWN:
        return _UNKNOWN
    if not isinstance(value, str | list):
        raise Beyond
    return len(value)


def _about_text(question: str, text: Any, part: Any) -> Any:
    if question not in _ABOUT_TEXTS or any(value is not _UNKNOWN and not isinstance(value, str) for value in (text, part)):
        raise Beyond
    return _UNKNOWN if _UNKNOWN in (text, part) else _ABOUT_TEXTS[question](text, part)


def _only_argument(arguments: Tree) -> Tree:
    if len(arguments) != 2:
        raise Beyond
    argument: Tree = arguments[1]
    return argument


def _literal(token: str) -> Any:
    kind, _, text = token.partition("=")
    if kind == "BOOL_LIT":
        return text == "true"
    if kind == "INT_LIT" and text.isdecimal():
        return int(text)
    if kind == "STRING_LIT" and _TEXT.fullmatch(text):
        return text[1:-1]
    raise Beyond


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


_Rule = Callable[[Tree, Mapping[str, Any]], Any]
_RULES: dict[str, _Rule] = {
    "literal": lambda children, facts: _literal(children[0]),  # noqa: ARG005 - like the others
    "ident": _fact,
    "ident_arg": _function,
    "member_dot_arg": _method,
    "list_lit": _list,
}
_OF_TWO: dict[str, _Rule] = {
    "conditionalor": lambda sides, facts: _either(*(_value(side, facts) for side in sides), decides=True),
    "conditionaland": lambda sides, facts: _either(*(_value(side, facts) for side in sides), decides=False),
    "relation": _relation,
}
