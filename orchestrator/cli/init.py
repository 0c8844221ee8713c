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
        raise UsageError("there is a file of this name", where=str(folder), remedy="name a folder, new or empty")
    _refuse_what_is_there(folder, [*TEXTS.values(), FORM])
    first = starts.date() if starts else _next_monday(dt.datetime.now().astimezone().date())
    (folder / "inventory").mkdir(parents=True, exist_ok=True)
    for text, target in TEXTS.items():
        (folder / target).write_text(_filled(text, first), encoding="utf-8")
    write_workbook(folder / FORM, None, "zh")
    for target in (*TEXTS.values(), FORM):
        click.echo(safe(f"  {folder / target}"))
    click.echo(
        safe(
            f"下一步 (next):\n"
            f"  cd {shlex.quote(str(folder))}\n"
            f"  把 {FORM} 发给各单位填写 (have the departments fill the form in)\n"
            f"  orchestrator inventory check {FORM}\n"
            f"  orchestrator inventory import {FORM} --into inventory\n"
            f"  orchestrator assess\n"
            f"  orchestrator plan"
        )
    )
    return int(Exit.DONE)


def _refuse_what_is_there(folder: Path, targets: Iterable[str]) -> None:
    """Raises ``Refused`` naming every file that would be written over."""
    there = [target for target in targets if (folder / target).exists()]
    if there:
        findings = [
            Finding("exists", "error", "已存在，不会覆盖 (it is there and is not written over)", "换一个文件夹，或移走它 (another folder, or move it)", file=target)
            for target in there
        ]
        raise Refused("the folder has been begun already", findings=findings, where=str(folder), remedy="name a new folder")


def _filled(text: str, starts: dt.date) -> str:
    """A text of ours with the dates of the programme: the first phase ends with the next year but one, the second two years later."""
    raw = (resources.files("orchestrator.cli") / "beginnings" / text).read_text("utf-8")
    dates = {"STARTS": starts, "FIRST_DUE": dt.date(starts.year + 1, 12, 31), "SECOND_DUE": dt.date(starts.year + 3, 12, 31)}
    for word, date in dates.items():
        raw = raw.replace(f"@{word}@", date.isoformat())
    return raw


def _next_monday(today: dt.date) -> dt.date:
    return today + dt.timedelta(days=7 - today.weekday())
