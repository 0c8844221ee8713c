"""Connections, files and tunnels against a real sshd."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from orchestrator.errors import ToolError
from orchestrator.models import Host
from orchestrator.tools.process import Stopped
from orchestrator.tools.ssh import SshConnection, connect

pytestmark = pytest.mark.servers


@pytest.fixture(scope="module")
def connection(lab, host: Host) -> Iterator[SshConnection]:  # type: ignore[no-untyped-def]  # the class is in conftest
    with lab.connect(host) as connection:
        yield connection


def test_arguments_reach_the_program_as_they_are(connection: SshConnection) -> None:
    hostile = ["$(touch pwned)", "a b", "; touch pwned", "'\"\\", "*", "行政"]
    assert connection.run(["printf", "%s\n", *hostile]).stdout.splitlines() == hostile
    assert connection.run(["test", "-e", "pwned"]).code == 1


def test_input_output_and_exit_code(connection: SshConnection) -> None:
    lines = b"0123456789abcde\n" * 200_000
    assert connection.run(["cat"], input=lines, max_output=10_000_000).stdout.encode() == lines
    done = connection.run(["sh", "-c", "cat >&2; exit 7"], input=b"word")
    assert (done.code, done.exit_status, done.stdout, done.stderr) == (7, 7, "", "word")
    with pytest.raises(ToolError, match="ended with 7"):
        connection.run(["sh", "-c", "exit 7"], check=True)


def test_many_short_commands_are_quick(connection: SshConnection) -> None:
    began = time.monotonic()
    for _ in range(20):
        assert connection.run(["true"]).code == 0
    assert time.monotonic() - began < 5


def test_a_program_that_does_not_end_is_given_up_in_time(connection: SshConnection) -> None:
    began = time.monotonic()
    with pytest.raises(Stopped):
        connection.run(["sleep", "30"], timeout=0.5)
    assert time.monotonic() - began < 3
    assert connection.run(["true"]).code == 0


def test_output_is_bounded(connection: SshConnection) -> None:
    done = connection.run(["seq", "1", "500000"], max_output=10_000)
    assert done.truncated
    assert len(done.stdout) < 12_000
    assert done.stdout.startswith("1\n")
    assert done.stdout.endswith("500000\n")
    with pytest.raises(ToolError, match="more than 1000 bytes"):
        connection.output(["seq", "1", "5000"], limit=1000)


@pytest.mark.parametrize("name", ["plain", "with blank", "$(touch pwned)", "-rf", "'quoted'", "公文.txt"])
def test_a_file_is_written_at_once_with_its_mode_and_read_back(connection: SshConnection, lab, host: Host, name: str) -> None:  # type: ignore[no-untyped-def]
    path = f"{lab.root(host)}/{name}"
    content = bytes(range(256)) * 1000
    connection.write_file(path, content, mode=0o640)
    connection.write_file(path, content + b"2", mode=0o600)
    assert connection.read_file(path) == content + b"2"
    assert (lab.root(host) / name).stat().st_mode & 0o777 == 0o600
    assert not list(lab.root(host).glob("*.new.*"))


def test_a_file_that_cannot_be_written_leaves_the_old_one_and_says_why(connection: SshConnection) -> None:
    with pytest.raises(ToolError, match="cannot be written"):
        connection.write_file("/proc/nowhere/file", b"x")
    with pytest.raises(ToolError, match="No such file"):
        connection.read_file("/nowhere/file")


def test_an_unknown_host_key_is_refused_and_the_remedy_names_the_command(lab, host: Host, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    empty = tmp_path / "known_hosts"
    empty.touch()
    with pytest.raises(ToolError) as failure:
        connect(host, empty, lab.key)
    assert "orchestrator hosts trust old-1" in failure.value.remedy
    with pytest.raises(ToolError) as failure:
        connect(host, tmp_path / "absent", lab.key)
    assert "orchestrator hosts trust old-1" in failure.value.remedy


def test_a_changed_host_key_is_refused(lab, host: Host, other: Host, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    lines = lab.known_hosts.read_text().splitlines()
    theirs = next(line for line in lines if other.address in line).split(" ", 1)[1]
    (tmp_path / "known_hosts").write_text(f"[{host.address}]:{host.ssh_port} {theirs}\n")
    with pytest.raises(ToolError, match="another key"):
        connect(host, tmp_path / "known_hosts", lab.key)


def test_a_wrong_key_of_ours_and_a_closed_port_are_told_apart(lab, host: Host) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ToolError, match="login refused") as failure:
        connect(host, lab.known_hosts, lab.folder / f"{host.name}.hostkey")
    assert not failure.value.retryable
    with pytest.raises(ToolError, match="no connection") as failure:
        connect(host.model_copy(update={"ssh_port": 1}), lab.known_hosts, lab.key, timeout=3)
    assert failure.value.retryable


def test_a_tunnel_carries_both_directions_and_ends(connection: SshConnection) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            client, _ = server.accept()
            with client:
                client.sendall(client.recv(100).upper())

        threading.Thread(target=answer, daemon=True).start()
        with connection.tunnel("127.0.0.1", server.getsockname()[1]) as port, socket.create_connection(("127.0.0.1", port), 5) as client:
            client.sendall(b"hello")
            assert client.recv(100) == b"HELLO"
        with pytest.raises(OSError, match="refused"):
            socket.create_connection(("127.0.0.1", port), 1).close()


def test_a_broken_connection_is_an_error_not_a_hang(lab, make_host: Callable[[str], Host]) -> None:  # type: ignore[no-untyped-def]
    connection = lab.connect(make_host("gone-1"))
    threading.Timer(0.5, connection.close).start()
    with pytest.raises(ToolError):
        connection.run(["sleep", "20"], timeout=15)
    assert not connection.alive
    with pytest.raises(ToolError, match="gone"):
        connection.run(["true"])
