"""``workplan``: a department's migration work plan as a document. No logic: see ``orchestrator.reports.workplan``."""

from __future__ import annotations

from pathlib import Path

import click

from orchestrator.errors import Exit


@click.command()
@click.option("--department", required=True, help="Id or name, as in the inventory.")
@click.option("--format", "form", type=click.Choice(["docx", "html"]), default="docx", show_default=True)
@click.option("--lang", type=click.Choice(["zh", "en"]), default="zh", show_default=True)
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="File to write; default: workplan-DEPARTMENT.FORMAT here.")
@click.option(
    "--plan",
    "plan_file",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="What `plan --out` wrote; default: the approved plan, else today's.",
)
@click.option(
    "--inventory", "folder", type=click.Path(path_type=Path, exists=True, file_okay=False), help="Folder; default: the configured one."
)
def workplan(department: str, form: str, lang: str, out: Path | None, plan_file: Path | None, folder: Path | None) -> int:
    """A department's migration work plan (迁移接入工作方案): each system, how, when, by whom, how it goes back, sign-off."""
    from orchestrator.cli.settings import open_workspace
    from orchestrator.inventory.find import find_department
    from orchestrator.journal.actors import current_actor
    from orchestrator.reports.workplan import work_plan
    from orchestrator.written import remember_written

    known = open_workspace((folder,) if folder else ())
    approved = known.approved if folder is None else None
    plan = (known.promised_plan(plan_file) if plan_file else approved) or known.plan
    draft = approved is None or approved.digest != plan.digest
    made = work_plan(known.inventory, known.verdicts, plan, department, lang, draft=draft)
    if folder is None:
        known.keep_plan(plan, current_actor())  # the document names its digest: it can be shown and approved
    owner = find_department(known.inventory.departments, department).id
    file = out or Path(f"workplan-{owner}.{form}")
    if form == "docx":
        from orchestrator.reports.workplan_docx import write_docx

        write_docx(made, file)
    else:
        from orchestrator.reports.workplan_html import to_html

        file.write_text(to_html(made), encoding="utf-8")
    remember_written(known.settings.state, file)
    click.echo(f"{file}: {made.title}")
    return int(Exit.DONE)
