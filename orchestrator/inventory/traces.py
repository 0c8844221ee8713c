"""The words that give a system away: what it is called, where it runs, and what only it has (R2)."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from typing import Any

from orchestrator.inventory.names import sound
from orchestrator.inventory.reading import systems_of
from orchestrator.models import Department, Inventory, Room, System

_SHORTEST = 4
"""Latin letters of a word that stands in no other sentence by chance."""
_SHORTEST_SOUND = 8
_SHARED = {
    "hosts": ("name", "address", "new_address"),
    "devices": ("name", "address", "new_address"),
    "databases": ("name",),
    "services": ("name",),
    "data_resources": ("name",),
}
"""Count as its words unless another system has the very same one in the same field (a host that two run on)."""
_OWN = {
    "path", "unit", "entry", "serial", "model", "special_equipment_note", "remark", "contact", "phone", "role", "data_directory", "secret", "admin_secret",
}  # fmt: skip
"""Count as its words unless they stand anywhere else in the inventory."""


def words_of(system: System, inventory: Inventory) -> tuple[str, ...]:
    """Longest first; none shorter than two Chinese or four other characters, but for what it is called: two with a letter (``HR``). That is
    among them whoever mentions it; only another system of the same name excuses it. The ids of others never are: counts and plans stand on
    them."""
    others = [one for one in inventory.systems if one.id != system.id]
    others += [row.system for row in inventory.excluded if row.system and row.system.id != system.id]
    nouns: tuple[System | Department | Room, ...] = (*others, *inventory.departments, *inventory.rooms)
    everything = {text for noun in nouns for text in _texts(noun.model_dump(mode="json"))}
    elsewhere = "\n".join(everything)
    mine = system.model_dump(mode="json")
    found = _names(system) - {name for other in others for name in _names(other)}
    for field in ((part, name) for part, names in _SHARED.items() for name in names):
        found |= _values(system, *field) - {value for other in others for value in _values(other, *field)}
    found |= set(system.domains) - {domain for other in others for domain in other.domains}
    found |= _values(system, "links", "address") - everything  # where it goes: mostly the places of others
    found |= {text for text in _texts(mine, _OWN) if not whole_words([text]).search(elsewhere)}
    found -= {noun.id for noun in nouns}
    called = {name for name in _names(system) if len(name) > 1 and not name.isdigit()}
    told = {text for text in found if text in called or len(text) >= (_SHORTEST if text.isascii() else 2)}
    return tuple(sorted(told, key=lambda text: (-len(text), text)))


def whole_words(words: Iterable[str]) -> re.Pattern[str]:
    """Matches each word where it stands by itself, in whatever case, a short one with capitals as it is written (``IT`` is no ``it``); nothing
    without words."""
    ordered = sorted({word for word in words if word}, key=len, reverse=True)
    return re.compile("|".join(rf"(?<![A-Za-z0-9_-]){_pattern(word)}(?![A-Za-z0-9_-])" for word in ordered) or r"(?!)", re.IGNORECASE)


def _pattern(word: str) -> str:
    short = word.isascii() and len(word) < _SHORTEST and not word.islower()
    return f"(?-i:{re.escape(word)})" if short else re.escape(word)


def _names(system: System) -> set[str]:
    return {name.strip() for name in (system.name, system.name_en) if name and name.strip()}


def sounds_of(system: System, inventory: Inventory) -> tuple[str, ...]:
    """What it is called in pinyin, as somebody may have called a file; not where another system sounds so, nor short ones: they stand anywhere."""
    return tuple(sorted(_sounds(system) - {word for other in systems_of(inventory) if other.id != system.id for word in _sounds(other)}))


def _sounds(system: System) -> set[str]:
    spoken = "" if system.name.isascii() else sound(system.name)
    return {word for word in (spoken, spoken.replace("-", "")) if len(word) >= _SHORTEST_SOUND}


def _values(system: System, part: str, name: str) -> set[str]:
    """What one field says in every noun of one part, e.g. the addresses of the hosts."""
    return {value.strip() for noun in getattr(system, part) if (value := getattr(noun, name)) and value.strip()}


def _texts(value: Any, names: Collection[str] | None = None) -> Iterator[str]:
    """Every text in a dumped noun; with ``names``, of those fields only."""
    if isinstance(value, dict):
        for name, one in value.items():
            if isinstance(one, dict | list) or names is None or name in names:
                yield from _texts(one, names)
    elif isinstance(value, list):
        for one in value:
            if isinstance(one, dict) or names is None:
                yield from _texts(one, names)
    elif isinstance(value, str) and value.strip():
        yield value.strip()
