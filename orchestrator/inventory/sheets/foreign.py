"""Tables of other people's tools and surveys, recognised by their headers: shipped mappings, and a city's own in ``columns.yaml``.

A mapping is data: which header is which field, in which unit, what its words mean; and of lists of machines, by which of their columns they may
be grouped into systems. See ``mappings/rvtools.yaml`` for one of each kind of entry.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from dataclasses import field as default
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

from orchestrator.errors import Finding
from orchestrator.inventory.cells import folded, is_blank, plain
from orchestrator.inventory.forms import AS_IT_IS, columns_of, form_of, forms, match, part_forms, whole_key
from orchestrator.inventory.questions import digest
from orchestrator.inventory.reading import COLUMNS_FILE
from orchestrator.inventory.sheets.columns_answer import MACHINES, several
from orchestrator.inventory.sheets.grids import Grid, Row
from orchestrator.inventory.sheets.header_cells import HeaderCells, Merged, header_cells
from orchestrator.inventory.sheets.secrecy import denies
from orchestrator.inventory.yaml_in import Map, Seq, documents_of, read_yaml
from orchestrator.texts import say

_APPLICATION = re.compile(r"(?:business|owning)?(?:application|app|service|system)(?:name)?", re.IGNORECASE)
HEADER_WITHIN = 40
KINDS = ("systems", "machines", "pairs", "nothing")


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
    kept: tuple[str, ...] = ()
    """Headers that are no column of the form, whatever they look like."""
    table: str = ""
    """Of a table that somebody said is no inventory: what stands for all its headers (``headers_id``). Part of them may head another one."""

    @property
    def is_whole(self) -> bool:
        return self.about not in {"systems", *part_forms()} or any(column.field in {"name", "system"} for column in self.columns)

    def column(self, header: str) -> Foreign | None:
        """The column of a header, in the unit that the header says: another version of the tool may measure otherwise."""
        words = whole_key(header)
        exact = next((column for column in self.columns if any(whole_key(name) == words for name in column.headers)), None)
        if exact is not None:
            return exact
        stem, unit = without_unit(header)
        alike = next((column for column in self.columns if unit and any(without_unit(name)[0] == stem for name in column.headers)), None)
        return replace(alike, unit=unit) if alike is not None and alike.unit else None


_UNIT_AT_END = re.compile(r"^(.*?)[\s_]*[(（]?\s*(?:in\s+)?([KMGT])(?:i?B|io)\s*[)）]?$", re.IGNORECASE)


def without_unit(header: str) -> tuple[str, str]:
    """A header's key without the size's unit at its end, and that unit: ``Disk (MB)`` → ``disk``, ``MB``."""
    found = _UNIT_AT_END.match(header.strip())
    return (whole_key(found[1]), f"{found[2].upper()}B") if found and whole_key(found[1]) else (whole_key(header), "")


def headers_id(headers: Iterable[str]) -> str:
    """What stands for a table by all its headers, in any order."""
    return digest(*sorted({whole_key(words) for words in headers}))


@cache
def shipped() -> tuple[Source, ...]:
    folder = resources.files("orchestrator.inventory") / "mappings"
    files = sorted((file for file in folder.iterdir() if file.name.endswith(".yaml")), key=lambda file: file.name)
    return tuple(_source(documents_of(file.read_text("utf-8"), file.name)[0]) for file in files)


def read_columns(folders: Sequence[Path], findings: list[Finding]) -> tuple[Source, ...]:
    """A city's own mappings, before the shipped ones. One that cannot be used is a finding."""
    found: list[Source] = []
    for file in dict.fromkeys(folder / COLUMNS_FILE for folder in folders):
        if not file.is_file():
            continue
        documents, wrong = read_yaml(file, file.name)
        findings.extend(wrong)
        for document in documents:
            entries = document.get("sources") if isinstance(document, Map) else None
            for entry in entries if isinstance(entries, Seq) else (document,):
                try:
                    found.insert(0, _source(entry))  # what was said last holds
                except (KeyError, TypeError, AttributeError, ValueError) as wrong_entry:
                    findings.append(
                        Finding(
                            "mapping-unusable", "error", say("inventory.mapping_unusable", why=str(wrong_entry)[:100]),
                            say("inventory.correct_by_docs"), file=file.name, cell=f"L{getattr(entry, 'line', 1)}",
                        )
                    )  # fmt: skip
    return (*found, *shipped())


