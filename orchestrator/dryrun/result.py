"""What a dry run came to, as a value: every output (console, JSON, JUnit, SARIF, Markdown) is made from it alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from orchestrator.errors import Finding
from orchestrator.steps.base import Coverage
from orchestrator.texts import Words, kept, say, text

NEVER_COVERED = (
    say("dryrun.nothing_copied"),
    say("dryrun.empty_state"),
)
"""What no dry run does."""
NOT_LINTED = say("dryrun.not_linted")
NOT_ASKED = say("dryrun.not_asked")
COVERAGE = {
    Coverage.EXECUTED: "dryrun.executed",
    Coverage.CHECKED: "dryrun.checked",
    Coverage.PLANNED: "dryrun.planned",
    Coverage.NOT_TOUCHED: "dryrun.not_touched",
}


MODES = {"offline": "dryrun.mode_offline", "connect": "dryrun.mode_connect"}


def coverage_word(coverage: str) -> str:
    """How far a dry run went into a step, in words."""
    return text(COVERAGE[Coverage(coverage)])


@dataclass(frozen=True)
class StepReport:
    """One step of one system: how far the dry run went into it, and how, or why not."""

    id: str
    zh: str
    en: str
    effect: str
    coverage: Coverage
    how: Words


@dataclass(frozen=True)
class SystemReport:
    """One system: what would be done, and everything that speaks against it."""

    system: str
    name: str
    department: str
    strategy: str
    runbook: str
    wave: int | None
    window: tuple[str, str, str] | None
    """Start, end (ISO 8601) and the rule that gave it."""
    steps: tuple[StepReport, ...] = ()
    services: tuple[Mapping[str, Any], ...] = ()
    terraform: Mapping[str, Any] | None = None
    findings: tuple[Finding, ...] = ()
    cached: bool = False
    """An earlier run with the same inputs found this; it was not looked at again."""


@dataclass(frozen=True)
class Changes:
    """What differs from the state of a revision (``--baseline``). Each line names what it is about."""

    reference: str
    lines: tuple[Words, ...] = ()
    """Strategies, waves, windows, targets that moved; systems that came or went."""
    new: tuple[Finding, ...] = ()
    gone: tuple[Finding, ...] = ()


@dataclass(frozen=True)
class Result:
    """A whole dry run. ``findings`` are those of no single system: inventory, plan, playbooks, module."""

    mode: str
    """``offline`` or ``connect``."""
    inventory: str = ""
    policy: str = ""
    plan: str = ""
    """Digests; empty where there is none because of the findings."""
    systems: tuple[SystemReport, ...] = ()
    playbooks: Mapping[str, str] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()
    changes: Changes | None = None
    seconds: float = 0.0
    linted: bool = True
    """Whether ansible-lint was there to look at the playbooks."""

    def all_findings(self) -> list[Finding]:
        """Those of no system first, then each system's."""
        return [*self.findings, *(finding for system in self.systems for finding in system.findings)]

    @property
    def errors(self) -> list[Finding]:
        """What refuses."""
        return [finding for finding in self.all_findings() if finding.severity == "error"]

    @property
    def not_covered(self) -> list[str]:
        """What this dry run did not look at, in words."""
        unlinted = [] if self.linted else [NOT_LINTED]
        return [str(words) for words in [*([NOT_ASKED] if self.mode == "offline" else []), *unlinted, *NEVER_COVERED]]

    def coverage(self) -> Counter[str]:
        """How many steps went how far."""
        return Counter(str(step.coverage) for system in self.systems for step in system.steps)

    def percent(self) -> float:
        """Share of the steps that were looked at in any way; 0 where there are no steps."""
        counts = self.coverage()
        total = sum(counts.values())
        return 100 * (total - counts[Coverage.NOT_TOUCHED]) / total if total else 0.0


def key_of(finding: Finding) -> tuple[str, str, str]:
    """By which two runs know the same finding again, wherever its row stands by now."""
    return finding.code, finding.system, kept(finding.says)


def compare_findings(before: Iterable[Finding], after: Iterable[Finding]) -> tuple[tuple[Finding, ...], tuple[Finding, ...]]:
    """Findings that are new, and those that have gone."""
    was, now = {key_of(f): f for f in before}, {key_of(f): f for f in after}
    new = tuple(finding for key, finding in now.items() if key not in was)
    gone = tuple(finding for key, finding in was.items() if key not in now)
    return new, gone


def as_json(result: Result) -> dict[str, Any]:
    """The whole value for machines; ``problems`` are the errors in a line each."""
    return {
        "mode": result.mode,
        "plan": result.plan,
        "inventory": result.inventory,
        "policy": result.policy,
        "systems": [_system(system) for system in result.systems],
        "playbooks": dict(result.playbooks),
        "findings": _findings(result.findings),
        "coverage": {**result.coverage(), "percent": round(result.percent(), 1)},
        "not_covered": result.not_covered,
        "changes": _changes(result.changes),
        "problems": [describe(finding) for finding in result.errors],
        "seconds": round(result.seconds, 2),
        "cached": sum(system.cached for system in result.systems),
    }


def describe(finding: Finding) -> str:
    """A finding in one line: where, what, what to do."""
    place = finding.place()
    return f"{place + ': ' if place else ''}{finding.message} → {finding.remedy}"


def _findings(findings: Sequence[Finding]) -> list[dict[str, Any]]:
    return [finding.as_json() for finding in findings]


def _system(system: SystemReport) -> dict[str, Any]:
    steps = [{**step.__dict__, "how": str(step.how)} for step in system.steps]
    return {**asdict(replace(system, steps=(), findings=())), "steps": steps, "findings": _findings(system.findings)}


def _changes(changes: Changes | None) -> dict[str, Any] | None:
    if changes is None:
        return None
    return {
        "reference": changes.reference,
        "lines": [str(line) for line in changes.lines],
        "new": _findings(changes.new),
        "gone": _findings(changes.gone),
    }
