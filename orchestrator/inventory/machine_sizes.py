"""What machines have, as people write it in one cell: ``4C8G``, ``2路×16核/128G/2*600G+4T``, ``2台，每台8核、16G内存、500G硬盘``.

A text is taken apart into amounts, labels and separators. Cores come first, then memory, then disks, unless labels say otherwise; anything
else in it, and it is no such text. What has two meanings (``2路16核``) raises ``Ambiguous``, which says what each would be.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from orchestrator.inventory.cells import Ambiguous, Value, plain
from orchestrator.inventory.machines import WHAT
from orchestrator.inventory.numerals import in_digits
from orchestrator.inventory.size_sums import ADDED, FIRST_ONLY
from orchestrator.inventory.units import SIZES
from orchestrator.texts import Sentence, say

EACH_SOCKET, ALL_SOCKETS = "每路", "合计"
BY_DISK, BY_MACHINE = "磁盘块数", "服务器台数"
MANNERS: Mapping[str, tuple[str, ...]] = {"sockets": (EACH_SOCKET, ALL_SOCKETS), "times": (BY_DISK, BY_MACHINE), "parts": (ADDED, FIRST_ONLY)}
"""What has two meanings → the answers."""

_NUMBER = r"\d{1,7}(?:\.\d{1,4})?"
_PIECES = "块盘|个盘|[块条根支张片]"
_ATOMS = re.compile(
    rf"(?P<clock>@?{_NUMBER}[gm]hz)"
    rf"|(?:{WHAT}:?)?(?P<machines>\d{{1,4}})\s*台(?:{WHAT})?"
    r"|(?P<chips>\d{1,2})\s*(?:颗|个(?:物理)?(?:cpu|处理器|芯片))(?:cpu)?"
    r"|(?P<sockets>\d{1,2})\s*(?:路|way|sockets?)(?:cpu)?"
    r"|(?P<cores>\d{1,4})\s*个?(?:核心|核|cores|core|vcpus|vcpu|c|u(?![a-z]))(?:数|cpu|处理器)?"
    r"|(?P<threads>\d{1,4})\s*个?(?:线程|threads|thread)"
    rf"|(?P<amount>{_NUMBER})\s*个?(?P<unit>[tgmp](?:i?b)?|兆)(?:字节)?"
    rf"|(?P<pieces>\d{{1,3}})(?:{_PIECES})"
    rf"|(?P<bare>\d{{1,3}})"
    r"|(?P<times>[*×]|x(?!eon|86))"
    r"|(?P<per_chip>[每单](?:路|颗|个|块)?(?:cpu|处理器)|[每单][路颗])"
    r"|(?P<each>每台|单台|均为|各)"
    r"|(?P<total>总共|总计|合计|一共|共计|共|总)"
    r"|(?P<memory>内存条?|memory|mem|ram|ddr\d?)"
    r"|(?P<disk>(?:系统|数据|[云硬磁块]|本地|固态|机械|高效|高速|普通|共享)*(?:硬盘|云盘|块盘|磁盘|系统盘|数据盘|盘|存储|ssd|hdd|sas|sata|nvme)|disk|storage|raid\d{0,2})"
    r"|(?P<cpu>cpu|中央处理器|处理器|主频)[::]?"
    r"|(?P<maker>(?:intel|xeon|amd|epyc|power|gold|silver|bronze|platinum|kunpeng|phytium|hygon|loongson|鲲鹏|飞腾|海光|龙芯|兆芯|申威|英特尔|至强|arm|x86)(?:\((?:r|tm)\))?"
    r"(?:\s*\d{3,4}[a-z]{0,2}\+?(?![a-z0-9核颗路台线块]))?(?:_64)?|e[357]-\d{4}[lw]?\s*(?:v\d)?)"
    r"|(?P<blank>\s+)|(?P<plus>\+)|(?P<gap>[,/、;:|()\n\r\t。_&和及配置为大小容量约-])",
    re.IGNORECASE,
)
_AROUND = re.compile(r"[^\S\n]*([|,;、/:()+*x×])[^\S\n]*")
_FLAVOUR = re.compile(r"(?<![^|,;、(])(?:[a-z][a-z0-9-]*(?:\.[a-z0-9-]+)+|[a-z]{1,3}\d{1,2}[a-z]{0,3})(?![^|,;、)])")
"""s6.xlarge.2, s6 beside what it is made of: a cloud's own name for it."""
_MOST_MEMORY = 24 * 1024.0
"""GB. More in one machine is no memory."""


