"""What people write into cells → what it means. Each reader returns the value; a reading that took more than copying says so in words.

Nothing is guessed: what fits no rule raises ``Unreadable``, and the cell becomes a finding.
"""

from __future__ import annotations

import datetime as dt
import json
import re
import shlex
import unicodedata
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from orchestrator.inventory.yaml_in import documents_of


class Unreadable(ValueError):
    """The text fits none of the accepted forms; the message says which are."""


@dataclass(frozen=True)
class Value:
    """``value`` None: not answered. ``understood``: words for the list of interpretations, empty when the value is what stood there."""

    value: Any
    understood: str = ""


BLANK = {"", "/", "\\", "-", "--", "—", "——", "――", "n/a"}
NOT_KNOWN = {
    "不详", "不清楚", "不知道", "不确定", "未知", "待定", "待确认", "待核实", "待补充", "待查", "待填", "未填", "未提供", "?", "??", "???", "不明", "暂无",
    "unknown", "not known", "tbd", "na", "null",
}  # fmt: skip
MAX_CELL = 32_767

_NUMBER = r"(\d{1,15}(?:,\d{3})*(?:\.\d+)?)"
_SIZE = re.compile(
    rf"^(?:约|大约|近|≈|~)?\s*{_NUMBER}\s*(P|PB|PIB|T|TB|TIB|G|GB|GIB|M|MB|MIB|K|KB|兆|B)?(?:左右|以上|以内)?$", re.IGNORECASE
)
_TIMES = re.compile(rf"^{_NUMBER}\s*[x×*]\s*{_NUMBER}\s*(P|PB|T|TB|G|GB|M|MB|核|C|台)?$", re.IGNORECASE)
_COUNT = re.compile(rf"^(?:约|大约|近|≈|~)?\s*{_NUMBER}\s*(核心?|个|台|套|颗|vcpu|cpu|cores?|c|张)?$", re.IGNORECASE)
_DURATION = re.compile(
    rf"^(?:约|不超过|不大于|最长|小于|少于|≤|<=|<|~)?\s*{_NUMBER}\s*(天|日|d|days?|个?小时|h|hours?|hr|分钟?|min|mins|minutes?|m|秒钟?|s|sec|seconds?)?(?:以内|之内|内|左右)?$",
    re.IGNORECASE,
)
_MINUTES = {"天": 1440, "日": 1440, "d": 1440, "小": 60, "个": 60, "h": 60, "分": 1, "m": 1, "秒": 1 / 60, "s": 1 / 60}
_GB = {"P": 1024.0**2, "T": 1024.0, "G": 1.0, "M": 1 / 1024, "兆": 1 / 1024, "K": 1 / 1024**2, "B": 1 / 1024**3}
_GRADES = {"一": 1, "二": 2, "三": 3, "四": 4, "五": 5, "壹": 1, "贰": 2, "叁": 3}
_DATE = re.compile(r"^(\d{4})\s*[年./-]\s*(\d{1,2})(?:\s*[月./-]\s*(?:(\d{1,2})\s*日?)?)?(?:\s*(?:到期|止|前|截止))?$")
SPLIT = re.compile(r"[、;;\n\r]+|(?<![A-Za-z])/|/(?![A-Za-z])|[,,]")


def plain(raw: Any) -> str:
    """Any cell as text, width folded: for matching, not for keeping."""
    return unicodedata.normalize("NFKC", text_of(raw)).strip()


def text_of(raw: Any) -> str:
    """Any cell as the text a person sees."""
    if raw is None:
        return ""
    if isinstance(raw, bool):
        return "是" if raw else "否"
    if isinstance(raw, float):
        return str(int(raw)) if raw.is_integer() and abs(raw) < 1e15 else repr(raw)
    if isinstance(raw, dt.datetime):
        return raw.strftime("%Y-%m-%d") if raw.time() == dt.time() else raw.strftime("%Y-%m-%d %H:%M:%S")
    return str(raw).strip()[:MAX_CELL]


def is_blank(raw: Any) -> bool:
    return raw is None or (isinstance(raw, str) and unicodedata.normalize("NFKC", raw).strip().casefold() in BLANK)


def not_known(raw: Any) -> bool:
    """Whether a text says that nobody knows: ``不详``, ``(待确认)``, ``未知/待定``."""
    if not isinstance(raw, str) or len(raw) > 60:
        return False
    return all(part.strip(" ()[]。.!…") in NOT_KNOWN for part in re.split("[、;,/]", plain(raw).casefold().strip(" ;,、/")))


