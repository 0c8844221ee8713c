"""What people write into cells → what it means. Each reader returns the value; a reading that took more than copying says so in words.

Nothing is guessed: what fits no rule raises ``Unreadable``, and the cell becomes a finding.
"""

from __future__ import annotations

import datetime as dt
import json
import re
import shlex
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from importlib import resources
from typing import Any

from orchestrator.inventory.amounts import cores, count, integer, minutes, money, number, people, size
from orchestrator.inventory.answers import QUESTIONS
from orchestrator.inventory.boxes import ticked
from orchestrator.inventory.cells import BLANK, SPLIT, Unreadable, Value, as_date, folded, is_blank, not_known, plain, text_of
from orchestrator.inventory.dates import when
from orchestrator.inventory.endings import ending
from orchestrator.inventory.endpoints import domains, ports, servers_said
from orchestrator.inventory.engines import connection, engine
from orchestrator.inventory.heads import value_by_head
from orchestrator.inventory.health import check_kind, health_target
from orchestrator.inventory.names import host_name, is_id, thing_name
from orchestrator.inventory.places import ELSEWHERE, is_above
from orchestrator.inventory.statuses import FURTHER, status_by_date, status_said
from orchestrator.inventory.yaml_in import documents_of
from orchestrator.texts import Name, Sentence, Words, say

_GRADES = {"一": 1, "二": 2, "三": 3, "四": 4, "五": 5, "壹": 1, "贰": 2, "叁": 3}
_ROMANS = {"I": 1, "II": 2, "III": 3, "IV": 4, "V": 5}
_ROMAN = re.compile(r"(?<![A-Z])(?:I{1,3}|IV|V)(?=级|級|$)")


def grade(raw: Any) -> Value:
    """等保 1–5; 0 stands for 未定级."""
    text = _ROMAN.sub(lambda found: str(_ROMANS[found[0]]), plain(raw).upper().replace(" ", ""))
    text = re.sub(r"^([0-5])\.0$", r"\1", text)  # as programs export a number
    if text in _NOT_GRADED:
        return Value(0, "" if text == "未定级" else say("inventory.not_graded"))
    levels = [int(digit) for digit in re.findall(r"[SAG](\d)", text)]
    said = [_GRADES.get(found) or int(found) for found in re.findall(r"(?:(?<![A-Z\d.])[1-5]|[一二三四五壹贰叁])(?=级|級|$)", text)]
    rest = _ABOUT_GRADE.sub("", text)
    if levels and max(levels) in range(1, 6) and len(levels) >= 2 and set(said) <= {max(levels)} and not rest:
        return Value(max(levels), say("inventory.grade", grade=max(levels)))
    if len(set(said)) == 1 and not levels and not rest:
        return Value(said[0], "" if text == str(said[0]) else say("inventory.grade", grade=said[0]))
    raise Unreadable(say("inventory.form_grade"))


_NOT_GRADED = {"未定级", "未定", "无", "没有", "未备案", "否", "NONE", "0", "尚未定级", "暂未定级", "未开展定级", "没有定级", "无定级", "未做定级", "未定级备案", "未定级未备案"}
_ABOUT_GRADE = re.compile(
    r"[1-5一二三四五壹贰叁](?:级|級|$)|[SAG]\d|(?:等级保护|等保)(?:[12]\.0)?|网络安全|信息安全|信息系统|系统|安全|保护|定级|等级|备案证明|备案|测评|已|完成|通过|自主|第|为|是|级|级别"
    r"|(?:19|20)\d\d(?:年|[./-]\d{1,2})?(?:\d{1,2}月)?|[()、,,;:。/]"
)
"""What may stand beside a grade without changing it. 拟, 待 and 未 do."""


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


def listed_choice(kind: str, raw: Any) -> str | None:
    """The value of a word that is in ``words.yaml``, or that the city added; None for any other."""
    return _table(kind, _more_words.get()).get(folded(plain(raw)))


