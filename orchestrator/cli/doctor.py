"""doctor: what is missing on this machine, and how to get it."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click

from orchestrator.errors import Exit, Finding
from orchestrator.texts import text


@click.command()
@click.option("--cluster", is_flag=True, help="Also what several controllers need of each other: journal, clock, state folder, Prefect, workers.")
@click.option("--json", "as_json", is_flag=True)
def doctor(*, cluster: bool, as_json: bool) -> int:
    """Look at programs, Python, configuration, and who else may change or read what is this account's; changes nothing. Exit 3 when something is missing."""
    from orchestrator.cli.settings import load_settings, open_workspace
    from orchestrator.open_files import find_open
    from orchestrator.tools import programs

    settings = load_settings()
    findings = list(programs.missing())
    lacking = {finding.system for finding in findings}
    findings += find_open(open_workspace())
    if cluster:
        findings += _cluster()
    where = {name: str(programs.find(name)) for name in programs.PROGRAMS if name not in lacking and _there(name)}
    if as_json:
        click.echo(json.dumps({"python": sys.version.split()[0], "programs": where, "findings": [f.as_json() for f in findings]}))
    else:
        click.echo(f"python        {sys.version.split()[0]}")
        for name, path in where.items():
            click.echo(f"{name:<13} {path}")
        click.echo(f"inventory     {settings.inventory}{'' if settings.inventory.is_dir() else ' ' + text('cli.not_there_yet')}")
        journal = "" if open_workspace().has_journal else " " + text("cli.not_there_yet")
        click.echo(f"journal       {settings.journal_url.rpartition('@')[2]}{journal}")
        for finding in findings:
            click.secho(f"{text('cli.lacking') if finding.system else finding.code}: {finding.message}\n    → {finding.remedy}", fg="red")
    return int(Exit.REFUSED if findings else Exit.DONE)


def _cluster() -> list[Finding]:
    from orchestrator.cli.settings import open_session
    from orchestrator.tools import prefect_server

    session = open_session()
    prefect_server.point(session.settings)
    from orchestrator.flows.cluster import find_problems

    return find_problems(session, Path.cwd())


def _there(name: str) -> bool:
    from orchestrator.errors import ToolMissing
    from orchestrator.tools import programs

    try:
        programs.find(name)
    except ToolMissing:
        return False
    return True
