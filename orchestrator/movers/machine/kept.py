"""What runs on a machine that is carried: stopped before it leaves, kept from starting until somebody looked, started after.

Every part is kept by whatever keeps it on its host. A machine that is switched on starts by itself what is enabled; so a part is
*held* when it is stopped, and nothing of it runs before the machine's files were compared with the cold backup.
"""

from __future__ import annotations

import dataclasses
import shlex
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from orchestrator.errors import ToolError
from orchestrator.hosts.services import Placed, ServiceManager
from orchestrator.texts import say
from orchestrator.tools.ssh import SshConnection

CLUSTER_SECONDS = 180.0
"""How long a database server may take to stop or start: a checkpoint is written, or read again."""


class Kept(Protocol):
    """One part of a machine. Every operation may be repeated, and works on what was never touched."""

    @property
    def name(self) -> str: ...
    def is_up(self) -> bool: ...
    def shut(self) -> None:
        """Stopped in order, observed down, and it does not start by itself, not even at boot."""

    def start(self, environment: Mapping[str, str]) -> None:
        """As it is to run where its machine stands now."""

    def restore(self) -> None:
        """As it was before the first ``shut``: content, enabled, active. Nothing when that never was."""


@dataclass(frozen=True)
class KeptService:
    """A unit of systemd or a process, kept by its host's service manager."""

    placed: Placed
    manager: ServiceManager

    @property
    def name(self) -> str:
        return self.placed.name

    def is_up(self) -> bool:
        return self.manager.state(self.placed).active

    def shut(self) -> None:
        self.manager.hold(self.placed)

    def start(self, environment: Mapping[str, str]) -> None:
        self.manager.release(self.placed)
        here = dataclasses.replace(self.placed, environment=dict(environment))
        if environment or not here.unit:
            self.manager.place(here)
        self.manager.start(here)

    def restore(self) -> None:
        self.manager.restore(self.placed)


@dataclass(frozen=True)
class KeptCluster:
    """A PostgreSQL server that no unit keeps: its own pg_ctl does."""

    name: str
    connection: SshConnection
    programs: str
    data: str
    run_as: Sequence[str]

    def is_up(self) -> bool:
        return self._pg_ctl("status") == 0

    def shut(self) -> None:
        if self.is_up() and self._pg_ctl("stop", "-m", "fast", "-w", "-t", f"{CLUSTER_SECONDS:g}") != 0:
            raise ToolError(say("movers.does_not_stop", name=self.name), where=self.connection.name, remedy=say("movers.stop_by_hand"))

    def start(self, environment: Mapping[str, str]) -> None:  # noqa: ARG002 - a server is told where it is by its configuration
        if not self.is_up() and self._pg_ctl("start", "-w", "-t", f"{CLUSTER_SECONDS:g}", "-l", self._log) != 0:
            raise ToolError(
                say("movers.does_not_start", name=self.name), where=self.connection.name, remedy=say("movers.read_log", log=self._log)
            )

    def restore(self) -> None:
        self.start({})

    @property
    def _log(self) -> str:
        return f"{self.data}/../hosting.log"

    def _pg_ctl(self, *words: str) -> int:
        argv = [*self.run_as, f"{self.programs}/pg_ctl", "-D", self.data, "-s", *words]
        line = f"{shlex.join(argv)} </dev/null >/dev/null 2>&1"  # a server that inherits our output would hold it open for ever
        return self.connection.run(["sh", "-c", line], timeout=CLUSTER_SECONDS + 60).code


def shut_all(parts: Sequence[Kept]) -> dict[str, float]:
    """The last one first; how many seconds each took."""
    seconds = {}
    for part in reversed(parts):
        began = time.monotonic()
        part.shut()
        seconds[part.name] = round(time.monotonic() - began, 1)
    return seconds
