"""What people read of a migration, a plan, an assessment in Prefect's pages: Markdown and tables made of facts.

Only what is named here is shown: ids, names, figures, words of ours. No telephone, no contact, no address, no secret; what a
tool or a person wrote is scrubbed of personal figures and escaped, so that nothing of it becomes a link or a tag.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from orchestrator import texts
from orchestrator.dryrun.markdown import escape
from orchestrator.errors import Finding
from orchestrator.planning.calendar import Opening
from orchestrator.policy.assess import strategy_name
from orchestrator.reports.privacy import Scrubber

if TYPE_CHECKING:
    from orchestrator.models import Department, Inventory, Plan, Verdict

LIMIT = 400
"""Characters of one text from outside."""


def scrubber(inventory: Inventory | None) -> Scrubber:
    """Removes what looks like a personal figure, and what the inventory says is one."""
    systems = inventory.systems if inventory is not None else ()
    return Scrubber(text for system in systems for text in (system.phone, system.contact) if text)


def migration_page(said: Mapping[str, Any], steps: Sequence[Any], scrub: Scrubber) -> str:
    """One migration: which side is live, what it waits for and what to type, every step. ``said``: ``journal.standing.describe``."""
    lines = [f"# {said['migration']}", "", f"live: **{texts.text('side.' + said['live'])}**"]
    if said["ending"]:
        lines.append(f"ending: **{texts.text('ending.' + ('refused' if said['refused'] else said['ending']))}**")
    if said["why"]:
        lines.append(f"why: {escape(scrub.text(said['why'], LIMIT))}")
    if said["next"] and said["state"] != "ended":
        lines += ["", "## To go on", "", *(f"- `{command}`" for command in said["next"])]
    if said["findings"] and said["ending"] != "accepted":
        lines += ["", "## Findings", ""]
        lines += [finding_line(f["code"], f["place"], f["message"], f["remedy"], scrub) for f in said["findings"]]
    if said["owed"]:
        lines += ["", "## Owed clean-up", ""]
        lines += [f"- {row['number']}: {escape(scrub.text(row['what'], LIMIT))}" for row in said["owed"]]
    lines += ["", "## Steps", "", "| | step | state | seconds |", "|---|---|---|---|"]
    lines += [step_line(number, row) for number, row in enumerate(steps, start=1)]
    return "\n".join(lines) + "\n"


def step_line(number: int, row: Any) -> str:
    """A row of the table of steps."""
    title = texts.text(f"step.{row.step}") if texts.knows(f"step.{row.step}") else row.step
    seconds = f"{row.seconds:.1f}" if row.seconds is not None else ""
    return f"| {number} | {escape(title)} | {texts.text(f'step_state.{row.state}')} | {seconds} |"


def findings_page(title: str, findings: Sequence[Finding], scrub: Scrubber) -> str:
    """Every reason for a refusal, with its place and what to do."""
    lines = [f"# {escape(scrub.text(title, LIMIT))}", ""]
    lines += [finding_line(f.code, f.place(), f.message, f.remedy, scrub) for f in findings]
    return "\n".join(lines) + "\n"


def finding_line(code: str, place: str, message: str, remedy: str, scrub: Scrubber) -> str:
    """``code place: message → remedy`` as an item of a list."""
    shown = [escape(scrub.text(text, LIMIT)) for text in (code, place, message, remedy)]
    return f"- **{shown[0]}** {shown[1]}: {shown[2]} → {shown[3]}"


def assessment_rows(systems: Sequence[str], names: Mapping[str, str], verdicts: Mapping[str, Verdict], scrub: Scrubber) -> list[dict[str, Any]]:
    """A department's systems: strategy, readiness, complexity, the first reason, what speaks for asking again."""
    rows = []
    for system in systems:
        verdict = verdicts[system]
        moves = verdict.strategy.moves
        rows.append(
            {
                "system": system,
                "name": scrub.text(names.get(system, "")),
                "strategy": str(strategy_name(verdict.strategy)),
                "readiness": verdict.readiness if moves else "-",
                "complexity": verdict.complexity if moves else "-",
                "confidence": f"{verdict.confidence}%",
                "reasons": "; ".join(scrub.text(f"[{reason.rule}] {texts.Name(reason.zh, reason.en)}") for reason in verdict.reasons),
                "to verify": "; ".join(scrub.text(reason.zh) for reason in verdict.doubts) or "-",
            }
        )
    return rows


def assessment_page(department: Department, rows: Sequence[Mapping[str, Any]], findings: Sequence[Finding], scrub: Scrubber) -> str:
    """A department in a few lines: how many systems move how, what its forms still lack."""
    counts: dict[str, int] = {}
    for row in rows:
        counts[str(row["strategy"])] = counts.get(str(row["strategy"]), 0) + 1
    lines = [f"# {escape(scrub.text(department.name))} ({department.id})", "", f"{len(rows)} systems"]
    lines += [f"- {strategy}: {count}" for strategy, count in sorted(counts.items())]
    if findings:
        lines += ["", "## What its forms leave open", ""]
        lines += [finding_line(f.code, f.place(), f.message, f.remedy, scrub) for f in findings[:100]]
        if len(findings) > 100:
            lines.append(f"- … and {len(findings) - 100} more: `orchestrator inventory check`")
    return "\n".join(lines) + "\n"


def plan_page(plan: Plan, problems: Sequence[Finding], scrub: Scrubber) -> str:
    """Digest, targets, waves. Another account approves the digest on the command line."""
    lines = [f"# Plan {plan.digest[:12]}", "", f"`orchestrator plan approve {plan.digest[:12]}` by another account puts it in force.", ""]
    lines += ["| phase | planned | needed | in scope |", "|---|---|---|---|"]
    lines += [f"| {escape(p.id)} | {p.planned} | {p.needed} | {p.in_scope} |" for p in plan.phases]
    lines += ["", "| wave | system | window | rule |", "|---|---|---|---|"]
    for entry in sorted(plan.entries, key=lambda e: (e.wave, e.order, e.system)):
        window = f"{entry.window_start:%Y-%m-%d %H:%M} – {Opening(entry.window_start, entry.window_end, entry.window_rule).until}"
        lines.append(f"| {entry.wave} | {entry.system} | {window} | {escape(scrub.text(entry.window_rule))} |")
    if problems:
        lines += ["", "## What is missing", "", *(finding_line(f.code, f.place(), f.message, f.remedy, scrub) for f in problems)]
    return "\n".join(lines) + "\n"


def wave_page(title: str, stands: Sequence[Any], links: Mapping[str, str], scrub: Scrubber) -> str:
    """A wave or phase: every system with where it stands and a link to its flow run. ``stands``: ``flows.stand.Stand``."""
    accepted = sum(stand.ending == "accepted" for stand in stands)
    lines = [f"# {escape(title)}", "", f"{accepted} of {len(stands)} accepted", "", "| system | stands | waits for |", "|---|---|---|"]
    for stand in stands:
        name = f"[{stand.system}]({links[stand.system]})" if stand.system in links else stand.system
        lines.append(f"| {name} | {stand_words(stand)} | {escape(scrub.text('; '.join(stand.waits), LIMIT)) or '-'} |")
    return "\n".join(lines) + "\n"


def stand_words(stand: Any) -> str:
    """The ending in the operator's words, or what goes on."""
    if stand.over:
        return texts.text(f"ending.{stand.ending}")
    if not stand.migration:
        return "not begun"
    return "running" if stand.alive else "waiting"

