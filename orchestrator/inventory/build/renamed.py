"""Departments that bear another name than when they were stored: what lets one suppose so, and what an answer says (原市水务局)."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from orchestrator.inventory.answerbook import Answers
from orchestrator.inventory.cells import plain
from orchestrator.inventory.names import Names, key
from orchestrator.inventory.reading import Raw, systems_of
from orchestrator.models import Department, Inventory

NEW = "新单位"
"""The answer that a department is no stored one under another name."""
_FORMER = re.compile(r"(?:^|[、,;\s])(?:原名|原为|原)[:“\"\s]*([^、,;]+?)[”\"]*(?=[、,;\s]|$)")


@dataclass(frozen=True)
class Perhaps:
    """A stored department that a new one may be. ``shared``: systems of one name. ``sure``: it may be proposed."""

    former: Department
    shared: int
    sure: bool


def former_named(text: str) -> str:
    """What an answer says that a department was called before; empty where it does not say so."""
    found = _FORMER.search(plain(text))
    return found.group(1) if found else ""


class Formerly:
    """The stored departments, and which of them a new name stands for."""

    def __init__(self, known: Inventory | None, answers: Answers, renamed: Mapping[str, str] | None = None) -> None:
        """``renamed``: id of a stored department → the name that it bears now, said for this reading."""
        self._answers = answers
        self._stored = {key(department.name): department for department in known.departments} if known else {}
        by_id = {department.id: department for department in self._stored.values()}
        self._renamed = {key(name): by_id[ident] for ident, name in (renamed or {}).items() if ident in by_id}
        self._systems: dict[str, set[str]] = {}
        for system in systems_of(known) if known else ():
            self._systems.setdefault(system.department, set()).add(key(system.name))

    def of(self, name: str) -> Department | None:
        """The stored department of this name, else the one that somebody said bore another name before."""
        return self._stored.get(key(name)) or self._renamed.get(key(name)) or self._stored.get(key(self._said(name)))

    def is_settled(self, name: str) -> bool:
        """Whether somebody has answered for this department, with a former name that is stored, or without one."""
        answer = self._answers.get("department", about=name)
        return self.of(name) is not None or (answer is not None and not self._said(name))

    def _said(self, name: str) -> str:
        answer = self._answers.get("department", about=name)
        return former_named(answer.answer) if answer is not None and answer.by else ""

    def perhaps(self, raws: Iterable[Raw], others: Collection[str]) -> Mapping[str, Perhaps]:
        """Key of each new department of these rows that may be a stored one which they do not name → that one. ``others``: departments that
        further rows name."""
        systems: dict[str, set[str]] = {}
        for raw in raws:
            if isinstance(raw.values.get("department"), str):
                systems.setdefault(key(raw.values["department"]), set()).add(key(str(raw.values.get("name"))))
        silent = [one for at, one in self._stored.items() if at not in systems and at not in {key(name) for name in others}]
        found = {}
        for at in systems.keys() - self._stored.keys():
            alike = [one for former in silent if (one := self._compare(at, systems[at], former))]
            if alike:
                found[at] = max(alike, key=lambda one: (one.sure, one.shared, one.former.id))
        return found

    def _compare(self, at: str, names: set[str], former: Department) -> Perhaps | None:
        stored = self._systems.get(former.id, set())
        shared = len(names & stored)
        near = bool(shared and Names([former.name]).near(at))
        if not near and not 1 < shared >= len(names) / 2:
            return None
        return Perhaps(former, shared, near or 4 * shared >= 3 * max(len(names), len(stored)))