@dataclass(frozen=True)
class _Part:
    """An amount with its factor: ``2*600G``, ``16核*2``."""

    kind: str
    amount: float
    factor: int = 1
    said: str = ""
    """What the factor counts, where that is said: ``pieces``, ``sockets``, ``machines``."""
    behind: bool = False
    """Whether the factor stands behind."""
    label: str = ""
    begins: bool = False
    """Whether a separator stands before it."""


@dataclass(frozen=True)
class _Size:
    cores: float = 0.0
    memory: float = 0.0
    disk: float = 0.0
    machines: int = 0
    further: Mapping[str, Any] = field(default_factory=dict)


def machine_size(raw: str, settled: Mapping[str, str] | None = None) -> Value | None:
    """The cores, and what the text says of memory, disk and number beside. None when it is no such text. ``settled``: manner → answer."""
    settled = settled or {}
    text = in_digits(_AROUND.sub(r"\1", plain(raw).casefold()).replace("双路", "2路"))
    for said in dict.fromkeys((text, re.sub(r"\|+", ",", _FLAVOUR.sub("", text)).strip(",|;、()"))):
        atoms = _atoms(said)
        parts = _parts(atoms) if atoms else None
        if parts is None:
            continue
        try:
            size = _sized(parts, {kind for kind, _ in atoms or ()}, settled)
        except _TwoMeanings as two:
            means = {answer: _settle(raw, {**settled, two.manner: answer}) for answer in MANNERS[two.manner]}
            raise Ambiguous(say("inventory.form_cores"), two.manner, means) from None
        if size is not None:
            return _value(size)
    return None


class _TwoMeanings(Exception):
    def __init__(self, manner: str) -> None:
        super().__init__(manner)
        self.manner = manner


def _settle(raw: str, settled: Mapping[str, str]) -> Any:
    return lambda: machine_size(raw, settled)


def _atoms(text: str) -> list[tuple[str, re.Match[str]]] | None:
    """What the text is made of; None where something in it is none of these."""
    atoms: list[tuple[str, re.Match[str]]] = []
    at = 0
    while at < len(text):
        found = _ATOMS.match(text, at)
        if found is None:
            return None
        kind = "amount" if found.lastgroup == "unit" else str(found.lastgroup)
        at = found.end()
        atoms.append((kind, found))
    return atoms


def _parts(atoms: list[tuple[str, re.Match[str]]]) -> list[_Part] | None:
    """Amounts with their factors and labels; None where a factor belongs to nothing."""
    parts: list[_Part] = []
    factor: tuple[int, str] | None = None
    times = begins = parted = False
    label = ""
    for number, (kind, found) in enumerate(atoms):
        if times and parts and factor is None and (kind in {"pieces", "bare", "machines"} or (kind in {"sockets", "chips"} and parts[-1].kind == "cores")):
            parts[-1] = replace(parts[-1], factor=int(found[kind]), said=kind, behind=True)
            times = False
        elif kind in {"pieces", "bare"}:
            factor = (int(found[kind]), kind)
        elif kind == "times":
            if times:
                return None
            times = True
        elif kind in {"sockets", "chips", "machines", "cores", "threads", "amount"}:
            if factor is not None and factor[1] == "bare" and not times:
                return None
            amount = float(found[kind]) * (SIZES[found["unit"]] if kind == "amount" else 1.0)
            before = parts[-1].kind if parts and times and factor is None and kind == "cores" else ""
            if times and factor is None and before not in {"sockets", "chips", "machines"}:
                return None
            parts.append(_Part(kind, amount, factor[0] if factor else 1, before or (factor[1] if factor else ""), label=label, begins=begins))
            factor, times, label, begins, parted = None, False, "", False, False
        elif kind in {"memory", "disk"}:
            leads = atoms[number - 1][0] == "blank" and number + 1 < len(atoms) and atoms[number + 1][0] in {"amount", "bare", "pieces"}  # 64G 系统盘100G
            if parts and parts[-1].kind == "amount" and not parts[-1].label and not parted and not leads:
                parts[-1] = replace(parts[-1], label=kind)  # 16G内存500G硬盘
            else:
                label = kind
        elif kind in {"gap", "plus"}:
            begins, parted = begins or kind == "gap", True
    return None if times or factor is not None else parts


