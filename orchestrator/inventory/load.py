"""Any mixture of files and folders → one Reading. The one door through which inventories come in."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator.errors import Finding, Refused
from orchestrator.inventory.answerbook import FILE as ANSWERS
from orchestrator.inventory.answerbook import read_answers
from orchestrator.inventory.build.builder import Builder
from orchestrator.inventory.folder.origins import FILE as ORIGINS
from orchestrator.inventory.folder.origins import read_origins, with_origins
from orchestrator.inventory.reading import COLUMNS_FILE, YAML_SUFFIXES, Interpretation, Raw, Reading
from orchestrator.inventory.schema import fit, read_document
from orchestrator.inventory.yaml_in import Map, Seq, read_yaml
from orchestrator.models import Inventory, Sites
from orchestrator.texts import say

if TYPE_CHECKING:
    from orchestrator.inventory.sheets.grids import Grid
    from orchestrator.inventory.sheets.sheet import Turn

__all__ = ["Interpretation", "Reading", "inventory_digest", "load", "load_sites", "load_strict"]

SHEET_SUFFIXES = {".xlsx", ".xlsm", ".xltx", ".xls", ".et", ".csv", ".tsv", ".ods"}
PERHAPS = {".docx", ".txt"}
"""Files that may hold a table: one that holds none is an error only where it was named."""
OFFICE_SUFFIXES = {".doc", ".wps", ".pdf", ".xlsb", ".numbers", ".zip", ".rar", ".7z"}
CITY_WORDS = "headers.yaml"
"""A city's own headers and words, in a folder that is read or beside a file that is."""
OTHER_DOCUMENTS = {"sites", "phases", "rules", "starts", "entry", "calendar", "precedence", "counting"}
"""A YAML file whose top-level keys are among these is another document of the programme, not inventory."""


INTERRUPTED = ".import-staged"
"""In an inventory folder: the files of an import that was stopped before all of them were in their place."""


def load(
    paths: Sequence[Path],
    *,
    known: Inventory | None = None,
    today: dt.date | None = None,
    beside: Sequence[Path] = (),
    renamed: Mapping[str, str] | None = None,
) -> Reading:
    """Read files and folders: YAML, xlsx, csv, in any mixture. Never raises for content: everything wrong is a finding.

    ``known``: an inventory whose ids are kept for the systems and departments that are recognised again. ``today``: the day
    against which 「维保至…」 is read; default: the clock's. ``beside``: further folders whose answers and words are used
    (the inventory folder, when forms are read that lie elsewhere). ``renamed``: id of a department of ``known`` → its name in the forms.
    """
    found: list[Finding] = []
    folders = [*beside, *folders_of(paths)]
    builder = Builder(known, read_answers(folders, found), renamed)
    if any((folder / COLUMNS_FILE).is_file() for folder in folders):
        from orchestrator.inventory.sheets.foreign import read_columns

        builder.foreign = read_columns(folders, found)
    builder.findings.extend(found)
    with city_words([*beside, *paths], builder.findings):
        files = _told_apart([(file, name, file == path) for path in paths for file, name in _files(path, builder)])
        given = [_Given(*file) for file in files if file[0].name not in {CITY_WORDS, ANSWERS, COLUMNS_FILE, ORIGINS}]
        _read_documents(given, builder)
        _read_sheets([file for file in given if file.may_hold_tables], builder, today or dt.datetime.now().astimezone().date())
        reading = builder.finish()
    kept = {ident: lines for folder in folders_of(paths) for ident, lines in read_origins(folder).items() if reading.from_yaml(ident)}
    return with_origins(reading, kept) if kept else reading


def load_strict(paths: Sequence[Path]) -> Reading:
    """Like ``load``, for commands that act. Raises ``Refused`` with every finding if any is an error."""
    reading = load(paths)
    if reading.errors:
        raise Refused(say("inventory.has_errors"), findings=reading.findings, where=", ".join(map(str, paths)))
    return reading


