"""A new reading laid over an inventory folder: what changes, and the files that would hold it. Nothing is written here but by ``apply``."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from orchestrator.errors import Finding, Refused, Unanswered
from orchestrator.inventory import personal
from orchestrator.inventory.answerbook import read_answers
from orchestrator.inventory.build import link
from orchestrator.inventory.folder import origins
from orchestrator.inventory.folder.asking_again import CLASSIFIED, NOW_CLASSIFIED, RENAMED_DEPARTMENT, WHY, Said
from orchestrator.inventory.folder.gone import Settled, Settling
from orchestrator.inventory.folder.stored import Folder
from orchestrator.inventory.folder.write import references_text, systems_text
from orchestrator.inventory.load import INTERRUPTED, folders_of, load
from orchestrator.inventory.reading import Reading, Withheld, systems_of
from orchestrator.models import Department, ExcludedRow, Inventory, Room, System
from orchestrator.texts import Words, say

_ROWS = {"columns", "sheet", "owner", "grouping", "rows", "department", "blank"}
"""Questions whose answers change what a form lists: what it no longer lists is asked after them."""


@dataclass(frozen=True)
class Change:
    """One difference. ``what``: added, changed, removed. ``field`` empty: the whole system, department, room or row."""

    what: str
    kind: str
    id: str
    field: str = ""
    before: str = ""
    after: Words = ""

    def as_json(self) -> dict[str, str]:
        return {**asdict(self), "after": str(self.after)}


@dataclass
class Import:
    """What an import would do: its changes, and the text of each file that changes (None: the file goes)."""

    reading: Reading
    changes: list[Change] = field(default_factory=list)
    files: dict[str, str | None] = field(default_factory=dict)


def prepare(
    paths: Sequence[Path],
    into: Path,
    *,
    partial: bool = False,
    keep: Collection[str] = (),
    remove: Collection[str] = (),
    rename: Mapping[str, str] | None = None,
) -> Import:
    """Read ``paths`` and lay them over the folder ``into``. Raises ``Refused`` with every finding if either has errors, or if nobody can know
    what became of a stored system that the reading no longer lists.

    ``partial``: take what could be read in spite of errors; a row that could not is left out. ``keep``, ``remove``, ``rename``: what the
    operator says of such systems (see ``Said``). Raises ``UsageError`` for one that is not stored.
    """
    folder, reading, settled = _compared(paths, into, Said(keep, remove, rename or {}))
    if reading.errors and not partial:
        raise _has_errors(reading, paths)
    unsure = [finding for finding in settled.telling.findings if finding.severity == "error"]
    renamed = [finding for finding in unsure if finding.code == RENAMED_DEPARTMENT]
    if unsure:
        raise Refused(
            say("inventory.import_unsettled"),
            findings=renamed or unsure,  # what a department of another name lists is known once its answer is
            where=", ".join(p.name for p in paths),
            remedy=say("inventory.import_ask_or_say"),
        )
    reading = as_renamed(reading, settled.renamed)
    findings = [*settled.telling.findings, *_depend_on_what_goes(reading, settled.removed.keys())]
    reading = replace(reading, findings=[*reading.findings, *findings])
    if reading.errors and not partial:
        raise _has_errors(reading, paths)
    return _laid_over_folder(folder, reading, settled)


def read_beside(paths: Sequence[Path], into: Path) -> Reading:
    """What these forms say, and what an import into the folder ``into`` would tell and ask of the systems that it has. Raises ``Refused`` if
    the folder has errors."""
    _, reading, settled = _compared(paths, into, Said())
    waits = any(question.kind in _ROWS for question in reading.questions)
    told = [finding for finding in settled.telling.findings if not waits or finding.code in {RENAMED_DEPARTMENT, NOW_CLASSIFIED}]
    asked = (*reading.questions, *(() if waits else settled.telling.asked.questions()))
    return replace(reading, findings=[*reading.findings, *told], questions=asked)


def _compared(paths: Sequence[Path], into: Path, said: Said) -> tuple[Folder, Reading, Settled]:
    folder = Folder.read(into)
    reading = load(paths, known=folder.inventory, beside=[into], renamed=said.rename)
    folder.know(said, {department.id for department in reading.inventory.departments})
    answers = read_answers([into, *folders_of(paths)], [])  # what is wrong with them is among the reading's findings
    return folder, reading, Settling(folder.inventory, folder.tables, reading, answers, said).settle()


def as_renamed(reading: Reading, renamed: Mapping[str, str]) -> Reading:
    """The reading in which systems bear the ids that they have in the folder."""
    if not renamed:
        return reading

    def again(system: System) -> System:
        others = tuple(renamed.get(other, other) for other in system.depends_on)
        owner = renamed.get(system.database_owner or "", system.database_owner)
        return system.model_copy(update={"id": renamed.get(system.id, system.id), "depends_on": others, "database_owner": owner})

    inventory = reading.inventory.model_copy(
        update={
            "systems": tuple(again(system) for system in reading.inventory.systems),
            "excluded": tuple(
                row.model_copy(update={"system": again(row.system) if row.system else None}) for row in reading.inventory.excluded
            ),
        }
    )
    return replace(
        reading,
        inventory=inventory,
        findings=[replace(finding, system=renamed.get(finding.system, finding.system)) for finding in reading.findings],
        places={renamed.get(ident, ident): places for ident, places in reading.places.items()},
        files={renamed.get(ident, ident): file for ident, file in reading.files.items()},
        tables={renamed.get(ident, ident): table for ident, table in reading.tables.items()},
    )


def _has_errors(reading: Reading, paths: Sequence[Path]) -> Refused:
    return Unanswered(
        say("inventory.import_errors"), findings=reading.findings, questions=reading.questions, where=", ".join(p.name for p in paths),
        remedy=say("inventory.ask_what_remains") if reading.questions else say("inventory.mend_and_import"),
    )  # fmt: skip


def _depend_on_what_goes(reading: Reading, removed: Collection[str]) -> list[Finding]:
    """Names of systems that this import removes under 关联系统 and 数据库归属系统: the same findings as when the form comes again and nobody
    knows them."""
    systems = reading.all_systems()
    gone = set(removed) - {system.id for system in systems}
    findings = []
    for system in systems:

        def place(field: str, system: System = system) -> tuple[str, str, str]:
            cell = reading.places[system.id].get(field, "").rpartition(" › ")[2]
            return (*reading.tables.get(system.id, ("", "")), cell)

        for number, ident in enumerate(system.depends_on, start=1):
            if ident in gone:
                findings.append(link.dependency_unknown(number, [], system.id, place("depends_on")))
        if system.database_owner in gone:
            findings.append(link.database_owner_unknown(system.id, place("database_owner"), several=False))
    return findings


def classify(ident: str, into: Path) -> Import:
    """A stored system becomes a classified row of the table it came from. Raises ``Refused`` if the folder has errors."""
    folder = Folder.read(into)
    system = folder.systems[ident]
    row = Withheld(system.department, system.row_no, answered=True, file=folder.files[ident])
    rest = {other: at for other, at in folder.tables.systems.items() if other != ident}
    after = origins.Stored(rest, [*folder.tables.withheld, (row, folder.tables.systems.get(ident, ""))])
    return _laid_over_folder(folder, Reading(inventory=Inventory()), Settled({ident: CLASSIFIED}, tables=after))


def _laid_over_folder(folder: Folder, reading: Reading, settled: Settled) -> Import:
    result = Import(reading)
    merged = _merge(folder.inventory, reading.inventory, settled, result.changes)
    result.files = _files(merged, folder, settled)
    _keep_origins(result, merged, settled.tables, folder.path)
    return result


def apply(result: Import, into: Path) -> list[str]:
    """Write the files, all or none: a failure while they are staged leaves the folder as it was, and what is interrupted after that is
    carried through by ``complete``. Returns their names."""
    if not result.files:
        return []
    into.mkdir(parents=True, exist_ok=True)
    with _alone(into):
        _complete(into)
        stage = Path(tempfile.mkdtemp(prefix=".import-", dir=into))
        try:
            for name, text in result.files.items():
                _stage(stage / name, text or "")
            stage.rename(into / INTERRUPTED)
        except BaseException:
            shutil.rmtree(stage, ignore_errors=True)
            raise
        _complete(into)
    return sorted(result.files)


def complete(into: Path) -> None:
    """Carry an interrupted import of this folder through, and sweep away one that never came to be written."""
    if next(into.glob(".import-*"), None):
        with _alone(into):
            _complete(into)


def _stage(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("w", encoding="utf-8") as out:
        out.write(text)
        out.flush()
        os.fsync(out.fileno())


def _complete(into: Path) -> None:
    """From the staged files, each to its place; an empty one stands for a file that goes. The same again after any interruption."""
    staged = into / INTERRUPTED
    for file in sorted(file for file in staged.rglob("*") if file.is_file()):
        target = into / file.relative_to(staged)
        if file.stat().st_size:
            target.parent.mkdir(parents=True, exist_ok=True)
            file.replace(target)
        else:
            target.unlink(missing_ok=True)
            file.unlink()
    for left in into.glob(".import-*"):
        shutil.rmtree(left)


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """One import writes at a time; another waits."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _keep_origins(result: Import, merged: Inventory, tables: origins.Stored, into: Path) -> None:
    file = into / origins.FILE
    before = file.read_text("utf-8", errors="replace") if file.is_file() else ""
    systems = systems_of(merged)
    text = origins.tables_text(tables, {system.id: system.department for system in systems})
    text += origins.origins_text(systems, result.reading, origins.read_origins(into))
    if text != before:
        result.files[origins.FILE] = text or None


