"""The questions that a reading leaves, on a terminal, and the findings that they tell of."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

import click

from orchestrator.cli.listing import safe
from orchestrator.errors import Finding
from orchestrator.texts import say, text

if TYPE_CHECKING:
    from orchestrator.inventory.questions import Question

ASKED_CODES = {"classified-doubt", "department-renamed", "duplicate-system", "sheet-not-recognised", "unreadable", "missing", "classified-unanswered", "classified-column-missing"}
"""Findings at a cell that a question tells of."""


def not_asked(findings: Sequence[Finding], asked: Collection[str]) -> list[Finding]:
    """Findings that no question tells of. ``asked``: places that questions decide."""
    return [finding for finding in findings if finding.place() not in asked or finding.code not in ASKED_CODES]


def print_questions(questions: Sequence[Question], *, err: bool = False) -> None:
    """Each with its proposal, what it was seen by, and what it decides. ``err``: to the error output."""
    if not questions:
        return
    click.echo("\n" + text("inventory.questions_remain", count=len(questions)), err=err)
    for number, question in enumerate(questions, start=1):
        click.echo(safe(f"  {number}. {question.asks}  [{question.id}]"), err=err)
        if question.proposed or question.evidence:
            proposed = question.proposed.replace("\n", "；") or "—"
            click.echo(safe("        " + text("inventory.question_proposal", proposed=proposed, evidence=question.evidence or "—")), err=err)
        place = question.rows[0] if question.rows else "-"
        decides = say("inventory.question_decides_more", place=place, count=question.count)
        click.echo(safe(f"        {decides if question.count > 1 else say('inventory.question_decides', place=place)}"), err=err)
    click.echo(f"  → {say('inventory.questions_next')}", err=err)
