"""The plan as a value: schedule → ``models.Plan`` with a digest; ``make_plan`` is the way in."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from orchestrator.errors import Finding, Refused
from orchestrator.models import Inventory, Plan, PlanBaseline, PlanCount, PlanEntry, PlanPhase, PlanWave, System, Verdict
from orchestrator.planning import schedule as scheduling
from orchestrator.planning.bounds import LARGE
from orchestrator.planning.build import build
from orchestrator.planning.former import schedule_of
from orchestrator.planning.notes import notes_of
from orchestrator.planning.orders import Closures, best_of_portfolio, ripe
from orchestrator.planning.problem import Problem, needed_of
from orchestrator.planning.programme import Programme, programme_digest
from orchestrator.planning.schedule import Schedule
from orchestrator.planning.why import reasons_of
from orchestrator.policy.counting import Member
from orchestrator.texts import say


def make_plan(
    inventory: Inventory, verdicts: Mapping[str, Verdict], programme: Programme, *, effort: int = 0, inventory_digest: str,
    policy_digest: str, keep: Plan | None = None,
) -> Plan:  # fmt: skip
    """What moves when. The same input gives the same plan, digest included.

    ``effort``: iterations of neighbourhood search (no clock is looked at); the result is never worse than with fewer.
    ``keep``: a former plan. Where it still fits into every limit and is no worse, it stays, and what it does not hold is put into the room
    that it leaves: more capacity never makes targets worse.
    Raises ``Unreached`` when a target is missed: the best plan found, every reason, and the bracket of what is missing.
    """
    check_assessed(inventory, verdicts)
    problem = build(inventory, verdicts, programme)
    schedule = best_of_portfolio(problem)
    if keep is not None and (former := schedule_of(problem, keep)) is not None:
        filled = scheduling.serial(problem, ripe(problem), base=former)
        schedule = min(filled, schedule, key=lambda one: scheduling.score(problem, one))
    schedule, reasons = mended(problem, schedule, effort)
    plan = to_plan(problem, schedule, inventory_digest=inventory_digest, policy_digest=policy_digest)
    if reasons:
        raise Unreached(plan, reasons)
    return plan


def check_assessed(inventory: Inventory, verdicts: Mapping[str, Verdict]) -> None:
    """Raises ``Refused`` naming every system without a verdict."""
    missing = sorted(one.id for one in inventory.systems if one.id not in verdicts)
    if missing:
        findings = [
            Finding("not-assessed", "error", say("planning.not_assessed", system=sid), say("planning.run_assess"), system=sid)
            for sid in missing
        ]
        raise Refused(say("planning.needs_verdicts"), findings=findings)


def to_plan(problem: Problem, schedule: Schedule, *, inventory_digest: str, policy_digest: str) -> Plan:
    """The schedule as a value, sorted by wave and order."""
    placed = [number for number, week in enumerate(schedule.weeks) if week >= 0]
    numbers = {week: n + 1 for n, week in enumerate(sorted({schedule.weeks[number] for number in placed}))}
    placed.sort(key=lambda g: (schedule.weeks[g], schedule.starts[g], g))
    states = {one.system: one.state for one in problem.programme.under_way}
    entries: list[PlanEntry] = []
    position: dict[int, int] = {}
    for group in placed:
        week = schedule.weeks[group]
        position[week] = position.get(week, 0) + 1
        entries += _entries(problem, schedule, group, (numbers[week], position[week]), states)
    by_wave: dict[int, list[str]] = {}
    for one in entries:
        by_wave.setdefault(one.wave, []).append(one.system)
    waves = [
        PlanWave(number=number, starts=monday, ends=monday + dt.timedelta(days=6), systems=tuple(by_wave[number]))
        for number, monday in sorted((number, problem.monday(week)) for week, number in numbers.items())
    ]
    plan = Plan(
        digest="", inventory_digest=inventory_digest, policy_digest=policy_digest, entries=tuple(entries),
        phases=phases_of(problem, entries), programme_digest=programme_digest(problem.programme), programme=problem.programme.settings(), counting=problem.programme.counting,
        starts=problem.programme.starts, baseline=baseline_of(problem.programme), waves=tuple(waves), notes=notes_of(problem, schedule),
        target=problem.programme.target,
    )  # fmt: skip
    return sealed(plan)


def baseline_of(programme: Programme) -> PlanBaseline | None:
    """Which baseline the targets are counted against, as a plan says it."""
    frozen = programme.baseline
    return PlanBaseline(frozen=frozen.day, changes=frozen.changes, systems=len(frozen.members)) if frozen else None


def sealed(plan: Plan) -> Plan:
    """The plan under the digest of its content."""
    return plan.model_copy(update={"digest": plan_digest(plan)})


class Unreached(Refused):
    """A target is missed. ``plan`` is the best that was found: it keeps every other limit, and a person may approve it all the same."""

    def __init__(self, plan: Plan, findings: Sequence[Finding]) -> None:
        super().__init__(say("planning.unreached"), findings=findings, remedy=say("planning.relax_or_effort"))
        self.plan = plan


def mending(problem: Problem) -> int:
    """Neighbourhoods spent on a shortage before it is explained: those of a large city cost more."""
    return 200 if len(problem.groups) <= LARGE else 60


def mended(problem: Problem, schedule: Schedule, effort: int = 0) -> tuple[Schedule, list[Finding]]:
    """The schedule mended until every target is met, then improved by ``effort`` neighbourhoods; with every reason where a target is missed.

    Mending comes first: it is the same for every effort, and improvement never undoes it, so more effort is never worse.
    """
    closures, proofs = Closures(problem), None
    short = _short_phases(problem, schedule)
    if short:
        from orchestrator.planning import search
        from orchestrator.planning.explain import beyond_limits, prove, structure

        hopeless = any(structure(problem, phase) or beyond_limits(problem, phase) for phase in short)
        proofs = {} if hopeless else prove(problem, short, closures)
        if not hopeless and not proofs:  # what is proved to be impossible is not tried
            schedule = search.mend(problem, schedule, mending(problem))
    if effort:
        from orchestrator.planning import search

        schedule = search.improve(problem, schedule, effort)
    if not (left := _short_phases(problem, schedule)):
        return schedule, []
    from orchestrator.planning.explain import explain

    return schedule, [*explain(problem, schedule, proofs if left == short else None, closures), *problem.warnings]


def _short_phases(problem: Problem, schedule: Schedule) -> list[int]:
    return sorted({one.phase for n, one in enumerate(problem.targets) if scheduling.reached(problem, schedule, n) < one.needed})


def read_plan(text: str) -> Plan:
    """A plan from JSON as ``plan --out`` or ``plan --json`` writes it (the latter with each phase's slack and shortage, and reasons where a
    target is missed, beside it). Raises ValueError: not a plan, or (``digest``) content that is not that of its digest."""
    data = json.loads(text)
    if not isinstance(data, dict):
        raise ValueError("no mapping")  # noqa: TRY004 - one kind of error for whatever stands in a file
    fields = {name: data[name] for name in Plan.model_fields if name in data}
    if isinstance(phases := fields.get("phases"), list):
        fields["phases"] = [
            {k: v for k, v in one.items() if k not in {"slack", "short"}} if isinstance(one, dict) else one for one in phases
        ]
    plan = Plan.model_validate(fields)
    if plan_digest(plan) != plan.digest:
        raise ValueError("digest")
    return plan


def plan_digest(plan: Plan) -> str:
    """SHA-256 over the canonical JSON (sorted keys, no spaces, UTF-8) without the digest itself."""
    unknown = set() if plan.target else {"target"}  # to plans of older versions: their digests stay what they were
    data = plan.model_dump(mode="json", exclude={"digest", *unknown})
    return hashlib.sha256(json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()).hexdigest()


def facts_of(system: System, verdict: Verdict, level: str) -> dict[str, Any]:
    """What planning reads of a system, its department's level and its verdict, by field, as JSON holds it."""
    return {
        "department": system.department, "level": level, "kind": str(system.kind), "depends_on": list(system.depends_on), "data_gb": system.data_gb,
        "vcpus": system.vcpus, "memory_gb": system.memory_gb, "storage_gb": system.storage_gb, "service_hours": system.service_hours,
        "windows": [one.model_dump(mode="json") for one in system.windows],
        "outage_minutes": system.interruption.outage_minutes if system.interruption else None,
        "trial_run_seconds": system.trial_run_seconds, "strategy": str(verdict.strategy), "readiness": verdict.readiness,
        "complexity": verdict.complexity, "no_source": verdict.no_source,
    }  # fmt: skip


