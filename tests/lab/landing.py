"""A landing in the lab: a host (``bay``) with a folder that another one is booted from, and a switch for it that the bay can press."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.lab import groups
from tests.lab.hosts import LabHost
from tests.lab.lab import Lab
from tests.lab.shell import LabError

PLACE, OWN = "/srv/landing/box", "/srv/landing-own/box"
SWITCH = """#!/bin/sh
# The button of the server whose root is this machine's folder: pressed here, moved by whoever keeps the room.
set -eu
mkdir -p /var/lib/power; rm -f /var/lib/power/done
echo "$1" >/var/lib/power/wanted.new; mv /var/lib/power/wanted.new /var/lib/power/wanted
n=0; until [ -e /var/lib/power/done ]; do n=$((n + 1)); [ "$n" -lt 1200 ] || exit 1; sleep 0.05; done
grep -q '^well' /var/lib/power/done
"""


@dataclass
class LandedHost(LabHost):
    """A host whose root is a folder of another one's."""

    place: Path = Path()
    pressed: int = 0
    """How often it was switched on."""

    @property
    def root(self) -> Path:
        return self.place


def furnish(lab: Lab, bay: str, address: str) -> LandedHost:
    """An empty folder on the bay, what the new server has of its own beside it, the switch, and the server's cable."""
    host = lab[bay]
    host.script(f"mkdir -p {PLACE} {OWN}/etc")
    host.write(f"{OWN}/etc/hosts", f"127.0.0.1 localhost\n{address} box\n")
    host.write(f"{OWN}/etc/resolv.conf", "nameserver 127.0.0.1\noptions timeout:1 attempts:1\n")
    host.write("/usr/local/sbin/box-power", SWITCH, mode=0o755)
    folder = lab.folder / "hosts" / "landed"
    folder.mkdir()
    landed = LandedHost(lab.name, "landed", 90, "cloud", address, folder, Path(), place=host.root / PLACE.lstrip("/"))
    lab.networks.plug_in(landed.name, landed.port, landed.network, address)
    lab.networks.pull_cable(landed.port)
    lab.hosts[landed.name] = landed
    return landed


@contextlib.contextmanager
def keeper(lab: Lab, bay: str, landed: LandedHost, *, broken: threading.Event | None = None) -> Iterator[None]:
    """Whoever keeps the room: does what the bay's switch asks for. While ``broken`` is set, nothing boots however often it is pressed."""
    ending, power = threading.Event(), lab[bay].root / "var/lib/power"

    def keep() -> None:
        while not ending.wait(0.02):
            wanted = power / "wanted"
            if not wanted.exists():
                continue
            word = wanted.read_text().strip()
            wanted.unlink()
            said = "well"
            try:
                if word == "on" and not landed.is_on and not (broken and broken.is_set()):
                    landed.pressed += 1
                    landed.boot()
                elif word == "off" and landed.is_on:
                    _switch_off(landed)
            except LabError as error:
                said = f"ill {error}"
            (power / "done").write_text(f"{said}\n")

    thread = threading.Thread(target=keep, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ending.set()
        thread.join(60)


def _switch_off(landed: LandedHost) -> None:
    try:
        landed.switch_off(limit=30)
    except LabError:
        landed.cut_power()


def take_down(lab: Lab, landed: LandedHost) -> None:
    """It is off, and nothing in its folder resists being removed."""
    groups.end(lab.name, landed.name)
    time.sleep(0.1)