_YES = {
    "是",
    "√",
    "✓",
    "✔",
    "☑",
    "有",
    "y",
    "yes",
    "true",
    "t",
    "1",
    "对",
    "真",
    "在保",
    "维保中",
    "维保内",
    "在维保期",
    "有维保",
    "涉密",
    "o",
}
_NO = {
    "否",
    "×",
    "x",
    "✗",
    "✘",
    "无",
    "n",
    "no",
    "false",
    "f",
    "0",
    "不是",
    "没有",
    "假",
    "未",
    "过保",
    "已过保",
    "脱保",
    "无维保",
    "过期",
    "已过期",
    "维保过期",
    "不在维保期",
    "非涉密",
    "不涉密",
    "未涉密",
    "非",
    "☐",
}
_STARTS_YES = ("有", "是", "在保", "在维保", "维保至", "虚拟机", "vmware", "kvm", "已虚拟化", "√")
_STARTS_NO = ("无", "没有", "否", "未", "不", "过保", "已过", "脱保", "物理机", "×")


def yes_no(raw: Any, today: dt.date | None = None) -> Value:
    """是/否 and its many forms. A date (维保到期) is read against ``today``; words after 有/无 are listed as an interpretation."""
    text = plain(raw).casefold().replace(" ", "")
    if text in _YES or text in _NO:
        return Value(text in _YES)
    until = _as_date(raw)
    if until is not None and today is not None:
        return Value(until >= today, f"{'是' if until >= today else '否'}(到期日 {until.isoformat()})")
    for starts, value in ((_STARTS_NO, False), (_STARTS_YES, True)):
        if text.startswith(starts):
            return Value(value, "是" if value else "否")
    raise Unreadable("填“是”或“否” (answer yes or no)")


_CLASSIFIED_YES = {"秘密", "机密", "绝密", "秘密级", "机密级", "绝密级", "涉密系统"}
_CLASSIFIED_NO = {"非密", "公开", "非涉密系统", "不涉密系统", "否非涉密"}


def classified(raw: Any) -> bool | None:
    """The answer to 是否涉密; None when it is not one of the plain answers. Never a guess, never an interpretation."""
    text = plain(raw).casefold().replace(" ", "")
    if text in (_YES | _CLASSIFIED_YES) - {"o", "t"}:
        return True
    if text in (_NO | _CLASSIFIED_NO) - {"未", "f", "非"}:
        return False
    return None


def size(raw: Any, unit: str = "") -> Value:
    """GB. ``1.2T`` is 1228.8; a bare number has the unit of the header, else GB."""
    base = _GB.get((unit or "G")[0].upper(), 1.0)
    if isinstance(raw, int | float) and not isinstance(raw, bool):
        return _number(float(raw) * base, f"{_exact(float(raw) * base)} GB" if base != 1.0 or not unit else "")
    text = plain(raw).replace(" ", "")
    times = _TIMES.match(text)
    if times:
        factor = _GB.get((times.group(3) or "G")[0].upper(), 0.0)
        amount = _float(times.group(1)) * _float(times.group(2)) * factor
        if factor:
            return _number(amount, f"{_exact(amount)} GB")
    found = _SIZE.match(text)
    if not found:
        raise Unreadable("填数字和单位,如 500G、1.2T (a number with a unit)")
    amount = _float(found.group(1)) * (_GB[found.group(2)[0].upper()] if found.group(2) else base)
    same = found.group(2) is None and base == 1.0 and unit and text == found.group(1)
    return _number(amount, "" if same else f"{_exact(amount)} GB")


def count(raw: Any, _unit: str = "") -> Value:
    """A number of things: ``16核``, ``3台``, ``2×8核``."""
    if isinstance(raw, int | float) and not isinstance(raw, bool):
        return _number(float(raw), "")
    text = plain(raw).replace(" ", "")
    times = _TIMES.match(text)
    if times:
        amount = _float(times.group(1)) * _float(times.group(2))
        return _number(amount, _exact(amount))
    found = _COUNT.match(text)
    if not found:
        raise Unreadable("填一个数字,如 16 (one number)")
    amount = _float(found.group(1))
    return _number(amount, "" if text == found.group(1) else _exact(amount))


def integer(raw: Any, _unit: str = "") -> Value:
    value = count(raw)
    if value.value != int(value.value):
        raise Unreadable("填整数 (a whole number)")
    return Value(int(value.value), value.understood)


