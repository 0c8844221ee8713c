"""Real hosts for tests: an sshd per host on its own loopback address, with its own key; the folder is the host's disk."""

from __future__ import annotations

import contextlib
import getpass
import os
import shlex
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from orchestrator.embedded import hosts
from orchestrator.embedded.city import City
from orchestrator.embedded.placement import host_python
from orchestrator.models import Host
from orchestrator.movers.files.trees import Rsync
from orchestrator.tools import programs
from orchestrator.tools.ssh import SshConnection, connect


@dataclass
class Lab:
    """A few hosts, the key that opens them, and the known_hosts that names them."""

    folder: Path
    python: str = sys.executable
    count: int = 0

    @property
    def known_hosts(self) -> Path:
        return self.folder / "known_hosts"

    @property
    def key(self) -> Path:
        return self.folder / "key"

    def root(self, host: Host) -> Path:
        return self.folder / "hosts" / host.name

    def connect(self, host: Host) -> SshConnection:
        return connect(host, self.known_hosts, self.key)

    def rsync(self) -> Rsync:
        return Rsync(self.known_hosts, self.key, self.folder / "relay", limit=60)


def free_port(address: str) -> int:
    with socket.socket() as probe:
        probe.bind((address, 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture(scope="session")
def find_port() -> Callable[[str], int]:
    """A free port at an address."""
    return free_port


def make_key(path: Path) -> str:
    subprocess.run([programs.find("ssh-keygen"), "-q", "-t", "ed25519", "-N", "", "-C", "test", "-f", path], check=True)
    return path.with_name(path.name + ".pub").read_text()


@pytest.fixture(scope="session")
def lab(worker_folder: Path) -> Lab:
    """Keys only; hosts are started by ``make_host``."""
    lab = Lab(worker_folder)
    (lab.folder / "authorized_keys").write_text(make_key(lab.key))
    lab.known_hosts.touch()
    return lab


@pytest.fixture(scope="session")
def worker_folder() -> Iterator[Path]:
    """Short, and open to an unprivileged user: PostgreSQL refuses to run as root."""
    folder = Path(tempfile.mkdtemp(prefix="orc-test-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def make_host(lab: Lab) -> Iterator[Callable[[str], Host]]:
    """Starts a host by name; ended with the session."""
    started: list[subprocess.Popen[bytes]] = []
    made_run_sshd = False
    if os.geteuid() == 0 and not Path("/run/sshd").exists():
        Path("/run/sshd").mkdir(mode=0o755)
        made_run_sshd = True

    def make(name: str) -> Host:
        lab.count += 1
        address = f"127.{100 + os.getpid() % 100}.{os.getpid() // 100 % 250}.{lab.count}"
        port = free_port(address)
        host = Host(
            name=name, address=address, ssh_port=port, ssh_user=getpass.getuser(), manager="processes", python=host_python()
        )  # fmt: skip
        folder = lab.root(host)
        folder.mkdir(parents=True)
        public = make_key(lab.folder / f"{name}.hostkey")
        shell = lab.folder / f"{name}.sh"
        shell.write_text(
            f"#!/bin/sh\ncd {shlex.quote(str(folder))} || exit 1\nexport HOME={shlex.quote(str(folder))}\n"
            f'PATH={shlex.quote(programs.search_path())}\nexport PATH\nexec sh -c "$SSH_ORIGINAL_COMMAND"\n'
        )
        shell.chmod(0o755)
        config = lab.folder / f"{name}.conf"
        config.write_text(
            f"ListenAddress {address}:{port}\nHostKey {lab.folder}/{name}.hostkey\nAuthorizedKeysFile {lab.folder}/authorized_keys\n"
            f"PidFile none\nUsePAM no\nStrictModes no\nPasswordAuthentication no\nUseDNS no\nMaxSessions 50\nForceCommand {shell}\n"
        )
        log = lab.folder / f"{name}.log"
        started.append(subprocess.Popen([programs.find("sshd"), "-D", "-f", config, "-E", log], stdin=subprocess.DEVNULL))
        lab.known_hosts.write_text(lab.known_hosts.read_text() + f"[{address}]:{port} {' '.join(public.split()[:2])}\n")
        deadline = time.monotonic() + 10
        while True:
            with contextlib.suppress(OSError), socket.create_connection((address, port), 1):
                return host
            assert time.monotonic() < deadline, log.read_text()
            assert started[-1].poll() is None, log.read_text()
            time.sleep(0.02)

    yield make
    for process in started:
        process.terminate()
        process.wait(10)
    if made_run_sshd:
        with contextlib.suppress(OSError):
            Path("/run/sshd").rmdir()


@pytest.fixture(scope="session")
def host(make_host: Callable[[str], Host]) -> Host:
    return make_host("old-1")


@pytest.fixture(scope="session")
def other(make_host: Callable[[str], Host]) -> Host:
    return make_host("new-1")


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> Iterator[City]:
    """A city of its own, far from the checkout's."""
    own = City(tmp_path_factory.mktemp("city"))
    own.up()
    try:
        yield own
    finally:
        own.down()


@pytest.fixture(scope="session")
def ssh() -> Callable[..., subprocess.CompletedProcess[str]]:
    """``ssh(city, host, command…)``: as the engine would, host key checked."""

    def run(city: City, host: str, *command: str) -> subprocess.CompletedProcess[str]:
        address, port = hosts.address_of(city.folder, host)
        argv = [str(programs.find("ssh")), "-F", "none", "-i", str(city.settings()["ssh_key"]), "-p", str(port), "-o", "BatchMode=yes"]
        argv += ["-o", f"UserKnownHostsFile={city.folder}/known_hosts", "-o", "StrictHostKeyChecking=yes", address, *command]
        return subprocess.run(argv, capture_output=True, text=True, timeout=30, check=False)

    return run