def _merge(known: Inventory, new: Inventory, settled: Settled, changes: list[Change]) -> Inventory:
    """The new reading wins wherever it says something; what it is silent about stays."""
    departments = {d.id: d for d in known.departments}
    rooms = {r.id: r for r in known.rooms}
    for department in new.departments:
        _compare("department", department.id, departments.get(department.id), department, changes)
        departments[department.id] = department
    for room in new.rooms:
        _compare("room", room.id, rooms.get(room.id), room, changes)
        rooms[room.id] = room
    systems: dict[str, System] = {s.id: s for s in systems_of(known)}
    for ident, why in settled.removed.items():
        del systems[ident]
        changes.append(Change("removed", "system", ident, after=WHY[why]))
    for system in systems_of(new):
        before = systems.get(system.id)
        after = _laid_over(before, system) if before else system
        _compare("system", system.id, before, after, changes)
        systems[system.id] = after
    _let_go(systems, settled.removed.keys() - systems.keys(), changes)
    rows = [row for row, _ in settled.tables.withheld]
    _compare_rows([row for row in known.excluded if row.system is None], [row.row for row in rows], changes)
    return Inventory(  # every system is written as itself; what leaves it out of the count is read again from its own words
        departments=tuple(sorted(departments.values(), key=lambda d: d.id)),
        rooms=tuple(sorted(rooms.values(), key=lambda r: r.id)),
        systems=tuple(sorted(systems.values(), key=lambda s: s.id)),
        excluded=tuple(row.row for row in rows),
    )


