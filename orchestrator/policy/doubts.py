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
from orchestrator.texts import Name, Sentence, say

TOLERANCE = 1.1
"""Sums that differ by less than a tenth are rounding."""
_CLUSTER = re.compile(r"(?<![a-z])rac(?![a-z])|共享存储", re.IGNORECASE)
_LABELS = {"os": Name("操作系统", "operating system"), "processor": Name("处理器架构", "processor")}
_HOSTS, _DATABASES = Name("主机", "hosts"), Name("数据库", "databases")


def with_doubts(reading: Reading, policy: Policy) -> Reading:
    """The reading with these warnings after its own findings."""
    words, reader = Words(policy), FactReader(policy, reading.inventory)
    found: list[Finding] = []
    for system in reading.inventory.systems:
        places: Mapping[str, str] = reading.places.get(system.id, {})
        remarks = doubts_of(system, policy, reader.facts_of(system)) if mentions(system, policy) else []
        found += _of_system(system, words, places, remarks)
    return replace(reading, findings=[*reading.findings, *found])


def _of_system(system: System, words: Words, places: Mapping[str, str], remarks: list[Doubt]) -> Iterator[Finding]:
    def tell(code: str, at: str, says: Sentence, mend: Sentence) -> Finding:
        *file, cell = places.get(at, "").split(" › ")
        return Finding(
            code, "warning", says, mend, file=file[0] if file else "", sheet=" › ".join(file[1:]), cell=cell, system=system.id
        )

    for at, field, part in _unread(system, words):
        yield tell(f"{field}-unread", at, say("policy.text_unread", label=_LABELS[field], text=part[:60]), say("policy.usual_name"))
    for at, form, sheet in _disagreeing(system, words):
        yield tell("facts-disagree", at, say("policy.facts_disagree", form=form, sheet=sheet), say("policy.correct_one"))
    for doubt in remarks:
        if doubt.field != "dbms" or system.shared_storage_cluster is None:  # else it was told above
            yield tell(
                "remark-doubt",
                doubt.field,
                say("policy.remark_doubt", label=Name(doubt.label_zh, doubt.label_en), quote=doubt.quote, doubt=Name(doubt.zh, doubt.en)),
                say("policy.answer_in_column"),
            )


def _unread(system: System, words: Words) -> Iterator[tuple[str, str, str]]:
    for field in ("os", "processor"):
        texts = [(field, getattr(system, field)), *((f"hosts/{host.name}/{field}", getattr(host, field)) for host in system.hosts)]
        told: set[str] = set()
        for at, text in texts:
            if answered(text) and text not in told:
                told.add(text)
                yield from ((at, field, part) for part in words.families(field if field == "processor" else "os_family", text).unread)


def _disagreeing(system: System, words: Words) -> Iterator[tuple[str, Sentence, Sentence]]:
    """(field of the form, what it says, what contradicts it)."""
    if system.special_equipment is False and system.devices:
        yield "special_equipment", say("policy.no_equipment"), _rows("devices", (device.name for device in system.devices))
    dbms = answered(system.dbms)
    form = words.engines(dbms) if dbms else None
    if form and not form.open:
        others = [base for base in system.databases if not set(words.engines(base.engine).known) <= set(form.known)]
        if others:
            yield "dbms", say("policy.database_is", dbms=system.dbms or ""), _rows("databases", (f"{base.name}: {base.engine}" for base in others))
    cluster = "shared_storage_cluster"
    if system.shared_storage_cluster is False:
        clustered = [base.name for base in system.databases if base.shared_storage_cluster]
        if clustered:
            yield cluster, say("policy.no_cluster"), say("policy.is_cluster", what=_rows("databases", clustered))
        elif dbms and _CLUSTER.search(unicodedata.normalize("NFKC", dbms)):
            yield cluster, say("policy.no_cluster"), say("policy.is_cluster", what=f"“{dbms}”")
    elif system.shared_storage_cluster and system.databases and all(base.shared_storage_cluster is False for base in system.databases):
        yield cluster, say("policy.cluster"), say("policy.no_database_is")
    if system.servers is not None and len(system.hosts) > system.servers:
        yield "servers", say("policy.servers", count=system.servers), say("policy.hosts", count=len(system.hosts))
    for field, what, unit in (("vcpus", Name("CPU", "CPU"), Name("核", "cores")), ("memory_gb", Name("内存", "memory"), Name("GB", "GB"))):
        sizes = [getattr(host, field) for host in system.hosts]
        complete = bool(sizes) and None not in sizes and len(sizes) == system.servers
        yield from _sums(field, what, unit, getattr(system, field), sizes, _HOSTS, complete=complete)
    bases = [base.size_gb for base in system.databases]
    yield from _sums("data_gb", Name("数据量", "data"), Name("GB", "GB"), system.data_gb, bases, _DATABASES, complete=False)


def _sums(
    field: str, what: Name, unit: Name, total: float | None, parts: list[float | None], of: Name, *, complete: bool
) -> Iterator[tuple[str, Sentence, Sentence]]:
    """A part that is more than the whole; where all parts are known, also one that is less."""
    known = float(sum(part for part in parts if part is not None))
    if total is not None and known and (known > total * TOLERANCE or (complete and total > known * TOLERANCE)):
        yield field, say("policy.amount", what=what, amount=total, unit=unit), say("policy.sum_of", of=of, amount=known, unit=unit)


def _rows(kind: str, names: Iterable[str]) -> Sentence:
    return say("policy.rows", kind=Name(*ROWS[kind]), names=tuple(names))
