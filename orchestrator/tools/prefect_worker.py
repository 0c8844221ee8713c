"""A Prefect worker as a child of ours: takes flow runs of one work pool, each in a process of its own."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from orchestrator.private import make_private
from orchestrator.texts import say
from orchestrator.tools.prefect_server import API, QUIET

SETTINGS = {
    "PREFECT_WORKER_QUERY_SECONDS": "3",
    "PREFECT_FLOWS_HEARTBEAT_FREQUENCY": "30",
    "PREFECT_LOGGING_LEVEL": "INFO",
    "PREFECT_LOGGING_TO_API_ENABLED": "true",
    "PREFECT_CLIENT_MAX_RETRIES": "5",
}
"""Beside ``QUIET``: a worker's flow runs show what they say; a server that restarts is asked again."""
END_SECONDS = 30.0


def worker_environment(url: str) -> dict[str, str]:
    """What a worker and its flow runs need of the environment. The same for a worker under systemd (docs/flows.md)."""
    return {**os.environ, **QUIET, **SETTINGS, API: url}


@dataclass
class Worker:
    """One worker process. ``log``: where it and its flow runs write."""

    pool: str
    url: str
    folder: Path
    log: Path
    process: subprocess.Popen[bytes] | None = None

    @property
    def name(self) -> str:
        return str(say("tools.worker_of", pool=self.pool, log=str(self.log)))

    def start(self) -> None:
        """Starts it in ``folder``, where the settings are; in a session of its own, so that Ctrl-C reaches it through us only."""
        argv = [sys.executable, "-m", "prefect", "worker", "start", "--pool", self.pool, "--type", "process"]
        argv += ["--name", f"{socket.gethostname()}-{self.pool}-{os.getpid()}"]
        make_private(self.log.parent)
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.folder, env=worker_environment(self.url), start_new_session=True
            )

    def alive(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def stop(self) -> None:
        """Ends it, and with it what it runs: engines are found dead by whoever resumes."""
        if self.process is None or self.process.poll() is not None:
            return
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
