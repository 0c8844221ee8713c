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
def connected() -> Iterator[tuple[int, str]]:
    """A port of this machine, and from where it has a visitor: two of its loopback's addresses."""
    with socket.socket() as listener, socket.socket() as visitor:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        visitor.connect(listener.getsockname())
        connection, _ = listener.accept()
        with connection:
            yield listener.getsockname()[1], visitor.getsockname()[0]


def test_a_look_finds_what_is_connected_and_nothing_of_the_host_itself(connected: tuple[int, str], monkeypatch: pytest.MonkeyPatch) -> None:
    port, _ = connected
    monkeypatch.setattr(visitors, "read", lambda said, ports: {port: set(said.splitlines()) for port in ports})

    def run(argv: list[str], **_more: object) -> Any:
        return SimpleNamespace(stdout=subprocess.run(argv, check=True, capture_output=True, text=True, timeout=30).stdout)

    lines = visitors.look(SimpleNamespace(run=run), [port, 1])[port]  # type: ignore[arg-type]
    assert len(lines) == 1
    monkeypatch.undo()
    assert visitors.read("\n".join(lines), [port]) == {port: set()}
