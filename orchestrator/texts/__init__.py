"""Every sentence for people, once, by code and language. Tests hold the languages, and the source that asks, to each other.

A command speaks one language: that of ``--lang``, else of the locale. What is kept (the journal, the audit chain) is written in English
whoever ran the command, so that it reads the same for everybody.

``zh.toml`` and ``en.toml`` hold what the commands themselves say, table by table; a room that finds many things has a file of its own beside
them: ``inventory.no-group`` stands in ``zh/inventory.toml`` and ``en/inventory.toml`` under ``no-group``.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, TypeAlias, Union

LANGUAGES = ("zh", "en")
KEPT = "en"
"""The language of what is kept."""
_WORDS = {"zh": "、", "en": ", "}
_SENTENCES = {"zh": "；", "en": "; "}
_HOME = Path(__file__).parent
_chosen: list[str] = []


def use(language: str | None) -> None:
    """The language of this process from now on; None: that of the locale."""
    _chosen[:] = [language] if language else []


def language() -> str:
    """``zh`` or ``en``."""
    if _chosen:
        return _chosen[0]
    locale = next((value for name in ("LC_ALL", "LC_MESSAGES", "LANG") if (value := os.environ.get(name))), "")
    return "zh" if locale.lower().startswith("zh") else "en"


@dataclass(frozen=True)
class Sentence:
    """What is to be said and of what; its words come where it is read, in the reader's language. Sentences may stand in sentences."""

    code: str
    values: tuple[tuple[str, Value], ...] = ()

    def __str__(self) -> str:
        return self.spoken(language())

    def spoken(self, of: str) -> str:
        """In this language. Raises KeyError for a code that no catalogue has: a bug."""
        return _sentence(self.code, of).format(**{name: _spoken(value, of) for name, value in self.values})

    def reworded(self, reword: Callable[[str], str]) -> Sentence:
        """The same said of other words: every text among its values put through ``reword``."""
        return Sentence(self.code, tuple((name, _reworded(value, reword)) for name, value in self.values))


@dataclass(frozen=True)
class Name:
    """What our own data calls something, in either language: the column of a form, a choice."""

    zh: str
    en: str

    def __str__(self) -> str:
        return self.spoken(language())

    def spoken(self, of: str) -> str:
        """In this language."""
        return self.zh if of == "zh" else self.en


Words: TypeAlias = str | Sentence
"""A sentence of ours, or a text as somebody else wrote it: an outside tool, a person, a journal of an older release."""
Value: TypeAlias = Union[str, int, float, Sentence, Name, "tuple[Value, ...]"]
"""What may stand in a sentence. Several are listed as the language lists words, or sentences."""


def say(code: str, /, **values: Value) -> Sentence:
    """The sentence with this code and these values."""
    return Sentence(code, tuple(values.items()))


def text(code: str, /, **values: object) -> str:
    """The sentence in the language of this process, at once. Raises KeyError for a code that no catalogue has: a bug."""
    return _sentence(code, language()).format(**values)


def english(code: str, /, **values: object) -> str:
    """The sentence as it is kept."""
    return _sentence(code, KEPT).format(**values)


def kept(words: Words) -> str:
    """The words as they are kept."""
    return words.spoken(KEPT) if isinstance(words, Sentence) else words


def spoken(words: Words, of: str) -> str:
    """The words in this language, where they are ours."""
    return words.spoken(of) if isinstance(words, Sentence) else words


def reworded(words: Words, reword: Callable[[str], str]) -> Words:
    """Words in which every text that is not ours was put through ``reword``."""
    return words.reworded(reword) if isinstance(words, Sentence) else reword(words)


def parameters(*several: Words) -> dict[str, Any]:
    """What these sentences are said of, for JSON: numbers, texts, lists; sentences within them in the language of this process."""
    values: dict[str, Any] = {}
    for words in several:
        if isinstance(words, Sentence):
            values |= {name: _plain(value) for name, value in words.values}
    return values


def pack(words: Words) -> Any:
    """Words as JSON that ``unpack`` reads again."""
    return {"code": words.code, "values": {name: _packed(value) for name, value in words.values}} if isinstance(words, Sentence) else words


def unpack(packed: Any) -> Words:
    """What ``pack`` made, of this release or an older one whose sentences are still known. Raises KeyError where one is not."""
    return Sentence(*_known(packed)) if isinstance(packed, Mapping) else str(packed)


