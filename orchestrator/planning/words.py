"""Names and units of capacities for people, and reasons in both languages."""

from __future__ import annotations

import re
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


_RULE_ZH = {
    "outside service hours": "避开服务时间", "default windows of the programme": "本项目默认窗口", "daily": "每天", "workday": "工作日", "weekend": "周末",
    "holiday": "节假日", "mon": "周一", "tue": "周二", "wed": "周三", "thu": "周四", "fri": "周五", "sat": "周六", "sun": "周日", "and": "且",
}  # fmt: skip
_RULE_WORD = re.compile(r"\b(" + "|".join(_RULE_ZH) + r")\b")


def window_rule(text: str, lang: str) -> str:
    """A window's rule, e.g. ``weekend 20:00-23:00``, in a reader's language."""
    return _RULE_WORD.sub(lambda word: _RULE_ZH[word[1]], text) if lang == "zh" else text
