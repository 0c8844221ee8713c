"""What a change brought: today's inventory and plan beside those of a revision of the repository that holds the inventory."""

from __future__ import annotations

import tarfile
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path

from orchestrator.dryrun.result import Changes, Result, compare_findings
from orchestrator.dryrun.run import Known, read_known
from orchestrator.engine.session import Session
from orchestrator.errors import Finding, OrchestratorError, UsageError
from orchestrator.models import Plan, PlanEntry, PlanPhase
from orchestrator.texts import Sentence, say
from orchestrator.tools import git


def compare_with(session: Session, result: Result, reference: str) -> Changes:
    """Strategies, waves, windows and targets that moved since ``reference``, and the findings that are new or gone.

    Only what is read offline is compared: inventory, policy, programme, plan. Raises UsageError when git knows no such
    revision, or the inventory is in no repository.
    """
    with _inventory_at(session.settings.inventory, reference) as folder:
        settings = session.settings.model_copy(update={"inventory": folder})
        before = read_known(Session(settings, session.actor))
        lines = tuple(_moved(before, session, result))
        now = [finding for finding in result.findings if finding.code != "playbook-syntax"]
        new, gone = compare_findings(before.findings, now)
    return Changes(reference=reference, lines=lines, new=new, gone=gone)


@contextmanager
def _inventory_at(inventory: Path, reference: str) -> Iterator[Path]:
    """The inventory folder as it was, unpacked into a throwaway folder."""
    if reference.startswith("-"):
        raise UsageError(say("dryrun.no_revision", reference=reference), remedy=say("dryrun.name_revision"))
    inside = git.ask(inventory, "rev-parse", "--show-prefix").decode().strip()
    top = Path(git.ask(inventory, "rev-parse", "--show-toplevel").decode().strip())
    commit = git.ask(inventory, "rev-parse", "--verify", "--quiet", f"{reference}^{{commit}}").decode().strip()
    packed = git.ask(top, "archive", "--format=tar", commit, "--", inside or ".")
    with tempfile.TemporaryDirectory(prefix="dry-run-") as folder:
        with tarfile.open(fileobj=BytesIO(packed)) as archive:
            archive.extractall(folder, filter="data")
        yield Path(folder) / inside


def _moved(before: Known, session: Session, result: Result) -> Iterator[Sentence]:
    """One line for each thing that is not as it was."""
    was, now = _strategies(before), {s.id: str(session.verdicts[s.id].strategy) for s in session.inventory.systems} if result.plan else {}
    for system in sorted(was.keys() - now.keys()):
        yield say("dryrun.system_gone", system=system)
    for system in sorted(now.keys() - was.keys()):
        yield say("dryrun.system_new", system=system, strategy=now[system])
    for system in sorted(was.keys() & now.keys()):
        if was[system] != now[system]:
            yield say("dryrun.strategy_moved", system=system, before=was[system], now=now[system])
    if before.plan is None or not result.plan:
        return
    plan = session.approved or _plan_of(session)
    if plan is not None:
        yield from _plans(before.plan, plan)


def _plan_of(session: Session) -> Plan | None:
    try:
        return session.plan
    except OrchestratorError as error:
        return getattr(error, "plan", None)


def _strategies(known: Known) -> Mapping[str, str]:
    try:
        return {system.id: str(known.session.verdicts[system.id].strategy) for system in known.session.inventory.systems}
    except OrchestratorError:
        return {}


def _plans(before: Plan, after: Plan) -> Iterator[Sentence]:
    was, now = ({entry.system: entry for entry in plan.entries} for plan in (before, after))
    for system in sorted(was.keys() & now.keys()):
        yield from _entries(was[system], now[system])
    for system in sorted(was.keys() - now.keys()):
        yield say("dryrun.left_plan", system=system)
    targets = {phase.id: phase for phase in before.phases}
    for phase in after.phases:
        former = targets.get(phase.id)
        if former and (former.planned, former.needed, former.in_scope) != (phase.planned, phase.needed, phase.in_scope):
            yield say("dryrun.target_moved", phase=phase.id, before=_count(former), now=_count(phase))


def _count(phase: PlanPhase) -> Sentence:
    return say("dryrun.target", planned=phase.planned, needed=phase.needed, in_scope=phase.in_scope)


def _entries(was: PlanEntry, now: PlanEntry) -> Iterator[Sentence]:
    if was.wave != now.wave:
        yield say("dryrun.wave_moved", system=was.system, before=was.wave, now=now.wave)
    if (was.window_start, was.window_end) != (now.window_start, now.window_end):
        moments = {"before": f"{was.window_start:%Y-%m-%d %H:%M}", "now": f"{now.window_start:%Y-%m-%d %H:%M}"}
        yield say("dryrun.window_moved", system=was.system, **moments)


def coverage_finding(result: Result, required: float) -> Finding | None:
    """Below what was asked for, coverage is a finding like any other."""
    percent = result.percent()
    if percent >= required:
        return None
    says = say("dryrun.too_little", percent=round(percent), required=required)
    return Finding("coverage", "error", says, say("dryrun.look_further"))
