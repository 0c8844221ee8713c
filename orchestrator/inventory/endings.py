"""是否拟停用, and what a clearing list decides of a system (清理意见): to be switched off, to stay, or gone already."""

from __future__ import annotations

import datetime as dt
import re
from typing import Any

from orchestrator.inventory.answers import yes_no
from orchestrator.inventory.cells import Unreadable, Value, folded, plain
from orchestrator.inventory.dates import when
from orchestrator.inventory.statuses import ENDS
from orchestrator.texts import say

STAYS, TO_RETIRE, RETIRED = "保留", "拟停用", "已停用"
ENDINGS = (STAYS, TO_RETIRE, RETIRED)
"""What may be answered where a word is asked about."""
_ENDS = rf"(?:{ENDS}|取消|退出|清除|清退|撤除|拆除|停止服务|停机|弃用)(?:下线|退出|停用|撤销|注销|系统|处理|并注销)*"
_TO_END = re.compile(rf"(?:(?:是的?|有)[,、;(]*)?(?:建议|应当?|予以|限期|尽快|逐步|立即|直接|拟|计划|准备|即将|将|待|预计|按期|申请|同意|需)*{_ENDS}(?:类|类系统)?")
_ENDED = re.compile(rf"(?:已经?|均已|现已){_ENDS}")
_STAYS = re.compile(
    rf"(?:建议|拟|予以|应当?|同意|需|可)*(?:继续|暂时?|近期|单独|长期|整体)?(?:保留|使用|运行|沿用|续用|留用|保留使用|保留运行|维持(?:现状)?|不变|不拟?{ENDS}|不拟?停|(?:保留(?:并|后))?(?:迁移)?上云|(?:保留(?:并|后))?迁云"
    r"|(?:保留(?:并|后))?(?:升级|改造|升级改造|优化|完善|扩容|提升|优化提升|迭代))(?:类|类系统)?"
)
_DATE = re.compile(
    r"[(,;、]?(?:于|在|至|到|截至)?(?:19|20)\d{2}(?:年度?|[./-])(?:\d{1,2}(?:月份?|[./-]\d{1,2})?)?(?:\d{1,2}[日号])?"
    r"(?:年?底|年?末|上半年|下半年|中旬|上旬|下旬)?(?:之?前|左右|完成)?[)]?"
)


def ending(raw: Any, today: dt.date | None = None) -> Value:
    """Whether a system is to be switched off; also by when (``是，2027年6月``, ``2027年底前关停``), and that it is off (``已关停``)."""
    if isinstance(raw, dt.date):
        return _by_date(str(raw))
    text = folded(plain(raw))
    dates = list(_DATE.finditer(text))
    rest = (text[: dates[0].start()] + text[dates[0].end() :]).strip(",;、()。") if len(dates) == 1 else text
    if dates and not rest:
        return _by_date(text)
    date = dates[0][0] if len(dates) == 1 else ""
    if _ENDED.fullmatch(rest):
        return Value(True, say("inventory.already_off"), {"status": "retired"})
    if _TO_END.fullmatch(rest) or (date and rest in {"是", "是的", "有", "y", "yes"}):
        return _by_date(date) if date else Value(True, say("inventory.to_retire"))
    if _STAYS.fullmatch(rest) and not date:
        return Value(False, say("inventory.stays"))
    try:
        return yes_no(raw, today)
    except Unreadable:
        raise Unreadable(say("inventory.form_ending", choices=ENDINGS)) from None


def _by_date(text: str) -> Value:
    """A date alone under the question is by when."""
    date = when(text.strip(",;、()。")).value
    return Value(True, say("inventory.to_retire_by", date=date), {"planned_end": date})
