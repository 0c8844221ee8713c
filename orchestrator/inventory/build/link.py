"""What records say of each other: technical rows find their system, dependencies their target, rooms and owners their id."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from orchestrator.errors import Finding
from orchestrator.inventory.build.several_rows import join_unknown
from orchestrator.inventory.build.withheld_parts import WithheldParts
from orchestrator.inventory.cells import SPLIT, folded
from orchestrator.inventory.names import Names, key, make_id, make_system_id, some
from orchestrator.inventory.reading import Raw, systems_of
from orchestrator.models import Inventory, Room, System
from orchestrator.texts import Sentence, say

if TYPE_CHECKING:
    from orchestrator.inventory.build.departments import Departments
    from orchestrator.inventory.build.other_systems import OtherSystems


NEEDED = ("id", "name", "department", "kind", "status")
"""What every system says."""

NOT_FOUND = ("system-not-found", "system-ambiguous", "numbers-missing")
"""What is told of a technical row whose system is not known, or one of several: nothing that it says."""


class KnownIds:
    """Ids from an earlier import, so that they stay."""

    def __init__(self, known: Inventory | None) -> None:
        self._systems: dict[str, str] = {}
        self._references: dict[tuple[str, str], str] = {}
        self._stored: dict[str, list[System]] = {}
        for system in systems_of(known) if known else ():
            for name in {key(system.id), key(system.name)}:
                self._stored.setdefault(name, []).append(system)
            self._systems[_who(system.department, system.name, system.kind)] = system.id
        if known:
            self._references = {("departments", key(d.name)): d.id for d in known.departments} | {
                ("rooms", key(r.name)): r.id for r in known.rooms
            }

    @property
    def stored(self) -> Mapping[str, list[System]]:
        """Systems of the earlier import by id and by name."""
        return self._stored

    def hosts(self) -> list[dict[str, str]]:
        """Names and addresses of the hosts of the earlier import."""
        systems = {system.id: system for alike in self._stored.values() for system in alike}
        return [{"name": host.name, "address": host.address} for system in systems.values() for host in system.hosts]

    def give(self, raws: list[Raw]) -> None:
        """An id for each: its code, where that is a stored system's; else the one that it had before by department, name and kind; else its
        code, or a new one. A code that an office invents for a system that is stored is a name of it (``code``), and makes no second one."""
        known = set(self._systems.values())
        taken = {str(raw.values.get("id")) for raw in raws} & known
        for raw in raws:
            code = str(raw.values.get("id") or "")
            former = self._systems.get(_who(*_of(raw)), "")
            if code not in known and former and former not in taken:
                raw.code, raw.values["id"] = code, former
                taken.add(former)
            elif not code:
                raw.values["id"] = former or self._new(*_of(raw))

    def named(self, code: str, department: str, name: str) -> str:
        """The stored system that a row says it is, by its code, or by department and name; empty where that is none, or several."""
        by_code = [one.id for one in self._stored.get(key(code), ()) if one.id == code]
        by_name = [one.id for one in self._stored.get(key(name), ()) if one.department == department and key(one.name) == key(name)]
        found = by_code or by_name
        return found[0] if len(found) == 1 else ""

    @staticmethod
    def _new(department: str, name: str, kind: str) -> str:
        return make_system_id(f"{department}/{key(name)}/{'db/' if kind == 'database' else ''}{name}")

    def reference(self, kind: str, name: str) -> str:
        return self._references.get((kind, key(name))) or make_id("dept" if kind == "departments" else "room", name)


def _who(department: str, name: str, kind: str) -> str:
    return f"{department}/{key(name)}/{kind}"


def _of(raw: Raw) -> tuple[str, str, str]:
    return str(raw.values["department"]), str(raw.values["name"]), str(raw.values["kind"])


def _index(raws: list[Raw]) -> dict[str, list[str]]:
    """id and name → ids."""
    found: dict[str, list[str]] = {}
    for raw in raws:
        ident = str(raw.values["id"])
        for name in {key(ident), key(str(raw.values["name"])), key(raw.code)} - {""}:
            found.setdefault(name, []).append(ident)
    return found


def join_parts(
    raws: list[Raw], parts: list[tuple[str, Raw]], findings: list[Finding], stored: Mapping[str, list[System]], on_host: Callable[[Raw, Raw], bool],
    waiting: Collection[str], withheld: Collection[str], withheld_parts: WithheldParts,
) -> None:  # fmt: skip
    """Rows of technical sheets go to their systems. One that finds none is a finding that does not repeat the name: it may be a classified system's.

    ``stored``: the systems of an earlier import, where technical sheets come alone: their systems join ``raws`` with what a system must have.
    ``on_host``: whether it is known on which host of its system a row's thing is; hosts join first. ``waiting``: keys of the names of systems
    that were read: rows of one that is no system yet, for something is missing that the count needs, wait with it. ``withheld``: keys of the
    names and codes of classified and unanswered rows: theirs are forgotten; a name that such a row shares with a system is nobody's. Of a row whose
    system is not known nothing is told but that: it may be theirs.
    """
    index = _index(raws)
    by_id = {str(raw.values["id"]): raw for raw in raws}
    for kind, part in sorted(parts, key=lambda one: one[0] != "hosts"):
        name = part.values.pop("system", None)
        found = index.get(key(name), []) if isinstance(name, str) else []
        if not found and isinstance(name, str):
            alike = stored.get(key(name), [])
            found = [one.id for one in alike]
            if len(found) == 1 and found[0] not in by_id:
                by_id[found[0]] = Raw(part.file, part.sheet, part.cell, {field: getattr(alike[0], field) for field in NEEDED}, stored=True)
                raws.append(by_id[found[0]])
        shared = isinstance(name, str) and key(name) in withheld
        if shared and not found:
            withheld_parts.forget(part)
            continue
        if not found and isinstance(name, str) and key(name) in waiting:
            continue
        if len(found) != 1 or (shared and found != [name]):
            withheld_parts.tell_nothing_but(NOT_FOUND, part)
            findings.append(
                part.finding(
                    NOT_FOUND[0] if not found else NOT_FOUND[1],
                    "error",
                    say("inventory.system_not_found") if not found else say("inventory.system_shares_name") if shared else say("inventory.system_ambiguous", systems=tuple(found)),
                    say("inventory.name_the_system"),
                    at="system",
                )
            )
            continue
        raw = by_id[found[0]]
        unnamed = kind == "databases" and not part.values.get("name")  # of such a row only the software and the size are taken
        if not unnamed and not on_host(raw, part):
            waits = say("inventory.host_by_address")
            findings.append(Finding("host-not-known", "warning", waits, say("inventory.answer_hosts_question"), file=part.file, sheet=part.sheet))
            continue
        items = raw.values.setdefault(kind, [])
        if isinstance(items, list):
            items.append(part.values)
            raw.parts.append((kind, len(items) - 1, part))
        if not raw.stored:
            raw.unknown = join_unknown(raw.unknown, part.unknown)


def depend(
    raws: list[Raw], findings: list[Finding], stored: Mapping[str, list[System]], secret: Collection[tuple[str, str]], others: OtherSystems
) -> None:
    """Names under 关联系统 → ids: of this reading, else of the ``stored`` systems; of several of one name the department's own. One that matches
    nothing is not repeated in the finding: it may be a classified system's. ``secret``: department and key of the name of classified systems.
    ``others``: what was answered of names that match nothing."""
    read = _index(raws)
    index = {name: [one.id for one in systems] for name, systems in stored.items()} | read
    named = Names(str(raw.values["name"]) for raw in raws)
    known = {folded(str(raw.values[field])) for raw in raws for field in ("id", "name")}
    known |= {folded(name) for systems in stored.values() for one in systems for name in (one.id, one.name)}
    owner = {one.id: one.department for systems in stored.values() for one in systems}
    owner |= {str(raw.values["id"]): str(raw.values["department"]) for raw in raws}
    for raw in raws:
        index_of = partial(_meant, index, owner, secret, raw)
        _owner_of_database(raw, index_of, findings)
        said = raw.values.get("depends_on")
        if not isinstance(said, list | tuple):
            continue
        ident = str(raw.values["id"])
        kept: list[str] = []
        for number, name in enumerate((part for cell in said for part in said_in(str(cell), known)), start=1):
            found = index_of(str(name))
            if len(found) == 1 and found[0] != ident:
                kept.append(found[0])
            elif len(found) == 1:
                findings.append(
                    raw.finding(
                        "dependency-self",
                        "warning",
                        say("inventory.dependency_self"),
                        say("inventory.remove_it"),
                        at="depends_on",
                        system=ident,
                    )
                )
            elif found:
                findings.append(
                    raw.finding(
                        "dependency-ambiguous", "error", say("inventory.dependency_ambiguous", number=number, count=len(found), systems=some(found)),
                        say("inventory.give_id"), at="depends_on", system=ident,
                    )
                )  # fmt: skip
            else:
                alike = named.near(str(name))
                answered = others.settle(raw, str(name), number, alike, index_of)
                if answered is not None:
                    kept += [one for one in answered if one != ident]
                    continue
                findings.append(dependency_unknown(number, alike, ident, (raw.file, raw.sheet, raw.at("depends_on"))))
        raw.values["depends_on"] = list(dict.fromkeys(kept))


def _meant(
    index: Mapping[str, list[str]], owner: Mapping[str, str], secret: Collection[tuple[str, str]], raw: Raw, name: str
) -> list[str]:
    """The systems that a row may mean by a name: its department's own, where it has another one; none, where that one is classified; else any."""
    if (str(raw.values["department"]), key(name)) in secret:
        return []
    found = index.get(key(name), [])
    own = [ident for ident in found if owner.get(ident) == raw.values["department"]]
    return own if len(own) == 1 and own != [str(raw.values["id"])] else found


