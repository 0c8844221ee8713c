"""The picture of the plan as one SVG: what is accepted over time against the targets, waves by department, cloud capacity against use.

A string to be put into the HTML report: no script, nothing loaded, every text escaped.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from html import escape
from typing import Any

from orchestrator.models import Inventory, Plan, PlanEntry, Strategy
from orchestrator.planning.programme import Programme
from orchestrator.planning.shortfall import short_of

WIDTH, LEFT, RIGHT = 960, 150, 24
INNER = WIDTH - LEFT - RIGHT
DEPARTMENTS = 24
"""Departments drawn one by one; the others share a row."""
COLOURS = {Strategy.CLOUD_DEPLOYMENT: "#2166ac", Strategy.DEVICE_RELOCATION: "#b2182b", Strategy.HOSTING: "#8c6d1f"}
WORDS: dict[str, dict[str, Any]] = {
    "zh": {
        "accepted": "终验系统数与阶段目标",
        "waves": "各单位割接波次",
        "capacity": "云平台容量与占用",
        "target": "{phase} {percent:g}%：需 {needed} 个",
        "in_scope": "{phase}范围",
        "others": "其他 {n} 个单位",
        "limit": "容量",
        "use": "占用",
        "strategies": ("部署上云", "设备迁移+上云", "整体搬迁托管"),
        "empty": "没有可画的计划",
        "vcpus": "CPU（核）",
        "memory_gb": "内存（GB）",
        "storage_gb": "存储（GB）",
    },
    "en": {
        "accepted": "Accepted systems against the targets",
        "waves": "Cutovers by department",
        "capacity": "Cloud capacity and use",
        "target": "{phase} {percent:g} %: {needed} needed",
        "others": "{n} other departments",
        "in_scope": "scope of {phase}",
        "limit": "capacity",
        "use": "in use",
        "strategies": ("cloud deployment", "device relocation", "hosting"),
        "empty": "there is no plan to draw",
        "vcpus": "vCPUs",
        "memory_gb": "memory (GB)",
        "storage_gb": "storage (GB)",
    },
}
Scale = Callable[[dt.date], float]


def plan_picture(plan: Plan, inventory: Inventory, programme: Programme, lang: str = "zh") -> str:
    """The SVG, 960 wide, as high as it needs. Draws what the plan says; counts nothing of its own but running sums."""
    words = WORDS[lang]
    if not plan.entries:
        return f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} 40"><text x="12" y="24">{words["empty"]}</text></svg>'
    first = _first(plan)
    last = max([*(one.due for one in plan.phases), *(_accepted(one) for one in plan.entries)])
    span = max(1, (last - first).days)

    def x(day: dt.date) -> float:
        return round(LEFT + INNER * (day - first).days / span, 1)

    parts: list[str] = []
    height = _targets(parts, plan, x, _scopes(inventory, programme), words)
    height = _waves(parts, plan, inventory, x, height, words, lang)
    for dimension in ("vcpus", "memory_gb", "storage_gb"):
        if any(getattr(step, dimension) is not None for step in programme.cloud):
            height = _capacity(parts, plan, inventory, programme, dimension, x, (first, last), height, words)
    style = 'font-family="Noto Sans CJK SC, SimHei, sans-serif" font-size="12"'
    title = f"<title>{escape(words['accepted'])}</title>"
    return f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img" {style}>{title}{"".join(parts)}</svg>'


def _targets(parts: list[str], plan: Plan, x: Scale, scopes: Sequence[set[str]], words: dict[str, Any]) -> int:
    """Panel one: for every scope a stair of accepted systems, a line at every phase's target, a mark at its due date."""
    top, bottom, room = 0, 250, 190
    most = max([len(plan.entries), *(one.needed for one in plan.phases), 1])

    def y(count: int) -> float:
        return round(bottom - 20 - room * count / most, 1)

    _title(parts, str(words["accepted"]), top)
    _years(parts, plan, x, top + 30, bottom - 20)
    for number, colour in zip(range(len(plan.phases)), ("#1a7f37", "#6f42c1", "#0a7ea4", "#9a6700"), strict=False):
        scope = scopes[number]
        if scope in scopes[:number]:
            continue
        days = sorted(_accepted(one) for one in plan.entries if one.system in scope)
        path = [f"M{LEFT} {y(0)}"]
        for count, day in enumerate(days, 1):
            if count == len(days) or days[count] != day:
                path += [f"H{x(day)}", f"V{y(count)}"]
        name = str(words["in_scope"]).format(phase=plan.phases[number].name or plan.phases[number].id)
        tip = f"<title>{escape(name)}: {len(days)}</title>"
        parts.append(f'<path d="{" ".join([*path, f"H{WIDTH - RIGHT}"])}" fill="none" stroke="{colour}" stroke-width="2">{tip}</path>')
        parts.append(f'<text x="{LEFT - 8}" y="{y(len(days)) + 4}" text-anchor="end" fill="{colour}">{escape(name)} {len(days)}</text>')
    for phase in plan.phases:
        name = str(words["target"]).format(phase=phase.name or phase.id, percent=phase.percent or 0, needed=phase.needed)
        met = "#b2182b" if short_of(phase, plan.counting) else "#444"
        at, due = y(phase.needed), x(phase.due)
        parts.append(f'<line x1="{LEFT}" x2="{due}" y1="{at}" y2="{at}" stroke="{met}" stroke-dasharray="5 4"/>')
        parts.append(f'<line x1="{due}" x2="{due}" y1="{at - 8}" y2="{bottom - 20}" stroke="{met}" stroke-dasharray="2 3"/>')
        anchor = "end" if due > WIDTH * 0.6 else "start"
        label = f"{name} · {phase.due}"
        parts.append(
            f'<text x="{due - 4 if anchor == "end" else LEFT + 4}" y="{at - 5}" text-anchor="{anchor}" fill="{met}">{escape(label)}</text>'
        )
    return bottom + 10


