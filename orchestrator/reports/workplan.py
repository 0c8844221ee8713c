"""A department's migration work plan (迁移接入工作方案, R9) as a list of blocks; ``workplan_docx`` and ``workplan_html`` print them.

What the municipal opinion demands stands under 依据文件的要求; what this programme adds under 本方案安排 (arranged here): never one as
the other. Phone numbers are personal data and are not printed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from orchestrator.inventory.find import find_department
from orchestrator.models import Department, Inventory, Plan, PlanEntry, System, Verdict
from orchestrator.planning.notes import note_words
from orchestrator.planning.words import window_rule
from orchestrator.reports.workplan_words import DEMANDED, STRATEGY, WORDS, checks_of, going_back, steps_of
from orchestrator.texts import spoken
from orchestrator.texts.durations import spell

OVERRIDE = "override"
"""The id of the reason that a person gave, among those of a verdict."""


@dataclass(frozen=True)
class Heading:
    level: int
    text: str


@dataclass(frozen=True)
class Text:
    text: str


@dataclass(frozen=True)
class Items:
    """A numbered list."""

    items: tuple[str, ...]


@dataclass(frozen=True)
class Grid:
    """A table; ``widths`` are relative. ``tall``: rows leave room for a signature."""

    headers: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    widths: tuple[int, ...]
    tall: bool = False


Block = Heading | Text | Items | Grid


@dataclass(frozen=True)
class WorkPlan:
    title: str
    lang: str
    subtitle: str
    blocks: tuple[Block, ...]


def work_plan(
    inventory: Inventory, verdicts: Mapping[str, Verdict], plan: Plan, department: str, lang: str = "zh", *, draft: bool = False
) -> WorkPlan:
    """The work plan of one department, from the plan alone; ``draft``: nobody approved that plan, and it says so.

    Raises ``UsageError`` for a department that the inventory does not have."""
    owner = find_department(inventory.departments, department)
    words = WORDS[lang]
    name = owner.name if lang == "zh" else owner.name_en or owner.name
    systems = [one for one in inventory.systems if one.department == owner.id]
    entries = {one.system: one for one in plan.entries}
    planned = sorted((one for one in systems if one.id in entries), key=lambda one: (entries[one.id].wave, entries[one.id].order))
    blocks: list[Block] = [Heading(1, words["basis"]), Text(words["basis_text"])]
    blocks += [Heading(2, words["demanded"]), Items(DEMANDED[lang])]
    blocks += [
        Heading(1, words["schedule"]),
        _counts(inventory, owner, systems, planned, words),
        _schedule(planned, entries, verdicts, lang),
    ]
    blocks.append(Text(words["window_note"]))
    for number, one in enumerate(planned, 1):
        blocks += _system(number, one, entries[one.id], verdicts[one.id], inventory, lang)
    left = [one for one in systems if one.id not in entries]
    if left:
        notes = {note.system: spoken(note_words(note), lang) for note in plan.notes if note.system}
        rows = tuple((_name(one, lang), one.id, _why_not(verdicts.get(one.id), notes.get(one.id, ""), lang)) for one in left)
        blocks += [Heading(1, words["not_planned"]), Grid((words["system"], words["code"], words["why"]), rows, (3, 2, 5))]
    blocks += [Heading(1, words["duties"]), Grid((words["role"], words["duty"]), words["duty_rows"], (2, 6))]
    blocks += [Heading(1, words["sign"]), _signatures(planned, words, lang)]
    subtitle = words["subtitle"].format(digest=plan.digest[:16]) + (words["draft"] if draft else "")
    return WorkPlan(words["title"].format(name=name), lang, subtitle, tuple(blocks))


def _counts(
    inventory: Inventory, owner: Department, systems: Sequence[System], planned: Sequence[System], words: Mapping[str, str]
) -> Text:
    excluded = sum(1 for row in inventory.excluded if row.department == owner.id)
    return Text(words["counts"].format(all=len(systems), planned=len(planned), excluded=excluded))


def _schedule(planned: Sequence[System], entries: Mapping[str, PlanEntry], verdicts: Mapping[str, Verdict], lang: str) -> Grid:
    words = WORDS[lang]
    headers = (
        words["no"],
        words["system"],
        words["strategy"],
        words["wave"],
        words["prepared_from"],
        words["window"],
        words["trial_until"],
    )
    rows = []
    for number, one in enumerate(planned, 1):
        entry = entries[one.id]
        rows.append((
            str(number), _name(one, lang), STRATEGY[lang][entry.strategy] + _beside(verdicts[one.id], lang), f"{entry.phase} / {entry.wave}",
            str(entry.preparation_starts or ""), _span(entry), f"{entry.accepted_by:%Y-%m-%d}" if entry.accepted_by else "",
        ))  # fmt: skip
    return Grid(headers, tuple(rows), (1, 4, 3, 2, 2, 4, 2))


def _system(number: int, one: System, entry: PlanEntry, verdict: Verdict, inventory: Inventory, lang: str) -> list[Block]:
    words = WORDS[lang]
    names = {other.id: _name(other, lang) for other in inventory.systems}
    departments = {other.id: other.name if lang == "zh" else other.name_en or other.name for other in inventory.departments}

    def department(ident: str | None) -> str:
        return departments.get(ident or "", ident or words["open"])

    grade = str(one.protection_grade) if one.protection_grade else words["ungraded"] if one.grade_answered else words["open"]
    facts = (
        (words["code"], one.id), (words["grade"], grade), (words["architecture"], one.architecture or words["open"]),
        (words["database"], one.dbms or words["open"]),
        (words["data"], f"{one.data_gb:g} GB" if one.data_gb is not None else words["open"]),
        (words["servers"], f"{one.servers}" if one.servers is not None else words["open"]),
        (words["needs"], words["list"].join(names.get(other, other) for other in one.depends_on) or words["none"]),
        (words["together"], words["list"].join(names.get(other, other) for other in entry.together_with) or words["none"]),
        (words["hours"], one.service_hours or words["open"]), (words["window"], f"{_span(entry)} ({window_rule(entry.window_rule, lang)})"),
        (words["budget"], _budget(one, lang)),
        (words["security_owner"], department(one.security_owner)), (words["data_owner"], department(one.data_owner)),
        (words["contact"], one.contact or words["open"]),
    )  # fmt: skip
    order = [reason.zh if lang == "zh" else reason.en for reason in entry.reasons]
    return [
        Heading(1, words["of_system"].format(number=number, name=_name(one, lang))),
        Grid((words["item"], words["content"]), facts, (2, 6)),
        Heading(2, words["why_strategy"].format(strategy=STRATEGY[lang][entry.strategy])), *_why_strategy(verdict, lang),
        Heading(2, words["why_order"]), Items(tuple(order)),
        Heading(2, words["steps"]), Items(steps_of(entry.strategy, verdict, lang)),
        Heading(2, words["checks"]), Items(checks_of(entry.strategy, lang)),
        Heading(2, words["back"]), Items(going_back(entry.strategy, lang)),
    ]  # fmt: skip


def _why_strategy(verdict: Verdict, lang: str) -> list[Block]:
    """Policy's reasons. Where a person chose otherwise: who and why, what policy said, and its reasons as policy's."""
    words, strategy = WORDS[lang], STRATEGY[lang]
    chosen = [reason.zh if lang == "zh" else reason.en for reason in verdict.reasons if reason.rule == OVERRIDE]
    said = tuple(reason.zh if lang == "zh" else reason.en for reason in verdict.reasons if reason.rule != OVERRIDE)
    if verdict.policy_strategy is None:
        return [*map(Text, chosen), Items(said or (words["default"],))]
    policy = strategy[verdict.policy_strategy]
    overridden = words["overridden"].format(name=verdict.overridden_by, strategy=strategy[verdict.strategy], policy=policy)
    return [Text(overridden), *map(Text, chosen), Text(words["policy_reasons"].format(policy=policy)), Items(said or (words["default"],))]


def _why_not(verdict: Verdict | None, note: str, lang: str) -> str:
    """Why a system is not in the plan: nothing of it is migrated, by policy's reasons or a person's; else what the plan noted."""
    if verdict is None or verdict.strategy.moves:
        return note
    said = [reason.zh if lang == "zh" else reason.en for reason in verdict.reasons if reason.rule in ("retires", "runs-elsewhere", OVERRIDE)]
    return "; ".join([STRATEGY[lang][verdict.strategy], *said])


def _beside(verdict: Verdict, lang: str) -> str:
    """What policy said, beside a strategy that a person chose."""
    return WORDS[lang]["beside"].format(policy=STRATEGY[lang][verdict.policy_strategy]) if verdict.policy_strategy else ""


def _signatures(planned: Sequence[System], words: Mapping[str, str], lang: str) -> Grid:
    roles = words["sign_roles"].split("|")
    rows = tuple((_name(one, lang), role, "", "") for one in planned for role in roles)
    return Grid((words["system"], words["role"], words["signature"], words["date"]), rows, (3, 3, 3, 2), tall=True)


def _name(one: System, lang: str) -> str:
    return one.name if lang == "zh" else one.name_en or one.name


def _span(entry: PlanEntry) -> str:
    return f"{entry.window_start:%Y-%m-%d %H:%M} – {entry.window_end:%m-%d %H:%M}"


def _budget(one: System, lang: str) -> str:
    words = WORDS[lang]
    parts = []
    if one.interruption:
        parts.append(words["gap"].format(ms=one.interruption.gap_ms, failed=one.interruption.failed_requests))
        if one.interruption.outage_minutes:
            parts.append(words["outage"].format(time=spell(one.interruption.outage_minutes * 60).spoken(lang)))
    travel = [device.travel_outage_minutes for device in one.devices if device.travel_outage_minutes]
    if travel:
        parts.append(words["travel"].format(time=spell(max(travel) * 60).spoken(lang)))
    if not parts and one.max_interruption_minutes is not None:
        parts.append(words["at_most"].format(time=spell(one.max_interruption_minutes * 60).spoken(lang)))
    return str(words["and"]).join(parts) or str(words["open"])