def _source(entry: Any) -> Source:
    kinds = (*KINDS, *part_forms())
    if entry["about"] not in kinds:
        raise ValueError(f"about: {', '.join(kinds)}")
    fields = set(columns_of(entry["about"])) | set(MACHINES) | {"template"}
    columns = []
    for column in entry["columns"]:
        if column["field"] not in fields:
            raise ValueError(f"field: {column['field']}")
        if column["field"] == "classified" and any(denies(str(name)) for name in column["headers"]):
            raise ValueError(f"classified: {', '.join(map(str, column['headers']))}")
        words = {folded(str(word)): str(value) for value, said in (column.get("words") or {}).items() for word in said}
        columns.append(Foreign(column["field"], tuple(map(str, column["headers"])), str(column.get("unit") or ""), words))
    known_by = tuple(tuple(map(str, names)) if isinstance(names, list) else (str(names),) for names in entry.get("known_by") or ())
    if entry["about"] != "pairs" and not known_by and not entry.get("table"):
        raise ValueError("known_by")
    return Source(
        str(entry["name"]), entry["about"], tuple(columns), known_by, tuple(map(str, entry.get("sheets") or ())),
        bool(entry.get("ignore_other_sheets")), tuple(map(str, entry.get("keys") or ())), entry.get("virtual"),
        tuple(map(str, entry.get("kept") or ())), str(entry.get("table") or ""),
    )  # fmt: skip


@dataclass
class Recognised:
    source: Source
    heads: HeaderCells
    columns: dict[int, Foreign]
    keys: dict[int, str]
    """Columns that machines may be grouped by → header."""

    @property
    def is_whole(self) -> bool:
        """Whether the table is what was said of it. Else it is one of the form, and some of its headers were said to be headers of the form."""
        return self.source.is_whole

    @property
    def header(self) -> int:
        """Its last row."""
        return self.heads.row


def recognise(sources: Iterable[Source], sheet: str, rows: Sequence[Row], merged: Merged = ()) -> Recognised | None:
    """The first source that has all the headers it is known by in one of these rows."""
    for number in range(len(rows)):
        cells = header_cells(rows, number, merged)
        heads = {whole_key(words) for words in cells.words.values()} - {""}
        if not heads:
            continue
        table = headers_id(cells.words.values())
        heads |= {without_unit(words)[0] for words in cells.words.values()}
        known = [source for source in sources if (source.table == table if source.table else _is_known(source, sheet, heads))]
        if known:
            return _recognised(known, cells)
    return None


def _is_known(source: Source, sheet: str, heads: Collection[str]) -> bool:
    if source.about == "pairs" or (source.sheets and sheet and sheet not in source.sheets):
        return False
    return all(any(whole_key(name) in heads or without_unit(name)[0] in heads for name in names) for names in source.known_by)


def _recognised(sources: Sequence[Source], cells: HeaderCells) -> Recognised:
    """By the first of them; others of its kind add the columns that it does not know."""
    first = sources[0]
    order = {whole_key(name): place for place, name in enumerate(first.keys)}
    columns: dict[int, Foreign] = {}
    for source in (source for source in sources if source.about == first.about):
        for index, words in cells.words.items():
            column = source.column(words)
            if column is None or index in columns:
                continue
            same = [known for known in columns.values() if known.field == column.field]
            if not same or (source is first and column.field in several(first.about) and column not in same):
                columns[index] = column
    keys = {index: words for index, words in cells.words.items() if whole_key(words) in order}
    of_systems = {index: words for index, words in cells.words.items() if index not in {*columns, *keys} and names_systems(words)}
    return Recognised(first, cells, columns, of_systems | dict(sorted(keys.items(), key=lambda item: order[whole_key(item[1])])))