def _waves(parts: list[str], plan: Plan, inventory: Inventory, x: Scale, top: int, words: dict[str, Any], lang: str) -> int:
    """Panel two: a row for each department, a dot for each cutover week, as large as what moves in it."""
    owner = {one.id: one.department for one in inventory.systems}
    names = {one.id: one.name if lang == "zh" else one.name_en or one.name for one in inventory.departments}
    rows: dict[str, list[PlanEntry]] = {}
    for entry in plan.entries:
        rows.setdefault(owner.get(entry.system, "?"), []).append(entry)
    ranked = sorted(rows, key=lambda one: (-len(rows[one]), one))
    drawn: list[tuple[str, list[PlanEntry]]] = [(names.get(one, one), rows[one]) for one in ranked[:DEPARTMENTS]]
    if ranked[DEPARTMENTS:]:
        rest = [entry for one in ranked[DEPARTMENTS:] for entry in rows[one]]
        drawn.append((str(words["others"]).format(n=len(ranked) - DEPARTMENTS), rest))
    _title(parts, str(words["waves"]), top)
    legend = words["strategies"]
    for number, (colour, text) in enumerate(zip(COLOURS.values(), legend, strict=True)):
        parts.append(f'<circle cx="{LEFT + 300 + 150 * number}" cy="{top + 16}" r="5" fill="{colour}"/>')
        parts.append(f'<text x="{LEFT + 310 + 150 * number}" y="{top + 20}">{escape(text)}</text>')
    bottom = top + 34 + 20 * len(drawn)
    _years(parts, plan, x, top + 30, bottom)
    for number, (name, entries) in enumerate(drawn):
        y = top + 44 + 20 * number
        short = name if len(name) <= 11 else f"{name[:10]}…"
        parts.append(f'<text x="{LEFT - 8}" y="{y + 4}" text-anchor="end">{escape(short)}<title>{escape(name)}</title></text>')
        parts.append(f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y}" y2="{y}" stroke="#ddd"/>')
        together: dict[tuple[dt.date, Strategy], list[str]] = {}
        for entry in entries:
            together.setdefault((entry.window_start.date() - dt.timedelta(days=entry.window_start.weekday()), entry.strategy), []).append(
                entry.system
            )
        for (week, strategy), systems in sorted(together.items()):
            size = min(9.0, 2.5 + len(systems) ** 0.5 * 1.5)
            label = escape(f"{week}: {', '.join(systems[:8])}{' …' if len(systems) > 8 else ''}")
            parts.append(
                f'<circle cx="{x(week)}" cy="{y}" r="{size:.1f}" fill="{COLOURS[strategy]}" opacity="0.75"><title>{label}</title></circle>'
            )
    return bottom + 16


