"""dry-run: everything that can be done without touching anything, and what it did not cover."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from orchestrator.errors import Exit, OrchestratorError, Refused

if TYPE_CHECKING:
    from orchestrator.engine.session import Session


@click.command(name="dry-run")
@click.option("--system", "systems", multiple=True, metavar="ID", help="Only this system; may be repeated. Default: the whole plan.")
@click.option("--json", "as_json", is_flag=True)
def dry_run(systems: tuple[str, ...], *, as_json: bool) -> int:
    """Inventory, strategy, plan, every step with its variables, playbook syntax, `terraform plan`; touches nothing.

    Says for every step whether it was checked read-only, planned, or not touched. Needs no host to answer. Exit 3 with findings.
    """
    from orchestrator.cli.settings import open_session

    session = open_session()
    chosen = [session.system(s).id for s in systems] or [e.system for e in session.plan.entries]
    seen = [_system(session, s) for s in chosen]
    playbooks = _syntax(session)
    total: dict[str, int] = {}
    for one in seen:
        for step in one["steps"]:
            total[step["covered"]] = total.get(step["covered"], 0) + 1
    problems = [p for one in seen for p in one["problems"]] + [f"{name}: {said}" for name, said in playbooks.items() if said != "ok"]
    result = {
        "plan": session.plan.digest,
        "inventory": session.plan.inventory_digest,
        "systems": seen,
        "playbooks": playbooks,
        "coverage": total,
        "not_covered": [
            "no host, database or device was asked: `orchestrator migrate` begins with a read-only preflight",
            "no data was copied, no rehearsal was run, no cutover was timed",
            "Terraform's plan was made against an empty state in a throwaway folder",
        ],
        "problems": problems,
    }
    click.echo(json.dumps(result, ensure_ascii=False)) if as_json else _print(result)
    return int(Exit.REFUSED if problems else Exit.DONE)


def _system(session: Session, system: str) -> dict[str, Any]:
    from orchestrator.runbooks import RUNBOOKS, runbook_for

    verdict = session.verdicts[system]
    entry = next((e for e in session.plan.entries if e.system == system), None)
    if entry is None:
        raise Refused(f"{system} is not in the plan", where=system, remedy="`orchestrator plan` says why")
    runbook = runbook_for(verdict)
    problems: list[str] = []
    gaps = session.not_movable(system)
    cloud = _terraform(session, system, problems) if not gaps and any(s.id == "provision" for s in RUNBOOKS[runbook]) else None
    steps = []
    for step in RUNBOOKS[runbook]:
        covered = "not touched"
        if step.id == "provision":
            covered = str(cloud["covered"]) if cloud else "not touched"
        elif step.id in ("prepare_hosts", "deploy_services"):
            covered = "syntax checked"
        elif step.id == "record_baseline":
            covered = "checked read-only"
        steps.append({"id": step.id, "zh": step.zh, "en": step.en, "effect": step.effect, "covered": covered})
    services = [
        {"name": s.name, "host": s.host, "command": list(s.command), "environment": dict(s.environment)}
        for s in session.system(system).services
    ]
    return {
        "system": system,
        "strategy": verdict.strategy,
        "runbook": runbook,
        "wave": entry.wave,
        "window": [entry.window_start.isoformat(), entry.window_end.isoformat(), entry.window_rule],
        "services": services,
        "terraform": cloud,
        "steps": steps,
        "not_movable": gaps,
        "problems": problems,
    }


def _terraform(session: Session, system: str, problems: list[str]) -> dict[str, Any] | None:
    """What Terraform would create, planned in a throwaway folder; of a module whose provider asks a cloud, its rules alone are tried."""
    from orchestrator.models import Sites
    from orchestrator.steps import provision
    from orchestrator.steps.world import World
    from orchestrator.tools.terraform import SystemTerraform
    from orchestrator.tools.terraform_module import find_broken_rules, needs_provider

    sites: Sites = session.sites
    world = World(session.settings, session.system(system), sites)
    module = session.settings.terraform
    try:
        variables = provision.inputs(session.settings, world)
        broken = find_broken_rules(module, system, variables)
    except OrchestratorError as error:
        told = error.findings if isinstance(error, Refused) and error.findings else ()
        problems += [f"{system}: {f.place()}: {f.message} → {f.remedy}" for f in told] or [f"{system}: terraform: {error}"]
        return None
    if broken:
        problems += [f"{system}: module {module.name}: {finding.message} → {finding.remedy}" for finding in broken]
        return None
    if needs_provider(module):
        return {"changes": [], "variables": variables, "covered": "rules checked"}
    with tempfile.TemporaryDirectory(prefix="dry-run-") as folder:
        try:
            plan = SystemTerraform(session.settings.terraform, Path(folder), system).plan(variables)
        except OrchestratorError as error:
            problems.append(f"{system}: terraform plan: {error}")
            return None
        return {"changes": [{"address": c.address, "action": c.action} for c in plan.changes], "variables": variables, "covered": "planned"}


def _syntax(session: Session) -> dict[str, str]:
    """Every playbook's syntax, by Ansible itself."""
    import sys

    from orchestrator.tools import process

    found: dict[str, str] = {}
    program = str(Path(sys.executable).with_name("ansible-playbook"))
    files = [str(f) for f in sorted(session.settings.playbooks.glob("*.yml"))]
    try:
        process.run([program, "--syntax-check", "-i", "targets,databases,", *files], label="ansible-playbook --syntax-check", limit=120)
        found = {Path(f).name: "ok" for f in files}
    except OrchestratorError as error:
        found["playbooks"] = error.what
    return found


def _print(result: dict[str, Any]) -> None:
    click.echo(f"plan {result['plan'][:12]} of inventory {result['inventory'][:12]}\n")
    for one in result["systems"]:
        click.echo(
            f"{one['system']}  {one['strategy']}  wave {one['wave']}  window {one['window'][0]} – {one['window'][1]} ({one['window'][2]})"
        )
        for gap in one["not_movable"]:
            click.secho(f"    not movable yet: {gap}", fg="yellow")
        if one["terraform"] and one["terraform"]["covered"] == "planned":
            click.echo(
                f"    terraform would make {len(one['terraform']['changes'])} changes: {', '.join(c['address'] for c in one['terraform']['changes'])}"
            )
        for step in one["steps"]:
            click.echo(f"    {step['covered']:<18} {step['effect']:<11} {step['id']:<22} {step['zh']} / {step['en']}")
    click.echo("\nplaybook syntax: " + ", ".join(f"{n} {s}" for n, s in result["playbooks"].items()))
    click.echo("steps: " + ", ".join(f"{count} {how}" for how, count in sorted(result["coverage"].items())))
    click.echo("not covered:\n" + "\n".join(f"  - {line}" for line in result["not_covered"]))
    for problem in result["problems"]:
        click.secho(f"problem: {problem}", fg="red")
