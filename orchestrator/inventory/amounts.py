"""Numbers with their units: sizes, counts, cores, durations. A number without a unit has its header's; where that is not understood, none."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from orchestrator.inventory.cells import Unreadable, Value, plain
from orchestrator.inventory.machine_sizes import machine_size
from orchestrator.inventory.machines import kind_said, machines_said
from orchestrator.inventory.numerals import in_digits
from orchestrator.inventory.size_sums import size_sum
from orchestrator.inventory.units import CORES, DURATIONS, MONEY, PEOPLE, SIZES, THINGS
from orchestrator.texts import Words, say

_NUMBER = r"(\d{1,15}(?:,\d{3})*(?:\.\d+)?)"
_ONE = re.compile(
    rf"^(?:约|大约|近|≈|~|不超过|不大于|最长|小于|少于|≤|<=|<)?{_NUMBER}([^\d.,\s]*?)(?:左右|以上|以内|之内|内)?$", re.IGNORECASE
)
_PRODUCT = re.compile(rf"^{_NUMBER}([^\d.,\s×*]*?)[x×*]{_NUMBER}([^\d.,\s×*]*)$", re.IGNORECASE)
_RATE = r"(?:增量|新增|增长|增加)(?:量|数据)?"
_BYTES = r"约?[\d.,]+[ptgmk]i?b?"
_GROWTH = re.compile(rf"(?:每年|每月|每天|年|月|日均?)(?:{_RATE})?{_BYTES}(?:左右)?|(?:{_RATE})?{_BYTES}(?:/|每)(?:年|月|天|日)|{_BYTES}(?:年|月){_RATE}")
_LIMITS = re.compile(r"^(?:不超过|不大于|最长|小于|少于|≤|<)")
_NEEDS_UNIT = say("inventory.header_needs_unit")


def size(raw: Any, unit: str | None = "") -> Value:
    """GB. ``1.2T`` is 1228.8; a bare number has the unit of the header, else GB. ``unit`` None: the header's is not understood."""
    base = SIZES[(unit or "g").casefold()]
    if _is_number(raw):
        amount = float(raw) * _own_base(base, unit)
        return _number(amount, f"{_exact(amount)} GB" if base != 1.0 or not unit else "")
    text = re.sub(r"(?<=[\d.])[多余来几个]+(?=[ptgmk])", "", _text(raw))  # 800多G, 3个T
    if _LIMITS.match(text):
        raise Unreadable(say("inventory.form_size"))
    if _GROWTH.fullmatch(text):
        return Value(None, say("inventory.growth_not_answered"))
    if (sum_of := size_sum(raw, base if unit is not None else None)) is not None:
        return sum_of
    amount, bare, simple = _read(text, SIZES, say("inventory.form_size"))
    if bare:
        amount *= _own_base(base, unit)
    return _number(amount, "" if bare and simple and base == 1.0 and unit else f"{_exact(amount)} GB")


def count(raw: Any, unit: str | None = "") -> Value:
    """A number of machines: ``3台``, ``3台虚拟机``, ``物理机2台、虚拟机3台``."""
    if isinstance(raw, str):
        with suppress(ValueError):
            kind = kind_said(raw)
            return Value(None, say("inventory.not_answered"), {} if kind is None else {"virtualised": kind})
    said, virtual = machines_said(raw) if isinstance(raw, str) else (raw, None)
    value = _counted(said, unit, THINGS, say("inventory.form_count"))
    return value if virtual is None else Value(value.value, value.understood, {"virtualised": virtual})


def cores(raw: Any, unit: str | None = "") -> Value:
    """A number of cores: ``16核``, ``2×8核``; with memory and disk beside it: ``4C8G``. Processors (颗) are not cores."""
    if isinstance(raw, str) and (machine := machine_size(raw)) is not None:
        return machine
    said = re.sub(r"(?<=核)/?\d{1,4}线程$", "", plain(raw)) if isinstance(raw, str) else raw
    return _counted(said, unit, CORES, say("inventory.form_cores"))


def people(raw: Any, unit: str | None = "") -> Value:
    """A number of people: ``约5000人``, ``1.2万``, ``2000余人``."""
    form = say("inventory.form_people")
    base = PEOPLE[(unit or "人").casefold()]
    said = raw if _is_number(raw) else re.sub(r"(?<=[\d万千百])[余多几](?=\D*$)|\+$", "", _text(raw))
    value = _measured(said, unit, base, PEOPLE, form)
    if value.value != int(value.value):
        raise Unreadable(form)
    shown = value.understood or (_exact(value.value) if not _is_number(raw) and said != _text(raw) else "")
    return Value(int(value.value), shown)


def money(raw: Any, unit: str | None = "") -> Value:
    """万元."""
    return _measured(raw, unit, MONEY[unit or "万元"], MONEY, say("inventory.form_amount"), shown=_in_wan)


