"""Look over an xlsx before any library opens it: what it is, how much it unpacks to, and how far its cells reach.

Spreadsheet readers allocate the rectangle that cells span, so one cell in the far corner costs as much as a full sheet. Everything here
streams: memory stays within a few megabytes whatever the file says of itself.
"""

from __future__ import annotations

import functools
import html
import re
import struct
import zipfile
import zlib
from dataclasses import dataclass, field
from pathlib import Path

from orchestrator.inventory.sheets.comments import BadComments, comments_in
from orchestrator.texts import Words, say

MAX_FILE = 64 * 2**20
MAX_TOTAL = 400 * 2**20
MAX_TEXTS = 100 * 2**20
"""Unpacked size of the shared texts: they stay in memory."""
MAX_ENTRIES = 2000
MAX_RATIO = 200
RATIO_FROM = 32 * 2**20
MAX_ROWS = 120_000
MAX_COLUMNS = 400
MAX_CELLS = 5_000_000
MAX_COMMENTS = 16 * 2**20
"""Unpacked size of all comments."""
MAX_DRAWING = 4 * 2**20
"""Of each sheet's drawing as much is looked at."""
_CHUNK = 2**20

_CELL = re.compile(
    rb"<(?:\w+:)?c\s(?:[^>]*?\s)?r\s*=\s*[\"']([A-Z]{1,3})([0-9]{1,7})[\"'][^>]*(?<!/)>(\s*<(?:\w+:)?f[\s>/])?|(<(?:\w+:)?c(?:\s[^>]*)?(?<!/)>)"
)
_FORMULA = re.compile(
    rb"<(?:\w+:)?c\s(?:[^>]*?\s)?r\s*=\s*[\"']([A-Z]{1,3}[0-9]{1,7})[\"'][^>]*(?<!/)>\s*<(?:\w+:)?f(?:\s[^>]*)?(?<!/)>([^<]{1,2000})<"
)
_ERROR = re.compile(rb"<(?:\w+:)?c\s(?=[^>]*?\bt\s*=\s*[\"']e[\"'])[^>]*?\br\s*=\s*[\"']([A-Z]{1,3}[0-9]{1,7})[\"']")
_CLOSED = re.compile(rb"</(?:\w+:)?(?:worksheet|sst)\s*>\s*(?:<!--[^<]*-->\s*)?$|<(?:\w+:)?sst[^<>]*/>\s*$")
_SHAPE, _DRAWN_TEXT = re.compile(rb"<(?:\w+:)?sp[\s>]"), re.compile(rb"<(?:\w+:)?t>[^<]")
_SHEET = re.compile(r"<(?:\w+:)?sheet\s([^>]*)>")
_RELATION = re.compile(r"<(?:\w+:)?Relationship\s([^>]*)>")
_ATTRIBUTE = re.compile(r"([\w:]+)\s*=\s*(?:\"([^\"]*)\"|'([^']*)')")

BROKEN = (
    zipfile.BadZipFile, zlib.error, struct.error, EOFError, NotImplementedError, OSError, ValueError, OverflowError, RuntimeError, LookupError,
)  # fmt: skip
"""What Python's zipfile raises for an archive that is truncated, damaged, encrypted or packed in a way it does not know."""



class BadFile(Exception):
    """The file cannot be taken. Carries a finding's code, words and remedy."""

    def __init__(self, code: str, says: Words, mend: Words) -> None:
        super().__init__(says)
        self.code, self.says, self.mend = code, says, mend


@dataclass
class Part:
    """What was seen of one sheet without reading its values."""

    rows: int = 0
    columns: int = 0
    unplaced: bool = False
    """Cells without an address were seen (legal, rare): their reach is not known."""
    formulas: dict[str, str] = field(default_factory=dict)
    """Cells with a formula → its text, as far as the cell itself says it."""
    comments: set[str] = field(default_factory=set)
    """Cells with a comment."""
    errors: set[str] = field(default_factory=set)
    """Cells that hold an error value (``#N/A``): the reader library gives them as empty."""
    pictures: int = 0
    """Pictures, text boxes and files within: nobody reads what stands in them."""


