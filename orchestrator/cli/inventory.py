"""``orchestrator inventory``: the empty form, checking, importing, showing. No logic: see ``orchestrator.inventory``."""

from __future__ import annotations

import datetime as dt
import sys
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from orchestrator.cli.listing import as_json, safe, table
from orchestrator.errors import Exit, Finding, Refused, UsageError

if TYPE_CHECKING:
    from orchestrator.inventory.questions import Question
    from orchestrator.inventory.reading import Reading

PATHS = click.argument("paths", nargs=-1, type=click.Path(path_type=Path))
JSON = click.option("--json", "json_", is_flag=True, help="Print one JSON document.")
STAGE_ZH = {"countable": "可统计", "plannable": "可计划", "movable": "可迁移", None: "不可统计"}
ASKED_CODES = {"duplicate-system", "sheet-not-recognised", "unreadable", "missing", "classified-unanswered", "classified-column-missing"}
"""Findings at a cell that a question tells of."""
REASON_ZH = {"classified": "涉密", "party_mass": "党群", "retired": "停用"}


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
        raise UsageError("the form is an .xlsx file", where=out.name, remedy="give a name that ends in .xlsx")
    if not out.parent.is_dir():
        raise UsageError(f"there is no folder {out.parent}", where=str(out), remedy="make it first, or name another")
    write_workbook(out, load_strict([filled_from]).inventory if filled_from else None, lang)
    if filled_from:
        remember_written(load_settings().state, out)
    click.echo(f"已生成 {out.name} (written)")


@inventory.command()
@PATHS
@JSON
def check(paths: tuple[Path, ...], json_: bool) -> int:
    """Read files and folders together; list every finding with file, sheet and cell, and how far each system has come.

    Exit code 0 without errors, 3 with.
    """
    from orchestrator.cli.inputs import counted_apart, doubted
    from orchestrator.inventory import check as checks
    from orchestrator.inventory.questions import decided_places

    given = _given(paths)
    reading = doubted(_read_beside(given), given)
    staying = counted_apart(reading, given)
    if json_:
        report = checks.as_json(reading)
        as_json({**report, "counts": {**report["counts"], **staying}})
        return _exit(reading)
    count = checks.counts(reading)
    click.echo(
        f"读取 {count['rows']} 行；统计范围 {count['in_scope']} 个（市直 {count['municipal']}、县市区 {count['county']}）；"
        f"范围外：涉密 {count['classified']}、是否涉密未答 {count['unanswered']}、党群 {count['party_mass']}、停用 {count['retired']}；"
        f"尚不可统计 {count['uncounted']} 行"
    )
    click.echo(f"其中需迁移 {staying['to_migrate']} 个；拟停用 {staying['to_retire']} 个、已在别处运行 {staying['already_elsewhere']} 个，不迁移，单独统计")
    rows = []
    for standing in checks.standings(reading):
        if standing.id is None and standing.excluded:
            continue
        missing = "、".join(
            f"{checks.in_words(name)}({standing.missing_at[name]})" if name in standing.missing_at else checks.in_words(name)
            for name in standing.missing[:4]
        )
        more = f" 等 {len(standing.missing)} 项" if len(standing.missing) > 4 else ""
        rows.append(
            (
                standing.id or "-",
                standing.name or "-",
                STAGE_ZH[standing.reached],
                REASON_ZH.get(standing.excluded or "", ""),
                f"{missing}{more}" or "-",
            )
        )
    table(("编码", "系统", "达到", "不计入", "下一步尚缺"), rows)
    if len(reading.uncounted) > checks.UNCOUNTED:
        click.echo(f"另有 {len(reading.uncounted) - checks.UNCOUNTED:,} 行不可统计，未逐一列出 (more rows that cannot be counted)")
    _print_findings(reading.findings, asked=decided_places(reading.questions))
    if reading.interpretations:
        click.echo(f"\n需要理解后才能读取的内容 {len(reading.interpretations)} 处 (readings that took interpretation):")
        for one in reading.interpretations:
            place = " › ".join(part for part in (one.file, one.sheet, one.cell) if part)
            click.echo(safe(f"  {place}: “{one.read}” → {one.understood}"))
    if reading.unknown_columns:
        click.echo(safe(f"\n不认识的列（原样保留）：{'、'.join(reading.unknown_columns)}"))
    _print_questions(reading.questions)
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
        raise UsageError("the answer sheet is an .xlsx file", where=out.name, remedy="give a name that ends in .xlsx")
    if not out.parent.is_dir():
        raise UsageError(f"there is no folder {out.parent}", where=str(out), remedy="make it first, or name another")
    questions = _read_beside(_given(paths)).questions
    write_questions(out, questions)
    remember_written(load_settings().state, out)
    click.echo(f"已生成 {out.name}，共 {len(questions)} 个问题 (written; questions)")
    return int(Exit.DONE)


