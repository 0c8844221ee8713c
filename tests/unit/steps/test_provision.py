"""A server that was made is waited for until it can be logged in to; those that cannot are named."""

from __future__ import annotations

import socket

import pytest

from orchestrator.errors import ToolError
from orchestrator.steps.provision import wait_until_reached
from orchestrator.tools.terraform import Server


def server(name: str, port: int) -> Server:
    return Server(name, "127.0.0.1", "ops", port, "internet")


def test_servers_that_listen_are_reached_and_the_others_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening, socket.create_server(("127.0.0.1", 0)) as other:
        port, closed = listening.getsockname()[1], other.getsockname()[1]
        wait_until_reached([server("app", port), server("db", closed)], seconds=0.0)
        other.close()
        with pytest.raises(ToolError) as error:
            wait_until_reached([server("app", port), server("db", closed)], seconds=0.0)
    assert f"db (127.0.0.1 port {closed})" in error.value.what
    assert "app" not in error.value.what
    assert error.value.retryable
