"""What a service's environment may refer to: ``@listen.port``, ``@database.register.host``, ``@device.host`` … A table is looked
up, nothing is evaluated.

Each database has its own words, ``@database.NAME.host``; the short ones, ``@database.host``, are there only where the system has
exactly one database, so that nobody is given the first one's address for the second's. Devices alike.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from orchestrator.models import System

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


_DATABASE_WORD = re.compile(r"@database\.(?:([A-Za-z_][A-Za-z0-9_$]*)\.)?(host|name)(?![A-Za-z0-9_.])")


def find_fixed_names(system: System) -> list[tuple[str, str]]:
    """(service, database or empty for the only one): it is led to another host by a reference, and to the database by a name that is
    written down. The rehearsal works on a throwaway copy, which is called otherwise."""
    found = []
    for service in system.services:
        values = [*service.environment.values(), *(value for file in service.files for value in file.set.values())]
        words = {(match[1] or "", match[2]) for value in values for match in _DATABASE_WORD.finditer(value)}
        found += [(service.name, database) for database, word in sorted(words) if word == "host" and (database, "name") not in words]
    return found


DATABASE_WORDS = ("host", "port", "name", "role", "secret_file")
DEVICE_WORDS = ("host", "port")


def find_unknown(system: System, movable: Sequence[str]) -> list[tuple[str, str, str, list[str]]]:
    """(service, variable, reference, what there is) of every reference that nothing stands for. Asks nobody."""
    databases = [Reached(name, dict.fromkeys(DATABASE_WORDS, "")) for name in movable]
    devices = [Reached(device.name, dict.fromkeys(DEVICE_WORDS, "")) for device in system.devices]
    table = make_table({"address": "", "port": ""}, databases, devices)
    found = []
    for service in system.services:
        for variable, value in service.environment.items():
            if REFERENCE.match(value) and value not in table:
                found.append((service.name, variable, value, sorted(table)))
    return found
