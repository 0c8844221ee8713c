"""Free text of departments → the words of a policy's ``synonyms``. What fits none is not understood: never guessed, never dropped."""

from __future__ import annotations

import re
import unicodedata
from typing import NamedTuple

from orchestrator.inventory.cells import BLANK, not_known
from orchestrator.policy.policy import Policy

_SEPARATORS = re.compile(r"[、;,/|&+\n\r]|和|及|与|或")
_WITH_SLASH = re.compile(r"\b(?:z/os|os/2|os/390|os/400|as/400|gnu/linux|hp/ux|[bc]/s)\b")
_KEPT = "\u2215"
"""Stands for a slash inside a name while a text is split."""
_MORE_OF_THE_SAME = re.compile(
    r"(?:[\d.\-_ ()#*x×]|xp|v|r|sp|u|g|c|i|bit|位|版|企业|标准|社区|简体|中文|以上|更高|主|备|从|库|双机|集群|单机|热备|高可用|等)+"
)
"""A part that only says which version or how many: ``2012 R2``, ``12c``, ``64位``, ``主备``."""
_FROM_ANOTHER = r"基于|兼容|内核|衍生|改造|二次开发|协议|based on|compatible|fork"
_REMARK = re.compile(rf"\([^()]*(?:{_FROM_ANOTHER})[^()]*\)")
_DERIVED = re.compile(_FROM_ANOTHER)
_NAME = re.compile(r"^\D*")
NONE = {"无", "没有", "none"}


class Understood(NamedTuple):
    """``known``: words of the synonyms, each once; ``unread``: parts that fit none, as they were written; ``open``: a part says 不详."""

    known: tuple[str, ...]
    unread: tuple[str, ...]
    open: bool = False


class Words:
    """Reads texts by one policy's synonyms; remembers what each was understood as."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self._seen: dict[tuple[str, str], Understood] = {}

    def families(self, kind: str, text: str) -> Understood:
        """Every operating system or processor that a text names: ``CentOS 7、AIX`` names two, wherever in the text they stand."""
        if (kind, text) not in self._seen:
            known: list[str] = []
            unread: list[str] = []
            parts = _parts(text)
            for part, whole in parts:
                found = self._matches(kind, whole)
                known += found
                if not found and not not_known(part):
                    unread.append(part)
            self._seen[kind, text] = Understood(
                tuple(dict.fromkeys(known)), tuple(unread), not parts or any(not_known(part) for part, _ in parts)
            )
        return self._seen[kind, text]

    def engines(self, text: str) -> Understood:
        """Every database engine that a text names. One that no synonym knows is an engine by itself, under the words it was given
        (``unread``). An engine made from another, ``瀚高(基于PostgreSQL)``, is not that other one."""
        if ("engine", text) not in self._seen:
            known: list[str] = []
            unread: list[str] = []
            plain = unicodedata.normalize("NFKC", text)
            parts = _parts(_REMARK.sub("", plain) if _REMARK.sub("", plain).strip() else plain)
            for part, whole in parts:
                found = self._engines_of(whole)
                known += found
                if not found and not not_known(part):
                    unread.append(part[:60])
            self._seen["engine", text] = Understood(
                tuple(dict.fromkeys([*known, *unread])), tuple(unread), not parts or any(not_known(part) for part, _ in parts)
            )
        return self._seen["engine", text]

    def _engines_of(self, part: str) -> list[str]:
        """The first line of the synonyms that matches; where that engine is easy to move, whatever else stands beside it as well."""
        if part.strip() in NONE:
            return ["none"]
        found = self._matches("engine", part)
        easy = {*self._policy.movers, *self._policy.engines_without_data}
        if not found or found[0] not in easy:
            return found[:1]
        return [] if _DERIVED.search(part) and set(found) <= easy else found

    def _matches(self, kind: str, part: str) -> list[str]:
        """The words of all lines with a synonym in this part, in the order of the lines; what one line took, the next does not see."""
        plain = unicodedata.normalize("NFKC", part).casefold()
        closed = plain.replace(" ", "")
        found: list[str] = []
        for word, synonyms in self._policy.synonyms.get(kind, ()):
            for synonym in synonyms:
                folded = unicodedata.normalize("NFKC", synonym).casefold()
                if _stands(folded, plain) or _stands(folded.replace(" ", ""), closed):
                    plain, closed = plain.replace(folded, "\0"), closed.replace(folded.replace(" ", ""), "\0")
                    found.append(word)
        return list(dict.fromkeys(found))


def _stands(synonym: str, text: str) -> bool:
    """Whether a synonym stands in a text. One of three letters or fewer stands as a word: ``sco`` is not in ``cisco``."""
    if len(synonym) > 3 or not synonym.isascii():
        return synonym in text
    return re.search(rf"(?<![a-z]){re.escape(synonym)}(?![a-z])", text) is not None


def _parts(text: str) -> list[tuple[str, str]]:
    """(part as written, part with what the one before it names): ``SQL Server 2008/2012`` is also ``SQL Server 2012``."""
    plain = unicodedata.normalize("NFKC", text).casefold()
    if plain.strip() in BLANK:
        return []
    plain = _WITH_SLASH.sub(lambda found: found[0].replace("/", _KEPT), plain)
    written = unicodedata.normalize("NFKC", text)
    if len(written) != len(plain):  # letters whose small form is longer
        written = plain
    cuts = [0, *(at for found in _SEPARATORS.finditer(plain) for at in found.span()), len(plain)]
    pairs = [(plain[a:b].replace(_KEPT, "/").strip(), written[a:b].strip()) for a, b in zip(cuts[::2], cuts[1::2], strict=True)]
    parts: list[tuple[str, str]] = []
    for folded, shown in pairs:
        if folded in BLANK:
            continue
        if parts and _MORE_OF_THE_SAME.fullmatch(folded):
            name = _NAME.match(parts[-1][1])
            parts.append((shown, f"{name[0] if name else ''}{folded}" if re.match(r"[v\d]|xp", folded) else parts[-1][1]))
        elif folded:
            parts.append((shown, folded))
    return parts
