"""Runs a dry run: what is known first, then every chosen system's steps, each as far as its own ``preview`` goes.

Nothing raises for what the inventory, the policy, the programme or the plan say: each refusal becomes its findings, and
what can be done without it is done all the same. What ``migrate`` would refuse is asked of the same function as it asks.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import TypeVar

from orchestrator import texts
from orchestrator.dryrun import cache
from orchestrator.dryrun.offline import make_context
from orchestrator.dryrun.result import Result, StepReport, SystemReport
from orchestrator.engine.cloud_servers import ask_for_wave
from orchestrator.engine.session import Session
from orchestrator.errors import Finding, OrchestratorError, Refused, UsageError, each_once, findings_of
from orchestrator.inventory.load import inventory_digest
from orchestrator.inventory.schema import nearest
from orchestrator.models import Plan, Strategy
from orchestrator.planning.plan import Unreached
from orchestrator.policy.lint import check_policy
from orchestrator.policy.policy import policy_digest
from orchestrator.runbooks import RUNBOOKS, runbook_for
from orchestrator.steps.base import Coverage, Preview
from orchestrator.texts import Words

T = TypeVar("T")
AT_ONCE = 4
"""Systems whose steps are previewed at the same time: most of it waits for Terraform."""
NO_PREVIEW = {
    "read_only": texts.say("dryrun.looks_at_earlier"),
    "reversible": texts.say("dryrun.changes_hosts"),
    "one_way": texts.say("dryrun.cannot_be_tried"),
}


@dataclass(frozen=True)
class Asked:
    """What to look at."""

    systems: tuple[str, ...] = ()
    """Ids; empty: the whole plan, or the wave or phase."""
    wave: int | None = None
    phase: str | None = None
    connect: bool = False
    repeat: bool = False
    """Check again what an earlier run checked with the same inputs."""

    @property
    def named(self) -> bool:
        """Somebody means to migrate exactly these: what is not movable yet is an error then, else a warning."""
        return bool(self.systems) or self.wave is not None or self.phase is not None


@dataclass
class Known:
    """What could be read, and what speaks against it."""

    session: Session
    findings: list[Finding] = field(default_factory=list)
    plan: Plan | None = None
    sited: bool = False
    """Whether ``sites.yaml`` could be read: without it no step can say what it would do."""
    policy: str = ""
    inventory: str = ""

    def attempt(self, code: str, act: Callable[[], T]) -> T | None:
        """What ``act`` gives, or None with its refusal among the findings."""
        try:
            return act()
        except OrchestratorError as error:
            self.findings += findings_of(error, code)
            return None


def read_known(session: Session) -> Known:
    """Inventory, policy, sites, programme and plan, every finding of each. Raises Refused where there is no inventory folder."""
    known = Known(session)
    known.findings += session.reading.findings
    policy = known.attempt("policy", lambda: session.policy)
    if policy is not None:
        known.policy = policy_digest(policy)
        known.findings += check_policy(policy)
    readable = not session.reading.errors and not any(finding.severity == "error" for finding in known.findings)
    known.sited = known.attempt("sites", lambda: session.sites) is not None
    known.attempt("programme", lambda: session.programme)
    known.findings += session.find_loose_names(session.reading, lambda system: readable and not session.not_movable(system.id))
    known.sited &= not any(finding.code == "site-missing" for finding in known.findings)
    if readable:
        known.inventory = inventory_digest(session.inventory)
        _plan(known)
    known.findings = list(dict.fromkeys(known.findings))
    return known


def _plan(known: Known) -> None:
    """Today's plan; where a target is missed, the best that was found, and why."""
    session = known.session
    if known.attempt("programme", lambda: session.programme) is None:
        return
    try:
        known.plan = session.plan
    except Unreached as missed:
        known.plan = missed.plan
        known.findings += missed.findings
    except OrchestratorError as error:
        known.findings += findings_of(error, "plan")


def run(session: Session, asked: Asked, *, say: Callable[[str], None] = lambda _text: None) -> Result:
    """The whole dry run. Raises UsageError for a system, wave or phase that nobody knows."""
    began = time.monotonic()
    known = read_known(session)
    mode = "connect" if asked.connect else "offline"
    aside = ThreadPoolExecutor(1)
    linting = aside.submit(cache.checked_lint, session.settings, again=asked.repeat)
    playbooks = cache.checked_syntax(session.settings, again=asked.repeat)
    found = [
        Finding("playbook-syntax", "error", said, texts.say("dryrun.mend_playbook"), file=f"playbooks/{name}")
        for name, said in playbooks.items()
        if said != "ok"
    ]
    systems: tuple[SystemReport, ...] = ()
    if known.plan is not None and not asked.systems:
        known.attempt("nothing-to-migrate", session.require_something_to_migrate)
    if known.plan is not None and known.sited:
        chosen = _choose(session, known.plan, asked)
        if not chosen and session.to_migrate.systems:
            found.append(Finding("nothing-left", "warning", texts.say("dryrun.nothing_left"), texts.say("dryrun.name_another")))
        basis = "" if asked.connect else cache.basis_of(session)
        with ThreadPoolExecutor(AT_ONCE) as pool:
            systems = tuple(pool.map(lambda system: _system(known, system, chosen, asked, basis, say), chosen))
        if asked.connect:
            found += ask_for_wave(session, chosen)
    linted = linting.result()
    aside.shutdown()
    return Result(
        mode=mode,
        inventory=known.inventory,
        policy=known.policy,
        plan=known.plan.digest if known.plan else "",
        systems=systems,
        playbooks=playbooks,
        findings=(*known.findings, *found, *(linted or ())),
        linted=linted is not None,
        seconds=time.monotonic() - began,
    )


