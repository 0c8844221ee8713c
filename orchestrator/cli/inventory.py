"""``orchestrator inventory``: the empty form, checking, importing, showing. No logic: see ``orchestrator.inventory``."""

from __future__ import annotations

import datetime as dt
import sys
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from orchestrator.cli.listing import as_json, safe, severity_of, table
from orchestrator.cli.questions import not_asked, print_questions
from orchestrator.errors import Exit, Finding, Refused, UsageError
from orchestrator.texts import say, text

if TYPE_CHECKING:
    from orchestrator.inventory.reading import Interpretation, Reading

PATHS = click.argument("paths", nargs=-1, type=click.Path(path_type=Path))
JSON = click.option("--json", "json_", is_flag=True, help="Print one JSON document.")
STAGES = {
    "countable": say("inventory.stage_countable"), "plannable": say("inventory.stage_plannable"), "movable": say("inventory.stage_movable"),
    None: say("inventory.stage_none"),
}  # fmt: skip
READINGS = 20
"""Readings that ``check`` lists; all of them are in ``--json``."""
OUTSIDE = {
    "classified": say("inventory.outside_classified"), "party_mass": say("inventory.outside_party_mass"), "retired": say("inventory.outside_retired"),
}  # fmt: skip


@click.group()
def inventory() -> None:
    """Inventories: from the departments' own spreadsheets (or YAML) to systems that can be counted, planned and moved."""


@inventory.command()
@click.argument("out", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--lang", type=click.Choice(["zh", "en"]), default="zh", show_default=True, help="Language of headers and instructions.")
@click.option("--filled-from", type=click.Path(path_type=Path, exists=True), help="Fill it in from an inventory (file or folder).")
def template(out: Path, lang: str, filled_from: Path | None) -> None:
    """Write the empty form (信息系统迁移统计表 and the technical sheets) to OUT.xlsx."""
    from orchestrator.cli.settings import load_settings
    from orchestrator.inventory.folder.workbook import write_workbook
    from orchestrator.inventory.load import load_strict
    from orchestrator.written import remember_written

    if out.suffix.lower() != ".xlsx":
        raise UsageError(say("cli.form_is_xlsx"), where=out.name, remedy=say("cli.name_xlsx"))
    if not out.parent.is_dir():
        raise UsageError(say("cli.no_folder", folder=str(out.parent)), where=str(out), remedy=say("cli.make_folder"))
    write_workbook(out, load_strict([filled_from]).inventory if filled_from else None, lang)
    if filled_from:
        remember_written(load_settings().state, out)
    click.echo(text("inventory.written", file=out.name))


@inventory.command()
@PATHS
@JSON
def check(paths: tuple[Path, ...], json_: bool) -> int:
    """Read files and folders together; list every finding with file, sheet and cell, and how far each system has come.

    Also what the documents beside the systems (`sites.yaml`, `program.yaml`, `policy.yaml`) say wrongly, and names that mean nothing there.
    Exit code 0 without errors, 3 with.
    """
    from orchestrator.cli.settings import open_workspace
    from orchestrator.inventory import check as checks
    from orchestrator.inventory.questions import decided_places

    given = _given(paths)
    known = open_workspace(given)
    reading = known.cross_checked(known.doubted(_read_beside(given)))
    staying = known.counted_apart(reading)
    if json_:
        report = checks.as_json(reading)
        as_json({**report, "counts": {**report["counts"], **staying}})
        return _exit(reading)
    count = checks.counts(reading)
    click.echo(text("inventory.count_line", **count))
    if staying["to_retire"] or staying["already_elsewhere"]:
        click.echo(text("inventory.staying_line", **staying))
    rows = []
    for standing in checks.standings(reading):
        if standing.id is None and standing.excluded:
            continue
        outside = OUTSIDE.get(standing.excluded or "", "")
        rows.append((standing.id or "-", standing.name or "-", STAGES[standing.reached], outside, checks.missing_words(standing) or "-"))
    heads = (say("inventory.head_reached"), say("inventory.head_outside"), say("inventory.head_missing"))
    table((say("inventory.head_id"), say("inventory.head_system"), *heads), rows)
    if len(reading.uncounted) > checks.UNCOUNTED:
        click.echo(text("inventory.more_uncounted", count=len(reading.uncounted) - checks.UNCOUNTED))
    _print_findings(reading.findings, asked=decided_places(reading.questions))
    _print_readings(reading.interpretations)
    if reading.unknown_columns:
        click.echo(safe(f"\n{say('inventory.unknown_columns', columns=reading.unknown_columns)}"))
    print_questions(reading.questions)
    return _exit(reading)


@inventory.command()
@click.argument("out", type=click.Path(path_type=Path, dir_okay=False))
@PATHS
def ask(out: Path, paths: tuple[Path, ...]) -> int:
    """Write the questions that remain after reading PATHS to OUT.xlsx, prefilled with proposals: the sheet goes back to the office."""
    from orchestrator.cli.settings import load_settings
    from orchestrator.inventory.answersheet import write_questions
    from orchestrator.written import remember_written

    if out.suffix.lower() != ".xlsx":
        raise UsageError(say("cli.answers_are_xlsx"), where=out.name, remedy=say("cli.name_xlsx"))
    if not out.parent.is_dir():
        raise UsageError(say("cli.no_folder", folder=str(out.parent)), where=str(out), remedy=say("cli.make_folder"))
    reading = _read_beside(_given(paths))
    questions = reading.questions
    if reading.errors and not reading.rows and not questions:  # no file could be read: an empty sheet would say that all is answered
        raise Refused(say("inventory.has_so_many_errors", count=len(reading.errors)), findings=reading.errors, remedy=say("cli.check_lists"))
    write_questions(out, questions)
    remember_written(load_settings().state, out)
    click.echo(text("inventory.questions_written", file=out.name, count=len(questions)))
    return int(Exit.DONE)


@inventory.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, exists=True))
@click.option("--into", type=click.Path(path_type=Path, file_okay=False), help="Folder that keeps the answers; default: the inventory folder.")
@JSON
def answer(file: Path, into: Path | None, json_: bool) -> int:
    """Take in an answer sheet that came back. Every later reading uses its answers; nothing is kept if one of them cannot be used."""

    from orchestrator.cli.settings import load_settings
    from orchestrator.inventory.answerbook import read_answers
    from orchestrator.inventory.answersheet import read_answersheet
    from orchestrator.inventory.folder.keeping import keep_answers

    folder = into or load_settings().inventory
    answers, findings, still_open = read_answersheet(file, dt.datetime.now().astimezone().date())
    read_answers([folder], findings)
    written = keep_answers(folder, answers) if answers and not findings else []
    if json_:
        as_json(
            {"answers": len(answers), "open": still_open, "written": bool(answers) and not findings, "findings": [one.as_json() for one in findings]}
        )
    else:
        _print_findings(findings)
        files = tuple(str(path) for path in written) or str(folder)
        click.echo(say("inventory.answers_not_kept") if findings else say("inventory.answers_kept", files=files, count=len(answers)))
        if still_open:
            click.echo(say("inventory.answers_open", open=still_open))
    return int(Exit.REFUSED if findings else Exit.DONE)


