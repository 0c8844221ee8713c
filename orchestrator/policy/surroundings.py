"""What the other systems of an inventory say about one: which of them depend on it, and which work on the same database."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from orchestrator.models import Inventory, System, SystemId

LISTED = 8
"""Names that are written out in a reason; behind them stands how many there are."""


class Surroundings:
    """Looked up once for a whole inventory."""

    def __init__(self, inventory: Inventory | None = None) -> None:
        systems = inventory.systems if inventory else ()
        self._names = {system.id: system.name for system in systems}
        self._dependants: dict[SystemId, dict[SystemId, None]] = {}
        self._sharing: dict[SystemId, dict[SystemId, None]] = {}
        for system in systems:
            for needed in _needs(system):
                if needed != system.id:
                    self._dependants.setdefault(needed, {})[system.id] = None
        for sharers in _shared(systems):
            for one in sharers:
                self._sharing.setdefault(one, {}).update(dict.fromkeys(other for other in sharers if other != one))

    def dependants(self, system: SystemId) -> list[SystemId]:
        """The counted systems that depend on it, or work on its database."""
        return list(self._dependants.get(system, ()))

    def sharing(self, system: SystemId) -> list[SystemId]:
        """The other systems that work on the same database."""
        return list(self._sharing.get(system, ()))

    def names(self, systems: Iterable[SystemId], separator: str = "、", more: str = "等 {} 个") -> str:
        """``不动产登记系统、预约挂号平台``; an id that the inventory has no name for stands as it is."""
        ids = list(systems)
        words = separator.join(self._names.get(one, one) for one in ids[:LISTED])
        return words + (more.format(len(ids)) if len(ids) > LISTED else "")


def _needs(system: System) -> Iterator[SystemId]:
    yield from system.depends_on
    if system.database_owner:
        yield system.database_owner


def _shared(systems: Iterable[System]) -> Iterator[list[SystemId]]:
    """Groups of systems on one database: by the owner that the form names, or by the same database on the same host."""
    by_owner: dict[SystemId, list[SystemId]] = {}
    by_place: dict[tuple[str, int, str], list[SystemId]] = {}
    for system in systems:
        if system.database_owner and system.database_owner != system.id:
            by_owner.setdefault(system.database_owner, [system.database_owner]).append(system.id)
        for base in system.databases:
            by_place.setdefault((base.host, base.port, base.name), []).append(system.id)
    yield from by_owner.values()
    for ids in by_place.values():
        distinct = list(dict.fromkeys(ids))
        if len(distinct) > 1:
            yield distinct
