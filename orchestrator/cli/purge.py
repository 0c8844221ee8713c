"""``purge``: what is stored about a system that turned out to be classified goes (R2). No logic here."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from orchestrator.cli.listing import as_json, safe
from orchestrator.errors import Exit, UsageError
from orchestrator.texts import Name, say, text

if TYPE_CHECKING:
    from orchestrator.inventory.reading import Reading
    from orchestrator.models import System


@click.command()
@click.argument("system")
@click.option("--reason", required=True, help="Stays on the audit trail: no name, host or address of the system.")
@click.option("--yes", is_flag=True, help="Do not ask. There is no way back.")
@click.option(
    "--cleaned",
    multiple=True,
    type=click.Path(path_type=Path),
    help="A file that a former purge left and that holds nothing of it any more: on record as the word of this account.",
)
@click.option("--json", "json_", is_flag=True, help="Print one JSON document.")
def purge(system: str, reason: str, yes: bool, cleaned: tuple[Path, ...], json_: bool) -> int:
    """Remove what is stored about SYSTEM, which turned out to be classified: journal, inventory, working folder. There is no way back.

    The audit chain stays verifiable and keeps that it happened, who did it and why. Exit 5: files are left that a person must remove.
    """
    from dataclasses import asdict

    from orchestrator.cli.settings import open_workspace
    from orchestrator.engine.forget import BEYOND, forget, leave_the_count, left
    from orchestrator.engine.leftovers import said_cleaned, settle
    from orchestrator.engine.purge import is_known, plain_reason
    from orchestrator.engine.purge import purge as take_out
    from orchestrator.inventory.traces import sounds_of, words_of
    from orchestrator.journal.actors import current_actor
    from orchestrator.reports.words import EVENTS
    from orchestrator.reports.words import words as words_for

    known = open_workspace()
    settings = known.settings
    reading = known.reading if settings.inventory.is_dir() else None
    stored = _stored(system, reading)
    system = stored.id if stored else system
    if stored is None and not (known.has_journal and is_known(known.journal, system)):
        raise UsageError(say("cli.purge_unknown"), remedy=say("cli.show_lists_systems"))
    if not yes:
        if json_ or not sys.stdin.isatty():
            raise UsageError(say("cli.purge_for_ever"), remedy=say("cli.confirm_yes"))
        click.confirm(text("cli.purge_really", system=system), abort=True)
    words = (*words_of(stored, reading.inventory), *sounds_of(stored, reading.inventory)) if stored and reading else ()
    why, actor = plain_reason(reason, words), str(current_actor())
    journal = known.journal
    clean = said_cleaned(journal, settings, system, cleaned)
    done = take_out(journal, system, words=words, actor=actor, reason=why)
    leave_the_count(journal, system, reason=why, actor=actor)
    removed = forget(settings, stored, system)
    dependants = [one.id for one in reading.all_systems() if system in {*one.depends_on, one.database_owner}] if reading else []
    remaining = left(settings, system, words, dependants)
    remembered = settle(journal, settings, system, words, actor=actor, cleaned=clean)
    remaining += [place for place in remembered if place not in remaining]
    if json_:
        gone = {"events": done.events, "rows": done.rows, "plans": done.plans}
        others = [asdict(one) for one in done.others]
        as_json({"system": system, "journal": gone, "others": others, "kept": list(done.kept), "removed": removed, "left": remaining, "beyond": [str(beyond) for beyond in BEYOND]})
    else:
        click.echo(text("cli.purged_journal", events=done.events, rows=done.rows, plans=done.plans))
        for one in done.others:
            kind = words_for(EVENTS, one.kind)
            told = {"system": one.system or text("cli.whole_city"), "event": Name(kind.zh, kind.en), "number": one.seq}
            click.echo(safe("  " + (text("cli.purged_words", **told) if one.stands else text("cli.purged_content", **told))))
        lines = [text("cli.needed_to_go_back", what=step) for step in done.kept]
        lines += [text("cli.purged_place", place=place) for place in removed]
        lines += [text("cli.left_for_a_person", place=place) for place in remaining]
        lines += [text("cli.once_cleaned")] if remembered else []
        for line in lines:
            click.echo(safe(f"  {line}"))
        click.echo(text("cli.beyond_reach"))
        for beyond in BEYOND:
            click.echo(f"  · {beyond}")
    return int(Exit.NEEDS_A_PERSON if remaining or done.kept else Exit.DONE)


def _stored(system: str, reading: Reading | None) -> System | None:
    from orchestrator.inventory.find import id_or_as_typed

    if reading is None:
        return None
    ident = id_or_as_typed(reading.inventory, system)
    rows = [*reading.inventory.systems, *(row.system for row in reading.inventory.excluded if row.system)]
    return next((one for one in rows if one.id == ident), None)