def _in_wan(amount: str) -> Words:
    return say("inventory.in_wan", amount=amount)


def number(raw: Any, unit: str | None = "") -> Value:
    """A bare number, in the unit of its column."""
    return _counted(raw, unit, {}, say("inventory.form_number"))


def integer(raw: Any, unit: str | None = "") -> Value:
    value = number(raw, unit)
    if value.value != int(value.value):
        raise Unreadable(say("inventory.form_integer"))
    return Value(int(value.value), value.understood)


def minutes(raw: Any, unit: str | None = "") -> Value:
    """Minutes. A bare number has the unit of the header; without one it is taken as minutes and listed."""
    if isinstance(raw, dt.time):
        amount = raw.hour * 60 + raw.minute + raw.second / 60
        return _number(amount, say("inventory.minutes", amount=_exact(amount)))
    text = _text(raw)
    if text in _DURATION_WORDS:
        return Value(_DURATION_WORDS[text], say("inventory.minutes", amount=_exact(_DURATION_WORDS[text])))
    base = 60.0 if unit == "时" else DURATIONS[(unit or "分").casefold()]
    amount, bare, simple = _read(text, DURATIONS, say("inventory.form_duration"))
    if bare:
        amount *= _own_base(base, unit)
    return _number(amount, "" if bare and simple and base == 1.0 and unit else say("inventory.minutes", amount=_exact(amount)))


_DURATION_WORDS = dict.fromkeys(("不可中断", "不允许中断", "不能中断", "零中断"), 0.0) | {"半小时": 30.0, "半天": 720.0, "半日": 720.0}
_DURATION_WORDS |= dict.fromkeys(
    ("不限", "不限制", "无限制", "没有限制", "不限时", "不限时长", "随时", "随时可以", "随时可停", "随时可停机", "随时可中断", "任意", "任意时间", "任何时间", "任意时长", "都可以"), 1440.0
)
"""What is not limited is a day: more is nobody's budget for one cutover."""


def _counted(raw: Any, unit: str | None, known: Mapping[str, float], form: Words) -> Value:
    if _is_number(raw):
        return _number(float(raw) * _own_base(1.0, unit), "")
    text = _text(raw)
    if _LIMITS.match(text):
        raise Unreadable(form)
    amount, bare, simple = _read(text, known, form)
    if bare:
        _own_base(1.0, unit)
    return _number(amount, "" if bare and simple else _exact(amount))


def _measured(raw: Any, unit: str | None, base: float, known: Mapping[str, float], form: Words, shown: Callable[[str], Words] = str) -> Value:
    """An amount in the column's own unit. ``base``: what a number without a unit of its own is counted in."""
    if _is_number(raw):
        amount = round(float(raw) * _own_base(base, unit), 6)
        return _number(amount, "" if base == 1.0 else shown(_exact(amount)))
    text = _text(raw)
    if _LIMITS.match(text):
        raise Unreadable(form)
    amount, bare, simple = _read(text, known, form)
    amount = round(amount * (_own_base(base, unit) if bare else 1.0), 6)
    return _number(amount, "" if bare and simple and base == 1.0 else shown(_exact(amount)))


def _read(text: str, known: Mapping[str, float], form: Words) -> tuple[float, bool, bool]:
    """The amount in the base unit; whether it had no unit of its own; whether the text was that number and nothing else. Raises ``Unreadable``."""
    one = _ONE.match(text)
    if one and (not one.group(2) or one.group(2) in known):
        return _float(one.group(1)) * known.get(one.group(2), 1.0), not one.group(2), text == one.group(1)
    times = _PRODUCT.match(text) if known else None
    if times:
        units = [unit for unit in (times.group(2), times.group(4)) if unit]
        if len(units) < 2 and all(unit in known for unit in units):
            factor = known[units[0]] if units else 1.0
            return _float(times.group(1)) * _float(times.group(3)) * factor, not units, False
    raise Unreadable(form)


def _own_base(base: float, unit: str | None) -> float:
    """What a number without a unit of its own is counted in. Raises ``Unreadable`` when the header's unit is not understood."""
    if unit is None:
        raise Unreadable(_NEEDS_UNIT)
    return base


def _is_number(raw: Any) -> bool:
    return isinstance(raw, int | float) and not isinstance(raw, bool)


def _text(raw: Any) -> str:
    return in_digits(plain(raw).casefold().replace(" ", ""))


def _number(amount: float, understood: Words) -> Value:
    if not 0 <= amount < 1e15:
        raise Unreadable(say("inventory.out_of_range"))
    return Value(round(amount, 6) if understood else amount, understood)


def _exact(amount: float) -> str:
    """The number that is kept, in full: never ``1e+07``."""
    return f"{amount:.6f}".rstrip("0").rstrip(".")


def _float(text: str) -> float:
    return float(text.replace(",", ""))