def phases_of(problem: Problem, entries: Sequence[PlanEntry]) -> tuple[PlanPhase, ...]:
    """For each phase how many count, are needed and are accepted by its due date; by kind and by department beside it."""
    accepted = {one.system: one.accepted_by for one in entries}
    found = []
    for number, phase in enumerate(problem.programme.phases):
        members = problem.counted[number]
        end = dt.datetime.combine(phase.due + dt.timedelta(days=1), dt.time())
        done = {one.id for one in members if (at := accepted.get(one.id)) is not None and at <= end}
        found.append(PlanPhase(
            id=phase.id, in_scope=len(members), planned=len(done), due=phase.due, name=phase.name, name_en=phase.name_en,
            needed=sum(target.needed for target in problem.targets if target.phase == number), percent=phase.percent, starts=problem.phase_starts[number],
            by_kind=_parts(members, done, phase.percent, lambda one: str(one.kind)),
            by_department=_parts(members, done, phase.percent, lambda one: one.department),
        ))  # fmt: skip
    return tuple(found)


def _parts(members: Sequence[Member], done: set[str], percent: float, part_of: Callable[[Member], str]) -> tuple[PlanCount, ...]:
    parts: dict[str, list[str]] = {}
    for one in members:
        parts.setdefault(part_of(one), []).append(one.id)
    return tuple(
        PlanCount(part, len(ids), needed_of(percent, len(ids)), len(done.intersection(ids))) for part, ids in sorted(parts.items())
    )


