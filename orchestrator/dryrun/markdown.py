"""A dry run as Markdown, for a comment on a change: what the change brought first, then what refuses, then how far it looked."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from orchestrator.dryrun.result import MODES, Changes, Result, SystemReport, coverage_word
from orchestrator.errors import Finding
from orchestrator.steps.base import Coverage
from orchestrator.texts import text

MOST = 100
"""Findings and systems that are listed; the number of those that are left out is said."""
_SPECIAL = re.compile(r"([\\`*_{}\[\]<>|#~!&$@])")
_BREAKS = re.compile("[\x00-\x1f\x7f\u2028\u2029\ud800-\udfff]+")
"""What ends a line, steers a terminal, or is no character (half of a surrogate pair)."""


def to_markdown(result: Result) -> str:
    """The document. Every text from an inventory is escaped: nothing of it becomes a link, a tag or a mention."""
    parts = [f"# {text('dryrun.title', verdict=_verdict(result))}", ""]
    if result.changes:
        parts += _changes(result.changes)
    parts += _findings(text("dryrun.findings"), result.all_findings())
    parts += _coverage(result)
    parts += _systems(result.systems)
    parts += [f"## {text('dryrun.not_covered')}", "", *(f"- {escape(line)}" for line in result.not_covered), ""]
    return "\n".join(parts)


def escape(words: str) -> str:
    """One line in which nothing is markup."""
    return _SPECIAL.sub(r"\\\1", _BREAKS.sub(" ", words)).strip()


def _verdict(result: Result) -> str:
    errors = len(result.errors)
    return text("dryrun.refused", count=errors) if errors else text("dryrun.nothing_refuses", count=len(result.systems))


def _changes(changes: Changes) -> list[str]:
    parts = [f"## {text('dryrun.changed_since', reference=escape(changes.reference))}", ""]
    lines = [escape(str(line)) for line in changes.lines] or [text("cli.nothing_moved")]
    parts += [f"- {line}" for line in _limited(lines)]
    parts += ["", text("cli.findings_moved", new=len(changes.new), gone=len(changes.gone)), ""]
    if changes.new:
        parts += _findings(text("dryrun.new_findings"), changes.new)
    if changes.gone:
        parts += [f"### {text('dryrun.gone')}", "", *(f"- {escape(f.code)}: {escape(f.message)}" for f in changes.gone[:MOST]), ""]
    return parts


def _findings(title: str, findings: Sequence[Finding]) -> list[str]:
    if not findings:
        return [f"## {title}", "", text("dryrun.none"), ""]
    ordered = sorted(findings, key=lambda finding: finding.severity != "error")
    rows = [f"| {f.severity} | {escape(f.place())} | {escape(f.code)} | {escape(f.message)} | {escape(f.remedy)} |" for f in ordered]
    return [f"## {title}", "", text("dryrun.finding_heads"), "|---|---|---|---|---|", *_limited(rows), ""]


def _coverage(result: Result) -> list[str]:
    counts = result.coverage()
    rows = [f"| {coverage_word(coverage)} | {counts[coverage]} |" for coverage in Coverage if counts[coverage]]
    mode = text(MODES[result.mode])
    if not counts:
        return [f"## {text('dryrun.coverage')}", "", text("dryrun.no_steps"), ""]
    head = text("dryrun.looked_at", percent=round(result.percent()), steps=sum(counts.values()), mode=mode)
    return [f"## {text('dryrun.coverage')}", "", head, "", text("dryrun.coverage_heads"), "|---|---|", *rows, ""]


def _systems(systems: Sequence[SystemReport]) -> list[str]:
    rows = []
    for system in systems:
        window = f"{system.window[0]} – {system.window[1]}" if system.window else "–"
        wave = "–" if system.wave is None else str(system.wave)
        rows.append(f"| {escape(system.name)} ({escape(system.system)}) | {system.strategy} | {wave} | {window} | {len(system.findings)} |")
    return [f"## {text('dryrun.systems')}", "", text("dryrun.system_heads"), "|---|---|---|---|---|", *_limited(rows), ""]


def _limited(rows: Iterable[str]) -> list[str]:
    rows = list(rows)
    left = len(rows) - MOST
    return rows[:MOST] + (["\n" + text("dryrun.more", count=left)] if left > 0 else [])
