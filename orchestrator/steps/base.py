"""What a step is, what it may use, and what observing it answers.

A step is declared, not assembled: illegal shapes fail at import. ``observe`` looks at the world, never at what ``run``
returned. Everything here is plain data and protocols; the engine fills them.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Protocol

from orchestrator import texts
from orchestrator.cloud.stand import Stand
from orchestrator.errors import Finding, TurnedBack
from orchestrator.models import Plan, Sites, System, Verdict
from orchestrator.progress import Progress
from orchestrator.settings import Settings
from orchestrator.texts import Words

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


class Coverage(StrEnum):
    """How far a dry run went into a step."""

    EXECUTED = "executed"
    """It ran: it only computes or reads."""
    CHECKED = "checked"
    """The world was asked, read-only, or its inputs were held to their rules."""
    PLANNED = "planned"
    """What it would do is said, by the tool or by the step itself, from its real inputs."""
    SIMULATED = "simulated"
    """Done on something made for it."""
    NOT_TOUCHED = "not_touched"


@dataclass(frozen=True)
class Preview:
    """What a dry run could do of a step. ``says``: how; why not, where nothing could be done."""

    coverage: Coverage
    says: Words
    findings: tuple[Finding, ...] = ()
    detail: Facts = field(default_factory=dict)
    """For the outputs, e.g. what Terraform would make."""

    @property
    def how(self) -> str:
        """In the language of this process."""
        return str(self.says)


@dataclass(frozen=True)
class Step:
    """The smallest thing that is run, verified and, where it can be, undone. ``id`` is stable: the journal keeps it.

    ``run`` may be called again after an interruption and must then reach the same end. An undo has two halves, because
    the target may be the very thing that is broken; each must succeed on something half done or not done at all.
    """

    id: str
    effect: Effect
    run: Callable[[Context], Facts]
    observe: Callable[[Context], Observed]
    undo_source: Callable[[Context], None] | None = None
    """Takes back what was done to what citizens are served by, and works without the target. Its first failure stops the
    way back and needs a person."""
    undo_target: Callable[[Context], None] | None = None
    """Takes back what was made on the target, before the source's half. Best effort: a failure is clean-up that is owed,
    named in the ending and tried again by `resume`; left out where people declared the target lost."""
    takes_target_away: bool = False
    """Its ``undo_target`` removes the target itself, and with it whatever was still owed there."""
    switches: str | None = None
    """``target`` or ``source``: after this step citizens' writes go there. At most one such step a runbook."""
    settle: Callable[[Context], Facts | None] | None = None
    """Of a step that switches under a guard: after an interruption, what the world says it came to, with what was half done
    completed or taken back. Facts when it had switched, None when citizens are where they were."""
    moves_data: bool = False
    """It copies for long over lines that others use: limits (``flows/limits.py``) hold for it."""
    preview: Callable[[Context, bool], Preview] | None = None
    """What a dry run can do of it; the flag says whether hosts may be asked (read-only). None: nothing. Touches nothing."""

    def __post_init__(self) -> None:
        if self.effect is Effect.REVERSIBLE and not self.has_undo and self.switches is None:
            raise TypeError(f"step {self.id} is REVERSIBLE and has no undo")
        if self.takes_target_away and self.undo_target is None:
            raise TypeError(f"step {self.id} takes no target away: it has no undo_target")
        if self.effect is not Effect.REVERSIBLE and self.has_undo:
            raise TypeError(f"step {self.id} is {self.effect} and has an undo")
        if self.switches is not None and self.effect is not Effect.REVERSIBLE:
            raise TypeError(f"step {self.id} switches traffic and is {self.effect}: a switch has a way back")
        if self.switches not in (None, "source", "target"):
            raise TypeError(f"step {self.id} switches to {self.switches}: only source and target exist")
        if self.settle is not None and self.switches is None:
            raise TypeError(f"step {self.id} has nothing to settle: it switches nothing")

    @property
    def title(self) -> str:
        """Its name in the language of this process (``texts``, table ``step``)."""
        return texts.text(f"step.{self.id}") if texts.knows(f"step.{self.id}") else self.id

    @property
    def names(self) -> tuple[str, str]:
        """Chinese and English, for a document that has both."""
        return texts.both(f"step.{self.id}")

    @property
    def kept_title(self) -> str:
        """Its name as it is kept on record."""
        return texts.english(f"step.{self.id}") if texts.knows(f"step.{self.id}") else self.id

    @property
    def has_undo(self) -> bool:
        """Whether going back has anything to do here."""
        return self.undo_source is not None or self.undo_target is not None

    @property
    def can_be_left(self) -> bool:
        """Whether a person's cancel or rollback may interrupt it while it runs. A switch is decided by its guard within
        its budget, never left half way; and past the point of no return there is no way back."""
        return self.switches is None and self.effect is not Effect.ONE_WAY


