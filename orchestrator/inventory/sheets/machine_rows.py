"""One row of a list of machines, and what several of them say together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

BY_PREFIX = "主机名前缀"


@dataclass
class Machine:
    row: int
    name: str
    keys: Mapping[str, str]
    """Header → value, of the columns that it may be grouped by."""
    values: dict[str, Any] = field(default_factory=dict)
    off: bool = False
    system: dict[str, Any] = field(default_factory=dict)
    """What its row says of its system."""
    classified: bool | None = None
    unread: set[str] = field(default_factory=set)
    """Fields of its system whose cell was filled, and is being asked about."""
    kept: dict[str, str] = field(default_factory=dict)
    """Header → cell, of columns that somebody said are to be kept as they are, or that are no machine's."""


def group_of_prefix(alone: Iterable[Machine], groups: Mapping[str, Iterable[Machine]]) -> str:
    """The one group some of whose machines are called as these are; empty where there is none, or where one of them may be classified."""
    prefixes = {machine.keys[BY_PREFIX] for machine in alone}
    alike = [name for name, members in groups.items() if any(machine.keys[BY_PREFIX] in prefixes for machine in members)]
    if len(alike) != 1 or any(machine.classified is not False for machine in (*alone, *groups[alike[0]])):
        return ""
    return alike[0]


def kept_of(members: Iterable[Machine]) -> dict[str, str]:
    """What is kept of one system's machines: each text once."""
    texts: dict[str, list[str]] = {}
    for machine in members:
        for words, text in machine.kept.items():
            said = texts.setdefault(words, [])
            if text not in said:
                said.append(text)
    return {words: "；".join(said)[:2000] for words, said in texts.items()}