def choice(kind: str, raw: Any, today: dt.date | None = None) -> Value:
    """One of the words of ``words.yaml``, else what its head-word says (``heads.yaml``)."""
    text = folded(plain(raw))
    value = listed_choice(kind, raw)
    also: dict[str, Any] = {}
    if kind == "users" and value is None and _HOW_MANY.fullmatch(text):
        many = people(text, "")  # how many under who: it says the former
        return Value(None, say("inventory.not_answered"), {"user_count": many.value})
    if value is None and kind == "status":
        value, also = _status(text, today)
    elif value is None:
        value = value_by_head(kind, text)
    if value is None:
        raise Unreadable(form_choice(kind))
    name = choice_name(kind, value)
    understood: Words = "" if text in {value, name.zh.casefold()} else say("inventory.choice", choice=name)
    if also.get("retiring"):
        understood = say("inventory.choice_retiring", choice=name)
    elif where := also.get("runs_at"):
        understood = say("inventory.choice_at", choice=name, place=choice_name("runs_at", where))
    return Value(value, understood, also)


def form_choice(kind: str) -> Sentence:
    """What a choice of this kind can be answered with."""
    return say("inventory.form_choice", choices=(*(choice_name(kind, choice) for choice in choices()[kind]), *(FURTHER if kind == "status" else ())))


def choice_name(kind: str, value: str) -> Name:
    return Name(choices()[kind][value][0], value)


_HOW_MANY = re.compile(r"约?\d[\d,]*(?:\.\d+)?[万千]?(?:余|多)?(?:人|名|个|户|人次)?")


def runs_at(raw: Any) -> str | None:
    """What a text means under 现部署位置, if anything."""
    return listed_choice("runs_at", raw) or value_by_head("runs_at", folded(plain(raw)))


def place(raw: Any) -> Value:
    """A machine room as it is written; 省统建 under it says where the system runs, too, and of 省厅机房 that has to be asked."""
    where = runs_at(raw)
    if where in ELSEWHERE:
        return place_answered(raw, where)
    if where is None and is_above(raw):
        raise Unreadable(say("inventory.form_place"))
    return Value(text_of(raw))


def place_answered(raw: Any, where: str) -> Value:
    """The room as it is written, and what is known to be meant by it."""
    return Value(text_of(raw), say("inventory.choice", choice=choice_name("runs_at", where)), {"runs_at": where})


def _status(text: str, today: dt.date | None) -> tuple[str | None, dict[str, Any]]:
    value, also = status_said(text, _elsewhere)
    if value is None and (by_head := value_by_head("status", text)):
        value, also = status_by_date(text, by_head, today)
    return value, also


def _elsewhere(text: str) -> str | None:
    return where if (where := runs_at(text)) in ELSEWHERE else None


_DAYS = {"每天": "daily", "每日": "daily", "工作日": "workday", "周末": "weekend", "节假日": "holiday"}
_WEEK = {"周一": "mon", "周二": "tue", "周三": "wed", "周四": "thu", "周五": "fri", "周六": "sat", "周日": "sun"}


def days(raw: Any) -> Value:
    text = plain(raw).casefold()
    if text in _DAYS or text in _DAYS.values():
        return Value(_DAYS.get(text, text))
    parts = [part.strip() for part in SPLIT.split(text) if part.strip()]
    if parts and all(part in _WEEK or part in _WEEK.values() for part in parts):
        return Value([_WEEK.get(part, part) for part in parts])
    raise Unreadable(say("inventory.form_days"))


def clock(raw: Any) -> Value:
    if isinstance(raw, dt.datetime | dt.time):
        return Value(raw.strftime("%H:%M"))
    if isinstance(raw, dt.timedelta):
        total = int(raw.total_seconds()) // 60
        return Value(f"{total // 60:02d}:{total % 60:02d}")
    found = re.fullmatch(r"(\d{1,2})[::点时](\d{2})?分?(?::00)?", plain(raw))
    if not found:
        raise Unreadable(say("inventory.form_clock"))
    return Value(f"{int(found.group(1)):02d}:{found.group(2) or '00'}")


def names(raw: Any) -> Value:
    """The names in one cell, in one piece: where one ends is known once all names are. 无 means none."""
    text = text_of(raw)
    if plain(text).casefold() in {"无", "没有", "none"} | BLANK:
        return Value([])
    return Value([text])


def argv(raw: Any) -> Value:
    text = text_of(raw)
    if text.startswith("["):
        return Value(_json(text, list))
    try:
        return Value(shlex.split(text))
    except ValueError:
        raise Unreadable(say("inventory.quotes_unbalanced")) from None


def environment(raw: Any) -> Value:
    text = text_of(raw)
    if text.startswith("{"):
        return Value(_json(text, dict))
    pairs = [line.partition("=") for line in text.splitlines() if line.strip()]
    if any(not middle for _, middle, _ in pairs):
        raise Unreadable(say("inventory.form_environment"))
    return Value({left.strip(): right.strip() for left, _, right in pairs})


