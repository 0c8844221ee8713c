"""Free texts of a form raise doubts about its answers: 加密狗 in a remark, RAC beside a database, 将停用, 厂家已倒闭. They never decide.

A doubt leaves the answer *open*, so that the verdict says what it would become; it lowers the confidence and is told at its cell. It
moves neither the strategy nor a score: a remark is written by whoever felt like it.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache

from orchestrator.models import System
from orchestrator.policy.facts import Facts, field_words
from orchestrator.policy.policy import Policy, Remark

FREE_TEXTS = ("remark", "special_equipment_note")
"""Fields that are looked at for every doubt; so is every column that nobody knows."""
_GAP = r"(?:(?![，。；、,;.!！]|不(?!动产)|没|未(?!成年)|无(?!线|障碍|人机)).){0,8}?"
"""What ``*`` in a word of the policy stands for: a few letters of the same clause that deny nothing (``计划*停用`` is not ``计划近期不停用``)."""
_DENIED = r"(?:无|不|未|没|没有|非|免|无需|取消|停用|弃用)(?:再|需|须|要|含|有|是|用|使用|采用|采取|涉及|配备|配置|安装|插|了|任何|过)*"
"""Stands before a word that a text denies: ``未使用加密狗``, ``非RAC``."""
_DENIED_BEHIND = re.compile(
    r"(?:\s*[:：(（]\s*)?(?:无(?!法|需)|没有|否|已?(?:取消|停用|弃用|拆除|淘汰)|不再|未(?:使用|采用))|\s+(?:无|没有|否)(?![\w])"
)
"""Stands behind one: ``U盾：无``, ``加密狗已取消``; a next clause (``厂家已倒闭 没有源码``) does not."""
_NEAR = 40
"""Letters of a text that are quoted around the word."""


@dataclass(frozen=True)
class Doubt:
    """One answer that a text puts in doubt."""

    fact: str
    field: str
    """Where the text stands: a field of the form."""
    label_zh: str
    label_en: str
    quote: str
    zh: str
    en: str
    weight: int
    opens: bool
    """Whether the answer is open; else it stands, and the doubt is told beside it."""


def doubts_of(system: System, policy: Policy, facts: Facts) -> list[Doubt]:
    """Every doubt about an answer of this system, at most one for each fact and field."""
    found: dict[tuple[str, str], Doubt] = {}
    for remark in policy.doubts:
        answer = facts.values.get(remark.fact)
        if answer == remark.suggests:
            continue  # the form says already what the text says, or a technical sheet does
        if answer is None and remark.beside:
            continue  # nothing was answered that could be doubted
        for field, text in _texts(system, remark):
            quote = quote_of(remark.words, text)
            if quote and not (remark.unless and quote_of(remark.unless, text)):
                zh, en = field_words(field)
                doubt = Doubt(remark.fact, field, zh, en, quote, remark.zh, remark.en, remark.weight, not remark.beside)
                found.setdefault((remark.fact, field), doubt)
    return list(found.values())


def mentions(system: System, policy: Policy) -> bool:
    """Whether any text of the system holds a word that could raise a doubt: what costs little to ask of a whole city."""
    return any(quote_of(remark.words, text) for remark in policy.doubts for _, text in _texts(system, remark))


def opened(facts: Facts, doubts: list[Doubt]) -> Facts:
    """The facts without the answers that a doubt leaves open."""
    names = {doubt.fact for doubt in doubts if doubt.opens}
    if not names:
        return facts
    return replace(facts, values={name: value for name, value in facts.values.items() if name not in names})


def quote_of(words: tuple[str, ...], text: str) -> str:
    """The words of a text around the first of ``words`` that stands in it and is not denied there; empty where none does."""
    plain = unicodedata.normalize("NFKC", text)
    if not _may_stand(words, plain):
        return ""
    for found in _pattern(words).finditer(plain):
        before = plain[max(0, found.start() - _NEAR) : found.start()]
        if not re.search(rf"{_DENIED}\s*$", before) and not _DENIED_BEHIND.match(plain, found.end()):
            begin = max(0, found.start() - _NEAR // 2)
            return " ".join(plain[begin : found.end() + _NEAR // 2].split())
    return ""


def _texts(system: System, remark: Remark) -> Iterator[tuple[str, str]]:
    for field in (*FREE_TEXTS, *remark.also_in):
        text = getattr(system, field, None)
        if text:
            yield field, str(text)
    for header, text in system.unknown.items():
        yield header, text


def _may_stand(words: tuple[str, ...], plain: str) -> bool:
    """Whether every letter of one of the words is in the text, as it is or in the other case: to compile a pattern costs more than most texts are worth."""
    letters = {*plain.casefold(), *plain.upper(), *plain.lower()}
    return any(needed <= letters for needed in _letters(words))


@lru_cache(maxsize=64)
def _letters(words: tuple[str, ...]) -> tuple[frozenset[str], ...]:
    return tuple(frozenset(unicodedata.normalize("NFKC", word).lower()) - {" ", "*"} for word in words)


@lru_cache(maxsize=64)
def _pattern(words: tuple[str, ...]) -> re.Pattern[str]:
    """Any of the words, spaces between letters allowed; one of few Latin letters stands as a word: no ``rac`` in ``oracle``."""
    parts = []
    for word in words:
        letters = unicodedata.normalize("NFKC", word).replace(" ", "")
        pattern = r"\s*".join(_GAP if letter == "*" else re.escape(letter) for letter in letters)
        short = len(letters) <= 4 and letters.isascii()
        parts.append(rf"(?<![a-z]){pattern}(?![a-z])" if short else pattern)
    return re.compile("|".join(parts), re.IGNORECASE)

