"""A system → the facts that conditions look at, each with the words it was taken from and where they stand.

What is not known is absent: never a default. What is known of a part only is absent too, unless that part alone is already a reason
against the cloud: one of two hosts without a size leaves the largest server open, one host that is too large settles it.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from orchestrator.inventory.cells import not_known
from orchestrator.inventory.hours import outside_hours
from orchestrator.models import System
from orchestrator.policy.expressions import Value
from orchestrator.policy.policy import Policy
from orchestrator.policy.words import NONE, Words

_AROUND = re.compile(r"7\s*[x×*\-天]\s*24|24\s*[x×*]\s*7|24\s*(?:小时|h(?![a-z]))|全天|always|around the clock", re.IGNORECASE)
_NO_DAY_OFF = re.compile(r"全年无休")
_A_TIME = re.compile(r"\d\s*[:点时]")
ANSWERS = {
    "in_use": ("已建", "in use"),
    "under_construction": ("在建", "under construction"),
    "database": ("数据库", "database"),
    "application": ("应用系统", "application"),
    "government_extranet": ("政务外网", "government extranet"),
    "government_intranet": ("政务内网", "government intranet"),
    "internet": ("互联网", "internet"),
    "dedicated": ("专网", "dedicated network"),
}
"""Our words for answers, as the form has them."""
ROWS = {"hosts": ("主机", "host"), "databases": ("数据库", "database"), "devices": ("设备", "device")}
"""What a row of a technical sheet is called."""


class Provided(NamedTuple):
    """A fact that this module can know: its type, and, where its answers are a closed list, that list."""

    type: Literal["bool", "number", "text", "list"]
    answers: tuple[str, ...] = ()
    whole: bool = False
    """A number without fractions."""


_PROVIDED = {
    "status": Provided("text", ("in_use", "under_construction")),
    "kind": Provided("text", ("database", "application")),
    "network": Provided("text", ("government_extranet", "government_intranet", "internet", "dedicated")),
    "wal_level": Provided("text", ("minimal", "replica", "logical")),
    **dict.fromkeys(
        (
            "special_equipment", "installable", "supported", "virtualised", "cloud_os", "cloud_processor", "shared_storage_cluster",
            "around_the_clock", "singletons_asked",
        ),
        Provided("bool"),
    ),
    **dict.fromkeys(("data_gb", "max_interruption_minutes", "server_vcpus", "server_memory_gb"), Provided("number")),
    **dict.fromkeys(("servers", "dependencies"), Provided("number", whole=True)),
    "protection_grade": Provided("number", ("0", "1", "2", "3", "4", "5"), whole=True),
    **dict.fromkeys(("architecture", "room", "service_hours"), Provided("text")),
    **dict.fromkeys(("engines", "vendor_engines"), Provided("list")),
}  # fmt: skip


def provided(policy: Policy) -> dict[str, Provided]:
    """Every fact that a condition of this policy can look at."""
    families = {
        fact: Provided("text", tuple(dict.fromkeys(word for word, _ in policy.synonyms.get(kind, ()))))
        for fact, kind in (("os_family", "os_family"), ("processor_family", "processor"))
    }
    return {**_PROVIDED, **families, **dict.fromkeys(policy.limits, Provided("number"))}


class Source(NamedTuple):
    """Where a fact stands (a field of the form, or ``hosts/h-2/vcpus`` of a technical row), and the words there in both languages."""

    at: str
    zh: str
    en: str


@dataclass(frozen=True)
class Facts:
    """``values`` by fact name; ``sources`` what they were taken from."""

    values: dict[str, Value]
    sources: dict[str, tuple[Source, ...]] = field(default_factory=dict)

    def words(self, name: str, language: Literal[0, 1] = 0) -> str:
        """What the department wrote, or what the technical sheet says: ``主机 h-2: 128``. Empty for a fact that is not known."""
        said = [source[1 + language] for source in self.sources.get(name, ())]
        return ("、", ", ")[language].join(str(one) for one in dict.fromkeys(said) if one)


class FactReader:
    """Reads facts for one policy; remembers what each text was understood as."""

    def __init__(self, policy: Policy) -> None:
        self.policy = policy
        self.words = Words(policy)

    def facts_of(self, system: System) -> Facts:
        found = Facts({name: float(limit) for name, limit in self.policy.limits.items()})

        def put(name: str, value: Value | None, *sources: Source) -> None:
            if value is not None:
                found.values[name] = value
                found.sources[name] = sources

        for name in ("status", "kind", "network"):
            answer = str(getattr(system, name) or "")
            put(name, answer or None, Source(name, *ANSWERS.get(answer, (answer, answer))))
        for name in ("installable", "supported", "virtualised"):
            put(name, getattr(system, name), _form(name, getattr(system, name)))
        for name in ("servers", "max_interruption_minutes"):
            number = getattr(system, name)
            put(name, None if number is None else float(number), _form(name, number))
        for name in ("architecture", "room", "service_hours"):
            text = answered(getattr(system, name))
            put(name, text and unicodedata.normalize("NFKC", text), _form(name, text))
        if system.grade_answered or system.protection_grade is not None:
            put("protection_grade", float(system.protection_grade or 0), _form("protection_grade", system.protection_grade or "未定级"))
        put("dependencies", float(len(system.depends_on)), _form("depends_on", "、".join(system.depends_on) or "0"))
        if hours := answered(system.service_hours):
            put("around_the_clock", around_the_clock(hours), _form("service_hours", hours))
        if system.services:
            silent, count = sum(service.singleton is None for service in system.services), len(system.services)
            put("singletons_asked", not silent, Source("services", f"{silent}/{count} 未说明", f"{silent} of {count} not answered"))
        self._equipment(system, put)
        self._families(system, put)
        self._engines(system, put)
        self._clusters(system, put)
        self._sizes(system, put)
        self._data(system, put)
        return found

    def _equipment(self, system: System, put: Any) -> None:
        """A device that is listed is special equipment, whatever the form answers."""
        if system.devices and not system.special_equipment:
            put("special_equipment", True, *(_row("devices", device.name, "name") for device in system.devices))
        elif system.special_equipment is not None:
            note = system.special_equipment_note if system.special_equipment else None
            put("special_equipment", system.special_equipment, _form("special_equipment", note or system.special_equipment))

    def _families(self, system: System, put: Any) -> None:
        """One family that the cloud does not have decides; one text that is not understood, or a host without one, leaves it open."""
        for field_, kind, fact, on_cloud, supported in (
            ("os", "os_family", "os_family", "cloud_os", self.policy.cloud_os),
            ("processor", "processor", "processor_family", "cloud_processor", self.policy.cloud_processors),
        ):
            form = answered(getattr(system, field_))
            said = {host.name: answered(getattr(host, field_)) for host in system.hosts}
            texts = {form: _form(field_, form)} if form else {}
            for host, text in said.items():
                if text:
                    texts.setdefault(text, _row("hosts", host, field_, text))
            read = [(self.words.families(kind, text), source) for text, source in texts.items()]
            against = [(family, source) for one, source in read for family in one.known if family not in supported]
            known = [family for one, _ in read for family in one.known]
            if against:
                put(fact, against[0][0], *(source for _, source in against))
                put(on_cloud, False, *(source for _, source in against))
            elif known and (form or all(said.values())) and not any(one.unread or one.open for one, _ in read):
                put(fact, known[0], *(source for _, source in read))
                put(on_cloud, True, *(source for _, source in read))

    def _engines(self, system: System, put: Any) -> None:
        """Engines of the form, and those of the technical sheet that the form does not name."""
        named: dict[str, list[Source]] = {}
        open_ = False
        form = answered(system.dbms)
        texts = [(form, _form("dbms", form))] if form else []
        texts += [(base.engine, _row("databases", base.name, "engine", base.engine)) for base in system.databases]
        for text, source in texts:
            read = self.words.engines(text)
            open_ |= read.open
            for engine in read.known:
                if engine not in named or named[engine][0].at != "dbms":
                    named.setdefault(engine, []).append(source)
        movable = {*self.policy.movers, *self.policy.engines_without_data}
        vendor = [engine for engine in named if engine not in movable]
        if named and not open_:
            put("engines", list(named), *dict.fromkeys(source for sources in named.values() for source in sources))
        if vendor or (named and not open_):
            put("vendor_engines", vendor, *dict.fromkeys(source for engine in vendor or named for source in named[engine]))
        bases = [base for base in system.databases if self.words.engines(base.engine).known == ("postgresql",)]
        levels = [base.wal_level for base in bases if base.wal_level]
        lowest = min(levels, key=["minimal", "replica", "logical"].index, default=None)
        if lowest and (lowest != "logical" or len(levels) == len(bases)):
            rows = (_row("databases", base.name, "wal_level", base.wal_level) for base in bases if base.wal_level == lowest)
            put("wal_level", lowest, *rows)

    def _clusters(self, system: System, put: Any) -> None:
        """One database on a cluster is enough; that there is none takes the form's word or every database's."""
        name = "shared_storage_cluster"
        said = [(base.shared_storage_cluster, _row("databases", base.name, name, base.shared_storage_cluster)) for base in system.databases]
        form = system.shared_storage_cluster
        against = [_form(name, True)] if form else [source for answer, source in said if answer]
        if against:
            put(name, True, *against)
        elif form is not None:
            put(name, False, _form(name, form))
        elif said and all(answer is not None for answer, _ in said):
            put(name, False, *(source for _, source in said))

    def _sizes(self, system: System, put: Any) -> None:
        """The largest server: of the hosts where all of them are known, else the mean of the form's totals where no host is."""
        for fact, field_ in (("server_vcpus", "vcpus"), ("server_memory_gb", "memory_gb")):
            sized = [(float(value), host.name) for host in system.hosts if (value := getattr(host, field_)) is not None]
            total = getattr(system, field_)
            largest, host = max(sized, key=lambda one: one[0], default=(0.0, ""))
            if sized and (len(sized) >= max(len(system.hosts), system.servers or 0) or self._too_large(fact, largest)):
                put(fact, largest, _row("hosts", host, field_, largest))
            elif not sized and total is not None and system.servers:
                put(fact, float(total) / system.servers, _form(field_, f"{total:g} / {system.servers}"), Source("servers", "", ""))

    def _data(self, system: System, put: Any) -> None:
        """The larger of what the form says and what its databases add up to."""
        sized = [
            (base.size_gb, _row("databases", base.name, "size_gb", base.size_gb)) for base in system.databases if base.size_gb is not None
        ]
        total = float(sum(size for size, _ in sized))
        form = system.data_gb
        if form is not None and form >= total:
            put("data_gb", float(form), _form("data_gb", form))
        elif sized and (form is not None or len(sized) == len(system.databases) or self._too_large("data_gb", total)):
            put("data_gb", total, *(source for _, source in sized))

    def _too_large(self, fact: str, value: float) -> bool:
        limit = self.policy.limits.get(_LIMITS[fact])
        return limit is not None and value > limit