@inventory.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, exists=True))
@click.option("--into", type=click.Path(path_type=Path, file_okay=False), help="Folder that keeps the answers; default: the inventory folder.")
@JSON
def answer(file: Path, into: Path | None, json_: bool) -> int:
    """Take in an answer sheet that came back. Every later reading uses its answers; nothing is kept if one of them cannot be used."""
    from dataclasses import asdict

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
            {"answers": len(answers), "open": still_open, "written": bool(answers) and not findings, "findings": [asdict(one) for one in findings]}
        )
    else:
        _print_findings(findings)
        into_files = "、".join(str(path) for path in written) or str(folder)
        kept = f"已记入 {into_files}：{len(answers)} 条答复 (kept)" if not findings else "未记入：请更正后重来 (nothing was kept)"
        click.echo(f"{kept}；尚无答复 {still_open} 个 (still open)")
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
@click.option("--rename", multiple=True, metavar="ID=NAME", help="A system that the form no longer lists bears this name in it, or this id.")
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
    from dataclasses import asdict

    from orchestrator.inventory.folder.merge import apply, complete, prepare

    if not paths:
        raise UsageError("nothing to import", remedy="name at least one file or folder")
    if not dry_run:
        complete(into)
    keep, remove = _ids(into, keep), _ids(into, remove)
    pairs = [pair.partition("=")[::2] for pair in rename]
    if not all(old.strip() and new.strip() for old, new in pairs):
        raise UsageError("--rename needs both names", remedy="--rename ID=NAME: the system as it is stored, and its name in the form")
    renamed = {ident: new.strip() for old, new in pairs for ident in _ids(into, (old.strip(),))}
    prepared = prepare(list(paths), into, partial=partial, keep=keep, remove=remove, rename=renamed)
    if not json_:
        for change in prepared.changes:
            words = f" {change.field}: “{change.before}” → “{change.after}”" if change.field else f" {change.after}" if change.after else ""
            mark = {"added": "+", "removed": "-"}.get(change.what, "~")
            click.echo(safe(f"{mark} {change.kind} {change.id}{words}"))
        _print_findings(prepared.reading.findings)
    if not prepared.changes and not json_:
        click.echo(
            "没有变化 (nothing changes)"
            if not prepared.files
            else "数据没有变化，仅来源单元格更新 (no value changes, only the cells they came from)"
        )
    if prepared.files and not dry_run:
        if not yes and not json_ and sys.stdin.isatty():
            click.confirm(f"写入 {len(prepared.files)} 个文件？(write {len(prepared.files)} files?)", abort=True)
        written = apply(prepared, into)
        click.echo(f"已写入 {len(written)} 个文件 (written)") if not json_ else None
    if json_:
        as_json(
            {
                "changes": [asdict(change) for change in prepared.changes],
                "files": sorted(prepared.files),
                "written": bool(prepared.files) and not dry_run,
                "findings": [asdict(finding) for finding in prepared.reading.findings],
            }
        )
    return _exit(prepared.reading)


@inventory.command()
@PATHS
@JSON
def show(paths: tuple[Path, ...], json_: bool) -> int:
    """List the systems of an inventory: department, status, grade, room, and what they depend on."""
    from orchestrator.inventory.load import load

    reading = load(_given(paths))
    found = reading.inventory
    if json_:
        hidden = {"__all__": {"phone", "contact"}}
        as_json(found.model_dump(mode="json", exclude={"systems": hidden, "excluded": {"__all__": {"system": {"phone", "contact"}}}}))
        return _exit(reading)
    from orchestrator.inventory.names import sound

    names = {department.id: department.name for department in found.departments}
    table(
        ("编码", "系统", "拼音", "单位", "类别", "状态", "等保", "机房", "关联系统"),
        [
            (s.id, s.name, sound(s.name)[:40], names.get(s.department, s.department), s.kind, s.status, s.protection_grade or "-", s.room or "-", "、".join(s.depends_on) or "-")
            for s in found.systems
        ],
    )  # fmt: skip
    for reason in ("classified", "party_mass", "retired"):
        outside = sum(row.reason == reason for row in found.excluded)
        if outside:
            click.echo(f"不计入：{REASON_ZH[reason]} {outside} 个")
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
        raise UsageError(f"there is no inventory folder {folder}", remedy="name files or folders, or set `inventory` in orchestrator.toml")
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
    shown = [finding for finding in findings if finding.place() not in asked or finding.code not in ASKED_CODES]
    if not findings:
        return
    errors = sum(finding.severity == "error" for finding in shown)
    told = len(findings) - len(shown)
    click.echo(f"\n列出 {len(shown)} 条，其中错误 {errors} 条 (findings that are listed, of which errors)" + (f"；另有 {told} 处由末尾的问题决定" * bool(told)) + ":")
    for finding in shown:
        mark = "错误" if finding.severity == "error" else "提醒"
        click.echo(safe(f"  {mark} {finding.place()} [{finding.code}] {finding.message}\n        → {finding.remedy}"))


def _print_questions(questions: Sequence[Question]) -> None:
    if not questions:
        return
    click.echo(f"\n待答问题 {len(questions)} 个 (questions that remain):")
    for number, question in enumerate(questions, start=1):
        click.echo(safe(f"  {number}. {question.asks}  [{question.id}]"))
        if question.proposed or question.evidence:
            click.echo(safe(f"        建议 (proposed)：{question.proposed.replace(chr(10), '；') or '—'}  依据 (evidence)：{question.evidence or '—'}"))
        more = f" 等 {question.count} 处" if question.count > 1 else ""
        click.echo(safe(f"        决定 (decides)：{question.rows[0] if question.rows else '-'}{more}"))
    click.echo("  → orchestrator inventory ask 答复表.xlsx 文件… 生成答复表；填好后 orchestrator inventory answer 答复表.xlsx")
