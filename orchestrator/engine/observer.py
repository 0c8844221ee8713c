"""Who is told what happens: a terminal, lines in a log, JSON for a pipeline, a page.

An observer is told facts and chooses its own words and pace. It never raises, never blocks for long, and nothing depends on
what it does: the truth is in the journal.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from orchestrator.journal.states import Ending
from orchestrator.progress import Progress


@dataclass(frozen=True)
class Report:
    """How one migration stands when its run is over. ``ending`` is None where it waits."""

    ending: Ending | None
    why: str = ""
    waiting: str = ""
    refused: bool = False
    """It ended before anything was touched."""
    findings: Sequence[Mapping[str, Any]] = ()
    owed: Sequence[Mapping[str, Any]] = ()


class Observer(Protocol):
    """Called from the threads of several migrations at once; ``system`` says of which."""

    def said(self, system: str, text: str) -> None:
        """Something worth a line."""

    def advanced(self, system: str, step: str, state: str, number: int, of: int) -> None:
        """A step changed its state: the ``number``-th ``of`` so many, by its id."""

    def progressed(self, system: str, progress: Progress) -> None:
        """Something long goes on; called as often as there is news."""

    def waiting(self, system: str, what: str) -> None:
        """It stands until a person decides, a window opens, another system has moved."""

    def ended(self, system: str, report: Report) -> None:
        """The run of this migration is over."""


class Silent:
    """Tells nobody."""

    def said(self, system: str, text: str) -> None: ...
    def advanced(self, system: str, step: str, state: str, number: int, of: int) -> None: ...
    def progressed(self, system: str, progress: Progress) -> None: ...
    def waiting(self, system: str, what: str) -> None: ...
    def ended(self, system: str, report: Report) -> None: ...
