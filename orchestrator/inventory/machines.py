"""Machines as people write them in one cell: ``4C8G``, ``3台虚拟机``, ``物理机2台、虚拟机3台``."""

from __future__ import annotations

import re
from typing import Any

from orchestrator.inventory.cells import Value, folded, plain
from orchestrator.inventory.units import SIZES
from orchestrator.texts import say

_AMOUNT = r"(\d{1,7}(?:\.\d+)?)"
_BYTES = r"(t|g|m)i?b?"
_VIRTUAL = r"(?:虚拟机|虚拟服务器|云主机|云服务器|虚机|vm|虚拟)"
_PHYSICAL = r"(?:物理机|物理服务器|实体机|物理)"
_OTHER = r"(?:pc服务器|机架式?服务器|服务器|主机|小型机|刀片|刀片服务器|应用服务器|数据库服务器|web服务器)"
_WHAT = rf"(?:{_VIRTUAL}|{_PHYSICAL}|{_OTHER})"
_SIZE = re.compile(
    rf"(?:(?P<each>\d{{1,4}})台(?:{_WHAT})?[,;::]?(?:每台|单台|均为|各|配置)[::]?)?(?:cpu[::]?)?(\d{{1,4}})(?:c|核|vcpus?|核cpu|个?核心)(?:/?\d{{1,4}}(?:线程|t))?(?:cpu)?[,/、+*x×]?(?:内存[::]?)?{_AMOUNT}{_BYTES}(?:内存|ram)?"
    rf"(?:[,/、+]?(?:硬盘|磁盘|存储)?[::]?{_AMOUNT}{_BYTES}(?:硬盘|磁盘|存储|hdd|ssd)?)?(?:[*x×](\d{{1,4}})台?)?",
    re.IGNORECASE,
)
_FLAVOUR = re.compile(r"(?<![^|,;、(])[a-z][a-z0-9-]*(?:\.[a-z0-9-]+)+(?![^|,;、)])")
"""s6.xlarge.2 beside what it is made of: a cloud's own name for it."""
_DIGITS = {"一": 1, "二": 2, "两": 2, "三": 3, "四": 4, "五": 5, "六": 6, "七": 7, "八": 8, "九": 9, "十": 10}
_ONE = re.compile(rf"(?:(?P<before>{_WHAT})[::]?)?(?P<number>\d{{1,5}}|[一二两三四五六七八九十])(?:台套|台|套|个)?\(?(?P<after>{_WHAT})?\)?", re.IGNORECASE)


def machine_size(raw: str) -> Value | None:
    """``4C8G``, ``8核/16G/500G×3``, ``2台，每台8核、16G内存``: the cores, and what it says of memory, disk and number beside. None when it is no such text."""
    found = _SIZE.fullmatch(folded(plain(raw))) or _SIZE.fullmatch(re.sub(r"\|+", ",", _FLAVOUR.sub("", folded(plain(raw)))).strip(",|;、()"))
    if found is None:
        return None
    each, cores, memory, memory_unit, disk, disk_unit, number = found.groups()
    if each and number:
        return None
    number = each or number
    times = int(number or 1)
    also: dict[str, Any] = {"memory_gb": round(float(memory) * SIZES[memory_unit] * times, 6)}
    if disk:
        also["storage_gb"] = round(float(disk) * SIZES[disk_unit] * times, 6)
    if number:
        also["servers"] = times
    size: dict[str, float] = {"cores": int(cores) * times, "memory": also["memory_gb"]}
    said = say("inventory.machine_with_disk", **size, disk=also["storage_gb"]) if disk else say("inventory.machine", **size)
    return Value(float(int(cores) * times), said, also)


def machines_said(raw: str) -> tuple[Any, bool | None]:
    """How many machines a text that names their kind speaks of, all kinds together; the text itself where it is another.

    Second: whether all of them are virtual, or none; None where that is not said.
    """
    text = folded(plain(raw))
    total, kinds = 0, set()
    for part in re.split(r"[,、;+/]|和|及", text):
        one = _ONE.fullmatch(part)
        if one is None or (one["before"] and one["after"]):
            return raw, None
        total += _DIGITS.get(one["number"]) or int(one["number"])
        what = one["before"] or one["after"] or ""
        kinds.add(True if re.fullmatch(_VIRTUAL, what) else False if re.fullmatch(_PHYSICAL, what) else None)
    if text.isdigit():
        return raw, None
    return f"{total}台", kinds.pop() if len(kinds) == 1 else None
