"""HAProxy's runtime API, over TCP or a socket file on its host: servers are added, drained and re-pointed without a reload."""

from __future__ import annotations

import base64
import re
import shlex
import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass

from orchestrator.errors import ToolError, words_of
from orchestrator.gateways.shell import Shell
from orchestrator.models import HttpGateway
from orchestrator.texts import say
from orchestrator.tools.channel import Channel, ChannelLost

_ASK = """
import socket, sys
try:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(5)
        connection.connect(sys.argv[1])
        connection.sendall(sys.argv[2].encode() + b"\\n")
        connection.shutdown(socket.SHUT_WR)
        while chunk := connection.recv(65536):
            sys.stdout.buffer.write(chunk)
except OSError as error:
    sys.exit(f"{sys.argv[1]}: {error.strerror or error}")
"""

_RELAY = """
import base64, socket, sys
print("ready", flush=True)
for line in sys.stdin.buffer:
    try:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(5)
            connection.connect(sys.argv[1])
            connection.sendall(line)
            connection.shutdown(socket.SHUT_WR)
            answer = b""
            while chunk := connection.recv(65536):
                answer += chunk
        print("+" + base64.b64encode(answer).decode(), flush=True)
    except OSError as error:
        print("-" + str(error), flush=True)
"""
"""A connection a command, as HAProxy's socket wants it: one that stayed open would talk to a former worker after a reload."""

_NAME = re.compile(r"^[A-Za-z0-9_.:-]{1,100}$")
_LOOKS = ("show ", "hold show ")
"""Commands that change nothing, and may be asked twice."""
ASK_SECONDS = 10.0


class Console:
    """A socket file on another host, asked by a program that waits there: an answer costs a round trip, and not the start of an
    interpreter. ``channel``: the argv of a shell there. Every failure is an OSError."""

    def __init__(self, channel: Sequence[str], path: str) -> None:
        self._channel = Channel(channel)
        # nothing is asked before it is ready: a shell may read ahead what was meant for the program
        self._say_and_hear(f"exec python3 -u -c {shlex.quote(_RELAY)} {shlex.quote(path)}")

    def ask(self, text: str) -> bytes:
        """HAProxy's answer to one command."""
        line = self._say_and_hear(text)
        if not line.startswith("+"):
            raise OSError(line[1:])
        return base64.b64decode(line[1:])

    def _say_and_hear(self, text: str) -> str:
        until = time.monotonic() + ASK_SECONDS
        try:
            self._channel.write(f"{text}\n".encode(), until)
            return self._channel.read_to(b"\n", until).decode("ascii", "replace").strip()
        except ChannelLost as lost:
            raise OSError(say("gateways.shell_silent") if lost.is_silent else say("gateways.shell_ended")) from lost

    def close(self) -> None:
        """Ends it; it may hang already."""
        self._channel.close(patience=0)


@dataclass(frozen=True)
class Server:
    """One server as HAProxy has it."""

    backend: str
    name: str
    address: str
    port: int


