"""Open SSH connections (paramiko): short commands, small files, tunnels. Host keys are always verified.

For what must be quick or is read-only; installing and configuring is Ansible's.
"""

from __future__ import annotations

import contextlib
import logging
import select
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from orchestrator.errors import ToolError, Unasked
from orchestrator.models import Host
from orchestrator.texts import say
from orchestrator.tools import privilege
from orchestrator.tools.process import Completed, Stopped, Stream
from orchestrator.tools.secrets import MASKER

if TYPE_CHECKING:
    import paramiko

logging.getLogger("paramiko").addHandler(logging.NullHandler())  # what a host does wrong is told in our errors, never as a traceback
MAX_OUTPUT = 1_000_000
CONNECT_SECONDS = 15.0
_WRITE = 'umask 077; t="$1.new.$$"; trap \'rm -f -- "$t"\' EXIT; cat >"$t" && chmod -- "$2" "$t" && sync -- "$t" && mv -f -- "$t" "$1"'
"""A constant; path and mode come as its arguments and are never read as shell."""


def connect(host: Host, known_hosts: Path | None, key: Path | None, *, timeout: float = CONNECT_SECONDS) -> SshConnection:
    """A connection to a host whose key ``known_hosts`` holds, working there as the account that the host is worked on as
    (``tools.privilege``). ``key``: our private key; None: the agent's keys.

    Raises Unasked: key unknown or changed (remedy: ``orchestrator hosts trust``), login refused, no answer (retryable), or an account
    that may run nothing there.
    """
    try:
        client = open_client(
            host.name, host.address, host.ssh_port, host.ssh_user, known_hosts=known_hosts, key=key, password=None, timeout=timeout
        )
    except ToolError as error:
        raise Unasked(error.says, host=host.name, where=error.place, remedy=error.mend, retryable=error.retryable) from error
    connection = SshConnection(host.name, client, become=privilege.account(host))
    _insist_on_work(connection, host)
    return connection


def _insist_on_work(connection: SshConnection, host: Host) -> None:
    """What an account that may do nothing there answers to any question is taken for an absence by whoever asked."""
    where = f"{host.name} ({host.ssh_user}@{host.address}:{host.ssh_port})"
    try:
        done = connection.run(["true"], timeout=CONNECT_SECONDS)
    except ToolError as error:
        connection.close()
        raise Unasked(error.says, host=host.name, where=where, remedy=error.mend, retryable=True) from error
    if done.code == 0:
        return
    connection.close()
    said = (done.stderr.strip() or done.stdout.strip())[-300:] or say("hosts.exit_code", code=done.code)
    if connection.become:
        what, remedy = say("hosts.may_not_become", become=connection.become, said=said), say("hosts.let_become", become=connection.become)
    else:
        what, remedy = say("tools.no_work", account=host.ssh_user, said=said), say("tools.give_shell", account=host.ssh_user)
    raise Unasked(what, host=host.name, where=where, remedy=remedy)


def open_client(
    name: str,
    address: str,
    port: int,
    user: str,
    *,
    known_hosts: Path | None,
    key: Path | None,
    password: str | None,
    timeout: float,
) -> paramiko.SSHClient:
    """The paramiko client behind a connection; shared with the command lines of devices."""
    import paramiko

    where = f"{name} ({user}@{address}:{port})"
    client = paramiko.SSHClient()
    client.set_missing_host_key_policy(paramiko.RejectPolicy())
    try:
        if known_hosts is not None:
            _load_host_keys(client, known_hosts)
        client.connect(
            address,
            port,
            user,
            password=password,
            key_filename=str(key) if key else None,
            timeout=timeout,
            banner_timeout=timeout,
            auth_timeout=timeout,
            allow_agent=key is None and password is None,
            look_for_keys=False,
        )
    except paramiko.BadHostKeyException as error:
        client.close()
        raise ToolError(
            say("tools.other_key"),
            where=where,
            remedy=say("tools.ask_who_runs", name=name),
        ) from error
    except paramiko.AuthenticationException as error:
        client.close()
        raise ToolError(say("tools.login_refused"), where=where, remedy=say("tools.put_key")) from error
    except paramiko.SSHException as error:
        client.close()
        if "not found in known_hosts" in str(error):
            raise ToolError(say("tools.key_unknown"), where=where, remedy=say("tools.compare_key", name=name)) from error
        what = say("tools.ssh_failed", error=str(error))
        if "No existing session" in str(error) or "protocol banner" in str(error):
            what = say("tools.no_greeting", timeout=timeout)
        raise ToolError(what, where=where, remedy=say("tools.see_sshd_log"), retryable=True) from error
    except OSError as error:
        client.close()
        if known_hosts is not None and not known_hosts.exists():
            raise ToolError(say("tools.no_known_hosts"), where=str(known_hosts), remedy=say("tools.trust_first", name=name)) from error
        raise ToolError(
            say("tools.no_connection", error=error.strerror or str(error)),
            where=where,
            remedy=say("tools.see_host_up"),
            retryable=True,
        ) from error
    transport = client.get_transport()
    if transport is not None:
        transport.set_keepalive(10)
        if isinstance(transport.sock, socket.socket):
            transport.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # halves the time of a short command
    return client


