"""What people decide: approve, accept, refuse, task, hold; and the audit chain."""

from __future__ import annotations

import json
from typing import Any

import click

from orchestrator.cli.settings import open_session
from orchestrator.errors import Exit, Refused

_DIGEST = click.option(
    "--digest",
    required=True,
    metavar="SHA256",
    help="The digest of the plan that you decide on (8 characters or more); `orchestrator status` shows it.",
)


def _decide(system: str, gates: tuple[str, ...], *, approve: bool, digest: str, reason: str) -> int:
    session = open_session()
    system = session.system(system).id
    row = session.journal.open_migration(system)
    waiting = [g for g in session.decisions.gates(row.id) if g.state == "open" and g.gate in gates] if row else []
    if row is None or not waiting:
        raise Refused(
            f"{system} does not wait at {' or '.join(gates)}", where=system, remedy="`orchestrator status` shows what waits for whom"
        )
    opening = session.decide(row.id, waiting[0].gate, approve=approve, digest=digest, reason=reason)
    click.echo(
        f"{waiting[0].gate} of {system} {'approved' if approve else 'refused'} by {session.actor}; `orchestrator resume {system}` goes on"
    )
    if opening:
        click.echo(f"for the window {opening.start:%Y-%m-%d %H:%M} to {opening.end:%Y-%m-%d %H:%M}, {opening.rule}")
    return int(Exit.DONE)


@click.command()
@click.argument("system")
@_DIGEST
@click.option("--reason", default="")
def approve(system: str, digest: str, reason: str) -> int:
    """Approve the cutover of SYSTEM under the plan with this digest. Whoever asked for the migration cannot approve it."""
    return _decide(system, ("approve_cutover",), approve=True, digest=digest, reason=reason)


@click.command()
@click.argument("system")
@_DIGEST
@click.option("--reason", default="")
def accept(system: str, digest: str, reason: str) -> int:
    """Accept SYSTEM: initially (初验, before the cutover) or finally (终验, the point of no return), whichever it waits at."""
    return _decide(system, ("initial_acceptance", "final_acceptance"), approve=True, digest=digest, reason=reason)


@click.command()
@click.argument("system")
@_DIGEST
@click.option("--reason", required=True)
def refuse(system: str, digest: str, reason: str) -> int:
    """Refuse at the gate that SYSTEM waits at: before the switch it is undone, after it the system goes back."""
    return _decide(system, ("initial_acceptance", "approve_cutover", "final_acceptance"), approve=False, digest=digest, reason=reason)


@click.group()
def task() -> None:
    """Human tasks: what a person carries, switches or signs."""


@task.command("list")
@click.option("--all", "everything", is_flag=True, help="Also those that are done.")
@click.option("--json", "as_json", is_flag=True)
def list_tasks(*, everything: bool, as_json: bool) -> int:
    """Open tasks, oldest first."""
    session = open_session()
    rows = session.decisions.tasks(state=None if everything else "open")
    if as_json:
        click.echo(json.dumps([_plain(r) for r in rows], ensure_ascii=False, default=str))
        return int(Exit.DONE)
    for r in rows:
        done = f"done by {r.actor}: {r.evidence}" if r.state == "done" else f"open since {r.opened}"
        click.echo(f"{r.id:>4}  {r.migration:<24} {r.title_zh} / {r.title_en}  ({done})")
    if not rows:
        click.echo("no open tasks")
    return int(Exit.DONE)


def _plain(row: Any) -> dict[str, Any]:
    return dict(row._mapping)


@task.command("done")
@click.argument("number", type=int)
@click.option("--evidence", required=True, help="What shows it: a ticket, a photo's number, a reading.")
def finish_task(number: int, evidence: str) -> int:
    """Say that task NUMBER is done."""
    session = open_session()
    session.decisions.finish_task(number, actor=session.actor, evidence=evidence)
    click.echo(f"task {number} done by {session.actor}")
    return int(Exit.DONE)


@click.command()
@click.option("--reason", default="", help="Why all cutovers must wait.")
@click.option("--off", is_flag=True, help="Let them go on.")
def hold(reason: str, *, off: bool) -> int:
    """Stop the whole city's cutovers at once (those not yet begun wait at their window), or let them go on with --off."""
    session = open_session()
    if not off and not reason:
        raise Refused("a hold needs a reason", remedy="`orchestrator hold --reason …`")
    session.journal.set_flag("hold", "" if off else reason, actor=str(session.actor))
    click.echo("cutovers may go on" if off else f"all cutovers are held: {reason}")
    return int(Exit.DONE)


@click.group()
def audit() -> None:
    """The audit chain (R14)."""


@audit.command()
@click.option("--json", "as_json", is_flag=True)
def verify(*, as_json: bool) -> int:
    """Walk the chain of hashes; every break is named. Exit 3 when it was tampered with."""
    session = open_session()
    broken = session.journal.verify()
    count = len(session.journal.events())
    if as_json:
        click.echo(json.dumps({"events": count, "broken": broken}))
    else:
        click.echo(f"{count} events, chain unbroken" if not broken else "\n".join(broken))
    return int(Exit.REFUSED if broken else Exit.DONE)
