"""Names and units of capacities for people, and reasons in both languages."""

from __future__ import annotations

from collections.abc import Sequence

from orchestrator.models import Reason
from orchestrator.texts import Name, Sentence, Value

_CAPACITIES = {
    "wave": Name("每周割接总数", "cutovers a week"),
    "replication": Name("复制带宽", "replication bandwidth"),
    "cloud:vcpus": Name("云平台 CPU", "cloud vCPUs"),
    "cloud:memory_gb": Name("云平台内存", "cloud memory"),
    "cloud:storage_gb": Name("云平台存储", "cloud storage"),
    "window": Name("割接窗口", "cutover window"),
}
_UNITS = {
    "wave": Name("个系统", "systems"),
    "department": Name("个系统", "systems"),
    "skill": Name("班组周", "team-weeks"),
    "replication": Name("GB", "GB"),
}


def capacity_name(name: str) -> Name:
    """A capacity in words: ``skill:db`` → ``team of db`` / ``db 班组``."""
    if name in _CAPACITIES:
        return _CAPACITIES[name]
    kind, _, rest = name.partition(":")
    if kind == "skill":
        return Name(f"{rest} 班组", f"team of {rest}")
    return Name(f"单位 {rest} 每周割接数", f"cutovers a week of {rest}")


def unit_of(name: str) -> Name:
    """What a capacity is counted in, week by week."""
    return _UNITS[name.partition(":")[0]]


def in_units(name: str, amount: float) -> float:
    """An amount as planning counts it (teams in tenths), in the unit that people count it in."""
    return amount / 10 if name.startswith("skill:") else amount


def some_of(things: Sequence[Value], most: int) -> tuple[Value, ...]:
    """The first of these, and a sign that there are more."""
    return (*things[:most], "…") if len(things) > most else tuple(things)


NAMED = 12
"""Systems of a group that are named: what is said of a group is kept for each of its members, and a cycle may have thousands."""


def named(ids: Sequence[str]) -> str:
    """The systems of a group, as one text."""
    more = f", … (+{len(ids) - NAMED})" if len(ids) > NAMED else ""
    return ", ".join(ids[:NAMED]) + more


def reason(rule: str, says: Sentence, *, source: str = "", fact: str = "") -> Reason:
    """The rule that spoke, with its words in both languages: a plan holds both."""
    return Reason(rule=rule, source=source, fact=fact, zh=says.spoken("zh"), en=says.spoken("en"))
