"""Workbooks and csv files as grids of cells, within limits. What cannot be read is ``BadFile``."""

from __future__ import annotations

import csv
import io
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from orchestrator.inventory.sheets.archive import MAX_COLUMNS, MAX_ROWS, BadFile, column_of, survey
from orchestrator.texts import say

MAX_CSV = 64 * 2**20
MAX_FILLED = 200_000
"""Cells that merged ranges may fill in one sheet."""

Row = list[Any]


@dataclass
class Part:
    """The rows of a sheet that are one table's, where different tables stand below each other (see ``stacked``)."""

    begins_at: int = 0
    """Before it there are only blank rows, for those of other tables."""
    ends_at: int | None = None
    """The row at which another table begins, once that was met."""
    title: str = ""
    """The lone text right above it, where it stands below another table."""

    def holds(self, row: int) -> bool:
        return self.begins_at <= row and (self.ends_at is None or row < self.ends_at)


@dataclass
class Grid:
    """One sheet. Rows and columns count from 0."""

    name: str
    rows: Iterator[Row]
    """Every row from the first on, blank ones included."""
    merged: list[tuple[int, int, int, int]] = field(default_factory=list)
    """(first row, first column, last row, last column)"""
    formulas: dict[str, str] = field(default_factory=dict)
    comments: set[str] = field(default_factory=set)
    """Cells with a comment."""
    errors: set[str] = field(default_factory=set)
    hidden: bool = False
    pictures: int = 0
    """Pictures, text boxes and files on it, of which nothing is read."""
    form: str = ""
    """Whose header stands on its row ``header``, where somebody has said what its columns are."""
    header: int = 0
    kept: Mapping[int, frozenset[int]] = field(default_factory=dict)
    """Row of a header → its columns that somebody said are to be kept as they are."""
    part: Part = field(default_factory=Part)

    def kept_of(self, header: int) -> frozenset[int]:
        """Those of the table whose header ends with this row, or with one of units below it."""
        return next((self.kept[row] for row in (header, header - 1, header - 2) if row in self.kept), frozenset())


def is_zip(path: Path) -> bool:
    """Whether it is packed as workbooks are."""
    with path.open("rb") as file:
        return file.read(4) == b"PK\x03\x04"


def is_text(path: Path) -> bool:
    """Whether it is a text, and no page of a browser (tools that say .xls write either)."""
    with path.open("rb") as file:
        head = file.read(4096)
    is_wide = head.startswith((b"\xff\xfe", b"\xfe\xff"))
    begins = head.lstrip(b"\xef\xbb\xbf \r\n\t")[:1]
    return begins not in (b"", b"<") and not head.startswith((b"PK", b"\xd0\xcf\x11\xe0")) and (is_wide or b"\x00" not in head)


def address(row: int, column: int) -> str:
    """``A1`` for (0, 0)."""
    letters = ""
    column += 1
    while column:
        column, rest = divmod(column - 1, 26)
        letters = chr(65 + rest) + letters
    return f"{letters}{row + 1}"


def grids(path: Path) -> Iterator[Grid]:
    """The sheets of an xlsx, in order, hidden ones included. Raises ``BadFile``."""
    parts = survey(path)
    import python_calamine as calamine

    try:
        workbook = _open(path)
        for meta in workbook.sheets_metadata:
            part = parts.pop(meta.name, None)
            if meta.typ is not calamine.SheetTypeEnum.WorkSheet or part is None:
                continue
            if part.unplaced:
                raise BadFile("xlsx-unusual", say("inventory.cells_unplaced"), say("inventory.save_again"))
            sheet = workbook.get_sheet_by_name(meta.name)
            merged = [(*first, *last) for first, last in (sheet.merged_cell_ranges or [])[:MAX_FILLED]]
            hidden = meta.visible is not calamine.SheetVisibleEnum.Visible
            left = sheet.start[1] if sheet.start else 0
            links = _link_texts(part.formulas)
            yield Grid(meta.name, _rows(sheet, left, links), merged, part.formulas, part.comments, part.errors, hidden, part.pictures)
    except calamine.PasswordError:
        raise BadFile("xlsx-password", say("inventory.file_password"), say("inventory.save_without_password")) from None
    except (calamine.CalamineError, OSError, ValueError, OverflowError):
        raise BadFile(
            "xlsx-broken", say("inventory.workbook_damaged"), say("inventory.send_again")
        ) from None


