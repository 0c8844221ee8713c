"""A system → its facts. What is not known is absent: never a default.

What is known of a part only is absent too, unless that part alone is already a reason against the cloud: one of two hosts without a
size leaves the largest server open, one host that is too large settles it. What follows from other answers is not asked for: Windows
runs on x86, one server is no cluster.
"""

from __future__ import annotations

import datetime as dt
import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping

from orchestrator.inventory.hours import outside_hours
from orchestrator.models import Inventory, Kind, RunsAt, System
from orchestrator.policy.expressions import Value
from orchestrator.policy.facts import OTHER, Facts, Source, answered, form_source, row_source, size_source
from orchestrator.policy.lifetimes import date_words, ends_within, outdated
from orchestrator.policy.policy import Policy
from orchestrator.policy.surroundings import Surroundings
from orchestrator.policy.words import Words

Put = Callable[..., None]
"""``put(fact, value, *sources)``; a value of None is not known."""
_AROUND = re.compile(r"7\s*[x×*\-天]\s*24|24\s*[x×*]\s*7|24\s*(?:小时|h(?![a-z]))|全天|always|around the clock", re.IGNORECASE)
_NO_DAY_OFF = re.compile(r"全年无休")
_A_TIME = re.compile(r"\d\s*[:点时]")
_VMWARE = re.compile(r"vmware|vsphere|esxi|hyper-?v", re.IGNORECASE)
_GRADES = [("未定级", "not graded"), *((f"{word}级", str(number)) for number, word in enumerate("一二三四五", start=1))]
ANSWERS = {
    "in_use": ("已建", "in use"),
    "under_construction": ("在建", "under construction"),
    "database": ("数据库", "database"),
    "application": ("应用系统", "application"),
    "government_extranet": ("政务外网", "government extranet"),
    "government_intranet": ("政务内网", "government intranet"),
    "internet": ("互联网", "internet"),
    "dedicated": ("专网", "dedicated network"),
    "own_room": ("自建机房", "its own room"),
    "city_cloud": ("市政务云", "the city's cloud"),
    "other_cloud": ("其他云", "another cloud"),
    "carrier_room": ("运营商机房", "a carrier's room"),
    "service": ("租用服务或上级统建", "a service that others run"),
    "none": ("不绑定", "not bound"),
    "dongle": ("加密狗", "a dongle"),
    "machine": ("绑定主机", "the machine"),
    "online": ("联网授权", "a licence server"),
}
"""Our words for answers, as the form has them."""
ELSEWHERE = {RunsAt.CITY_CLOUD, RunsAt.OTHER_CLOUD, RunsAt.SERVICE}
"""Nothing of it stands in a room of the city. A carrier's room is one: the machines in it are its own."""
PROPRIETARY = "proprietary"
_LIMITS = {"server_vcpus": "limit_server_vcpus", "server_memory_gb": "limit_server_memory_gb", "database_gb": "limit_database_gb"}


