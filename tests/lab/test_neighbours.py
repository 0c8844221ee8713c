"""Two systems that share a web server and a database server, on both sides, moved at the same time; one goes back while the other stays."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field

import pytest

from tests.lab import inventory, neighbours
from tests.lab.journey import WAITING, Journey, moved_rows
from tests.lab.lab import DEFAULT_HOSTS, Lab

pytestmark = [pytest.mark.lab, pytest.mark.long, pytest.mark.timeout(2400)]
MINUTES = 8
HOSTS = DEFAULT_HOSTS
STAYS, RETURNS = "permits", "licences"


@dataclass
class Trip:
    """What was seen while both went there, one went back and there again, and both were accepted."""

    journeys: dict[str, Journey]
    citizens: dict[str, neighbours.Askers]
    before: list[str] = field(default_factory=list)
    after: list[str] = field(default_factory=list)
    codes_there: list[int] = field(default_factory=list)
    code_back: int = 0
    served_by: dict[str, list[str]] = field(default_factory=dict)
    """For each system: after both went there, after one went back, after it went there again."""
    codes_again: list[int] = field(default_factory=list)

    def see(self, lab: Lab) -> None:
        for name, port in neighbours.ENTRIES.items():
            url = f"http://{lab['edge'].address}:{port}/permits"
            said = lab["controller"].run("curl", "-fsS", "-m", "20", "-H", f"Host: {name}.city", url)
            self.served_by.setdefault(name, []).append(str(json.loads(said)["host"]))

    @property
    def said(self) -> str:
        return "".join(journey.said[-4000:] for journey in self.journeys.values())


@pytest.fixture(scope="module")
def trip(lab: Lab) -> Iterator[Trip]:
    passwords = neighbours.furnish_room(lab)
    systems = [neighbours.describe(lab, name) for name in neighbours.SYSTEMS]
    inventory.write(lab, systems, passwords, entries=neighbours.ENTRIES)
    trip = Trip({name: Journey(lab, name) for name in neighbours.SYSTEMS}, {name: neighbours.Askers(lab, name) for name in neighbours.SYSTEMS})
    trip.before = neighbours.photograph_of(lab, RETURNS)
    with ExitStack() as asking:
        for citizens in trip.citizens.values():
            asking.enter_context(citizens)
        with ThreadPoolExecutor() as pool:
            trip.codes_there = list(pool.map(lambda journey: journey.migrate(stop_at="final acceptance"), trip.journeys.values()))
        assert trip.codes_there == [WAITING, WAITING], trip.said
        trip.see(lab)
        trip.code_back = trip.journeys[RETURNS].roll_back()
        trip.after = neighbours.photograph_of(lab, RETURNS)
        trip.see(lab)
        assert trip.journeys[RETURNS].migrate(stop_at="final acceptance") == WAITING, trip.said
        trip.see(lab)
        trip.codes_again = [journey.resume() for journey in trip.journeys.values()]
    yield trip


def test_both_went_there_at_once_one_came_back_and_both_were_accepted(trip: Trip) -> None:
    assert trip.served_by == {STAYS: ["app-new", "app-new", "app-new"], RETURNS: ["app-new", "app", "app-new"]}
    assert trip.code_back == 0, trip.said
    assert trip.codes_again == [0, 0], trip.said


def test_the_old_host_is_as_it_was_as_far_as_it_is_the_one_that_came_back(trip: Trip) -> None:
    assert trip.after == trip.before


def test_one_server_serves_both(lab: Lab, trip: Trip) -> None:
    databases = "SELECT datname FROM pg_database WHERE datname IN ('permits', 'licences') AND datconnlimit <> 0 ORDER BY 1"
    assert moved_rows(lab, "db-new", "postgres", databases) == ["licences", "permits"]
    assert lab["app"].run("systemctl", "is-active", "nginx").strip() == "active"
    assert trip.codes_again == [0, 0]


@pytest.mark.parametrize("name", neighbours.SYSTEMS)
def test_nothing_was_lost_and_nobody_was_turned_away(lab: Lab, trip: Trip, name: str) -> None:
    kept = set(moved_rows(lab, "db-new", name, "SELECT id FROM permits"))
    assert len(trip.citizens[name].acknowledged) > 20
    assert [number for number in trip.citizens[name].acknowledged if str(number) not in kept] == []
    assert trip.citizens[name].failed == []
