"""Which system or department somebody means: by id, by name as people write it, or as it sounds (pinyin, or the first letters of its
syllables). What has two meanings is asked back, never guessed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeVar

from orchestrator.errors import UsageError
from orchestrator.inventory.names import is_id, key, near, sounds
from orchestrator.models import Department, Inventory, System
from orchestrator.texts import Words, say

Named = TypeVar("Named", System, Department)
_SHORTEST_SOUND = 3
LISTED = 10
"""Candidates that are named."""


def find_system(inventory: Inventory, said: str, *, outside: bool = False) -> System:
    """The system with this id, or else with this name (width, case, spaces and brackets do not matter), Chinese or English, or in pinyin.

    ``outside``: also those outside the count. Raises ``UsageError``: nobody bears it (with what looks like it), or several do (with their
    ids and departments).
    """
    systems = [*inventory.systems, *(row.system for row in inventory.excluded if outside and row.system)]
    owners = {department.id: department.name for department in inventory.departments}
    found = _find(systems, said)
    if len(found) == 1:
        return found[0]
    if found:
        told = tuple(f"{one.id}（{owners.get(one.department, one.department)}）" for one in found[:LISTED])
        several = say("inventory.several_systems", name=said, count=len(found))
        raise UsageError(several, remedy=say("inventory.name_by_id", candidates=told))
    raise UsageError(say("inventory.no_system", name=said), remedy=_alike(systems, said, say("inventory.show_lists")))


def find_department(departments: Sequence[Department], said: str) -> Department:
    """The same for a department."""
    found = _find(departments, said)
    if len(found) == 1:
        return found[0]
    if found:
        told = tuple(one.id for one in found[:LISTED])
        raise UsageError(say("inventory.several_departments", name=said), remedy=say("inventory.name_by_id", candidates=told))
    known = tuple(f"{one.name}（{one.id}）" for one in departments[:LISTED])
    otherwise = say("inventory.name_one_of", known=known) if known else say("inventory.no_departments")
    raise UsageError(say("inventory.no_such_department", name=said), remedy=_alike(departments, said, otherwise))


def id_or_as_typed(inventory: Inventory, said: str) -> str:
    """The id of the system that somebody means; what has the form of an id and is none that is known stays: it may have left the inventory.
    Raises ``UsageError`` as above."""
    systems = [*inventory.systems, *(row.system for row in inventory.excluded if row.system)]
    if is_id(said) and len(found := _find(systems, said)) != 1:
        return said if not found else find_system(inventory, said, outside=True).id
    return find_system(inventory, said, outside=True).id


def ids_of(inventory: Inventory, names: Iterable[str]) -> tuple[str, ...]:
    """Ids as they are, names of systems or departments as their ids. Raises ``UsageError`` as above."""
    found = []
    for name in names:
        departments = _find(inventory.departments, name)
        found.append(departments[0].id if len(departments) == 1 else id_or_as_typed(inventory, name))
    return tuple(found)


def _find(known: Iterable[Named], said: str) -> list[Named]:
    """Those with this id; else those with this name."""
    everything, said = list(known), _as_typed(said)
    by_id = [one for one in everything if one.id == said]
    if by_id:
        return by_id[:1]
    wanted = key(said)
    named = [one for one in everything if wanted and wanted in {key(one.name), key(one.name_en or "")}]
    if named or not wanted.isascii() or len(wanted) < _SHORTEST_SOUND:
        return named
    return [one for one in everything if wanted in sounds(one.name)]


def _as_typed(said: str) -> str:
    """What somebody typed in a locale of which the interpreter does not know the letters: it hands on the bytes as they came."""
    if said.isprintable():
        return said
    raw = said.encode("utf-8", "surrogateescape")
    for encoding in ("utf-8", "gb18030"):
        try:
            return raw.decode(encoding)
        except UnicodeDecodeError:
            continue
    return said


def _alike(known: Iterable[System] | Iterable[Department], said: str, otherwise: Words) -> Words:
    """``did you mean``: those whose id or name looks like it."""
    words: dict[str, str] = {}
    for one in known:
        words |= dict.fromkeys((one.id, one.name), f"{one.id}（{one.name}）")
    alike = dict.fromkeys(words[word] for word in near(said, words))
    return say("inventory.did_you_mean", candidates=tuple(alike)) if alike else otherwise
