"""What a service's environment may refer to: ``@listen.port``, ``@database.register.host``, ``@device.host`` … A table is looked
up, nothing is evaluated.

Each database has its own words, ``@database.NAME.host``; the short ones, ``@database.host``, are there only where the system has
exactly one database, so that nobody is given the first one's address for the second's. Devices alike.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import NamedTuple

from orchestrator.models import Service, System
from orchestrator.texts import Sentence, say

REFERENCE = re.compile(r"^@(listen|database|device)\.\S+$")


@dataclass(frozen=True)
class Reached:
    """How a service reaches one database or device."""

    name: str
    values: Mapping[str, str]


def make_table(listen: Mapping[str, str], databases: Sequence[Reached], devices: Sequence[Reached]) -> dict[str, str]:
    """Every word and its value."""
    table = {f"@listen.{key}": value for key, value in listen.items()}
    for kind, things in (("database", databases), ("device", devices)):
        for thing in things:
            table |= {f"@{kind}.{thing.name}.{key}": value for key, value in thing.values.items()}
        if len(things) == 1:
            table |= {f"@{kind}.{key}": value for key, value in things[0].values.items()}
    return table


_DATABASE_WORD = re.compile(r"@database\.(?:([A-Za-z_][A-Za-z0-9_$]*)\.)?(host|name|role|secret_file|password)(?![A-Za-z0-9_.])")


class Fixed(NamedTuple):
    """A service takes ``given`` of a database by a reference, and has ``lacks``, which goes with it, written down by itself. The rehearsal
    works on a throwaway copy, which is called otherwise and has an account of its own."""

    service: str
    given: str
    lacks: str


def find_fixed(system: System) -> list[Fixed]:
    """What is led to by half. Asks nobody."""
    found = []
    for service in system.services:
        values = [*service.environment.values(), *(value for file in service.files for value in file.edits.values())]
        said = {(match[1] or "", match[2]) for value in values for match in _DATABASE_WORD.finditer(value)}
        for database in sorted({database for database, _ in said}):
            words = {word for of, word in said if of == database}
            at = f"@database.{database}." if database else "@database."
            if "host" in words and "name" not in words:
                found.append(Fixed(service.name, f"{at}host", f"{at}name"))
            secrets = words & {"secret_file", "password"}
            if "role" in words and not secrets:
                found.append(Fixed(service.name, f"{at}role", f"{at}password"))
            if secrets and "role" not in words:
                found.append(Fixed(service.name, f"{at}{min(secrets)}", f"{at}role"))
    return found


DATABASE_WORDS = ("host", "port", "name", "role", "secret_file")
DEVICE_WORDS = ("host", "port")
PASSWORD = "password"  # noqa: S105 - the word that refers to one
KINDS = ("listen", "database", "device")
_ALONE = re.compile(r"^@([A-Za-z_-]+)\.\S+$")
_IN_BRACES = re.compile(r"\{(@([A-Za-z_-]+)\.[^\s{}]+)\}")
_AMONG_TEXT = re.compile(r"(?<![A-Za-z0-9_.+@-])@(?:listen|database|device)\.[A-Za-z_][A-Za-z0-9_$.-]*[A-Za-z0-9_$]")


class Unknown(NamedTuple):
    """A reference that nothing stands for. ``at``: where in its system; ``known``: what may stand there, empty where the word is right and
    what it means is not filled in."""

    at: tuple[str | int, ...]
    word: str
    says: Sentence
    known: tuple[str, ...]


def words_in(value: str) -> list[str]:
    """The references of a value of a configuration file: it alone, or those in braces."""
    return [value] if REFERENCE.match(value) else [match[1] for match in _IN_BRACES.finditer(value) if match[2] in KINDS]


def words_of(system: System, service: Service, *, password: bool, further: Sequence[str] = ()) -> dict[str, str]:
    """What a service may refer to, and the field of the inventory that it stands for where nobody filled that in. ``further``: databases that
    are written down and could not be read."""
    databases = [
        Reached(database.name, {**dict.fromkeys(DATABASE_WORDS, ""), "role": "" if database.role else f"databases.{database.name}.role"})
        for database in system.databases
    ]
    databases += [Reached(name, dict.fromkeys(DATABASE_WORDS, "")) for name in further if all(name != one.name for one in databases)]
    if password:
        databases = [Reached(one.name, {**one.values, PASSWORD: ""}) for one in databases]
    devices = [
        Reached(device.name, {"host": "", "port": "" if device.port else f"devices.{device.name}.port"}) for device in system.devices
    ]
    return make_table({"address": "", "port": "" if service.port else f"services.{service.name}.port"}, databases, devices)


def find_unknown(system: System, further: Sequence[str] = ()) -> Iterator[Unknown]:
    """Every reference of environments and files that nothing stands for. Asks nobody."""
    for service in system.services:
        allowed = words_of(system, service, password=False, further=further)
        for variable, value in service.environment.items():
            at: tuple[str | int, ...] = ("services", service.name, "environment", variable)
            yield from _unknown(at, service, variable, _alone(value), allowed)
            for word in _among_text(value):
                yield Unknown(at, word, say("steps.reference_in_text", service=service.name, variable=variable, word=word), (word,))
        allowed = words_of(system, service, password=True, further=further)
        for number, file in enumerate(service.files):
            edits = [("set", *edit) for edit in file.set.items()] + [("add", *edit) for edit in file.add.items()]
            for under, key, value in edits:
                at = ("services", service.name, "files", number, under, key)
                meant = _alone(value) or [match[1] for match in _IN_BRACES.finditer(value) if _is_meant(match[2])]
                yield from _unknown(at, service, f"{file.path} {key}", meant, allowed)
                for word in _among_text(_IN_BRACES.sub("", value)):
                    yield Unknown(at, word, say("steps.reference_in_text", service=service.name, variable=key, word=word), (f"{{{word}}}",))


def _unknown(
    at: tuple[str | int, ...], service: Service, variable: str, meant: Sequence[str], allowed: Mapping[str, str]
) -> Iterator[Unknown]:
    for word in meant:
        if word not in allowed:
            says = say("steps.variable_refers", service=service.name, variable=variable, value=word)
            yield Unknown(at, word, says, tuple(sorted(allowed)))
        elif allowed[word]:
            says = say("steps.refers_to_empty", service=service.name, variable=variable, value=word, field=allowed[word])
            yield Unknown(at, word, says, ())


def _alone(value: str) -> list[str]:
    match = _ALONE.match(value)
    return [value] if match and _is_meant(match[1]) else []


def _is_meant(kind: str) -> bool:
    """Whether a reference was meant: of a kind that there is, or nearly so."""
    return kind in KINDS or bool(get_close_matches(kind.lower(), KINDS, 1, 0.7))


def _among_text(value: str) -> list[str]:
    return [] if REFERENCE.match(value) else _AMONG_TEXT.findall(value)
