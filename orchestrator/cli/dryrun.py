"""dry-run: everything that can be done without touching anything, and what it did not cover. No logic: see ``orchestrator.dryrun``."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from orchestrator.cli.listing import padded, safe, severity_of
from orchestrator.cli.output import writes_unicode
from orchestrator.errors import Exit, UsageError
from orchestrator.texts import say, text

if TYPE_CHECKING:
    from orchestrator.dryrun.result import Result, SystemReport

OUTPUT = click.Path(path_type=Path, dir_okay=False, writable=True)


@click.command(name="dry-run")
@click.argument("inventory", required=False, type=click.Path(path_type=Path, exists=True, file_okay=False), metavar="[INVENTORY]")
@click.option("--system", "systems", multiple=True, metavar="ID", help="Only this system; may be repeated. Default: the whole plan.")
@click.option("--wave", type=int, help="Only the systems of a wave.")
@click.option("--phase", metavar="ID", help="Only the systems of a phase.")
@click.option(
    "--offline/--connect", "offline", default=True,
    help="Whether nobody is asked (the default), or hosts, databases and gateways are, read-only.",
)  # fmt: skip
@click.option(
    "--json",
    "json_",
    is_flag=False,
    flag_value="-",
    default=None,
    metavar="[FILE]",
    help="The whole result as JSON: printed, or into FILE.",
)
@click.option("--junit", type=OUTPUT, help="Write JUnit XML there.")
@click.option("--sarif", type=OUTPUT, help="Write SARIF 2.1.0 there: findings at file and line, sheet and cell.")
@click.option("--markdown", type=OUTPUT, help="Write Markdown there, for a comment on a change.")
@click.option("--baseline", metavar="REF", help="A git revision of the inventory: what has changed since comes first.")
@click.option(
    "--require-coverage", type=click.FloatRange(0, 100), metavar="N", help="Refuse when fewer than N % of the steps were looked at."
)
@click.option("--again", is_flag=True, help="Check systems anew whose inputs are as they were.")
def dry_run(
    inventory: Path | None, systems: tuple[str, ...], wave: int | None, phase: str | None, json_: str | None, junit: Path | None,
    sarif: Path | None, markdown: Path | None, baseline: str | None, require_coverage: float | None, *, offline: bool, again: bool,
) -> int:  # fmt: skip
    """Inventory, policy, plan, every step with its variables, templates, playbook syntax, `terraform plan`; touches nothing.

    Says for every step how far it was looked at. What `migrate` would refuse is refused in the same words. Systems whose technical
    sheets are not filled in yet are warnings, unless they are named by --system, --wave or --phase. Exit 3 with errors.
    """
    from orchestrator.cli.settings import load_settings
    from orchestrator.dryrun.changes import compare_with, coverage_finding
    from orchestrator.dryrun.run import Asked, run
    from orchestrator.engine.session import Session
    from orchestrator.written import remember_written

    if bool(systems) + (wave is not None) + (phase is not None) > 1:
        raise UsageError(say("cli.one_of_scopes"), remedy=say("cli.leave_others_out"))
    settings = load_settings()
    session = Session.open(settings.model_copy(update={"inventory": inventory}) if inventory else settings)
    result = run(session, Asked(tuple(systems), wave, phase, connect=not offline, repeat=again))
    if baseline is not None:
        result = replace(result, changes=compare_with(session, result, baseline))
    if require_coverage is not None and (short := coverage_finding(result, require_coverage)):
        result = replace(result, findings=(*result.findings, short))
    _write(result, session.settings.inventory, json_, junit, sarif, markdown)
    named = [Path(file) for file in (junit, sarif, markdown, json_ if json_ != "-" else None) if file]
    remember_written(session.settings.state, *named)
    return int(Exit.REFUSED if result.errors else Exit.DONE)


def _write(result: Result, inventory: Path, json_: str | None, junit: Path | None, sarif: Path | None, markdown: Path | None) -> None:
    if junit:
        from orchestrator.dryrun.junit import to_junit

        junit.write_text(to_junit(result), encoding="utf-8", errors="replace")
    if sarif:
        from orchestrator.dryrun.sarif import to_sarif

        sarif.write_text(to_sarif(result, root=str(inventory)), encoding="utf-8", errors="replace")
    if markdown:
        from orchestrator.dryrun.markdown import to_markdown

        markdown.write_text(to_markdown(result), encoding="utf-8", errors="replace")
    if json_ is not None:
        from orchestrator.dryrun.result import as_json

        text = json.dumps(as_json(result), ensure_ascii=json_ == "-" and not writes_unicode())
        if json_ == "-":
            click.echo(text)
            return
        Path(json_).write_text(text + "\n", encoding="utf-8", errors="replace")
    _print(result)


def _print(result: Result) -> None:
    from orchestrator.dryrun.result import MODES, coverage_word, describe

    digests = {"plan": result.plan[:12] or "-", "inventory": result.inventory[:12] or "-"}
    click.echo(text("cli.dry_run_of", mode=text(MODES[result.mode]), **digests) + "\n")
    if result.changes:
        click.echo(safe(text("cli.since_reference", reference=result.changes.reference)))
        for line in result.changes.lines or (text("cli.nothing_moved"),):
            click.echo(f"  {safe(str(line))}")
        click.echo("  " + text("cli.findings_moved", new=len(result.changes.new), gone=len(result.changes.gone)) + "\n")
    for system in result.systems:
        _print_system(system)
    syntax = tuple(f"{name} {said}" for name, said in result.playbooks.items())
    click.echo("\n" + str(say("cli.playbook_syntax", playbooks=syntax)))
    counts = tuple(f"{coverage_word(how)} {count}" for how, count in sorted(result.coverage().items()))
    click.echo(say("cli.steps_covered", counts=counts, percent=round(result.percent())) if counts else say("dryrun.no_steps"))
    click.echo(text("cli.not_covered") + "\n" + "\n".join(f"  - {line}" for line in result.not_covered))
    for finding in result.all_findings():
        colour = "red" if finding.severity == "error" else "yellow"
        click.secho(safe(f"{severity_of(finding)} {finding.code} {describe(finding)}"), fg=colour)


def _print_system(system: SystemReport) -> None:
    from orchestrator.dryrun.result import coverage_word

    click.echo(f"{system.system}  {system.strategy}  " + text("cli.wave_and_window", wave=system.wave if system.wave is not None else "-", window=(
        f"{system.window[0]} – {system.window[1]} ({system.window[2]})" if system.window else "-"
    )))  # fmt: skip
    changes = (system.terraform or {}).get("changes")
    if changes:
        addresses = tuple(str(change["address"]) for change in changes)
        click.echo(f"    {say('cli.terraform_would', count=len(changes), addresses=addresses)}")
    for step in system.steps:
        click.echo(f"    {padded(coverage_word(step.coverage), 12)} {step.effect:<11} {step.id:<22} {step.how}")
