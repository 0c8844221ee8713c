"""One lab host: a root of its own over the base, a systemd that boots, an sshd that lets ``ops`` in and root not."""

from __future__ import annotations

import contextlib
import os
import secrets
import shlex
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.lab import groups
from tests.lab.networks import Networks
from tests.lab.shell import LabError, run

KEEP_BOOTING = 'for g in $GROUPS_OF_HOST; do echo $$ >"$g/cgroup.procs"; done; while :; do "$@"; [ $? = 133 ] || exit; done'
"""systemd-nspawn ends with 133 when its guest asks for a reboot. A constant; all else comes as its arguments."""
ACCOUNT = "ops"


@dataclass
class LabHost:
    """A host on disk (``folder``: upper, work, root) and on its network. Kept in the lab's record as plain data."""

    lab: str
    name: str
    number: int
    network: str
    address: str
    folder: Path
    base: Path
    binds: tuple[str, ...] = ()
    """Folders of the machine that the host sees, read only (the controller: checkout and Python)."""
    disks: tuple[str, ...] = ()
    """File systems of the machine that are the host's own: ``FOLDER:PLACE``."""

    @property
    def networks(self) -> Networks:
        return Networks(self.lab)

    @property
    def port(self) -> str:
        return f"port{self.number}"

    @property
    def root(self) -> Path:
        """Its file system as the machine sees it."""
        return self.folder / "root"

    # ------------------------------------------------------------ made and taken away

    def lay_out(self, authorised: str, *, sudo: bool = True) -> str:
        """Root, accounts and keys of a new host, and its place in the network. Gives its public host key."""
        for name in ("upper", "work", "root"):
            (self.folder / name).mkdir(parents=True)
        layers = f"lowerdir={self.base},upperdir={self.folder / 'upper'},workdir={self.folder / 'work'}"
        run(["mount", "-t", "overlay", "overlay", "-o", layers, str(self.root)])
        etc = self.root / "etc"
        etc.joinpath("hostname").write_text(f"{self.name}\n")
        etc.joinpath("machine-id").write_text(f"{secrets.token_hex(16)}\n")
        etc.joinpath("hosts").write_text(f"127.0.0.1 localhost\n{self.address} {self.name}\n")
        etc.joinpath("resolv.conf").write_text("nameserver 127.0.0.1\noptions timeout:1 attempts:1\n")  # nobody answers: at once
        key = etc / "ssh/ssh_host_ed25519_key"
        run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", self.name, "-f", str(key)])
        if sudo:
            etc.joinpath("sudoers.d/ops").write_text(f"{ACCOUNT} ALL=(ALL:ALL) NOPASSWD: ALL\n")
            etc.joinpath("sudoers.d/ops").chmod(0o440)
        folder = self.root / "home" / ACCOUNT / ".ssh"
        folder.mkdir(mode=0o700)
        folder.joinpath("authorized_keys").write_text(authorised)
        for path in (folder, folder / "authorized_keys"):
            os.chown(path, 2001, 2001)
        self.networks.plug_in(self.name, self.port, self.network, self.address)
        return key.with_suffix(".pub").read_text().strip()

    def remove(self) -> None:
        """Ends it and unmounts its root."""
        groups.end(self.lab, self.name)
        with contextlib.suppress(LabError):
            run(["umount", str(self.root)])

    # ------------------------------------------------------------ power

    def boot(self) -> None:
        """Power on. Returns at once; ``wait_ready`` waits."""
        if groups.members(self.lab, self.name):
            raise LabError(f"{self.name} is switched on already")
        self.networks.put_cable_back(self.port)
        folders = groups.make(self.lab, self.name)
        argv = [
            *("systemd-nspawn", "--quiet", "--register=no", "--keep-unit", "--boot", "--console=pipe", f"--machine={self.lab}-{self.name}"),
            *(f"--directory={self.root}", f"--network-namespace-path=/run/netns/{self.networks.namespace(self.name)}"),
            *("--capability=CAP_NET_ADMIN", "--resolv-conf=off", "--timezone=off", "--link-journal=no"),
            *(f"--bind-ro={path}" for path in self.binds),
            *(f"--bind={disk}" for disk in self.disks),
        ]
        environment = {**os.environ, "GROUPS_OF_HOST": " ".join(map(str, folders))}
        with (self.folder / "console").open("ab") as console:
            subprocess.Popen(
                ["sh", "-c", KEEP_BOOTING, "keep-booting", *argv],
                env=environment, stdin=subprocess.DEVNULL, stdout=console, stderr=console, start_new_session=True,
            )  # fmt: skip

    def wait_ready(self, *, limit: float = 240) -> None:
        """Until its sshd greets."""
        deadline = time.monotonic() + limit
        while not self.greets():
            if time.monotonic() > deadline:
                raise LabError(f"{self.name} does not boot: {self._last_words()}")
            time.sleep(0.1)

    def greets(self) -> bool:
        """Whether its sshd answers, asked within its own network."""
        with (
            within_network(f"/run/netns/{self.networks.switch}"),
            contextlib.suppress(OSError),
            socket.create_connection((self.address, 22), timeout=2) as connection,
        ):
            connection.settimeout(2)
            return connection.recv(4) == b"SSH-"
        return False

    @property
    def is_on(self) -> bool:
        return bool(groups.members(self.lab, self.name))

    def cut_power(self) -> None:
        """Everything ends at once, whatever it was doing."""
        self.networks.pull_cable(self.port)  # a namespace goes on answering ping when its host is gone
        groups.end(self.lab, self.name)

    def switch_off(self, *, limit: float = 60) -> None:
        """A clean shutdown, as by the power button."""
        os.kill(self.leader(), signal.SIGRTMIN + 4)
        deadline = time.monotonic() + limit
        while groups.members(self.lab, self.name):
            if time.monotonic() > deadline:
                raise LabError(f"{self.name} does not shut down: {self._last_words()}")
            time.sleep(0.1)
        self.networks.pull_cable(self.port)

    def hang(self) -> None:
        groups.freeze(self.lab, self.name, frozen=True)

    def wake(self) -> None:
        groups.freeze(self.lab, self.name, frozen=False)

    # ------------------------------------------------------------ network

    def relocate(self, network: str, address: str) -> None:
        """Carried into another network; its address there is given to it, as a person does who racks it."""
        self.network, self.address = network, address
        self.networks.move(self.name, self.port, network, address)
        (self.root / "etc/hosts").write_text(f"127.0.0.1 localhost\n{address} {self.name}\n")

    # ------------------------------------------------------------ inside

    def leader(self) -> int:
        """The process that is PID 1 within. Raises LabError when the host is off."""
        for pid in groups.members(self.lab, self.name):
            with contextlib.suppress(OSError):
                for line in Path(f"/proc/{pid}/status").read_text().splitlines():
                    if line.startswith("NSpid:") and line.split()[2:] == ["1"]:
                        return pid
        raise LabError(f"{self.name} is switched off")

    def inside(self, argv: Sequence[str], *, account: str = "root") -> list[str]:
        """An argv that runs another within the host, as one of its accounts."""
        enter = ["nsenter", "-t", str(self.leader()), "--mount", "--uts", "--ipc", "--net", "--pid", "--root", "--wd"]
        clean = ["env", "-i", "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C.UTF-8"]
        if account == "root":
            return [*enter, *clean, "HOME=/root", *argv]
        return [*enter, *clean, "runuser", "-u", account, "--", *argv]

    def run(self, *argv: str, account: str = "root", limit: float = 120, check: bool = True) -> str:
        """What a program within the host writes."""
        return run(self.inside(argv, account=account), limit=limit, check=check)

    def script(self, text: str, *, account: str = "root", limit: float = 120) -> str:
        """What a shell script within the host writes; it ends at its first failure."""
        return self.run("sh", "-euc", text, account=account, limit=limit)

    def write(self, path: str, content: str | bytes, *, mode: int = 0o644, owner: str = "") -> None:
        """A file within the host's root. ``owner``: ``user:group`` of the host, which must be on."""
        file = self.root / path.lstrip("/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content.encode() if isinstance(content, str) else content)
        file.chmod(mode)
        if owner:
            self.run("chown", owner, path)

    def _last_words(self) -> str:
        return (self.folder / "console").read_text(errors="replace")[-1500:] if (self.folder / "console").exists() else "nothing"

    def command_line(self, argv: Sequence[str]) -> str:
        """How a person types the same."""
        return shlex.join(self.inside(argv))


@contextlib.contextmanager
def within_network(path: str) -> Iterator[None]:
    """This thread stands in another network namespace meanwhile."""
    import ctypes

    libc = ctypes.CDLL(None, use_errno=True)
    with Path("/proc/thread-self/ns/net").open() as mine, Path(path).open() as other:
        if libc.setns(other.fileno(), 0x40000000) != 0:  # CLONE_NEWNET
            raise LabError(f"cannot enter {path}: {os.strerror(ctypes.get_errno())}")
        try:
            yield
        finally:
            if libc.setns(mine.fileno(), 0x40000000) != 0:
                sys.exit("lost in another network namespace")