_LIMITS = {"server_vcpus": "limit_server_vcpus", "server_memory_gb": "limit_server_memory_gb", "data_gb": "limit_database_gb"}


def around_the_clock(hours: str) -> bool:
    """Whether service hours leave no time outside them, as the planner reads them or as people say it (``7×24``, ``全年无休``)."""
    free = outside_hours(hours)
    if free is not None:
        return not free
    plain = unicodedata.normalize("NFKC", hours)
    return bool(_AROUND.search(plain)) or bool(_NO_DAY_OFF.search(plain) and not _A_TIME.search(plain))


def answered(text: str | None) -> str | None:
    """A text of the form, unless it says that nobody knows."""
    return None if not text or not_known(text) else text


def _form(name: str, value: Any) -> Source:
    if isinstance(value, bool):
        return Source(name, *(("是", "yes") if value else ("否", "no")))
    text = f"{value:g}" if isinstance(value, int | float) else str(value or "")
    return Source(name, text, _ENGLISH.get(text, text))


_ENGLISH = {"未定级": "not graded", **dict.fromkeys(NONE, "none")}


def _row(kind: str, name: str, column: str, value: Any = None) -> Source:
    """``主机 h-2: 128``: a cell of a technical sheet."""
    zh, en = ROWS[kind]
    said = _form("", value)
    return Source(
        f"{kind}/{name}/{column}", *(f"{word} {name}" + (f": {text}" if text else "") for word, text in ((zh, said.zh), (en, said.en)))
    )


