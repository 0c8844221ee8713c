"""Each system: strategy with reasons, how it stands, what was promised, what was measured, what was compared."""

from __future__ import annotations

from typing import Any

from orchestrator.models import Strategy, System
from orchestrator.policy.records import OVERRIDE
from orchestrator.reports.given import Given
from orchestrator.reports.open_findings import open_findings
from orchestrator.reports.people import acts
from orchestrator.reports.phases import in_scope
from orchestrator.reports.privacy import who
from orchestrator.reports.system_facts import Comparison, Cutover, Earlier, Outage, Promise, ReasonLine, SystemFacts, Writes
from orchestrator.reports.values import Mark, Source, Sourced, Words
from orchestrator.reports.words import DIRECTIONS, KINDS, LEVELS, OUTAGES, STATES, STATUSES, STRATEGIES, mark, words
from orchestrator.texts import row_words

TRIAL_STEPS = ("trial_run", "trial_use", "stay_silent")
ANNOUNCED = {"device_outage": "device_outage_announced", "hosting_outage": "outage_announced", "vendor_outage": "outage_announced",
             "server_outage": "outage_announced"}

OUTAGE_OF = {"hosting_outage": "hosting", "vendor_outage": "vendor_run", "server_outage": "whole_server"}
"""Runbooks that announce in the same words."""


def systems(given: Given) -> tuple[SystemFacts, ...]:
    """Every counted system, by department in the inventory's order, then by name."""
    order = {d.id: n for n, d in enumerate(given.inventory.departments)}
    migrations: dict[str, list[Any]] = {}
    for row in given.trail.migrations:
        migrations.setdefault(row.system, []).append(row)
    scope: dict[str, list[str]] = {}
    for target in given.programme.phases:
        for member in in_scope(target, given.members):
            scope.setdefault(member.id, []).append(target.id)
    found = [_system(given, one, migrations.get(one.id, []), tuple(scope.get(one.id, ()))) for one in given.inventory.systems]
    return tuple(sorted(found, key=lambda s: (order.get(s.department, len(order)), s.id)))


def _system(given: Given, one: System, rows: list[Any], phases: tuple[str, ...]) -> SystemFacts:
    trail, latest = given.trail, rows[-1] if rows else None
    verdict = given.verdicts.get(one.id)
    state, since, step = _state(given, one, latest)
    strategy = latest.strategy if latest else str(verdict.strategy) if verdict else ""
    strategy_source = (
        trail.source(trail.started(latest.id), f"migrations:{latest.id}") if latest else Source(rows=(f"inventory:{one.id}", "policy:*"))
    )
    comparison = next((c for row in reversed(rows) if (c := _comparison(given, row))), None)
    begun = [e for row in rows for e in trail.started(row.id)]
    alarms = [e for row in rows for e in trail.of(row.id, "way_back_alarm")]
    exposed = [e for row in rows for e in trail.of(row.id, "writes_exposed")]
    department = given.departments.get(one.department)
    return SystemFacts(
        id=one.id,
        name=given.system_name(one.id),
        department=one.department,
        department_name=given.department(one.department),
        level=words({str(k): v for k, v in LEVELS.items()}, department.level if department else ""),
        kind=words({str(k): v for k, v in KINDS.items()}, one.kind),
        status=words({str(k): v for k, v in STATUSES.items()}, one.status),
        phases=phases,
        strategy=Sourced(value=mark(STRATEGIES, strategy), source=strategy_source),
        reasons=tuple(
            ReasonLine(rule=r.rule, words=Words(zh=r.zh, en=r.en), origin=r.source or "ours", fact=given.scrub.text(r.fact), place=r.place)
            for r in (verdict.reasons if verdict else ())
        ),
        overridden=_override(given, one.id),
        policy_strategy=mark(STRATEGIES, str(verdict.policy_strategy)) if verdict and verdict.policy_strategy else None,
        state=state,
        since=since,
        step=step,
        live=str(latest.live) if latest else "source",
        why=given.scrub.text(latest.why or "", limit=600) if latest else "",
        cause=given.in_both(row_words(latest, "why") if latest else "", 600),
        migrations=Sourced(value=len(rows), source=trail.source(begun)),
        earlier=tuple(_earlier(given, row) for row in rows[:-1]),
        promise=_promise(given, one.id, latest),
        cutovers=tuple(_cutover(given, one.id, m) for m in _measured(given, rows) if m.kind == "cutover"),
        outages=tuple(o for row in rows for o in _outages(given, one.id, row)),
        comparison=comparison,
        writes=_writes(given, one.id),
        unchanged=_unchanged(given, latest),
        acts=acts(given, rows),
        exposed=Sourced(value=bool(exposed), source=trail.source(exposed)),
        alarms=Sourced(value=len(alarms), source=trail.source(alarms)),
        open=open_findings(given, rows),
    )


