"""Prefect shows the migration: a flow run that follows it, a task run a step. It is told what happens and decides nothing.

The migration never waits for Prefect: not for its import, not for its server, not for an answer. A server that dies costs its
pages and nothing else (docs/decisions/0005).
"""

from __future__ import annotations

import contextlib
import logging
import queue
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from orchestrator.errors import Waiting
from orchestrator.reports.privacy import Scrubber
from orchestrator.settings import Settings
from orchestrator.steps.base import Facts, Step
from orchestrator.tools import prefect_server as server

if TYPE_CHECKING:
    from prefect.client.schemas.objects import State

SCRUB = Scrubber(())
"""Errors may hold what a person or a tool wrote: figures that look personal stay out of Prefect."""
LOOK_SECONDS = 2.0
MISSED_LOOKS = 2
"""So many failed looks in a row, and the server is away: about five seconds."""
TELL_SECONDS = 1.0
"""How often a flow run of a worker prints what its engine said meanwhile."""
COMMAND_FLOW = "migrate-system"
LEAVE_SECONDS = 10.0
"""How long the end of a run waits for Prefect's last page."""


@dataclass
class Told:
    """One step that runs or ran, as Prefect is told of it."""

    step: Step
    over: threading.Event = field(default_factory=threading.Event)
    error: BaseException | None = None

    def during(self, act: Callable[[], Facts]) -> Facts:
        """Runs the step; whoever waits learns when it is over, and how."""
        try:
            return act()
        except BaseException as error:
            self.error = error
            raise
        finally:
            self.over.set()

    def wait(self, while_it_runs: Callable[[], None] | None = None) -> None:
        """As long as the step."""
        while not self.over.wait(TELL_SECONDS if while_it_runs else None):
            if while_it_runs:
                while_it_runs()

    def state(self) -> State[Any]:
        """How the step came out, as the state of its task run: a wait is no failure, and no traceback is shown."""
        from prefect.states import Completed, Failed

        if self.error is None:
            return Completed()
        said = SCRUB.text(str(self.error), 400)
        return Completed(name="Waits", message=said) if isinstance(self.error, Waiting) else Failed(message=said)


_FOLLOWED: dict[str, queue.SimpleQueue[Told | None]] = {}
"""By migration: what its flow run is still to show."""


class Follower:
    """Hands steps to the flow run of one migration. ``away`` is called once, when Prefect cannot show any more."""

    def __init__(self, settings: Settings, migration: str, system: str, away: Callable[[], None]) -> None:
        self._settings, self._migration, self._system = settings, migration, system
        self._tell_away = away
        self._away = threading.Event()
        self._left = threading.Event()
        self._up = threading.Event()
        self._queue: queue.SimpleQueue[Told | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._follow, name=f"prefect {migration}", daemon=True)

    def invoke(self, step: Step, act: Callable[[], Facts]) -> Facts:
        """Runs the step here; Prefect is told when it begins and when it is over."""
        told = Told(step)
        self._queue.put(told)
        return told.during(act)

    def start(self) -> None:
        """Begins to follow; returns at once."""
        _FOLLOWED[self._migration] = self._queue
        self._thread.start()
        threading.Thread(target=self._look, name=f"prefect health {self._migration}", daemon=True).start()

    def leave(self) -> None:
        """The run is over: the last page is waited for, unless Prefect is away."""
        self._queue.put(None)
        if not self._away.is_set():
            self._thread.join(LEAVE_SECONDS)
        self._left.set()
        if self._away.is_set():
            forget_unsent()
        _FOLLOWED.pop(self._migration, None)

    def _follow(self) -> None:
        for name in ("EventsWorker", "APILogWorker"):  # at exit they tell whoever reads our lines how many of theirs they still have to send
            logging.getLogger(name).setLevel(logging.ERROR)
        try:
            self._url = server.ensure(self._settings)
            self._up.set()
            show(self._migration, self._system)
        except Exception as error:  # noqa: BLE001 - whatever Prefect does to itself is no business of the migration
            logging.getLogger(__name__).debug("prefect: %s", error)
            self._gone()

    def _look(self) -> None:
        """Asks whether the server lives, since Prefect's own client goes on trying for minutes before it says anything."""
        missed = 0
        while self._thread.is_alive() and not self._left.wait(LOOK_SECONDS):
            if self._up.is_set():
                missed = 0 if server.answers(self._url) else missed + 1
            if missed >= MISSED_LOOKS:
                self._gone()
                return

    def _gone(self) -> None:
        if not self._away.is_set() and not self._left.is_set():
            self._away.set()
            self._tell_away()


def forget_unsent() -> None:
    """What Prefect still wants to tell a server that is gone. At exit it would try each item for about seven seconds, and the process
    would stay for minutes; it offers no limit of its own, so its queues are emptied by hand (the version is pinned)."""
    services = sys.modules.get("prefect._internal.concurrency.services")
    for service in list(services._active_services) if services else ():
        with contextlib.suppress(queue.Empty):
            while True:
                service._queue.get_nowait()
        service._stop()


@contextmanager
def followed(settings: Settings, migration: str, system: str, away: Callable[[], None]) -> Iterator[Follower]:
    """While the migration runs inside, Prefect shows it."""
    follower = Follower(settings, migration, system, away)
    follower.start()
    try:
        yield follower
    finally:
        follower.leave()


def show(migration: str, system: str) -> None:
    """The flow run, from its first step to its last. Raises what Prefect raises when its server is away."""
    from prefect import flow, tags
    from prefect.settings import PREFECT_FLOWS_HEARTBEAT_FREQUENCY, temporary_settings

    made = flow(name=COMMAND_FLOW, flow_run_name=migration, persist_result=False, retries=0, validate_parameters=False)(show_steps)
    with temporary_settings({PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None}), tags(*tags_of(system, migration)):
        made(migration, system)


def tags_of(system: str, migration: str = "") -> list[str]:
    """By which the runs of a system and of a migration are found again: the first one and those that resumed it."""
    return [f"system:{system}", *([f"migration:{migration}"] if migration else [])]


def show_steps(migration: str, system: str) -> None:  # noqa: ARG001 - shown by Prefect
    """The flow's body: a task run for each step, as long as that step."""
    from prefect.context import TagsContext

    following = _FOLLOWED[migration]
    # The run's own tags stay off its tasks: Prefect asks its server for a slot of every tag of a task, and gives up a run whose
    # server is busy for a moment.
    with TagsContext(current_tags=set()):
        while (told := following.get()) is not None:
            show_one(told, f"{migration} {told.step.id}")


def show_one(told: Told, name: str, *, while_it_runs: Callable[[], None] | None = None) -> None:
    """One step as a task run. Raises only what Prefect itself raises; a step that failed is a failed task run."""
    from prefect import task
    from prefect.cache_policies import NO_CACHE

    options: dict[str, Any] = {"description": told.step.title, "cache_policy": NO_CACHE, "persist_result": False, "retries": 0}

    def last_as_long() -> State[Any]:
        told.wait(while_it_runs)
        return told.state()

    shown = task(name=told.step.id, task_run_name=name, **options)(last_as_long)
    shown(return_state=True)
