"""What a wording that was not read probably means: a proposal with its evidence, for a person to confirm."""

from __future__ import annotations

import re
from typing import Any

from orchestrator.inventory.cells import Unreadable, folded, plain, text_of
from orchestrator.inventory.endings import ENDINGS
from orchestrator.inventory.heads import values_hinted
from orchestrator.inventory.places import is_above
from orchestrator.inventory.questions import NO_SYSTEM
from orchestrator.inventory.statuses import ENDS, FURTHER, INTENDED, MOVED_UP, TO_RETIRE
from orchestrator.inventory.values import choices, read_value
from orchestrator.texts import Words, say

_NOT_BUILT = re.compile(r"^(?:拟建|待建|筹建|规划中?|计划建设|未建|尚未建设|立项|招标中?|采购中?)")
_WORKED_ON = re.compile(r"升级|改造|改版|扩容|优化|整改|迁移|迭代|换代|更新|维护|维修|检修|适配|upgrad|refurbish|maintenance|rework")
_THING = re.compile(
    r"(?:服务器|主机|虚拟机|物理机|交换机|路由器|防火墙|存储|磁盘阵列|网络设备|安全设备|硬件|设备|机柜|终端|打印机|中间件|操作系统|数据库实例|实例|负载均衡|链路|"
    r"server|switch|router|firewall|storage|host|vm|virtual machine|network gear)$"
)
_TO_COME = re.compile(r"[,、;。(](?:预计|计划|拟|将|力争|争取).*")
_USED = {"是": "in_use", "否": "retired", "√": "in_use", "×": "retired", "y": "in_use", "n": "retired"}
_SLIPS = str.maketrans({"O": "0", "o": "0", "l": "1", "I": "1", "。": ".", "，": "."})
_RANGE = re.compile(r"(\d+(?:\.\d+)?)\s*(\D{0,3}?)\s*[-~至到]\s*(\d+(?:\.\d+)?)\s*(\D{0,4})")


_TO_COME_TO_AN_END = re.compile(rf"{INTENDED}[^,;。不]{{0,6}}?(?:{ENDS}|停(?!电|车|机))")
_MOVED = re.compile(r"(?:迁移?|搬迁|集约化?|归集|割接|整合|归并|合并|并入|切换|接入)(?:至|到|入|往|于|在)|并入|^已(?:迁|并|上云|整合|集约)")
_NOT_YET = re.compile(r"拟|待|计划|将|准备|预计|规划")


def answers_of(kind: str) -> tuple[str, ...]:
    """What may be answered of a wording in a column of this kind; empty: as the column is filled in."""
    if kind == "ending":
        return ENDINGS
    words = choices().get("runs_at" if kind == "place" else kind, {})
    return (*(listed[0] for listed in words.values()), *(more.zh for more in FURTHER if kind == "status"))


def proposal(kind: str, raw: Any) -> tuple[str, Words]:
    """What to propose as the answer, and from what evidence; both empty where nothing points anywhere."""
    text = folded(plain(raw))
    if kind == "status" and _NOT_BUILT.match(text):
        return choices()["status"]["under_construction"][0], say("inventory.by_not_built")
    if kind == "status" and text in _USED:  # 是否在用
        return choices()["status"][_USED[text]][0], say("inventory.by_yes_or_no")
    if kind == "kind" and _THING.search(text):
        return NO_SYSTEM, say("inventory.by_thing")
    if kind == "status" and _TO_COME_TO_AN_END.search(text):  # 并行运行,待停
        return TO_RETIRE.zh, say("inventory.by_to_end")
    if kind == "status" and _MOVED.search(text):
        return _moved(text), say("inventory.by_moved")
    if kind in {"place", "runs_at"} and is_above(raw):
        return "" if _NOT_YET.search(text) else choices()["runs_at"]["service"][0], say("inventory.by_above")
    if kind == "status":
        text = _TO_COME.sub("", text)  # 正在建设，预计明年上线
    if kind in choices():
        hints = values_hinted(kind, text)
        if len(hints) == 1:
            value, word = next(iter(hints.items()))
            return choices()[kind][value][0], say("inventory.by_words", words=f"“{word}”")
        if kind == "status" and not hints and (worked_on := _WORKED_ON.search(text)):  # 升级改造中
            return choices()[kind]["in_use"][0], say("inventory.by_worked_on", word=f"“{worked_on.group()}”")
        return "", say("inventory.by_words", words=tuple(f"“{word}”" for word in hints.values())) if hints else ""
    said = text_of(raw)
    mended = said.translate(_SLIPS)
    if mended != said and re.search(r"\d", mended) and _reads(kind, mended):
        return mended, say("inventory.by_slip")
    found = _RANGE.fullmatch(plain(raw))
    if found and _reads(kind, upper := found.group(3) + (found.group(4) or found.group(2))):
        return upper, say("inventory.by_upper")
    return "", ""


def _moved(text: str) -> str:
    """已迁省平台 is in use there; where else a system went, or that it is still on its way, does not say what it is here."""
    clouds = values_hinted("runs_at", text)
    if _NOT_YET.search(text) or set(clouds) - {"service"}:
        return ""
    return MOVED_UP.zh if is_above(_MOVED.sub("", text)) or clouds else ""


def _reads(kind: str, text: str) -> bool:
    try:
        return read_value(kind, text).value is not None
    except Unreadable:
        return False
