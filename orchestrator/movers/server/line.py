"""A line for one server's files to another: the receiver pulls what the sender offers, and neither can log in to the other.

The sender runs rsync's own daemon for as long as the passes last: as root, read only, on its loopback, behind a word that is made
for it. Two of OpenSSH's forwards through the controller lead the receiver's loopback there. Nothing is left on either machine
but what lies in ``/run``, which no boot and no pass keeps.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from orchestrator.errors import ToolError
from orchestrator.models import Host
from orchestrator.texts import say
from orchestrator.tools import privilege, process, programs
from orchestrator.tools.process import Register
from orchestrator.tools.ssh import SshConnection

UNIT = "orchestrator-pass.service"
PLACE = "/run/orchestrator-pass"
OPEN_SECONDS = 30.0
LONGEST_SECONDS = 7 * 86_400
_OFFER = r"""
umask 077; mkdir -p "$1"; cat >"$1/secrets"
cat >"$1/rsyncd.conf" <<END
uid = 0
gid = 0
use chroot = yes
reverse lookup = no
list = no
read only = yes
numeric ids = yes
hosts allow = 127.0.0.1
auth users = mover
secrets file = $1/secrets
lock file = $1/lock
pid file = $1/pid
log file = $1/log
[root]
path = /
END
systemctl stop "$2" 2>/dev/null || :
systemctl reset-failed "$2" 2>/dev/null || :
rm -f "$1/pid"
systemd-run --quiet --unit="$2" --property=RuntimeMaxSec="$4" --property=DefaultDependencies=no \
    rsync --daemon --no-detach --address=127.0.0.1 --port="$3" --config="$1/rsyncd.conf"
n=0; until grep -q "^ *[0-9]*: 0100007F:$5 .* 0A " /proc/net/tcp; do
    n=$((n + 1)); [ "$n" -lt 50 ] || { cat "$1/log" >&2 || :; exit 1; }; sleep 0.1
done
"""
_CLOSE = r"""
systemctl stop "$2" 2>/dev/null || :; systemctl reset-failed "$2" 2>/dev/null || :; rm -rf -- "$1"
"""
"""Constants; folder, unit, port and time come as their arguments, the word on their input."""


@dataclass(frozen=True)
class End:
    """One machine of a line."""

    host: Host
    connection: SshConnection


@dataclass(frozen=True)
class Line:
    """An open line. ``run`` runs an argv on the receiver while its loopback leads to the sender's files; several may run at once."""

    receiver: Host
    config: Path
    socket: Path
    register: Register | None
    cancelled: Callable[[], bool] | None

    def run(self, argv: Sequence[str], *, port: int, label: str, limit: float) -> process.Completed:
        """``port``: of the receiver's loopback. Output whole; the exit code is the caller's to judge. Raises Stopped."""
        command = privilege.command_line(privilege.account(self.receiver), argv)
        forward = f"127.0.0.1:{port}:{self.socket}"
        words = [str(programs.find("ssh")), "-F", str(self.config), "-R", forward, *_where(self.receiver), command]
        return process.run(
            words, label=label, limit=limit, env={**os.environ, "LC_ALL": "C"}, check=False, max_output=20_000_000,
            register=self.register, cancelled=self.cancelled,
        )  # fmt: skip


@contextlib.contextmanager
def open_line(
    sender: End, receiver: End, *, known_hosts: Path, ssh_key: Path | None, register: Register | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> Iterator[Line]:  # fmt: skip
    """The way for passes from one machine to the other. Whatever a former line left is ended first. Raises ToolError."""
    word, port = secrets.token_urlsafe(24), free_port()
    given = f"mover:{word}\n".encode()
    numbers = [str(port), str(LONGEST_SECONDS), f"{port:04X}"]
    sender.connection.run(["sh", "-euc", _OFFER, "offer", PLACE, UNIT, *numbers], 60, given, check=True)
    try:
        receiver.connection.run(["mkdir", "-p", "-m", "0700", PLACE], check=True)
        receiver.connection.write_file(f"{PLACE}/password", f"{word}\n".encode())
        with tempfile.TemporaryDirectory(prefix="or-") as folder:
            config, socket = Path(folder, "ssh"), Path(folder, "line")
            config.write_text(_configuration(known_hosts, ssh_key), encoding="utf-8")
            with _forwarded(sender.host, port, config, socket):
                yield Line(receiver.host, config, socket, register, cancelled)
    finally:
        for end in (sender, receiver):
            with contextlib.suppress(ToolError):  # a machine that is gone has nothing left in /run
                end.connection.run(["sh", "-c", _CLOSE, "close", PLACE, UNIT], 60)


def _configuration(known_hosts: Path, ssh_key: Path | None) -> str:
    lines = ["Host *", "  StrictHostKeyChecking yes", "  GlobalKnownHostsFile /dev/null", "  BatchMode yes", "  ConnectTimeout 30"]
    lines += ["  ServerAliveInterval 15", "  ServerAliveCountMax 8", "  ExitOnForwardFailure yes", "  LogLevel ERROR"]
    lines.append(f'  UserKnownHostsFile "{str(known_hosts.absolute()).replace("%", "%%")}"')
    if ssh_key:
        lines += [f'  IdentityFile "{str(ssh_key.absolute()).replace("%", "%%")}"', "  IdentitiesOnly yes"]
    return "\n".join(lines) + "\n"


def _where(host: Host) -> list[str]:
    return ["-p", str(host.ssh_port), "-l", host.ssh_user, host.address]


@contextlib.contextmanager
def _forwarded(sender: Host, port: int, config: Path, socket: Path) -> Iterator[None]:
    """A socket of the controller's that leads to the sender's loopback."""
    words = [
        *process.minder_argv(),
        str(programs.find("ssh")),
        "-F",
        str(config),
        "-N",
        "-L",
        f"{socket}:127.0.0.1:{port}",
        *_where(sender),
    ]
    child = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, start_new_session=True)
    try:
        until = time.monotonic() + OPEN_SECONDS
        while not socket.exists():
            if child.poll() is not None or time.monotonic() > until:
                child.terminate()
                said = (child.communicate(timeout=10)[1] or b"").decode("utf-8", "replace").strip()[-500:]
                raise ToolError(say("server.no_line", said=said), where=sender.name, remedy=say("server.let_forward"), retryable=True)
            time.sleep(0.05)
        yield
    finally:
        child.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(10)


def free_port() -> int:
    """Most likely nobody's: below what systems give to those who ask for any."""
    return 20_000 + secrets.randbelow(10_000)


def find_refusal(connection: SshConnection) -> bool:
    """Whether a machine's sshd forwards nothing, in one direction or the other. Asks for a forward and gives it back."""
    import paramiko

    transport = connection.transport()
    try:
        port = transport.request_port_forward("127.0.0.1", 0)
        transport.cancel_port_forward("127.0.0.1", port)
    except (paramiko.SSHException, EOFError, OSError):
        return True
    return not connection.reaches("127.0.0.1", 22)
