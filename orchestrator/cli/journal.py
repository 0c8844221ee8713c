"""journal: back it up and restore it. No logic: see ``orchestrator.journal.archive``."""

from __future__ import annotations

from pathlib import Path

import click

from orchestrator.errors import Exit
from orchestrator.texts import text


@click.group()
def journal() -> None:
    """The journal's own care: the only copy of what was decided and done."""


@journal.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
def backup(file: Path) -> int:
    """Write the whole journal, as it stands at one moment, to a new FILE. Engines go on meanwhile."""
    from orchestrator.cli.settings import load_settings
    from orchestrator.journal.archive import back_up
    from orchestrator.journal.store import Journal

    rows = back_up(Journal(load_settings().journal_url, create=False), file)
    click.echo(text("cli.rows_backed_up", rows=rows, file=file.resolve()))
    return int(Exit.DONE)


@journal.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, exists=True))
def restore(file: Path) -> int:
    """Fill an empty journal from FILE: the one that `journal` in orchestrator.toml names, SQLite or PostgreSQL, whichever it was before.

    Refused when that journal holds anything, or FILE is not whole. The chain is walked before it may be used.
    """
    from orchestrator.cli.settings import load_settings
    from orchestrator.journal.archive import restore as fill
    from orchestrator.journal.store import Journal

    rows = fill(file, Journal(load_settings().journal_url))
    click.echo(text("cli.rows_restored", rows=rows))
    return int(Exit.DONE)