def files(raw: Any) -> Value:
    """Configuration files with their edits, as JSON: there is no plainer way to say them in one cell."""
    return Value(_json(text_of(raw), list))


def landing(raw: Any) -> Value:
    """Where a whole server is brought to, as JSON."""
    return Value(_json(text_of(raw), dict))


def text(raw: Any) -> Value:
    return Value(text_of(raw))


_LONE_CODE = re.compile(r"\d{1,2}(?:\.0)?|[A-Za-z]|第?[一二三四五六七八九十]项?")


def product(raw: Any) -> Value:
    """What something is made of or runs on, by its name; a number or a letter alone is a code of somebody's list."""
    if _LONE_CODE.fullmatch(plain(raw)):
        raise Unreadable(say("inventory.form_product"))
    return text(raw)


def identifier(raw: Any) -> Value:
    """A code as an id, in small letters; an office's code that can be none is told, and the system gets an id of its own."""
    text = text_of(raw)
    if is_id(text):
        return Value(text)
    folded_id = re.sub(r"[\s_./]+", "-", plain(text).casefold()).strip("-")
    if is_id(folded_id):
        return Value(folded_id, folded_id)
    return Value(None, say("inventory.id_made"))


def host(raw: Any) -> Value:
    """What a machine is called."""
    return _called(raw, host_name)


def on_host(raw: Any) -> Value:
    """Which machine something is on: its name, or how one connects to it, which is kept until all hosts are known (see ``build.hosts_named``)."""
    return Value(text_of(raw)) if servers_said(text_of(raw)) else host(raw)


def thing(raw: Any) -> Value:
    """What a device or a service is called."""
    return _called(raw, thing_name)


def _called(raw: Any, named: Callable[[str], str]) -> Value:
    typed = text_of(raw)
    name = named(typed)
    return Value(name, "" if name == typed else name)


def _json(text: str, shape: type) -> Any:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, shape):
        raise Unreadable(say("inventory.form_json"))
    return value


def date(raw: Any) -> Value:
    """A date in ISO form."""
    found = as_date(raw)
    if found is None:
        raise Unreadable(say("inventory.form_date"))
    return Value(found.isoformat(), "" if text_of(raw) == found.isoformat() else found.isoformat())


_LITERAL = {"text", "engine", "host", "on_host", "connection", "thing", "name", "names", "argv", "environment", "files", "landing", "id"}
"""Kinds in which 不详 and the like are words like any other: names, remarks, commands. A text that answers a question is an ``answer``."""


def read_value(kind: str, raw: Any, unit: str | None = "", today: dt.date | None = None) -> Value:
    """A cell of the given column type. Blank and not-known answers are None. Raises ``Unreadable``."""
    if kind == "exact":  # a lone slash is a path here, not a blank
        return Value(text_of(raw) or None)
    if kind == "health":
        return health_target(raw)
    if kind not in _LITERAL and (chosen := ticked(raw)) is not raw:
        read = read_value(kind, chosen, unit, today)
        return Value(read.value, read.understood or (chosen if chosen else say("inventory.not_answered")), read.also)
    if is_blank(raw):
        return Value(None)
    if kind not in _LITERAL and not_known(raw):
        return Value(None, say("inventory.not_answered"))
    if kind in _QUESTIONS:
        return _QUESTIONS[kind](raw, today)
    if kind == "check" and (said := check_kind(raw)):
        return said
    if kind in choices():
        return choice(kind, raw, today)
    if kind in _AMOUNTS:
        return _AMOUNTS[kind](raw, unit)
    reader = _READERS.get(kind, text)
    return reader(raw)


_QUESTIONS = {**QUESTIONS, "ending": ending}
_AMOUNTS: dict[str, Callable[[Any, str | None], Value]] = {
    "size": size, "minutes": minutes, "count": count, "cores": cores, "number": number, "integer": integer, "people": people,
    "money": money,
}  # fmt: skip
_READERS: dict[str, Callable[[Any], Value]] = {
    "text": text, "answer": text, "product": product, "place": place, "id": identifier, "names": names, "grade": grade, "days": days, "clock": clock, "argv": argv,
    "environment": environment, "files": files, "landing": landing, "date": date, "engine": engine, "when": when, "domains": domains, "ports": ports,
    "name": text, "host": host, "on_host": on_host, "connection": connection, "thing": thing,
}  # fmt: skip
