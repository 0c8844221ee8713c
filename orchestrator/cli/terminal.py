"""On a terminal: what is said scrolls by, below it each migration keeps one row with its step and, where it takes long, a bar."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TextIO

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from orchestrator import texts
from orchestrator.cli.console import progress_line, report_lines, step_title
from orchestrator.cli.listing import safe
from orchestrator.engine.observer import Report
from orchestrator.progress import Pace, Progress
from orchestrator.texts.durations import spell


@contextmanager
def terminal(stream: TextIO) -> Iterator[Terminal]:
    """The rows stand below what scrolls until the block ends."""
    console = Console(file=stream, highlight=False, markup=False)
    shown = Terminal(console)
    with Live(console=console, get_renderable=shown.render, refresh_per_second=4, transient=True):
        yield shown


@dataclass
class Row:
    """What one migration shows now."""

    text: str = ""
    since: float = field(default_factory=time.monotonic)
    progress: Progress | None = None
    pace: Pace = field(default_factory=Pace)


class Terminal:
    """See ``engine.observer.Observer``."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._lock = threading.Lock()
        self._rows: dict[str, Row] = {}
        self._last: dict[str, str] = {}

    def said(self, system: str, text: str) -> None:
        with self._lock:
            if self._last.get(system) == text:
                return
            self._last[system] = text
        self._console.print(Text(f"{time.strftime('%H:%M:%S')}  {system:<20} {safe(text)}"))

    def advanced(self, system: str, step: str, state: str, number: int, of: int) -> None:
        title = f"[{number}/{of}] {step_title(step)}"
        if state in ("running", "undoing"):
            shown = title if state == "running" else texts.text("say.undo", step=step_title(step))
            with self._lock:
                self._rows[system] = Row(shown)
            self.said(system, shown)

    def progressed(self, system: str, progress: Progress) -> None:
        with self._lock:
            row = self._rows.setdefault(system, Row())
            if row.progress is None or row.progress.what != progress.what:
                row.pace = Pace()
            row.progress = progress
            row.pace.add(progress)

    def waiting(self, system: str, what: str) -> None:
        text = texts.text("say.waits", what=what)
        with self._lock:
            self._rows[system] = Row(text)
        self.said(system, text)

    def ended(self, system: str, report: Report) -> None:
        with self._lock:
            self._rows.pop(system, None)
        for line in report_lines(system, report):
            self.said(system, line)

    def render(self) -> RenderableType:
        """The rows as they stand; asked four times a second."""
        with self._lock:
            rows = {system: (row.text, row.since, row.progress, row.pace) for system, row in self._rows.items()}
        table = Table.grid(padding=(0, 2))
        for system, (text, since, progress, pace) in rows.items():
            what: RenderableType = Text(safe(text))
            if progress is not None:
                bar = ProgressBar(total=progress.total or None, completed=progress.done, width=40, pulse=progress.total is None)
                what = Group(what, bar, Text(safe(progress_line(progress, pace))))
            table.add_row(Text(system), Text(str(spell(round(time.monotonic() - since)))), what)
        return table
