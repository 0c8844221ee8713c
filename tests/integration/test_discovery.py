"""Discovery against real sshds on loopback: good hosts, bad hosts, two hundred of them, and host keys."""

from __future__ import annotations

import contextlib
import getpass
import json
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
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
  *.248) sh -c "$SSH_ORIGINAL_COMMAND"; exec sleep 21 ;;
  *.249) mkdir -p "$0.bin"; printf '#!/bin/sh\nexec sleep 617\n' >"$0.bin/df"; cp "$0.bin/df" "$0.bin/timeout"; chmod +x "$0.bin/"*
         PATH="$0.bin:$PATH"; export PATH; exec sh -c "$SSH_ORIGINAL_COMMAND" ;;
  *.250) exec sh -c 'yes x | head -c 1000000000 >&2' ;;
  *.251) exec sleep 20 ;;
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
        hosts = [
            Host(name=f"h-{number}", address=f"127.77.0.{number}", ssh_port=port, ssh_user=getpass.getuser(), manager="processes")
            for number in numbers
        ]
        return hosts, folder / "known_hosts", folder / "key"

    yield start
    for process in started:
        process.terminate()
        process.wait(10)


def endless(client: socket.socket) -> None:
    while True:
        client.sendall(b"x" * 4096)


def greeting(client: socket.socket) -> None:
    client.sendall(b"SSH-2.0-OpenSSH_9.2\r\n" + bytes(range(256)) * 64)


BANNERS: dict[str, Callable[[socket.socket], None]] = {"silent": lambda _client: None, "endless": endless, "garbled": greeting}
"""Ports that answer, and are no sshd."""


@contextlib.contextmanager
def impostors() -> Iterator[list[Host]]:
    with contextlib.ExitStack() as stack:
        hosts = []

        def answer(server: socket.socket, behave: Callable[[socket.socket], None]) -> None:
            with contextlib.suppress(OSError):
                client, _ = server.accept()
                with client, contextlib.suppress(OSError):
                    behave(client)
                    while client.recv(4096):
                        pass

        for number, (name, behave) in enumerate(BANNERS.items(), start=240):
            server = stack.enter_context(socket.create_server((f"127.77.0.{number}", 0)))
            threading.Thread(target=answer, args=(server, behave), daemon=True).start()
            hosts.append(Host(name=name, address=f"127.77.0.{number}", ssh_port=server.getsockname()[1]))
        yield hosts


def test_a_bad_host_costs_only_itself(herd: Callable[[list[int]], tuple[list[Host], Path, Path]]) -> None:
    hosts, known, key = herd([1, 2, 3, 4, 248, 249, 250, 251, 252, 253, 254])
    good, bad = {"h-1", "h-2", "h-248"}, {"h-249", "h-250", "h-251", "h-252", "h-253", "h-254"}
    hosts = [host.model_copy(update={"ssh_user": "nobody-we-know"}) if host.name == "h-4" else host for host in hosts]
    other_key = key.with_name("otherkey")
    subprocess.run([programs.find("ssh-keygen"), "-q", "-t", "ed25519", "-N", "", "-f", other_key], check=True)
    now, then = ((key.with_name(name).read_text().split()[1]) for name in ("hostkey.pub", "otherkey.pub"))
    lines = known.read_text().splitlines()
    known.write_text("".join(f"{line.replace(now, then) if '127.77.0.3]' in line else line}\n" for line in lines))
    with impostors() as strange, socket.socket() as free:
        free.bind(("127.77.0.239", 0))
        hosts += [
            *strange,
            Host(name="closed", address="127.77.0.239", ssh_port=free.getsockname()[1]),
            hosts[0].model_copy(update={"name": "stranger", "address": "127.77.0.5"}),
        ]
        found = {one.host.name: one for one in survey(hosts, known, key, seconds=6)}
    assert set(found) == {host.name for host in hosts}
    assert {name for name, one in found.items() if not one.problem} == good, {name: one.problem for name, one in found.items()}
    assert set(found) - good == bad | {"h-3", "h-4", "silent", "endless", "garbled", "closed", "stranger"}
    problems = {name: str(one.problem) for name, one in found.items()}
    assert "another key than the one we know" in problems["h-3"]
    assert "login refused" in problems["h-4"]
    assert "no end within" in problems["h-249"]
    assert "no end within" in problems["h-250"], "its other stream was flooded"
    assert "no end within" in problems["h-251"]
    assert "not that of a shell" in problems["h-252"]
    assert "wrote more than" in problems["h-253"]
    assert "not that of a shell" in problems["h-254"]
    assert "no SSH greeting" in problems["silent"]
    assert "we do not know this host's key" in problems["stranger"] or "no connection" in problems["stranger"]
    assert all(one.remedy for one in found.values() if one.problem)
    assert max(one.seconds for one in found.values()) < 60, "limits of time are kept (generous: the machine is shared)"
    facts = read_facts("h-1", found["h-1"].sections)
    assert facts.problems == ()
    assert facts.vcpus
    assert facts.memory_gb
    assert facts.os
    assert hosts[0].ssh_port in {listener.port for listener in facts.listening}
    assert read_facts("h-248", found["h-248"].sections).problems == (), "all was said, though the end of the file never came"
    assert_nothing_lives_on()


def assert_nothing_lives_on() -> None:
    """Neither the script, nor what hung in it, nor a thread of ours."""
    deadline = time.monotonic() + 20
    while True:
        mine = [p.info["pid"] for p in psutil.process_iter(["pid", "cmdline"]) if {"survey", "617"} & set(p.info["cmdline"] or ())]
        threads = [
            thread.name for thread in threading.enumerate() if "paramiko" in type(thread).__module__ or thread.name.startswith("survey")
        ]
        if not mine and not threads:
            return
        assert time.monotonic() < deadline, (mine, threads)
        time.sleep(0.2)


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
    assert main(["hosts", "trust", at]) == 2, "nobody is there to compare"
    assert not known.exists()
    capsys.readouterr()
    assert main(["hosts", "trust", at, "--yes"]) == 0
    assert main(["hosts", "trust", at]) == 0, "known already: nothing to ask"
    capsys.readouterr()
    assert main(look) == 0
    assert json.loads(capsys.readouterr().out)["hosts"][0]["vcpus"]
    known.write_text(known.read_text().replace("AAAAC3NzaC1lZDI1NTE5AAAAI", "AAAAC3NzaC1lZDI1NTE5AAAAJ"))
    assert main(look) == 5, "a damaged record trusts nobody"
    assert "no key" in json.loads(capsys.readouterr().out)["problems"][0]["problem"]