def inventory_digest(inventory: Inventory) -> str:
    """SHA-256 over the canonical JSON of an inventory."""
    text = json.dumps(inventory.model_dump(mode="json"), ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def load_sites(path: Path) -> Sites:
    """The sites of ``path`` (a ``sites.yaml`` or the folder that holds one). Raises ``Refused`` naming each fault."""
    file = path / "sites.yaml" if path.is_dir() else path
    if not file.exists():
        missing = Finding("sites-missing", "error", say("inventory.no_such_file"), say("inventory.write_sites"), file=file.name)
        raise Refused(say("inventory.document_unread", file=file.name), findings=[missing], where=str(file))
    return fit(Sites, read_document(file), file)


@contextmanager
def city_words(paths: Sequence[Path], findings: list[Finding]) -> Iterator[None]:
    """Within it, forms are read with the headers and words of the city's own ``headers.yaml``, where there is one."""
    headers: list[tuple[str, str, tuple[str, ...]]] = []
    words: list[tuple[str, str, tuple[str, ...]]] = []
    for file in (folder / CITY_WORDS for folder in folders_of(paths)):
        if not file.is_file():
            continue
        documents, wrong = read_yaml(file, file.name)
        findings.extend(wrong)
        for document in documents:
            for name, into in (("headers", headers), ("words", words)):
                table = document.get(name) if isinstance(document, Map) else None
                for outer, entry in table.items() if isinstance(table, Map) else ():
                    for inner, said in entry.items() if isinstance(entry, Map) else ():
                        into.append((outer, inner, tuple(map(str, said)) if isinstance(said, Seq) else (str(said),)))
    if not headers and not words:
        yield
        return
    from orchestrator.inventory.forms import further_headers
    from orchestrator.inventory.values import further_words

    with further_headers(tuple(headers)), further_words(tuple(words)):
        yield


def folders_of(paths: Sequence[Path]) -> list[Path]:
    """The folders that are read, and those beside files that are."""
    return list(dict.fromkeys(path if path.is_dir() else path.parent for path in paths))


def _files(path: Path, builder: Builder) -> list[tuple[Path, str]]:
    if path.is_dir():
        if (path / INTERRUPTED).exists():
            builder.findings.append(
                Finding(
                    "import-interrupted",
                    "error",
                    say("inventory.import_interrupted"),
                    say("inventory.import_again"),
                    file=path.name,
                )
            )
        found = sorted(
            p for p in path.rglob("*") if p.is_file() and not any(part.startswith(("~$", ".")) for part in p.relative_to(path).parts)
        )
        return [(p, p.relative_to(path).as_posix()) for p in found]
    if not path.is_file():  # a pipe would be waited for
        builder.findings.append(Finding("no-such-file", "error", say("inventory.no_such_file"), say("inventory.check_path"), file=path.name))
        return []
    return [(path, path.name)]


def _told_apart(files: list[tuple[Path, str, bool]]) -> list[tuple[Path, str, bool]]:
    """Each file under its name; those of one name under as much of their path as tells them apart."""
    groups: dict[str, set[Path]] = {}
    for file, name, _ in files:
        groups.setdefault(name, set()).add(file.absolute())
    names: dict[Path, str] = {}
    for name, group in groups.items():
        length = name.count("/") + 1
        while len(group) > 1 and len({file.parts[-length:] for file in group}) < len(group):
            length += 1
        names.update({file: "/".join(file.parts[-length:]) if len(group) > 1 else name for file in group})
    return [(file, names[file.absolute()], named) for file, _, named in files]


@dataclass
class _Given:
    """One file of those that are read."""

    file: Path
    name: str
    named: bool
    """Whether somebody gave it itself, and not its folder."""
    recognised: bool = False
    """Whether a table was found in it."""

    @property
    def suffix(self) -> str:
        return self.file.suffix.lower()

    @property
    def may_hold_tables(self) -> bool:
        return self.suffix in SHEET_SUFFIXES or self.suffix in PERHAPS

    @property
    def needed(self) -> bool:
        """Whether it is an error where no table is found."""
        return self.named or self.suffix in SHEET_SUFFIXES


def _read_documents(files: Iterable[_Given], builder: Builder) -> None:
    """What is in YAML, and a finding for each file that holds nothing that can be read."""
    for given in files:
        if given.suffix in YAML_SUFFIXES:
            documents, findings = read_yaml(given.file, given.name)
            builder.findings.extend(findings)
            for document in documents:
                _document(document, given.name, builder)
        elif not given.may_hold_tables and (given.named or given.suffix in OFFICE_SUFFIXES):
            severity = "error" if given.named else "warning"
            builder.findings.append(Finding("file-kind", severity, say("inventory.file_kind"), say("inventory.give_supported_file"), file=given.name))


def _read_sheets(files: Sequence[_Given], builder: Builder, today: dt.date) -> None:
    """Every sheet of all files in its turn: lists of systems first, in whatever file they stand."""
    if not files:
        return
    from orchestrator.inventory.sheets.sheet import Turn, read_sheet

    later: list[tuple[Turn, _Given, Grid]] = []
    for given in files:
        with _told_if_bad(given, builder):
            for turn, grid in _turns(given, builder):
                if turn is Turn.LISTS:
                    given.recognised |= read_sheet(grid, given.name, builder, today)
                else:
                    later.append((turn, given, grid))
    for _, given, grid in sorted(later, key=lambda one: one[0]):
        with _told_if_bad(given, builder):
            given.recognised |= read_sheet(grid, given.name, builder, today)
    refused = {finding.file for finding in builder.findings if finding.severity == "error"}
    for given in files:
        if given.needed and not given.recognised and given.name not in refused:
            builder.findings.append(Finding("no-table", "error", say("inventory.no_table"), say("inventory.use_template"), file=given.name))


def _turns(given: _Given, builder: Builder) -> Iterator[tuple[Turn, Grid]]:
    """The sheets of a file, each with its turn. What is on one as a picture is told."""
    from orchestrator.inventory.sheets.sheet import turn_of

    for sheet in tables_of(given.file):
        turn, grid = turn_of(sheet, builder)
        if grid.pictures:
            says = say("inventory.pictures_not_read", count=grid.pictures)
            builder.findings.append(
                Finding("pictures-not-read", "warning", says, say("inventory.type_what_they_say"), file=given.name, sheet=grid.name)
            )
        yield turn, grid


@contextmanager
def _told_if_bad(given: _Given, builder: Builder) -> Iterator[None]:
    """What makes a file, or one of its sheets, unreadable is a finding."""
    from orchestrator.inventory.sheets.archive import BadFile

    try:
        yield
    except BadFile as bad:
        builder.findings.append(Finding(bad.code, "error" if given.needed else "warning", bad.says, bad.mend, file=given.name))
    except OSError as error:
        why = say("inventory.cannot_open", why=str(error.strerror))
        builder.findings.append(Finding("unreadable-file", "error", why, say("inventory.check_file"), file=given.name))


def tables_of(file: Path) -> Iterable[Grid]:
    """The tables of a file, by what is in it and by what it is called: tools give a workbook or a text the name of another. Raises ``BadFile``."""
    from orchestrator.inventory.sheets.grids import csv_grid, grids, is_text, is_zip
    from orchestrator.inventory.sheets.opendocument import opendocument_grids
    from orchestrator.inventory.sheets.word_tables import word_grids

    suffix = file.suffix.lower()
    if suffix in {".csv", ".tsv", ".txt"} and not is_zip(file):
        return [csv_grid(file)]
    if suffix in {".xls", ".et"} and is_text(file):
        return [csv_grid(file)]
    return {".ods": opendocument_grids, ".docx": word_grids}.get(suffix, grids)(file)


def _document(document: Any, name: str, builder: Builder) -> None:
    if document is None:
        return
    if not isinstance(document, Map):
        builder.findings.append(
            Finding(
                "bad-shape",
                "error",
                say("inventory.bad_top_level"),
                say("inventory.see_docs"),
                file=name,
            )
        )
        return
    ours = {key: document.get(key) for key in ("departments", "rooms", "systems") if key in document}
    if not ours:
        if not set(document) & OTHER_DOCUMENTS:
            builder.findings.append(
                Finding(
                    "not-inventory",
                    "warning",
                    say("inventory.not_inventory"),
                    say("inventory.use_key_systems"),
                    file=name,
                )
            )
        return
    for key, items in ours.items():
        if items is None:
            continue
        if not isinstance(items, Seq):
            builder.findings.append(
                Finding(
                    "bad-shape",
                    "error",
                    say("inventory.must_be_list", column=key),
                    say("inventory.begin_items"),
                    file=name,
                    cell=f"L{document.lines[key]}",
                )
            )
            continue
        for item, line in zip(items, items.lines, strict=True):
            if not isinstance(item, Map):
                builder.findings.append(
                    Finding(
                        "bad-shape",
                        "error",
                        say("inventory.item_not_mapping", key=key),
                        say("inventory.write_mapping"),
                        file=name,
                        cell=f"L{line}",
                    )
                )
            elif key == "systems":
                builder.yaml_system(_raw(item, name, line))
            else:
                builder.reference(key, _raw(item, name, line))


def _raw(item: Map, name: str, line: int) -> Raw:
    values = dict(item)
    if "classified" in item.repeated:
        values["classified"] = None  # two answers are none
    return Raw(file=name, cell=f"L{line}", values=values, cells={key: f"L{abs(at)}" for key, at in item.lines.items()})
