"""Services as plain processes, for hosts without systemd. The work is done by one script on the host (``process_host``)."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

from orchestrator.errors import Refused, ToolError
from orchestrator.hosts.services import Placed, State
from orchestrator.texts import say, unpack
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
                say("hosts.unit_nowhere", name=service.name, host=self._connection.name),
                where=self._connection.name, remedy=say("hosts.command_or_systemd"),
            )  # fmt: skip
        if service.files:
            raise Refused(
                say("hosts.files_nowhere", name=service.name, host=self._connection.name), where=self._connection.name,
                remedy=say("hosts.keep_in_tree"),
            )  # fmt: skip
        self._act("place", service)

    def start(self, service: Placed) -> None:
        self._act("start", service)

    def stop(self, service: Placed) -> None:
        self._not_shared(service)
        self._act("stop", service)

    def reload(self, service: Placed) -> None:
        raise Refused(say("hosts.no_reload", name=service.name), where=self._connection.name, remedy=say("hosts.make_unit"))

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
            raise Refused(say("hosts.shared", name=service.name), where=self._connection.name, remedy=say("hosts.reload_it"))

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
            raise ToolError(say("hosts.says", name=service.name, said=said), where=self._connection.name, remedy=say("hosts.see_python"))
        answer = json.loads(done.stdout)
        if isinstance(answer, dict) and "trouble" in answer:
            raise ToolError(unpack(answer["trouble"]), where=self._connection.name, remedy=unpack(answer["remedy"]))
        return answer