def survey(path: Path) -> dict[str, Part]:
    """Sheet name → what its part holds. Raises ``BadFile`` for anything that is no harmless xlsx."""
    if path.stat().st_size > MAX_FILE:
        raise BadFile(
            "file-too-large", say("inventory.file_too_large", megabytes=MAX_FILE // 2**20), say("inventory.split_by_department")
        )
    _kind(path)
    try:
        with zipfile.ZipFile(path) as archive:
            return _survey(archive)
    except BROKEN:
        raise _damaged() from None


def _damaged() -> BadFile:
    return BadFile("xlsx-broken", say("inventory.file_damaged"), say("inventory.send_again"))


def _kind(path: Path) -> None:
    with path.open("rb") as file:
        head = file.read(8)
        if head.startswith(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"):
            held = file.read()  # all of it: the names of what it holds may stand at the very end
            if "EncryptedPackage".encode("utf-16-le") in held:
                raise BadFile("xlsx-password", say("inventory.file_password"), say("inventory.save_without_password"))
            if any(name.encode("utf-16-le") in held for name in ("Workbook", "Book")):
                raise BadFile("xls-old", say("inventory.xls_old"), say("inventory.save_as_xlsx"))
            raise _damaged()
    if not head.startswith(b"PK"):
        raise BadFile("not-xlsx", say("inventory.not_xlsx"), say("inventory.save_as_xlsx"))


def _survey(archive: zipfile.ZipFile) -> dict[str, Part]:
    entries = archive.infolist()
    if len(entries) > MAX_ENTRIES or len({entry.filename for entry in entries}) != len(entries):
        raise BadFile("xlsx-bomb", say("inventory.archive_entries"), say("inventory.export_again"))
    if any(entry.flag_bits & 1 for entry in entries):
        raise BadFile("xlsx-password", say("inventory.archive_password"), say("inventory.save_without_password"))
    if "xl/workbook.xml" not in archive.namelist():
        raise BadFile("not-xlsx", say("inventory.not_xlsx"), say("inventory.save_as_xlsx"))
    total = 0
    parts: dict[str, Part] = {}
    for entry in entries:
        name = entry.filename
        part = Part() if name.startswith("xl/worksheets/") and name.endswith(".xml") else None
        limit = MAX_TEXTS if name == "xl/sharedStrings.xml" else MAX_TOTAL
        size = _stream(archive, entry, part, min(limit, MAX_TOTAL - total))
        total += size
        if part is not None:
            parts[name] = part
    return _by_sheet(archive, parts)


def _stream(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, part: Part | None, limit: int) -> int:
    """Unpack one entry piece by piece, looking at the pieces. Returns its size."""
    size, carry, tail = 0, b"", b""
    with archive.open(entry) as stream:
        while True:
            chunk = stream.read(_CHUNK)
            if not chunk:
                break
            if not size and part is not None and chunk.lstrip(b"\xef\xbb\xbf \r\n\t")[:1] not in (b"<", b""):
                raise BadFile("xlsx-encoding", say("inventory.sheet_encoding"), say("inventory.save_again"))
            size += len(chunk)
            tail = (tail + chunk)[-200:]
            if size > limit or (size > RATIO_FROM and size > MAX_RATIO * max(entry.compress_size, 1)):
                raise BadFile(
                    "xlsx-bomb",
                    say("inventory.unpacks_bomb"),
                    say("inventory.remove_surplus"),
                )
            if part is None:
                continue
            text = carry + chunk
            if len(carry) > 4 * _CHUNK:
                raise BadFile("xlsx-broken", say("inventory.strange_content"), say("inventory.save_again"))
            until = max(len(text) - 4096, 0)
            cut = max(text.rfind(b"</c>", 0, until), text.rfind(b":c>", 0, until) - 1)  # never between a cell and its formula
            cut = cut if cut > 0 else max(text.rfind(b"<", 0, until), 0)
            _look(text[:cut], part)
            carry = text[cut:]
    if part is not None and carry:
        _look(carry, part)
    if (part is not None or entry.filename == "xl/sharedStrings.xml") and not _CLOSED.search(tail):
        raise BadFile("xlsx-broken", say("inventory.workbook_cut_off"), say("inventory.send_again"))
    return size


def _look(text: bytes, part: Part) -> None:
    columns, rows = part.columns, part.rows
    for letters, digits, formula, unplaced in _CELL.findall(text):
        if unplaced:
            part.unplaced = True
            continue
        row = int(digits)
        rows = max(rows, row)
        column = column_of(letters)
        columns = max(columns, column)
        if formula and len(part.formulas) < 100_000:
            part.formulas.setdefault((letters + digits).decode(), "")
    if b"<f" in text or b":f" in text:
        for cell, formula in _FORMULA.findall(text):
            if cell.decode() in part.formulas:
                part.formulas[cell.decode()] = html.unescape(formula.decode("utf-8", "replace"))
    if b't="e"' in text or b"t='e'" in text:
        part.errors.update(found.decode() for found in _ERROR.findall(text)[:100_000])
    part.columns, part.rows = columns, rows
    if rows > MAX_ROWS or columns > MAX_COLUMNS or rows * columns > MAX_CELLS:
        raise BadFile(
            "sheet-too-large",
            say("inventory.sheet_reaches", rows=rows, columns=columns),
            say("inventory.remove_far_off"),
        )


@functools.cache
def column_of(letters: bytes) -> int:
    """1 for ``A``."""
    return functools.reduce(lambda number, letter: number * 26 + letter - 64, letters, 0)


def _by_sheet(archive: zipfile.ZipFile, parts: dict[str, Part]) -> dict[str, Part]:
    """Each part belongs to the first sheet that names it: what is written once is read once."""
    targets = {ident: target for ident, _, target in _relations(archive, "xl/_rels/workbook.xml.rels", "xl")}
    workbook = archive.read("xl/workbook.xml")[: 8 * 2**20].decode("utf-8", "replace")
    found: dict[str, Part] = {}
    claimed: dict[str, int] = {}
    for match in _SHEET.finditer(workbook):
        attributes = {key: a or b for key, a, b in _ATTRIBUTE.findall(match.group(1))}
        ident = next((value for key, value in attributes.items() if key.endswith(":id")), "")
        part = parts.pop(targets.get(ident, ""), None)
        if part is None or "name" not in attributes:
            continue
        part.comments = _comments(archive, targets[ident], claimed)
        part.pictures = _pictures(archive, targets[ident]) + sum("DISPIMG(" in formula for formula in part.formulas.values())
        found.setdefault(_unescape(attributes["name"]), part)
    return found


def _comments(archive: zipfile.ZipFile, sheet: str, claimed: dict[str, int]) -> set[str]:
    """Cells of one sheet with a comment. ``claimed``: size of each part with comments that was read before."""
    related = _relations_of(archive, sheet)
    names = set(archive.namelist())
    found: set[str] = set()
    try:
        for _, kind, target in related:
            if kind.endswith(("/comments", "/threadedComment")) and target in names and target not in claimed:
                claimed[target] = archive.getinfo(target).file_size
                if sum(claimed.values()) > MAX_COMMENTS:
                    raise BadFile("xlsx-bomb", say("inventory.comments_too_large"), say("inventory.delete_comments"))
                with archive.open(target) as stream:
                    found |= comments_in(stream)
    except BadComments:
        raise BadFile(
            "xlsx-broken", say("inventory.comments_damaged"), say("inventory.delete_comments")
        ) from None
    return found


def _pictures(archive: zipfile.ZipFile, sheet: str) -> int:
    """How many pictures, text boxes and files of other programs lie on one sheet."""
    names, count = set(archive.namelist()), 0
    for _, kind, target in _relations_of(archive, sheet):
        count += kind.endswith(("/oleObject", "/package"))
        if not kind.endswith("/drawing") or target not in names:
            continue
        count += sum(kind.endswith("/image") for _, kind, _ in _relations_of(archive, target))
        with archive.open(target) as stream:
            drawn = stream.read(MAX_DRAWING)
        if _DRAWN_TEXT.search(drawn):
            count += len(_SHAPE.findall(drawn))
    return count


def _relations_of(archive: zipfile.ZipFile, part: str) -> list[tuple[str, str, str]]:
    """The relations of one part of the archive."""
    folder, _, file = part.rpartition("/")
    return _relations(archive, f"{folder}/_rels/{file}.rels", folder)


def _relations(archive: zipfile.ZipFile, name: str, folder: str) -> list[tuple[str, str, str]]:
    """(id, type, path in the archive) of each relation."""
    if name not in archive.namelist():
        return []
    text = archive.read(name)[: 4 * 2**20].decode("utf-8", "replace")
    found = []
    for match in _RELATION.finditer(text):
        attributes = {key: a or b for key, a, b in _ATTRIBUTE.findall(match.group(1))}
        target = attributes.get("Target", "")
        steps: list[str] = [] if target.startswith("/") else folder.split("/")
        for step in target.lstrip("/").split("/"):
            if step == "..":
                steps = steps[:-1]
            elif step != ".":
                steps.append(step)
        found.append((attributes.get("Id", ""), attributes.get("Type", ""), "/".join(steps)))
    return found


def _unescape(text: str) -> str:
    for mark, letter in (("&lt;", "<"), ("&gt;", ">"), ("&quot;", '"'), ("&apos;", "'"), ("&amp;", "&")):
        text = text.replace(mark, letter)
    return text
