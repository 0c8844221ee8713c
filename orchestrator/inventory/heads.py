"""Answers that no list has word for word, read by their head-word (``heads.yaml``): 林业专网 is a dedicated network. Never a guess."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib import resources

from orchestrator.inventory.yaml_in import documents_of

_REMARK = re.compile(r"\([^()]*\)$")


@dataclass(frozen=True)
class Heads:
    """How answers of one kind are told. ``both``: the value of the two values that may stand together, by name."""

    ends: dict[str, str]
    """Word → value."""
    has: dict[str, str]
    unless: dict[str, tuple[str, ...]]
    both: str = ""
    together: frozenset[str] = frozenset()


@cache
def _data() -> tuple[dict[str, Heads], tuple[str, ...]]:
    text = (resources.files("orchestrator.inventory") / "heads.yaml").read_text("utf-8")
    (document,) = documents_of(text, "heads.yaml")
    doubts = tuple(document.pop("doubts"))
    kinds: dict[str, Heads] = {}
    for kind, values in document.items():
        together = frozenset(str(values.pop("both", "")).split("+")) - {""}
        ends = {word: value for value, rule in values.items() for word in rule.get("ends", ())}
        has = {word: value for value, rule in values.items() for word in rule.get("has", ())}
        unless = {value: tuple(rule.get("unless", ())) for value, rule in values.items()}
        kinds[kind] = Heads(ends, has, unless, "both" if together else "", together)
    return kinds, doubts


def value_by_head(kind: str, text: str) -> str | None:
    """The value that an answer has by its head-word; None where it has none, more than one, or says something against it.

    ``text``: folded, as choices are compared.
    """
    kinds, doubts = _data()
    heads = kinds.get(kind)
    if heads is None or not text or len(text) > 60:
        return None
    value, matched = _decided(heads, text)
    if value is None or _says_any(text, heads.unless.get(value, ())):
        return None
    rest = text
    for word in sorted(matched, key=len, reverse=True):
        rest = rest.replace(word, "|")
    return None if _says_any(rest, doubts) else value


def values_hinted(kind: str, text: str) -> dict[str, str]:
    """Values of which a word stands in the text, each with the word, whatever else it says: what to propose, not what to read."""
    heads = _data()[0].get(kind)
    words = {**heads.has, **heads.ends} if heads else {}
    matched = [word for word in words if word in text]
    return {words[word]: word for word in sorted(matched, key=len) if not _is_within_longer(word, matched, text)}


def _decided(heads: Heads, text: str) -> tuple[str | None, list[str]]:
    """The value, and the words that decided it. A head-word at the end outweighs words elsewhere."""
    head = _REMARK.sub("", text)
    at_the_end = sorted((word for word in heads.ends if head.endswith(word)), key=len)
    if at_the_end:
        longest = at_the_end[-1]
        value = heads.ends[longest]
        against = [word for word, other in heads.has.items() if other != value and word in text.replace(longest, "|")]
        return (None if against else value), [longest]
    matched = [word for word in heads.has if word in text]
    matched = [word for word in matched if not _is_within_longer(word, matched, text)]
    values = {heads.has[word] for word in matched}
    if heads.both and values == heads.together:
        return heads.both, matched
    return (values.pop() if len(values) == 1 else None), matched


def _is_within_longer(word: str, others: Iterable[str], text: str) -> bool:
    """Whether the word stands only inside a longer one that matched too: 上线 in 未上线."""
    longer = [other for other in others if word != other and word in other]
    rest = text
    for other in sorted(longer, key=len, reverse=True):
        rest = rest.replace(other, "|")
    return bool(longer) and word not in rest


def _says_any(text: str, words: Iterable[str]) -> bool:
    return any(word in text for word in words)