def _open(path: Path) -> Any:
    """The workbook, told by its content where its name says otherwise, or is not in UTF-8 (an archive of a Chinese Windows unpacked here)."""
    import python_calamine as calamine

    if path.suffix.lower() in {".xlsx", ".xlsm"} and "\ufffd" not in os.fsencode(path).decode("utf-8", "replace"):
        return calamine.load_workbook(str(path))
    with path.open("rb") as file:
        return calamine.load_workbook(file)


_HYPERLINK = re.compile(r'\s*HYPERLINK\(\s*"[^"]*"\s*,\s*"((?:[^"]|"")*)"\s*\)\s*', re.IGNORECASE)
_CELL = re.compile(r"([A-Z]{1,3})(\d{1,7})")


def _link_texts(formulas: dict[str, str]) -> dict[int, dict[int, str]]:
    """Row → column → the text of ``=HYPERLINK("…","name")``: a name like any other, and no formula. Takes them out of ``formulas``."""
    links: dict[int, dict[int, str]] = {}
    for cell in list(formulas):
        link, at = _HYPERLINK.fullmatch(formulas[cell]), _CELL.fullmatch(cell)
        if link and at:
            del formulas[cell]
            links.setdefault(int(at[2]) - 1, {})[column_of(at[1].encode()) - 1] = link[1].replace('""', '"')
    return links


def _rows(sheet: Any, left: int, links: dict[int, dict[int, str]]) -> Iterator[Row]:
    if sheet.start is None:
        return
    for number, row in enumerate(sheet.iter_rows()):
        line = [None] * left + row if left else row
        if number in links:
            line = list(line)
            for column, text in links[number].items():
                line.extend([None] * (column + 1 - len(line)))
                line[column] = text
        yield line


def csv_grid(path: Path) -> Grid:
    """A csv file as one grid: UTF-8 (with or without BOM), UTF-16 with BOM, or GB18030; comma, semicolon, tab or bar. Raises ``BadFile``."""
    if path.stat().st_size > MAX_CSV:
        raise BadFile(
            "file-too-large", say("inventory.file_too_large", megabytes=MAX_CSV // 2**20), say("inventory.split_by_department")
        )
    data = path.read_bytes()
    if data.startswith((b"PK\x03\x04", b"\xd0\xcf\x11\xe0")):
        raise BadFile(
            "not-csv", say("inventory.csv_is_workbook"), say("inventory.rename_or_csv")
        )
    text = _text(data)
    return Grid("", _csv_rows(text, _delimiter(text)))


def _delimiter(text: str) -> str:
    """The one under which a header is found in the first lines, else the most frequent: cells may hold more of another, and bars of their own."""
    from orchestrator.inventory.forms import most_headers

    sample = text[:20_000]

    def headers(delimiter: str) -> int:
        rows = csv.reader(io.StringIO(sample, newline=""), delimiter=delimiter)
        try:
            return max((most_headers(row)[0] for _, row in zip(range(60), rows, strict=False)), default=0)
        except csv.Error:
            return 0

    return max(",;\t|", key=lambda one: (headers(one), one != "|", sample.count(one)))


def _text(data: bytes) -> str:
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        encodings: tuple[str, ...] = ("utf-16",)
    else:
        encodings = ("utf-8-sig", "gb18030")
    for encoding in encodings:
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\x00" not in text:
            return text
    raise BadFile(
        "bad-encoding", say("inventory.encoding_unknown"), say("inventory.save_utf8_csv")
    )


def _csv_rows(text: str, delimiter: str) -> Iterator[Row]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    began = 1
    try:
        for number, row in enumerate(reader):
            began = reader.line_num + 1
            if number >= MAX_ROWS or len(row) > MAX_COLUMNS:
                raise BadFile(
                    "sheet-too-large", say("inventory.too_many_rows_or_columns", rows=MAX_ROWS, columns=MAX_COLUMNS), say("inventory.split_file")
                )
            yield list(row)
    except csv.Error:  # a file that ends inside a quotation mark too: what stands behind the mark would be gone
        raise BadFile(
            "bad-csv", say("inventory.bad_csv", line=began),
            say("inventory.check_quotes_or_xlsx"),
        ) from None  # fmt: skip
