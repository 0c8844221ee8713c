"""A host of the embedded city: an sshd of its own on its own address, with its own key, and a folder that is its disk."""

from __future__ import annotations

import fcntl
import getpass
import os
import shlex
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

from orchestrator.embedded.processes import MARK, Book, wait_for
from orchestrator.errors import Refused, ToolError
from orchestrator.tools import programs

RUN_SSHD = Path("/run/sshd")
"""sshd as root wants it (its privilege separation folder); we take it away again when we made it."""

_CONFIG = """\
ListenAddress {address}:{port}
HostKey {key}
AuthorizedKeysFile {authorized}
PidFile none
UsePAM no
StrictModes no
PermitRootLogin prohibit-password
PasswordAuthentication no
KbdInteractiveAuthentication no
AllowTcpForwarding yes
GatewayPorts no
X11Forwarding no
PrintMotd no
UseDNS no
MaxSessions 100
MaxStartups 100
LogLevel INFO
Subsystem sftp {sftp}
ForceCommand {shell}
"""

_SHELL = """\
#!/bin/sh
# What sshd runs for every session of this host: its folder is home and working directory.
cd {folder} || exit 1
export HOME={folder} {mark}={folder} PATH={path}
unset XDG_RUNTIME_DIR
if [ -n "$SSH_ORIGINAL_COMMAND" ]; then exec sh -c "$SSH_ORIGINAL_COMMAND"; fi
exec "${{SHELL:-/bin/sh}}"
"""


def folder_of(city: Path, name: str) -> Path:
    return city / "hosts" / name


@contextmanager
def locked(city: Path, name: str = "lock") -> Iterator[None]:
    """One at a time: the known_hosts file and the book of hosts are changed by several processes (Terraform runs in parallel)."""
    city.mkdir(parents=True, exist_ok=True)
    with (city / name).open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def make_key(path: Path, comment: str) -> None:
    """An Ed25519 key pair without a passphrase, once."""
    if path.exists():
        return
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    argv = [str(programs.find("ssh-keygen")), "-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", str(path)]
    subprocess.run(argv, check=True, stdin=subprocess.DEVNULL, capture_output=True, timeout=20)


