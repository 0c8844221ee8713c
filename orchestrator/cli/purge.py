"""``purge``: what is stored about a system that turned out to be classified goes (R2). No logic here."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from orchestrator.cli.listing import as_json, safe
from orchestrator.errors import Exit, Refused, UsageError

if TYPE_CHECKING:
    from orchestrator.inventory.reading import Reading
    from orchestrator.models import System
    from orchestrator.settings import Settings


@click.command()
@click.argument("system")
@click.option("--reason", required=True, help="Stays on the audit trail: no name, host or address of the system.")
@click.option("--yes", is_flag=True, help="Do not ask. There is no way back.")
@click.option("--json", "json_", is_flag=True, help="Print one JSON document.")
def purge(system: str, reason: str, yes: bool, json_: bool) -> int:
    """Remove what is stored about SYSTEM, which turned out to be classified: journal, inventory, working folder. There is no way back.

    The audit chain stays verifiable and keeps that it happened, who did it and why. Exit 5: files are left that a person must remove.
    """
    from dataclasses import asdict

    from orchestrator.cli.settings import load_settings
    from orchestrator.engine.actors import current_actor
    from orchestrator.engine.forget import BEYOND, forget, leave_the_count, left
    from orchestrator.engine.journal import Journal
    from orchestrator.engine.purge import Purged
    from orchestrator.engine.purge import purge as take_out
    from orchestrator.inventory.load import load
    from orchestrator.inventory.traces import words_of

    settings = load_settings()
    reading = load([settings.inventory]) if settings.inventory.is_dir() else None
    stored = _stored(system, reading)
    journal = Journal(settings.journal_url) if _has_journal(settings) else None
    if stored is None and not (journal and journal.events(system=system)):
        raise UsageError("neither the inventory nor the journal knows this system", remedy="`orchestrator inventory show` lists systems")
    if not yes:
        if json_ or not sys.stdin.isatty():
            raise UsageError("a purge cannot be taken back", remedy="say so with --yes")
        click.confirm(f"清除 {system} 的全部技术资料，不可恢复？(remove all of it for ever?)", abort=True)
    line = " ".join(reason.split())
    if not line or len(line) > 500 or not line.isprintable():
        raise Refused("a reason is needed, in one plain sentence", remedy="give it with --reason")
    words = words_of(stored, reading.inventory) if stored and reading else ()
    actor = str(current_actor())
    done = take_out(journal, system, words=words, actor=actor, reason=line) if journal else Purged()
    if journal and reading:
        leave_the_count(journal, reading.inventory, system, reason=line, actor=actor)
    removed = forget(settings, stored, system)
    dependants = [one.id for one in reading.all_systems() if system in one.depends_on] if reading else []
    remaining = left(settings, system, words, dependants)
    if json_:
        as_json({"system": system, "journal": asdict(done), "removed": removed, "left": remaining, "beyond": list(BEYOND)})
    else:
        click.echo(f"记录库 (journal)：清除 {done.events} 条记录内容、{done.rows} 行、{done.plans} 份计划中的条目；审计链仍可校验")
        for place in removed:
            click.echo(safe(f"  已清除 (removed) {place}"))
        for place in remaining:
            click.echo(safe(f"  仍含其资料，请人工处理 (left, for a person) {place}"))
        click.echo("本软件管不到、须另行清除的 (beyond our reach):")
        for place in BEYOND:
            click.echo(f"  · {place}")
    return int(Exit.NEEDS_A_PERSON if remaining else Exit.DONE)


def _stored(system: str, reading: Reading | None) -> System | None:
    if reading is None:
        return None
    rows = [*reading.inventory.systems, *(row.system for row in reading.inventory.excluded if row.system)]
    return next((one for one in rows if one.id == system), None)


def _has_journal(settings: Settings) -> bool:
    file = settings.journal_url.removeprefix("sqlite:///")
    return file == settings.journal_url or Path(file).exists()
