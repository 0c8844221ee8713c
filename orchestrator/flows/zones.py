"""Which work pool a system belongs to: the zone whose controllers reach its hosts."""

from __future__ import annotations

from orchestrator.errors import UsageError
from orchestrator.models import System
from orchestrator.settings import Settings
from orchestrator.texts import say

CITY = "city"
"""The pool of everything that no zone claims, and of what is asked of the whole office."""


def zones(settings: Settings) -> list[str]:
    """Every pool's name, the city's first. Raises UsageError for a network that two zones claim."""
    claimed: dict[str, str] = {}
    for zone, names in settings.zones.items():
        for name in names:
            if name in claimed:
                raise UsageError(
                    say("flows.claimed_twice", first=claimed[name], second=zone, network=name), where="zones",
                    remedy=say("flows.leave_to_one"),
                )
            claimed[name] = zone
    return [CITY, *(zone for zone in settings.zones if zone != CITY)]


def zone_of(settings: Settings, system: System) -> str:
    """The pool of one system."""
    for zone, networks in settings.zones.items():
        if system.network is not None and system.network in networks:
            return zone
    return CITY
