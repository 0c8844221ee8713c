"""A MariaDB application on hosts that boot, its server as Debian leaves it: prepared by command, there, back, there again, accepted.

Its program keeps connections open that it never tries; so do clients without it, each of which sees one error at a switch.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from tests.lab import inventory, lending
from tests.lab.journey import WAITING, Citizens, Journey, photograph
from tests.lab.lab import DEFAULT_HOSTS, Lab

pytestmark = [pytest.mark.lab, pytest.mark.timeout(1800)]
MINUTES = 8
HOSTS = DEFAULT_HOSTS
LEFT = r"""
find /etc/systemd/system -name '*orchestrator*'
find /var/lib/orchestrator -mindepth 1 -maxdepth 1 -printf '%f\n' 2>/dev/null | sort
"""


@dataclass
class Trip:
    """What was seen on the way: forward to the final gate, back, and forward again until it was accepted."""

    journey: Journey
    citizens: Citizens
    clients: list[lending.LabClient] = field(default_factory=list)
    prepared: int = 0
    before: list[str] = field(default_factory=list)
    """The old hosts: application, then server."""
    after: list[str] = field(default_factory=list)
    left_there: list[str] = field(default_factory=list)
    """Of ours on the new hosts, after the way back was undone."""
    served_there: list[str] = field(default_factory=list)
    code_back: int = 0
    code_again: int = 0
    lost: list[set[int]] = field(default_factory=list)
    """Clients' writes: there, back, there again."""


def photograph_room(lab: Lab) -> list[str]:
    """Both hosts of the old room, the entry and the word by which the old gateway leads."""
    folder = lending.FOLDER
    return [
        *photograph(lab["app"], lending.TREES, lending.UNITS).splitlines(), *lending.photograph_server(lab["db"]),
        *lab["edge"].run("cat", "/etc/haproxy/haproxy.cfg").splitlines(),
        *lab["gw-room"].script(f"cd {folder}; for file in *; do stat -c '%n %U %a' $file; cat $file; done").splitlines(),
    ]  # fmt: skip


@pytest.fixture(scope="module")
def trip(lab: Lab) -> Iterator[Trip]:
    passwords = lending.furnish_desk(lab)
    inventory.write(lab, [lending.describe_desk(lab)], passwords, entries={"desk": 8080}, tell=lending.tell_site)
    trip = Trip(Journey(lab, "desk"), Citizens(lab, ":8080/loans"))
    journey = trip.journey
    journey.command("prepare-source", "desk")  # shown
    trip.prepared = journey.command("prepare-source", "desk", "--do", "--restart").returncode
    trip.before = photograph_room(lab)
    with lending.at_work(lab) as trip.clients, trip.citizens:
        assert journey.migrate(stop_at="final acceptance") == WAITING, journey.said[-6000:]
        trip.served_there = lending.rows(lab, "db-new", "SELECT host FROM desk_loan ORDER BY n DESC LIMIT 1")
        trip.lost.append(lending.find_lost(lab, trip.clients, "db-new"))
        trip.code_back = journey.roll_back()
        trip.after = photograph_room(lab)
        trip.left_there = [line for host in ("app-new", "db-new") for line in lab[host].script(LEFT).splitlines()]
        trip.lost.append(lending.find_lost(lab, trip.clients, "db"))
        assert journey.migrate(stop_at="final acceptance") == WAITING, journey.said[-6000:]
    trip.lost.append(lending.find_lost(lab, trip.clients, "db-new"))
    trip.code_again = journey.resume()
    yield trip


def test_a_server_that_nobody_prepared_is_prepared_by_command(trip: Trip) -> None:
    assert trip.prepared == 0, trip.journey.said[:4000]
    assert "log_bin" in trip.journey.said


def test_it_went_there_came_back_and_was_accepted(trip: Trip) -> None:
    assert trip.served_there == ["app-new"]
    assert (trip.code_back, trip.code_again) == (0, 0), trip.journey.said[-6000:]


def test_the_old_hosts_are_as_they_were(trip: Trip) -> None:
    assert trip.after == trip.before


def test_an_undo_leaves_nothing_of_ours_on_the_new_hosts_but_what_stood_there(trip: Trip) -> None:
    assert set(trip.left_there) == {"quarantine"}


def test_what_the_undo_and_the_acceptance_left_is_named_with_its_size(trip: Trip) -> None:
    told = trip.journey.command("clean", "desk", "--json").stdout
    [row] = json.loads(told[told.index("[{") :])
    left = {(each["place"], each["what"]): each for each in row["left"]}
    ours = [each for each in row["left"] if each["place"] == "db-new" and each["path"].endswith("-servers")]
    assert len(ours) == 1, row["left"]
    assert ours[0]["bytes"] > 1_000_000, "the first attempt's server, in quarantine"
    assert any(what == "database" and place.endswith("(source)") for place, what in left), left.keys()
    assert not [each for each in row["left"] if "unasked" in each["kept"] or "cannot be asked" in each["kept"]]


def test_the_former_database_is_not_offered(trip: Trip) -> None:
    assert trip.journey.command("prepare-source", "desk").returncode == 3


def test_nothing_was_lost_and_no_request_failed(lab: Lab, trip: Trip, capsys: pytest.CaptureFixture[str]) -> None:
    citizens = trip.citizens
    with capsys.disabled():
        print(lending.tell_figures(trip.journey.said, citizens, trip.clients))
    kept = set(lending.rows(lab, "db-new", "SELECT n FROM desk_loan"))
    assert len(citizens.acknowledged) > 20
    assert [number for number in citizens.acknowledged if str(number) not in kept] == []
    assert citizens.failed == []
    assert trip.lost == [set(), set(), set()]


def test_each_connection_that_was_open_saw_one_error_which_was_foretold_and_counted(trip: Trip) -> None:
    ended = [int(count) for count in re.findall(r"(\d+) open connections were ended", trip.journey.said)]
    assert "every connection that is open is ended" in trip.journey.said, "foretold"
    assert len(ended) == 3
    assert min(ended) >= len(trip.clients), "counted"
    errors = [len(client.failed) for client in trip.clients]
    assert min(errors) >= 3, errors
    assert sum(errors) <= sum(ended), [client.failed for client in trip.clients]
