"""Discovery against real sshds on loopback: good hosts, bad hosts, two hundred of them, and host keys."""

from __future__ import annotations

import contextlib
import getpass
import json
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from orchestrator.cli.main import main
from orchestrator.discovery.facts import read_facts
from orchestrator.models import Host
from orchestrator.tools import programs
from orchestrator.tools.survey import survey

pytestmark = pytest.mark.servers
EACH = 16
"""Addresses that one sshd listens on: OpenSSH's limit."""
BEHAVIOUR = """#!/bin/sh
set -- $SSH_CONNECTION
case $3 in
  *.251) exec sleep 600 ;;
  *.252) exec head -c 200000 /dev/urandom ;;
  *.253) exec sh -c 'yes x | head -c 1000000000' ;;
  *.254) exit 3 ;;
esac
sleep 1
exec sh -c "$SSH_ORIGINAL_COMMAND"
"""


@pytest.fixture(scope="module")
def herd(worker_folder: Path, make_host: Callable[[str], Host]) -> Iterator[Callable[[list[int]], tuple[list[Host], Path, Path]]]:
    """Starts sshds that listen on 127.77.0.N for each N. Every login waits a second first, as a distant host would; 251–254 misbehave."""
    make_host("herd-0")  # makes what sshd needs on this machine
    folder = worker_folder / "herd"
    folder.mkdir()
    for name in ("key", "hostkey"):
        subprocess.run([programs.find("ssh-keygen"), "-q", "-t", "ed25519", "-N", "", "-f", folder / name], check=True)
    (folder / "authorized_keys").write_text((folder / "key.pub").read_text())
    (folder / "behave.sh").write_text(BEHAVIOUR)
    (folder / "behave.sh").chmod(0o755)
    started: list[subprocess.Popen[bytes]] = []

    def start(numbers: list[int]) -> tuple[list[Host], Path, Path]:
        with socket.socket() as probe:
            probe.bind(("127.77.0.1", 0))
            port = probe.getsockname()[1]
        public = " ".join((folder / "hostkey.pub").read_text().split()[:2])
        for at in range(0, len(numbers), EACH):
            config = folder / f"sshd-{port}-{at}.conf"
            config.write_text(
                "".join(f"ListenAddress 127.77.0.{number}:{port}\n" for number in numbers[at : at + EACH])
                + f"HostKey {folder}/hostkey\nAuthorizedKeysFile {folder}/authorized_keys\nPidFile none\nUsePAM no\nStrictModes no\n"
                f"PasswordAuthentication no\nUseDNS no\nMaxStartups 500\nForceCommand {folder}/behave.sh\n"
            )
            started.append(subprocess.Popen([programs.find("sshd"), "-D", "-f", config, "-E", folder / "log"], stdin=subprocess.DEVNULL))
        (folder / "known_hosts").write_text("".join(f"[127.77.0.{number}]:{port} {public}\n" for number in numbers))
        for number in numbers:
            for _ in range(200):
                with contextlib.suppress(OSError), socket.create_connection((f"127.77.0.{number}", port), 1):
                    break
                time.sleep(0.05)
        hosts = [Host(name=f"h-{number}", address=f"127.77.0.{number}", ssh_port=port, ssh_user=getpass.getuser()) for number in numbers]
        return hosts, folder / "known_hosts", folder / "key"

    yield start
    for process in started:
        process.terminate()
        process.wait(10)


def test_a_bad_host_costs_only_itself(herd: Callable[[list[int]], tuple[list[Host], Path, Path]]) -> None:
    hosts, known, key = herd([1, 2, 251, 252, 253, 254])
    with socket.create_server(("127.77.0.240", 0)) as silent, socket.socket() as free:
        free.bind(("127.77.0.241", 0))
        hosts += [
            Host(name="silent", address="127.77.0.240", ssh_port=silent.getsockname()[1]),
            Host(name="closed", address="127.77.0.241", ssh_port=free.getsockname()[1]),
            hosts[0].model_copy(update={"name": "stranger", "address": "127.77.0.3"}),
        ]
        started = time.monotonic()
        found = {one.host.name: one for one in survey(hosts, known, key, seconds=6)}
    assert time.monotonic() - started < 25
    assert set(found) == {host.name for host in hosts}
    assert {name for name, one in found.items() if not one.problem} == {"h-1", "h-2"}
    assert "no end within" in found["h-251"].problem
    assert "not that of a shell" in found["h-252"].problem
    assert "wrote more than" in found["h-253"].problem
    assert "not that of a shell" in found["h-254"].problem
    assert all(one.remedy for one in found.values() if one.problem)
    facts = read_facts("h-1", found["h-1"].sections)
    assert facts.problems == ()
    assert facts.vcpus
    assert facts.memory_gb
    assert facts.os
    assert hosts[0].ssh_port in {listener.port for listener in facts.listening}


@pytest.mark.bench
def test_two_hundred_hosts_within_a_minute(
    herd: Callable[[list[int]], tuple[list[Host], Path, Path]], capsys: pytest.CaptureFixture[str]
) -> None:
    hosts, known, key = herd(list(range(4, 204)))
    started = time.monotonic()
    found = list(survey(hosts, known, key))
    seconds = time.monotonic() - started
    with capsys.disabled():
        print(
            f"\ndiscovery: {len(found)} hosts with 1 s of latency each in {seconds:.1f} s, {sum(bool(one.problem) for one in found)} with a problem"
        )
    assert not [one.problem for one in found if one.problem]


def test_a_key_is_shown_compared_and_remembered(
    herd: Callable[[list[int]], tuple[list[Host], Path, Path]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (host,), _, key = herd([230])
    monkeypatch.chdir(tmp_path)
    known = tmp_path / "known_hosts"
    for name, value in (("INVENTORY", tmp_path / "none"), ("KNOWN_HOSTS", known), ("SSH_KEY", key)):
        monkeypatch.setenv(f"ORCHESTRATOR_{name}", str(value))
    at = f"{host.address}:{host.ssh_port}"
    look = ["discover", "--hosts", at, "--user", host.ssh_user, "--json"]
    assert main(look) == 5
    assert "hosts trust" in json.loads(capsys.readouterr().out)["problems"][0]["remedy"]
    assert main(["hosts", "trust", at, "--json"]) == 5, "shown, not trusted"
    shown = json.loads(capsys.readouterr().out)[0]
    real = subprocess.run(
        [programs.find("ssh-keygen"), "-lf", key.with_name("hostkey.pub")], check=True, capture_output=True, text=True
    ).stdout
    assert (shown["state"], shown["trusted"]) == ("new", False)
    assert shown["fingerprint"] in real
    assert not known.exists()
    assert main(["hosts", "trust", at, "--yes"]) == 0
    assert main(["hosts", "trust", at]) == 0, "known already: nothing to ask"
    capsys.readouterr()
    assert main(look) == 0
    assert json.loads(capsys.readouterr().out)["hosts"][0]["vcpus"]
    known.write_text(known.read_text().replace("AAAAC3NzaC1lZDI1NTE5AAAAI", "AAAAC3NzaC1lZDI1NTE5AAAAJ"))
    assert main(look) == 5, "another key than the one on record is refused"
