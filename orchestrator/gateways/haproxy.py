"""HAProxy's runtime API, over TCP or a socket file on its host: servers are added, drained and re-pointed without a reload."""

from __future__ import annotations

import re
import shlex
import socket
import time
from dataclasses import dataclass

from orchestrator.errors import ToolError, words_of
from orchestrator.gateways.shell import Shell
from orchestrator.models import HttpGateway
from orchestrator.texts import say

_ASK = """
import socket, sys
with socket.socket(socket.AF_UNIX) as connection:
    connection.settimeout(5)
    connection.connect(sys.argv[1])
    connection.sendall(sys.argv[2].encode() + b"\\n")
    connection.shutdown(socket.SHUT_WR)
    while chunk := connection.recv(65536):
        sys.stdout.buffer.write(chunk)
"""

_NAME = re.compile(r"^[A-Za-z0-9_.:-]{1,100}$")


@dataclass(frozen=True)
class Server:
    """One server as HAProxy has it."""

    backend: str
    name: str
    address: str
    port: int


class Runtime:
    """One HAProxy. Each command is a connection of its own; raises ToolError with HAProxy's words.

    ``shell``: where the runtime API is a socket file, a shell on its host."""

    def __init__(self, gateway: HttpGateway, shell: Shell | None = None) -> None:
        self._at = (gateway.address, gateway.runtime_port or 0)
        self._socket = gateway.runtime_socket
        self._shell = shell
        self._where = f"{gateway.host} {gateway.runtime_socket or f'{gateway.address}:{gateway.runtime_port}'}"

    def command(self, text: str) -> str:
        """HAProxy's answer to one command."""
        if "\n" in text or ";" in text:
            raise ToolError(say("gateways.one_command", text=text), where=self._where, remedy=say("gateways.plain_names"))
        try:
            answer = self._ask_socket(text) if self._socket else self._ask_port(text)
        except OSError as error:
            raise ToolError(
                say("gateways.no_answer", error=words_of(error)), where=self._where, remedy=say("gateways.start_it"), retryable=True
            ) from error
        return answer.decode(errors="replace").strip()

    def _ask_port(self, text: str) -> bytes:
        with socket.create_connection(self._at, timeout=5) as connection:
            connection.sendall(text.encode() + b"\n")
            connection.shutdown(socket.SHUT_WR)
            answer = b""
            while chunk := connection.recv(65536):
                answer += chunk
        return answer

    def _ask_socket(self, text: str) -> bytes:
        if self._shell is None or self._socket is None:
            raise OSError(say("gateways.socket_nohost"))
        return self._shell.run(f"python3 -c {shlex.quote(_ASK)} {shlex.quote(self._socket)} {shlex.quote(text)}")

    def list_servers(self) -> list[Server]:
        """Every server of every backend, with the address that it has now."""
        found = []
        for line in self.command("show servers state").splitlines():
            parts = line.split()
            if len(parts) > 18 and parts[0].isdigit():
                found.append(Server(parts[1], parts[3], parts[4], int(parts[18]) if parts[18].isdigit() else 0))
        return found

    def _do(self, text: str, *, fine: tuple[str, ...] = ()) -> None:
        answer = self.command(text)
        if answer and not any(f in answer for f in fine):
            raise ToolError(say("gateways.refused", text=text, answer=answer), where=self._where, remedy=say("gateways.look_configuration"))

    def servers(self, backend: str) -> dict[str, str]:
        """Server name → status word (``UP``, ``DOWN``, ``DRAIN``, ``MAINT``…)."""
        return {name: row["status"] for name, row in self._stat(backend).items()}

    def _stat(self, backend: str) -> dict[str, dict[str, str]]:
        """Server name → its row of ``show stat``."""
        lines = self.command("show stat").splitlines()
        header = lines[0].lstrip("# ").split(",")
        rows = [dict(zip(header, line.split(","), strict=False)) for line in lines[1:]]
        return {row["svname"]: row for row in rows if row.get("pxname") == backend and row.get("svname") not in ("FRONTEND", "BACKEND")}

    def add(self, backend: str, server: str, address: str, port: int, options: str = "") -> None:
        """Adds a checked server, not yet taking traffic; one that is there already is fine. ``options`` as its neighbour has
        them in the configuration."""
        for name in (backend, server, address):
            if not _NAME.match(name):
                raise ToolError(say("gateways.no_name", name=name), where=self._where, remedy=say("gateways.use_letters"))
        self._do(
            f"add server {backend}/{server} {address}:{int(port)} {options or 'check inter 200ms fall 5 rise 1'}",
            fine=("New server registered", "Already exists"),
        )
        self._do(f"enable health {backend}/{server}")

    def ready(self, backend: str, server: str) -> None:
        """Takes traffic when its health check passes."""
        self._do(f"set server {backend}/{server} state ready")

    def wait_up(self, backend: str, server: str, *, limit: float) -> bool:
        """Whether its health check passes within ``limit`` seconds. A server that is about to be found down is still ``UP 1/5``: what
        its last check said counts too."""
        until = time.monotonic() + limit
        while time.monotonic() < until:
            row = self._stat(backend).get(server, {})
            if row.get("status", "").startswith("UP") and row.get("check_status", "").lstrip("* ").endswith(("OK", "OKC")):
                return True
            time.sleep(0.05)
        return False

    def drain(self, backend: str, server: str) -> None:
        """No new requests; those under way end. One that is not there is an error: nobody would know where its clients are."""
        self._do(f"set server {backend}/{server} state drain")

    def maintenance(self, backend: str, server: str) -> None:
        """Takes it out. One that is not there is fine."""
        self._do(f"set server {backend}/{server} state maint", fine=("No such server",))

    def remove(self, backend: str, server: str) -> None:
        """Takes it out and forgets it, once its connections have ended. One that is not there is fine."""
        if server not in self.servers(backend):
            return
        self.maintenance(backend, server)
        self._do(f"shutdown sessions server {backend}/{server}")
        for _ in range(50):
            answer = self.command(f"del server {backend}/{server}")
            if "deleted" in answer or "No such server" in answer:
                return
            time.sleep(0.1)
        raise ToolError(
            say("gateways.keeps", backend=backend, server=server, answer=answer),
            where=self._where,
            remedy=say("gateways.look_connections"),
            retryable=True,
        )

    def idle(self, backend: str, server: str) -> bool:
        """Whether a server has no request under way."""
        row = self._stat(backend).get(server)
        if row is not None:
            return row.get("scur") == "0"
        raise ToolError(say("gateways.no_server", backend=backend, server=server), where=self._where, remedy=say("gateways.look_resume"))

    def point(self, backend: str, server: str, address: str, port: int) -> None:
        """Moves a server to another address (the link to a device, a machine that was carried)."""
        self._do(
            f"set server {backend}/{server} addr {address} port {int(port)}",
            fine=("changed", "no need to change", "IP changed", "nothing changed"),
        )

    def address(self, backend: str, server: str) -> str:
        """``address:port`` that a server points at."""
        for line in self.command(f"show servers state {backend}").splitlines():
            parts = line.split()
            if len(parts) > 18 and parts[1] == backend and parts[3] == server:
                return f"{parts[4]}:{parts[18]}"
        return ""