def minutes(raw: Any, unit: str = "") -> Value:
    """Minutes. A bare number has the unit of the header; without one it is taken as minutes and listed."""
    if isinstance(raw, dt.time):
        amount = raw.hour * 60 + raw.minute + raw.second / 60
        return _number(amount, f"{_exact(amount)} 分钟")
    text = plain(raw).replace(" ", "")
    if text in {"不可中断", "不允许中断", "不能中断", "零中断"}:
        return Value(0.0, "0 分钟")
    if text == "半小时":
        return Value(30.0, "30 分钟")
    if text in {"半天", "半日"}:
        return Value(720.0, "720 分钟")
    found = _DURATION.match(text)
    if not found:
        raise Unreadable("填时长和单位,如 30分钟、4小时 (a duration with its unit)")
    factor = _MINUTES.get((found.group(2) or unit or "分")[0].lower(), 1)
    amount = _float(found.group(1)) * factor
    return _number(amount, "" if unit and not found.group(2) and factor == 1 else f"{_exact(amount)} 分钟")


def grade(raw: Any) -> Value:
    """等保 1–5; 0 stands for 未定级."""
    text = plain(raw).upper().replace(" ", "")
    if text in {"未定级", "未定", "无", "没有", "未备案", "否", "NONE", "0"}:
        return Value(0, "" if text == "未定级" else "未定级")
    levels = [int(digit) for digit in re.findall(r"[SAG](\d)", text)]
    found = re.fullmatch(
        r"(?:等保|信息系统|系统|安全)*(?:等级)?(?:第)?([1-5一二三四五])(?:级|級)?(?:等保|等级保护)?(?:\([SAG1-5]+\))?(?:\(?(?:已)?(?:备案|测评)\)?)?",
        text,
    )
    if found:
        value = int(found.group(1)) if found.group(1).isdigit() else _GRADES[found.group(1)]
        return Value(value, "" if text == str(value) else f"{value} 级")
    if levels and max(levels) in range(1, 6) and re.fullmatch(r"([SAG][1-5]){2,3}", text):
        return Value(max(levels), f"{max(levels)} 级")
    raise Unreadable("填 1–5 级或“未定级” (grade 1–5, or 未定级)")


@cache
def choices() -> dict[str, dict[str, tuple[str, ...]]]:
    """``words.yaml``: for each kind of choice, value → the words for it, the template's word first."""
    text = (resources.files("orchestrator.inventory") / "words.yaml").read_text("utf-8")
    return {
        kind: {value: tuple(map(str, words)) for value, words in table.items()}
        for kind, table in documents_of(text, "words.yaml")[0].items()
    }


_more_words: ContextVar[tuple[tuple[str, str, tuple[str, ...]], ...]] = ContextVar("words", default=())


@contextmanager
def further_words(extra: tuple[tuple[str, str, tuple[str, ...]], ...]) -> Iterator[None]:
    """Within it, choices know a city's own words too: (kind, value, words)."""
    token = _more_words.set(extra)
    try:
        yield
    finally:
        _more_words.reset(token)


@cache
def _table(kind: str, more: tuple[tuple[str, str, tuple[str, ...]], ...]) -> dict[str, str]:
    own = {folded(word): value for at, value, words in more if at == kind and value in choices()[kind] for word in words}
    return own | {folded(word): value for value, words in choices()[kind].items() for word in (value, *words)}


def folded(word: str) -> str:
    """A word as choices are compared: width, case and spaces do not matter."""
    return unicodedata.normalize("NFKC", word).casefold().replace(" ", "")


def choice(kind: str, raw: Any) -> Value:
    """One of the words of ``words.yaml``."""
    text = plain(raw).casefold().replace(" ", "")
    value = _table(kind, _more_words.get()).get(text)
    if value is None:
        raise Unreadable(f"可填 (one of): {'、'.join(words[0] for words in choices()[kind].values())}")
    word = choices()[kind][value][0]
    return Value(value, "" if text in {value, word.casefold()} else word)


_DAYS = {"每天": "daily", "每日": "daily", "工作日": "workday", "周末": "weekend", "节假日": "holiday"}
_WEEK = {"周一": "mon", "周二": "tue", "周三": "wed", "周四": "thu", "周五": "fri", "周六": "sat", "周日": "sun"}


def days(raw: Any) -> Value:
    text = plain(raw).casefold()
    if text in _DAYS or text in _DAYS.values():
        return Value(_DAYS.get(text, text))
    parts = [part.strip() for part in SPLIT.split(text) if part.strip()]
    if parts and all(part in _WEEK or part in _WEEK.values() for part in parts):
        return Value([_WEEK.get(part, part) for part in parts])
    raise Unreadable("填 每天、工作日、周末、节假日 或 周一…周日 (daily, workday, weekend, holiday, mon…sun)")


def clock(raw: Any) -> Value:
    if isinstance(raw, dt.datetime | dt.time):
        return Value(raw.strftime("%H:%M"))
    if isinstance(raw, dt.timedelta):
        total = int(raw.total_seconds()) // 60
        return Value(f"{total // 60:02d}:{total % 60:02d}")
    found = re.fullmatch(r"(\d{1,2})[::点时](\d{2})?分?(?::00)?", plain(raw))
    if not found:
        raise Unreadable("填 时:分,如 22:00 (hh:mm)")
    return Value(f"{int(found.group(1)):02d}:{found.group(2) or '00'}")


