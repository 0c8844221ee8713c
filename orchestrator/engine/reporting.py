"""The progress report of a session: its facts, made of journal, inventory, verdicts and plan; the whole report as one HTML file."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from markupsafe import Markup

    from orchestrator.engine.session import Session
    from orchestrator.journal.store import Journal
    from orchestrator.models import Inventory, Plan
    from orchestrator.reports.facts import ReportFacts
    from orchestrator.reports.html import Lang


def write_html(session: Session, target: Path, lang: Lang) -> None:
    """The whole report of a session as one HTML file."""
    from orchestrator.reports.html import render

    facts, inventory, plan = facts_of(session)
    write(target, render(facts, lang, plan_picture=_picture(session, inventory, plan, lang)))


def facts_of(session: Session, *, example: bool = False) -> tuple[ReportFacts, Inventory, Plan | None]:
    """The report's facts with today's overrides laid over the verdicts, what they were made of, and the plan they refer to."""
    import datetime as dt

    from orchestrator.errors import Refused
    from orchestrator.policy.policy import policy_digest
    from orchestrator.reports.collect import collect
    from orchestrator.texts import kept

    journal = session.journal
    plan, problem = session.approved or saved_plan(journal), ""
    if plan is None:
        try:
            plan = session.plan
        except Refused as refused:
            problem = kept(refused.says)
    facts = collect(
        journal=journal,
        decisions=session.decisions,
        notes=session.notes,
        inventory=session.inventory,
        verdicts=session.verdicts,
        programme=session.programme,
        now=dt.datetime.now(dt.UTC),
        plan=plan,
        plan_problem=problem,
        policy_digest=policy_digest(session.policy),
        step_names=step_names(),
        example=example,
    )
    return facts, session.inventory, plan


def saved_plan(journal: Journal) -> Plan | None:
    """The plan that was kept last: what is promised while none is approved. None while none was kept."""
    from orchestrator.models import Plan

    for event in reversed(journal.events(kind="plan_saved")):
        text = journal.plan(str((event.payload or {}).get("digest")))
        if text:
            return Plan.model_validate_json(text)
    return None


def step_names() -> dict[str, tuple[str, str]]:
    """Every step's words. Of the catalogue: the steps themselves would load their tools, for a page that runs nothing."""
    from orchestrator import texts

    return texts.both_of("step")


def _picture(session: Session, inventory: Inventory, plan: Plan | None, lang: Lang) -> Markup | None:
    """The picture of the plan, without systems that the inventory no longer counts (R2)."""
    from orchestrator.reports.html import drawing
    from orchestrator.reports.plan_picture import plan_picture

    if plan is None:
        return None
    known = {system.id for system in inventory.systems}
    shown = plan.model_copy(update={"entries": tuple(entry for entry in plan.entries if entry.system in known)})
    return drawing(plan_picture(shown, inventory, session.programme, lang))


def write(target: Path, text: str) -> None:
    """Whole or not at all: a reader never sees half a report."""
    target.parent.mkdir(parents=True, exist_ok=True)
    draft = target.with_name(f".{target.name}.{os.getpid()}")
    draft.write_text(text, encoding="utf-8")
    draft.replace(target)