def names_systems(words: str) -> bool:
    """Whether a column that a tool does not know (an attribute of somebody's own) says whose a machine is: 业务系统."""
    column = match(forms()["systems"], words)
    return bool(_APPLICATION.fullmatch(whole_key(words))) or (column is not None and column.field == "name")


def ahead(grid: Grid) -> tuple[list[Row], Grid]:
    """The first rows, and the grid that still has them."""
    first = [row for _, row in zip(range(grid.part.begins_at + HEADER_WITHIN), grid.rows, strict=False)]
    return first, replace(grid, rows=_again(deque(first), grid.rows))


def _again(first: deque[Row], rest: Iterator[Row]) -> Iterator[Row]:
    while first:
        yield first.popleft()
    yield from rest


def in_our_words(grid: Grid, found: Recognised) -> Grid:
    """A list of systems, or a technical sheet, under the headers of its form, its words in the form's: cells stay where they are."""
    first = found.header - found.heads.rows + 1
    merged = [span for span in grid.merged if span[2] < first or span[0] > found.header]
    form = form_of(found.source.about).id
    return replace(grid, rows=_translated(grid.rows, found, first), merged=merged, form=form, header=found.header, kept={found.header: _kept(found)})


def with_known_headers(grid: Grid, sources: Iterable[Source]) -> Grid:
    """The tables of a form with those of their headers that somebody has said, each table by what was said of it."""
    further = [source for source in sources if not source.is_whole]
    words = {whole_key(name) for source in further for names in source.known_by for name in names}
    kept: dict[int, frozenset[int]] = {}
    return replace(grid, rows=_with_known_headers(grid, further, words, kept), kept=kept)


def _with_known_headers(grid: Grid, sources: Sequence[Source], words: Collection[str], kept: dict[int, frozenset[int]]) -> Iterator[Row]:
    for number, row in enumerate(grid.rows):
        is_perhaps = any(isinstance(cell, str) and whole_key(cell) in words for cell in row)
        found = recognise(sources, grid.name, [row]) if is_perhaps else None
        if found is not None:
            kept[number] = _kept(found)
        yield row if found is None else _header(found)


def _kept(found: Recognised) -> frozenset[int]:
    said = {whole_key(words) for words in found.source.kept}
    return frozenset(index for index, words in found.heads.words.items() if whole_key(words) in said)


def _translated(rows: Iterator[Row], found: Recognised, first: int) -> Iterator[Row]:
    for number, row in enumerate(rows):
        if number < first:
            yield row
        elif number < found.header:
            yield []  # the groups above: their words are in the header's own
        elif number == found.header:
            yield _header(found)
        else:
            line = list(row)
            for index, column in found.columns.items():
                if index < len(line):
                    line[index] = said(column, line[index])
            yield line


def _header(found: Recognised) -> Row:
    """The header in the form's words; columns that somebody said are none of the form's look like none, but for one on classification and 序号:
    a number that is missing there is a row that is missing."""
    form, columns = form_of(found.source.about), columns_of(found.source.about)
    answers = columns["classified"]
    kept = {whole_key(words) for words in found.source.kept}
    line: Row = [None] * (max(found.heads.words) + 1)
    for index, words in found.heads.words.items():
        column = found.columns.get(index)
        if column is not None:
            line[index] = columns[column.field].zh + (f"({column.unit})" if column.unit else "")
        elif (meant := match(forms()["systems"], found.heads.own.get(index, words))) is answers or (meant and meant.field == "row_no"):
            line[index] = found.heads.own.get(index, words)
        else:
            line[index] = f"{words}{AS_IT_IS}" if whole_key(words) in kept and match(form, words) else words
    return line


def said(column: Foreign, cell: Any) -> Any:
    """A cell in the words of the form."""
    return cell if is_blank(cell) else column.words.get(folded(plain(cell)), cell)
