"""Whose a backend is, where several systems share a web server: all of them lead to the same address and port.

An entry's ports say where each service's citizens come in. A backend to which only other services' ports lead is theirs, whatever
stands behind it. Where one port serves several, ``backends`` of the entry says it; nothing is guessed.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from orchestrator.gateways.http_hold_files import Section, read_sections, remove_all
from orchestrator.texts import Words, say

COPY = ".or-"
"""Stands between the name of a backend and what a hold calls its copies."""


@dataclass(frozen=True)
class Claims:
    """``mine``: the entries of the services that are moved; ``ports`` and ``backends``: of every entry, as ``sites.yaml`` has them."""

    mine: frozenset[str] = frozenset()
    ports: Mapping[str, int] = field(default_factory=dict)
    backends: Mapping[str, Sequence[str]] = field(default_factory=dict)

    @classmethod
    def of(cls, said: Mapping[str, Any] | None) -> Claims:
        """From the guard's plain values."""
        given = said or {}
        return cls(frozenset(given.get("mine", ())), given.get("ports", {}), given.get("backends", {}))

    def find_others(self, text: str) -> frozenset[str]:
        """Backends of this configuration that are other services'."""
        sections = read_sections(remove_all(text))
        named = self._declared()
        if named:
            return frozenset(section.name for section in sections if section.kind in ("backend", "listen")) - named
        declared = frozenset(backend for name, names in self.backends.items() if name not in self.mine for backend in names)
        return declared | (_reach(sections, self._ports(mine=False)) - _reach(sections, self._ports(mine=True)))

    def find_unclear(self, text: str, candidates: Collection[str]) -> list[Words]:
        """Backends that lead where ours lead, behind a port that other services share: nobody can tell whose they are."""
        shared = self._ports(mine=True) & {port for name, port in self.ports.items() if name not in self.mine}
        if self._declared() or not shared:
            return []
        sections = read_sections(remove_all(text))
        unclear = sorted(set(candidates) & _reach(sections, shared))
        return [say("gateways.unclear_backends", backends=tuple(unclear), ports=tuple(map(str, sorted(shared))))] if len(unclear) > 1 else []

    def _declared(self) -> frozenset[str]:
        return frozenset(backend for name in self.mine for backend in self.backends.get(name, ()))

    def _ports(self, *, mine: bool) -> set[int]:
        own = {port for name, port in self.ports.items() if name in self.mine}
        return own if mine else {port for name, port in self.ports.items() if name not in self.mine} - own


def _reach(sections: Sequence[Section], ports: Collection[int]) -> frozenset[str]:
    """Backends to which what listens at these ports leads by name."""
    found: set[str] = set()
    for section in sections:
        if section.kind in ("frontend", "listen") and _listens(section, ports):
            default = section.default.get("default_backend", "")
            found |= {section.name} if section.kind == "listen" else set()
            for _, words in section.words():
                if words[0] == "default_backend" and len(words) > 1:
                    default = words[1]
                elif words[0] == "use_backend" and len(words) > 1:
                    found.add(words[1])
            found |= {default} if default else set()
    return frozenset(found)


def _listens(section: Section, ports: Collection[int]) -> bool:
    for _, words in section.words():
        for place in words[1].split(",") if words[0] == "bind" and len(words) > 1 else ():
            first, _, last = place.rpartition(":")[2].partition("-")
            if first.isdecimal() and any(int(first) <= port <= int(last if last.isdecimal() else first) for port in ports):
                return True
    return False
