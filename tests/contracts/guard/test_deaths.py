"""A server that dies after any act and stays dead until the guard has ended: at most one side is ever open, nobody's write is
lost, before the decision it comes to nothing and after it the other side is live."""

from __future__ import annotations

import itertools

import pytest

from orchestrator.cutover import kinds
from orchestrator.movers.contract import Direction
from tests.contracts.guard.cases import Case
from tests.contracts.guard.conftest import Worlds
from tests.contracts.guard.servers import Servers
from tests.contracts.guard.world import Attempt

pytestmark = [pytest.mark.servers, pytest.mark.long, pytest.mark.timeout(900)]

ACTS = ("stage", "pause", "close", "drain", "prepare", "prove", "decide")
PROVED = [("prove", "source"), ("prove", "gateway"), *itertools.product(("decide",), ("source", "target", "gateway"))]
"""Once everything is proved, the source is not needed any more, and a gateway is led when it is back."""


@pytest.mark.parametrize(("act", "server"), list(itertools.product(ACTS, ("source", "target", "gateway"))))
def test_a_server_that_dies_after_an_act(worlds: Worlds, servers: Servers, act: str, server: str) -> None:
    world = worlds.give(1)
    world.used_up = True
    file = servers.databases_file.read_bytes()
    case = Case(name="dies", title="", act="begin", outcome="aborted", after={act: [{"kill": server}]}, fence_ms=6000)
    attempt = Attempt(world, case, Direction.FORWARD)
    with servers.mended():
        result = attempt.run()
    (name,) = world.targets
    there = world.open_sides(name)
    expected = "target" if (act, server) in PROVED else "source"
    assert there in ([], [expected]), (result, there)
    assert result["outcome"] in ("switched" if expected == "target" else "aborted", "stuck"), result
    assert result["outcome"] == "stuck" or there, f"nobody is served, and it is not said: {result}"
    if not there or result["outcome"] == "stuck" or result["problems"]:
        _settle(attempt, expected)
    world.live = expected
    for client in world.clients:
        client.must_be_served()
    assert world.open_sides(name) == [expected]
    world.check_ledger()
    if result["outcome"] == "aborted" and not result["problems"]:
        world.check_as_before(file)
        world.used_up = False


def _settle(attempt: Attempt, to: str) -> None:
    """What `resume` does when everything answers again: the side that the control rows name is opened, the gateway follows."""
    specification = attempt.specification()
    part = specification.parts[0]
    side = kinds.make_side(part.live if to == "source" else part.other)
    try:
        if not side.control().open:
            side.open(specification.attempt, specification.token)
    finally:
        side.disconnect()
    attempt.do_lead(to)
