"""Which hosts ``discover`` and ``hosts trust`` mean."""

from __future__ import annotations

import pytest

from orchestrator.cli.discover import _chosen
from orchestrator.cli.main import main
from orchestrator.errors import UsageError
from tests.support.demo_city import demo_city

INVENTORY = demo_city()[0]
KNOWN = next(host for system in INVENTORY.systems for host in system.hosts)


@pytest.mark.parametrize("named", [KNOWN.name, KNOWN.address, f"{KNOWN.address}:{KNOWN.ssh_port}"])
def test_a_host_of_the_inventory_is_found_by_name_and_by_address(named: str) -> None:
    assert _chosen(INVENTORY, (named,), (), False, "nobody") == [KNOWN]


def test_another_port_of_a_known_address_is_another_host() -> None:
    (other,) = _chosen(INVENTORY, (f"{KNOWN.address}:{KNOWN.ssh_port + 1}",), (), False, "ops")
    assert (other.address, other.ssh_port, other.ssh_user) == (KNOWN.address, KNOWN.ssh_port + 1, "ops")


@pytest.mark.parametrize("named", ["$(id)", "a b", "-oProxyCommand=x", "x:99999", ""])
def test_what_is_no_host_is_refused(named: str) -> None:
    with pytest.raises(UsageError):
        _chosen(INVENTORY, (named,), (), False, "root")


def test_a_host_gets_a_second_at_least() -> None:
    assert main(["discover", "--all", "--seconds", "0"]) == 2
