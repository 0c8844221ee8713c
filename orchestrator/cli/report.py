"""report: the progress report as one HTML file, or its facts as JSON. Reads the inventory and the journal, changes nothing."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from orchestrator.errors import Exit

if TYPE_CHECKING:
    from orchestrator.reports.html import Lang


@click.command(name="report")
@click.option("--lang", type=click.Choice(["zh", "en"]), default="zh", show_default=True)
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Where to write it; default: reports/report-LANG.html in the state folder.",
)
@click.option("--json", "as_json", is_flag=True, help="The facts, each figure with its source, as JSON: to standard output, or to --out.")
def report(lang: Lang, out: Path | None, *, as_json: bool) -> int:
    """Progress against the targets, every system, what waits for whom; every figure leads to its source in the journal.

    The file needs no network and holds no script; it prints on A4.
    """
    from orchestrator.cli.settings import open_session
    from orchestrator.engine.reporting import facts_of, write, write_html
    from orchestrator.written import remember_written

    session = open_session()
    target = out or session.settings.state / "reports" / f"report-{lang}.html"
    if as_json:
        text = facts_of(session)[0].model_dump_json(indent=2)
        if out is None:
            click.echo(text)
            return int(Exit.DONE)
        write(target, text)
    else:
        write_html(session, target, lang)
    remember_written(session.settings.state, target)
    click.echo(f"{target.resolve()}")
    return int(Exit.DONE)
