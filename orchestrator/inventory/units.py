"""Units that people write, by the kind of column: which ones it knows, and what a header's bracket says."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping

from orchestrator.inventory.forms import Column

SIZES = {"p": 1024.0**2, "t": 1024.0, "g": 1.0, "m": 1 / 1024, "k": 1 / 1024**2} | {"兆": 1 / 1024, "b": 1 / 1024**3}
SIZES |= {f"{letter}{end}": SIZES[letter] for letter in "ptgmk" for end in ("b", "ib")}
"""In GB."""
DURATIONS = (
    dict.fromkeys(("天", "日", "d", "day", "days"), 1440.0)
    | dict.fromkeys(("小时", "个小时", "h", "hr", "hrs", "hour", "hours"), 60.0)
    | dict.fromkeys(("分", "分钟", "m", "min", "mins", "minute", "minutes"), 1.0)
    | dict.fromkeys(("秒", "秒钟", "s", "sec", "second", "seconds"), 1 / 60)
)
"""In minutes."""
CORES = dict.fromkeys(("核", "核心", "个核", "c", "core", "cores", "vcpu", "vcpus", "核数", "总核数", "核心数"), 1.0)
THINGS = dict.fromkeys(("台", "套", "个", "台套", "台/套", "台数", "servers"), 1.0)
PEOPLE = {"人": 1.0, "名": 1.0, "个": 1.0, "户": 1.0, "家": 1.0, "位": 1.0, "人次": 1.0, "用户": 1.0, "个用户": 1.0, "users": 1.0}
PEOPLE |= {f"{many}{who}": factor for many, factor in (("万", 1e4), ("千", 1e3), ("百", 100.0)) for who in ("", *PEOPLE)}
MONEY = {"万元": 1.0, "万": 1.0, "元": 1e-4, "千元": 0.1, "亿元": 1e4, "万元/年": 1.0, "元/年": 1e-4}
"""In 万元."""
_OWN = {"秒": ("秒", "秒钟", "s", "sec", "seconds"), "毫秒": ("毫秒", "ms"), "分钟": ("分", "分钟", "min", "minutes")}
"""Columns of plain numbers whose header says their unit."""

_BRACKET = re.compile(r"[(\[【<]([^)\]】>]*)[)\]】>]")
_OF_CORES = re.compile(r"vcpu|核")
"""A header that counts cores, and no processors, in whatever unit."""
_LEAD = re.compile(r"^(?:请?填写?|计量|计算|数据)?单位\s*[::]?\s*")
_SILENT = {
    "必填", "必填项", "选填", "选填项", "可选", "可不填", "如有", "数字", "填数字", "整数",
    "估算", "预估", "估计", "约", "合计", "总计", "总量", "总数", "总", "个数", "数量", "现有", "已用", "已使用", "单次", "每次", "最长",
    "required", "optional", "number", "total",
}  # fmt: skip
"""Remarks in a header's bracket that say nothing of a unit."""


def known_units(column: Column) -> Mapping[str, float]:
    """Unit (small letters) → what one of it is in the column's own; empty for a column that measures nothing."""
    if column.type == "minutes":
        return DURATIONS | {"时": 60.0}
    measured = {"size": SIZES, "cores": CORES, "count": THINGS, "people": PEOPLE, "money": MONEY}.get(column.type)
    return measured if measured is not None else dict.fromkeys(_OWN.get(column.unit, ()), 1.0)


def unit_said(column: Column, text: str) -> str:
    """The unit when the text is nothing but one, in brackets or not: ``TB``, ``(TB)``, ``单位：TB``; else empty."""
    said = _LEAD.sub("", _normal(text).strip("()[]【】<> "))
    return said if said in known_units(column) else ""


def is_unit(text: str) -> bool:
    """Whether the text is in the form of a unit that stands alone, known or not: ``(万条)``, ``单位：万条``."""
    return bool(re.fullmatch(r"[(\[【<][^)\]】>]{1,20}[)\]】>]|(?:计量)?单位\s*[::].{1,10}", _normal(text).strip()))


_MEASURE = re.compile(
    r"[千万百亿]?元|人民币|美元|[万千]?[台个套项条人次户家位名块颗路张]|台套|天|小时|分钟?|秒|毫秒|v?核|核[数心]|vcpus?|[kmgtp]i?b?|[kmgt]?bps|兆|%"
    r"|[、,/;()]", re.IGNORECASE
)  # fmt: skip


def is_measure(text: str) -> bool:
    """Whether the text is a unit that stands alone without brackets, whatever column it is of: GB, 核, 万条, 台/套."""
    said = _normal(text).strip()
    return 0 < len(said) <= 10 and not _MEASURE.sub("", said) and any(map(str.isalnum, said))


def header_unit(column: Column, header: str, group: str = "") -> str | None:
    """The unit that a column's header, or the group above it, says. Empty: none is said. None: what is said is no unit of this column."""
    if not known_units(column):
        return ""
    for words, own in ((header, True), (group, False)):
        found: list[str] = []
        for bracket in _BRACKET.findall(_normal(words)):
            said = "核" if column.type == "cores" and bracket == "个" and _OF_CORES.search(_normal(words)) else _in_bracket(column, bracket)
            if said is None and (own or "单位" in bracket):
                return None
            found += [said] if said else []
        if found:
            return found[0] if len({known_units(column)[said] for said in found}) == 1 else None
    return ""


def _in_bracket(column: Column, bracket: str) -> str | None:
    said = _LEAD.sub("", bracket.strip())
    known = known_units(column)
    if said in known:
        return said
    parts = [_LEAD.sub("", part.strip()) for part in re.split(r"[,;、。:\s]+", said) if part.strip()]
    units = [part for part in parts if part in known]
    if len(units) == 1 and not any("/" in part or "每" in part or "单位" in part for part in parts):
        return units[0]
    return "" if all(part in _SILENT for part in parts) else None


def _normal(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold()
