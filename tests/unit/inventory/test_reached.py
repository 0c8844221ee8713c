"""What a system lacks to be movable: a health check of what listens, and of nothing else."""

from __future__ import annotations

import pytest

from orchestrator.inventory.check import reached
from tests.support.one_system import full


@pytest.mark.parametrize(
    ("service", "lacks"),
    [
        ({"unit": "office.service"}, False),
        ({"unit": "nightly.timer"}, False),
        ({"cron": "/etc/cron.d/office"}, False),
        ({"unit": "office.service", "port": 8001}, True),
        ({"command": ["/opt/office/serve"]}, True),
        ({}, True),
    ],
)
def test_only_what_listens_needs_a_health_check(service: dict[str, object], lacks: bool) -> None:
    hosts = [{"name": "app", "address": "10.1.1.1"}]
    system = full(hosts=hosts, services=[{"name": "office", "host": "app", "singleton": True} | service])
    assert ("services.office.health" in reached(system)[1]) == lacks
