"""What `migrate`, `resume`, `rollback` and `cancel` show: bars on a terminal, one line a change elsewhere, JSON lines by choice."""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

from orchestrator import texts
from orchestrator.cli.listing import safe
from orchestrator.engine.observer import Observer, Report
from orchestrator.progress import Pace, Progress
from orchestrator.texts.durations import spell

PROGRESS_SECONDS = 10.0
"""Between two lines about the same long thing."""
SCALES = {"bytes": ((1 << 30, "GB"), (1 << 20, "MB"), (1 << 10, "kB"))}


@contextmanager
def observer(log: str, stream: TextIO | None = None) -> Iterator[Observer]:
    """``auto``: bars on a terminal, lines elsewhere; ``lines``; ``json``."""
    out = stream or sys.stdout
    if log == "json":
        yield JsonLines(out)
    elif log == "auto" and out.isatty():
        from orchestrator.cli.terminal import terminal

        with terminal(out) as shown:
            yield shown
    else:
        yield Lines(out)


def amount(value: float, unit: str) -> str:
    """``1.4 GB``; a time in its own words; other units as they are."""
    if unit == "s":
        return str(spell(round(value)))
    for size, name in SCALES.get(unit, ()):
        if value >= size:
            return f"{value / size:.1f} {name}"
    return f"{value:.0f} {unit}"


def progress_line(progress: Progress, pace: Pace) -> str:
    """What, how much of how much, how fast, how long still."""
    total = f" / {amount(progress.total, progress.unit)}" if progress.total is not None else ""
    rate = f", {amount(pace.rate, progress.unit)}/s" if pace.rate and progress.unit != "s" else ""
    left = texts.text("say.left", time=spell(round(pace.left))) if pace.left is not None else ""
    return f"{progress.what}: {amount(progress.done, progress.unit)}{total}{rate}{left}"


def report_lines(system: str, report: Report) -> list[str]:
    """An ending in the operator's words, every finding with its remedy, what is owed, what to do next."""
    if report.ending is None:
        return [texts.text("say.waits", what=report.waiting)]
    name = "refused" if report.refused else str(report.ending)
    lines = [texts.text(f"ending.{name}") + (f": {report.why}" if report.why else "")]
    lines += ["  " + texts.text("say.finding", **finding) for finding in report.findings]
    lines += ["  " + texts.text("say.owed_row", **row) for row in report.owed]
    if report.owed:
        lines.append(texts.text("say.next", what=texts.text("next.owed", system=system)))
    return [*lines, texts.text("say.next", what=texts.text(f"next.{name}"))]


class Lines:
    """One line a change: time, system, what happens. What repeats itself is said once."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._lock = threading.Lock()
        self._last: dict[str, str] = {}
        self._paces: dict[tuple[str, str], Pace] = {}
        self._shown: dict[tuple[str, str], float] = {}

    def said(self, system: str, text: str) -> None:
        with self._lock:
            if self._last.get(system) == text:
                return
            self._last[system] = text
            self._print(system, text)

    def advanced(self, system: str, step: str, state: str, number: int, of: int) -> None:
        if state == "running":
            self.said(system, f"[{number}/{of}] {step_title(step)}")
        elif state == "undoing":
            self.said(system, texts.text("say.undo", step=step_title(step)))

    def progressed(self, system: str, progress: Progress) -> None:
        key, now = (system, progress.what), time.monotonic()
        pace = self._paces.setdefault(key, Pace())
        pace.add(progress)
        if now - self._shown.setdefault(key, now) >= PROGRESS_SECONDS:
            self._shown[key] = now
            self.said(system, progress_line(progress, pace))

    def waiting(self, system: str, what: str) -> None:
        self.said(system, texts.text("say.waits", what=what))

    def ended(self, system: str, report: Report) -> None:
        for line in report_lines(system, report):
            self.said(system, line)

    def _print(self, system: str, text: str) -> None:
        print(f"{time.strftime('%H:%M:%S')}  {system:<20} {safe(text)}", file=self._stream, flush=True)


class JsonLines:
    """One JSON object a line, for pipelines. ``event``: said, step, progress, waiting, ended."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._lock = threading.Lock()

    def said(self, system: str, text: str) -> None:
        self._print("said", system, text=text)

    def advanced(self, system: str, step: str, state: str, number: int, of: int) -> None:
        self._print("step", system, step=step, state=state, number=number, of=of)

    def progressed(self, system: str, progress: Progress) -> None:
        done = {"done": progress.done, "total": progress.total, "unit": progress.unit}
        self._print("progress", system, what=progress.what, **done)

    def waiting(self, system: str, what: str) -> None:
        self._print("waiting", system, what=what)

    def ended(self, system: str, report: Report) -> None:
        found = {"findings": list(report.findings), "owed": list(report.owed)}
        ending = {"ending": report.ending, "refused": report.refused, "why": report.why, "waiting": report.waiting}
        self._print("ended", system, **ending, **found)

    def _print(self, event: str, system: str, **values: object) -> None:
        line = {"at": round(time.time(), 3), "event": event, "system": system, **values}
        with self._lock:
            print(json.dumps(line, ensure_ascii=False, default=str), file=self._stream, flush=True)


def step_title(step: str) -> str:
    """A step's name in the operator's language."""
    return texts.text(f"step.{step}") if texts.knows(f"step.{step}") else step
