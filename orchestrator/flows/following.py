"""One migration inside a flow run of a worker: the engine works in a thread of its own, the flow run shows what it does.

The engine never waits for Prefect, here as on the command line (docs/decisions/0005): when the server is away the run shows
nothing more, the migration goes on to its next stop, and ``reconcile`` brings Prefect up to date.
"""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from orchestrator import texts
from orchestrator.engine.observer import Report
from orchestrator.engine.runner import Outcome
from orchestrator.engine.session import Session
from orchestrator.flows.limits import held
from orchestrator.flows.migrate import Told, show_one
from orchestrator.progress import Progress
from orchestrator.reports.privacy import Scrubber
from orchestrator.steps.base import Facts, Step

STOP_SECONDS = 60.0
"""How long a run that is ended waits for its engine to stop between two steps."""


@dataclass
class Page:
    """What the engine tells the flow run of its migration: an observer, and the way its steps are run. Never blocks."""

    scrub: Scrubber
    lines: queue.SimpleQueue[str] = field(default_factory=queue.SimpleQueue)
    steps: queue.SimpleQueue[Told | None] = field(default_factory=queue.SimpleQueue)
    percent: float = 0.0

    def invoke(self, step: Step, act: Callable[[], Facts]) -> Facts:
        """Runs the step here and now; the flow run is told when it begins and when it is over."""
        told = Told(step)
        self.steps.put(told)
        return told.during(act)

    def said(self, system: str, text: str) -> None:
        self.lines.put(self.scrub.text(f"{system}: {text}" if system else text, 400))

    def advanced(self, system: str, step: str, state: str, number: int, of: int) -> None:  # noqa: ARG002 - an observer's shape
        if state == "done":
            self.percent = round(100 * number / of, 1)

    def progressed(self, system: str, progress: Progress) -> None: ...

    def waiting(self, system: str, what: str) -> None:
        self.said(system, texts.text("say.waits", what=what))

    def ended(self, system: str, report: Report) -> None:
        if report.ending is not None:
            self.said(system, texts.text(f"ending.{'refused' if report.refused else report.ending}"))


@dataclass
class Work:
    """What runs beside the flow, and how it came out."""

    act: Callable[[], Any]
    page: Page
    result: Any = None
    error: BaseException | None = None

    def run(self) -> None:
        try:
            self.result = self.act()
        except BaseException as error:  # noqa: BLE001 - raised again in the flow's own thread
            self.error = error
        finally:
            self.page.steps.put(None)


def run_shown(act: Callable[[], Any], page: Page, stop: threading.Event, shown: Callable[[float], None]) -> Any:
    """Runs ``act`` in a thread while this flow run shows its steps as task runs. ``shown`` is called after each with the percentage.

    Raises what ``act`` raised. When the flow run itself is ended, ``stop`` is set and the engine stops before its next step.
    """
    work = Work(act, page)
    thread = threading.Thread(target=work.run, name="engine")
    thread.start()
    try:
        _show_until_over(page, shown)
    except Exception as error:  # noqa: BLE001 - Prefect is away or broken: no business of the migration
        logging.getLogger(__name__).warning("Prefect shows no more of this: %s", type(error).__name__)
    except BaseException:  # cancelled, suspended or ended from outside: as Ctrl-C
        stop.set()
        thread.join(STOP_SECONDS)
        raise
    thread.join()
    if work.error is not None:
        raise work.error
    return work.result


def _show_until_over(page: Page, shown: Callable[[float], None]) -> None:
    from prefect import get_run_logger

    log = get_run_logger()

    def tell() -> None:
        while not page.lines.empty():
            log.info(page.lines.get())

    while (told := page.steps.get()) is not None:
        show_one(told, told.step.title, while_it_runs=tell)
        tell()
        shown(page.percent)
    tell()


def run_migration(session: Session, migration: str, page: Page, shown: Callable[[float], None]) -> Outcome:
    """One run of one migration, shown by this flow run. Raises what ``Session.run`` raises."""
    stop = threading.Event()
    system = session.system(str(session.journal.migration(migration).system))

    def asked() -> bool:
        return stop.is_set() or session.journal.flag(f"turn_back:{migration}") is not None

    def invoke(step: Step, act: Callable[[], Facts]) -> Facts:
        def within_limits() -> Facts:
            with held(session.settings.limits, system, lambda text: page.said("", text), asked):
                return act()

        return page.invoke(step, within_limits if step.moves_data else act)

    def act() -> Outcome:
        return session.run(migration, observer=page, invoke=invoke, stopping=stop.is_set)

    outcome: Outcome = run_shown(act, page, stop, shown)
    return outcome
