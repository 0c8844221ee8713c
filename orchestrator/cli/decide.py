"""What people decide: approve, accept, refuse, task, hold; and the audit chain."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from orchestrator import texts
from orchestrator.cli.listing import safe
from orchestrator.cli.output import writes_unicode
from orchestrator.cli.settings import open_session, open_workspace
from orchestrator.errors import Exit, Refused
from orchestrator.texts import Name, Sentence, say, text

if TYPE_CHECKING:
    from orchestrator.engine.session import Session

_DIGEST = click.option(
    "--digest",
    required=True,
    metavar="SHA256",
    help="The digest of the plan that you decide on (8 characters or more); `orchestrator status` shows it.",
)


def say_gate(gate: str) -> Sentence:
    """What a gate is called."""
    return say(f"gate.{gate}")


def _decide(system: str, gates: tuple[str, ...], *, approve: bool, digest: str, reason: str) -> int:
    session = open_session()
    system = session.system(system).id
    row = session.journal.open_migration(system)
    waiting = [g for g in session.decisions.gates(row.id) if g.state == "open" and g.gate in gates] if row else []
    if row is None or not waiting:
        raise Refused(
            say("cli.not_at_gate", system=system, gates=tuple(say_gate(gate) for gate in gates)), where=system,
            remedy=say("cli.status_shows_waits"),
        )
    decided = session.decide(row.id, waiting[0].gate, approve=approve, digest=digest, reason=reason)
    if not decided.counts:
        click.echo(texts.text("say.stands_behind", system=system, who=session.actor))
        return int(Exit.WAITING)
    opening = decided.opening
    told = {"gate": text(f"gate.{waiting[0].gate}"), "system": system, "actor": session.actor}
    click.echo(text("cli.gate_approved", **told) if approve else text("cli.gate_refused", **told))
    if opening:
        window = {"start": f"{opening.start:%Y-%m-%d %H:%M}", "end": opening.until}
        click.echo(text("cli.for_window", rule=opening.rule, **window))
    return int(Exit.DONE)


@click.command()
@click.argument("system")
@_DIGEST
@click.option("--reason", default="")
def approve(system: str, digest: str, reason: str) -> int:
    """Approve the cutover of SYSTEM, or its retirement, under the plan with this digest. Whoever asked for it cannot approve it."""
    return _decide(system, ("approve_cutover", "approve_retirement"), approve=True, digest=digest, reason=reason)


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
    return _decide(system, ("initial_acceptance", "approve_cutover", "approve_retirement", "final_acceptance"), approve=False, digest=digest, reason=reason)


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
        click.echo(json.dumps([_plain(r) for r in rows], ensure_ascii=not writes_unicode(), default=str))
        return int(Exit.DONE)
    for r in rows:
        state = text("cli.task_open_since", at=r.opened)
        if r.state == "done":
            state = text("cli.task_done_by", actor=r.actor, evidence=r.evidence)
        click.echo(safe(f"{r.id:>4}  {r.migration:<24} {Name(r.title_zh, r.title_en)}  ({state})"))
        for reason in (r.detail or {}).get("refused", ()) if r.state == "open" else ():
            said = texts.text("say.refused", why=reason)
            click.echo(safe(f"      {said}"))
    if not rows:
        click.echo(text("cli.no_tasks"))
    return int(Exit.DONE)


def _plain(row: Any) -> dict[str, Any]:
    return dict(row._mapping)


@task.command("done")
@click.argument("number", type=int)
@click.option("--evidence", required=True, help="What shows it: a ticket, a photo's number, a reading.")
@click.option("--file", "files", multiple=True, metavar="PATH", help="A file that shows it, here or as HOST:/PATH; may be repeated.")
def finish_task(number: int, evidence: str, files: tuple[str, ...]) -> int:
    """Say that task NUMBER is done. Of a file its size, time and SHA-256 are kept, and asked again where a step reads it."""
    from orchestrator.hosts.handed_in import named

    session = open_session()
    handed_in = [named(file) for file in files]
    rows = [file.as_json() for file in handed_in]
    session.decisions.finish_task(number, actor=session.actor, evidence=evidence, files=rows)
    click.echo(text("cli.task_done", number=number, actor=session.actor))
    for file in handed_in:
        seen = text("cli.file_seen", bytes=file.bytes, sha256=file.sha256) if file.seen else text("cli.file_looked_at_there")
        click.echo(safe(f"  {file.place}: {seen}"))
    return int(Exit.DONE)


@task.command("cleaned")
@click.argument("number", type=int)
@click.option("--evidence", required=True, help="What shows it: a ticket, a reading.")
def finish_clean_up(number: int, evidence: str) -> int:
    """Say that owed clean-up NUMBER (`orchestrator status` shows it) was done by hand."""
    session = open_session()
    session.notes.settle_by_hand(number, actor=session.actor, evidence=evidence)
    click.echo(text("cli.clean_up_done", number=number, actor=session.actor))
    return int(Exit.DONE)


@click.command()
@click.argument("system")
@click.option("--reason", help="Goes on the audit trail.")
@click.option("--off", is_flag=True, help="Let its health decide again.")
def stay(system: str, reason: str | None, *, off: bool) -> int:
    """Keep SYSTEM where it is in its trial run, whatever its health: it does not go back by itself; watching goes on.

    `orchestrator rollback` still takes it back.
    """
    session = open_session()
    system = session.system(system).id
    row = _switched(session, system)
    if not off and not reason:
        raise Refused(say("cli.stay_needs_reason"), where=system, remedy=say("cli.stay_with_reason", system=system))
    said = "" if off else f"{reason} ({session.actor})"
    session.journal.set_flag(f"stay:{row.id}", said, actor=str(session.actor))
    click.echo(text("cli.goes_back_again", system=system) if off else text("cli.stays", system=system, reason=reason))
    return int(Exit.DONE)


def _switched(session: Session, system: str) -> Any:
    row = session.journal.open_migration(system)
    if row is None or row.live != "target":
        raise Refused(say("cli.not_in_trial_run", system=system), where=system, remedy=say("cli.status_shows_where"))
    return row


@click.command("target-lost")
@click.argument("system")
@click.option("--reason", required=True, help="What you saw; goes on the audit trail.")
def target_lost(system: str, reason: str) -> int:
    """Say that the target of SYSTEM will not come back. It is decided once a second account says so too.

    From then on nothing on it is asked or touched, and the migration can be taken back without it. After the switch that loses what
    only the target has: it is named.
    """
    session = open_session()
    system = session.system(system).id
    row = session.journal.open_migration(system)
    if row is None:
        raise Refused(say("cli.no_open_migration", system=system), where=system, remedy=say("cli.status_shows_ending"))
    _must_have_a_way_without_target(session, row)
    if row.live == "target":
        click.echo(texts.text("lost.warning", system=system), err=True)
    decided = session.decisions.declare_lost(row.id, actor=session.actor, reason=reason)
    click.echo(text("cli.lost_decided", system=system) if decided else text("cli.lost_waits", system=system))
    return int(Exit.DONE if decided else Exit.WAITING)


def _must_have_a_way_without_target(session: Session, row: Any) -> None:
    from orchestrator.runbooks import GOING_BACK_ALONE

    if row.live != "target":
        return
    if session.journal.past_return(row.id):
        raise Refused(
            say("cli.past_return", system=row.system), where=row.system, remedy=say("cli.restore_target"),
        )
    if row.runbook not in GOING_BACK_ALONE:
        raise Refused(
            say("cli.same_machines", system=row.system), where=row.system, remedy=say("cli.restore_machines"),
        )


@click.command()
@click.option("--reason", default="", help="Why all cutovers must wait.")
@click.option("--off", is_flag=True, help="Let them go on.")
def hold(reason: str, *, off: bool) -> int:
    """Stop the whole city's cutovers at once (those not yet begun wait at their window), or let them go on with --off."""
    from orchestrator.journal.actors import current_actor

    if not off and not reason:
        raise Refused(say("cli.hold_needs_reason"), remedy=say("cli.hold_with_reason"))
    open_workspace().journal.set_flag("hold", "" if off else reason, actor=str(current_actor()))
    click.echo(text("cli.hold_ended") if off else text("cli.held", reason=reason))
    return int(Exit.DONE)


@click.group()
def audit() -> None:
    """The audit chain (R14)."""


@audit.command()
@click.option("--json", "as_json", is_flag=True)
def verify(*, as_json: bool) -> int:
    """Walk the chain of hashes; every break is named. Exit 3 when it was tampered with."""
    journal = open_workspace().journal
    broken = journal.verify()
    count = len(journal.events())
    if as_json:
        click.echo(json.dumps({"events": count, "broken": broken}))
    else:
        click.echo(text("cli.chain_unbroken", count=count) if not broken else "\n".join(broken))
    return int(Exit.REFUSED if broken else Exit.DONE)
