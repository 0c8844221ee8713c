"""Which cell of a department's form each imported value came from: ``origins.tsv``, kept by import beside the YAML.

One line a system and sheet: the system, ``file › sheet``, the row, and each field's column with a digest of the value. A value that no longer
has its digest was edited since: its place is the YAML file's again. Nothing personal is listed.

One line a table and department, for the next import (see ``resent``): a digest of the table's name, the ids that came from it, and the numbers
of its classified rows, with a question mark for those that are not answered.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from pydantic_core import to_jsonable_python

from orchestrator.inventory import personal
from orchestrator.inventory.reading import Placed, Reading, Withheld
from orchestrator.models import System

FILE = "origins.tsv"
MAX_BYTES = 128 * 2**20
"""A larger file is not ours and is passed over."""
_FIELDS = set(System.model_fields) - personal.FIELDS
_TABLE = "#table"
_KEY = re.compile(r"[0-9a-f]{12}(\.[0-9]+)?")
_ENTRY = re.compile(r"([a-z_]+)=([A-Z]{1,3}):([0-9a-f]{8})")
_CELL = re.compile(r"(.*) › ([A-Z]{1,3})([0-9]{1,7})", re.DOTALL)

Origins = Mapping[str, list[str]]
"""System id → its lines."""


@dataclass(frozen=True)
class Stored:
    """What the folder knows of the sheets that its systems (id → key) and its classified and unanswered rows came from."""

    systems: Mapping[str, str] = field(default_factory=dict)
    withheld: Sequence[tuple[Withheld, str]] = ()


def read_origins(folder: Path) -> Origins:
    """What an earlier import kept in ``folder``; empty when there is nothing, or nothing that can be read."""
    file = folder / FILE
    found: dict[str, list[str]] = {}
    if file.is_file() and file.stat().st_size <= MAX_BYTES:
        for line in file.read_text("utf-8", errors="replace").split("\n"):
            found.setdefault(line.partition("\t")[0], []).append(line)
    return found


def read_tables(folder: Path, rows: Iterable[Withheld]) -> Stored:
    """The tables that an earlier import kept in ``folder``, with the table of each of ``rows``, the folder's classified ones."""
    systems: dict[str, str] = {}
    numbers: dict[tuple[str, str], list[str]] = {}
    for line in read_origins(folder).get("", ()):
        parts = line.split("\t")
        if len(parts) == 6 and parts[1] == _TABLE and _KEY.fullmatch(parts[2]):
            systems.update(dict.fromkeys(parts[4].split(), parts[2]))
            for number in parts[5].split():
                numbers.setdefault((parts[3], number), []).append(parts[2])
    at: dict[int, str] = {}
    rows = list(rows)
    for same in (_number, _other_number):  # a row may have been answered by hand since
        for place, row in enumerate(rows):
            keys = numbers.get((row.department, same(row))) if place not in at else None
            if keys:
                at[place] = keys.pop(0)
    return Stored(systems, [(row, at.get(place, "")) for place, row in enumerate(rows)])


def tables_text(tables: Stored, department_of: Mapping[str, str]) -> str:
    """The lines of all tables that have a key."""
    lines: dict[tuple[str, str], tuple[list[str], list[str]]] = {}
    for ident, at in tables.systems.items():
        lines.setdefault((department_of[ident], at), ([], []))[0].append(ident)
    for row, at in tables.withheld:
        lines.setdefault((row.department, at), ([], []))[1].append(_number(row))
    return "".join(
        "\t".join(("", _TABLE, at, department, " ".join(sorted(ids)), " ".join(sorted(rows)))) + "\n"
        for (department, at), (ids, rows) in sorted(lines.items())
        if at
    )


def _number(row: Withheld) -> str:
    return ("-" if row.row_no is None else str(row.row_no)) + ("" if row.answered else "?")


def _other_number(row: Withheld) -> str:
    return _number(replace(row, answered=not row.answered))


def with_origins(reading: Reading, origins: Origins) -> Reading:
    """The reading of YAML with the cells of the forms as the places of what came from them."""
    places = {
        system.id: _Places(reading.places[system.id], system, origins[system.id]) if system.id in origins else reading.places[system.id]
        for system in reading.all_systems()
        if system.id in reading.places
    }
    return replace(reading, places=places)


def origins_text(systems: Iterable[System], reading: Reading, former: Origins) -> str:
    """The file for these systems: cells of the forms just read, and former ones of values that are still the same."""
    read = {system.id: system for system in reading.all_systems() if not reading.from_yaml(system.id)}
    lines: list[str] = []
    for system in sorted(systems, key=lambda system: system.id):
        places = dict(_cells(system, former.get(system.id, ())))
        if system.id in read:
            said = reading.places[system.id]
            places |= {name: said[name] for name in said if name in _FIELDS and getattr(read[system.id], name) == getattr(system, name)}
        rows: dict[tuple[str, int], list[str]] = {}
        for name, place in places.items():
            match = _CELL.fullmatch(place)
            if match:
                where = "".join(char if char.isprintable() else "\ufffd" for char in match.group(1))
                rows.setdefault((where, int(match.group(3))), []).append(f"{name}={match.group(2)}:{_digest(getattr(system, name))}")
        lines += ["\t".join((system.id, where, str(row), " ".join(sorted(entries)))) for (where, row), entries in sorted(rows.items())]
    return "".join(f"{line}\n" for line in lines)


class _Places(Placed):
    """Field → place of one system: the form's cell while the value is the one that stood there, else the YAML file's line."""

    def __init__(self, lines: Placed, system: System, origins: list[str]) -> None:
        self._lines, self._system, self._origins = lines, system, origins

    @cached_property
    def _of_form(self) -> Mapping[str, str]:
        return _cells(self._system, self._origins)

    def __getitem__(self, name: str) -> str:
        return self._of_form.get(name) or self._lines[name]

    def locate(self, *path: str | int) -> tuple[str, str, str]:
        return self._lines.locate(*path)

    def called(self, kind: str) -> list[str]:
        return self._lines.called(kind)

    def __iter__(self) -> Iterator[str]:
        return iter(dict.fromkeys([*self._lines, *self._of_form]))

    def __len__(self) -> int:
        return sum(1 for _ in self)


def _cells(system: System, lines: Iterable[str]) -> Mapping[str, str]:
    """Field → cell, of those values that are still what stood there."""
    found: dict[str, str] = {}
    for parts in (line.split("\t") for line in lines):
        for match in map(_ENTRY.fullmatch, parts[3].split(" ") if len(parts) == 4 else ()):
            if match and match.group(1) in _FIELDS and _digest(getattr(system, match.group(1))) == match.group(3):
                found[match.group(1)] = f"{parts[1]} › {match.group(2)}{parts[2]}"
    return found


def _digest(value: Any) -> str:
    text = json.dumps(to_jsonable_python(value, exclude_none=True), ensure_ascii=False, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:8]
