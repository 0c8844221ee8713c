"""Several sizes in one cell are their sum, whatever stands between them: ``500 GiB;500 GiB``, ``系统盘40G、数据盘2*500G``, ``100G+1T``.

``500G/200G`` may be a whole and what of it is used: raises ``Ambiguous``, which says what each would be.
"""

from __future__ import annotations

import re
from typing import Any

from orchestrator.inventory.cells import Ambiguous, Value, plain
from orchestrator.inventory.numerals import in_digits
from orchestrator.inventory.units import SIZES
from orchestrator.texts import say

ADDED, FIRST_ONLY = "相加", "只计前一个"
_DISK = r"(?:第[一二三四五六七八九]块|[a-z](?=盘))?(?:系统|数据|备份|日志|[云硬磁]|本地|固态|机械|高效|高速|普通|共享)*盘|/dev/[a-z]+|[sv]d[a-z]|ssd|hdd|sas|sata|nvme|disk"
_ONE = re.compile(
    rf"\s*(?P<between>[;、,+/|&和及\n]*)\s*(?:(?:{_DISK})(?:\d(?=[:=\s]))?\s*[:=]?\s*)?(?:(?P<before>\d{{1,3}})\s*[x×*]\s*)?(?P<amount>\d{{1,7}}(?:\.\d{{1,4}})?)\s*(?P<unit>[ptgmk](?:i?b)?)"
    r"(?:\s*[x×*]\s*(?P<behind>\d{1,3}))?(?:[块个条]盘?)?"
)
_BARE = re.compile(r"\d{1,7}(?:\.\d{1,4})?")


def size_sum(raw: Any, base: float | None) -> Value | None:
    """GB; None where it is no list of sizes. ``base``: GB in the unit of a number without one of its own, None where that is not understood."""
    said = in_digits(plain(raw).casefold().strip()) if isinstance(raw, str) else ""
    amounts, between = _with_units(said)
    amounts = amounts or _bare(said, base)
    if len(amounts) < 2 and not (amounts and re.search("[x×*]", said)):
        return None
    whole = _value(sum(amounts))
    if between == "/" and len(amounts) == 2 and amounts[1] < amounts[0]:
        raise Ambiguous(say("inventory.form_size"), "parts", {ADDED: lambda: whole, FIRST_ONLY: lambda: _value(amounts[0])})
    return whole


def _value(amount: float) -> Value:
    amount = round(amount, 6)
    return Value(amount, f"{amount:.6f}".rstrip("0").rstrip(".") + " GB")


def _with_units(text: str) -> tuple[list[float], str]:
    """Amounts, and what stands before the last one; none where something else is said."""
    amounts, at, between = list[float](), 0, ""
    while at < len(text):
        found = _ONE.match(text, at)
        if found is None:
            return ([], "") if text[at:].strip(";、,\n ") else (amounts, between)
        amounts.append(float(found["amount"]) * SIZES[found["unit"]] * int(found["before"] or found["behind"] or 1))
        at, between = found.end(), found["between"]
    return amounts, between


def _bare(text: str, base: float | None) -> list[float]:
    """Numbers that all are of the column's unit; a comma may stand within one, and a slash between a whole and a part."""
    parts = [part for part in re.split(r"\s*[;、+|\n]\s*", text) if part]
    return [float(part) * base for part in parts] if base is not None and len(parts) > 1 and all(map(_BARE.fullmatch, parts)) else []
