"""Which of the cloud's flavours a server gets: the exact one, else the nearest that holds what was asked. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from orchestrator.errors import Finding


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
    why: str


def choose_flavour(server: str, offered: Iterable[Flavour], *, vcpus: float, memory_gb: float, size: str | None = None) -> Choice | Finding:
    """``size`` names a flavour (name or id) and decides alone; else vcpus and memory. A finding, with what there is, when none holds it.

    Nearest: least memory above what was asked, then fewest vcpus, then smallest disk, then by name: the same answer every time.
    """
    flavours = sorted(offered, key=lambda flavour: (flavour.name, flavour.id))
    if size:
        named = [flavour for flavour in flavours if size in (flavour.id, flavour.name)]
        exact = [flavour for flavour in named if flavour.id == size] or named
        if len(exact) == 1:
            return Choice(exact[0], f"size {size} was asked for by name")
        if exact:
            ids = ", ".join(flavour.id for flavour in exact)
            return _finding(
                "flavour-ambiguous", f"server {server}: the cloud has {len(exact)} flavours {size}: {ids}", "name one by its id"
            )
        return _finding("flavour-missing", f"server {server}: the cloud has no flavour {size}", f"it has {_list(flavours)}")
    wanted_ram = math.ceil(memory_gb * 1024)
    wanted_vcpus = math.ceil(vcpus)
    holding = [flavour for flavour in flavours if flavour.vcpus >= wanted_vcpus and flavour.ram_mb >= wanted_ram]
    if not holding:
        asked = f"{wanted_vcpus} vCPUs and {memory_gb:g} GB"
        return _finding("flavour-missing", f"server {server}: no flavour holds {asked}", f"the cloud has {_list(flavours)}; have one made")
    best = min(
        holding, key=lambda flavour: (flavour.ram_mb - wanted_ram, flavour.vcpus - wanted_vcpus, flavour.disk_gb, flavour.name, flavour.id)
    )
    more = [
        text
        for text, difference in (
            (f"{best.vcpus - wanted_vcpus} vCPUs", best.vcpus - wanted_vcpus),
            (f"{best.ram_mb - wanted_ram} MB memory", best.ram_mb - wanted_ram),
        )
        if difference
    ]
    why = f"the nearest that holds it, with {' and '.join(more)} more than asked" if more else "exactly what was asked"
    return Choice(best, why)


def _list(flavours: list[Flavour]) -> str:
    if not flavours:
        return "none that this account sees"
    told = [f"{flavour.name} ({flavour.vcpus} vCPUs, {flavour.ram_mb} MB)" for flavour in flavours[:12]]
    return ", ".join(told) + (f" and {len(flavours) - 12} more" if len(flavours) > 12 else "")


def _finding(code: str, message: str, remedy: str) -> Finding:
    return Finding(code, "error", message, remedy)
