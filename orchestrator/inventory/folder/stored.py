"""An inventory folder before an import: what it holds, where, and which file names are free."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from orchestrator.errors import Finding, Refused, UsageError
from orchestrator.inventory.folder import origins
from orchestrator.inventory.folder.asking_again import Said
from orchestrator.inventory.folder.write import REFERENCE_FILE, RESERVED
from orchestrator.inventory.load import load
from orchestrator.inventory.names import NOBODY
from orchestrator.inventory.reading import YAML_SUFFIXES, systems_of
from orchestrator.models import Inventory, System
from orchestrator.texts import say


@dataclass
class Folder:
    """An inventory folder as it is. ``files``: as in ``Reading``."""

    path: Path
    inventory: Inventory
    files: dict[str, str]
    tables: origins.Stored

    @classmethod
    def read(cls, path: Path) -> Folder:
        if not path.exists():
            return cls(path, Inventory(), {}, origins.Stored())
        former = load([path])
        if former.errors:
            raise Refused(say("inventory.stored_errors", folder=path.name), findings=former.findings, where=str(path))
        forms = sorted({file for file in former.sources if not file.lower().endswith(YAML_SUFFIXES)})
        if forms:
            raise Refused(
                say("inventory.import_into_forms"),
                findings=[
                    Finding(
                        "form-in-folder", "error", say("inventory.form_in_folder"),
                        say("inventory.move_form_away"), file=form,
                    )
                    for form in forms
                ],
                where=str(path),
            )  # fmt: skip
        return cls(path, former.inventory, dict(former.files), origins.read_tables(path, former.withheld))

    @cached_property
    def systems(self) -> dict[str, System]:
        return {system.id: system for system in systems_of(self.inventory)}

    def know(self, said: Said, incoming: Iterable[str]) -> None:
        """Raises ``UsageError`` for an id that is not here. ``incoming``: departments that are read, of which rows may be said to be no system here."""
        departments = {NOBODY, *(system.department for system in self.systems.values()), *incoming}
        renamed = said.rename.keys() - {department.id for department in self.inventory.departments}
        for ident in [*said.remove, *renamed, *(one for one in said.keep if one not in departments)]:
            if ident not in self.systems:
                raise UsageError(
                    say("inventory.not_stored", id=ident),
                    where=str(self.path),
                    remedy=say("inventory.show_lists_ids"),
                )

    def home(self, department: str) -> str:
        """A file for a department that has none: never one with another use, nor one that is there and was not read as inventory."""
        if department not in self._homes:
            self._homes[department] = next(
                name for name in _names(f"{department}.yaml", "systems") if name not in RESERVED and self._free(name)
            )
        return self._homes[department]

    def references(self) -> str:
        """The same for departments and rooms."""
        return next(name for name in _names(REFERENCE_FILE, "list") if self._free(name))

    def _free(self, name: str) -> bool:
        return name in self._ours or not (self.path / name).exists()

    @cached_property
    def _ours(self) -> set[str]:
        return {*self.files.values(), *(row.file for row, _ in self.tables.withheld)}

    @cached_property
    def _homes(self) -> dict[str, str]:
        return {}


def _names(name: str, further: str) -> Iterator[str]:
    """``water.yaml``, ``water-systems.yaml``, ``water-systems-2.yaml`` …"""
    stem = name.removesuffix(".yaml")
    yield name
    yield f"{stem}-{further}.yaml"
    for number in itertools.count(2):
        yield f"{stem}-{further}-{number}.yaml"
