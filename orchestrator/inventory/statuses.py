"""建设状态 with more in it than a status: 拟停用 is in use and to be retired, 2015年建成 says since when, 已迁至省平台 where it runs now."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable
from typing import Any

from orchestrator.inventory.cells import Unreadable
from orchestrator.inventory.dates import when
from orchestrator.texts import Name

TO_RETIRE, MOVED_UP = Name("拟停用", "拟停用"), Name("已迁至上级平台", "已迁至上级平台")
FURTHER = (TO_RETIRE, MOVED_UP)
"""Answers under 建设状态 that say more than a status."""
ENDS = r"(?:停用|下线|报废|废弃|废止|停止使用|停止运行|停运|关停|关闭|淘汰|退役|注销|被?替代|被?替换|撤销)"
_NOW = r"在用|正在使用|使用中|正常|正常运行|运行中|已建|已建成"
INTENDED = r"(?:拟|即将|将|待|计划|准备|预计)"
_RETIRING = re.compile(rf"(?=.*{INTENDED})(?:{_NOW})?[,、;(]?(?:{INTENDED}|近期|[\d年月底前内于])+{ENDS}[)]?")
_MOVED = re.compile(
    rf"(?:{_NOW})?[,、;(]*(?:[\d年月日底于]+)?已经?(?:完成|整体|全部|统一)*(?:迁移|搬迁|迁|集约化?|割接|部署|上)(?:至|到|在|于|入|往)?(?P<place>.{{2,30}}?)[)]?"
)
_DATED = re.compile(r"(?:19|20)\d{2}")


def status_said(text: str, runs_at: Callable[[str], str | None]) -> tuple[str | None, dict[str, Any]]:
    """A system that is to be retired is in use until it is; one that went elsewhere is in use there. ``runs_at``: what a place is, where nothing
    of the system stands in a room of its own."""
    if _RETIRING.fullmatch(text):
        return "in_use", {"retiring": True, **(_date("planned_end", text) if _DATED.search(text) else {})}
    moved = _MOVED.fullmatch(text)
    place = runs_at(moved["place"]) if moved else None
    return ("in_use", {"runs_at": place}) if place else (None, {})


def status_by_date(text: str, value: str, today: dt.date | None) -> tuple[str | None, dict[str, Any]]:
    """What a date beside a status says of it. ``2015年建成``: since when; ``2026年底停用``: until when, as seen from ``today``."""
    if not _DATED.search(text):
        return value, {}
    if value == "in_use":
        return value, _date("in_service_since", text)
    if value != "retired":
        return value, {}
    planned = _date("planned_end", text)
    if not planned or today is None:
        return None, {}
    if str(planned["planned_end"]) < today.isoformat()[: len(str(planned["planned_end"]))]:
        return value, {}
    return (None, {}) if today.isoformat().startswith(str(planned["planned_end"])) else ("in_use", {"retiring": True, **planned})


def _date(field: str, text: str) -> dict[str, Any]:
    try:
        return {field: when(re.sub(rf"^(?:{_NOW})?[,、;(]?|[)]$", "", text)).value}
    except Unreadable:
        return {}