def _let_go(systems: dict[str, System], gone: Collection[str], changes: list[Change]) -> None:
    """Nobody depends any longer on what is gone: its id would be a trace, and no name that a reading finds."""
    for ident, system in systems.items() if gone else ():
        left = tuple(other for other in system.depends_on if other not in gone)
        if left != system.depends_on:
            systems[ident] = system.model_copy(update={"depends_on": left})
            changes.append(Change("changed", "system", ident, "depends_on", _words(system.depends_on), _words(left)))
        if system.database_owner in gone:
            systems[ident] = systems[ident].model_copy(update={"database_owner": None})
            changes.append(Change("changed", "system", ident, "database_owner", str(system.database_owner), ""))


def _compare_rows(before: Sequence[ExcludedRow], after: Sequence[ExcludedRow], changes: list[Change]) -> None:
    was, now = (Counter((row.department, row.row_no, row.answered) for row in rows) for rows in (before, after))
    for what, rows in (("removed", was - now), ("added", now - was)):
        for department, number, answered in sorted(rows.elements(), key=str):
            changes.append(Change(what, "classified row" if answered else "unanswered row", f"{department}/{number or '-'}"))


def _laid_over(before: System, after: System) -> System:
    return System.model_validate({name: getattr(after if _says(after, name) else before, name) for name in System.model_fields})