def _capacity(
    parts: list[str], plan: Plan, inventory: Inventory, programme: Programme, dimension: str, x: Scale, span: tuple[dt.date, dt.date],
    top: int, words: dict[str, Any],
) -> int:  # fmt: skip
    """Panel three and on: what of the cloud is taken, from each system's preparation on, under what there is."""
    first, last = span
    size = {one.id: float(getattr(one, dimension) or 0) for one in inventory.systems}
    taken = sorted(
        (one.preparation_starts or one.window_start.date(), size.get(one.system, 0.0))
        for one in plan.entries
        if one.strategy != Strategy.HOSTING
    )
    limits = sorted((step.since, getattr(step, dimension)) for step in programme.cloud)
    most = max([sum(amount for _, amount in taken), *(amount for _, amount in limits if amount is not None), 1.0])
    bottom = top + 150

    def y(amount: float) -> float:
        return round(float(bottom - 16 - 100 * amount / most), 1)

    _title(parts, f"{words['capacity']}:{words[dimension]}", top)
    _years(parts, plan, x, top + 30, bottom - 16)
    for values, colour, name in ((_running(taken), "#2166ac", words["use"]), (limits, "#b2182b", words["limit"])):
        path, level, drawn = [f"M{LEFT} {y(0)}"], 0.0, True
        for day, amount in values:
            at = x(min(max(day, first), last))
            if drawn:
                path.append(f"H{at}")
            if amount is not None:
                path.append(f"V{y(amount)}" if drawn else f"M{at} {y(amount)}")
                level = amount
            drawn = amount is not None  # no line where nothing limits
        if drawn:
            path.append(f"H{WIDTH - RIGHT}")
        parts.append(f'<path d="{" ".join(path)}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts.append(f'<text x="{LEFT - 8}" y="{y(level) + 4}" text-anchor="end" fill="{colour}">{escape(str(name))} {level:g}</text>')
    return bottom + 10


def _scopes(inventory: Inventory, programme: Programme) -> list[set[str]]:
    """By phase, the systems that count."""
    levels = {one.id: one.level for one in inventory.departments}
    return [
        {one.id for one in inventory.systems if levels.get(one.department) in phase.levels and one.kind in phase.kinds}
        for phase in programme.phases
    ]


def _running(values: Sequence[tuple[dt.date, float]]) -> list[tuple[dt.date, float]]:
    found: dict[dt.date, float] = {}
    total = 0.0
    for day, amount in values:
        total += amount
        found[day] = total
    return list(found.items())


def _title(parts: list[str], text: str, top: int) -> None:
    parts.append(f'<text x="12" y="{top + 20}" font-size="15" font-weight="bold">{escape(text)}</text>')


def _years(parts: list[str], plan: Plan, x: Scale, top: float, bottom: float) -> None:
    """A thin line at every quarter, the year written at the first."""
    days = [_accepted(one) for one in plan.entries] + [one.due for one in plan.phases]
    low = _first(plan)
    for year in range(low.year, max(days).year + 1):
        for month in (1, 4, 7, 10):
            day = dt.date(year, month, 1)
            if low <= day <= max(days):
                parts.append(f'<line x1="{x(day)}" x2="{x(day)}" y1="{top}" y2="{bottom}" stroke="{"#bbb" if month == 1 else "#eee"}"/>')
                parts.append(f'<text x="{x(day) + 2}" y="{bottom + 12}" font-size="10" fill="#666">{f"{year}-{month:02d}"}</text>')


def _first(plan: Plan) -> dt.date:
    days = [one.window_start.date() for one in plan.entries]
    return min([*days, plan.starts or days[0]])


def _accepted(entry: PlanEntry) -> dt.date:
    return (entry.accepted_by or entry.window_end).date()