# ---------------------------------------------------------------- how it stands


def _state(given: Given, one: System, latest: Any) -> tuple[Sourced[Mark], str, Mark | None]:
    trail = given.trail
    if latest is None and (staying := given.staying(one.id)):
        return Sourced(value=mark(STATES, str(staying)), source=Source(rows=(f"inventory:{one.id}", "policy:*"))), "", None
    if latest is None:
        found = given.entry(one.id)
        if found:
            return Sourced(value=mark(STATES, "planned"), source=Source(rows=(f"plan:{found[1]}",))), "", None
        return Sourced(value=mark(STATES, "not_planned"), source=trail.nothing()), "", None
    step = next(
        (s for s in reversed(trail.steps(latest.id)) if s.state in ("running", "undoing", "waiting", "failed", "undo_failed")), None
    )
    if latest.ending:
        events = trail.ended(latest.id, latest.ending)
        retired = latest.ending == "accepted" and latest.strategy == Strategy.RETIRE
        code, since = "retired" if retired else str(latest.ending), latest.ended or (events[-1].at if events else latest.created)
    else:
        code = "trial_run" if latest.state == "forward" and step is not None and step.step in TRIAL_STEPS else str(latest.state)
        events = trail.step_events(latest.id, step.step) if step is not None else trail.started(latest.id)
        since = step.started if step is not None and step.started else latest.created
    shown = None
    if step is not None and latest.ending in (None, "needs_a_person"):
        shown = mark(dict(given.step_names), step.step)
    return Sourced(value=mark(STATES, code), source=trail.source(events, f"migrations:{latest.id}")), given.local(since), shown


def _earlier(given: Given, row: Any) -> Earlier:
    code = str(row.ending or row.state)
    source = given.trail.source(given.trail.ended(row.id, code), f"migrations:{row.id}")
    said = row_words(row, "why") if code != "accepted" else ""
    return Earlier(number=row.number, ending=Sourced(value=mark(STATES, code), source=source), ended=given.local(row.ended), why=given.in_english(said, 300),
                   cause=given.in_both(said, 300))  # fmt: skip


def _override(given: Given, system: str) -> Sourced[str] | None:
    verdict = given.verdicts.get(system)
    if verdict is None or not verdict.overridden_by:
        return None
    events = given.trail.of_kind(OVERRIDE, system=system)[-1:]
    return Sourced(value=given.scrub.text(verdict.overridden_by), source=given.trail.source(events))


def _promise(given: Given, system: str, latest: Any) -> Promise | None:
    found = given.entry(system, latest.plan_digest if latest else None)
    if found is None:
        return None
    entry, digest = found
    saved = [e for e in given.trail.of_kind("plan_saved") if e.payload and e.payload.get("digest") == digest]
    source = Source(events=tuple(e.seq for e in saved), rows=(f"plan:{digest}",))
    return Promise(
        wave=Sourced(value=entry.wave, source=source),
        window_start=Sourced(value=given.local(entry.window_start), source=source),
        window_end=Sourced(value=given.local(entry.window_end), source=source),
        rule=entry.window_rule,
        accepted_by=Sourced(value=given.local(entry.accepted_by) or None, source=source),
        late=_late(given, system, latest, given.local(entry.window_end), given.local(entry.accepted_by)),
    )


def _late(given: Given, system: str, latest: Any, window_end: str, accepted_by: str) -> bool:
    if system in given.accepted:
        return False
    now, switched = given.local(given.now), latest is not None and latest.live == "target"
    return bool(not switched and window_end < now) or bool(accepted_by and accepted_by < now)


# ---------------------------------------------------------------- figures


def _measured(given: Given, rows: list[Any]) -> list[Any]:
    return [m for row in rows for m in given.trail.measurements_of.get(row.id, ())]


def _cutover(given: Given, system: str, m: Any) -> Cutover:
    source = given.trail.measured[m.id]
    seen = bool(m.requests)  # nothing asked, nothing measured
    given_up = (m.detail or {}).get("switched_at", True) is None
    return Cutover(
        system=system,
        migration=m.migration,
        direction=mark(DIRECTIONS, f"{m.direction}_given_up" if given_up else m.direction),
        started=Sourced(value=given.local(m.started), source=source),
        longest_gap_ms=Sourced(value=m.longest_gap_ms if seen else None, source=source),
        budget_ms=Sourced(value=m.budget_ms, source=source),
        requests=Sourced(value=m.requests, source=source),
        failed=Sourced(value=m.failed_requests if seen else None, source=source),
        budget_failed=Sourced(value=m.budget_failed, source=source),
        attempts=Sourced(value=int((m.detail or {}).get("attempts") or 1), source=source),
        in_window=bool(m.in_window),
        breach=bool(m.breach),
    )


