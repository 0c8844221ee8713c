"""Starts and stops the probe process, and asks what it saw."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from orchestrator.cutover.probe import Interruption, Samples, Spec, find_problem, write_spec
from orchestrator.texts import Words
from orchestrator.tools.process import Register, record_of, start_time


class Probe:
    """A probe that writes ``samples`` until it is stopped, its limit (seconds) has passed, or engine and guard are gone for two
    minutes; it outlives the engine, so that an interruption is measured even when the engine dies."""

    def __init__(self, folder: Path, name: str) -> None:
        self._folder = folder
        self.samples = folder / f"{name}.samples"
        self._stop = folder / f"{name}.stop"
        self._process: subprocess.Popen[str] | None = None

    def start(
        self,
        *,
        citizen: Mapping[str, Any],
        clients: int,
        every_ms: float,
        limit: float,
        alone: bool = False,
        register: Register | None = None,
    ) -> None:
        """Begins asking; returns once the first answer is written (or after 10 s without one). ``citizen``: see
        ``kinds.make_citizen``. ``register``: told which process it is, so that whoever takes the migration up after the engine
        died can end it. ``alone``: it goes on without an engine, as long as machines are carried."""
        self._stop.unlink(missing_ok=True)
        size = self.samples.stat().st_size if self.samples.exists() else 0
        process = self._process = subprocess.Popen(
            [sys.executable, "-m", "orchestrator.cutover.probe"],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            text=True,
            start_new_session=True,
        )
        assert process.stdin is not None  # noqa: S101 - a pipe
        if register:
            register(record_of(process.pid, self.samples.name))
        spec = Spec(
            citizen=dict(citizen),
            clients=clients,
            every_ms=every_ms,
            limit=limit,
            samples=str(self.samples),
            stop=str(self._stop),
            serves=[] if alone else [[os.getpid(), start_time(os.getpid()) or 0]],
            guard=str(self._folder / "guard.pid"),
        )
        process.stdin.write(write_spec(spec))
        process.stdin.close()
        until = time.monotonic() + 10
        while time.monotonic() < until and not self._has_written_since(size):
            time.sleep(0.02)

    def _has_written_since(self, size: int) -> bool:
        """More than its first line."""
        return self.samples.exists() and self.samples.stat().st_size > size + 100

    def stop(self) -> None:
        """Asks it to end; its samples stay. Where the disk has no room for that, it is ended."""
        try:
            self._stop.touch()
        except OSError:
            if self._process is not None:
                self._process.terminate()

    def problem(self) -> Words | None:
        """Why nobody is answered now; None when all are."""
        return find_problem(self.samples)

    def between(self, begin: float, end: float) -> Interruption:
        """What it saw between two wall-clock times."""
        if not self.samples.exists():
            return Interruption(round((end - begin) * 1000, 1), 0, 0)  # nobody was seen answered
        return Samples(self.samples).between(begin, end)

    def since(self, begin: float, monotonic: float | None = None) -> tuple[Interruption, float]:
        """What it saw since a wall-clock time, and until when it looked; ``monotonic``: the same moment by that clock, where it
        is known."""
        now = time.time()
        if not self.samples.exists():
            return Interruption(round((now - begin) * 1000, 1), 0, 0), now
        samples = Samples(self.samples)
        first = samples.place(begin, monotonic)
        last = max((sample.end for sample in samples.read()), default=now)
        return samples.between(first, max(first, last)), begin + max(0.0, last - first)
