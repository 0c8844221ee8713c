"""The two forms as data (``headers.yaml``): which sheets and columns there are, and which field a header means."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib import resources

from orchestrator.inventory.answers import classified
from orchestrator.inventory.yaml_in import documents_of
from orchestrator.texts import Name

_BRACKETS = re.compile(r"[((\[【<《][^))\]】>》]*[))\]】>》]")
_NOISE = re.compile(r"[\s*※★:、,,.。·_\-—\"'“”()\[\]()【】??]+")
_GROUP_ENDS = re.compile(r"^[一二三四五六七八九十\d]+|(?:(?<=.)基本)?(?:情况|信息|配置|参数|指标|概况|状况|环境)+$")

AS_IT_IS = "〔原样〕"
"""Behind a header that somebody said is to be kept as it is, where the form would know it."""


@dataclass(frozen=True)
class Column:
    field: str
    type: str
    zh: str
    en: str
    also: tuple[str, ...]
    need: str = ""
    unit: str = ""
    lesser: frozenset[str] = frozenset()
    """Of ``also``, words that mean something else where a better header stands beside them (使用单位 beside 单位名称)."""
    joins: frozenset[str] = frozenset()
    """Of ``also``, words of a column that completes this one (数据库版本 beside 数据库类型)."""

    @property
    def name(self) -> Name:
        """Its header, for people."""
        return Name(self.zh, self.en)

    def completes(self, header: str) -> bool:
        return whole_key(header) in self.joins or header_key(header) in self.joins

    def stands_back(self, header: str) -> bool:
        return self.completes(header) or whole_key(header) in self.lesser or header_key(header) in self.lesser

    @property
    def yes_no(self) -> bool:
        """Whether the answer is yes or no, in whatever words."""
        return self.type in {"yes_no", "machine", "package", "support", "ending"}


@dataclass(frozen=True)
class Form:
    """One kind of sheet."""

    id: str
    zh: str
    en: str
    sheets: frozenset[str]
    columns: tuple[Column, ...]
    by_header: dict[str, Column]
    groups: dict[str, str]
    """What may stand above several columns → what it is about: ``system``, ``department``, ``security`` or ``technical``."""

    def column(self, field: str) -> Column:
        return next(column for column in self.columns if column.field == field)


_QUESTION_NUMBER = re.compile(r"^\s*(?:[Qq]?\d{1,3}\s*[、.)]|\(\d{1,3}\))\s*(?=[^\d\s])")
"""2、系统名称, as exports of questionnaires have it."""


def header_key(text: str) -> str:
    """What is left of a header when width, case, spaces, marks, a question's number and a remark in brackets do not count."""
    return _NOISE.sub("", _BRACKETS.sub("", _QUESTION_NUMBER.sub("", unicodedata.normalize("NFKC", text)))).casefold()


def whole_key(text: str) -> str:
    """The same with the words in brackets kept."""
    return _NOISE.sub("", unicodedata.normalize("NFKC", text)).casefold()


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
                frozenset(map(whole_key, c.get("lesser", ()))),
                frozenset(map(whole_key, c.get("joins", ()))),
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
        groups = {
            group_key(word): about
            for about, words in entry.get("groups", {}).items()
            for word in (*words, *more.get((ident, f"group.{about}"), ()))
        }
        found[ident] = Form(ident, sheet["zh"], sheet["en"], names_of, columns, by_header, groups)
    return found


def part_forms() -> tuple[str, ...]:
    """The technical sheets: their rows say whose they are."""
    return tuple(ident for ident, form in forms().items() if any(column.field == "system" for column in form.columns))


def form_of(about: str) -> Form:
    """The form whose columns a table about this has."""
    return forms()[about if about in part_forms() else "systems"]


def columns_of(about: str) -> dict[str, Column]:
    """Field → column that a table about this may have; on a technical sheet too, whether a row is classified."""
    answers = forms()["systems"].column("classified")
    return {answers.field: answers} | {column.field: column for column in form_of(about).columns}


def match(form: Form, header: str) -> Column | None:
    """The column a header means in this form, or None."""
    return form.by_header.get(whole_key(header)) or form.by_header.get(header_key(header)) if header else None


def group_key(text: str) -> str:
    """What is left of a group's name: ``二、系统基本情况`` → ``系统``."""
    return _GROUP_ENDS.sub("", header_key(text)) or header_key(text)


def in_group(form: Form, group: str, column: Column, words: str) -> bool:
    """Whether a column's own words mean that column under this group: 名称 does under 系统基本情况, and does not under 承建单位; 建设状态 and
    是否涉密 are no machine's, whatever they stand under."""
    if not form.groups:
        return True
    about = form.groups.get(group_key(group))
    if column.field in {"level", "organisation_type", "department"}:
        return about in {"system", "department"}
    if column.field == "classified" and (about == "security" or "涉密" in words):
        return about is not None
    if column.field == "status" and header_key(words) == header_key(column.zh):
        return about is not None
    return about == "system" if column.need == "count" or column.field in {"id", "row_no"} else about is not None


@lru_cache(maxsize=20_000)
def known_in(header: str, extra: Extra) -> dict[str, str]:
    """Form → field, for every form that knows this header. ``extra``: as of now, for the cache."""
    if not header or len(header) > 40:
        return {}
    return {form.id: column.field for form in _forms(extra).values() if (column := match(form, header))}


def asks_whether_classified(words: str) -> bool:
    """Whether they are a header, or a label, for 是否涉密; 涉密 alone may be an answer."""
    column = match(forms()["systems"], words)
    return column is not None and column.field == "classified" and classified(words) is None


def most_headers(words: Iterable[str]) -> tuple[int, str]:
    """How many different columns of one form these texts are the headers of, at most; and which form's."""
    extra = _extra.get()
    fields: dict[str, set[str]] = {}
    for word in words:
        for form, field in known_in(word, extra).items():
            fields.setdefault(form, set()).add(field)
    return max(((len(found), form) for form, found in fields.items()), default=(0, ""))
