"""A person's cancel or rollback reaches the step that runs, within a second or two, whatever it waits for.

Steps need nothing for it: every child process is registered, every SQL and SSH connection comes from the world, so what a
step waits for can be ended from outside. Waits of another kind ask ``Context.should_stop``. A switch and what lies past the
point of no return are never touched (``Step.can_be_left``).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

from sqlalchemy.exc import SQLAlchemyError

from orchestrator.errors import JournalAway
from orchestrator.steps.base import Interruptible, Step

LOOK_SECONDS = 0.5
"""How often the journal is asked while a step runs."""


class Interruption:
    """Watches while a step runs. What is ended makes the step raise; the runner then finds the reason in the journal."""

    def __init__(self, asked: Callable[[], bool], *parts: Interruptible) -> None:
        self._asked = asked
        self._parts = parts
        self._told = threading.Event()

    def should_stop(self) -> bool:
        """For ``Context.should_stop``."""
        return self._told.is_set()

    @contextmanager
    def over(self, step: Step) -> Iterator[None]:
        """While the step runs inside. Afterwards everything is open again, so that the way back finds its connections."""
        ended = threading.Event()
        watcher = threading.Thread(target=self._watch, args=(step, ended), name=f"turn back {step.id}", daemon=True)
        watcher.start()
        try:
            with ExitStack() as stack:
                for part in self._parts:
                    stack.enter_context(part.watched())
                yield
        finally:
            ended.set()
            watcher.join()
            self._told.clear()
            for part in self._parts:
                part.go_on()

    def _watch(self, step: Step, ended: threading.Event) -> None:
        while not ended.wait(LOOK_SECONDS):
            try:
                if not self._told.is_set() and self._asked():
                    self._told.set()
            except (SQLAlchemyError, JournalAway):
                continue  # the journal is away for a moment: the step's own next write says so
            if self._told.is_set() and step.can_be_left:
                for part in self._parts:  # again and again: a step may catch one end and begin the next thing
                    part.interrupt()
