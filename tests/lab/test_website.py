"""A web site without a database on hosts that boot, read and written over TLS and HTTP/2 all the time: there, back, there again, accepted."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from tests.lab import inventory, website
from tests.lab.journey import WAITING, Journey, photograph
from tests.lab.lab import Lab

pytestmark = [pytest.mark.lab, pytest.mark.long, pytest.mark.timeout(1800)]
MINUTES = 4
HOSTS = "app@room gw-room@room app-new@cloud gw-cloud@cloud edge@street"


@dataclass
class Trip:
    """What was seen on the way: forward to the final gate, back, and forward again until it was accepted."""

    journey: Journey
    visitors: website.Visitors
    before: str = ""
    after: str = ""
    code_back: int = 0
    code_again: int = 0
    instances: list[str] = field(default_factory=list)
    """Who served the front page there, back, there again."""
    lost: list[list[str]] = field(default_factory=list)
    past_the_entry: str = ""
    """The upload that somebody handed in at the old server in the trial run."""
    foretold: str = ""


def served_by(lab: Lab) -> str:
    url = f"https://{lab['edge'].address}:8443/index.html"
    said = lab["controller"].run("curl", "-ksSi", "-m", "10", "-H", f"Host: {website.NAME}", url)
    return next(line.partition(": ")[2].strip() for line in said.splitlines() if line.lower().startswith("x-instance"))


def photograph_room(lab: Lab) -> str:
    return photograph(lab["app"], website.TREES, website.UNITS) + lab["edge"].run("cat", "/etc/haproxy/haproxy.cfg")


@pytest.fixture(scope="module")
def trip(lab: Lab) -> Iterator[Trip]:
    passwords = website.furnish_site(lab)
    inventory.write(lab, [website.describe_site(lab)], passwords, entries={"site": 8443}, tls=("site",), tell=website.tell_site)
    trip = Trip(Journey(lab, "site"), website.Visitors(lab))
    journey = trip.journey
    stranger = website.stay_connected(lab, 50)
    trip.foretold = "".join(line for line in journey.command("dry-run", "--system", "site", "--connect").stdout.splitlines() if stranger in line)
    trip.before = photograph_room(lab)
    with trip.visitors:
        assert journey.migrate(stop_at="final acceptance") == WAITING, journey.said[-6000:]
        trip.instances.append(served_by(lab))
        trip.code_back = journey.roll_back()
        trip.instances.append(served_by(lab))
        trip.after = photograph_room(lab)
        assert journey.migrate(stop_at="final acceptance") == WAITING, journey.said[-6000:]
        trip.instances.append(served_by(lab))
    trip.lost.append(trip.visitors.find_lost("app-new"))
    trip.past_the_entry = trip.visitors.hand_in_past_the_entry()
    trip.lost.append(trip.visitors.find_lost("app-new"))
    trip.code_again = journey.resume()
    trip.lost.append(trip.visitors.find_lost("app-new"))
    yield trip


def test_it_went_there_came_back_and_was_accepted(trip: Trip) -> None:
    assert trip.instances == ["app-new", "app", "app-new"]
    assert (trip.code_back, trip.code_again) == (0, 0), trip.journey.said[-6000:]


def test_the_old_host_and_the_entry_are_as_they_were(trip: Trip) -> None:
    assert trip.after.splitlines() == trip.before.splitlines()


def test_every_upload_is_there_once_under_its_own_name_and_no_request_failed(trip: Trip) -> None:
    assert len(trip.visitors.kept) > 20
    assert trip.lost[0] == []
    assert trip.visitors.failed == []


def test_whoever_comes_past_the_entry_is_named_ahead_and_what_was_written_there_joins_at_acceptance(trip: Trip) -> None:
    """The department's own people, who know the old server's address: rows go to the new side by then, files to the old disk."""
    assert "port 80, is also reached past the entry" in trip.foretold
    assert trip.lost[1:] == [[trip.past_the_entry], []]


def test_the_old_instances_stop_at_acceptance_and_what_others_use_goes_on_and_is_named(trip: Trip) -> None:
    app = trip.journey.lab["app"]
    assert app.script(f"systemctl is-active {' '.join(website.UNITS)} || :").split() == ["inactive", "active"]
    assert app.script("systemctl start site-upload.service; systemctl is-active site-upload.service || :").split() == ["inactive"]
    assert "web-front goes on at app" in trip.journey.said