def _entries(problem: Problem, schedule: Schedule, group: int, place: tuple[int, int], states: Mapping[str, str]) -> list[PlanEntry]:
    one = problem.groups[group]
    members = [problem.systems[m] for m in one.members]
    week, accepted = schedule.weeks[group], problem.moment(schedule.ends[group] + one.trial)
    phase = _phase(problem, one.members, accepted)
    reasons = reasons_of(problem, schedule, group)
    found = []
    for system in members:
        verdict = problem.verdicts[system.id]
        state = states.get(system.id, "planned")
        found.append(PlanEntry(
            system=system.id, strategy=verdict.strategy, phase=phase, wave=place[0], order=place[1],
            window_start=problem.moment(schedule.starts[group]), window_end=problem.moment(schedule.ends[group]),
            window_rule=schedule.rules[group],
            preparation_starts=problem.monday(week - one.lead + 1), accepted_by=accepted,
            together_with=tuple(other.id for other in members if other.id != system.id),
            state="done" if state == "done" else "under_way" if state == "under_way" else "planned",
            reasons=reasons, facts=facts_of(system, verdict, problem.levels[system.department]),
        ))  # fmt: skip
    return found


def _phase(problem: Problem, members: Sequence[int], accepted: dt.datetime) -> str:
    """The first phase that has one of them in scope and whose due date they meet; else the last that has; else what needs them."""
    mine = [n for n, scope in enumerate(problem.scope_sets) if any(member in scope for member in members)]
    phases = problem.programme.phases
    for number in mine:
        if accepted <= dt.datetime.combine(phases[number].due + dt.timedelta(days=1), dt.time()):
            return phases[number].id
    return phases[mine[-1] if mine else -1].id
