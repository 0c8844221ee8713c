"""PostgreSQL, MariaDB, files and two web servers behind an entry that holds writes, on hosts that boot: one decision each way."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import groupby

import pytest

from tests.lab import composite, inventory, lending
from tests.lab.journey import WAITING, Citizens, Journey
from tests.lab.lab import DEFAULT_HOSTS, Lab

pytestmark = [pytest.mark.lab, pytest.mark.long, pytest.mark.timeout(2400)]
MINUTES = 8
HOSTS = DEFAULT_HOSTS


@dataclass
class Trip:
    """What was seen on the way: forward to the final gate, back, and forward again until it was accepted."""

    journey: Journey
    citizens: Citizens
    clients: list[lending.LabClient] = field(default_factory=list)
    before: list[str] = field(default_factory=list)
    after: list[str] = field(default_factory=list)
    code_back: int = 0
    code_again: int = 0
    lost: list[set[int]] = field(default_factory=list)
    """Clients' writes into MariaDB: there, back, there again."""


@pytest.fixture(scope="module")
def trip(lab: Lab) -> Iterator[Trip]:
    passwords = composite.furnish_city(lab)
    inventory.write(lab, [composite.describe_city(lab)], passwords, entries={"desk": 8080}, tell=composite.tell_site)
    trip = Trip(Journey(lab, "desk"), Citizens(lab, ":8080/loans", number=4))
    journey = trip.journey
    assert journey.command("prepare-source", "desk", "--do", "--restart").returncode == 0, journey.said
    trip.before = composite.photograph_room(lab)
    with lending.at_work(lab) as trip.clients, trip.citizens:
        assert journey.migrate(stop_at="final acceptance") == WAITING, journey.said[-6000:]
        trip.lost.append(lending.find_lost(lab, trip.clients, "db-new"))
        trip.code_back = journey.roll_back()
        trip.after = composite.photograph_room(lab)
        trip.lost.append(lending.find_lost(lab, trip.clients, "db"))
        assert journey.migrate(stop_at="final acceptance") == WAITING, journey.said[-6000:]
    trip.lost.append(lending.find_lost(lab, trip.clients, "db-new"))
    trip.code_again = journey.resume()
    yield trip


def test_it_went_there_came_back_and_was_accepted(trip: Trip) -> None:
    assert (trip.code_back, trip.code_again) == (0, 0), trip.journey.said[-6000:]


def test_what_each_kind_of_client_sees_is_told_before_it_is_approved(trip: Trip) -> None:
    for words in (
        "writes over HTTP wait",
        "register (postgresql): clients wait",
        "lending (mariadb): every connection that is open is ended",
    ):
        assert words in trip.journey.said


def test_the_old_hosts_are_as_they_were_owner_for_owner(trip: Trip) -> None:
    assert trip.after == trip.before


def test_nothing_was_lost_in_any_of_its_places_and_no_request_failed(lab: Lab, trip: Trip, capsys: pytest.CaptureFixture[str]) -> None:
    with capsys.disabled():
        print(lending.tell_figures(trip.journey.said, trip.citizens, trip.clients))
    assert len(trip.citizens.acknowledged) > 20
    assert composite.find_lost(lab, trip.citizens) == {"loans": [], "register": [], "slips": []}
    assert trip.lost == [set(), set(), set()]
    assert trip.citizens.failed == []


def test_the_clerk_was_on_one_side_at_a_time(lab: Lab, trip: Trip) -> None:
    """The servers number what is written: the one that was left goes on where the other ended."""
    assert trip.code_again == 0
    at = lending.rows(lab, "db-new", "SELECT host FROM clerk_runs ORDER BY n")
    assert [host for host, _ in groupby(at)] == ["app", "app-new", "app", "app-new"]


def test_each_connection_of_mariadb_that_was_open_saw_one_error_which_was_counted(trip: Trip) -> None:
    ended = [int(count) for count in re.findall(r"(\d+) open connections were ended", trip.journey.said)]
    errors = [len(client.failed) for client in trip.clients]
    assert len(ended) == 3
    assert min(errors) >= 3, errors
    assert sum(errors) <= sum(ended), [client.failed for client in trip.clients]
