"""Inventory + verdicts + programme → the planning problem."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from zoneinfo import ZoneInfo

from orchestrator.errors import Finding
from orchestrator.inventory.schema import place_of
from orchestrator.models import Inventory, Strategy, System, Verdict
from orchestrator.planning import graph
from orchestrator.planning.capacity import cloud_of, phase_starts, resources_of
from orchestrator.planning.demand import GroupFactory, impossible
from orchestrator.planning.patterns import WEEK, PatternBook, minutes_between
from orchestrator.planning.problem import OVERRUN_WEEKS, Group, Problem, Target, needed_of
from orchestrator.planning.programme import Programme, Standing
from orchestrator.planning.words import named
from orchestrator.policy.assess import moving
from orchestrator.policy.counting import Member, unexplained
from orchestrator.texts import say

LISTED = 20
"""Unrecorded differences from the baseline that are listed one by one."""


def build(
    inventory: Inventory, verdicts: Mapping[str, Verdict], programme: Programme, promised: Mapping[str, dt.datetime] | None = None
) -> Problem:  # fmt: skip
    """The whole problem. Groups stand in topological order. What cannot be planned at all carries ``blocked`` with its reason.

    Systems that do not move (to be retired, elsewhere already) are no part of it: nobody waits for them, they are reached where they are.
    """
    whole, inventory = inventory, moving(inventory, verdicts)
    base = programme.starts - dt.timedelta(days=programme.starts.weekday())
    opening_day = max(programme.starts, programme.as_of or programme.starts)
    horizon = (max(programme.phases[-1].due, opening_day) - base).days // 7 + 1 + OVERRUN_WEEKS
    known = {one.id: one for one in inventory.systems}
    stays = {row.system.id for row in inventory.excluded if row.system} - set(known)
    counted = programme.counted(inventory)
    phases_of = _phases(programme, inventory, counted)
    reachable = set(programme.reachable) | _staying(whole, verdicts)
    wanted = _with_ancestors([sid for sid, phases in phases_of.items() if phases], known, reachable)
    systems = sorted((known[sid] for sid in wanted), key=lambda one: one.id)
    index = {one.id: n for n, one in enumerate(systems)}
    states = {one.system: one for one in programme.under_way}

    needs: list[list[int]] = []
    dropped: list[tuple[str, str]] = []
    for one in systems:
        mine = sorted({index[other] for other in one.depends_on if other in index and other not in reachable and other != one.id})
        if (state := states.get(one.id)) and state.state in {"done", "under_way"}:
            behind = [n for n in mine if _behind(state, states.get(systems[n].id))]
            dropped += [(one.id, systems[n].id) for n in behind]
            history = [n for n in mine if state.state == "done" and (s := states.get(systems[n].id)) and s.state == "done"]
            mine = [n for n in mine if n not in behind and n not in history]  # what is done keeps its own date, also within a cycle
        needs.append(mine)
    components = graph.groups_of(needs)
    owner = [0] * len(systems)
    for number, component in enumerate(components):
        for member in component:
            owner[member] = number

    resources = resources_of(programme, inventory, base, horizon)
    segments, cloud = cloud_of(programme, base, horizon)
    begins = phase_starts(programme)
    book = PatternBook(programme, base, minutes_between(base, opening_day))
    factory = GroupFactory(systems, verdicts, programme, resources, book)
    groups = []
    for number, component in enumerate(components):
        group = factory.group(component, sorted({owner[n] for m in component for n in needs[m]} - {number}))
        phases = [p for m in component for p in phases_of[systems[m].id]]
        group.opens = min((minutes_between(base, begins[p]) for p in phases), default=horizon * WEEK)
        lost = [(systems[m].id, one) for m in component for one in systems[m].depends_on if one not in index and one not in reachable]
        if lost and group.blocked is None:
            group.blocked = _chain(lost[0], stays)
        group.blocked = group.blocked or impossible(group, named([systems[m].id for m in component]), resources, cloud, horizon)
        _stand(group, [systems[m] for m in component], states, promised or {}, base, programme.starts)
        groups.append(group)
    for group in groups:
        blocked = next((other for other in group.needs if groups[other].blocked), None)
        if blocked is not None and group.blocked is None and group.fixed is None:
            names, root = (named([systems[m].id for m in one.members]) for one in (group, groups[blocked]))
            group.blocked = Finding(
                "needs-blocked",
                "error",
                say("planning.needs_blocked", names=names, root=root),
                say("planning.see_reason", names=root),
                system=names,
            )
    for number in range(len(groups) - 1, -1, -1):  # what is needed early opens early
        for other in groups[number].needs:
            groups[other].feeds.append(number)
            groups[other].opens = min(groups[other].opens, groups[number].opens)  # also for what cannot move itself: it may be mended
    _after_the_first(groups, systems, verdicts, (opening_day - base).days // 7, horizon)
    scope = [[n for n, one in enumerate(systems) if phase in phases_of[one.id]] for phase in range(len(programme.phases))]
    return Problem(
        systems=systems, verdicts=verdicts, programme=programme, base=base, first=(opening_day - base).days // 7, weeks=horizon,
        groups=groups, group_of={one.id: owner[n] for n, one in enumerate(systems)}, resources=resources, segments=segments, cloud=cloud,
        levels={one.id: str(one.level) for one in inventory.departments},
        targets=_targets(programme, counted, {sid: owner[n] for sid, n in index.items()}, base), scope=scope, counted=counted, phase_starts=begins,
        out_of_scope=sorted(set(known) - set(wanted)), dropped=dropped,
        warnings=[*factory.warnings(), *_warnings(programme, whole, inventory, verdicts)],
    )  # fmt: skip


def _after_the_first(groups: Sequence[Group], systems: Sequence[System], verdicts: Mapping[str, Verdict], first: int, horizon: int) -> None:
    """What is not to be in the first wave opens a week after the first of the others can move. Where something has moved already, the
    first wave is over; where nothing else can move before it, it is first all the same."""
    held = {n for n, group in enumerate(groups) if any(verdicts[systems[member].id].not_first for member in group.members)}
    if not held or any(group.fixed is not None for group in groups):
        return
    behind = set(held)
    for number, group in enumerate(groups):  # in topological order
        if behind.intersection(group.needs):
            behind.add(number)
    weeks = [_earliest(group, first, horizon) for n, group in enumerate(groups) if n not in behind and group.blocked is None]
    start = min((week for week in weeks if week is not None), default=None)
    for number in held if start is not None else ():
        groups[number].opens = max(groups[number].opens, ((start or 0) + 1) * WEEK)


def _earliest(group: Group, first: int, horizon: int) -> int | None:
    """The first week in which it could be cut over, whatever else is planned."""
    return next((week for week in range(first + group.lead - 1, horizon) if group.opening(week, 0)), None)


def _staying(inventory: Inventory, verdicts: Mapping[str, Verdict]) -> set[str]:
    return {one.id for one in inventory.systems} - {one.id for one in moving(inventory, verdicts).systems}


def _warnings(programme: Programme, whole: Inventory, inventory: Inventory, verdicts: Mapping[str, Verdict]) -> list[Finding]:
    """``whole``: with the systems that do not move; ``inventory``: without."""
    return [*(finding for _, finding in find_strangers(programme, whole)), *_uncounted(programme, inventory), *_on_retiring(inventory, verdicts, _staying(whole, verdicts))]


def _on_retiring(inventory: Inventory, verdicts: Mapping[str, Verdict], staying: set[str]) -> list[Finding]:
    """Systems that move although something they need is to be switched off."""
    return [
        Finding(
            "needs-retiring", "warning", say("planning.needs_retiring", system=system.id, other=other),
            say("planning.settle_successor"), system=system.id,
        )
        for system in inventory.systems
        for other in system.depends_on
        if other in staying and verdicts[other].strategy is Strategy.RETIRE
    ]  # fmt: skip


def _phases(programme: Programme, inventory: Inventory, counted: Sequence[Sequence[Member]]) -> dict[str, list[int]]:
    """By system, the phases that have it in scope: as the baseline holds it or as it is today; what is new is planned, counted or not."""
    found: dict[str, list[int]] = {one.id: [] for one in inventory.systems}
    today = programme.model_copy(update={"baseline": None}).counted(inventory)
    for number, (frozen, now) in enumerate(zip(counted, today, strict=True)):
        for sid in {member.id for member in (*frozen, *now)}.intersection(found):
            found[sid].append(number)
    return found


def _with_ancestors(start: Sequence[str], known: Mapping[str, System], reachable: set[str]) -> set[str]:
    seen, order = set(start), list(start)
    for sid in order:
        for other in known[sid].depends_on:
            if other in known and other not in seen and other not in reachable:
                seen.add(other)
                order.append(other)
    return seen


def _targets(programme: Programme, counted: Sequence[Sequence[Member]], owner: Mapping[str, int], base: dt.date) -> list[Target]:
    found = []
    for number, phase in enumerate(programme.phases):
        parts: dict[str, list[str]] = {}
        for one in counted[number]:
            part = {"all_together": "", "per_kind": str(one.kind), "per_department": one.department}[programme.counting]
            parts.setdefault(part, []).append(one.id)
        due = minutes_between(base, phase.due + dt.timedelta(days=1))
        for part, ids in sorted(parts.items()):
            members = tuple(owner[sid] for sid in ids if sid in owner)
            found.append(Target(number, part, members, len(ids), needed_of(phase.percent, len(ids)), due))
    return found


def _uncounted(programme: Programme, inventory: Inventory) -> list[Finding]:
    """Differences between the baseline and today's inventory that nobody recorded: they change what a target asks for."""
    frozen, zone = programme.baseline, ZoneInfo(programme.timezone)
    found = unexplained(frozen.members, inventory, frozen.records, zone) if frozen else []
    more = (
        [Finding("baseline-more", "warning", say("planning.more_differences", count=len(found) - LISTED), found[0].mend)]
        if len(found) > LISTED
        else []
    )
    return [*found[:LISTED], *more]


