"""Every sentence for people, once, by code and language: ``zh.toml`` and ``en.toml``. A test holds the two to each other.

A command speaks one language: that of ``--lang``, else of the locale. What is kept (the journal, the audit chain) is written
in English whoever ran the command, so that it reads the same for everybody.
"""

from __future__ import annotations

import os
import tomllib
from functools import cache
from pathlib import Path

LANGUAGES = ("zh", "en")
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


def text(code: str, /, **values: object) -> str:
    """The sentence in the language of this process. Raises KeyError for a code that no catalogue has: a bug."""
    return _catalogue(language())[code].format(**values)


def english(code: str, /, **values: object) -> str:
    """The sentence as it is kept."""
    return _catalogue("en")[code].format(**values)


def both(code: str) -> tuple[str, str]:
    """Chinese and English, for what is made in either language."""
    return _catalogue("zh")[code], _catalogue("en")[code]


def knows(code: str) -> bool:
    """Whether there is such a sentence."""
    return code in _catalogue("en")


def codes(of: str) -> set[str]:
    """Every code of one language's catalogue."""
    return set(_catalogue(of))


@cache
def _catalogue(of: str) -> dict[str, str]:
    tables = tomllib.loads((Path(__file__).with_name(f"{of}.toml")).read_text("utf-8"))
    return {f"{table}.{name}": sentence for table, sentences in tables.items() for name, sentence in sentences.items()}
