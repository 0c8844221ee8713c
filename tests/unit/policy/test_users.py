"""Who would miss a system that is switched off is named, whatever way it is used."""

from __future__ import annotations

from typing import Any

import pytest

from orchestrator.models import Department, Inventory, Strategy, Verdict
from orchestrator.policy.users import find_users
from tests.support.one_system import full

HOST = {"name": "box", "address": "10.80.1.11"}
BASE = {"name": "core", "engine": "postgresql", "host": "box", "port": 5432}
WEB = {"name": "web", "host": "box", "unit": "web.service", "port": 8001}
OLD: dict[str, Any] = {"id": "old", "name": "旧系统", "hosts": [HOST], "databases": [BASE], "services": [WEB]}
OTHER_HOST = {"name": "box-2", "address": "10.80.1.11"}


def codes(strategy: Strategy = Strategy.CLOUD_DEPLOYMENT, **other: Any) -> list[str]:
    old, user = full(**OLD), full(**{"id": "user", "name": "用户", **other})
    inventory = Inventory(departments=(Department(id="d-1", name="市局"),), systems=(old, user))
    verdicts = {
        "old": Verdict(system="old", strategy=Strategy.RETIRE, readiness=50, complexity=50),
        "user": Verdict(system="user", strategy=strategy, readiness=50, complexity=50),
    }
    return [finding.code for finding in find_users(inventory, verdicts, old)]


@pytest.mark.parametrize(
    ("other", "code"),
    [
        ({"depends_on": ["old"]}, "still-needed"),
        ({"database_owner": "old"}, "still-needed"),
        ({"hosts": [OTHER_HOST], "databases": [{**BASE, "name": "mine", "host": "box-2"}]}, "shared-server"),
        ({"hosts": [OTHER_HOST], "services": [{**WEB, "name": "mine", "host": "box-2"}]}, "shared-service"),
    ],
)
def test_a_system_that_stays_and_uses_it_is_a_reason_not_to_end_it(other: dict[str, Any], code: str) -> None:
    assert codes(**other) == [code]
    assert codes(Strategy.ALREADY_ELSEWHERE, **other) == [code]
    assert codes(Strategy.RETIRE, **other) == []


def test_its_neighbours_on_other_ports_and_machines_are_none() -> None:
    assert codes(hosts=[OTHER_HOST], databases=[{**BASE, "name": "mine", "host": "box-2", "port": 5433}]) == []
    assert codes(hosts=[{"name": "box", "address": "10.80.1.12"}], databases=[BASE], services=[WEB]) == []
