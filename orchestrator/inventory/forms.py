"""The two forms as data (``headers.yaml``): which sheets and columns there are, and which field a header means."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cache
from importlib import resources

from orchestrator.inventory.yaml_in import documents_of

_BRACKETS = re.compile(r"[((\[【<《][^))\]】>》]*[))\]】>》]")
_NOISE = re.compile(r"[\s*※★:、,,.。·_\-—\"'“”()\[\]()【】??]+")
_UNIT = re.compile(r"[((\[【]\s*(?:单位\s*[::]\s*)?([A-Za-z]{1,5}|[一-鿿]{1,4})\s*[))\]】]")


@dataclass(frozen=True)
class Column:
    field: str
    type: str
    zh: str
    en: str
    also: tuple[str, ...]
    need: str = ""
    unit: str = ""


@dataclass(frozen=True)
class Form:
    """One kind of sheet."""

    id: str
    zh: str
    en: str
    sheets: frozenset[str]
    columns: tuple[Column, ...]
    by_header: dict[str, Column]

    def column(self, field: str) -> Column:
        return next(column for column in self.columns if column.field == field)


def header_key(text: str) -> str:
    """What is left of a header when width, case, spaces, marks and a remark in brackets do not count."""
    return _NOISE.sub("", _BRACKETS.sub("", unicodedata.normalize("NFKC", text))).casefold()


def whole_key(text: str) -> str:
    """The same with the words in brackets kept."""
    return _NOISE.sub("", unicodedata.normalize("NFKC", text)).casefold()


def unit_of(header: str) -> str:
    """The unit in a header's brackets: ``数据量(TB)`` → ``TB``; empty when there is none."""
    found = _UNIT.search(unicodedata.normalize("NFKC", header))
    return found.group(1) if found else ""


Extra = tuple[tuple[str, str, tuple[str, ...]], ...]
"""(form, field, further headers): hashable, so that what is made of it is made once."""
_extra: ContextVar[Extra] = ContextVar("headers", default=())


@contextmanager
def further_headers(extra: Extra) -> Iterator[None]:
    """Within it, the forms know a city's own headers too."""
    token = _extra.set(extra)
    try:
        yield
    finally:
        _extra.reset(token)


def forms() -> dict[str, Form]:
    """Every form, by id. Read from the package's data once, and once more for a city's own headers."""
    return _forms(_extra.get())


@cache
def _forms(extra: Extra) -> dict[str, Form]:
    more = {(form, field): headers for form, field, headers in extra}
    text = (resources.files("orchestrator.inventory") / "headers.yaml").read_text("utf-8")
    found: dict[str, Form] = {}
    for ident, entry in documents_of(text, "headers.yaml")[0].items():
        columns = tuple(
            Column(
                c["field"],
                c["type"],
                c["zh"],
                c["en"],
                (*c.get("also", ()), *more.get((ident, c["field"]), ())),
                c.get("need", ""),
                c.get("unit", ""),
            )
            for c in entry["columns"]
        )
        by_header: dict[str, Column] = {}
        for names in (lambda c: (c.zh, c.en, c.field), lambda c: c.also):
            for column in columns:
                for name in names(column):
                    by_header.setdefault(whole_key(name), column)
                    by_header.setdefault(header_key(name), column)
        sheet = entry["sheet"]
        names_of = frozenset(whole_key(name) for name in (sheet["zh"], sheet["en"], ident, *sheet.get("also", ())))
        found[ident] = Form(ident, sheet["zh"], sheet["en"], names_of, columns, by_header)
    return found


def match(form: Form, header: str) -> Column | None:
    """The column a header means in this form, or None."""
    return form.by_header.get(whole_key(header)) or form.by_header.get(header_key(header)) if header else None
