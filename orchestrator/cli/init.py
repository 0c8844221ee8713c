"""``init``: a folder to begin with. No logic: the texts are files beside the package."""

from __future__ import annotations

import datetime as dt
import shlex
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

import click

from orchestrator.cli.listing import safe
from orchestrator.errors import Exit, Finding, Refused, UsageError
from orchestrator.private import make_private
from orchestrator.texts import say, text

if TYPE_CHECKING:
    from collections.abc import Iterable

FORM = "信息系统迁移统计表.xlsx"
TEXTS = {
    "orchestrator.toml": "orchestrator.toml",
    "gitignore": ".gitignore",
    "program.yaml": "inventory/program.yaml",
    "departments.yaml": "inventory/departments.yaml",
    "headers.yaml": "inventory/headers.yaml",
    "answers.yaml": "inventory/answers.yaml",
}
"""Text of ours → the file it becomes."""


@click.command()
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option("--starts", type=click.DateTime(["%Y-%m-%d"]), help="First day of the programme; default: the Monday after today.")
def init(folder: Path, starts: dt.datetime | None) -> int:
    """Begin in DIR: settings, programme, list of departments, the form, answers; each with comments. Nothing there is written over."""
    from orchestrator.inventory.folder.workbook import write_workbook

    if folder.exists() and not folder.is_dir():
        raise UsageError(say("cli.file_of_this_name"), where=str(folder), remedy=say("cli.name_new_folder"))
    _refuse_what_is_there(folder, [*TEXTS.values(), FORM])
    first = starts.date() if starts else _next_monday(dt.datetime.now().astimezone().date())
    make_private(folder / "inventory")
    for beginning, target in TEXTS.items():
        (folder / target).write_text(_filled(beginning, first), encoding="utf-8")
    write_workbook(folder / FORM, None, "zh")
    for target in (*TEXTS.values(), FORM):
        (folder / target).chmod(0o600)  # people's names, addresses, accounts: whoever decides is given them on purpose
        click.echo(safe(f"  {folder / target}"))
    steps = (
        f"cd {shlex.quote(str(folder))}", text("cli.have_form_filled", form=FORM), f"orchestrator inventory check {FORM}",
        f"orchestrator inventory import {FORM} --into inventory", "orchestrator assess", "orchestrator plan",
    )  # fmt: skip
    click.echo(safe("\n  ".join((text("cli.next_steps"), *steps))))
    return int(Exit.DONE)


def _refuse_what_is_there(folder: Path, targets: Iterable[str]) -> None:
    """Raises ``Refused`` naming every file that would be written over."""
    there = [target for target in targets if (folder / target).exists()]
    if there:
        findings = [
            Finding("exists", "error", say("cli.file_exists"), say("cli.another_folder"), file=target)
            for target in there
        ]
        raise Refused(say("cli.folder_begun"), findings=findings, where=str(folder), remedy=say("cli.new_folder"))


def _filled(beginning: str, starts: dt.date) -> str:
    """A text of ours with the dates of the programme: the first phase ends with the next year but one, the second two years later."""
    raw = (resources.files("orchestrator.cli") / "beginnings" / beginning).read_text("utf-8")
    dates = {"STARTS": starts, "FIRST_DUE": dt.date(starts.year + 1, 12, 31), "SECOND_DUE": dt.date(starts.year + 3, 12, 31)}
    for word, date in dates.items():
        raw = raw.replace(f"@{word}@", date.isoformat())
    return raw


def _next_monday(today: dt.date) -> dt.date:
    return today + dt.timedelta(days=7 - today.weekday())