def make(city: Path, name: str) -> Path:
    """The folder, host key and login shell of a host; nothing is started. Safe to repeat. Returns the folder."""
    folder = folder_of(city, name)
    for part in ("run", "tmp", "var/log", "var/lib", "etc", "srv"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    folder.chmod(0o755)
    make_key(city / "ssh" / "hosts" / name, f"root@{name}")
    shell = city / "ssh" / "hosts" / f"{name}.sh"
    shell.write_text(
        _SHELL.format(folder=shlex.quote(str(folder)), mark=MARK, path=shlex.quote(programs.search_path())),
        encoding="utf-8",
    )
    shell.chmod(0o755)
    return folder


def know(city: Path, name: str, address: str, port: int, key: Path | None = None) -> None:
    """Put the host's key for this address into ``<city>/known_hosts``; what another host had there before is replaced."""
    public = (key or city / "ssh" / "hosts" / name).with_suffix(".pub").read_text(encoding="utf-8").split()
    where = address if port == 22 else f"[{address}]:{port}"
    path = city / "known_hosts"
    with locked(city, "known_hosts.lock"):
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        lines = [line for line in lines if line.split(" ", 1)[0] != where]
        lines.append(f"{where} {public[0]} {public[1]}")
        temporary = path.with_suffix(".new")
        temporary.write_text("\n".join(lines) + "\n", encoding="utf-8")
        temporary.rename(path)


def start(city: Path, name: str, address: str, port: int) -> None:
    """Start the host's sshd at an address and write the address down. Returns at once; see ``wait``."""
    if os.geteuid() == 0:
        _root_may_log_in()
        if not RUN_SSHD.exists():
            RUN_SSHD.mkdir(mode=0o755)
            (city / "made-run-sshd").touch()
    config = city / "ssh" / "hosts" / f"{name}.conf"
    config.write_text(
        _CONFIG.format(
            address=address,
            port=port,
            key=_quoted(city / "ssh" / "hosts" / name),
            authorized=_quoted(city / "ssh" / "authorized_keys"),
            sftp=programs.find("sftp-server"),
            shell=shlex.quote(str(city / "ssh" / "hosts" / f"{name}.sh")),
        ),
        encoding="utf-8",
    )
    (city / "addresses").mkdir(exist_ok=True)
    (city / "addresses" / name).write_text(f"{address} {port}\n", encoding="utf-8")
    know(city, name, address, port)
    log = folder_of(city, name) / "var/log/sshd.log"
    if log.exists():
        log.rename(log.with_suffix(".log.1"))  # `wait` reads only this start's words
    argv = [str(programs.find("sshd")), "-D", "-e", "-f", str(config)]
    Book(city).start(f"{name}.sshd", argv, cwd=folder_of(city, name), log=log, host=name)


def wait(city: Path, name: str, seconds: float = 10) -> None:
    """Until the host's sshd answers. Raises ToolError, with its log's last line, when it does not."""
    address, port = address_of(city, name)
    log = folder_of(city, name) / "var/log/sshd.log"
    record = Book(city).get(f"{name}.sshd")

    def answers() -> bool:
        words = log.read_text(encoding="utf-8", errors="replace") if log.exists() else ""
        if record is not None and not Book(city).alive(record):
            last = (words.splitlines() or ["no word"])[-1]
            raise ToolError(f"sshd of {name} ended: {last}", where=f"{address}:{port}", remedy=f"look at {log}")
        return "Server listening on" in words and listens(address, port)

    wait_for(answers, what=f"sshd of {name} at {address}:{port}", seconds=seconds)


def listens(address: str, port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(0.5)
        return probe.connect_ex((address, port)) == 0


def address_of(city: Path, name: str) -> tuple[str, int]:
    """Where a host is now, as (address, ssh port). Raises Refused for an unknown one."""
    try:
        address, port = (city / "addresses" / name).read_text(encoding="utf-8").split()
    except FileNotFoundError as error:
        raise Refused(f"no host {name} in the embedded city", where=str(city), remedy="see: orchestrator embedded status") from error
    return address, int(port)


def all_hosts(city: Path) -> dict[str, tuple[str, int]]:
    """Every host that has an address, switched on or not."""
    return {path.name: address_of(city, path.name) for path in sorted((city / "addresses").glob("*"))}


def forget(city: Path, name: str) -> None:
    """A host that does not exist any more: its address is free. Its folder is the caller's to move."""
    (city / "addresses" / name).unlink(missing_ok=True)
    for path in (city / "ssh" / "hosts").glob(f"{name}*"):
        if path.name in (name, f"{name}.pub", f"{name}.conf", f"{name}.sh"):
            path.unlink()


def remove_run_sshd(city: Path) -> None:
    """Take /run/sshd away again when a city made it and no sshd of this machine, another city's included, needs it."""
    mark = city / "made-run-sshd"
    ours = mark.exists() or not Path("/usr/sbin/sshd").exists()  # where no sshd is installed, only cities make it
    mark.unlink(missing_ok=True)
    if os.geteuid() == 0 and ours and not any(process.info["name"] == "sshd" for process in psutil.process_iter(["name"])):
        with suppress(OSError):
            RUN_SSHD.rmdir()


def _quoted(path: Path) -> str:
    return f'"{path}"' if " " in str(path) else str(path)


def _root_may_log_in() -> None:
    """Without PAM, sshd refuses an account whose password is locked by an exclamation mark."""
    shadow = Path("/etc/shadow")
    account = getpass.getuser()
    if shutil.which("passwd") is None or not os.access(shadow, os.R_OK):
        return
    for line in shadow.read_text(encoding="utf-8", errors="replace").splitlines():
        if line.startswith(f"{account}:!"):
            raise Refused(
                f"the account {account} is locked, sshd would refuse every login",
                where=str(shadow),
                remedy="run as an ordinary user, or set the account's password field to '*' (usermod -p '*')",
            )