class FactReader:
    """Reads facts for one policy; remembers what each text was understood as.

    ``inventory``: what the systems around one are looked up in; ``today``: see ``assess``; ``typed``: by place, what stands in the cell.
    """

    def __init__(
        self,
        policy: Policy,
        inventory: Inventory | None = None,
        today: dt.date | None = None,
        typed: Mapping[str, str] | None = None,
    ) -> None:
        self.policy = policy
        self.words = Words(policy)
        self.around = Surroundings(inventory)
        self.today = today
        self.typed = typed or {}

    def facts_of(self, system: System, places: Mapping[str, str] | None = None) -> Facts:
        """Everything that is known of one system."""
        quotes = Quotes(places or {}, self.typed)
        found = Facts({name: float(limit) for name, limit in self.policy.limits.items()}, {}, quotes)

        def put(name: str, value: Value | None, *sources: Source) -> None:
            if value is not None:
                found.values[name] = value
                found.sources[name] = sources

        self._answers(system, put)
        self._equipment(system, put)
        self._families(system, put)
        self._engines(system, put)
        self._clusters(system, put)
        self._sizes(system, put)
        self._data(system, put)
        self._relations(system, put)
        self._lifetimes(system, put)
        self._implied(system, found, put)
        return found

    def _answers(self, system: System, put: Put) -> None:
        """What the form answers in so many words."""
        for name in ("status", "kind", "network", "licence_binding"):
            answer = str(getattr(system, name) or "")
            put(name, answer or None, Source(name, *ANSWERS.get(answer, (answer, answer))))
        for name in ("installable", "supported", "virtualised"):
            put(name, getattr(system, name), form_source(name, getattr(system, name)))
        for name in ("servers", "max_interruption_minutes"):
            number = getattr(system, name)
            put(name, None if number is None else float(number), form_source(name, number))
        for name in ("architecture", "room", "service_hours"):
            text = answered(getattr(system, name))
            put(name, text and unicodedata.normalize("NFKC", text), form_source(name, text))
        if system.grade_answered or system.protection_grade is not None:
            put("protection_grade", float(system.protection_grade or 0), Source("protection_grade", *_GRADES[system.protection_grade or 0]))
        if hours := answered(system.service_hours):
            put("around_the_clock", around_the_clock(hours), form_source("service_hours", hours))
        if system.services:
            silent, count = sum(service.singleton is None for service in system.services), len(system.services)
            put("singletons_asked", not silent, Source("services", f"{silent}/{count} 未说明", f"{silent} of {count} not answered"))
        roles = self.words.families("role", system.name).known
        put("role", roles[0] if roles else OTHER, form_source("name", system.name))

    def _equipment(self, system: System, put: Put) -> None:
        """A device that is listed is special equipment, whatever the form answers."""
        if system.devices and not system.special_equipment:
            put("special_equipment", True, *(row_source("devices", device.name, "name") for device in system.devices))
        elif system.special_equipment is not None:
            note = system.special_equipment_note if system.special_equipment else None
            put("special_equipment", system.special_equipment, form_source("special_equipment", note or system.special_equipment))

    def _families(self, system: System, put: Put) -> None:
        """One family that the cloud does not have decides; one text that is not understood, or a host without one, leaves it open."""
        for field_, kind, fact, on_cloud, supported in (
            ("os", "os_family", "os_family", "cloud_os", self.policy.cloud_os),
            ("processor", "processor", "processor_family", "cloud_processor", self.policy.cloud_processors),
        ):
            form = answered(getattr(system, field_))
            said = {host.name: answered(getattr(host, field_)) for host in system.hosts}
            texts = {form: form_source(field_, form)} if form else {}
            for host, text in said.items():
                if text:
                    texts.setdefault(text, row_source("hosts", host, field_, text))
            read = [(self.words.families(kind, text), source) for text, source in texts.items()]
            against = [(family, source) for one, source in read for family in one.known if family not in supported]
            known = [family for one, _ in read for family in one.known]
            if against:
                named = [family for family, _ in against]
                put(fact, next((family for family in named if family != PROPRIETARY), PROPRIETARY), *(source for _, source in against))
                put(on_cloud, False, *(source for _, source in against))
            elif known and (form or all(said.values())) and not any(one.unread or one.open for one, _ in read):
                put(fact, known[0], *(source for _, source in read))
                put(on_cloud, True, *(source for _, source in read))

    def _engines(self, system: System, put: Put) -> None:
        """Engines of the form, and those of the technical sheet that the form does not name."""
        named: dict[str, list[Source]] = {}
        open_ = False
        form = answered(system.dbms)
        texts = [(form, form_source("dbms", form))] if form else []
        texts += [(base.engine, row_source("databases", base.name, "engine", base.engine)) for base in system.databases]
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
            rows = (row_source("databases", base.name, "wal_level", base.wal_level) for base in bases if base.wal_level == lowest)
            put("wal_level", lowest, *rows)

    def _clusters(self, system: System, put: Put) -> None:
        """One database on a cluster is enough; that there is none takes the form's word or every database's."""
        name = "shared_storage_cluster"
        said = [(base.shared_storage_cluster, row_source("databases", base.name, name, base.shared_storage_cluster)) for base in system.databases]
        form = system.shared_storage_cluster
        against = [form_source(name, True)] if form else [source for answer, source in said if answer]
        if against:
            put(name, True, *against)
        elif form is not None:
            put(name, False, form_source(name, form))
        elif said and all(answer is not None for answer, _ in said):
            put(name, False, *(source for _, source in said))

    def _sizes(self, system: System, put: Put) -> None:
        """The largest server: of the hosts where all of them are known, else the mean of the form's totals where no host is."""
        for fact, field_ in (("server_vcpus", "vcpus"), ("server_memory_gb", "memory_gb")):
            sized = [(float(value), host.name) for host in system.hosts if (value := getattr(host, field_)) is not None]
            total = getattr(system, field_)
            largest, host = max(sized, key=lambda one: one[0], default=(0.0, ""))
            if sized and (len(sized) >= max(len(system.hosts), system.servers or 0) or self._too_large(fact, largest)):
                put(fact, largest, row_source("hosts", host, field_, largest))
            elif not sized and total is not None and system.servers:
                put(fact, float(total) / system.servers, form_source(field_, f"{total:g} / {system.servers}"), Source("servers", "", ""))

    def _data(self, system: System, put: Put) -> None:
        """How much there is in all, in files, and in databases. A form's one figure for an application may be files as well as data."""
        sized = [(base.size_gb, row_source("databases", base.name, "size_gb", base.size_gb)) for base in system.databases if base.size_gb is not None]
        rows = [source for _, source in sized]
        total = float(sum(size for size, _ in sized))
        form, files = system.data_gb, system.file_gb
        if form is not None and form >= total:
            put("data_gb", float(form), size_source("data_gb", form))
        elif sized and (form is not None or len(sized) == len(system.databases) or self._too_large("database_gb", total)):
            put("data_gb", total, *rows)
        if files is not None:
            put("file_gb", float(files), size_source("file_gb", files))
        if sized and (len(sized) == len(system.databases) or self._too_large("database_gb", total)):
            put("database_gb", total, *rows)
            return
        if form is None:
            return
        least, most = self._database_bounds(system, float(form), files)
        if self._too_large("database_gb", least) or not self._too_large("database_gb", most):
            put("database_gb", least if self._too_large("database_gb", least) else most, size_source("data_gb", form))

    def _database_bounds(self, system: System, form: float, files: float | None) -> tuple[float, float]:
        """The least and the most that can be in databases: 300 TB of which 299.8 TB are files is a database of 200 GB, or one of 300 TB
        with as many files beside it."""
        if system.kind is Kind.DATABASE or (files is not None and files > form):
            return form, form
        if files is not None:
            return form - files, form if files == 0 else form - files
        known = sum(tree.size_gb or 0 for tree in system.file_trees)
        return 0.0, max(0.0, form - known) if known else form

    def _relations(self, system: System, put: Put) -> None:
        """What it depends on, what depends on it, what works on the same database; by their names."""
        needs = list(system.depends_on)
        names = (self.around.names(needs), self.around.names(needs, ", ", " and others, {} in all"))
        put("dependencies", float(len(needs)), Source("depends_on", names[0] or "0", names[1] or "0"))
        behind = self.around.dependants(system.id)
        names = (self.around.names(behind), self.around.names(behind, ", ", " and others, {} in all"))
        put("dependants", float(len(behind)), Source("dependants", f"{len(behind)} 个：{names[0]}" if behind else "0", f"{len(behind)}: {names[1]}" if behind else "0"))
        sharing = self.around.sharing(system.id)
        names = (self.around.names(sharing), self.around.names(sharing, ", ", " and others, {} in all"))
        put("shared_database", bool(sharing), Source("database_owner", *names))

    def _lifetimes(self, system: System, put: Put) -> None:
        """Where it runs now, until when, and what of its software is out of support on the day."""
        place = system.runs_at
        put("elsewhere", place in ELSEWHERE, Source("runs_at", *ANSWERS.get(str(place or ""), ("", ""))))
        months = self.policy.limits.get("limit_months_worth_moving", 12)
        if system.planned_end is None:
            put("ends_soon", bool(system.retiring), form_source("retiring", system.retiring if system.retiring else ""))
        elif self.today is not None:
            put("ends_soon", ends_within(system.planned_end, self.today, months), Source("planned_end", *date_words(system.planned_end)))
        else:
            put("ends_soon", False, Source("planned_end", *date_words(system.planned_end)))
        if self.today is not None:
            old = list(self._outdated(system, self.today))
            put("outdated", [text for text, _ in old], *(source for _, source in old))

    def _outdated(self, system: System, today: dt.date) -> Iterator[tuple[str, Source]]:
        texts = [(text, form_source(name, text)) for name in ("os", "dbms", "middleware") if (text := answered(getattr(system, name)))]
        texts += [(str(host.os), row_source("hosts", host.name, "os", host.os)) for host in system.hosts if answered(host.os)]
        texts += [(f"{base.engine} {base.version}", row_source("databases", base.name, "version", f"{base.engine} {base.version}")) for base in system.databases if base.version]
        for one in outdated(self.policy, (text for text, _ in texts), today):
            source = next(source for text, source in texts if text == one.text)
            yield one.text, source._replace(noted=(f"（{one.since:%Y-%m} 起停止支持）", f" (out of support since {one.since:%Y-%m})"))
        if system.end_of_support and ends_within(system.end_of_support, today, 0):
            zh, en = date_words(system.end_of_support)
            yield "end_of_support", Source("end_of_support", zh, en)

    def _implied(self, system: System, found: Facts, put: Put) -> None:
        """What follows from other answers: nobody is asked for it."""
        servers, hosts = found.values.get("servers"), len(system.hosts)
        if "shared_storage_cluster" not in found.values:
            if found.values.get("engines") == ["none"] and not system.databases:
                put("shared_storage_cluster", False, Source("dbms", "无数据库", "no database"))
            elif servers in (0.0, 1.0) and hosts <= 1:
                put("shared_storage_cluster", False, Source("servers", "只有 1 台服务器", "one server"))
        if "processor_family" not in found.values and not answered(system.processor) and not any(answered(host.processor) for host in system.hosts):
            family = found.values.get("os_family")
            typed = found.quotes.get("virtualised") or ""
            if family in ("windows", "windows-legacy"):
                self._put_x86(put, Source("os", "Windows 只在 x86 服务器上", "Windows runs on x86 servers"))
            elif _VMWARE.search(f"{typed} {system.os or ''} {system.architecture or ''}"):
                self._put_x86(put, Source("virtualised", "该虚拟化平台只在 x86 服务器上", "this virtualisation runs on x86 servers"))

    def _put_x86(self, put: Put, source: Source) -> None:
        put("processor_family", "x86_64", source)
        put("cloud_processor", "x86_64" in self.policy.cloud_processors, source)

    def _too_large(self, fact: str, value: float) -> bool:
        limit = self.policy.limits.get(_LIMITS[fact])
        return limit is not None and value > limit


class Quotes(Mapping[str, str]):
    """By where a source stands, what somebody typed into that cell; looked up when a reason asks for it."""

    def __init__(self, places: Mapping[str, str], typed: Mapping[str, str]) -> None:
        self._places, self._typed = places, typed

    def __getitem__(self, at: str) -> str:
        return self._typed[self._places[at]]

    def __iter__(self) -> Iterator[str]:
        return (at for at in self._places if self._places[at] in self._typed)

    def __len__(self) -> int:
        return sum(1 for _ in self)


def around_the_clock(hours: str) -> bool:
    """Whether service hours leave no time outside them, as the planner reads them or as people say it (``7×24``, ``全年无休``)."""
    free = outside_hours(hours)
    if free is not None:
        return not free
    plain = unicodedata.normalize("NFKC", hours)
    return bool(_AROUND.search(plain)) or bool(_NO_DAY_OFF.search(plain) and not _A_TIME.search(plain))