class Runtime:
    """One HAProxy. Each command is a connection of its own; raises ToolError with HAProxy's words.

    ``shell``: where the runtime API is a socket file, a shell on its host; ``console``: the same for those who ask often."""

    def __init__(self, gateway: HttpGateway, shell: Shell | None = None, console: Console | None = None) -> None:
        self._at = (gateway.address, gateway.runtime_port or 0)
        self._socket = gateway.runtime_socket
        self._shell = shell
        self._console = console
        self._where = f"{gateway.host} {gateway.runtime_socket or f'{gateway.address}:{gateway.runtime_port}'}"

    def command(self, text: str) -> str:
        """HAProxy's answer to one command."""
        if "\n" in text or ";" in text:
            raise ToolError(say("gateways.one_command", text=text), where=self._where, remedy=say("gateways.plain_names"))
        try:
            answer = self._ask(text)
        except OSError as error:
            raise ToolError(
                say("gateways.no_answer", error=words_of(error)), where=self._where, remedy=say("gateways.start_it"), retryable=True
            ) from error
        return answer.decode(errors="replace").strip()

    def _ask(self, text: str) -> bytes:
        ask = self._ask_socket if self._socket else self._ask_port
        try:
            return ask(text)
        except ConnectionError:  # at a reload the worker that goes may drop who waits for it
            if not text.startswith(_LOOKS):
                raise
        return ask(text)

    def _ask_port(self, text: str) -> bytes:
        with socket.create_connection(self._at, timeout=5) as connection:
            connection.sendall(text.encode() + b"\n")
            connection.shutdown(socket.SHUT_WR)
            answer = b""
            while chunk := connection.recv(65536):
                answer += chunk
        return answer

    def _ask_socket(self, text: str) -> bytes:
        if self._console is not None:
            return self._console.ask(text)
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
        rows = [row for row in self._rows() if row.get("pxname") == backend]
        return {row["svname"]: row for row in rows if row.get("svname") not in ("FRONTEND", "BACKEND")}

    def _rows(self) -> list[dict[str, str]]:
        lines = self.command("show stat").splitlines()
        header = lines[0].lstrip("# ").split(",")
        return [dict(zip(header, line.split(","), strict=False)) for line in lines[1:]]

    def backends(self) -> dict[str, dict[str, str]]:
        """Backend name → its own row of ``show stat``."""
        return {row["pxname"]: row for row in self._rows() if row.get("svname") == "BACKEND"}

    def servers_of(self, backend: str) -> list[dict[str, str]]:
        """Every server's row of ``show stat``; none for a backend that it does not have."""
        return list(self._stat(backend).values())

    def version(self) -> tuple[int, int]:
        """Major and minor; (0, 0) where it says none."""
        return _version_of(self._info("Version"))

    def worker(self) -> int:
        """The process that serves now, as its own host counts; 0 where it says none."""
        said = self._info("Pid")
        return int(said) if said.isdecimal() else 0

    def _info(self, name: str) -> str:
        lines = self.command("show info").splitlines()
        return next((line.partition(":")[2].strip() for line in lines if line.startswith(f"{name}:")), "")

    def add(self, backend: str, server: str, address: str, port: int, options: str = "", *, checked: bool = True) -> None:
        """Adds a checked server, not yet taking traffic; one that is there already is fine. ``options`` as its neighbour has
        them in the configuration; unless ``checked`` its checks do not begin."""
        for name in (backend, server, address):
            if not _NAME.match(name):
                raise ToolError(say("gateways.no_name", name=name), where=self._where, remedy=say("gateways.use_letters"))
        self._do(
            f"add server {backend}/{server} {address}:{int(port)} {options or 'check inter 200ms fall 5 rise 1'}",
            fine=("New server registered", "Already exists"),
        )
        if checked:
            self._do(f"enable health {backend}/{server}")

    def ready(self, backend: str, server: str) -> None:
        """Takes traffic when its health check passes."""
        self._do(f"set server {backend}/{server} state ready")

    def wait_up(self, backend: str, server: str, *, limit: float) -> bool:
        """Whether its health check passes within ``limit`` seconds. A server that is about to be found down is still ``UP 1/5``: what
        its last check said counts too. One that has no check of its own takes requests at once."""
        until = time.monotonic() + limit
        while time.monotonic() < until:
            row = self._stat(backend).get(server, {})
            last = row.get("check_status", "").lstrip("* ")
            if is_taking(row.get("status", "")) and (not last or last.endswith(("OK", "OKC"))):
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


def is_taking(status: str) -> bool:
    """Whether a server of this status word gets requests; one that is never checked gets them, too."""
    return status.startswith(("UP", "no check"))


def _version_of(text: str) -> tuple[int, int]:
    parts = re.match(r"(\d+)\.(\d+)", text)
    return (int(parts[1]), int(parts[2])) if parts else (0, 0)


def find_program(runtime: Runtime) -> str:
    """A line of shell that sets ``haproxy``: the one on the path, else where distributions put it, else the very program that
    runs (by its name too: a HAProxy in a container counts its processes otherwise than the host does)."""
    pid = runtime.worker()
    running = f"/proc/{pid}/exe" if pid else "/nowhere"
    is_it = f"readlink {running} | grep -q '/haproxy[^/]*$' && echo {running}"
    return f"haproxy=$(PATH=$PATH:/usr/local/sbin:/usr/sbin; command -v haproxy || {{ {is_it}; }} || echo haproxy)"