@inventory.command(name="import")
@PATHS
@click.option(
    "--into", required=True, type=click.Path(path_type=Path, file_okay=False), help="Inventory folder; made when it is not there."
)
@click.option("--dry-run", is_flag=True, help="Show what would change, write nothing.")
@click.option("--yes", is_flag=True, help="Do not ask before writing.")
@click.option("--partial", is_flag=True, help="Import what could be read in spite of errors.")
@click.option(
    "--keep", multiple=True, metavar="ID", help="A system that the form no longer lists is still there (a department: all of its)."
)
@click.option("--remove", multiple=True, metavar="ID", help="A system that the form no longer lists is withdrawn, or was found classified.")
@click.option("--rename", multiple=True, metavar="ID=NAME", help="A system or a department that the form no longer lists bears this name in it, or this id.")
@JSON
def import_(
    paths: tuple[Path, ...],
    into: Path,
    dry_run: bool,
    yes: bool,
    partial: bool,
    keep: tuple[str, ...],
    remove: tuple[str, ...],
    rename: tuple[str, ...],
    json_: bool,
) -> int:
    """Read spreadsheets, csv and YAML, and write them as YAML into a folder. Shows what changes before it writes.

    A system that its form no longer lists stays, and is asked about. Where the form has something new that it may have become, nothing is
    imported until an answer says what became of it, or --keep, --remove or --rename.
    """

    from orchestrator.cli.changes import lines
    from orchestrator.inventory.folder.merge import apply, complete, prepare

    if not paths:
        raise UsageError(say("cli.nothing_to_import"), remedy=say("cli.name_file"))
    if not dry_run:
        complete(into)
    keep, remove = _ids(into, keep), _ids(into, remove)
    pairs = [pair.partition("=")[::2] for pair in rename]
    if not all(old.strip() and new.strip() for old, new in pairs):
        raise UsageError(say("cli.rename_needs_both"), remedy=say("cli.rename_form"))
    renamed = {ident: new.strip() for old, new in pairs for ident in _ids(into, (old.strip(),))}
    prepared = prepare(list(paths), into, partial=partial, keep=keep, remove=remove, rename=renamed)
    if not json_:
        for line in lines(prepared.changes):
            click.echo(safe(line))
        _print_findings(prepared.reading.findings)
    if not prepared.changes and not json_:
        click.echo(text("inventory.only_cells_change") if prepared.files else text("inventory.nothing_changes"))
    if prepared.files and not dry_run:
        if not yes and not json_ and sys.stdin.isatty():
            click.confirm(text("inventory.confirm_write", count=len(prepared.files)), abort=True)
        written = apply(prepared, into)
        click.echo(text("inventory.files_written", count=len(written))) if not json_ else None
    if json_:
        as_json(
            {
                "changes": [change.as_json() for change in prepared.changes],
                "files": sorted(prepared.files),
                "written": bool(prepared.files) and not dry_run,
                "findings": [finding.as_json() for finding in prepared.reading.findings],
            }
        )
    return _exit(prepared.reading)