def _says(system: System, name: str) -> bool:
    """Whether a reading says something of this field. 未定级, and a 关联系统 of none, are answers."""
    if System.model_fields[name].is_required():
        return True
    if name in {"protection_grade", "grade_answered"}:
        return system.grade_answered
    return name in system.model_fields_set and getattr(system, name) is not None


def _compare(kind: str, ident: str, before: Any, after: Any, changes: list[Change]) -> None:
    if before is None:
        changes.append(Change("added", kind, ident, after=after.name))
        return
    for name in type(after).model_fields:
        old, new = getattr(before, name), getattr(after, name)
        if old == new:
            continue
        if name in personal.FIELDS:
            changes.append(Change("changed", kind, ident, name, "…", "…"))
        elif isinstance(new, dict):
            changes += [
                Change(
                    "changed", kind, ident, f"{name} {one}", personal.hidden(old.get(one, ""), one), personal.hidden(new.get(one, ""), one)
                )
                for one in sorted({*old, *new})
                if old.get(one) != new.get(one)
            ]
        else:
            changes.append(Change("changed", kind, ident, name, personal.hidden(_words(old)), personal.hidden(_words(new))))


def _words(value: Any) -> str:
    if isinstance(value, tuple):
        return f"[{len(value)}]" if value and not isinstance(value[0], str) else "、".join(value)
    return "" if value is None else str(value)


def _files(merged: Inventory, folder: Folder, settled: Settled) -> dict[str, str | None]:
    """The files whose content changes. A system stays in the file it was in; a new one goes to its department's."""
    before = _contents(folder, folder.systems.values(), [(row.row, row.file) for row, _ in folder.tables.withheld])
    after = _contents(folder, systems_of(merged), _rows_at_home(folder, settled))
    listed, lists = _references(folder, folder.inventory), _references(folder, merged)
    files: dict[str, str | None] = {}
    for name in sorted({*before, *after, *listed, *lists}):
        if (listed.get(name), before.get(name)) != (lists.get(name), after.get(name)):  # whatever else the file holds is written with it
            text = references_text(*lists[name]) if name in lists else ""
            files[name] = text + (systems_text(*after[name]) if name in after else "") or None
    return files


def _references(folder: Folder, inventory: Inventory) -> dict[str, tuple[list[Department], list[Room]]]:
    """Departments and rooms by the file they stand in; new ones go where others are."""
    homes = sorted({file for name, file in folder.files.items() if name.startswith(("departments:", "rooms:"))})
    target = homes[0] if homes else folder.references()
    found: dict[str, tuple[list[Department], list[Room]]] = {}
    for department in inventory.departments:
        found.setdefault(folder.files.get(f"departments:{department.id}", target), ([], []))[0].append(department)
    for room in inventory.rooms:
        found.setdefault(folder.files.get(f"rooms:{room.id}", target), ([], []))[1].append(room)
    return found


def _contents(
    folder: Folder, systems: Iterable[System], rows: Iterable[tuple[ExcludedRow, str]]
) -> dict[str, tuple[list[System], list[ExcludedRow]]]:
    contents: dict[str, tuple[list[System], list[ExcludedRow]]] = {}
    for system in sorted(systems, key=lambda s: s.id):
        home = folder.files.get(system.id) or folder.home(system.department)
        contents.setdefault(home, ([], []))[0].append(system)
    for row, home in sorted(rows, key=lambda one: (one[0].department, one[0].row_no or 0, one[0].answered)):
        contents.setdefault(home, ([], []))[1].append(row)
    return contents


def _rows_at_home(folder: Folder, settled: Settled) -> list[tuple[ExcludedRow, str]]:
    """Each classified row with its file: the one where a row of its department and number was, else its department's."""
    homes: dict[tuple[str, int | None], list[str]] = {}
    for row, _ in folder.tables.withheld:
        homes.setdefault((row.department, row.row_no), []).append(row.file)
    placed = []
    for row, _ in settled.tables.withheld:
        free = homes.get((row.department, row.row_no))
        placed.append((row.row, free.pop(0) if free else folder.home(row.department)))
    return placed
