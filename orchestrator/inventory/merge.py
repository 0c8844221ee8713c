"""A new reading laid over an inventory folder: what changes, and the files that would hold it. Nothing is written here but by ``apply``."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from orchestrator.errors import Refused
from orchestrator.inventory import origins, personal
from orchestrator.inventory.load import INTERRUPTED, load
from orchestrator.inventory.reading import Reading
from orchestrator.inventory.write import REFERENCE_FILE, references_text, systems_text
from orchestrator.models import ExcludedRow, Inventory, System


@dataclass(frozen=True)
class Change:
    """One difference. ``what``: added, changed, removed. ``field`` empty: the whole system, department, room or row."""

    what: str
    kind: str
    id: str
    field: str = ""
    before: str = ""
    after: str = ""


@dataclass
class Import:
    """What an import would do: its changes, and the text of each file that changes (None: the file goes)."""

    reading: Reading
    changes: list[Change] = field(default_factory=list)
    files: dict[str, str | None] = field(default_factory=dict)


def prepare(paths: Sequence[Path], into: Path, *, partial: bool = False) -> Import:
    """Read ``paths`` and lay them over the folder ``into``. Raises ``Refused`` with every finding if either has errors.

    ``partial``: take what could be read in spite of errors; a row that could not is left out.
    """
    former = load([into]) if into.exists() else None
    if former and former.errors:
        raise Refused(f"现有台账有错误 (the inventory in {into.name} has errors)", findings=former.findings, where=str(into))
    known = former.inventory if former else Inventory()
    reading = load(paths, known=known)
    if reading.errors and not partial:
        raise Refused(
            "未导入：表中有错误 (not imported: the input has errors)", findings=reading.findings, where=", ".join(p.name for p in paths)
        )
    result = Import(reading)
    merged = _merge(known, reading.inventory, result.changes)
    result.files = _files(merged, former, into)
    _keep_origins(result, _systems(merged), into)
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


def _keep_origins(result: Import, systems: list[System], into: Path) -> None:
    file = into / origins.FILE
    before = file.read_text("utf-8", errors="replace") if file.is_file() else ""
    text = origins.origins_text(systems, result.reading, origins.read_origins(into))
    if text != before:
        result.files[origins.FILE] = text or None


def _merge(known: Inventory, new: Inventory, changes: list[Change]) -> Inventory:
    """The new reading wins wherever it says something; what it is silent about stays."""
    departments = {d.id: d for d in known.departments}
    rooms = {r.id: r for r in known.rooms}
    for department in new.departments:
        _compare("department", department.id, departments.get(department.id), department, changes)
        departments[department.id] = department
    for room in new.rooms:
        _compare("room", room.id, rooms.get(room.id), room, changes)
        rooms[room.id] = room
    systems: dict[str, System] = {s.id: s for s in _systems(known)}
    incoming = {s.id: s for s in _systems(new)}
    for ident, system in incoming.items():
        before = systems.get(ident)
        after = _laid_over(before, system) if before else system
        _compare("system", ident, before, after, changes)
        systems[ident] = after
    classified = _merge_classified(known, new, systems, set(incoming), changes)
    return Inventory(  # every system is written as itself; what leaves it out of the count is read again from its own words
        departments=tuple(sorted(departments.values(), key=lambda d: d.id)),
        rooms=tuple(sorted(rooms.values(), key=lambda r: r.id)),
        systems=tuple(sorted(systems.values(), key=lambda s: s.id)),
        excluded=tuple(classified),
    )


def _merge_classified(
    known: Inventory, new: Inventory, systems: dict[str, System], incoming: set[str], changes: list[Change]
) -> list[ExcludedRow]:
    """Classified rows by department and number. What turned out to be classified since loses its stored system; what was cleared loses its row."""
    before = [row for row in known.excluded if row.system is None]
    now = [row for row in new.excluded if row.system is None]
    answered = {(systems[ident].department, systems[ident].row_no) for ident in incoming if systems[ident].row_no is not None}
    heard = {row.department for row in now}
    kept: list[ExcludedRow] = []
    for row in before:
        again = row in now
        cleared = (row.department, row.row_no) in answered and not again
        if cleared:
            changes.append(Change("removed", "classified row", f"{row.department}/{row.row_no}"))
        elif not again and (row.row_no is not None or row.department not in heard):
            kept.append(row)
    for row in now:
        if row not in before:
            changes.append(Change("added", "classified row", f"{row.department}/{row.row_no or '-'}"))
        for ident, system in list(systems.items()):
            if row.row_no is not None and (system.department, system.row_no) == (row.department, row.row_no) and ident not in incoming:
                del systems[ident]
                changes.append(Change("removed", "system", ident, after="已列为涉密 (now classified)"))
    return kept + now


def _systems(inventory: Inventory) -> list[System]:
    return [*inventory.systems, *(row.system for row in inventory.excluded if row.system)]


def _laid_over(before: System, after: System) -> System:
    values: dict[str, Any] = {}
    for name, declared in System.model_fields.items():
        new = getattr(after, name)
        default = None if declared.is_required() else declared.get_default(call_default_factory=True)
        values[name] = getattr(before, name) if not declared.is_required() and new == default else new
    return System.model_validate(values)


def _compare(kind: str, ident: str, before: Any, after: Any, changes: list[Change]) -> None:
    if before is None:
        changes.append(Change("added", kind, ident, after=after.name))
        return
    for name in type(after).model_fields:
        old, new = getattr(before, name), getattr(after, name)
        if old != new:
            hidden = name in personal.FIELDS
            changes.append(Change("changed", kind, ident, name, "…" if hidden else _words(old), "…" if hidden else _words(new)))


def _words(value: Any) -> str:
    if isinstance(value, tuple):
        return f"[{len(value)}]" if value and not isinstance(value[0], str) else "、".join(value)
    return "" if value is None else str(value)


def _files(merged: Inventory, former: Reading | None, into: Path) -> dict[str, str | None]:
    """The files whose content changes. A system stays in the file it was in; a new one goes to its department's."""
    before = former.inventory if former else Inventory()
    homes: dict[str, str] = {ident: former.files.get(ident, "") for ident in former.files} if former else {}

    def spread(inventory: Inventory) -> dict[str, tuple[list[System], list[ExcludedRow]]]:
        contents: dict[str, tuple[list[System], list[ExcludedRow]]] = {}
        for system in sorted(_systems(inventory), key=lambda s: s.id):
            contents.setdefault(homes.get(system.id) or f"{system.department}.yaml", ([], []))[0].append(system)
        for row in sorted((row for row in inventory.excluded if row.system is None), key=lambda r: (r.department, r.row_no or 0)):
            home = homes.get(f"{row.department}/{row.row_no}") or f"{row.department}.yaml"
            contents.setdefault(home, ([], []))[1].append(row)
        return contents

    old, new = spread(before), spread(merged)
    files: dict[str, str | None] = {}
    for name in sorted({*old, *new}):
        if old.get(name) != new.get(name):
            files[name] = systems_text(*new[name]) if name in new else None
    references = {homes[name] for name in homes if name.startswith(("departments:", "rooms:"))} or {REFERENCE_FILE}
    if (before.departments, before.rooms) != (merged.departments, merged.rooms):
        target = sorted(references)[0]
        if len(references) > 1 or target in new:
            raise Refused(
                "单位名录分散在多个文件，无法更新 (departments and rooms are spread over several files)",
                where=str(into),
                remedy=f"合并到 {REFERENCE_FILE} 后重试 (put them into {REFERENCE_FILE} and try again)",
            )
        files[target] = references_text(merged)
    return files
