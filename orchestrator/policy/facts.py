"""The facts that conditions look at, each with the words it was taken from and where they stand."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from orchestrator.inventory.cells import not_known
from orchestrator.policy.expressions import Value
from orchestrator.policy.policy import Policy
from orchestrator.policy.words import NONE

ROWS = {"hosts": ("主机", "host"), "databases": ("数据库", "database"), "devices": ("设备", "device")}
"""What a row of a technical sheet is called."""


class Provided(NamedTuple):
    """A fact that can be known: its type, and, where its answers are a closed list, that list."""

    type: Literal["bool", "number", "text", "list"]
    answers: tuple[str, ...] = ()
    whole: bool = False
    """A number without fractions."""


_PROVIDED = {
    "status": Provided("text", ("in_use", "under_construction")),
    "kind": Provided("text", ("database", "application")),
    "network": Provided("text", ("government_extranet", "government_intranet", "internet", "dedicated")),
    "wal_level": Provided("text", ("minimal", "replica", "logical")),
    "licence_binding": Provided("text", ("none", "dongle", "machine", "online")),
    **dict.fromkeys(
        (
            "special_equipment", "installable", "supported", "virtualised", "cloud_os", "cloud_processor", "shared_storage_cluster",
            "around_the_clock", "singletons_asked", "ends_soon", "elsewhere", "shared_database",
        ),
        Provided("bool"),
    ),
    **dict.fromkeys(("data_gb", "database_gb", "file_gb", "max_interruption_minutes", "server_vcpus", "server_memory_gb"), Provided("number")),
    **dict.fromkeys(("servers", "dependencies", "dependants"), Provided("number", whole=True)),
    "protection_grade": Provided("number", ("0", "1", "2", "3", "4", "5"), whole=True),
    **dict.fromkeys(("architecture", "room", "service_hours"), Provided("text")),
    **dict.fromkeys(("engines", "vendor_engines", "outdated"), Provided("list")),
}  # fmt: skip
OTHER = "other"
"""The role of a system whose name says none."""


def provided(policy: Policy) -> dict[str, Provided]:
    """Every fact that a condition of this policy can look at."""
    families = {
        fact: Provided("text", tuple(dict.fromkeys(word for word, _ in policy.synonyms.get(kind, ()))))
        for fact, kind in (("os_family", "os_family"), ("processor_family", "processor"))
    }
    roles = Provided("text", (*dict.fromkeys(word for word, _ in policy.synonyms.get("role", ())), OTHER))
    return {**_PROVIDED, **families, "role": roles, **dict.fromkeys(policy.limits, Provided("number"))}


class Source(NamedTuple):
    """Where a fact stands (a field of the form, or ``hosts/h-2/vcpus`` of a technical row), and the words there in both languages."""

    at: str
    zh: str
    en: str
    typed: bool = False
    """Whether the words are what somebody typed, and not what was understood of it: only that is quoted."""
    noted: tuple[str, str] = ("", "")
    """What we add to it."""


@dataclass(frozen=True)
class Facts:
    """``values`` by fact name; ``sources`` what they were taken from."""

    values: dict[str, Value]
    sources: dict[str, tuple[Source, ...]] = field(default_factory=dict)
    quotes: Mapping[str, str] = field(default_factory=dict)
    """By where a source stands, what somebody typed there, where that is not what was understood."""

    def words(self, name: str, language: Literal[0, 1] = 0, *, quoted: bool = False) -> str:
        """What the department typed, or what the technical sheet says: ``主机 h-2: 128``. Empty for a fact that is not known. ``quoted``: what was
        typed stands in quotation marks, and what we make of it does not."""
        said = [self._words(source, language, quoted=quoted) for source in self.sources.get(name, ()) if source.zh]
        return ("、", ", ")[language].join(one for one in dict.fromkeys(said) if one)

    def _words(self, source: Source, language: Literal[0, 1], *, quoted: bool) -> str:
        typed = self.quotes.get(source.at) or ""
        words = typed or (source.zh, source.en)[language]
        return (f"“{words}”" if quoted and (typed or source.typed) else words) + source.noted[language]


def answered(text: str | None) -> str | None:
    """A text of the form, unless it says that nobody knows."""
    return None if not text or not_known(text) else text


def form_source(name: str, value: Any) -> Source:
    """A field of the form, in both languages."""
    if isinstance(value, bool):
        return Source(name, *(("是", "yes") if value else ("否", "no")))
    text = f"{value:g}" if isinstance(value, int | float) else str(value or "")
    return Source(name, text, _ENGLISH.get(text, text), typed=isinstance(value, str))


_ENGLISH = dict.fromkeys(NONE, "none")


def row_source(kind: str, name: str, column: str, value: Any = None) -> Source:
    """``主机 h-2: 128``: a cell of a technical sheet."""
    zh, en = ROWS[kind]
    said = form_source("", value)
    in_zh, in_en = (f"{word} {name}" + (f": {text}" if text else "") for word, text in ((zh, said.zh), (en, said.en)))
    return Source(f"{kind}/{name}/{column}", in_zh, in_en)


def size_source(name: str, gigabytes: float) -> Source:
    """A size as people say it: ``300 TB``, ``40 GB``."""
    text = f"{gigabytes / 1024:g} TB" if gigabytes >= 1024 and (gigabytes / 1024 * 100).is_integer() else f"{gigabytes:g} GB"
    return Source(name, text, text)


def field_of(policy: Policy, fact: str) -> str:
    """The inventory's field behind a fact."""
    known = policy.facts.get(fact)
    return (known.of if known else "") or fact


def field_words(name: str) -> tuple[str, str]:
    """What the form calls a field, Chinese and English; a column that nobody knows by its own header."""
    from orchestrator.inventory.forms import forms

    column = next((column for column in forms()["systems"].columns if column.field == name), None)
    return (column.zh, column.en) if column else (name, name)


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
