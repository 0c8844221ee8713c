"""What classified and unanswered rows are called, struck out wherever others mention it (R2). Known in memory only, while a reading lasts."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from operator import add
from typing import Any

from orchestrator.inventory.cells import text_of
from orchestrator.inventory.names import key
from orchestrator.inventory.reading import Raw
from orchestrator.inventory.yaml_in import documents_of

HIDDEN = "〔涉密〕"
_SHORT = 2
"""Letters of a name that may be an ordinary word (``ordinary.yaml``)."""
_KIND_OF_THING = re.compile(r"(?:信息系统|子系统|系统|平台|网站|门户|数据库|软件|小程序|app)$", re.IGNORECASE)
_PARTS = re.compile(r"[\W\d_]+")
_OF_A_FORM = re.compile(r"(?:信息)?(?:系统|平台)?(?:基本)?(?:情况|信息)?(?:统计|登记|备案|调查|填报|报送|迁移|上云)?(?:[表单册]|台账|清单)$")
"""What a form's name ends with: 青鸾登记表."""
_NAMES = {"name", "department", "depends_on", "database_owner", "id", "system"}
"""Fields that hold names of others: an unknown one is never kept, a known one is no secret."""
_UNSEEN = re.compile(r"[\s\u200b-\u200d\u2060\ufeff·_-]")
"""Between the letters of a name they make no other one."""


class Secrets:
    def __init__(self) -> None:
        self._names: set[str] = set()
        self._short: set[str] = set()
        """Without 系统, 平台 and the like: what people call them."""
        self._systems: set[tuple[str, str]] = set()
        self._places: set[tuple[str, str, str]] = set()
        """File, sheet and key of the name of each row."""

    def add(self, cell: Any, classified_at: str | None = None) -> None:
        """``classified_at``: the department of a row that says yes."""
        name = text_of(cell)
        if key(name) in _ordinary().placeholders or not any(letter.isalpha() for letter in name):
            return
        if classified_at is not None:
            self._systems.add((key(classified_at), key(name)))
            short = _KIND_OF_THING.sub("", name)
            if short != name and not _KIND_OF_THING.fullmatch(short):
                self._short.add(short)
        self._names.add(name)

    def add_aliases(self, cells: Iterable[Any]) -> None:
        """What else it is called (系统简称): struck out as its name without 系统 is."""
        for word in map(text_of, cells):
            self._add_short(word)

    def _add_short(self, word: str) -> None:
        if len(word) >= _SHORT and any(letter.isalpha() for letter in word) and key(word) not in _ordinary().placeholders and not _KIND_OF_THING.fullmatch(word):
            self._short.add(word)

    def add_sheet(self, sheet: str, name: str) -> None:
        """A sheet that is named after a classified system, in fewer letters: with two of them only where these are its first."""
        word, whole = key(sheet), key(name)
        is_part = word in whole if len(word) > _SHORT else len(word) == _SHORT and whole.startswith(word)
        if is_part and word != whole and not _KIND_OF_THING.fullmatch(word):
            self._short.add(sheet.strip())

    def add_place(self, file: str, sheet: str, name: str) -> None:
        """Where a row of this name stands. A form of one system is called after it, by any part of its name."""
        self._places.add((file, sheet, key(name)))

    def _words_of_places(self, raws: Iterable[Raw]) -> Iterator[str]:
        """What files and sheets without any other row are called after their classified ones."""
        sheets = {(raw.file, raw.sheet) for raw in raws}
        files = {file for file, _ in sheets}
        for file, sheet, name in self._places:
            places = [*([sheet] if (file, sheet) not in sheets else []), *([file.rpartition("/")[2].rpartition(".")[0]] if file not in files else [])]
            for word in (_OF_A_FORM.sub("", part) for place in places for part in _PARTS.split(place)):
                if len(word) >= _SHORT and word not in _ordinary().words and key(word) in name and not _KIND_OF_THING.fullmatch(word):
                    yield word

    def said_otherwise(self, raw: Raw) -> bool:
        """Whether another row says of this one's system that it is classified."""
        name = key(str(raw.values.get("name") or ""))
        return bool(name) and (key(str(raw.values.get("department") or "")), name) in self._systems

    def strike(self, raws: Iterable[Raw], known: Iterable[str], departments: Collection[str]) -> Striker | None:
        """Strike them out of the texts of these rows. ``known``: what other systems are called: that is no secret, nor is what is part of it or
        of a department's name. Returns what was looked for; None: nothing."""
        others = [*known, *departments]
        raws = list(raws)
        told = {key(name) for name in known}
        around = "\n".join(key(name) for name in others)
        names = {name for name in self._names if key(name) not in told}
        names |= {short for short in (*self._short, *self._words_of_places(raws)) if not _is_part(key(short), around)}
        striker = Striker(names, others)
        if not striker.looks_for_something:
            return None
        for raw in raws:
            raw.unknown = {striker(words): striker(text) for words, text in raw.unknown.items()}
            for name, value in raw.values.items():
                if isinstance(value, str) and name not in _NAMES:
                    raw.values[name] = striker(value)
        return striker


