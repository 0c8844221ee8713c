"""Tables of other people's tools and surveys, recognised by their headers: shipped mappings, and a city's own in ``columns.yaml``.

A mapping is data: which header is which field, in which unit, what its words mean; and of lists of machines, by which of their columns they may
be grouped into systems. See ``mappings/rvtools.yaml`` for one of each kind of entry.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from dataclasses import field as default
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

from orchestrator.errors import Finding
from orchestrator.inventory.cells import folded, is_blank, plain, text_of
from orchestrator.inventory.forms import forms, whole_key
from orchestrator.inventory.sheets import Grid, Row
from orchestrator.inventory.yaml_in import Map, Seq, documents_of, read_yaml

FILE = "columns.yaml"
HEADER_WITHIN = 40
KINDS = ("systems", "machines", "pairs")


@dataclass(frozen=True)
class Foreign:
    """One column of such a table."""

    field: str
    headers: tuple[str, ...]
    unit: str = ""
    words: Mapping[str, str] = default(default_factory=dict)
    """Folded word → what it means, in the words of the form."""


@dataclass(frozen=True)
class Source:
    """One kind of table."""

    name: str
    about: str
    columns: tuple[Foreign, ...]
    known_by: tuple[tuple[str, ...], ...] = ()
    """Headers that must be there, each by one of its names."""
    sheets: tuple[str, ...] = ()
    ignore_other_sheets: bool = False
    keys: tuple[str, ...] = ()
    """Columns by which machines may be grouped into systems, the likeliest first."""
    virtual: bool | None = None

    def column(self, header: str) -> Foreign | None:
        words = whole_key(header)
        return next((column for column in self.columns if any(whole_key(name) == words for name in column.headers)), None)


@cache
def shipped() -> tuple[Source, ...]:
    folder = resources.files("orchestrator.inventory") / "mappings"
    files = sorted((file for file in folder.iterdir() if file.name.endswith(".yaml")), key=lambda file: file.name)
    return tuple(_source(documents_of(file.read_text("utf-8"), file.name)[0]) for file in files)


def read_columns(folders: Sequence[Path], findings: list[Finding]) -> tuple[Source, ...]:
    """A city's own mappings, before the shipped ones. One that cannot be used is a finding."""
    found: list[Source] = []
    for file in dict.fromkeys(folder / FILE for folder in folders):
        if not file.is_file():
            continue
        documents, wrong = read_yaml(file, file.name)
        findings.extend(wrong)
        for document in documents:
            entries = document.get("sources") if isinstance(document, Map) else None
            for entry in entries if isinstance(entries, Seq) else (document,):
                try:
                    found.append(_source(entry))
                except (KeyError, TypeError, AttributeError, ValueError) as wrong_entry:
                    findings.append(
                        Finding(
                            "mapping-unusable", "error", f"列映射无法使用 (this mapping cannot be used): {str(wrong_entry)[:100]}",
                            "按 docs/inventory.md 更正 (see docs/inventory.md)", file=file.name, cell=f"L{getattr(entry, 'line', 1)}",
                        )
                    )  # fmt: skip
    return (*found, *shipped())


def _source(entry: Any) -> Source:
    if entry["about"] not in KINDS:
        raise ValueError(f"about: {', '.join(KINDS)}")
    fields = {column.field for column in forms()["systems"].columns} | {"power", "template", "address", "disk_gb"}
    columns = []
    for column in entry["columns"]:
        if column["field"] not in fields:
            raise ValueError(f"field: {column['field']}")
        words = {folded(str(word)): str(value) for value, said in (column.get("words") or {}).items() for word in said}
        columns.append(Foreign(column["field"], tuple(map(str, column["headers"])), str(column.get("unit") or ""), words))
    known_by = tuple(tuple(map(str, names)) if isinstance(names, list) else (str(names),) for names in entry.get("known_by") or ())
    if entry["about"] != "pairs" and not known_by:
        raise ValueError("known_by")
    return Source(
        str(entry["name"]), entry["about"], tuple(columns), known_by, tuple(map(str, entry.get("sheets") or ())),
        bool(entry.get("ignore_other_sheets")), tuple(map(str, entry.get("keys") or ())), entry.get("virtual"),
    )  # fmt: skip


@dataclass
class Recognised:
    source: Source
    header: int
    columns: dict[int, Foreign]
    keys: dict[int, str]
    """Columns that machines may be grouped by → header."""


def recognise(sources: Iterable[Source], sheet: str, rows: Sequence[Row]) -> Recognised | None:
    """The first source that has all the headers it is known by in one of these rows."""
    for number, row in enumerate(rows):
        heads = {whole_key(text_of(cell)) for cell in row if isinstance(cell, str)} - {""}
        if len(heads) < 2:
            continue
        for source in sources:
            if source.about == "pairs" or (source.sheets and sheet and sheet not in source.sheets):
                continue
            if all(any(whole_key(name) in heads for name in names) for names in source.known_by):
                return _recognised(source, number, row)
    return None


def _recognised(source: Source, number: int, row: Row) -> Recognised:
    columns: dict[int, Foreign] = {}
    wanted = {whole_key(name): name for name in source.keys}
    keys: dict[int, str] = {}
    for index, cell in enumerate(row):
        column = source.column(text_of(cell))
        if column is not None and column.field not in {known.field for known in columns.values()}:
            columns[index] = column
        if whole_key(text_of(cell)) in wanted:
            keys[index] = text_of(cell)
    order = {whole_key(name): place for place, name in enumerate(source.keys)}
    return Recognised(source, number, columns, dict(sorted(keys.items(), key=lambda item: order[whole_key(item[1])])))


def ahead(grid: Grid) -> tuple[list[Row], Grid]:
    """The first rows, and the grid that still has them."""
    first = [row for _, row in zip(range(HEADER_WITHIN), grid.rows, strict=False)]
    return first, replace(grid, rows=_again(deque(first), grid.rows))


def _again(first: deque[Row], rest: Iterator[Row]) -> Iterator[Row]:
    while first:
        yield first.popleft()
    yield from rest


def in_our_words(grid: Grid, found: Recognised) -> Grid:
    """A list of systems under the headers of the form, its words in the form's: cells stay where they are."""
    return replace(grid, rows=_translated(grid.rows, found))


def _translated(rows: Iterator[Row], found: Recognised) -> Iterator[Row]:
    form = forms()["systems"]
    for number, row in enumerate(rows):
        if number < found.header:
            yield row
            continue
        line = list(row)
        for index, column in found.columns.items():
            if index >= len(line):
                continue
            if number == found.header:
                ours = form.column(column.field)
                line[index] = ours.zh + (f"({column.unit})" if column.unit else "")
            else:
                line[index] = said(column, line[index])
        yield line


def said(column: Foreign, cell: Any) -> Any:
    """A cell in the words of the form."""
    return cell if is_blank(cell) else column.words.get(folded(plain(cell)), cell)
