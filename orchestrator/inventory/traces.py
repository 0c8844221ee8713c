"""The words that give a system away: what it is called, where it runs, and what only it has (R2).

Every text that a system holds is looked at, at whatever depth, so that a field that is new counts as well. What does not count is named here:
texts of closed lists, those that say of which kind something is, and the words of everybody.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterable, Iterator
from enum import Enum
from functools import cache
from types import NoneType, UnionType
from typing import Any, Literal, NamedTuple, Union, cast, get_args, get_origin

from pydantic import BaseModel

from orchestrator.inventory.names import sound
from orchestrator.inventory.reading import systems_of
from orchestrator.models import Inventory, System

_SHORTEST = 4
"""Latin letters of a word that stands in no other sentence by chance."""
_SHORTEST_NUMBER = 7
_SHORTEST_SOUND = 8
_CALLED = {("name",), ("name_en",)}
_IDENTITIES = {
    *(("hosts", field) for field in ("name", "address", "new_address", "target")),
    *(("devices", field) for field in ("name", "address", "new_address")),
    ("databases", "name"), ("services", "name"), ("data_resources", "name"), ("domains",),
}  # fmt: skip
"""Count unless another system has the very same one in the same field (a host that two run on), whoever else mentions them. A landing is a
machine as a host is. All other texts count unless they stand anywhere else in the inventory."""
OF_A_KIND = {
    "architecture", "os", "dbms", "engine", "version", "middleware", "processor", "domestic", "protection_standard",
    "service_hours", "backup", "update_frequency", "start", "end", "needs", "expected", "target", "open_ports",
    "in_service_since", "planned_end", "end_of_support", "vendor", "operator", "security_owner", "data_owner",
    "id", "department", "depends_on", "database_owner", "peer", "room",
}  # fmt: skip
"""Say of which kind something is, or name somebody else. Only the places in them count. (A host's ``target`` is an identity before.)"""
_ARGV = {"command", "boot", "off"}
ORDINARY = {
    "true", "false", "none", "null", "start", "stop", "restart", "reload", "info", "debug", "warning", "error", "prod", "test",
    "production", "development", "staging", "default", "root", "postgres", "oracle", "mysql", "mariadb", "www-data", "apache", "nginx",
    "nobody", "admin", "daemon", "localhost", "localhost.localdomain", "127.0.0.1", "127.0.1.1", "255.255.255.0", "utf-8", "utf8",
    "utf8mb4", "postgresql", "zh_cn.utf-8", "c.utf-8", "en_us.utf-8", "asia/shanghai", "/etc/hosts", "/etc/hostname", "/etc/fstab",
    "/etc/resolv.conf", "/etc/network/interfaces", "/etc/nginx/nginx.conf", "/etc/machine-id", "/var/cache", "/var/log",
    "0.0.0.0", "/var/tmp",  # noqa: S104, S108 - words that are told apart, nothing is bound or written
    "/bin/sh", "/bin/bash", "/usr/bin/env", "/usr/bin/python3", "/usr/bin/java", "/bin/true", "/usr/bin/systemctl", "/bin/systemctl",
    "/dev/null", "application/json", "system.slice", "multi-user.target", "ssh.service", "sshd.service", "cron.service",
}  # fmt: skip
"""Words that any machine has, however few systems are in the inventory."""
_PLACES = re.compile(
    r"(?<![\d.])\d{1,3}(?:\.\d{1,3}){3}(?![\d.])"  # an address
    r"|(?<![\w.-])(?:[A-Za-z0-9][A-Za-z0-9-]*\.){2,}[A-Za-z]{2,}(?![\w-])"  # a name of the domain name system
    r"|(?<![\w./])(?:/[\w.@-]+){2,}"  # a file
)


class _Text(NamedTuple):
    field: tuple[str, ...]
    """The fields that lead to it, without ``landing``."""
    text: str


def words_of(system: System, inventory: Inventory) -> tuple[str, ...]:
    """Longest first; none shorter than two Chinese or four other characters, but for what it is called: two with a letter (``HR``). That is
    among them whoever mentions it; only another system of the same name excuses it. The ids of others never are: counts and plans stand on
    them."""
    others = [other for other in inventory.systems if other.id != system.id]
    others += [row.system for row in inventory.excluded if row.system and row.system.id != system.id]
    nouns: tuple[BaseModel, ...] = (*others, *inventory.departments, *inventory.rooms)
    theirs = {text for noun in nouns for text in _texts(noun)}
    elsewhere = "\n".join({text.text for text in theirs})
    mine = set(_texts(system))
    found = _names(system) - {name for other in others for name in _names(other)}
    found |= {text.text for text in mine - theirs if text.field in _IDENTITIES}
    own = {word for text in mine if text.field not in _IDENTITIES for word in _words_in(text)}
    own = {word for word in own if word.lower() not in ORDINARY}
    found |= {word for word in own if not whole_words([word]).search(elsewhere)}
    found -= {text.text for text in theirs if text.field == ("id",)}
    called = {name for name in _names(system) if len(name) > 1 and not name.isdigit()}
    told = called & found | {text for text in found if not _stands_by_chance(text)}
    return tuple(sorted(told, key=lambda text: (-len(text), text)))


def _stands_by_chance(text: str) -> bool:
    """Too short to be told from another sentence's word; a number from any other (a port, a size)."""
    if text.isdigit():
        return len(text) < _SHORTEST_NUMBER
    return len(text) < (_SHORTEST if text.isascii() else 2)


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


def _words_in(text: _Text) -> Iterator[str]:
    """What of a text may give its system away: the whole of it where it is no word of a kind, and each place in it."""
    yield from _PLACES.findall(text.text)
    *_, field = text.field
    if text.field in _CALLED or field in OF_A_KIND or text.text.startswith("@"):
        return  # what it is called is judged by itself; a reference is looked up in what counts anyway
    before, _, after = text.text.partition("=")
    if field in _ARGV and (after or before.startswith("-")):
        yield after  # of an option its value
    else:
        yield text.text


def _texts(noun: BaseModel, fields: tuple[str, ...] = ()) -> Iterator[_Text]:
    """Every text in a noun but those of closed lists and, of a command, the program where it is everybody's (``systemctl``)."""
    for name, field in type(noun).model_fields.items():
        if _is_closed(cast(Hashable, field.annotation)):
            continue
        here = fields if name == "landing" else (*fields, name)
        for number, value in enumerate(_leaves(getattr(noun, name))):
            if isinstance(value, BaseModel):
                yield from _texts(value, here)
                continue
            program = name in _ARGV and number == 0 and "/" not in value
            if isinstance(value, str) and not isinstance(value, Enum) and value.strip() and not program:
                yield _Text(here, value.strip())


def _leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        value = tuple(value.values())
    if isinstance(value, tuple):
        for part in value:
            yield from _leaves(part)
    else:
        yield value


@cache
def _is_closed(annotation: Hashable) -> bool:
    """Whether what stands there is one of a list that the program knows: ``Literal``, alone, in a tuple or beside None."""
    if get_origin(annotation) is Literal:
        return True
    parts = [part for part in get_args(annotation) if part not in {Ellipsis, NoneType}]
    return get_origin(annotation) in {tuple, Union, UnionType} and all(_is_closed(part) for part in parts)
