"""A machine that is carried as it is: shut down in order, compared with its cold backup, at work elsewhere; and carried back."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest

from tests.lab import furnish, inventory
from tests.lab.journey import WAITING, Citizens, Journey, photograph, rows
from tests.lab.lab import Lab

pytestmark = [pytest.mark.lab, pytest.mark.timeout(1800)]
MINUTES = 4
HOSTS = "box@room gw-cloud@cloud edge@street"
NEW_ADDRESS = "10.80.2.12"
TREES = ("/opt/permits", "/srv/permits", "/etc/permits", "/etc/postgresql")
UNITS = ("permits-web.service", "permits-worker.service", "permits-nightly.timer", "postgresql@15-main.service")


@dataclass
class Trip:
    """What was seen: carried there, carried back, carried there for good."""

    journey: Journey
    before: str = ""
    code_back: int = 0
    after: str = ""
    code_again: int = 0
    address: str = ""
    acknowledged: list[int] = field(default_factory=list)


def carriers(lab: Lab) -> dict[str, Callable[[], None]]:
    """Hands that switch off, carry and switch on: whichever way it goes."""
    box = lab["box"]

    def transport() -> None:
        lab.relocate("box", "cloud" if box.network == "room" else "room")

    return {"power the machines off": box.switch_off, "transport": transport, "power on": box.boot}


@pytest.fixture(scope="module")
def trip(lab: Lab) -> Iterator[Trip]:
    passwords = furnish.one_box(lab)
    inventory.write(lab, [inventory.hosted_permits(lab, new_address=NEW_ADDRESS)], passwords, entries={"permits": 8080})
    trip = Trip(Journey(lab, "permits", carriers(lab)))
    journey = trip.journey
    trip.before = photograph(lab["box"], TREES, UNITS)
    with Citizens(lab) as citizens:
        assert journey.migrate(stop_at="final acceptance") == WAITING, journey.said[-6000:]
        trip.code_back = journey.roll_back()
        trip.after = photograph(lab["box"], TREES, UNITS)
        trip.code_again = journey.migrate()
        trip.address = lab["box"].address
    trip.acknowledged = citizens.acknowledged
    yield trip


def test_it_was_carried_there_and_back(trip: Trip) -> None:
    assert trip.code_back == 0, trip.journey.said[-6000:]


def test_the_machine_is_as_it_was_when_it_came_back(trip: Trip) -> None:
    assert trip.after.splitlines() == trip.before.splitlines()


def test_carried_again_it_is_accepted_and_everything_runs_there(lab: Lab, trip: Trip) -> None:
    assert trip.code_again == 0, trip.journey.said[-6000:]
    assert trip.address == NEW_ADDRESS
    states = lab["box"].script(f"for unit in {' '.join(UNITS)}; do systemctl is-active $unit || :; systemctl is-enabled $unit || :; done").split()
    assert states[:6] == ["active", "enabled"] * 3
    assert states[6] == "active"


def test_it_starts_by_itself_at_its_new_place(lab: Lab, trip: Trip) -> None:
    assert trip.code_again == 0
    lab["box"].switch_off()
    lab["box"].boot()
    lab["box"].wait_ready()
    asked = f"until curl -fsS http://{lab['edge'].address}:8080/health >/dev/null 2>&1; do sleep 0.5; done"
    lab["controller"].script(asked, limit=90)


def test_what_citizens_were_told_is_kept_is_kept(lab: Lab, trip: Trip) -> None:
    kept = set(rows(lab["box"], "permits", "SELECT id FROM permits"))
    assert len(trip.acknowledged) > 20
    assert [number for number in trip.acknowledged if str(number) not in kept] == []
