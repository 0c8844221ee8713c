"""What a source's server must be like before a mover can work, whatever its engine: ``prepare-source`` speaks these only.

An implementation must write down on the server's own host how it was, before its first change, so that ``take_back`` needs nobody's
memory; ``find_changes`` only reads; ``prepare`` and ``take_back`` may be repeated, and restart nothing. What several systems need goes
with the last of them: ``take_back`` returns the others, None where nothing had been prepared.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Protocol

from orchestrator.texts import Words


@dataclass(frozen=True)
class Wanted:
    """What a source is to be like. ``lines``: (database, role, network, method) of those who may come in."""

    role: str
    password: str = dataclasses.field(repr=False)
    listen: str
    lines: tuple[tuple[str, str, str, str], ...]


@dataclass(frozen=True)
class Change:
    """One difference, as a person reads it. ``restart``: nothing of it is in force before the server was restarted."""

    what: str
    now: Words
    wanted: Words
    restart: bool = False


class SourceServer(Protocol):
    """One server on its host. Raises ToolError with the server's own words."""

    def find_changes(self, wanted: Wanted) -> list[Change]: ...
    def is_restart_owed(self) -> bool: ...
    def data_directory(self) -> str: ...
    def prepare(self, wanted: Wanted) -> None: ...
    def take_back(self) -> list[str] | None: ...
