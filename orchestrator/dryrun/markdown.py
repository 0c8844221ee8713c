"""A dry run as Markdown, for a comment on a change: what the change brought first, then what refuses, then how far it looked."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from orchestrator.dryrun.result import Changes, Result, SystemReport
from orchestrator.errors import Finding
from orchestrator.steps.base import Coverage

MOST = 100
"""Findings and systems that are listed; the number of those that are left out is said."""
_SPECIAL = re.compile(r"([\\`*_{}\[\]<>|#~!&$@])")
_BREAKS = re.compile("[\x00-\x1f\x7f\u2028\u2029\ud800-\udfff]+")
"""What ends a line, steers a terminal, or is no character (half of a surrogate pair)."""


def to_markdown(result: Result) -> str:
    """The document. Every text from an inventory is escaped: nothing of it becomes a link, a tag or a mention."""
    parts = [f"# Dry run: {_verdict(result)}", ""]
    if result.changes:
        parts += _changes(result.changes)
    parts += _findings("Findings", result.all_findings())
    parts += _coverage(result)
    parts += _systems(result.systems)
    parts += ["## Not covered", "", *(f"- {escape(line)}" for line in result.not_covered), ""]
    return "\n".join(parts)


def escape(text: str) -> str:
    """One line in which nothing is markup."""
    return _SPECIAL.sub(r"\\\1", _BREAKS.sub(" ", text)).strip()


def _verdict(result: Result) -> str:
    errors = len(result.errors)
    return f"refused, {errors} error{'s' if errors != 1 else ''}" if errors else f"nothing refuses {len(result.systems)} systems"


def _changes(changes: Changes) -> list[str]:
    parts = [f"## What changed since {escape(changes.reference)}", ""]
    lines = [escape(line) for line in changes.lines] or ["no strategy, wave, window or target has moved"]
    parts += [f"- {line}" for line in _limited(lines)]
    parts += ["", f"{len(changes.new)} findings are new, {len(changes.gone)} have gone.", ""]
    if changes.new:
        parts += _findings("New findings", changes.new)
    if changes.gone:
        parts += ["### Gone", "", *(f"- {escape(f.code)}: {escape(f.message)}" for f in changes.gone[:MOST]), ""]
    return parts


def _findings(title: str, findings: Sequence[Finding]) -> list[str]:
    if not findings:
        return [f"## {title}", "", "None.", ""]
    ordered = sorted(findings, key=lambda finding: finding.severity != "error")
    rows = [f"| {f.severity} | {escape(f.place())} | {escape(f.code)} | {escape(f.message)} | {escape(f.remedy)} |" for f in ordered]
    return [f"## {title}", "", "| | where | what | | what to do |", "|---|---|---|---|---|", *_limited(rows), ""]


def _coverage(result: Result) -> list[str]:
    counts = result.coverage()
    rows = [f"| {coverage.replace('_', ' ')} | {counts[coverage]} |" for coverage in Coverage if counts[coverage]]
    head = f"{result.percent():.0f} % of {sum(counts.values())} steps were looked at ({result.mode})."
    return ["## Coverage", "", head, "", "| how far | steps |", "|---|---|", *rows, ""]


def _systems(systems: Sequence[SystemReport]) -> list[str]:
    rows = []
    for system in systems:
        window = f"{system.window[0]} – {system.window[1]}" if system.window else "–"
        wave = "–" if system.wave is None else str(system.wave)
        rows.append(f"| {escape(system.name)} ({escape(system.system)}) | {system.strategy} | {wave} | {window} | {len(system.findings)} |")
    return ["## Systems", "", "| system | strategy | wave | window | findings |", "|---|---|---|---|---|", *_limited(rows), ""]


def _limited(rows: Iterable[str]) -> list[str]:
    rows = list(rows)
    left = len(rows) - MOST
    return rows[:MOST] + ([f"\n… and {left} more"] if left > 0 else [])
