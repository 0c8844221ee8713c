"""New systems that bear the name of a stored one under another department or kind: mostly the same system said again. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping

from orchestrator.errors import Finding
from orchestrator.inventory.folder.tables import Settled
from orchestrator.inventory.names import Names, key, table_key
from orchestrator.inventory.reading import Reading, systems_of
from orchestrator.models import Inventory, System


def namesakes(known: Inventory, settled: Settled, reading: Reading, keep: Collection[str]) -> list[Finding]:
    """An error where a new system is clearly a stored one again, else a warning. ``keep``: ids of systems, or departments, said to be others."""
    incoming = reading.all_systems()
    listed = {system.id for system in incoming} | settled.removed.keys()
    stored = systems_of(known)
    ids = {system.id for system in stored}
    by_name: dict[str, list[System]] = {}
    for system in stored:
        if system.id not in listed and system.id not in keep and system.department not in keep:
            by_name.setdefault(key(system.name), []).append(system)
    new = [system for system in incoming if system.id not in ids]
    pairs = [(system, former) for system in new for former in by_name.get(key(system.name), ())]
    owners = {system.department for system in stored}
    number = Counter(system.department for system in stored)
    shared = Counter((system.department, former.department) for system, former in pairs)
    silent = number.keys() - {system.department for system in incoming}

    def there(system: System, former: System) -> bool:
        """Whether all that the former department has is on a sheet of that name now, and it says nothing else."""
        at = settled.tables.systems.get(former.id, "").partition(".")[0]
        whole = shared[system.department, former.department] == number[former.department] and former.department in silent
        return whole and at == table_key(*reading.tables.get(system.id, ("", "")))

    moved = _Moved(known, reading, shared)
    alike = _of_what_goes(stored, by_name, settled) + _alike(
        [system for system in new if key(system.name) not in by_name], by_name, reading, settled
    )
    return alike + [
        _kind(system, former, reading, sure=former.id in settled.vanished)
        if system.department == former.department
        else _department(
            system, former, reading, moved, gone=system.department not in owners and (former.id in settled.gone or there(system, former))
        )
        for system, former in pairs
    ]


def _of_what_goes(stored: list[System], by_name: Mapping[str, list[System]], settled: Settled) -> list[Finding]:
    """Systems that stay though they have the name of one that goes: it may be the same, from before its department had another name."""
    found = []
    for system in stored:
        for former in by_name.get(key(system.name), ()) if system.id in settled.removed else ():
            found.append(
                Finding(
                    "namesake-kept", "warning",
                    f"{former.id} 与移出的 {system.id} 同名，予以保留 (kept, though it has the name of one that goes)",
                    f"是同一系统：--remove {former.id}；是另一系统：无需处理 (the same: --remove; another one: nothing to do)",
                    system=former.id,
                )
            )  # fmt: skip
    return found


def _alike(new: list[System], by_name: Mapping[str, list[System]], reading: Reading, settled: Settled) -> list[Finding]:
    """New systems whose name looks like that of a stored one of their department that came from another table."""
    others: dict[tuple[str, str], dict[str, System]] = {}
    for former in (one for alike in by_name.values() for one in alike):
        if former.id not in settled.vanished:  # else it is listed already
            others.setdefault((former.department, former.kind), {})[former.name] = former
    compared = {of: Names(named) for of, named in others.items()}
    found = []
    for system in new:
        of = (system.department, system.kind)
        for name in compared[of].near(system.name, limit=1) if of in compared and system.id in reading.tables else ():
            ident = others[of][name].id
            found.append(
                _finding(
                    "system-near-miss", system, reading, False,
                    f"{system.name} 与已在库的 {ident} 名称相近，而后者不在此次表中 (looks like a stored one that the reading does not list)",
                    f"是同一系统：在“系统编码”填写 {ident}；是两个系统：无需处理 (the same: give that id; two of them: nothing to do)",
                    "name",
                )
            )  # fmt: skip
    return found


class _Moved:
    """Whether one department of the reading is a stored one under another name."""

    def __init__(self, known: Inventory, reading: Reading, shared: Counter[tuple[str, str]]) -> None:
        self.shared = shared
        self.known = {department.id: department.name for department in known.departments}
        self.names = {department.id: department.name for department in reading.inventory.departments}
        self.systems = Counter(system.department for system in reading.all_systems())

    def clearly(self, new: str, former: str) -> bool:
        """One that is new has the systems of one that the reading is silent about, most of them and more than one; or its name looks like it."""
        if new in self.known or self.systems[former]:
            return False
        names = Names([self.known.get(former, former)])
        shared = self.shared[new, former]
        return bool(names.near(self.names.get(new, new))) or (shared > 1 and shared * 2 >= self.systems[new])


def _kind(system: System, former: System, reading: Reading, *, sure: bool) -> Finding:
    return _finding(
        "kind-changed", system, reading, sure,
        f"{system.name} 已在库，类别不同（{former.id}）(already stored as another kind)",
        f"是同一系统：在“系统编码”填写 {former.id}；是两个系统：--keep {former.id} (the same: give that id; two of them: --keep)",
        "kind",
    )  # fmt: skip


def _department(system: System, former: System, reading: Reading, moved: _Moved, *, gone: bool) -> Finding:
    """``gone``: the former one's department is gone from its sheet, where the other is new."""
    name = moved.known.get(former.department, former.department)
    return _finding(
        "system-of-another-department", system, reading, gone or moved.clearly(system.department, former.department),
        f"{system.name} 已在库，属{name}（{former.id}）(already stored under another department)",
        f"单位改名：先在台账的单位名录中改名称，编码不变；单位写错：更正；是另一系统：--keep {former.id} 或 --keep {former.department} "
        "(renamed: rename it in the folder's list of departments first; a slip: correct it; another system: --keep)",
        "department",
    )  # fmt: skip


def _finding(code: str, system: System, reading: Reading, sure: bool, message: str, remedy: str, at: str) -> Finding:
    file, sheet = reading.tables[system.id]
    cell = reading.places[system.id].get(at, "").rpartition(" › ")[2]
    return Finding(code, "error" if sure else "warning", message, remedy, file=file, sheet=sheet, cell=cell, system=system.id)
