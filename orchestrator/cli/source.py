"""``prepare-source``: parse, call, print. No logic here."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from orchestrator import texts
from orchestrator.cli.listing import safe
from orchestrator.cli.settings import open_session
from orchestrator.errors import Exit, UsageError

if TYPE_CHECKING:
    from orchestrator.engine.source import Prepared


@click.command("prepare-source")
@click.argument("system")
@click.option("--do", "act", is_flag=True, help="Make what is shown. What was there is written down on the host first.")
@click.option("--restart", is_flag=True, help="Restart the servers that owe it, one after the other; only in a window of the system.")
@click.option("--undo", is_flag=True, help="Everything as it was before; a restart may be owed then, too.")
def prepare_source(system: str, *, act: bool, restart: bool, undo: bool) -> int:
    """What the database servers of SYSTEM lack before it can be moved: role, settings, pg_hba.conf. Without an option it only shows.

    Exit code 0: nothing is to be done; 6: something is shown, or a restart is owed.
    """
    from orchestrator.engine.source import Source, insist_on_nobody_moving, insist_on_not_accepted
    from orchestrator.journal.states import Ending

    if undo and act:
        raise UsageError(texts.say("cli.do_or_undo"), remedy=texts.say("cli.give_one"))
    session = open_session()
    found = session.system(system)
    rows = session.journal.migrations() if session.has_journal else []
    if not undo and not restart:
        insist_on_not_accepted(found, {row.system: str(row.ended) for row in rows if row.ending == Ending.ACCEPTED})
    if undo or restart:
        under_way = {row.system: row.id for row in rows if row.ending in (None, Ending.NEEDS_A_PERSON)}
        insist_on_nobody_moving(found, session.inventory.systems, under_way)
    with Source(session, found) as source:
        if act:
            source.prepare()
        stay = source.take_back() if undo else {}
        for server, others in stay.items():
            code = "say.source_stays_for" if others else "say.source_taken_back"
            click.echo(safe(texts.text(code, server=server, systems=", ".join(others))))
        if restart:
            for server in source.restart(only=not act and not undo):
                click.echo(safe(texts.text("say.source_restarted", server=server)))
        if act or undo or restart:
            done = [word for word, given in (("prepare", act), ("undo", undo), ("restart", restart)) if given]
            session.journal.append_event("source_prepared", actor=str(session.actor), system=found.id, payload={"done": done})
        return _show(found.id, [each for each in source.look() if not stay.get(each.server)], undone=undo)


def _show(system: str, servers: list[Prepared], *, undone: bool) -> int:
    left = False
    for prepared in servers:
        changes = () if undone else prepared.changes
        for change in changes:
            click.echo(safe(f"{prepared.server}  {change.what}"))
            click.echo(safe(f"  - {change.now}\n  + {change.wanted}"))
        if prepared.restart_owed:
            click.echo(safe(texts.text("say.source_restart_owed", server=prepared.server, system=system)))
        if not changes and not prepared.restart_owed:
            click.echo(safe(texts.text("say.source_as_it_was" if undone else "say.source_ready", server=prepared.server)))
        left = left or bool(changes) or prepared.restart_owed
    return int(Exit.WAITING if left else Exit.DONE)
