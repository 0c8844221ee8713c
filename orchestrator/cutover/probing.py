"""Starts and stops the probe process."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

from orchestrator.cutover.probe import Interruption, read
from orchestrator.tools.process import Register, record_of


class Probe:
    """A probe that writes ``samples`` until it is stopped, its limit (seconds) has passed, or its stop file appears; it
    outlives the engine, so that an interruption is measured even when the engine dies."""

    def __init__(self, folder: Path, name: str) -> None:
        self.samples = folder / f"{name}.samples"
        self._stop = folder / f"{name}.stop"

    def start(
        self, *, kind: str, target: str, clients: int, every_ms: float, limit: float, schema: str = "", register: Register | None = None
    ) -> None:
        """Begins asking; returns once the first answer is written (or after 10 s without one). ``register``: told which
        process it is, so that whoever takes the migration up after the engine died can end it."""
        self._stop.unlink(missing_ok=True)
        size = self.samples.stat().st_size if self.samples.exists() else 0
        process = subprocess.Popen(
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
        process.stdin.write(
            json.dumps(
                {
                    "kind": kind,
                    "target": target,
                    "schema": schema,
                    "clients": clients,
                    "every_ms": every_ms,
                    "limit": limit,
                    "samples": str(self.samples),
                    "stop": str(self._stop),
                }
            )
            + "\n"
        )
        process.stdin.close()
        until = time.monotonic() + 10
        while time.monotonic() < until and not (self.samples.exists() and self.samples.stat().st_size > size):
            time.sleep(0.02)

    def stop(self) -> None:
        """Asks it to end; its samples stay."""
        self._stop.touch()

    def between(self, begin: float, end: float) -> Interruption:
        """What it saw between two wall-clock times."""
        if not self.samples.exists():
            return Interruption(round((end - begin) * 1000, 1), 0, 0)  # nobody was seen answered
        return read(self.samples, begin, end)
