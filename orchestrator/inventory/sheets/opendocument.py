"""The sheets of an OpenDocument spreadsheet (``.ods``: LibreOffice, and WPS when asked for it), within the same limits as an xlsx.

Read as a stream: an empty row that is repeated a million times costs nothing, one with content counts as often as it is repeated.
"""

from __future__ import annotations

import datetime as dt
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any
from xml.parsers import expat

from orchestrator.inventory.sheets.archive import BROKEN, MAX_CELLS, MAX_COLUMNS, MAX_ENTRIES, MAX_FILE, MAX_ROWS, MAX_TOTAL, BadFile
from orchestrator.inventory.sheets.grids import MAX_FILLED, Grid, Row, address
from orchestrator.texts import say

CONTENT = "content.xml"
_CHUNK = 2**16
_MAX_TEXT = 32_767
_MAX_DEPTH = 60


def opendocument_grids(path: Path) -> Iterator[Grid]:
    """The sheets, in order, hidden ones included. Raises ``BadFile``."""
    if path.stat().st_size > MAX_FILE:
        raise BadFile("file-too-large", say("inventory.file_too_large", megabytes=MAX_FILE // 2**20), say("inventory.split_by_department"))
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
            if CONTENT not in archive.namelist():
                raise BadFile("not-ods", say("inventory.not_ods"), say("inventory.save_as_xlsx_plain"))
            if len(entries) > MAX_ENTRIES or archive.getinfo(CONTENT).file_size > MAX_TOTAL:
                raise _too_much()
            with archive.open(CONTENT) as part:
                yield from _sheets(part)
    except (*BROKEN, expat.ExpatError):
        raise BadFile(
            "ods-broken", say("inventory.file_damaged_or_password"), say("inventory.export_again_or_xlsx")
        ) from None


def _sheets(part: IO[bytes]) -> Iterator[Grid]:
    reader = _Reader()
    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.CharacterDataHandler = reader.text
    parser.StartDoctypeDeclHandler = _refuse
    size = 0
    while chunk := part.read(_CHUNK):
        size += len(chunk)
        if size > MAX_TOTAL:
            raise _too_much()
        parser.Parse(chunk)
        yield from reader.take()
    parser.Parse(b"", True)
    yield from reader.take()


def _too_much() -> BadFile:
    return BadFile("ods-bomb", say("inventory.unpacks_too_large"), say("inventory.remove_surplus"))


def _refuse(*_: object) -> None:
    raise _too_much()  # no office program writes a document type: without it there are no entities to expand


class _Reader:
    """Follows the elements of ``content.xml``."""

    def __init__(self) -> None:
        self._done: list[Grid] = []
        self._grid = Grid("", iter(()))  # what lies outside of any table
        self._hidden: set[str] = set()
        self._style = ""
        self._depth = self._note = 0
        """``_note``: within how many annotations: their words are nobody's answer."""
        self._cell: dict[str, str] | None = None
        self._texts: list[str] = []
        self._starts: dict[str, Callable[[dict[str, str]], None]] = {
            "style:style": self._named, "style:table-properties": self._displayed, "table:table": self._begin, "table:table-row": self._row,
            "table:table-cell": self._open, "table:covered-table-cell": self._open, "office:annotation": self._annotate, "text:p": self._paragraph,
            "text:line-break": self._paragraph, "draw:image": self._picture, "draw:text-box": self._picture, "draw:object": self._picture,
        }  # fmt: skip
        self._ends: dict[str, Callable[[], None]] = {
            "table:table": self._finish, "table:table-row": self._close_row, "table:table-cell": self._close, "table:covered-table-cell": self._close,
            "office:annotation": self._annotated,
        }  # fmt: skip

    def take(self) -> Iterator[Grid]:
        while self._done:
            yield self._done.pop(0)

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            raise _too_much()
        if tag in self._starts:
            self._starts[tag](attributes)

    def end(self, tag: str) -> None:
        self._depth -= 1
        if tag in self._ends:
            self._ends[tag]()

    def text(self, data: str) -> None:
        if self._cell is not None and not self._note and self._texts:
            self._texts[-1] += data

    # ------------------------------------------------------------ styles and sheets

    def _named(self, attributes: dict[str, str]) -> None:
        self._style = attributes.get("style:name", "")

    def _displayed(self, attributes: dict[str, str]) -> None:
        if attributes.get("table:display") == "false":
            self._hidden.add(self._style)

    def _begin(self, attributes: dict[str, str]) -> None:
        self._grid = Grid(attributes.get("table:name", ""), iter(()), hidden=attributes.get("table:style-name", "") in self._hidden)
        self._rows: list[Row] = []
        self._blank = self._cells = self._filled = 0

    def _picture(self, _attributes: dict[str, str]) -> None:
        self._grid.pictures += 1

    def _finish(self) -> None:
        self._grid.rows = iter(self._rows)
        self._done.append(self._grid)

    # ------------------------------------------------------------ rows and cells

    def _row(self, attributes: dict[str, str]) -> None:
        self._line: Row = []
        self._repeated = _number(attributes, "table:number-rows-repeated")
        self._gap = 0

    def _close_row(self) -> None:
        if not self._line:
            self._blank += self._repeated
            return
        if len(self._rows) + self._blank + self._repeated > MAX_ROWS:
            raise BadFile("sheet-too-large", say("inventory.too_many_rows", rows=MAX_ROWS), say("inventory.split_file"))
        self._rows += [[] for _ in range(self._blank)]
        self._blank = 0
        self._cells += len(self._line) * self._repeated
        if self._cells > MAX_CELLS:
            raise BadFile("sheet-too-large", say("inventory.too_many_cells"), say("inventory.split_file"))
        self._rows += [self._line, *(list(self._line) for _ in range(self._repeated - 1))]

    def _open(self, attributes: dict[str, str]) -> None:
        self._cell, self._texts = attributes, []

    def _annotate(self, _attributes: dict[str, str]) -> None:
        self._note += 1
        self._grid.comments.add(address(len(self._rows) + self._blank, len(self._line) + self._gap))

    def _annotated(self) -> None:
        self._note -= 1

    def _paragraph(self, _attributes: dict[str, str]) -> None:
        if self._cell is not None and not self._note:
            self._texts.append("")

    def _close(self) -> None:
        attributes = self._cell or {}
        self._cell = None
        value = _value(attributes, "\n".join(self._texts)[:_MAX_TEXT])
        repeated = _number(attributes, "table:number-columns-repeated")
        column, row = len(self._line) + self._gap, len(self._rows) + self._blank
        across, down = _number(attributes, "table:number-columns-spanned"), _number(attributes, "table:number-rows-spanned")
        if (across > 1 or down > 1) and self._filled < MAX_FILLED:
            self._filled += down
            self._grid.merged.append((row, column, row + down - 1, column + across - 1))
        if value is None:
            self._gap += repeated
            return
        if column + repeated > MAX_COLUMNS:
            raise BadFile("sheet-too-large", say("inventory.too_many_columns", columns=MAX_COLUMNS), say("inventory.split_file"))
        self._line += [None] * self._gap + [value] * repeated
        self._gap = 0
        if "table:formula" in attributes:
            self._grid.formulas[address(row, column)] = ""  # its syntax is another: it may look at any row


def _number(attributes: dict[str, str], name: str) -> int:
    said = attributes.get(name, "1")
    return max(1, min(int(said), 2**31)) if said.isdigit() else 1


def _value(attributes: dict[str, str], text: str) -> Any:
    """As the reader of xlsx gives it: numbers, dates, yes and no, texts; None for an empty cell."""
    kind = attributes.get("office:value-type", "")
    if kind in {"float", "percentage", "currency"}:
        return float(attributes.get("office:value", "nan")) if attributes.get("office:value") else None
    if kind == "date":
        said = attributes.get("office:date-value", "")
        return dt.datetime.fromisoformat(said) if said else None
    if kind == "boolean":
        return attributes.get("office:boolean-value") == "true"
    return text or None
