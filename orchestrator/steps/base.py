"""What a step is, what it may use, and what observing it answers.

A step is declared, not assembled: illegal shapes fail at import. ``observe`` looks at the world, never at what ``run``
returned. Everything here is plain data and protocols; the engine fills them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Protocol

from orchestrator.models import Plan, Sites, System, Verdict
from orchestrator.settings import Settings

if TYPE_CHECKING:
    from orchestrator.steps.world import World
    from orchestrator.tools.process import ProcessRecord

Facts = dict[str, Any]


class Effect(StrEnum):
    READ_ONLY = "read_only"
    REVERSIBLE = "reversible"
    ONE_WAY = "one_way"


class Observed(StrEnum):
    """What the world shows after a run, or after a crash."""

    DONE = "done"
    NOT_DONE = "not_done"
    NOTHING = "nothing"
    """This system has no such part: done and undone are the same."""
    UNCLEAR = "unclear"
    """Partly there: running again must be safe, or undoing."""


@dataclass(frozen=True)
class Step:
    """The smallest thing that is run, verified and, where it can be, undone. ``id`` is stable: the journal keeps it.

    ``run`` may be called again after an interruption and must then reach the same end. ``undo`` must succeed on
    something half done or not done at all.
    """

    id: str
    zh: str
    en: str
    effect: Effect
    run: Callable[[Context], Facts]
    observe: Callable[[Context], Observed]
    undo: Callable[[Context], None] | None = None
    switches: str | None = None
    """``target`` or ``source``: after this step citizens' writes go there. At most one such step a runbook."""
    settle: Callable[[Context], Facts | None] | None = None
    """Of a step that switches under a guard: after an interruption, what the world says it came to, with what was half done
    completed or taken back. Facts when it had switched, None when citizens are where they were."""

    def __post_init__(self) -> None:
        if self.effect is Effect.REVERSIBLE and self.undo is None and self.switches is None:
            raise TypeError(f"step {self.id} is REVERSIBLE and has no undo")
        if self.effect is not Effect.REVERSIBLE and self.undo is not None:
            raise TypeError(f"step {self.id} is {self.effect} and has an undo")
        if self.switches is not None and self.effect is not Effect.REVERSIBLE:
            raise TypeError(f"step {self.id} switches traffic and is {self.effect}: a switch has a way back")
        if self.switches not in (None, "source", "target"):
            raise TypeError(f"step {self.id} switches to {self.switches}: only source and target exist")
        if self.settle is not None and self.switches is None:
            raise TypeError(f"step {self.id} has nothing to settle: it switches nothing")


class Records(Protocol):
    """The journal as a step sees it: bound to one migration and its lease."""

    def gate(self, gate: str, digest: str) -> Mapping[str, Any]: ...
    def ask_again(self, gate: str) -> None: ...
    def approved_window(self) -> Mapping[str, str] | None: ...
    def said(self, kind: str) -> bool: ...
    def task(self, step: str, name: str, *, zh: str, en: str, detail: Mapping[str, Any]) -> Mapping[str, Any]: ...
    def tasks_done(self, step: str) -> list[str]: ...
    def measure(self, **values: Any) -> None: ...
    def copied(self, *, what: str, source_state: str, size: int, items: int) -> None: ...
    def process(self, record: ProcessRecord) -> None: ...
    def event(self, kind: str, payload: Mapping[str, Any]) -> None: ...
    def set_live(self, live: str) -> None: ...
    def held(self) -> str | None: ...
    def switch_time(self) -> str | None: ...
    def turn_back_asked(self) -> str | None: ...


@dataclass
class Context:
    """One migration's surroundings. ``facts`` holds what earlier steps returned, by step id."""

    system: System
    verdict: Verdict
    plan: Plan
    sites: Sites
    settings: Settings
    migration: str
    token: int
    records: Records
    say: Callable[[str], None]
    world: World
    facts: dict[str, Facts] = field(default_factory=dict)
    digest: str = ""
    """The approved plan's digest for this system."""

    def fact(self, step: str, name: str) -> Any:
        """A fact of an earlier step. Raises KeyError: a runbook in the wrong order is a bug."""
        return self.facts[step][name]
