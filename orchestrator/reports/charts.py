"""Where things stand in the report's three drawings: numbers only, from the facts; the templates draw and escape.

Units are those of the drawing's viewBox (720 wide).
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from orchestrator.reports.facts import Phase, ReportFacts
from orchestrator.reports.system_facts import Cutover
from orchestrator.reports.values import Sourced, Words

WIDTH = 720.0
Scale = Callable[[float], float]
MOST_CUTOVERS = 36
"""More would not fit a page: then the ones nearest to (or over) their budget are drawn."""

# ---------------------------------------------------------------- phases against target


@dataclass(frozen=True)
class PhaseBar:
    phase: Phase
    y: float
    accepted: float
    planned: float
    target: float
    """x of the phase's own target: ``needed`` of ``in_scope``."""


@dataclass(frozen=True)
class PhaseChart:
    left: float
    width: float
    height: float
    bars: tuple[PhaseBar, ...]
    lines: tuple[tuple[float, int], ...]
    """(x, percent) of the 80 % and 100 % lines."""


def phase_chart(phases: Sequence[Phase]) -> PhaseChart:
    """A bar a phase: accepted, and behind it what the plan has accepted by the due date, as shares of what is in scope."""
    left, width, row = 108.0, WIDTH - 108 - 88, 54.0
    bars = tuple(
        PhaseBar(
            phase=p,
            y=34 + n * row,
            accepted=_share(p.accepted, p.in_scope) * width,
            planned=_share(p.planned, p.in_scope) * width if p.planned else 0,
            target=left + _share(p.needed, p.in_scope) * width,
        )
        for n, p in enumerate(phases)
    )
    return PhaseChart(left, width, 34 + row * len(bars) + 8, bars, ((left + 0.8 * width, 80), (left + width, 100)))


def _share(part: Sourced[int], whole: Sourced[int]) -> float:
    return min(1.0, part.value / whole.value) if whole.value else 0.0


# ---------------------------------------------------------------- acceptance over time


@dataclass(frozen=True)
class Tick:
    x: float
    label: str


@dataclass(frozen=True)
class DueLine:
    x: float
    phase: Phase
    y: float
    """Height of ``needed`` systems at the due date."""
    anchor: str


@dataclass(frozen=True)
class WaveBar:
    number: int
    x: float
    y: float
    width: float
    height: float
    done: float
    """Height of the part whose systems are accepted."""
    systems: tuple[str, ...]
    accepted: int


@dataclass(frozen=True)
class TimeChart:
    left: float
    right: float
    bottom: float
    height: float
    planned: str
    """Points of the planned staircase; empty without a plan."""
    real: str
    top: int
    rows: tuple[tuple[float, int], ...]
    ticks: tuple[Tick, ...]
    dues: tuple[DueLine, ...]
    waves: tuple[WaveBar, ...]
    today: float | None


def time_chart(facts: ReportFacts) -> TimeChart | None:
    """Systems finally accepted over time, promised and real, with each phase's target; the waves stand below. None: nothing to draw."""
    promised = sorted(_day(s.promise.accepted_by.value) for s in facts.systems if s.promise and s.promise.accepted_by.value)
    real = sorted(_day(s.since) for s in facts.systems if s.state.value.code == "accepted" and s.since)
    dues = [_day(p.due.value) for p in facts.phases]
    if not dues or not (promised or real):
        return None
    starts = [_day(s.promise.window_start.value) for s in facts.systems if s.promise]
    today = _day(facts.generated)
    first, last = min([*starts, *promised, *real]) - 7, max([*dues, *promised, *real]) + 10
    left, right, bottom = 40.0, WIDTH - 16, 210.0
    top = max(len(facts.systems), *(p.needed.value for p in facts.phases), 1)

    def x(day: float) -> float:
        return round(left + (day - first) / max(1.0, last - first) * (right - left), 1)

    def y(count: float) -> float:
        return round(bottom - count / top * (bottom - 26), 1)

    lines = tuple(
        DueLine(x(day), p, y(p.needed.value), "end" if x(day) > WIDTH / 2 else "start") for day, p in zip(dues, facts.phases, strict=True)
    )
    until = min(max(today, *real), last) if real else today
    return TimeChart(
        left=left,
        right=right,
        bottom=bottom,
        height=bottom + 92,
        planned=_stairs(promised, last, x, y),
        real=_stairs(real, until, x, y, first),
        top=top,
        rows=tuple((y(n), n) for n in _steps(top)),
        ticks=_ticks(first, last, x),
        dues=lines,
        waves=_waves(facts, x, bottom + 30, 44.0),
        today=x(today) if first <= today <= last else None,
    )


