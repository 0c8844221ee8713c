"""Servers that were made are waited for until they can be logged in to; live ones are never taken away by an undo."""

from __future__ import annotations

import socket
from types import SimpleNamespace
from typing import Any

import pytest

from orchestrator.cloud.stand import Stand
from orchestrator.errors import NeedsPerson, ToolError
from orchestrator.models import Host
from orchestrator.steps.provision import _standing, undo, wait_until_reached
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


@pytest.mark.parametrize(("stand", "said"), [(Stand.LIVE, "it is live on these servers"), (Stand.ACCEPTED, "there is no other copy")])
def test_servers_that_citizens_are_on_are_not_taken_away_and_nothing_is_opened_for_it(stand: Stand, said: str) -> None:
    """The context has nothing else: whatever an undo did before it asked where the system stands would fail on it."""
    context: Any = SimpleNamespace(records=SimpleNamespace(stand=lambda: stand), migration="portal-1")
    with pytest.raises(NeedsPerson) as refused:
        undo(context)
    assert said in refused.value.what
    assert "orchestrator rollback" in refused.value.remedy


def test_a_plan_is_told_its_own_machines_and_whoever_stands_where_one_of_them_stands() -> None:
    """The others' would make each system's plan as long as the city."""
    machines = [Host(name=name, address=address) for name, address in (("a", "10.0.0.1"), ("b", "10.0.0.2"), ("c", "10.0.0.3"), ("twin", "10.0.0.1"))]
    world: Any = SimpleNamespace(cloud=SimpleNamespace(servers=machines))
    assert [machine.name for machine in _standing(world, {"a", "c"})] == ["a", "c", "twin"]
