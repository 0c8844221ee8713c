"""建设状态 with more in it than a status: 拟停用 is in use and to be retired, 2015年建成 says since when."""

from __future__ import annotations

import datetime as dt
import re
from typing import Any

from orchestrator.inventory.cells import Unreadable
from orchestrator.inventory.dates import when

_ENDS = r"(?:停用|下线|报废|废弃|停止使用|停止运行|停运|关停|淘汰|退役|被?替代|被?替换|撤销)"
_NOW = r"在用|正在使用|使用中|正常|正常运行|运行中|已建|已建成"
_INTENDED = r"(?:拟|即将|将|待|计划|准备|预计)"
_RETIRING = re.compile(rf"(?=.*{_INTENDED})(?:{_NOW})?[,、;(]?(?:{_INTENDED}|近期|[\d年月底前内于])+{_ENDS}[)]?")
_DATED = re.compile(r"(?:19|20)\d{2}")


def status_said(text: str) -> tuple[str | None, dict[str, Any]]:
    """A system that is to be retired is in use until it is."""
    return ("in_use", {"retiring": True, **(_date("planned_end", text) if _DATED.search(text) else {})}) if _RETIRING.fullmatch(text) else (None, {})


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
