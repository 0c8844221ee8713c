"""The command line of a device, over real SSH, against the embedded city's signature device."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from orchestrator.embedded import device
from orchestrator.errors import Refused, ToolError
from orchestrator.settings import HOME
from orchestrator.tools import programs
from orchestrator.tools.device_cli import DeviceCli
from orchestrator.tools.process import Stopped

pytestmark = pytest.mark.servers


@dataclass
class Signer:
    address: str
    port: int
    known_hosts: Path

    def open(self, **options: Any) -> DeviceCli:
        given = {"known_hosts": self.known_hosts, "timeout": 5, "password": "correct-horse", **options}
        return DeviceCli.open("signer-1", self.address, self.port, "admin", **given)


@pytest.fixture(scope="module")
def signer(tmp_path_factory: pytest.TempPathFactory, find_port: Any) -> Iterator[Signer]:
    folder = tmp_path_factory.mktemp("device")
    address = f"127.99.{os.getpid() % 250}.9"
    port, signing = find_port(address), find_port(address)
    device.make(folder / "device", address, signing)
    key = folder / "device" / "host_key"
    subprocess.run([programs.find("ssh-keygen"), "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
    (folder / "known_hosts").write_text(f"[{address}]:{port} {' '.join(key.with_suffix('.pub').read_text().split()[:2])}\n")
    (folder / "secret").write_text("correct-horse\n")
    options = {
        "folder": folder / "device",
        "name": "signer-1",
        "address": address,
        "management-port": port,
        "user": "admin",
        "secret": folder / "secret",
    }
    argv = [
        sys.executable,
        "-m",
        "orchestrator.embedded.device",
        *(str(x) for name, value in options.items() for x in (f"--{name}", value)),
    ]
    process = subprocess.Popen(argv, cwd=HOME, stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    signer = Signer(address, port, folder / "known_hosts")
    for _ in range(50):
        try:
            signer.open().close()
            break
        except ToolError as error:
            if not error.retryable:
                raise
    yield signer
    process.kill()
    process.wait()


def test_an_answer_comes_without_echo_and_prompt(signer: Signer) -> None:
    with signer.open() as cli:
        assert cli.command(["show", "network"]).splitlines()[0] == f"address: {signer.address}"
        assert "serial: SJJ1012-0007" in cli.command(["show", "status"])
        assert cli.command(["nonsense"]) == "error: unknown command: nonsense"


def test_a_device_is_configured_by_its_own_words(signer: Signer) -> None:
    with signer.open() as cli:
        port = cli.command(["show", "network"]).splitlines()[1].removeprefix("port: ")
        assert cli.command(["set", "network", "address", signer.address, "port", port]) == "ok, not committed"
        assert cli.command(["commit"]).startswith("committed, signing on")


@pytest.mark.parametrize("word", ["a\rcommit", "a\ncommit", "a b", "\x03", "a\x1b[A"])
def test_a_word_can_never_become_a_second_command(signer: Signer, word: str) -> None:
    with signer.open() as cli, pytest.raises(Refused):
        cli.command(["show", word])


def test_a_prompt_that_never_comes_is_given_up_in_time(signer: Signer) -> None:
    with signer.open() as cli, pytest.raises(Stopped, match="no prompt within"):
        cli.command(["show", "status"], timeout=0.3, until=r"really\? \[y/n\]")


def test_a_closed_connection_a_wrong_password_and_an_unknown_key_are_told_apart(signer: Signer, tmp_path: Path) -> None:
    with signer.open() as cli, pytest.raises(ToolError, match="closed the connection"):
        cli.command(["exit"])
    with pytest.raises(ToolError, match="login refused"):
        signer.open(password="wrong")
    (tmp_path / "empty").touch()
    with pytest.raises(ToolError) as failure:
        signer.open(known_hosts=tmp_path / "empty")
    assert "orchestrator hosts trust signer-1" in failure.value.remedy
