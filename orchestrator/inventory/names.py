"""Names as people write them: keys for comparing, ids for keeping, and who might have been meant."""

from __future__ import annotations

import difflib
import hashlib
import re
import unicodedata
from collections.abc import Iterable, Sequence

_IGNORED = re.compile(r"[\u200b-\u200d\u2060\ufeff\s()()\[\]【】《》“”\"'·,,.。、_-]+")
_ID = re.compile(r"[a-z0-9][a-z0-9-]{1,62}")
_HOST = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_SLUG = re.compile(r"[^a-z0-9]+")


def key(name: str) -> str:
    """Two spellings of one name have one key: width, case, spaces, signs that nobody sees, brackets and dashes do not matter."""
    return _IGNORED.sub("", unicodedata.normalize("NFKC", name)).casefold()


def is_id(name: str) -> bool:
    """Whether the text can be an id as it stands."""
    return bool(_ID.fullmatch(name))


def make_id(prefix: str, name: str) -> str:
    """An id for a department, a room or a machine from its name, the same every time: how it sounds (pinyin) and a short hash."""
    plain = unicodedata.normalize("NFKC", name).casefold()
    slug = sound(plain.rsplit("/", 1)[-1])[:40].strip("-")
    return f"{slug if len(slug) >= 3 else prefix}-{_hash(plain)}"


def host_name(name: str) -> str:
    """A machine's name as a host can be called."""
    plain = re.sub(r"[\s_.]+", "-", name.casefold()).strip("-")
    return plain if _HOST.fullmatch(plain) else make_id("vm", name)


def thing_name(name: str) -> str:
    """A device's or a service's name as an id."""
    plain = re.sub(r"[\s_.]+", "-", name.casefold()).strip("-")
    return plain if is_id(plain) else make_id("item", name)


def make_system_id(name: str) -> str:
    """An id for a system: nothing of its name is in it, for it stays on the audit chain when the system turns out to be classified (R2)."""
    return f"sys-{_hash(unicodedata.normalize('NFKC', name).casefold())}"


def sound(name: str) -> str:
    """A name in letters as it is spoken, syllables apart: ``shui-fei-xi-tong``. What is written in letters stays."""
    plain = unicodedata.normalize("NFKC", name).casefold()
    if not plain.isascii():
        from pypinyin import lazy_pinyin  # here: its dictionary takes a while to load

        plain = "-".join(lazy_pinyin(plain, errors=lambda other: _SLUG.sub("-", other)))
    return _SLUG.sub("-", plain).strip("-")


def sounds(name: str) -> set[str]:
    """What may be typed for a name: its sound without the gaps, and the first letters of its syllables."""
    spoken = sound(name)
    syllables = [part for part in spoken.split("-") if part]
    return {"".join(syllables), "".join(part[0] for part in syllables)} if len(syllables) > 1 else {spoken}


def _hash(plain: str) -> str:
    return hashlib.sha256(plain.encode()).hexdigest()[:8]


NOBODY = make_id("dept", "?")
"""Whose a withheld row is that names no department: on no list of departments, for nobody's level is made up."""


def table_key(file: str, sheet: str) -> str:
    """A digest of what a table is called: half of it of its file without the folder, half of that and its sheet."""
    name = file.rsplit("/", 1)[-1]
    return "".join(hashlib.sha256(text.encode()).hexdigest()[:6] for text in (name, f"{name}\n{sheet}"))


def same_file(one: str, other: str) -> bool:
    """Whether two tables are of one file, by their keys."""
    return bool(one) and one[:6] == other[:6]


def near(name: str, known: Iterable[str]) -> list[str]:
    """Known names that look like ``name``, best first; ``name`` itself is not among them."""
    return Names(known).near(name)


class Names:
    """Names to compare others with. A comparison costs the same however many there are: only those that share the rarest pairs of letters."""

    def __init__(self, names: Iterable[str] = ()) -> None:
        self._names: list[tuple[str, str]] = []
        self._with: dict[str, list[int]] = {}
        """pair of letters → numbers of the names that have it"""
        for name in names:
            self.add(name)

    def add(self, name: str) -> None:
        folded = key(name)[:100]
        for pair in _pairs(folded):
            self._with.setdefault(pair, []).append(len(self._names))
        self._names.append((folded, name))

    def near(self, name: str, limit: int = 3) -> list[str]:
        """Those that look like ``name``, best first; ``name`` itself is not among them."""
        wanted = key(name)[:100]
        candidates: dict[int, None] = {}
        for numbers in sorted((self._with.get(pair, []) for pair in _pairs(wanted)), key=len):
            candidates.update(dict.fromkeys(numbers[:_COMPARED]))
            if len(candidates) >= _COMPARED:
                break
        matcher = difflib.SequenceMatcher(None, "", wanted, autojunk=False)
        scored: dict[str, float] = {}
        for folded, candidate in (self._names[number] for number in candidates):
            if folded == wanted:
                continue
            matcher.set_seq1(folded)
            if matcher.real_quick_ratio() < 0.7 or matcher.quick_ratio() < 0.7:
                continue
            within = min(len(wanted), len(folded)) >= 3 and (wanted in folded or folded in wanted)
            ratio = max(matcher.ratio(), 0.8 * within)
            if ratio >= 0.75:
                scored.setdefault(candidate, ratio)
        return sorted(scored, key=lambda candidate: (-scored[candidate], candidate))[:limit]


_COMPARED = 50


def _pairs(folded: str) -> dict[str, None]:
    """In order: two runs compare the same names."""
    return dict.fromkeys(folded[at : at + 2] for at in range(len(folded) - 1))


def some(ids: Sequence[str]) -> tuple[str, ...]:
    """The first five, for people."""
    return (*ids[:5], *(["…"] if len(ids) > 5 else []))
