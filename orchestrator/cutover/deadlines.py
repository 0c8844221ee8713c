"""Nothing that the guard does may hang with it: every act runs in a thread and is waited for with a limit.

``statement_timeout`` does not help against a server that is stopped, a network that swallows packets, a gateway
that does not answer: the thread is left behind, its side gets new connections, and the guard goes on.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from typing import Any, TypeVar

from orchestrator.texts import say

T = TypeVar("T")

LOOK_EVERY = 0.02
"""Seconds between two looks at whether waiting is still allowed. An answer is noticed at once."""


class Hangs(Exception):
    """An act was not answered within its limit; it may still happen."""


class Acts:
    """Runs acts with a limit. A thread that hangs is never joined: the process ends with ``os._exit``."""

    def __init__(self, workers: int = 128) -> None:
        self._pool = ThreadPoolExecutor(max_workers=workers)
        self._last: dict[int, Future[Any]] = {}

    def start(self, who: object, act: Callable[[], T]) -> Future[T]:
        """Begins an act of somebody's (a side, a holder)."""
        running = self._pool.submit(act)
        self._last[id(who)] = running
        return running

    def hangs(self, who: object) -> bool:
        """Whether somebody's last act has not been answered yet."""
        last = self._last.get(id(who))
        return last is not None and not last.done()

    def run_all(self, acts: Sequence[tuple[object, Callable[[], T]]], allowed: Callable[[], None]) -> list[T]:
        """The answers of acts that run side by side, in their order. Whatever ``allowed`` raises ends the waiting."""
        running = [self.start(who, act) for who, act in acts]
        while True:
            done, waiting = wait(running, timeout=LOOK_EVERY, return_when=FIRST_EXCEPTION)
            for each in done:
                each.result()
            if not waiting:
                return [each.result() for each in running]
            allowed()

    def run(self, who: object, act: Callable[[], T], allowed: Callable[[], None]) -> T:
        """One act's answer."""
        return self.run_all([(who, act)], allowed)[0]

    def run_within(self, who: object, act: Callable[[], T], seconds: float) -> T:
        """The act's answer, or Hangs."""
        until = time.monotonic() + seconds

        def check_time() -> None:
            if time.monotonic() > until:
                raise Hangs(say("cutover.no_answer", seconds=seconds))

        return self.run(who, act, check_time)
