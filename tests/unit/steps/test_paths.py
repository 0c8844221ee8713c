"""The ways that a migration itself needs on the network: every one once, by address and port, as seen from the new servers."""

from __future__ import annotations

from typing import Any

import pytest

from orchestrator.models import Sites
from orchestrator.steps.paths import find_paths
from tests.support.one_system import full

HOSTS = [{"name": "app", "address": "10.1.0.1"}, {"name": "db", "address": "10.1.0.2"}]
DATABASE = {"name": "register", "engine": "postgresql", "host": "db", "port": 5433}
SERVICE = {"name": "web", "host": "app", "port": 8001, "entry": "web"}


def site(kind: str, network: str) -> dict[str, Any]:
    gateway = f"10.{network}.0.9"
    pool = {"host": f"gw-{kind}", "address": gateway, "port": 6432, "admin_role": "a", "secret": "file:/s", "databases_file": "/d"}
    return {
        "id": f"{kind}-site", "kind": kind, "address_range": f"10.{network}.0.0/16", "gateway": {"name": f"gw-{kind}", "address": gateway},
        "pgbouncer": pool, "haproxy": {"host": f"gw-{kind}", "address": gateway, "runtime_port": 9999},
    }  # fmt: skip


SITES = Sites.model_validate({"sites": [site("room", "1"), site("cloud", "2")], "entry": {"host": "edge", "address": "10.3.0.1"}})


def ways(sites: Sites = SITES, **parts: Any) -> list[str]:
    system = full(hosts=HOSTS, **parts)
    return [f"{way['peer']}: {way['direction']} {way['address']} {way['port']}" for way in find_paths(system, sites)]


def test_a_database_is_followed_both_ways_and_reached_by_both_gateways() -> None:
    assert ways(databases=[DATABASE]) == [
        "old db: in 10.1.0.2 5433", "gateway gw-room: in 10.1.0.9 5433", "gateway gw-cloud: in 10.2.0.9 5433",
        "old db: out 10.1.0.2 5433", "gateway gw-cloud: out 10.2.0.9 6432",
    ]  # fmt: skip


def test_a_second_database_of_the_same_server_opens_nothing_twice() -> None:
    assert ways(databases=[DATABASE, {**DATABASE, "name": "archive"}]) == ways(databases=[DATABASE])


def test_a_mariadb_is_reached_by_the_ports_that_hold_its_connections() -> None:
    held = {"runtime_port": 9999, "folder": "/var/lib/hold", "ports": {"register": 3307}}
    sites = SITES.model_dump(mode="json")
    for each, network in zip(sites["sites"], ("1", "2"), strict=True):
        each["tcp"] = {"host": f"gw-{network}", "address": f"10.{network}.0.8"} | held
    assert ways(Sites.model_validate(sites), databases=[{**DATABASE, "engine": "mariadb", "port": 3306}]) == [
        "old db: in 10.1.0.2 3306", "gateway gw-1: in 10.1.0.8 3306", "gateway gw-2: in 10.2.0.8 3306",
        "old db: out 10.1.0.2 3306", "gateway gw-2: out 10.2.0.8 3307",
    ]  # fmt: skip


@pytest.mark.parametrize("engine", ["oracle", "dm", "mysql"])
def test_what_its_vendor_moves_is_opened_by_its_people(engine: str) -> None:
    assert ways(databases=[{**DATABASE, "engine": engine}]) == []


def test_citizens_come_by_the_entry_and_only_to_what_has_one() -> None:
    assert ways(services=[SERVICE]) == ["entry edge: in 10.3.0.1 8001"]
    assert ways(services=[{**SERVICE, "entry": None}, {"name": "worker", "host": "app"}]) == []
    assert ways(Sites(sites=SITES.sites), services=[SERVICE]) == []


def test_a_device_is_reached_by_the_link_of_the_clouds_gateway() -> None:
    device = {"name": "signer", "model": "m", "address": "10.1.0.7", "port": 7100, "management": "manual"}
    assert ways(devices=[device]) == ["gateway gw-cloud: out 10.2.0.9 7100"]


def test_sites_without_gateways_need_less() -> None:
    bare = Sites.model_validate({"sites": [{key: value for key, value in site("cloud", "2").items() if key not in ("pgbouncer", "haproxy")}]})
    assert ways(bare, databases=[DATABASE]) == ["old db: in 10.1.0.2 5433", "old db: out 10.1.0.2 5433"]