def _choose(session: Session, plan: Plan, asked: Asked) -> list[str]:
    """Ids in the plan's order; what was accepted already is left out of a wave, a phase, a whole plan."""
    if asked.systems:
        return [session.system(system).id for system in asked.systems]
    plan = session.approved or plan
    _insist("wave", asked.wave, [wave.number for wave in plan.waves])
    _insist("phase", asked.phase, [phase.id for phase in plan.phases])
    entries = sorted(plan.entries, key=lambda entry: (entry.wave, entry.order, entry.system))
    return [
        entry.system
        for entry in entries
        if entry.state != "done" and asked.wave in (None, entry.wave) and asked.phase in (None, entry.phase)
    ]


def _insist(what: str, said: int | str | None, known: Sequence[int | str]) -> None:
    """Raises UsageError for a wave or a phase that the plan has not."""
    if said is not None and said not in known:
        says = texts.say("dryrun.no_such_wave", wave=said) if what == "wave" else texts.say("dryrun.no_such_phase", phase=said)
        raise UsageError(says, remedy=nearest(str(said), [str(one) for one in known]))


def _system(known: Known, system: str, chosen: Sequence[str], asked: Asked, basis: str, say: Callable[[str], None]) -> SystemReport:
    session = known.session
    plan = session.approved or known.plan
    assert plan is not None  # noqa: S101 - the caller looked
    entry = next((entry for entry in plan.entries if entry.system == system), None)
    findings = list(_refusals(session, system, chosen, named=asked.named))
    one, verdict = session.system(system), session.verdicts[system]
    report = SystemReport(
        system=system,
        name=one.name,
        department=one.department,
        strategy=str(verdict.strategy),
        runbook=runbook_for(verdict, one),
        wave=entry.wave if entry else None,
        window=(entry.window_start.isoformat(), entry.window_end.isoformat(), entry.window_rule) if entry else None,
        services=tuple(
            {"name": s.name, "host": s.host, "command": list(s.command), "environment": dict(s.environment)} for s in one.services
        ),
    )
    if verdict.strategy is Strategy.RETIRE:
        seen = _previewed(session, report, plan, connect=asked.connect)
        return replace(seen, findings=(*findings, *seen.findings))
    if not verdict.strategy.moves:
        return replace(report, runbook="", findings=tuple(findings))
    told = {(finding.system, finding.says) for finding in known.findings}
    if session.not_movable(system):
        findings = [finding for finding in findings if (finding.system, finding.says) not in told]
        return replace(report, findings=tuple(findings), steps=_unlooked(report.runbook, texts.say("dryrun.not_filled_in")))
    key = cache.key_of(session, system, entry, basis) if basis else ""
    kept = None if asked.repeat else cache.read(session.settings, key)
    if kept is None:
        kept = _previewed(session, report, plan, connect=asked.connect)
        cache.write(session.settings, key, kept)
        say(system)
    every = dict.fromkeys(finding for finding in (*findings, *kept.findings) if (finding.system, finding.says) not in told)
    return replace(report, steps=kept.steps, terraform=kept.terraform, findings=tuple(every), cached=kept.cached)


def _refusals(session: Session, system: str, chosen: Sequence[str], *, named: bool) -> tuple[Finding, ...]:
    """What ``migrate`` or ``retire`` would refuse before it begins, in its own words."""
    try:
        if session.verdicts[system].strategy is Strategy.RETIRE:
            session.check_retirement(system)
        else:
            session.check_start(system, together=chosen)
    except Unreached:
        return ()  # the plan's findings have it
    except Refused as error:
        found = findings_of(error, "refused", system)
        if named or any(finding.code != "not-movable" for finding in found):
            return found
        return tuple(replace(finding, severity="warning") for finding in found)
    return ()


def _unlooked(runbook: str, why: Words) -> tuple[StepReport, ...]:
    return tuple(StepReport(s.id, *s.names, str(s.effect), Coverage.NOT_TOUCHED, why) for s in RUNBOOKS[runbook])


def _previewed(session: Session, report: SystemReport, plan: Plan, *, connect: bool) -> SystemReport:
    """Every step of the runbook as far as its own preview goes."""
    one, verdict = session.system(report.system), session.verdicts[report.system]
    context = make_context(session.settings, one, verdict, plan, session.sites, connect=connect)
    steps: list[StepReport] = []
    findings: list[Finding] = []
    terraform = None
    try:
        for step in RUNBOOKS[report.runbook]:
            seen = step.preview(context, connect) if step.preview else Preview(Coverage.NOT_TOUCHED, NO_PREVIEW[str(step.effect)])
            steps.append(StepReport(step.id, *step.names, str(step.effect), seen.coverage, seen.says))
            findings += seen.findings
            if "changes" in seen.detail:
                terraform = seen.detail
    finally:
        context.world.close()
    return replace(report, steps=tuple(steps), terraform=terraform, findings=tuple(each_once(findings)))
