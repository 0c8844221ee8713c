"""Answers to questions of yes and no. Each question has words of its own; where signs contradict each other, or a date decides that cannot
be read, the cell is unreadable: a wrong answer changes a system's strategy."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable
from typing import Any

from orchestrator.inventory.boxes import ticked_of_several
from orchestrator.inventory.cells import Unreadable, Value, as_date, folded, plain
from orchestrator.texts import Sentence, say

_YES = {"是", "是的", "√", "✓", "✔", "☑", "有", "y", "yes", "true", "t", "1", "对", "真"}
_NO = {"否", "×", "x", "✗", "✘", "无", "n", "no", "false", "f", "0", "不是", "没有", "假"}
_POSITIVE = re.compile(r"^(?:有|是的?|√)(?![否限待关误些时])")
_NEGATIVE = re.compile(r"^(?:没有|无|否|不是|不(?:需要|使用|涉及|具备|存在)|未(?:使用|购买|配备|采用|安装|虚拟化))(?!法)")
_AGAINST_YES = re.compile(r"[无没未非不否×]|过期|过保|脱|到期|停")
_AGAINST_NO = re.compile(r"[有是√无没未非不否]|过期|过保|脱|到期")
_DOUBT = re.compile(r"部分|可能|大概|也许|[??]|(?:19|20)\d\d[年./-]")


def _signed(text: str) -> Value:
    """A text that begins with its answer (``有(加密机2台)``), and says nothing against it."""
    if not _DOUBT.search(text):
        for starts, against, value in ((_POSITIVE, _AGAINST_YES, True), (_NEGATIVE, _AGAINST_NO, False)):
            found = starts.match(text)
            if found and not against.search(text, found.end()):
                return Value(value, _word(value))
    raise Unreadable(say("inventory.form_yes_no"))


def _word(value: bool) -> Sentence:
    return say("inventory.yes") if value else say("inventory.no")


def yes_no(raw: Any, _today: dt.date | None = None) -> Value:
    """是/否 and its many forms; words after 有/无 are listed as an interpretation."""
    return _known(raw) or _signed(folded(plain(raw)))


def _known(raw: Any) -> Value | None:
    text = folded(plain(raw))
    return Value(text in _YES) if text in _YES or text in _NO else None


# ---------------------------------------------------------------- 虚拟化

_VIRTUAL = re.compile(r"虚拟$|虚拟化?部署|虚拟机|虚拟服务器|已虚拟化|云主机|云服务器|vmware|kvm|hyper-?v|xenserver")
_PHYSICAL = re.compile(r"物理|实体机|裸机|裸金属")


def machine(raw: Any, _today: dt.date | None = None) -> Value:
    """是否虚拟化: also by the kind of machine. Both kinds is no answer for the whole."""
    known, text = _known(raw), folded(plain(raw))
    virtual, physical = bool(_VIRTUAL.search(text)), bool(_PHYSICAL.search(text))
    if known:
        return known
    if virtual and physical:
        raise Unreadable(say("inventory.both_kinds_of_machine"))
    if (virtual or physical) and not re.search(r"[无没未非不否]", text) and not _DOUBT.search(text):
        return Value(virtual, _word(virtual))
    return _signed(text)


# ---------------------------------------------------------------- 源码或安装包

_PACKAGE = re.compile(r"^(?:仅|只|已)?(?:有|具备|提供)?(?:源码|源代码|源程序|安装包|安装程序|安装介质|部署包|程序包)")
_CLAUSES = re.compile(r"[,;、。/()\s]+|但")


def package(raw: Any, _today: dt.date | None = None) -> Value:
    """是否有源码或安装包: one of the two is enough (``无源码,有安装包`` is yes)."""
    known, text = _known(raw), folded(plain(raw))
    if known:
        return known
    if not _DOUBT.search(text):
        clauses = [clause for clause in _CLAUSES.split(text) if clause]
        if any(_PACKAGE.match(clause) and not re.search(r"[无没未非不否缺]", clause) for clause in clauses):
            return Value(True, _word(True))
        if clauses and all(re.match(r"无|没有", clause) and not _AGAINST_NO.search(clause.removeprefix("没有"), 1) for clause in clauses):
            return Value(False, _word(False))
    return _signed(text)


# ---------------------------------------------------------------- 维保状态

_SUPPORTED = {
    "在保", "在保中", "保内", "维保中", "维保内", "在维保", "在维保期", "在维保期内", "维保期内", "有维保", "质保期内", "质保内", "在质保期", "在质保期内",
    "未过保", "未过期", "未到期", "未脱保", "尚未到期", "尚未过保", "未过维保期",
}  # fmt: skip
_UNSUPPORTED = {
    "过保", "已过保", "脱保", "已脱保", "过期", "已过期", "已到期", "无维保", "维保过期", "维保已过期", "维保到期", "维保已到期", "不在维保期", "不在保", "不在维保期内",
    "保外", "已过维保期", "过维保期", "过保未续", "已过保未续", "无质保", "未维保", "未续保",
}  # fmt: skip
_UNTIL = re.compile(r"((?:19|20)\d{2})(?:[年./-](\d{1,2})(?:[月./-](\d{1,2})日?|月)?|年)?(?!\d)")
_ABOUT_UNTIL = re.compile(
    r"维保|质保|保修|服务|合同|有效|日期|时间|在保|期限|期|已过保|过保|已过期|过期|脱保|已到|到|截止|截至|至|于|止|前|内|在|有|是|已|[(),;:、。]"
)
_PRESENT = re.compile(r"期内|保内|维保中|保中|未过|未到|未脱")
_PAST = re.compile(r"过保|过期|脱保|已到|已过")


def support(raw: Any, today: dt.date | None = None) -> Value:
    """维保状态: a word, or the date until which there is support, read against ``today``."""
    known, text = _known(raw), folded(plain(raw))
    if known:
        return known
    if text in _SUPPORTED or text in _UNSUPPORTED:
        return Value(text in _SUPPORTED)
    exact = as_date(raw)
    if exact is not None and today is not None:
        return _until(exact >= today, exact)
    found = list(_UNTIL.finditer(text))
    if not found:
        return _signed(text)
    if len(found) == 1 and today is not None and not _ABOUT_UNTIL.sub("", text[: found[0].start()] + text[found[0].end() :]):
        year, month, day = (int(part) if part else None for part in found[0].groups())
        last = as_date(f"{year}.{month or 12}" + (f".{day}" if day else ""))
        certain = month is not None or year != today.year
        certain = certain and not (last is not None and last < today and _PRESENT.search(text))  # 维保期内(2017年): which of the two?
        if last is not None and certain and not (last >= today and _PAST.search(text)):
            return _until(last >= today, last)
    raise Unreadable(say("inventory.form_support"))


def _until(supported: bool, day: dt.date) -> Value:
    return Value(supported, say("inventory.until", answer=_word(supported), day=day.isoformat()))


QUESTIONS: dict[str, Callable[[Any, dt.date | None], Value]] = {
    "yes_no": yes_no,
    "machine": machine,
    "package": package,
    "support": support,
}
"""Column type → how its question is answered."""


# ---------------------------------------------------------------- 是否涉密

_IS_CLASSIFIED = {
    "是", "是的", "涉", "涉密", "属于涉密", "涉密系统", "√", "✓", "✔", "☑", "有", "y", "yes", "true", "1", "秘密", "机密", "绝密", "秘密级", "机密级", "绝密级", "classified",
    "存在", "涉及", "含有", "包含",
}  # fmt: skip
_IS_NOT_CLASSIFIED = {
    "否", "不是", "无", "没有", "×", "x", "✗", "✘", "n", "no", "false", "0", "不涉", "非涉密", "不涉密", "未涉密", "无涉密", "非涉密系统", "不涉密系统", "不属于涉密系统",
    "非密", "公开", "不存在", "未涉及", "否非涉密", "unclassified", "not classified", "non-classified", "notclassified",
}  # fmt: skip


_SECRETS = r"(?:国家|党和国家)?(?:涉密|秘密|机密|绝密|密)"
_HELD = r"(?:的|信息系统|信息|内容|数据|文件|资料|系统|网络|业务|事项)*"
_TOUCHES_NO_SECRETS = re.compile(
    rf"(?:否|不是|无)?[,、]?(?:本系统|系统|该系统)?(?:不涉及|未涉及|不涉|不属于|不含|不包含|没有|无|非)(?:任何)?{_SECRETS}{_HELD}"
    r"|不涉及"
)
"""A whole sentence that says no, made of these parts and nothing else: 不涉及国家秘密."""
_MARKED = re.compile(r"(?:秘密|机密|绝密)级?[★☆*]?(?:保密期限)?[::]?(?:\d{1,3}(?:年|个月)|长期)?")
"""As documents are marked: 机密★10年."""
_TOUCHES_SECRETS = re.compile(rf"(?:是|有)?[,、]?(?:本系统|系统|该系统)?(?:属于|为)?(?:涉及)?(?:[,、:：]?{_SECRETS}(?:级|及以上)*)+{_HELD}")


_OPTION = re.compile(r"\s*(?:[①-⑳]\s*[.、:,，．：]?|[(（\[【](?:[A-Ha-hＡ-Ｈ]|[1-9１-９一二三四])[)）\]】]\s*[.、:．：]?|(?:[A-Ha-hＡ-Ｈ]|[1-9１-９一二三四])\s*[.、:)）．：])\s*(?=[^\s\d])")


def without_option(raw: Any) -> Any:
    """An answer without the letter or number that its question gives it: ``A.是``, ``①是``, ``(2)否``. A letter that is an answer itself (Y, N) stays."""
    return raw[found.end() :] if isinstance(raw, str) and (found := _OPTION.match(raw)) else raw


def classified(raw: Any) -> bool | None:
    """The answer to 是否涉密, from a closed list of its own; None when it is none of them. Never a guess, never an interpretation:
    an empty tick box, 内部 or a word about maintenance is no answer."""
    text = re.sub(r"[()。.]", "", folded(plain(without_option(ticked_of_several(raw)))))
    if text in _IS_CLASSIFIED or _TOUCHES_SECRETS.fullmatch(text) or _MARKED.fullmatch(text):
        return True
    return False if text in _IS_NOT_CLASSIFIED or _TOUCHES_NO_SECRETS.fullmatch(text) else None
