"""Until when things last: a system that is to be switched off, software that its makers support no more."""

from __future__ import annotations

import datetime as dt
import re
import unicodedata
from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple

from orchestrator.policy.policy import Policy

MONTH_DAYS = 30.44


class Outdated(NamedTuple):
    """One product of a text that was out of support on the day."""

    text: str
    since: dt.date


def last_day(partial: str) -> dt.date:
    """The last day that ``2026``, ``2026-12`` or ``2026-12-31`` may mean."""
    year, month, day = [*(int(part) for part in partial.split("-")), 0, 0][:3]
    if day:
        return dt.date(year, month, day)
    if month and month < 12:
        return dt.date(year, month + 1, 1) - dt.timedelta(days=1)
    return dt.date(year, 12, 31)


def date_words(partial: str) -> tuple[str, str]:
    """``2026年12月``, ``2026-12``."""
    parts = [part.lstrip("0") for part in partial.split("-")]
    return "".join(f"{part}{unit}" for part, unit in zip(parts, "年月日", strict=False)), partial


def ends_within(partial: str, today: dt.date, months: float) -> bool:
    """Whether something with this planned end is over within so many months of ``today``, or is over already."""
    return (last_day(partial) - today).days <= months * MONTH_DAYS


def outdated(policy: Policy, texts: Iterable[str], today: dt.date) -> list[Outdated]:
    """The texts that name a product whose makers' support has ended before ``today``, each once, with the earliest of its dates."""
    found: dict[str, Outdated] = {}
    for text in texts:
        plain = _plain(text)
        ended = [day for day, products in policy.end_of_support if day < today and _pattern(products).search(plain)]
        if ended:
            found.setdefault(text, Outdated(text, min(ended)))
    return list(found.values())


def _plain(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold()


@lru_cache(maxsize=512)
def _pattern(products: tuple[str, ...]) -> re.Pattern[str]:
    """Any of the products: ``centos 7`` stands in ``CentOS Linux release 7.6``-like texts only as written, and never in ``centos 70``.

    Spaces may be missing, ``r2`` and a dotted minor version may follow; another digit may not.
    """
    parts = []
    for product in products:
        words = r"\s*".join(re.escape(word) for word in _plain(product).split())
        before = r"(?<![a-z])" if product[:1].isascii() else ""
        parts.append(rf"{before}{words}(?!\d)")
    return re.compile("|".join(parts))
