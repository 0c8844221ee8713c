"""Every act of the guard, on real servers, with what can happen in it: who is live afterwards, what clients saw, what was lost."""

from __future__ import annotations

import pytest

from orchestrator.movers.contract import Direction
from tests.contracts.guard.cases import Case, all_cases
from tests.contracts.guard.conftest import Worlds
from tests.contracts.guard.lossy import Lossy
from tests.contracts.guard.servers import PORT, Servers
from tests.contracts.guard.world import Attempt

pytestmark = [pytest.mark.servers, pytest.mark.timeout(600)]


@pytest.mark.parametrize("case", [pytest.param(case, id=case.name) for case in all_cases()])
def test_case(worlds: Worlds, servers: Servers, case: Case) -> None:
    world = worlds.give(case.parts)
    world.used_up = True  # until it is seen to be as before
    direction = Direction.BACK if case.back else Direction.FORWARD
    if case.back:
        world.switch_quietly(Direction.FORWARD)
    if any("lose" in act for acts in case.after.values() for act in acts):
        world.lossy = Lossy((servers.addresses["target"], PORT + 1000 + worlds.number), (servers.addresses["target"], PORT))
    for client in world.clients:
        client.failures.clear()
        client.longest = 0.0
    file = servers.databases_file.read_bytes()
    attempt = Attempt(world, case, direction)
    with servers.mended():
        result = attempt.run()
        for act in case.then:
            attempt.do(act)
    attempt.do_let_go(None)
    assert result["outcome"] == case.outcome, result
    for text in case.says:
        assert text in result["reason"], result
    for text in case.problems:
        assert text in "; ".join(result["problems"]), result
    if not case.problems:
        assert result["problems"] == [], result
    world.live = case.live
    for client in world.clients:
        client.must_be_served()
        if not case.may_fail:
            assert client.failures == []
    for name in world.targets:
        assert world.open_sides(name) == [case.live]
    world.check_ledger()
    if case.outcome != "switched" and not case.back and world.lossy is None:
        world.check_as_before(file)
        world.used_up = False