def _owner_of_database(raw: Raw, index_of: Callable[[str], list[str]], findings: list[Finding]) -> None:
    """The name under 数据库归属系统 → an id. A name that matches nothing is dropped unsaid: it may be a classified system's. Its own name says
    that the database is its own."""
    name = raw.values.pop("database_owner", None)
    if not isinstance(name, str) or key(name) in {key(word) for word in ("本系统", "自有", "自身", "独立", "无")}:
        return
    owners = index_of(name)
    if owners == [str(raw.values["id"])]:
        return
    if len(owners) == 1:
        raw.values["database_owner"] = owners[0]
        return
    at = (raw.file, raw.sheet, raw.at("database_owner"))
    findings.append(database_owner_unknown(str(raw.values["id"]), at, several=bool(owners)))


def database_owner_unknown(system: str, at: tuple[str, str, str], *, several: bool) -> Finding:
    """``at``: file, sheet, cell."""
    return Finding(
        "database-owner-unknown",
        "error",
        say("inventory.database_owner_several") if several else say("inventory.database_owner_unknown"),
        say("inventory.give_name_or_id"),
        file=at[0],
        sheet=at[1],
        cell=at[2],
        system=system,
    )


def dependency_unknown(number: int, alike: list[str], system: str, at: tuple[str, str, str]) -> Finding:
    """``at``: file, sheet, cell."""
    return Finding(
        "dependency-unknown",
        "error",
        say("inventory.dependency_unknown_like", number=number, alike=tuple(alike)) if alike else say("inventory.dependency_unknown", number=number),
        say("inventory.dependency_elsewhere"),
        file=at[0],
        sheet=at[1],
        cell=at[2],
        system=system,
    )


