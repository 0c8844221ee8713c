"""A whole server, whatever runs on it, to a machine that boots from a disk: a kernel and a boot loader of its own, which the engine puts
there. There, back with everything that was written, there again, accepted. By inventory alone, citizens writing all the while.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from tests.lab import inventory, landing, machine, whole_server
from tests.lab.furnish import Passwords
from tests.lab.journey import REFUSED, ROLLED_BACK, WAITING, Journey
from tests.lab.lab import Lab
from tests.lab.machine import Machine
from tests.lab.test_whole_server import Writers

pytestmark = [pytest.mark.lab, pytest.mark.long, pytest.mark.timeout(5400)]
MINUTES = 30
HOSTS = "box@room bay@cloud gw-cloud@cloud edge@street"
PACKAGES = ("redis-server", "udev", "kmod")
FURTHER = {"bay": machine.PACKAGES}
NEW_ADDRESS = "10.80.2.60"
OF_THE_MACHINE = (
    "/etc/hosts",
    "/etc/resolv.conf",
    "/etc/ledger.env",
    "/etc/fstab",
    "/etc/systemd/network/eth0.network",
    "systemd-networkd.service",
)


@dataclass
class Trip:
    """What was seen."""

    journey: Journey
    landed: Machine
    seconds: float
    """Until which it must be up."""
    before: str = ""
    there: str = ""
    after: str = ""
    kernel: str = ""
    code_unready: int = -1
    said_unready: str = ""
    code_not_up: int = -1
    said_not_up: str = ""
    after_not_up: str = ""
    code_back: int = -1
    code_again: int = -1
    gaps: list[float] = field(default_factory=list)
    acknowledged: list[int] = field(default_factory=list)
    left_behind: str = ""
    stood_by: str = ""


@pytest.fixture(scope="module")
def trip(lab: Lab) -> Iterator[Trip]:
    if obstacle := machine.why_not():
        pytest.skip(obstacle)
    box, passwords = lab["box"], Passwords()
    passwords["pgbouncer_admin"]  # the sites name one; nothing of this system is behind it
    whole_server.furnish_box(lab, box)
    accelerator = machine.find_accelerator(lab["bay"].base)
    seconds = 120 if accelerator == "kvm" else 900

    place = {"boots": "machine", "console": ["tail", "-n", "60", f"{machine.POWER}/console"], "boot_seconds": seconds}
    inventory.write(lab, [whole_server.system(lab, new_address=NEW_ADDRESS, **place)], passwords, entries={"ledger": 8080})

    with machine.furnish(lab, "bay", NEW_ADDRESS, accelerator) as landed:
        trip = Trip(Journey(lab, "ledger"), landed, seconds)
        journey = trip.journey
        try:
            with landing.keeper(lab, "bay", landed), Writers(lab) as citizens:
                trip.before = box.script(whole_server.PHOTOGRAPH)
                lab["bay"].script(f"umount {landing.PLACE}; mv {landing.OWN}/etc/systemd /root/")
                trip.code_unready = journey.migrate()
                trip.said_unready, journey.said = journey.said, ""
                lab["bay"].script(f"mount {landed.device} {landing.PLACE}; mv /root/systemd {landing.OWN}/etc/")
                landed.misplaced = True
                begun = time.monotonic()
                trip.code_not_up = journey.migrate()
                trip.said_not_up, journey.said = journey.said, ""
                trip.gaps.append(citizens.longest_gap(begun, time.monotonic()))
                landed.misplaced = False
                trip.after_not_up = box.script(whole_server.PHOTOGRAPH)
                assert journey.migrate(stop_at="approval of the cutover") == WAITING, journey.said[-6000:]
                begun = time.monotonic()
                assert journey.resume(stop_at="final acceptance") == WAITING, journey.said[-6000:]
                trip.gaps.append(citizens.longest_gap(begun, time.monotonic()))
                trip.there, trip.kernel = landed.script(whole_server.PHOTOGRAPH, limit=600), landed.run("uname", "-r").strip()
                trip.stood_by = box.script("systemctl is-active ledger redis-server churn tick.timer || :; systemctl get-default")
                begun = time.monotonic()
                trip.code_back = journey.roll_back()
                trip.gaps.append(citizens.longest_gap(begun, time.monotonic()))
                trip.after = box.script(whole_server.PHOTOGRAPH)
                trip.left_behind = lab["bay"].run("ls", "-A", landing.PLACE) + box.script(
                    "find /var/lib/orchestrator /run/orchestrator-pass -mindepth 1 2>/dev/null || :"
                )
                begun = time.monotonic()
                trip.code_again = journey.migrate()
                trip.gaps.append(citizens.longest_gap(begun, time.monotonic()))
            trip.acknowledged = citizens.acknowledged
            print(
                f"\noutages as citizens saw them on {accelerator} (not up, there, back, there):", [round(gap, 1) for gap in trip.gaps], "of",
                len(trip.acknowledged), "writes",
            )  # fmt: skip
            yield trip
        finally:
            print((landed.power / "console").read_text(errors="replace")[-3000:] if (landed.power / "console").exists() else "no console")
            print(journey.said[-6000:])
            if box.is_on:
                box.script("chattr -f -i -a /srv/odd/* || :")
            box.cut_power()


def test_what_the_machine_lacks_is_said_before_anything_is_touched_and_all_at_once(trip: Trip) -> None:
    assert trip.code_unready == REFUSED, trip.said_unready
    for word in ("landing-unmounted", "landing-network"):
        assert word in trip.said_unready


def test_a_machine_whose_kernel_does_not_find_its_disk_is_gone_back_from_and_its_console_is_told(trip: Trip) -> None:
    assert trip.code_not_up == ROLLED_BACK, trip.said_not_up[-9000:]
    assert "(initramfs)" in trip.said_not_up, trip.said_not_up[-9000:]
    assert trip.gaps[0] < trip.seconds / 2  # nobody waited for the deadline at a prompt
    assert trip.after_not_up.splitlines() == trip.before.splitlines()


def test_it_runs_on_the_kernel_of_the_landing(lab: Lab, trip: Trip) -> None:
    assert f"vmlinuz-{trip.kernel}" in lab["bay"].run("ls", "/boot")
    assert f"vmlinuz-{trip.kernel}" not in lab["box"].run("ls", "/boot")


def test_on_the_machine_it_is_the_same_server(trip: Trip) -> None:
    def seen(text: str) -> set[str]:
        return {line for line in text.splitlines() if not line.endswith(OF_THE_MACHINE) and "/usr/lib/modules" not in line}

    assert seen(trip.before) ^ seen(trip.there) == set()


def test_the_old_server_stood_by_meanwhile(trip: Trip) -> None:
    assert trip.stood_by.split() == ["inactive", "inactive", "inactive", "inactive", "orchestrator-standby.target"]


def test_back_again_it_is_as_it_was_and_nothing_is_left_behind(trip: Trip) -> None:
    assert trip.code_back == 0, trip.journey.said[-6000:]
    assert trip.after.splitlines() == trip.before.splitlines()
    assert trip.left_behind.split() == []


def test_there_again_it_is_accepted_and_nothing_that_was_acknowledged_is_lost(trip: Trip) -> None:
    assert trip.code_again == 0, trip.journey.said[-6000:]
    assert len(trip.acknowledged) > 50
    assert set(trip.acknowledged) - whole_server.kept_numbers(trip.landed) == set()
    assert set(trip.acknowledged) - whole_server.kept_uploads(trip.landed) == set()


def test_the_accepted_machine_boots_by_itself(lab: Lab, trip: Trip) -> None:
    assert trip.code_again == 0
    trip.landed.switch_off()
    trip.landed.boot()
    asked = f"until curl -fsS http://{lab['edge'].address}:8080/health >/dev/null 2>&1; do sleep 0.5; done"
    lab["controller"].script(asked, limit=900)
