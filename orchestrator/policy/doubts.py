"""Warnings about what a policy makes of an inventory: texts that it does not understand, and answers of the form that a technical sheet contradicts.

Nothing is settled here: facts take the worse of two answers, what is not understood is open, a remark only raises a doubt. A department is told
at its cell.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from orchestrator.errors import Finding
from orchestrator.inventory.reading import Reading
from orchestrator.models import System
from orchestrator.policy.facts import ROWS, answered
from orchestrator.policy.policy import Policy
from orchestrator.policy.reader import FactReader
from orchestrator.policy.remarks import Doubt, doubts_of, mentions
from orchestrator.policy.words import Words

TOLERANCE = 1.1
"""Sums that differ by less than a tenth are rounding."""
_CLUSTER = re.compile(r"(?<![a-z])rac(?![a-z])|共享存储", re.IGNORECASE)
_LABELS = {
    "os": ("操作系统", "operating system"),
    "processor": ("处理器架构", "processor"),
}


def with_doubts(reading: Reading, policy: Policy) -> Reading:
    """The reading with these warnings after its own findings."""
    words, reader = Words(policy), FactReader(policy, reading.inventory)
    found: list[Finding] = []
    for system in reading.inventory.systems:
        places = reading.places.get(system.id, {})
        remarks = doubts_of(system, policy, reader.facts_of(system)) if mentions(system, policy) else []
        found += _of_system(system, words, places, remarks)
    return replace(reading, findings=[*reading.findings, *found])


def _of_system(system: System, words: Words, places: Mapping[str, str], remarks: list[Doubt]) -> Iterator[Finding]:
    def tell(code: str, at: str, message: str, remedy: str) -> Finding:
        *file, cell = places.get(at, "").split(" › ")
        return Finding(
            code, "warning", message, remedy, file=file[0] if file else "", sheet=" › ".join(file[1:]), cell=cell, system=system.id
        )

    for at, field, part in _unread(system, words):
        zh, en = _LABELS[field]
        yield tell(
            f"{field}-unread",
            at,
            f"{zh}无法识别：“{part[:60]}”，判定时按未填写处理 ({en} not understood; taken as not answered)",
            "填写通用名称和版本，如 CentOS 7、x86_64；确有此名的，请补入策略的 synonyms (give its usual name, or add it to the policy's synonyms)",
        )
    for at, form, sheet in _disagreeing(system, words):
        yield tell(
            "facts-disagree",
            at,
            f"统计表与技术表不一致：{form}；{sheet}。判定时从严 (the form and the technical sheet disagree; the worse answer is taken)",
            "核对后更正其中一处 (check, and correct one of them)",
        )
    for doubt in remarks:
        if doubt.field != "dbms" or system.shared_storage_cluster is None:  # else it was told above
            yield tell(
                "remark-doubt",
                doubt.field,
                f"{doubt.label_zh}写有“{doubt.quote}”：{doubt.zh} ({doubt.en})",
                "核实后在相应的列中填写；判定不以备注为准 (check, and answer it in its column: a remark decides nothing)",
            )


def _unread(system: System, words: Words) -> Iterator[tuple[str, str, str]]:
    for field in ("os", "processor"):
        texts = [(field, getattr(system, field)), *((f"hosts/{host.name}/{field}", getattr(host, field)) for host in system.hosts)]
        told: set[str] = set()
        for at, text in texts:
            if answered(text) and text not in told:
                told.add(text)
                yield from ((at, field, part) for part in words.families(field if field == "processor" else "os_family", text).unread)


def _disagreeing(system: System, words: Words) -> Iterator[tuple[str, str, str]]:
    """(field of the form, what it says, what contradicts it)."""
    if system.special_equipment is False and system.devices:
        yield "special_equipment", "不使用专用设备", _rows("devices", (device.name for device in system.devices))
    dbms = answered(system.dbms)
    form = words.engines(dbms) if dbms else None
    if form and not form.open:
        others = [base for base in system.databases if not set(words.engines(base.engine).known) <= set(form.known)]
        if others:
            yield "dbms", f"数据库为“{system.dbms}”", _rows("databases", (f"{base.name}: {base.engine}" for base in others))
    cluster = "shared_storage_cluster"
    if system.shared_storage_cluster is False:
        clustered = [base.name for base in system.databases if base.shared_storage_cluster]
        if clustered:
            yield cluster, "不是共享存储集群", f"{_rows('databases', clustered)} 为共享存储集群"
        elif dbms and _CLUSTER.search(unicodedata.normalize("NFKC", dbms)):
            yield cluster, "不是共享存储集群", f"“{dbms}”为共享存储集群"
    elif system.shared_storage_cluster and system.databases and all(base.shared_storage_cluster is False for base in system.databases):
        yield cluster, "是共享存储集群", "各数据库都不是"
    if system.servers is not None and len(system.hosts) > system.servers:
        yield "servers", f"服务器 {system.servers} 台", f"列出主机 {len(system.hosts)} 台"
    for field, zh, unit in (("vcpus", "CPU", "核"), ("memory_gb", "内存", " GB")):
        sizes = [getattr(host, field) for host in system.hosts]
        complete = bool(sizes) and None not in sizes and len(sizes) == system.servers
        yield from _sums(field, zh, unit, getattr(system, field), sizes, "主机", complete=complete)
    bases = [base.size_gb for base in system.databases]
    yield from _sums("data_gb", "数据量", " GB", system.data_gb, bases, "数据库", complete=False)


def _sums(
    field: str, zh: str, unit: str, total: float | None, parts: list[float | None], of: str, *, complete: bool
) -> Iterator[tuple[str, str, str]]:
    """A part that is more than the whole; where all parts are known, also one that is less."""
    known = float(sum(part for part in parts if part is not None))
    if total is not None and known and (known > total * TOLERANCE or (complete and total > known * TOLERANCE)):
        yield field, f"{zh} {total:g}{unit}", f"{of}合计 {known:g}{unit}"


def _rows(kind: str, names: Iterable[str]) -> str:
    return f"{ROWS[kind][0]} {'、'.join(names)}"
