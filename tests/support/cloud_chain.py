"""The journal as ``cloud.book`` needs it, in memory: what was put on the chain, and a stand that a test sets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from orchestrator.cloud.stand import Stand


class ChainInMemory:
    """See ``orchestrator.cloud.book.Chain``."""

    def __init__(self) -> None:
        self.facts: list[tuple[str, Mapping[str, Any]]] = []
        self.stands = Stand.NOTHING
        self.owes: list[str] = []

    def event(self, kind: str, payload: Mapping[str, Any]) -> None:
        self.facts.append((kind, payload))

    def history(self, kind: str) -> Sequence[Mapping[str, Any]]:
        return [payload for name, payload in self.facts if name == kind]

    def stand(self) -> Stand:
        return self.stands

    def owing(self) -> Sequence[str]:
        return self.owes