def _sized(parts: list[_Part], said: set[str], settled: Mapping[str, str]) -> _Size | None:
    by_kind = {kind: [part for part in parts if part.kind == kind] for kind in ("machines", "sockets", "chips", "cores", "threads", "amount")}
    chips = [*by_kind["chips"], *by_kind["sockets"]]
    if len(by_kind["cores"]) != 1 or any(len(of) > 1 for of in (by_kind["machines"], chips, by_kind["threads"])):
        return None
    core = by_kind["cores"][0]
    memory, disks = _shared_out([part for part in by_kind["amount"] if not _is_threads(part, core, by_kind["amount"])])
    if len(parts) == 1 or (memory is not None and _is_no_memory(memory, core)):
        return None
    cores = _cores(core, chips, by_kind["threads"], said, settled)
    machines = int(by_kind["machines"][0].amount) if by_kind["machines"] else 0
    last = parts[-1]
    if last.kind == "amount" and last.behind and _counts_machines(last, memory, disks, settled):
        if machines:
            return None
        machines = last.factor
        memory = replace(last, factor=1) if last is memory else memory
        disks = [replace(disk, factor=1) if disk is last else disk for disk in disks]
    each = 1 if "total" in said else max(machines, 1)
    return _Size(
        cores * each, (memory.amount * memory.factor if memory else 0.0) * each, sum(disk.amount * disk.factor for disk in disks) * each, machines
    )  # fmt: skip


def _is_threads(part: _Part, cores: _Part, amounts: list[_Part]) -> bool:
    """The 32T of ``16核/32T/64G``."""
    return part is amounts[0] and len(amounts) > 1 and not part.label and part.amount in {cores.amount * 1024, cores.amount * 2048}


def _is_no_memory(memory: _Part, cores: _Part) -> bool:
    """Of ``8核16T`` nobody knows what it is: threads, or a disk."""
    return memory.amount * memory.factor > _MOST_MEMORY or (not memory.label and memory.amount in {cores.amount * 1024, cores.amount * 2048})


def _cores(cores: _Part, chips: list[_Part], threads: list[_Part], said: set[str], settled: Mapping[str, str]) -> float:
    """``2路×16核``, ``2颗16核``, ``每路16核`` are 32. Raises ``_TwoMeanings`` for ``2路16核``."""
    number = int(chips[0].amount) if chips else 1
    if cores.factor > 1 or number == 1:
        return cores.amount * cores.factor
    if "total" in said:
        return cores.amount
    two_threads_each = bool(threads) and threads[0].amount == 2 * cores.amount * number
    if two_threads_each or "per_chip" in said or cores.said in {"sockets", "chips"} or chips[0].kind == "chips":
        return cores.amount * number
    answer = settled.get("sockets")
    if answer is None:
        raise _TwoMeanings("sockets")
    return cores.amount * (number if answer == EACH_SOCKET else 1)


def _shared_out(amounts: list[_Part]) -> tuple[_Part | None, list[_Part]]:
    """Which amount is the memory, and which are disks: by their labels, else the first is memory."""
    labelled = next((part for part in amounts if part.label == "memory"), None)
    memory = labelled or next((part for part in amounts if not part.label), None)
    return memory, [part for part in amounts if part is not memory]


def _counts_machines(last: _Part, memory: _Part | None, disks: list[_Part], settled: Mapping[str, str]) -> bool:
    """Whether a factor at the end counts machines (``4C8G*3``), not disks (``2T*4块``). Raises ``_TwoMeanings`` for ``8核/16G/500G×3``."""
    if last.said in {"machines", "pieces"} or last.factor == 1:
        return last.said == "machines"
    if last is memory:
        return True
    if len(disks) > 1 or any(disk.factor > 1 for disk in disks if disk is not last):
        return False
    if not last.begins:
        return True
    answer = settled.get("times")
    if answer is None:
        raise _TwoMeanings("times")
    return answer == BY_MACHINE


def _value(size: _Size) -> Value:
    also: dict[str, Any] = {}
    if size.memory:
        also["memory_gb"] = round(size.memory, 6)
    if size.disk:
        also["storage_gb"] = round(size.disk, 6)
    if size.machines:
        also["servers"] = size.machines
    return Value(float(size.cores), _said(int(size.cores), also), also)


def _said(cores: int, also: Mapping[str, Any]) -> Sentence:
    if "memory_gb" not in also:
        return say("inventory.machine_of_disk", cores=cores, disk=also["storage_gb"]) if "storage_gb" in also else say("inventory.machine_of_cores", cores=cores)
    if "storage_gb" not in also:
        return say("inventory.machine", cores=cores, memory=also["memory_gb"])
    return say("inventory.machine_with_disk", cores=cores, memory=also["memory_gb"], disk=also["storage_gb"])