def _load_host_keys(client: paramiko.SSHClient, known_hosts: Path) -> None:
    from paramiko.hostkeys import InvalidHostKey

    try:
        client.load_host_keys(str(known_hosts))
    except (InvalidHostKey, ValueError) as error:
        client.close()
        raise ToolError(say("tools.bad_key_line"), where=str(known_hosts), remedy=say("tools.remove_line")) from error


class SshConnection:
    """One connection; several threads may run commands on it at once. A context manager.

    ``become``: the account that everything runs as, through sudo; None: the one that logged in.
    """

    def __init__(self, name: str, client: paramiko.SSHClient, *, become: str | None = None) -> None:
        self.name = name
        self.become = become
        self._client = client

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        self._client.close()

    @property
    def alive(self) -> bool:
        transport = self._client.get_transport()
        return transport is not None and transport.is_active()

    @property
    def from_address(self) -> str:
        """The address of this machine by which the host is reached, as this machine sees it. Raises ToolError when the connection is gone."""
        sock = self.transport().sock
        return str(sock.getsockname()[0]) if isinstance(sock, socket.socket) else ""

    def transport(self) -> paramiko.Transport:
        """Raises ToolError (retryable) when the connection is gone."""
        transport = self._client.get_transport()
        if transport is None or not transport.is_active():
            raise ToolError(say("tools.connection_gone"), where=self.name, remedy=say("tools.connect_again"), retryable=True)
        return transport

    def run(
        self,
        argv: Sequence[str],
        timeout: float = 60,
        input: bytes | None = None,
        *,
        check: bool = False,
        max_output: int = MAX_OUTPUT,
    ) -> Completed:
        """Run an argv on the host, each part quoted. ``timeout`` in seconds; output is masked and bounded.

        Raises Stopped on timeout (the program may go on on the host), ToolError when the connection breaks or, with ``check``,
        when the exit code is not 0.
        """
        out, err = Stream("stdout", MASKER, max_output // 2, None), Stream("stderr", MASKER, max_output // 2, None)
        began = time.monotonic()
        code = self._exchange(argv, timeout, input, out, err)
        done = Completed(tuple(argv), code, out.text(), err.text(), time.monotonic() - began, out.truncated or err.truncated)
        if check and code != 0:
            said = (done.stderr.strip() or done.stdout.strip())[-2000:]
            raise ToolError(say("tools.ended", program=argv[0], code=code, said=said), where=self.name, remedy=say("tools.mend_then"))
        return done

    def output(self, argv: Sequence[str], timeout: float = 60, *, limit: int = MAX_OUTPUT) -> bytes:
        """What a program writes, byte for byte, not masked. Raises ToolError when it fails or writes more than ``limit`` bytes."""
        collected = _Bytes(limit)
        errors = Stream("stderr", MASKER, 10_000, None)
        code = self._exchange(argv, timeout, None, collected, errors)
        if code != 0:
            raise ToolError(
                say("tools.ended", program=argv[0], code=code, said=errors.text().strip()), where=self.name, remedy=say("tools.mend_then")
            )
        if collected.overflow:
            raise ToolError(say("tools.wrote_more", program=argv[0], limit=limit), where=self.name, remedy=say("tools.ask_less"))
        return bytes(collected.data)

    def read_file(self, path: str, *, limit: int = MAX_OUTPUT) -> bytes:
        """The content of a file of at most ``limit`` bytes. Raises ToolError."""
        return self.output(["cat", "--", path], limit=limit)

    def write_file(self, path: str, content: bytes, *, mode: int = 0o600) -> None:
        """Replace a file at once, flushed to disk: a reader sees the old or the new content. Raises ToolError."""
        done = self.run(["sh", "-c", _WRITE, "write-file", path, f"{mode:04o}"], 60, content)
        if done.code != 0:
            raise ToolError(
                say("tools.cannot_write", said=done.stderr.strip()[-500:]),
                where=f"{self.name}:{path}",
                remedy=say("tools.check_folder"),
            )

    def reaches(self, address: str, port: int, *, timeout: float = 5) -> bool:
        """Whether something accepts connections at ``address:port``, asked from the host."""
        import paramiko

        try:
            self.transport().open_channel("direct-tcpip", (address, port), ("127.0.0.1", 0), timeout=timeout).close()
        except (paramiko.SSHException, OSError, EOFError):
            return False
        return True

    @contextlib.contextmanager
    def tunnel(self, address: str, port: int, *, limit: int | None = None) -> Iterator[int]:
        """A port on our loopback that leads to ``address:port`` as seen from the host. Closed at the end.

        With ``limit``, a connection ends once the far side has sent that many bytes.
        """
        transport = self.transport()
        with socket.create_server(("127.0.0.1", 0)) as listener:
            closing = threading.Event()
            arguments = (listener, transport, (address, port), closing, limit)
            server = threading.Thread(target=_serve_tunnel, args=arguments, name=f"tunnel {self.name}", daemon=True)
            server.start()
            try:
                yield listener.getsockname()[1]
            finally:
                closing.set()
                server.join(1)  # while it waits in accept, the port stays open whatever is closed here

    def _exchange(self, argv: Sequence[str], seconds: float, given: bytes | None, out: _Sink, err: _Sink) -> int:
        import paramiko

        deadline = time.monotonic() + seconds
        try:
            channel = self.transport().open_session(timeout=min(seconds, CONNECT_SECONDS))
        except (paramiko.SSHException, OSError, EOFError) as error:
            raise ToolError(
                say("tools.no_session", error=str(error)), where=self.name, remedy=say("tools.connect_again"), retryable=True
            ) from error
        with channel:
            channel.exec_command(privilege.command_line(self.become, argv))
            if given is None:
                channel.shutdown_write()
            else:
                threading.Thread(target=_feed, args=(channel, given), daemon=True).start()
            ready = channel.fileno()  # becomes readable when there is output on either stream, or the end
            while not (channel.eof_received or channel.closed) or channel.recv_ready() or channel.recv_stderr_ready():
                rest = deadline - time.monotonic()
                if rest <= 0 or not _readable(ready, rest):
                    raise self._late(argv, seconds)
                while channel.recv_ready():
                    out.feed(channel.recv(65536))
                while channel.recv_stderr_ready():
                    err.feed(channel.recv_stderr(65536))
            if not channel.status_event.wait(max(0.0, deadline - time.monotonic())):
                raise self._late(argv, seconds)
            code = channel.recv_exit_status()
            while channel.recv_ready():
                out.feed(channel.recv(65536))
            while channel.recv_stderr_ready():
                err.feed(channel.recv_stderr(65536))
            out.finish()
            err.finish()
        if code < 0:
            raise ToolError(
                say("tools.cut_off", program=argv[0]),
                where=self.name,
                remedy=say("tools.connect_again"),
                retryable=True,
            )
        return code

    def _late(self, argv: Sequence[str], seconds: float) -> Stopped:
        return Stopped(
            say("tools.no_end", program=argv[0], seconds=seconds),
            where=self.name,
            remedy=say("tools.see_what_waits"),
        )


class _Bytes:
    """Collects raw bytes up to a limit."""

    def __init__(self, limit: int) -> None:
        self.limit, self.data, self.overflow = limit, bytearray(), False

    def feed(self, data: bytes) -> None:
        self.overflow = self.overflow or len(self.data) + len(data) > self.limit
        if not self.overflow:
            self.data += data

    def finish(self) -> None:
        """Nothing is held back."""


_Sink = Stream | _Bytes


def _readable(fd: int, seconds: float) -> bool:
    poll = select.poll()
    poll.register(fd, select.POLLIN)
    return bool(poll.poll(seconds * 1000))


def _feed(channel: paramiko.Channel, given: bytes) -> None:
    with contextlib.suppress(OSError):  # the program ended before it read everything: its exit code tells
        channel.sendall(given)
        channel.shutdown_write()


def _serve_tunnel(
    listener: socket.socket, transport: paramiko.Transport, target: tuple[str, int], closing: threading.Event, limit: int | None
) -> None:
    listener.settimeout(0.2)
    while not closing.is_set():
        try:
            client, origin = listener.accept()
        except TimeoutError:
            continue
        except OSError:
            return
        try:
            channel = transport.open_channel("direct-tcpip", target, origin, timeout=CONNECT_SECONDS)
        except Exception:  # noqa: BLE001 - whatever paramiko says, this one client is turned away and sees it
            client.close()
            continue
        threading.Thread(target=_pump, args=(client.recv, channel.sendall, channel.shutdown_write, closing), daemon=True).start()
        receive = channel.recv if limit is None else _bounded(channel.recv, limit)
        threading.Thread(target=_pump, args=(receive, client.sendall, client.close, closing), daemon=True).start()


def _bounded(read: Callable[[int], bytes], left: int) -> Callable[[int], bytes]:
    def bounded(size: int) -> bytes:
        nonlocal left
        data = read(size)
        left -= len(data)
        return data if left >= 0 else b""

    return bounded


def _pump(read: Callable[[int], bytes], write: Callable[[bytes], object], end: Callable[[], object], closing: threading.Event) -> None:
    with contextlib.suppress(OSError, EOFError):
        while not closing.is_set() and (data := read(65536)):
            write(data)
    with contextlib.suppress(OSError, EOFError):
        end()