def _outages(given: Given, system: str, row: Any) -> list[Outage]:
    trail, found = given.trail, []
    for kind, announced_by in ANNOUNCED.items():
        if kind in OUTAGE_OF and row.runbook != OUTAGE_OF[kind]:
            continue
        announced = trail.of(row.id, announced_by)
        measured = [m for m in trail.measurements_of.get(row.id, ()) if m.kind == kind]
        minutes = Sourced[float | None](value=_minutes(announced[-1].payload) if announced else None, source=trail.source(announced))
        for m in measured:
            gap = Sourced[float | None](value=m.longest_gap_ms, source=trail.measured[m.id])
            found.append(
                Outage(
                    system=system,
                    migration=row.id,
                    kind=mark(OUTAGES, kind),
                    direction=mark(DIRECTIONS, m.direction),
                    announced_minutes=minutes,
                    measured_ms=gap,
                    breach=bool(m.breach),
                )
            )
        if announced and not measured:
            none = Sourced[float | None](value=None, source=trail.nothing())
            found.append(
                Outage(
                    system=system,
                    migration=row.id,
                    kind=mark(OUTAGES, kind),
                    direction=mark(DIRECTIONS, "forward"),
                    announced_minutes=minutes,
                    measured_ms=none,
                    breach=False,
                )
            )
    return found


def _minutes(payload: Any) -> float | None:
    """The tightest of what was announced: a figure, or one a device."""
    said = payload.get("minutes")
    values = list(said.values()) if isinstance(said, dict) else [said]
    figures = [float(v) for v in values if isinstance(v, int | float)]
    return min(figures) if figures else None


def _comparison(given: Given, row: Any) -> Comparison | None:
    """The latest of the comparisons of a migration: of tables at the fence or before acceptance, of files after transport."""
    done = [
        s
        for s in given.trail.steps(row.id)
        if s.step in ("compare", "compare_again", "start_there", "vendor_compare") and s.state in ("done", "failed") and s.ended
    ]
    for step in sorted(done, key=lambda s: str(s.ended), reverse=True):
        facts, differs = step.facts or {}, "differ" in str((step.error or {}).get("what", ""))
        if step.state == "failed" and not differs:
            continue
        source = given.trail.source(given.trail.step_events(row.id, step.step, step.state), f"steps:{row.id}/{step.step}")
        tables, rows, files = (int(facts.get(k) or 0) if step.state == "done" else 0 for k in ("tables", "rows", "compared_files"))
        equal = False if step.state == "failed" else bool(facts.get("equal", True)) if tables or files else None
        return Comparison(
            step=step.step,
            at=given.local(step.ended),
            tables=Sourced(value=tables, source=source),
            rows=Sourced(value=rows, source=source),
            files=Sourced(value=files, source=source),
            equal=Sourced(value=equal, source=source),
        )
    return None


def _unchanged(given: Given, row: Any) -> Sourced[bool | None]:
    step = (
        next((s for s in given.trail.steps(row.id) if s.step == "compare_unchanged" and s.state in ("done", "failed")), None)
        if row is not None
        else None
    )
    if step is None:
        return Sourced(value=None, source=given.trail.nothing())
    source = given.trail.source(given.trail.step_events(row.id, step.step, step.state), f"steps:{row.id}/{step.step}")
    return Sourced(value=step.state == "done", source=source)


def _writes(given: Given, system: str) -> Writes | None:
    """From the judge's last event of the system. None: nobody judged it from outside, or what was found does not hold figures."""
    event = next((e for e in reversed(given.trail.of_kind("judged", system=system)) if e.payload is not None), None)
    if event is None or event.payload is None:
        return None
    figures = [event.payload.get(name) for name in ("acknowledged", "lost", "duplicated")]
    if not all(isinstance(figure, int) for figure in figures):
        return None
    source, person = Source(events=(event.seq,)), given.scrub.text(who(event.actor))
    acknowledged, lost, duplicated = (Sourced[int](value=int(figure or 0), source=source) for figure in figures)
    return Writes(who=person, simulated=person.startswith("simulated:"), acknowledged=acknowledged, lost=lost, duplicated=duplicated)
