"""Services as plain processes, for hosts without systemd. The work is done by one script on the host (``process_host``)."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

from orchestrator.errors import Refused, ToolError
from orchestrator.hosts.services import Placed, State
from orchestrator.tools.ssh import SshConnection


@cache
def _script() -> str:
    return Path(__file__).with_name("process_host.py").read_text(encoding="utf-8")


class Processes:
    """The processes of one host. ``home``: where records, logs and what was before are kept."""

    def __init__(self, connection: SshConnection, home: str, *, python: str) -> None:
        self._connection = connection
        self._home = home
        self._python = python

    def state(self, service: Placed) -> State:
        return State(**self._act("state", service))

    def remember(self, service: Placed) -> State:
        return State(**self._act("remember", service))

    def place(self, service: Placed) -> None:
        if service.unit:
            raise Refused(
                f"{service.name} is a unit of systemd, and {self._connection.name} has none",
                where=self._connection.name, remedy="give the service a command, or the host systemd",
            )  # fmt: skip
        if service.files:
            raise Refused(
                f"{service.name} brings files along, and {self._connection.name} has no systemd", where=self._connection.name,
                remedy="keep them in a file tree",
            )  # fmt: skip
        self._act("place", service)

    def start(self, service: Placed) -> None:
        self._act("start", service)

    def stop(self, service: Placed) -> None:
        self._not_shared(service)
        self._act("stop", service)

    def reload(self, service: Placed) -> None:
        raise Refused(
            f"{service.name} is a plain process: nothing says how it is reloaded", where=self._connection.name, remedy="make it a unit"
        )

    def hold(self, service: Placed) -> None:
        self._not_shared(service)
        self._act("hold", service)

    def release(self, service: Placed) -> None:
        self._act("release", service)

    def restore(self, service: Placed) -> None:
        self._act("restore", service)

    def last_words(self, service: Placed) -> str:
        return str(self._act("last_words", service))

    def _not_shared(self, service: Placed) -> None:
        if service.shared:
            raise Refused(f"{service.name} is shared: it is never stopped", where=self._connection.name, remedy="reload it instead")

    def _act(self, act: str, service: Placed) -> Any:
        given = {
            "name": service.name, "argv": list(service.argv), "environment": dict(service.environment),
            "address": service.address, "port": service.port, "start_seconds": service.start_seconds,
        }  # fmt: skip
        document = json.dumps({"act": act, "home": self._home, "service": given}).encode()
        argv = [self._python, "-c", _script()]
        done = self._connection.run(argv, timeout=2 * service.start_seconds + 60, input=document)
        if done.code != 0:
            said = done.stderr.strip()[-500:]
            raise ToolError(f"{service.name}: {said}", where=self._connection.name, remedy="see whether Python runs there")
        answer = json.loads(done.stdout)
        if isinstance(answer, dict) and "trouble" in answer:
            raise ToolError(str(answer["trouble"]), where=self._connection.name, remedy=str(answer["remedy"]))
        return answer