class Interruptible(Protocol):
    """What a step waits for, and what can be ended from another thread."""

    def watched(self) -> AbstractContextManager[None]: ...
    def interrupt(self) -> None: ...
    def go_on(self) -> None: ...


class Records(Protocol):
    """The journal as a step sees it: bound to one migration and its lease."""

    def gate(self, gate: str, digest: str) -> Mapping[str, Any]: ...
    def ask_again(self, gate: str) -> None: ...
    def approved_window(self) -> Mapping[str, str] | None: ...
    def said(self, kind: str) -> bool: ...
    def task(self, step: str, name: str, *, zh: str, en: str, detail: Mapping[str, Any]) -> Mapping[str, Any]: ...
    def reopen_task(self, step: str, name: str, refused: Sequence[str]) -> None: ...
    def task_opened(self, step: str, name: str) -> float | None: ...
    def tasks_done(self, step: str) -> list[str]: ...
    def measure(self, **values: Any) -> None: ...
    def copied(self, *, what: str, source_state: str, size: int, items: int) -> None: ...
    def process(self, record: ProcessRecord) -> None: ...
    def witness(self, record: ProcessRecord) -> None: ...
    def event(self, kind: str, payload: Mapping[str, Any]) -> None: ...
    def history(self, kind: str) -> Sequence[Mapping[str, Any]]: ...
    def stand(self) -> Stand: ...
    def owing(self) -> Sequence[str]: ...
    def set_live(self, live: str) -> None: ...
    def held(self) -> str | None: ...
    def switch_time(self) -> str | None: ...
    def turn_back_asked(self) -> str | None: ...
    def stay_decided(self) -> str | None: ...
    def watch(self, problems: Mapping[str, Words]) -> None: ...
    def watched(self) -> AbstractContextManager[None]: ...
    def interrupt(self) -> None: ...
    def go_on(self) -> None: ...


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
    progress: Callable[[Progress], None] = lambda _progress: None
    """How far something long has come; told as often as there is news."""
    facts: dict[str, Facts] = field(default_factory=dict)
    digest: str = ""
    """The approved plan's digest for this system."""
    should_stop: Callable[[], bool] = lambda: False
    """Whether a person wants to turn back. Asked by every wait that is neither SQL, SSH nor a child process: those are
    ended from outside (``engine/interruption.py``)."""

    target_is_lost: Callable[[], bool] = lambda: False
    """Whether people declared that the target is gone: what cannot be asked of it is then taken as ended."""

    @property
    def interruptible(self) -> tuple[Interruptible, ...]:
        """What a running step may be waiting for."""
        return (self.world, self.records)

    def pause(self, seconds: float) -> None:
        """Sleeps. Raises TurnedBack as soon as a person wants to turn back."""
        until = time.monotonic() + seconds
        while True:
            self.stop_if_asked()
            left = until - time.monotonic()
            if left <= 0:
                return
            time.sleep(min(0.2, left))

    def stop_if_asked(self) -> None:
        """Raises TurnedBack when a person wants to turn back."""
        if self.should_stop():
            raise TurnedBack(where=self.migration)

    def fact(self, step: str, name: str) -> Any:
        """A fact of an earlier step. Raises KeyError: a runbook in the wrong order is a bug."""
        return self.facts[step][name]