def names(raw: Any) -> Value:
    """Several names in one cell. 无 means none."""
    text = text_of(raw)
    if plain(text).casefold() in {"无", "没有", "none"} | BLANK:
        return Value([])
    return Value([part.strip() for part in SPLIT.split(text) if part.strip()])


def argv(raw: Any) -> Value:
    text = text_of(raw)
    if text.startswith("["):
        return Value(_json(text, list))
    try:
        return Value(shlex.split(text))
    except ValueError:
        raise Unreadable("引号不成对 (unbalanced quotes)") from None


def environment(raw: Any) -> Value:
    text = text_of(raw)
    if text.startswith("{"):
        return Value(_json(text, dict))
    pairs = [line.partition("=") for line in text.splitlines() if line.strip()]
    if any(not middle for _, middle, _ in pairs):
        raise Unreadable("每行一个 名称=值 (one NAME=value a line)")
    return Value({left.strip(): right.strip() for left, _, right in pairs})


def text(raw: Any) -> Value:
    return Value(text_of(raw))


_ENGINES = {
    "postgresql": "postgresql",
    "postgres": "postgresql",
    "pg": "postgresql",
    "mysql": "mysql",
    "mariadb": "mariadb",
    "oracle": "oracle",
}


def engine(raw: Any) -> Value:
    """A database engine: the ones we have names for by those, any other as it is written."""
    text = text_of(raw)
    known = _ENGINES.get(folded(text), text)
    return Value(known, known if known != text else "")


def _json(text: str, shape: type) -> Any:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, shape):
        raise Unreadable("不是有效的 JSON (not valid JSON)")
    return value


def _number(amount: float, understood: str) -> Value:
    if not 0 <= amount < 1e15:
        raise Unreadable("数值超出范围 (out of range)")
    return Value(round(amount, 6) if understood else amount, understood)


def _exact(amount: float) -> str:
    """The number that is kept, in full: never ``1e+07``."""
    return f"{amount:.6f}".rstrip("0").rstrip(".")


def _float(text: str) -> float:
    return float(text.replace(",", ""))


def _as_date(raw: Any) -> dt.date | None:
    """A date as people write it: ``2015年6月`` (its last day), ``2019-12-31``, an Excel serial number, a date cell."""
    if isinstance(raw, dt.datetime):
        return raw.date()
    if isinstance(raw, dt.date):
        return raw
    if isinstance(raw, int | float) and not isinstance(raw, bool) and 20000 < raw < 80000:
        return dt.date(1899, 12, 30) + dt.timedelta(days=int(raw))
    text = plain(raw)
    found = _DATE.match(re.sub(r"^(维保|质保|服务)?(期)?(至|到|截止)?", "", text).strip())
    if not found:
        return None
    year, month, day = int(found.group(1)), int(found.group(2)), found.group(3)
    try:
        if day:
            return dt.date(year, month, int(day))
        return (dt.date(year + month // 12, month % 12 + 1, 1)) - dt.timedelta(days=1)
    except ValueError:
        return None


def date(raw: Any) -> Value:
    """A date in ISO form."""
    found = _as_date(raw)
    if found is None:
        raise Unreadable("填日期,如 2015年6月 (a date)")
    return Value(found.isoformat(), "" if text_of(raw) == found.isoformat() else found.isoformat())


_LITERAL = {"text", "engine", "names", "argv", "environment", "id"}
"""Kinds in which 不详 and the like are words like any other: names, remarks, commands. A text that answers a question is an ``answer``."""


def read_value(kind: str, raw: Any, unit: str = "", today: dt.date | None = None) -> Value:
    """A cell of the given column type. Blank and not-known answers are None. Raises ``Unreadable``."""
    if kind == "exact":  # a lone slash is a path here, not a blank
        return Value(text_of(raw) or None)
    if is_blank(raw):
        return Value(None)
    if kind not in _LITERAL and not_known(raw):
        return Value(None, "未填写 (not answered)")
    if kind == "yes_no":
        return yes_no(raw, today)
    if kind in choices():
        return choice(kind, raw)
    if kind in {"size", "minutes"}:
        return (size if kind == "size" else minutes)(raw, unit)
    reader = _READERS.get(kind, text)
    return reader(raw)


_READERS: dict[str, Callable[[Any], Value]] = {
    "text": text, "answer": text, "id": text, "names": names, "count": count, "number": count, "integer": integer, "grade": grade, "days": days, "clock": clock,
    "argv": argv, "environment": environment, "date": date, "engine": engine,
}  # fmt: skip
