"""``ReportFacts`` → one self-contained HTML file: no script, no outside resource, every text escaped."""

from __future__ import annotations

import sys
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal
from xml.etree.ElementTree import fromstring

from jinja2 import Environment, FileSystemBytecodeCache, FileSystemLoader, StrictUndefined, pass_context
from jinja2.bccache import Bucket
from jinja2.runtime import Context
from markupsafe import Markup

from orchestrator.planning.words import window_rule
from orchestrator.reports import charts
from orchestrator.reports.facts import EventLine, ReportFacts
from orchestrator.reports.texts import TEXTS
from orchestrator.reports.values import Mark, Source, Sourced, Words
from orchestrator.reports.words import ROWS
from orchestrator.texts.durations import spell

Lang = Literal["zh", "en"]
TEMPLATES = Path(__file__).parent / "templates"
SHOWN_EVENTS = 6
"""A source with more events names the others by number only; each stands in full in the table of events."""


class TemplateCache(FileSystemBytecodeCache):
    """Compiled templates beside the compiled modules, and as much trusted as they: never in a folder that others write to.
    Compiling them takes longer than all else of a report. Where nothing may be written, they are compiled each time."""

    def load_bytecode(self, bucket: Bucket) -> None:
        with suppress(OSError):
            super().load_bytecode(bucket)

    def dump_bytecode(self, bucket: Bucket) -> None:
        if sys.dont_write_bytecode:
            return
        with suppress(OSError):
            Path(self.directory).mkdir(exist_ok=True)
            super().dump_bytecode(bucket)


class Sources:
    """Numbers the sources in the order in which figures first cite them."""

    def __init__(self, facts: ReportFacts) -> None:
        self._numbers: dict[Source, int] = {}
        self._events = {e.seq: e for e in facts.events}

    def number(self, source: Source) -> int:
        return self._numbers.setdefault(source, len(self._numbers) + 1)

    def cited(self) -> list[tuple[int, Source, list[EventLine]]]:
        """(number, source, its first events), as cited so far."""
        return [(n, s, [self._events[e] for e in s.events[:SHOWN_EVENTS] if e in self._events]) for s, n in self._numbers.items()]


_DRAWN = {"svg", "g", "title", "desc", "path", "line", "rect", "circle", "polyline", "polygon", "text", "tspan"}


def drawing(svg: str) -> Markup:
    """A drawing that another module made as a string, fit to stand in the report. Raises ValueError when it holds more than shapes
    and texts: no link, no script, no style sheet, nothing to load."""
    root = fromstring(svg)  # noqa: S314 - made by our own code a moment ago; it is looked at for what it must not hold
    for element in root.iter():
        name = str(element.tag).removeprefix("{http://www.w3.org/2000/svg}")
        bad = [k for k, v in element.attrib.items() if k.lower().startswith("on") or k.endswith("href") or "url(" in v.lower()]
        if name not in _DRAWN or bad:
            raise ValueError(f"a drawing may not hold <{name}> {' '.join(bad)}".strip())
    return Markup(svg)  # noqa: S704 - parsed above: shapes and escaped texts only


def render(facts: ReportFacts, lang: Lang = "zh", *, plan_picture: Markup | None = None) -> str:
    """The report. The same facts give the same file. ``plan_picture``: see ``drawing``."""
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        bytecode_cache=TemplateCache(str(TEMPLATES.parent / "__pycache__")),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "w": _words,
        "ms": _milliseconds,
        "n": _number,
        "row": _row,
        "minutes": _minutes,
        "ms_short": _tick,
        "cut": _cut,
        "rule": _rule,
    }
    environment.globals["_"] = _text
    return environment.get_template("report.html").render(
        f=facts,
        lang=lang,
        sources=Sources(facts),
        phase_chart=charts.phase_chart(facts.phases),
        time_chart=charts.time_chart(facts),
        gap_chart=charts.gap_chart(facts),
        plan_picture=plan_picture,
        names={s.id: s.name for s in facts.systems},
    )


@pass_context
def _text(context: Context, key: str, **values: object) -> str:
    """A text of the report in its language. An unknown key is a bug and raises KeyError."""
    return TEXTS[key][0 if context["lang"] == "zh" else 1].format(**values)


@pass_context
def _words(context: Context, value: Words | Mark | Sourced[Any]) -> str:
    """The words of a text, a state, or a sourced one, in the report's language."""
    if isinstance(value, Sourced):
        value = value.value
    said = value.words if isinstance(value, Mark) else value
    return str(getattr(said, context["lang"]))


@pass_context
def _milliseconds(context: Context, value: float | None) -> str:
    """A duration in a unit a person reads at a glance; a dash when nothing was measured."""
    zh = context["lang"] == "zh"
    if value is None:
        return "未测得" if zh else "not measured"
    if value < 1000:
        return f"{value:.1f} {'毫秒' if zh else 'ms'}"
    if value < 120_000:
        return f"{value / 1000:.2f} {'秒' if zh else 's'}"
    return spell(value / 1000).spoken(context["lang"])


@pass_context
def _minutes(context: Context, value: float | None) -> str:
    if value is None:
        return "未公告" if context["lang"] == "zh" else "not announced"
    return spell(value * 60).spoken(context["lang"])


@pass_context
def _rule(context: Context, rule: str) -> str:
    """A window's rule in the report's language."""
    return window_rule(rule, context["lang"])


@pass_context
def _tick(context: Context, value: float) -> str:
    """A power of ten of milliseconds."""
    zh = context["lang"] == "zh"
    return f"{value:g} {'毫秒' if zh else 'ms'}" if value < 1000 else f"{value / 1000:g} {'秒' if zh else 's'}"


def _cut(text: str, wide: int) -> str:
    """At most so many columns in a drawing; a Chinese character takes two."""
    used = 0
    for n, c in enumerate(text):
        used += 2 if ord(c) > 0x2E7F else 1
        if used > wide:
            return text[:n] + "…"
    return text


def _number(value: float | None) -> str:
    """With thin separators; a dash for nothing."""
    return "–" if value is None else f"{value:,}" if isinstance(value, int) else f"{value:g}"


@pass_context
def _row(context: Context, row: str) -> str:
    """A source that is not an event, in words."""
    kind, _, ident = row.partition(":")
    zh, en = ROWS.get(kind, (kind, kind))
    shown = ident[:12] if kind == "plan" else "" if ident == "*" else ident
    return f"{zh if context['lang'] == 'zh' else en} {shown}".strip()