@inventory.command()
@PATHS
@JSON
def show(paths: tuple[Path, ...], json_: bool) -> int:
    """List the systems of an inventory: department, status, grade, room, and what they depend on."""
    from orchestrator.inventory.check import outside
    from orchestrator.inventory.load import load
    from orchestrator.inventory.values import choice_name

    reading = load(_given(paths))
    found = reading.inventory
    if json_:
        hidden = {"__all__": {"phone", "contact"}}
        as_json(found.model_dump(mode="json", exclude={"systems": hidden, "excluded": {"__all__": {"system": {"phone", "contact"}}}}))
        return _exit(reading)
    from orchestrator.inventory.names import sound

    names = {department.id: department.name for department in found.departments}
    table(
        (
            say("inventory.head_id"), say("inventory.head_system"), say("inventory.head_sound"), say("inventory.head_department"), say("inventory.head_kind"),
            say("inventory.head_status"), say("inventory.head_grade"), say("inventory.head_room"), say("inventory.head_depends_on"),
        ),
        [
            (
                s.id, s.name, sound(s.name)[:40], names.get(s.department, s.department), choice_name("kind", s.kind), choice_name("status", s.status), s.protection_grade or "-",
                s.room or "-", "、".join(s.depends_on) or "-",
            )
            for s in found.systems
        ],
    )  # fmt: skip
    if found.excluded:
        click.echo(text("inventory.outside_now", **outside(found)))
    _print_findings(reading.errors)
    return _exit(reading)


def _ids(folder: Path, names: tuple[str, ...]) -> tuple[str, ...]:
    """Ids, or names of systems and departments in ``folder``, as ids."""
    from orchestrator.inventory.find import ids_of
    from orchestrator.inventory.load import load

    if not names or not folder.is_dir():
        return names
    return ids_of(load([folder]).inventory, names)


def _given(paths: tuple[Path, ...]) -> list[Path]:
    """The paths named, else the inventory folder of the configuration."""
    if paths:
        return list(paths)
    from orchestrator.cli.settings import load_settings

    folder = load_settings().inventory
    if not folder.is_dir():
        raise UsageError(say("cli.no_inventory_folder", folder=str(folder)), remedy=say("cli.name_files"))
    return [folder]


def _inventory_folder() -> list[Path]:
    """The inventory folder of the configuration, whose answers and words every reading uses; none where there is none."""
    from orchestrator.cli.settings import load_settings

    folder = load_settings().inventory
    return [folder] if folder.is_dir() else []


def _read_beside(paths: list[Path]) -> Reading:
    """What these say, and what an import of them into the inventory folder would tell and ask of the systems that it has."""
    from orchestrator.inventory.folder.merge import read_beside
    from orchestrator.inventory.load import load

    folders = _inventory_folder()
    inside = [path for path in paths if any(path.resolve().is_relative_to(folder.resolve()) for folder in folders)]
    if folders and not inside:
        try:
            return read_beside(paths, folders[0])
        except Refused:
            pass  # an inventory with errors has its own check; these are read all the same
    return load(paths, beside=folders)


def _exit(reading: Reading) -> int:
    return int(Exit.REFUSED if reading.errors else Exit.DONE)


def _print_findings(findings: list[Finding], asked: Collection[str] = ()) -> None:
    """``asked``: places of which a question tells: they are not listed one by one."""
    shown = not_asked(findings, asked)
    if not findings:
        return
    errors = sum(finding.severity == "error" for finding in shown)
    told = len(findings) - len(shown)
    counted: dict[str, int] = {"count": len(shown), "errors": errors}
    click.echo("\n" + (text("inventory.findings_listed_asked", **counted, asked=told) if told else text("inventory.findings_listed", **counted)))
    for finding in shown:
        click.echo(safe(f"  {severity_of(finding)} {finding.place()} [{finding.code}] {finding.message}\n        → {finding.remedy}"))


def _print_readings(interpretations: Sequence[Interpretation]) -> None:
    """Those alike once, the commonest of them: the questions stand below."""
    from orchestrator.inventory.check import alike

    if not interpretations:
        return
    groups = alike(interpretations)
    click.echo("\n" + text("inventory.interpretations", count=len(interpretations)))
    for one, count in groups[:READINGS]:
        place = " › ".join(part for part in (one.file, one.sheet, one.cell) if part)
        line = say("inventory.interpretation", place=place, read=one.read, understood=one.understood)
        click.echo(safe(f"  {say('inventory.interpretation_of_more', one=line, count=count) if count > 1 else line}"))
    if len(groups) > READINGS:
        click.echo("  " + text("inventory.interpretations_rest", count=len(groups) - READINGS))
