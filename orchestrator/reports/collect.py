"""Journal, plan, inventory and verdicts → ``ReportFacts``. Pure: reads what it is given, changes nothing, asks no clock."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel

from orchestrator import __version__
from orchestrator.inventory.load import inventory_digest
from orchestrator.models import Inventory, Plan, Verdict
from orchestrator.planning.programme import Programme
from orchestrator.policy.records import JournalAudit
from orchestrator.reports import facts as f
from orchestrator.reports import phases, standing, systems
from orchestrator.reports.given import Given
from orchestrator.reports.privacy import who
from orchestrator.reports.system_facts import SystemFacts
from orchestrator.reports.trail import DecisionsLike, JournalLike, NotesLike, Trail
from orchestrator.reports.values import Source, Sourced
from orchestrator.reports.words import EVENTS, mark

UNDER_WAY = {"forward", "trial_run", "going_back", "undoing", "needs_a_person"}


def collect(
    *,
    journal: JournalLike,
    decisions: DecisionsLike,
    notes: NotesLike,
    inventory: Inventory,
    verdicts: Mapping[str, Verdict],
    programme: Programme,
    now: dt.datetime,
    plan: Plan | None = None,
    plan_problem: str = "",
    policy_digest: str = "",
    step_names: Mapping[str, tuple[str, str]] | None = None,
    example: bool = False,
) -> f.ReportFacts:
    """The facts as the journal stands. ``plan``: the plan of today; migrations keep the one they began under.

    A system that is not in the inventory any more may have been found classified: nothing about it is kept here but that it
    is one (R2). Telephone numbers never get in.
    """
    known = {s.id for s in inventory.systems} | {row.system.id for row in inventory.excluded if row.system}
    trail = Trail(journal, decisions, notes, hidden=lambda system, purged: purged or system not in known)
    digests = {m.plan_digest for m in trail.migrations}
    plans = {digest: Plan.model_validate_json(text) for digest in digests if (text := journal.plan(digest))}
    given = Given(inventory, verdicts, programme, plan, trail, JournalAudit(journal), now, plans, step_names or {})
    known_systems = tuple(s for s in systems.systems(given) if s.id not in trail.hidden)
    waits = standing.waits(given)
    digest = inventory_digest(inventory)
    stale = plan is not None and plan.inventory_digest != digest
    people = {who(e.actor) for e in trail.events if e.system not in trail.hidden}
    draft = f.ReportFacts(
        generated=given.local(now),
        timezone=programme.timezone,
        example=example,
        engine=__version__,
        plan_digest=plan.digest if plan else "",
        plan_problem=plan_problem or ("inventory-changed" if stale else ""),
        inventory_digest=digest,
        policy_digest=policy_digest,
        simulated=tuple(sorted(given.scrub.text(p) for p in people if p.startswith("simulated:"))),
        totals=_totals(given, known_systems, waits),
        phases=phases.phases(given),
        baseline=phases.baseline(given),
        departments=_departments(given, known_systems),
        systems=known_systems,
        waits=waits,
        excluded=phases.excluded(given),
        rooms=standing.rooms(given),
        catalogue=standing.catalogue(given, known_systems),
        audit=_audit(given),
        events=(),
    )
    return draft.model_copy(update={"events": _events(given, draft)})


def _sum(given: Given, sources: list[Source]) -> Source:
    found = Source.of(sources)
    return found if found.events or found.rows else given.trail.nothing()


def _totals(given: Given, known: tuple[SystemFacts, ...], waits: tuple[f.Wait, ...]) -> f.Totals:
    cutovers = [c for s in known for c in s.cutovers]
    everything = _sum(given, [c.started.source for c in cutovers])
    gaps = sorted((c for c in cutovers if c.longest_gap_ms.value is not None), key=lambda c: c.longest_gap_ms.value or 0)
    over = [(c.started.source) for c in cutovers if c.breach] + [o.measured_ms.source for s in known for o in s.outages if o.breach]
    compared = [s.comparison for s in known if s.comparison]
    differ = [c for c in compared if c.equal.value is False]
    accepted = [s for s in known if s.id in given.accepted]
    moving = [s for s in known if s.state.value.code in UNDER_WAY]
    late = [s.promise for s in known if s.promise and s.promise.late]
    return f.Totals(
        systems=Sourced(value=len(known), source=Source(rows=("inventory:*",))),
        accepted=Sourced(value=len(accepted), source=_sum(given, [given.accepted[s.id] for s in accepted])),
        under_way=Sourced(value=len(moving), source=_sum(given, [s.state.source for s in moving])),
        late=Sourced(value=len(late), source=_sum(given, [p.window_end.source for p in late])),
        cutovers=Sourced(value=len(cutovers), source=everything),
        longest_gap_ms=gaps[-1].longest_gap_ms if gaps else Sourced(value=None, source=given.trail.nothing()),
        failed=Sourced(value=sum(c.failed.value or 0 for c in cutovers), source=everything),
        breaches=Sourced(value=len(over), source=_sum(given, over)),
        rows_compared=Sourced(value=sum(c.rows.value for c in compared), source=_sum(given, [c.rows.source for c in compared])),
        differences=Sourced(value=len(differ), source=_sum(given, [c.equal.source for c in differ])),
        waiting=Sourced(value=len(waits), source=_sum(given, [w.since.source for w in waits])),
    )


def _departments(given: Given, known: tuple[SystemFacts, ...]) -> tuple[f.DepartmentFacts, ...]:
    by_department: dict[str, list[SystemFacts]] = {d.id: [] for d in given.inventory.departments}
    for s in known:
        by_department.setdefault(s.department, []).append(s)
    found = []
    for ident, mine in by_department.items():
        accepted = [s for s in mine if s.id in given.accepted]
        moving = [s for s in mine if s.state.value.code in UNDER_WAY]
        over = [c.started.source for s in mine for c in s.cutovers if c.breach] + [
            o.measured_ms.source for s in mine for o in s.outages if o.breach
        ]
        found.append(
            f.DepartmentFacts(
                id=ident,
                name=given.department(ident),
                level=phases.level_of(given, ident),
                systems=Sourced(value=len(mine), source=Source(rows=(f"inventory:{ident}",))),
                accepted=Sourced(value=len(accepted), source=_sum(given, [given.accepted[s.id] for s in accepted])),
                under_way=Sourced(value=len(moving), source=_sum(given, [s.state.source for s in moving])),
                breaches=Sourced(value=len(over), source=_sum(given, over)),
            )
        )
    return tuple(found)


def _audit(given: Given) -> f.Audit:
    events = given.trail.events
    whole = given.trail.nothing()
    purged = [e for e in events if e.kind == "purged"]
    return f.Audit(
        events=Sourced(value=len(events), source=whole),
        first=given.local(events[0].at) if events else "",
        last=given.local(events[-1].at) if events else "",
        head=events[-1].hash if events else "",
        intact=not given.trail.breaks,
        breaks=tuple(given.trail.breaks),
        purged=Sourced(value=len(purged), source=Source(events=tuple(e.seq for e in purged)) if purged else whole),
        hidden=Sourced(value=len(given.trail.hidden), source=whole),
    )


# ---------------------------------------------------------------- the appendix


def sources_in(value: Any) -> Iterator[Source]:
    """Every source anywhere inside a value, in reading order."""
    if isinstance(value, Source):
        yield value
    elif isinstance(value, BaseModel):
        for name in type(value).model_fields:
            yield from sources_in(getattr(value, name))
    elif isinstance(value, tuple | list):
        for one in value:
            yield from sources_in(one)


def _events(given: Given, facts: f.ReportFacts) -> tuple[f.EventLine, ...]:
    cited = {seq for source in sources_in(facts) for seq in source.events}
    return tuple(_event(given, e) for e in given.trail.events if e.seq in cited)


def _event(given: Given, event: Any) -> f.EventLine:
    hidden, actor = event.system in given.trail.hidden, who(event.actor)
    return f.EventLine(
        seq=event.seq,
        at=given.local(event.at),
        who=given.scrub.text(actor),
        simulated=actor.startswith("simulated:"),
        kind=mark(EVENTS, event.kind),
        system="" if hidden or event.system is None else event.system,
        hash=event.hash,
        excerpt=() if hidden or event.payload is None else given.scrub.excerpt(event.kind, event.payload),
        purged=event.payload is None,
    )
