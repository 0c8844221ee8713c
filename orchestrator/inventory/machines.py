"""How many machines there are, as people write it in one cell: ``3台虚拟机``, ``物理机2台、虚拟机3台``."""

from __future__ import annotations

import re
from typing import Any

from orchestrator.inventory.cells import folded, plain

_VIRTUAL = r"(?:虚拟机|虚拟服务器|云主机|云服务器|虚机|vm|虚拟)"
_PHYSICAL = r"(?:物理机|物理服务器|实体机|物理)"
_OTHER = r"(?:pc服务器|机架式?服务器|服务器|主机|小型机|刀片|刀片服务器|应用服务器|数据库服务器|web服务器)"
WHAT = rf"(?:{_VIRTUAL}|{_PHYSICAL}|{_OTHER})"
_DIGITS = {"一": 1, "二": 2, "两": 2, "三": 3, "四": 4, "五": 5, "六": 6, "七": 7, "八": 8, "九": 9, "十": 10}
_ONE = re.compile(rf"(?:(?P<before>{WHAT})[::]?)?(?P<number>\d{{1,5}}|[一二两三四五六七八九十])(?:台套|台|套|个)?\(?(?P<after>{WHAT})?\)?", re.IGNORECASE)


def kind_said(raw: str) -> bool | None:
    """Whether machines are virtual, of a text that says what they are and not how many (``虚拟机``, ``应用服务器、物理机``). Raises ``ValueError``
    for any other."""
    parts = re.split(r"[,、;+/]|和|及", folded(plain(raw)))
    if not all(re.fullmatch(WHAT, part) for part in parts):
        raise ValueError(raw)
    kinds = {True if re.fullmatch(_VIRTUAL, part) else False if re.fullmatch(_PHYSICAL, part) else None for part in parts}
    return kinds.pop() if len(kinds) == 1 else None


def says_virtual(header: str) -> bool | None:
    """Whether machines are virtual, by what a list of them calls them: 虚拟机名称, 物理机; None where it does not say, or says both."""
    said = {kind for kind, pattern in ((True, _VIRTUAL), (False, _PHYSICAL)) if re.search(pattern, folded(plain(header)))}
    return said.pop() if len(said) == 1 else None


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
