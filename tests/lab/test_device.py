"""A system with special equipment: data and device switch separately, there and back; citizens are served all the while."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest

from tests.lab import furnish, inventory
from tests.lab.journey import WAITING, Citizens, Journey, photograph, rows
from tests.lab.lab import DEFAULT_HOSTS, Lab

pytestmark = [pytest.mark.lab, pytest.mark.timeout(1800)]
MINUTES = 6
HOSTS = f"{DEFAULT_HOSTS} signer@room"
NEW_ADDRESS = "10.80.2.14"
TREES = ("/opt/permits", "/srv/permits", "/etc/permits")
UNITS = ("permits-web.service", "permits-worker.service", "permits-nightly.timer")


@dataclass
class Trip:
    """What was seen: to the cloud with the device after it, and both back."""

    journey: Journey
    before: str = ""
    signed: list[str] = field(default_factory=list)
    """What the device answered citizens: in the old room, at the cloud centre, in the old room again."""
    address: str = ""
    code_back: int = 0
    after: str = ""
    acknowledged: list[int] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)


def carriers(lab: Lab) -> dict[str, Callable[[], None]]:
    device = lab["signer"]

    def transport() -> None:
        lab.relocate("signer", "cloud" if device.network == "room" else "room")

    def power_on() -> None:
        device.boot()
        device.wait_ready()

    return {
        "power the device off": device.switch_off, "carry the device": transport, "rack the device": power_on,
    }  # fmt: skip


def ask_once(lab: Lab) -> str:
    url = f"http://{lab['edge'].address}:8080/permits"
    return str(json.loads(lab["controller"].run("curl", "-sS", "-m", "30", "-X", "POST", "-d", "citizen", url))["signature"])


@pytest.fixture(scope="module")
def trip(lab: Lab) -> Iterator[Trip]:
    passwords = furnish.whole_city(lab)
    furnish.signer(lab)
    inventory.write(lab, [inventory.signing_permits(lab, new_address=NEW_ADDRESS)], passwords, entries={"permits": 8080})
    trip = Trip(Journey(lab, "permits", carriers(lab)))
    journey = trip.journey
    trip.before = photograph(lab["app"], TREES, UNITS)
    with Citizens(lab) as citizens:
        trip.signed.append(ask_once(lab))
        assert journey.migrate(stop_at="final acceptance") == WAITING, journey.said[-6000:]
        trip.signed.append(ask_once(lab))
        trip.address = lab["signer"].address
        trip.code_back = journey.roll_back()
        trip.signed.append(ask_once(lab))
        trip.after = photograph(lab["app"], TREES, UNITS)
    trip.acknowledged, trip.failed = citizens.acknowledged, citizens.failed
    yield trip


def test_data_and_device_went_there_and_came_back(lab: Lab, trip: Trip) -> None:
    assert trip.code_back == 0, trip.journey.said[-6000:]
    assert (trip.address, lab["signer"].network) == (NEW_ADDRESS, "room")


def test_the_device_signs_wherever_it_stands(trip: Trip) -> None:
    assert [signature.partition("-")[0] for signature in trip.signed] == ["signed", "signed", "signed"]


def test_the_old_host_is_as_it_was(trip: Trip) -> None:
    assert trip.after.splitlines() == trip.before.splitlines()


def test_nobody_was_turned_away_while_it_travelled_and_nothing_was_lost(lab: Lab, trip: Trip) -> None:
    kept = set(rows(lab["db"], "permits", "SELECT id FROM permits"))
    assert len(trip.acknowledged) > 20
    assert [number for number in trip.acknowledged if str(number) not in kept] == []
    assert trip.failed == []
