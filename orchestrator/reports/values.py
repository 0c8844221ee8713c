"""The values a report is made of: every figure carries its source, every text both languages. Pure data, JSON-able."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Generic, TypeVar

from pydantic import BaseModel, ConfigDict

T = TypeVar("T")


class Value(BaseModel):
    """Base of everything in ``ReportFacts``: immutable, unknown fields refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)


class Source(Value):
    """Where a figure comes from.

    ``events``: sequence numbers on the audit chain. ``rows``: other records, ``kind:id``, where kind is one of
    ``inventory``, ``plan``, ``programme``, ``policy``, ``journal`` (a range that was searched), ``measurements``, ``gates``,
    ``tasks``, ``steps``, ``migrations``, ``flags``.
    """

    events: tuple[int, ...] = ()
    rows: tuple[str, ...] = ()

    @staticmethod
    def of(sources: Iterable[Source]) -> Source:
        """All of them as one, without repetition, in order."""
        known = list(sources)
        events = tuple(sorted({event for source in known for event in source.events}))
        return Source(events=events, rows=tuple(dict.fromkeys(row for source in known for row in source.rows)))

    def __add__(self, other: Source) -> Source:
        return Source.of((self, other))


class Sourced(Value, Generic[T]):
    """A figure and where it comes from. ``value`` is None when it was not measured, never 0 instead."""

    value: T
    source: Source


class Words(Value):
    """A text in both languages."""

    zh: str
    en: str


def same(text: str) -> Words:
    """A text that is one in both languages: a name, what a person wrote."""
    return Words(zh=text, en=text)


class Mark(Value):
    """A state with its words: ``code`` is stable."""

    code: str
    words: Words
