"""A system → the facts that conditions look at. What is not known is absent: never a default."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from orchestrator.models import System
from orchestrator.policy.expressions import Value
from orchestrator.policy.policy import Policy

_SEPARATORS = re.compile(r"[、;;,,/\n\r+]|和|及")
_AROUND = re.compile(r"7\s*[x×*\-天]\s*24|24\s*[x×*]\s*7|24\s*小时|全天|always", re.IGNORECASE)
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


@dataclass(frozen=True)
class Facts:
    """``values`` by fact name; ``shown`` the words they were taken from, as the department wrote them."""

    values: dict[str, Value]
    shown: dict[str, str]


class FactReader:
    """Reads facts for one policy; remembers what each text was understood as."""

    def __init__(self, policy: Policy) -> None:
        self.policy = policy
        self._words: dict[tuple[str, str], str] = {}

    def facts_of(self, system: System) -> Facts:
        policy = self.policy
        values: dict[str, Value] = {name: float(limit) for name, limit in policy.limits.items()}
        shown: dict[str, str] = {}

        def put(name: str, value: Value | None, words: Any = None) -> None:
            if value is not None:
                values[name] = value
                shown[name] = _words(value if words is None else words)

        for name in ("status", "kind", "network"):
            answer = getattr(system, name)
            put(name, str(answer) if answer else None, ANSWERS.get(str(answer), ("",))[0] or None)
        for name in ("special_equipment", "installable", "supported", "virtualised"):
            put(name, getattr(system, name))
        put("special_equipment", True if system.devices else system.special_equipment, system.special_equipment_note or None)
        for name in ("data_gb", "servers", "max_interruption_minutes"):
            number = getattr(system, name)
            put(name, None if number is None else float(number))
        for name in ("architecture", "room", "service_hours"):
            put(name, getattr(system, name) or None)
        if system.grade_answered or system.protection_grade is not None:
            put(
                "protection_grade",
                float(system.protection_grade or 0),
                "未定级" if system.protection_grade is None else system.protection_grade,
            )
        put("dependencies", float(len(system.depends_on)), "、".join(system.depends_on) or "0")
        self._os(system, put)
        self._engines(system, put)
        self._sizes(system, put)
        clusters = [base.shared_storage_cluster for base in system.databases if base.shared_storage_cluster is not None]
        put(
            "shared_storage_cluster",
            True
            if any(clusters)
            else system.shared_storage_cluster
            if system.shared_storage_cluster is not None
            else (False if clusters else None),
        )
        if system.service_hours:
            put("around_the_clock", bool(_AROUND.search(unicodedata.normalize("NFKC", system.service_hours))), system.service_hours)
        if system.services:
            put(
                "singletons_asked",
                all(service.singleton is not None for service in system.services),
                f"{sum(s.singleton is None for s in system.services)}/{len(system.services)} 未说明",
            )
        return Facts(values, shown)

    def _os(self, system: System, put: Any) -> None:
        texts = list(dict.fromkeys(text for text in (system.os, *(host.os for host in system.hosts)) if text))
        if texts:
            families = [self.understood("os_family", text) for text in texts]
            outside = [family for family in families if family not in self.policy.cloud_os]
            put("os_family", outside[0] if outside else families[0], "、".join(texts))
            put("cloud_os", not outside, "、".join(texts))
        texts = list(dict.fromkeys(text for text in (system.processor, *(host.processor for host in system.hosts)) if text))
        if texts:
            families = [self.understood("processor", text) for text in texts]
            outside = [family for family in families if family not in self.policy.cloud_processors]
            put("processor_family", outside[0] if outside else families[0], "、".join(texts))
            put("cloud_processor", not outside, "、".join(texts))

    def _engines(self, system: System, put: Any) -> None:
        engines = [self.understood("engine", base.engine) for base in system.databases]
        if system.dbms:
            engines += self.engines(system.dbms)
        if system.dbms or system.databases:
            engines = list(dict.fromkeys(engines))
            words = system.dbms or "、".join(base.engine for base in system.databases)
            put("engines", engines, words)
            put("vendor_engines", [e for e in engines if e not in self.policy.movers and e not in self.policy.engines_without_data], words)
        levels = [base.wal_level for base in system.databases if base.wal_level]
        if levels:
            put("wal_level", min(levels, key=["minimal", "replica", "logical"].index), "、".join(levels))

    def _sizes(self, system: System, put: Any) -> None:
        """The largest server: measured from the hosts where they are known, else the mean of the totals."""
        for name, field in (("server_vcpus", "vcpus"), ("server_memory_gb", "memory_gb")):
            hosts = [float(value) for host in system.hosts if (value := getattr(host, field)) is not None]
            total = getattr(system, field)
            if hosts:
                put(name, max(hosts))
            elif total is not None and system.servers:
                put(name, float(total) / system.servers, f"{total:g} / {system.servers}")

    def engines(self, text: str) -> list[str]:
        """Every engine named in a free text; one that no synonym knows stands as it was written."""
        if text.strip() in {"无", "没有", "-"}:
            return ["none"]
        parts = [part.strip() for part in _SEPARATORS.split(text) if part.strip()]
        known = [self.understood("engine", part) for part in parts]
        found = [engine for engine in known if engine != "other"]
        return found or [text.strip()[:60]]

    def understood(self, kind: str, text: str) -> str:
        """The word that ``synonyms`` have for a text; ``other`` when none fits."""
        at = (kind, text)
        if at not in self._words:
            plain = unicodedata.normalize("NFKC", text).casefold()
            closed = plain.replace(" ", "")
            self._words[at] = next(
                (
                    word
                    for word, parts in self.policy.synonyms.get(kind, ())
                    if any(part in plain or part.replace(" ", "") in closed for part in parts)
                ),
                "other",
            )
        return self._words[at]


def _words(value: Any) -> str:
    if isinstance(value, bool):
        return "是" if value else "否"
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, list):
        return "、".join(value)
    return str(value)


def field_of(policy: Policy, fact: str) -> str:
    """The inventory's field behind a fact."""
    known = policy.facts.get(fact)
    return (known.of if known else "") or fact


def fact_words(policy: Policy, facts: Facts, names: tuple[str, ...]) -> str:
    """``操作系统 os=…`` for each fact a condition names, limits left out."""
    seen: dict[str, str] = {}
    for name in names:
        if name in facts.shown:
            field = field_of(policy, name)
            seen.setdefault(field, f"{policy.facts[name].zh} {field}={facts.shown[name]}")
    return ";".join(seen.values())


def place_of(policy: Policy, places: Mapping[str, str], names: tuple[str, ...]) -> str:
    """Where those facts came from, cells of one sheet together; empty where it is not known."""
    cells: dict[str, list[str]] = {}
    for place in dict.fromkeys(places[field] for name in names if (field := field_of(policy, name)) in places):
        sheet, _, cell = place.rpartition(" › ")
        cells.setdefault(sheet, []).append(cell)
    return ";".join(f"{sheet} › {'、'.join(found)}" if sheet else "、".join(found) for sheet, found in cells.items())


__all__ = ["FactReader", "Facts", "fact_words", "field_of", "place_of"]
