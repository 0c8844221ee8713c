"""Who is connected to a port, as a kernel tells it: its own lines, and this machine's kernel with real connections."""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from orchestrator.hosts import visitors

TABLE = """\
0A04010A:0050 0704010A:D2F4
0A04010A:0050 0904010A:D2F5
0A04010A:0050 0A04010A:D2F6
0A04010A:0016 0704010A:D2F7
0000000000000000FFFF00000A04010A:1F90 0000000000000000FFFF00000B04010A:D2F8
B80D0120000000000000000001000000:1F90 B80D0120000000000000000002000000:D2F9
"""


def test_its_own_lines_are_read_as_it_means_them() -> None:
    assert visitors.read(TABLE, [80, 8080]) == {80: {"10.1.4.7", "10.1.4.9"}, 8080: {"10.1.4.11", "2001:db8::2"}}
    assert visitors.read("sl local_address\nnonsense\n", [80]) == {80: set()}


@pytest.fixture
def connected() -> Iterator[int]:
    """A port of this machine that somebody on it is connected to."""
    with socket.socket() as listener, socket.socket() as visitor:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        visitor.connect(listener.getsockname())
        connection, _ = listener.accept()
        with connection:
            yield int(listener.getsockname()[1])


def test_a_look_finds_what_is_connected_once_and_leaves_out_the_host_itself(connected: int) -> None:
    said: list[str] = []

    def run(argv: list[str], **_more: object) -> Any:
        said.append(subprocess.run(argv, check=True, capture_output=True, text=True, timeout=30).stdout)
        return SimpleNamespace(stdout=said[0])

    connection: Any = SimpleNamespace(run=run)
    assert visitors.look(connection, [connected, 1]) == {connected: set(), 1: set()}
    assert [line.split()[0] for line in said[0].splitlines()] == [f"0100007F:{connected:04X}"]