_MARKS = re.compile(f"({SPLIT.pattern})")
_RUN = 12
"""Parts that one name may have."""


def said_in(cell: str, known: Collection[str]) -> list[str]:
    """The names in one cell. The longest run of its parts that is a name as it stands is one name: ``OA/门户系统``, ``基础库(人口、法人)``."""
    pieces = _MARKS.split(cell)  # a part, a mark, a part, …
    names: list[str] = []
    at = 0
    while at < len(pieces):
        ends = range(min(len(pieces), at + 2 * _RUN - 1), at, -2)
        end = next((end for end in ends if folded("".join(pieces[at:end])) in known), at + 1)
        names.append("".join(pieces[at:end]).strip())
        at = end + 1
    return [name for name in names if name]


def places_of_work(raws: list[Raw], rooms: dict[str, Room], departments: Departments, findings: list[Finding]) -> None:
    """Rooms and owners by id where their name is known; otherwise as they were written, and told where there is a list (R6, R12)."""
    room_ids = {key(name): room.id for room in rooms.values() for name in (room.id, room.name)}

    def tell(raw: Raw, field: str, code: str, says: Sentence) -> None:
        remedy = say("inventory.add_to_list")
        findings.append(raw.finding(code, "warning", says, remedy, at=field, system=str(raw.values["id"])))

    def settle_room(raw: Raw, holder: dict[str, Any]) -> None:
        room = holder.get("room")
        if isinstance(room, str) and key(room) in room_ids:
            holder["room"] = room_ids[key(room)]
        elif isinstance(room, str) and room and room_ids:
            tell(raw, "room" if holder is raw.values else "hosts", "room-unknown", say("inventory.room_unknown", room=room))

    for raw in raws:
        for holder in (raw.values, *(host for host in raw.values.get("hosts") or () if isinstance(host, dict))):
            settle_room(raw, holder)
        for field in ("security_owner", "data_owner"):
            owner = raw.values.get(field)
            found = departments.find(owner) if isinstance(owner, str) else None
            if found:
                raw.values[field] = found
            elif isinstance(owner, str) and owner and departments.listed:
                tell(raw, field, "owner-unknown", say("inventory.owner_unknown", owner=owner))


def owners_of_rooms(rooms: dict[str, Room], rows: Mapping[str, Raw], departments: Departments, findings: list[Finding]) -> None:
    """The departments that rooms belong to, by id where their name is known; told where there is a list that has them not."""
    for ident, room in rooms.items():
        owner = departments.find(room.owner) if room.owner else None
        if owner:
            rooms[ident] = room.model_copy(update={"owner": owner})
        elif room.owner and departments.listed:
            says = say("inventory.owner_unknown", owner=room.owner)
            findings.append(rows[ident].finding("owner-unknown", "warning", says, say("inventory.add_to_list"), at="owner"))


def one_source_per_datum(systems: dict[str, System], raws: dict[str, Raw], findings: list[Finding]) -> None:
    """一数一源: two systems that claim to be the source of the same datum (R13)."""
    sources: dict[str, str] = {}
    for ident in sorted(systems):
        for number, resource in enumerate(systems[ident].data_resources):
            if not resource.source_of_truth:
                continue
            other = sources.setdefault(key(resource.name), ident)
            if other != ident:
                said = next((part for kind, at, part in raws[ident].parts if (kind, at) == ("data_resources", number)), raws[ident])
                findings.append(
                    said.finding(
                        "two-sources",
                        "warning",
                        say("inventory.two_sources", datum=resource.name, one=systems[other].name, other=systems[ident].name),
                        say("inventory.decide_one_source"),
                        at="name" if said is not raws[ident] else "data_resources",
                        system=ident,
                    )
                )
