"""Which of the cloud's flavours a server gets: the exact one, else the nearest that holds what was asked. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from orchestrator.errors import Finding
from orchestrator.texts import Value, Words, say


@dataclass(frozen=True, order=True)
class Flavour:
    """A size that a cloud offers. ``disk_gb`` 0: its servers boot from volumes of any size."""

    vcpus: int
    ram_mb: int
    disk_gb: int
    name: str
    id: str


@dataclass(frozen=True)
class Choice:
    """A server's flavour, and in words how it differs from what was asked."""

    flavour: Flavour
    why: Words


def choose_flavour(server: str, offered: Iterable[Flavour], *, vcpus: float, memory_gb: float, size: str | None = None) -> Choice | Finding:
    """``size`` names a flavour (name or id) and decides alone; else vcpus and memory. A finding, with what there is, when none holds it.

    Nearest: least memory above what was asked, then fewest vcpus, then smallest disk, then by name: the same answer every time.
    """
    flavours = sorted(offered, key=lambda flavour: (flavour.name, flavour.id))
    if size:
        named = [flavour for flavour in flavours if size in (flavour.id, flavour.name)]
        exact = [flavour for flavour in named if flavour.id == size] or named
        if len(exact) == 1:
            return Choice(exact[0], say("cloud.size_named", size=size))
        if exact:
            ids = ", ".join(flavour.id for flavour in exact)
            return _finding(
                "flavour-ambiguous",
                say("cloud.flavour_twice", server=server, count=len(exact), size=size, ids=ids),
                say("cloud.name_by_id"),
            )
        return _finding(
            "flavour-missing", say("cloud.flavour_none", server=server, size=size), say("cloud.cloud_has_only", list=_list(flavours))
        )
    wanted_ram = math.ceil(memory_gb * 1024)
    wanted_vcpus = math.ceil(vcpus)
    holding = [flavour for flavour in flavours if flavour.vcpus >= wanted_vcpus and flavour.ram_mb >= wanted_ram]
    if not holding:
        asked = say("cloud.size_asked", vcpus=wanted_vcpus, memory_gb=memory_gb)
        return _finding(
            "flavour-missing", say("cloud.flavour_small", server=server, asked=asked), say("cloud.cloud_has_make", list=_list(flavours))
        )
    best = min(
        holding, key=lambda flavour: (flavour.ram_mb - wanted_ram, flavour.vcpus - wanted_vcpus, flavour.disk_gb, flavour.name, flavour.id)
    )
    more = [
        text
        for text, difference in (
            (say("cloud.more_vcpus", count=best.vcpus - wanted_vcpus), best.vcpus - wanted_vcpus),
            (say("cloud.more_memory", size=best.ram_mb - wanted_ram), best.ram_mb - wanted_ram),
        )
        if difference
    ]
    if not more:
        return Choice(best, say("cloud.exactly"))
    return Choice(best, say("cloud.nearest", more=more[0] if len(more) == 1 else say("cloud.both", first=more[0], second=more[1])))


def _list(flavours: list[Flavour]) -> Value:
    if not flavours:
        return say("cloud.none_seen")
    told = [say("cloud.flavour_of", name=flavour.name, vcpus=flavour.vcpus, ram_mb=flavour.ram_mb) for flavour in flavours[:12]]
    return say("cloud.flavours_more", flavours=tuple(told), count=len(flavours) - 12) if len(flavours) > 12 else tuple(told)


def _finding(code: str, message: Words, remedy: Words) -> Finding:
    return Finding(code, "error", message, remedy)
