"""Machines of one system on several lists (two vCenters, a cloud and a room): one group, whichever list was read first."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from orchestrator.inventory.build.several_rows import join_unknown
from orchestrator.inventory.names import key
from orchestrator.inventory.reading import Raw

if TYPE_CHECKING:
    from orchestrator.inventory.build.builder import Builder

_SUMS = ("servers", "vcpus", "memory_gb", "storage_gb")
_JOINED = ("os", "room", "dbms", "middleware", "operator", "vendor")


@dataclass
class MachineGroup:
    """Machines of one system. ``stated``: a named person has said that nothing on their sheet is classified."""

    name: str
    system: Raw
    parts: list[Raw]
    stated: bool


def take_groups(builder: Builder) -> None:
    """Groups of a system that other rows or the folder know add to it, others are systems once they are known not to be classified."""
    known = {key(str(raw.values.get("name"))): raw for raw in builder.systems}
    for group in merged_groups(builder.groups):
        system = known.get(key(group.name))
        if system is None and key(group.name) in builder.names_withheld:
            for part in group.parts:  # a list says that it is classified, or does not say
                builder.withheld_parts.forget(part)
            continue
        if system is not None:
            for field, value in group.system.values.items():  # what the statistics row leaves open
                if system.values.get(field) in (None, "") and field not in system.unread:
                    system.values[field] = value
        elif not builder.is_stored(group.name):
            if not group.stated:
                continue
            builder.systems.append(group.system)
        builder.parts += [("hosts", part) for part in group.parts]


def merged_groups(groups: Iterable[MachineGroup]) -> list[MachineGroup]:
    """One for each system, in the order of their names."""
    by_name: dict[str, list[MachineGroup]] = {}
    for group in groups:
        by_name.setdefault(key(group.name), []).append(group)
    return [alike[0] if len(alike) == 1 else _merged(alike) for _, alike in sorted(by_name.items())]


def _merged(groups: Sequence[MachineGroup]) -> MachineGroup:
    """All of their machines. A sum of which one list knows no part is none, and what two lists say differently is not taken."""
    groups = sorted(groups, key=lambda group: (group.system.file, group.system.sheet, group.system.cell))
    first = groups[0].system
    values: dict[str, Any] = {}
    for field in dict.fromkeys(field for group in groups for field in group.system.values):
        said = [group.system.values[field] for group in groups if group.system.values.get(field) is not None]
        if field in _SUMS:
            if len(said) == len(groups):
                values[field] = round(sum(map(float, said)), 3) if field != "servers" else sum(said)
        elif field in _JOINED:
            values[field] = "、".join(dict.fromkeys(map(str, said)))[:200]
        elif field == "name" or len({repr(value) for value in said}) == 1:
            values[field] = said[0]
        elif field == "status" and "in_use" in said:
            values[field] = "in_use"  # a system of which one machine is in use
    first.values = values
    for group in groups[1:]:
        first.unknown = join_unknown(first.unknown, group.system.unknown)
        first.unread |= group.system.unread
    return MachineGroup(groups[0].name, first, [part for group in groups for part in group.parts], all(group.stated for group in groups))