def _chain(lost: tuple[str, str], stays: set[str]) -> Finding:
    system, other = lost
    named = {"system": system, "other": other}
    says = say("planning.needs_outside_count", **named) if other in stays else say("planning.needs_unknown", **named)
    return Finding("chain-to-excluded", "error", says, say("planning.name_reachable", **named), system=system)


def _behind(mine: Standing, need: Standing | None) -> bool:
    """Whether what a system needs that is done or under way has not come as far as the system itself."""
    if need is None or need.state != "under_way":
        return need is None or need.state == "rolled_back"
    return mine.state == "done" or bool(mine.cutover and need.cutover and mine.cutover < need.cutover)


def find_strangers(programme: Programme, inventory: Inventory) -> list[tuple[tuple[str | int, ...], Finding]]:
    """Names in program.yaml that nobody bears: what they are to restrict or to say does not hold. Each with its place in the document."""
    departments = {one.id for one in inventory.departments}
    systems = {one.id for one in inventory.systems} | {row.system.id for row in inventory.excluded if row.system}
    needed = {other for one in inventory.systems for other in one.depends_on}
    told: list[tuple[tuple[str | int, ...], str, set[str]]] = [
        (("blackouts", n, "departments", m), sid, departments)
        for n, one in enumerate(programme.blackouts)
        for m, sid in enumerate(one.departments)
    ]
    told += [(("waves", "departments", sid), sid, departments) for sid in programme.waves.departments]
    told += [(("reachable", n), sid, systems | needed) for n, sid in enumerate(programme.reachable)]
    told += [(("under_way", n, "system"), one.system, systems) for n, one in enumerate(programme.under_way)]
    found = []
    for path, sid, known in told:
        if sid not in known:
            where = place_of(None, path[:-1] if path[0] != "under_way" else path[:1]).key
            says = say("planning.programme_stranger", where=where, id=sid)
            mend = say("planning.correct_name")
            found.append((path, Finding("programme-stranger", "warning", says, mend, system=sid if known is not departments else "")))
    return found


def _stand(
    group: Group,
    members: Sequence[System],
    states: Mapping[str, Standing],
    promised: Mapping[str, dt.datetime],
    base: dt.date,
    starts: dt.date,
) -> None:
    held = [states[one.id] for one in members if one.id in states and states[one.id].state in {"done", "under_way"}]
    promises = [promised[one.id] for one in members if one.id in promised]
    if promises:
        group.promised = (min(promises).date() - base).days // 7
    if not held:
        return
    group.started = True
    days = [day for one in held if (day := one.cutover or (starts if one.state == "done" else None))]
    if days:
        start = minutes_between(base, max(days))
        kept = [moment for moment in promises if moment.date() == max(days)]
        group.fixed = max(0, start) + (kept[0].hour * 60 + kept[0].minute if kept else 0)
        group.fixed_end = max(0, start) + 24 * 60
        group.blocked = None
