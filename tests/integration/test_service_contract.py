"""The table of services on a host without systemd: the same cases, on plain processes behind a real sshd."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from orchestrator.hosts.processes import Processes
from orchestrator.hosts.services import Placed, ServiceManager
from orchestrator.models import Host
from orchestrator.tools.ssh import SshConnection
from tests.contracts.service import story

pytestmark = pytest.mark.servers


class SharedHost:
    """A host that is a folder of this machine; a restart of it ends whatever ran there."""

    kind = "processes"

    def __init__(self, connection: SshConnection, host: Host, folder: Path) -> None:
        self.connection, self.address, self.folder = connection, host.address, folder
        self.program = folder / "program.py"
        self.program.write_text(story.PROGRAM)
        self._foreign: list[subprocess.Popen[bytes]] = []

    def manager(self) -> ServiceManager:
        return Processes(self.connection, str(self.folder / "services"), python=os.path.realpath(sys.executable))

    def argv(self, *arguments: str) -> tuple[str, ...]:
        return (os.path.realpath(sys.executable), str(self.program), *arguments)

    def free_port(self) -> int:
        with socket.socket() as probe:
            probe.bind((self.address, 0))
            return int(probe.getsockname()[1])

    def get(self, port: int) -> str:
        with urllib.request.urlopen(f"http://{self.address}:{port}/", timeout=5) as answer:
            return bytes(answer.read()).decode()

    def start_foreign(self, service: Placed) -> None:
        environment = {**os.environ, "GREETING": "foreign"}
        self._foreign.append(subprocess.Popen(service.argv, env=environment, stdout=subprocess.DEVNULL, start_new_session=True))
        deadline = time.monotonic() + 10
        while service.port and time.monotonic() < deadline:
            with suppress(OSError):
                self.get(service.port)
                return
            time.sleep(0.05)

    def try_by_hand(self, service: Placed) -> None:
        """Nothing starts a plain process but whoever types its command; the manager's own start is the hand here."""
        with suppress(Exception):
            self.manager().start(service)

    def restart_host(self) -> None:
        self.end_all()

    def end_all(self) -> None:
        for pid in self._pids():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        for process in self._foreign:
            with suppress(subprocess.TimeoutExpired):
                process.wait(5)

    def _pids(self) -> list[int]:
        found = []
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                with suppress(OSError):
                    if str(self.program).encode() in (entry / "cmdline").read_bytes().split(b"\0"):
                        found.append(int(entry.name))
        return found

    def photograph(self) -> str:
        """Logs stay: they say what happened."""
        kept = [path for path in (self.folder / "services").rglob("*") if path.suffix not in (".log", ".json")]
        return "\n".join(f"{path.name} {path.read_bytes()!r}" for path in sorted(kept))


@pytest.fixture
def shared(lab, host: Host, tmp_path: Path) -> Iterator[SharedHost]:  # type: ignore[no-untyped-def]  # the class is in conftest
    with lab.connect(host) as connection:
        standing = SharedHost(connection, host, tmp_path)
        yield standing
        standing.end_all()


@pytest.mark.parametrize("case", story.CASES, ids=lambda path: path.stem)
def test_case(shared: SharedHost, case: Path) -> None:
    story.tell(case, shared)