def _stairs(days: list[float], until: float, x: Scale, y: Scale, first: float | None = None) -> str:
    if not days:
        return ""
    points = [(x(first if first is not None else days[0]), y(0))]
    for count, day in enumerate(days, 1):
        points += [(x(day), points[-1][1]), (x(day), y(count))]
    points.append((x(max(until, days[-1])), points[-1][1]))
    return " ".join(f"{a:g},{b:g}" for a, b in points)


def _steps(top: int) -> list[int]:
    """Round figures up to ``top``, at most five."""
    size = 10 ** max(0, math.floor(math.log10(top)) - 1)
    step = next(s * size for s in (1, 2, 5, 10, 20, 50) if top / (s * size) <= 5)
    return list(range(0, top + 1, step))


def _ticks(first: float, last: float, x: Scale) -> tuple[Tick, ...]:
    begin, end = dt.date.fromordinal(math.ceil(first)), dt.date.fromordinal(math.floor(last))
    months = [(m // 12, m % 12 + 1) for m in range(begin.year * 12 + begin.month - 1, end.year * 12 + end.month)]
    every = next((n for n in (1, 3, 6, 12) if len(months) / n <= 10), 12)
    found = [dt.date(year, month, 1) for year, month in months if (month - 1) % every == 0]
    ticks = tuple(Tick(x(d.toordinal()), f"{d:%Y-%m}") for d in found if begin <= d <= end)
    return ticks or (Tick(x(begin.toordinal()), begin.isoformat()), Tick(x(end.toordinal()), end.isoformat()))


def _waves(facts: ReportFacts, x: Scale, top: float, height: float) -> tuple[WaveBar, ...]:
    waves: dict[int, list[tuple[str, float, bool]]] = {}
    for s in facts.systems:
        if s.promise:
            waves.setdefault(s.promise.wave.value, []).append((s.id, _day(s.promise.window_start.value), s.state.value.code == "accepted"))
    wide = max(1.5, min(14.0, round((x(7.0) - x(0.0)) * 0.8, 1)))
    most = max((len(w) for w in waves.values()), default=1)
    found = []
    for number, members in sorted(waves.items()):
        tall, accepted = height * len(members) / most, sum(done for _, _, done in members)
        ids = tuple(sorted(name for name, _, _ in members))
        begin = x(min(day for _, day, _ in members))
        found.append(
            WaveBar(
                number, begin, round(top + height - tall, 1), wide, round(tall, 1), round(tall * accepted / len(members), 1), ids, accepted
            )
        )
    return tuple(found)


def _day(text: str) -> float:
    moment = dt.datetime.fromisoformat(text)
    return moment.toordinal() + (moment.hour * 60 + moment.minute) / 1440


# ---------------------------------------------------------------- gaps against budgets


@dataclass(frozen=True)
class GapRow:
    cutover: Cutover
    name: Words
    y: float
    x: float | None
    budget: float | None


@dataclass(frozen=True)
class GapChart:
    left: float
    right: float
    height: float
    rows: tuple[GapRow, ...]
    ticks: tuple[tuple[float, float], ...]
    """(x, milliseconds)."""
    left_out: int


def gap_chart(facts: ReportFacts) -> GapChart | None:
    """Longest gap of every cutover and its budget on a logarithmic scale. None: no cutover yet."""
    names = {s.id: s.name for s in facts.systems}
    everything = [c for s in facts.systems for c in s.cutovers]
    if not everything:
        return None
    worst = sorted(everything, key=_nearness, reverse=True)[:MOST_CUTOVERS]
    drawn = sorted(worst, key=lambda c: c.started.value)
    values = [v for c in drawn for v in (c.longest_gap_ms.value, c.budget_ms.value) if v]
    low, high = math.floor(math.log10(min([*values, 10.0]))), math.ceil(math.log10(max([*values, 1000.0])) + 0.001)
    left, right, row = 196.0, WIDTH - 92, 19.0

    def x(value: float | None) -> float | None:
        return round(left + (math.log10(max(value, 10.0**low)) - low) / (high - low) * (right - left), 1) if value is not None else None

    rows = tuple(
        GapRow(c, names.get(c.system, Words(zh=c.system, en=c.system)), 30 + n * row, x(c.longest_gap_ms.value), x(c.budget_ms.value))
        for n, c in enumerate(drawn)
    )
    ticks = tuple((float(x(10.0**e) or 0), 10.0**e) for e in range(low, high + 1))
    return GapChart(left, right, 30 + row * len(rows) + 12, rows, ticks, len(everything) - len(drawn))


def _nearness(cutover: Cutover) -> float:
    gap, budget = cutover.longest_gap_ms.value, cutover.budget_ms.value
    return math.inf if cutover.breach or gap is None else gap / budget if budget else gap