def field_of(policy: Policy, fact: str) -> str:
    """The inventory's field behind a fact."""
    known = policy.facts.get(fact)
    return (known.of if known else "") or fact


def fact_words(policy: Policy, facts: Facts, names: Iterable[str]) -> str:
    """``操作系统 os=CentOS 7``, ``单台服务器CPU核数 hosts=主机 h-2: 128`` for each fact that a condition names and that is known, limits left out."""
    seen: dict[str, str] = {}
    for name in names:
        if sources := facts.sources.get(name):
            fields = "+".join(dict.fromkeys(source.at.partition("/")[0] for source in sources if source.zh))
            seen.setdefault(field_of(policy, name), f"{policy.facts[name].zh} {fields}={facts.words(name)}")
    return ";".join(seen.values())


def place_of(facts: Facts, places: Mapping[str, str], names: Sequence[str]) -> str:
    """Where those facts stand, cells of one sheet together; empty where it is not known."""
    cells: dict[str, list[str]] = {}
    keys = [source.at for name in names for source in facts.sources.get(name, ())]
    for place in dict.fromkeys(places[key] for key in keys if key in places):
        sheet, _, cell = place.rpartition(" › ")
        cells.setdefault(sheet, []).append(cell)
    return ";".join(f"{sheet} › {'、'.join(found)}" if sheet else "、".join(found) for sheet, found in cells.items())


__all__ = ["ROWS", "FactReader", "Facts", "Provided", "Source", "answered", "fact_words", "field_of", "place_of", "provided"]
