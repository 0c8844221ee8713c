"""A journal in a folder of its own, and a tiny world that fake steps act on."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from orchestrator.engine.records import BoundRecords
from orchestrator.engine.runner import Outcome, Runner
from orchestrator.engine.session import Session
from orchestrator.journal.actors import Actor
from orchestrator.journal.store import Journal, Lease
from orchestrator.settings import Settings
from orchestrator.steps.base import Context, Effect, Observed, Step

DEMO = Path(__file__).resolve().parents[3] / "inventories" / "demo"


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(f"sqlite:///{tmp_path / 'journal.sqlite'}")


@pytest.fixture
def session(tmp_path: Path) -> Session:
    """What the command line works with, over a copy of the demo city's inventory."""
    shutil.copytree(DEMO, tmp_path / "inventory")
    return Session(Settings(inventory=tmp_path / "inventory", state=tmp_path / "state"), Actor("os", "zhou"))


@pytest.fixture
def started(journal: Journal) -> str:
    """A migration of the system ``portal`` with two steps, asked for by os:li."""
    return journal.start_migration(
        system="portal", strategy="cloud_deployment", runbook="fake", plan_digest="d" * 64, requested_by="os:li",
        steps=[("one", "reversible"), ("two", "read_only")],
    )  # fmt: skip


@pytest.fixture
def lease(journal: Journal, started: str) -> Lease:
    return journal.acquire(started, holder="engine")


class Hands:
    """What a fake step may wait for: notes that it was interrupted, and calls ``then``."""

    def __init__(self) -> None:
        self.interrupted = 0
        self.then: Callable[[], None] = lambda: None

    def watched(self) -> AbstractContextManager[None]:
        return nullcontext()

    def interrupt(self) -> None:
        self.interrupted += 1
        self.then()

    def go_on(self) -> None:
        self.then = lambda: None


@dataclass
class Play:
    """A migration of fake steps: what they did is in ``log``, what fails or waits next is told by ``faults``."""

    journal: Journal
    log: list[str] = field(default_factory=list)
    faults: dict[str, BaseException] = field(default_factory=dict)
    """``one`` or ``undo one`` → what it raises, once."""
    world: dict[str, bool] = field(default_factory=dict)
    """What the world shows as done."""
    settles_as: dict[str, Any] | None = None
    runbook: tuple[Step, ...] = ()
    back: tuple[Step, ...] = ()
    alone: tuple[Step, ...] = ()
    migration: str = ""
    on_run: Callable[[str], None] = lambda _step: None
    hands: Hands = field(default_factory=Hands)
    said: list[str] = field(default_factory=list)
    context: Context | None = None
    """Of the run that is under way, or was last."""

    def step(self, name: str, effect: Effect = Effect.REVERSIBLE, *, switches: str | None = None, target: bool = False) -> Step:
        """A step that notes what is done with it. ``target``: its undo has a half there, and this half alone."""

        def act(what: str, done: bool) -> None:
            self.log.append(what)
            self.on_run(what)
            if what in self.faults:
                raise self.faults.pop(what)
            self.world[name] = done

        def run(_: Context) -> dict[str, Any]:
            act(name, True)
            return {"by": name}

        reversible = effect is Effect.REVERSIBLE and switches is None
        return Step(
            id=name, effect=effect, run=run,
            observe=lambda _: Observed.DONE if self.world.get(name) else Observed.NOT_DONE,
            undo_source=(lambda _: act(f"undo {name}", False)) if reversible and not target else None,
            undo_target=(lambda _: act(f"undo {name}", False)) if reversible and target else None,
            switches=switches, settle=(lambda _: self.settled(name)) if switches else None,
        )  # fmt: skip

    def settled(self, name: str) -> dict[str, Any] | None:
        self.log.append(f"settle {name}")
        if f"settle {name}" in self.faults:
            raise self.faults.pop(f"settle {name}")
        return self.settles_as

    def begin(self, *runbook: Step, back: tuple[Step, ...] = (), alone: tuple[Step, ...] = ()) -> Play:
        self.runbook, self.back, self.alone = runbook, back, alone
        self.migration = self.journal.start_migration(
            system="portal",
            strategy="cloud_deployment",
            runbook="fake",
            plan_digest="d" * 64,
            requested_by="os:li",
            steps=[(s.id, s.effect) for s in runbook],
        )
        return self

    def run(self) -> Outcome:
        """One engine's run: lease, runner, release. A killed engine is one whose step raises KeyboardInterrupt."""
        lease = self.journal.acquire(self.migration, holder="engine")
        try:
            return self.runner(lease).run()
        finally:
            self.journal.release(lease)

    def runner(self, lease: Lease, lost: Callable[[], bool] = lambda: False) -> Runner:
        nothing: Any = SimpleNamespace()
        context = Context(
            system=nothing, verdict=nothing, plan=nothing, sites=nothing, settings=nothing, migration=self.migration, token=lease.token,
            records=BoundRecords(self.journal, lease, "portal"), say=self.said.append, world=cast(Any, self.hands),
        )  # fmt: skip
        self.context = context
        books: dict[str, Any] = {"runbooks": {"fake": self.runbook}, "going_back": {"fake": self.back}}
        books["going_back_alone"] = {"fake": self.alone}
        return Runner(self.journal, lease, context, lost=lost, **books)

    def states(self) -> dict[str, str]:
        return {s.step: s.state for s in self.journal.steps(self.migration)}


@pytest.fixture
def play(journal: Journal) -> Play:
    return Play(journal)