def packed(**several: Words) -> dict[str, Any] | None:
    """Several words as JSON by their names; None where none of them is a sentence of ours, so that nothing need be kept beside them."""
    ours = {name: pack(words) for name, words in several.items() if isinstance(words, Sentence)}
    return ours or None


def recalled(made: Any, words: str) -> Words:
    """What ``pack`` made of these words; the words as they were kept where there is nothing, or a release that knows other sentences."""
    if made is None:
        return words
    try:
        found = unpack(made)
        for of in LANGUAGES:
            spoken(found, of)
    except (LookupError, TypeError, ValueError, AttributeError):
        return words
    return found


def row_words(row: Any, name: str) -> Words:
    """What a kept row says under ``name``, in whatever language it is then shown; as it was kept where an older engine kept only that.
    ``row.said``: what ``packed`` made of it."""
    made = row.said if isinstance(row.said, Mapping) else {}
    return recalled(made.get(name), str(getattr(row, name) or ""))


def both(code: str) -> tuple[str, str]:
    """Chinese and English, for what is made in either language."""
    return _sentence(code, "zh"), _sentence(code, "en")


def both_of(table: str) -> dict[str, tuple[str, str]]:
    """Name → Chinese and English, of all sentences of one table: names of steps, say, without a look at the steps themselves."""
    return {name: both(f"{table}.{name}") for name in _catalogue(KEPT, _file_of(table))[table]}


def knows(code: str) -> bool:
    """Whether there is such a sentence."""
    table, _, name = code.partition(".")
    return name in _catalogue(KEPT, _file_of(table)).get(table, {})


def read_catalogues(of: str) -> None:
    """Reads everything in one language now; a sentence that is spoken later reads no file any more."""
    codes(of)


def codes(of: str) -> set[str]:
    """Every code of one language's catalogue."""
    files = ["", *(path.stem for path in (_HOME / of).glob("*.toml"))]
    return {f"{table}.{name}" for file in files for table, sentences in _catalogue(of, file).items() for name in sentences}


def _sentence(code: str, of: str) -> str:
    table, _, name = code.partition(".")
    return _catalogue(of, _file_of(table))[table][name]


@cache
def _file_of(table: str) -> str:
    return table if (_HOME / KEPT / f"{table}.toml").is_file() else ""


@cache
def _catalogue(of: str, file: str) -> dict[str, dict[str, str]]:
    """Table → name → sentence, of the file of one room, or of the common one."""
    path = _HOME / of / f"{file}.toml" if file else _HOME / f"{of}.toml"
    read: dict[str, Any] = tomllib.loads(path.read_text("utf-8"))
    return {file: read} if file else read


def _spoken(value: Value, of: str) -> str | int | float:
    if isinstance(value, Sentence | Name):
        return value.spoken(of)
    if isinstance(value, tuple):
        between = _SENTENCES if any(isinstance(part, Sentence) for part in value) else _WORDS
        return between[of].join(str(_spoken(part, of)) for part in value)
    return value


def _reworded(value: Value, reword: Callable[[str], str]) -> Value:
    if isinstance(value, str):
        return reword(value)
    if isinstance(value, Sentence):
        return value.reworded(reword)
    return tuple(_reworded(part, reword) for part in value) if isinstance(value, tuple) else value


def _plain(value: Value) -> Any:
    return [_plain(part) for part in value] if isinstance(value, tuple) else _spoken(value, language())


def _known(packed: Mapping[str, Any]) -> tuple[str, tuple[tuple[str, Value], ...]]:
    _sentence(packed["code"], KEPT)
    return packed["code"], tuple((name, _unpacked(value)) for name, value in packed["values"].items())


def _packed(value: Value) -> Any:
    if isinstance(value, Sentence):
        return pack(value)
    if isinstance(value, Name):
        return {"zh": value.zh, "en": value.en}
    return [_packed(part) for part in value] if isinstance(value, tuple) else value


def _unpacked(value: Any) -> Value:
    if isinstance(value, Mapping):
        return Name(value["zh"], value["en"]) if "zh" in value else Sentence(*_known(value))
    return tuple(_unpacked(part) for part in value) if isinstance(value, list) else value
