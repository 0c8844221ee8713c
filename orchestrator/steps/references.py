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