def same_thing(one: str, other: str) -> bool:
    """Whether two names are one's: the same, or one of them without its 系统."""
    whole, others = key(one), key(other)
    short, others_short = (key(_KIND_OF_THING.sub("", text_of(name))) for name in (one, other))
    return bool(whole and others) and (whole in {others, others_short} or short == others)


def strike_places(striker: Striker, raws: Iterable[Raw]) -> None:
    """Files and sheets are named after systems, too."""
    for raw in raws:
        raw.file, raw.sheet = striker(raw.file), striker(raw.sheet)


@dataclass(frozen=True)
class _Word:
    folded: str
    secret: bool
    as_name_only: bool
    """An ordinary word: a secret only where it stands as a name."""


class Striker:
    """Strikes names out of texts, however they are spaced and whatever the width and case of their letters. A known longer name around one stays."""

    def __init__(self, names: Iterable[str], told: Iterable[str]) -> None:
        self._beginning: dict[str, list[_Word]] = {}
        """First two letters → the words that begin so, the longest first."""
        secret = {word for word in map(_folded, names) if len(word) >= _SHORT}
        self.looks_for_something = bool(secret)
        self._look_for(_Word(word, secret=True, as_name_only=word in _ordinary().words) for word in secret)
        around = {_folded(name) for name in told if self(name) != name} - secret  # no other one can stand around a secret
        self._look_for(_Word(word, secret=False, as_name_only=False) for word in around)

    def _look_for(self, words: Iterable[_Word]) -> None:
        for word in words:
            self._beginning.setdefault(word.folded[:_SHORT], []).append(word)
        for beginning in self._beginning.values():
            beginning.sort(key=lambda word: -len(word.folded))

    def __call__(self, text: str) -> str:
        letters, places = _letters_of(text)
        if not any(map(self._beginning.__contains__, map(add, letters, letters[1:]))):
            return text  # nearly every one
        parts, at, copied = [], 0, 0
        while at < len(letters) - 1:
            words = self._beginning.get(letters[at : at + 2], ())
            word = next((word for word in words if self._stands(word, letters, at, text, places)), None)
            if word is None:
                at += 1
                continue
            if word.secret:
                parts += [text[copied : places[at]], HIDDEN]
                copied = places[at + len(word.folded) - 1] + 1
            at += len(word.folded)
        return "".join([*parts, text[copied:]]) if parts else text

    @staticmethod
    def _stands(word: _Word, letters: str, at: int, text: str, places: Sequence[int]) -> bool:
        if not letters.startswith(word.folded, at):
            return False
        before, after = text[: places[at]], text[places[at + len(word.folded) - 1] + 1 :]
        if _joined(before[-1:], word.folded[0]) or _joined(word.folded[-1], after[:1]):
            return False
        return not word.as_name_only or bool(_ordinary().before.search(before[-12:]) and _ordinary().after.match(after[:12]))


def _folded(name: str) -> str:
    return _letters_of(name)[0]


def _letters_of(text: str) -> tuple[str, Sequence[int]]:
    """The letters that make a name, folded, and where in the text each stands."""
    whole = unicodedata.normalize("NFKC", text).casefold()
    if len(whole) == len(text) and not _UNSEEN.search(whole):
        return whole, range(len(text))
    letters: list[str] = []
    places: list[int] = []
    for place, letter in enumerate(text):
        for folded in unicodedata.normalize("NFKC", letter).casefold():
            if not _UNSEEN.match(folded):
                letters.append(folded)
                places.append(place)
    return "".join(letters), places


def _joined(left: str, right: str) -> bool:
    """Whether two letters make one word: OA is not in BOARD."""
    return left.isascii() and left.isalnum() and right.isascii() and right.isalnum()


def _is_part(word: str, names: str) -> bool:
    """Whether a word is a part of one of these names."""
    return any(not _joined(names[max(at - 1, 0) : at], word[0]) and not _joined(word[-1], names[at + len(word) :][:1]) for at in _found(word, names))


def _found(word: str, text: str) -> Iterable[int]:
    at = text.find(word) if word else -1
    while at >= 0:
        yield at
        at = text.find(word, at + 1)


@dataclass(frozen=True)
class _Ordinary:
    words: frozenset[str]
    placeholders: frozenset[str]
    before: re.Pattern[str]
    after: re.Pattern[str]


@cache
def _ordinary() -> _Ordinary:
    text = (resources.files("orchestrator.inventory") / "ordinary.yaml").read_text("utf-8")
    data = documents_of(text, "ordinary.yaml")[0]
    before, after = ("|".join(re.escape(word) for word in data[side]) for side in ("before", "after"))
    return _Ordinary(frozenset(data["words"]), frozenset(data["placeholders"]), re.compile(rf"(?:^|[\W_]|{before})\s*$"), re.compile(rf"\s*(?:$|[\W_]|{after})"))
