"""One system on hosts that boot: to the cloud and back, by inventory alone; the old host is as it was, owner for owner.

The engine runs as an ordinary account and logs in as one; whoever decides is another. Citizens ask through the entry all the time.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from tests.lab import furnish, inventory
from tests.lab.journey import WAITING, Citizens, Journey, moved_rows, photograph
from tests.lab.lab import DEFAULT_HOSTS, ENGINEER, Lab

pytestmark = [pytest.mark.lab, pytest.mark.timeout(1800)]
MINUTES = 5
HOSTS = DEFAULT_HOSTS
TREES = ("/opt/permits", "/srv/permits", "/etc/permits")
UNITS = ("permits-web.service", "permits-worker.service", "permits-nightly.timer")
ONCE = UNITS[1:]


@dataclass
class Trip:
    """What was seen on the way: forward to the final gate, back, and forward again until it was accepted."""

    journey: Journey
    before: str = ""
    there: list[str] = field(default_factory=list)
    here: list[str] = field(default_factory=list)
    owners: str = ""
    code_back: int = 0
    after: str = ""
    settings_after: str = ""
    code_again: int = 0
    entry_before: str = ""
    entry_after: str = ""
    served_by: list[str] = field(default_factory=list)
    """Before the entry was reloaded, after that, and after it was restarted."""
    acknowledged: list[int] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)


@pytest.fixture(scope="module")
def city(lab: Lab) -> Lab:
    """The permits system in the old room, and its inventory on the controller."""
    passwords = furnish.whole_city(lab)
    inventory.write(lab, [inventory.permits(lab)], passwords, entries={"permits": 8080})
    return lab


def states(lab: Lab, host: str, units: tuple[str, ...]) -> list[str]:
    return lab[host].script(f"for unit in {' '.join(units)}; do systemctl is-active $unit || :; done").split()


def served_by(lab: Lab) -> str:
    """The host whose instance answers at the entry, as soon as one does."""
    url = f"http://{lab['edge'].address}:8080/permits"
    return str(json.loads(lab["controller"].script(f"until curl -fsS -m 5 {url} 2>/dev/null; do sleep 0.2; done", limit=60))["host"])


@pytest.fixture(scope="module")
def trip(city: Lab) -> Iterator[Trip]:
    trip = Trip(Journey(city, "permits"))
    journey = trip.journey
    trip.before = photograph(city["app"], TREES, UNITS)
    trip.entry_before = city["edge"].run("cat", "/etc/haproxy/haproxy.cfg")
    with Citizens(city) as citizens:
        assert journey.migrate(stop_at="final acceptance") == WAITING, journey.said[-6000:]
        trip.there, trip.here = states(city, "app-new", UNITS), states(city, "app", ONCE)
        trip.owners = city["app-new"].run("find", "/srv/permits", "-printf", "%u:%g %m %P\\n")
        trip.code_back = journey.roll_back()
        trip.after = photograph(city["app"], TREES, UNITS)
        trip.entry_after = city["edge"].run("cat", "/etc/haproxy/haproxy.cfg")
        trip.settings_after = city["app-new"].script("cat /opt/permits/database.ini 2>/dev/null || :")
        assert journey.migrate(stop_at="final acceptance") == WAITING, journey.said[-6000:]
    trip.served_by = [served_by(city)]
    for verb in ("reload", "restart"):
        city["edge"].run("systemctl", verb, "haproxy")
        trip.served_by.append(served_by(city))
    trip.code_again = journey.resume()
    trip.acknowledged, trip.failed = citizens.acknowledged, citizens.failed
    yield trip


def test_it_went_there_and_came_back(trip: Trip) -> None:
    assert trip.there == ["active", "active", "active"]
    assert trip.code_back == 0, trip.journey.said[-6000:]


def test_what_runs_once_ran_once(city: Lab, trip: Trip) -> None:
    assert trip.here == ["inactive", "inactive"]
    wrote = moved_rows(city, "db-new", "permits", "SELECT DISTINCT host FROM (SELECT host FROM queue_runs ORDER BY id DESC LIMIT 5) AS latest")
    assert wrote == ["app-new"]


def test_files_belong_there_to_whom_they_belonged_here(trip: Trip) -> None:
    assert "permits:permits 700 uploads" in trip.owners
    assert "root:archive 2750 archive" in trip.owners


def test_the_old_host_is_as_it_was_owner_for_owner(trip: Trip) -> None:
    assert trip.after.splitlines() == trip.before.splitlines()


def test_settings_that_were_edited_are_gone_after_going_back_and_nowhere_on_the_controller(city: Lab, trip: Trip) -> None:
    assert trip.settings_after == ""
    secret = (city.city / "secrets/permits_app").read_text()
    found = city["controller"].run("grep", "-rlF", secret, f"/home/{ENGINEER}/city/.orchestrator", "/var/tmp", "/tmp", check=False)
    assert found == ""
    written = city["app-new"].run("cat", "/opt/permits/database.ini")
    assert f"host = {city['gw-cloud'].address}\nport = 6432\n" in written
    assert written.startswith("; how the worker")
    assert city["app-new"].run("stat", "-c", "%a %U:%G", "/opt/permits/database.ini").strip() == "640 root:permits"


def test_the_switch_outlives_a_reload_and_a_restart_of_the_entry_and_going_back_leaves_its_file_as_it_was(trip: Trip) -> None:
    assert trip.served_by == ["app-new", "app-new", "app-new"]
    assert trip.entry_after == trip.entry_before


def test_forward_again_it_is_accepted(trip: Trip) -> None:
    assert trip.code_again == 0, trip.journey.said[-6000:]


def test_nothing_was_lost_and_nobody_was_turned_away(city: Lab, trip: Trip, capsys: pytest.CaptureFixture[str]) -> None:
    with capsys.disabled():
        print(trip.journey.tell_times())
    kept = set(moved_rows(city, "db-new", "permits", "SELECT id FROM permits"))
    assert len(trip.acknowledged) > 20
    assert [number for number in trip.acknowledged if str(number) not in kept] == []
    assert trip.failed == []
