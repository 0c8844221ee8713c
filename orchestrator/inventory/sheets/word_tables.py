"""The tables of a Word document (``.docx``), each as a grid: forms of label and value are often filled in there."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from orchestrator.inventory.sheets.archive import BROKEN, MAX_COLUMNS, MAX_ENTRIES, MAX_FILE, MAX_ROWS, BadFile
from orchestrator.inventory.sheets.grids import Grid, Row
from orchestrator.texts import say

MAX_DOCUMENT = 64 * 2**20
"""Unpacked: a document is kept whole in memory."""
MAX_TABLES = 2000


def word_grids(path: Path) -> Iterator[Grid]:
    """Tables in order, without those within another's cells. Raises ``BadFile``."""
    _survey(path)
    from docx import Document

    try:
        document = Document(str(path))
        tables = document.tables[:MAX_TABLES]
        pictures = sum(relation.reltype.endswith("/image") for relation in document.part.rels.values())
    except (KeyError, ValueError, OSError, SyntaxError):  # lxml's syntax error is one too
        raise _damaged() from None
    for number, table in enumerate(tables, start=1):
        rows, merged = _rows(table)
        yield Grid(f"表{number}", iter(rows), merged, pictures=pictures if number == 1 else 0)


def _survey(path: Path) -> None:
    if path.stat().st_size > MAX_FILE:
        raise BadFile("file-too-large", say("inventory.file_too_large", megabytes=MAX_FILE // 2**20), say("inventory.split_files"))
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
            if "word/document.xml" not in archive.namelist():
                raise BadFile("not-docx", say("inventory.not_docx"), say("inventory.save_as_docx"))
            if len(entries) > MAX_ENTRIES:
                raise _too_much()
            total = 0
            for entry in (entry for entry in entries if entry.filename.endswith((".xml", ".rels"))):
                with archive.open(entry) as part:
                    while chunk := part.read(2**20):
                        total += len(chunk)
                        if total > MAX_DOCUMENT:
                            raise _too_much()
    except BROKEN:
        raise _damaged() from None


def _too_much() -> BadFile:
    return BadFile("docx-bomb", say("inventory.unpacks_too_large"), say("inventory.remove_surplus"))


def _damaged() -> BadFile:
    return BadFile("docx-broken", say("inventory.file_damaged_or_password"), say("inventory.save_docx_again"))


def _rows(table: Any) -> tuple[list[Row], list[tuple[int, int, int, int]]]:
    """Texts by column of the table's grid, and merged cells. A cell's lines are its paragraphs."""
    rows: list[Row] = []
    merged: list[tuple[int, int, int, int]] = []
    open_at: dict[int, int] = {}
    """Column → place in ``merged`` of the cell that goes on downwards."""
    for number, tr in enumerate(table._tbl.tr_lst[:MAX_ROWS]):
        line: Row = []
        for tc in tr.tc_lst:
            column, span = len(line), max(1, tc.grid_span)
            if column + span > MAX_COLUMNS:
                raise BadFile("sheet-too-large", say("inventory.too_many_columns", columns=MAX_COLUMNS), say("inventory.split_file"))
            if tc.vMerge == "continue" and column in open_at:
                top, left, _, right = merged[open_at[column]]
                merged[open_at[column]] = (top, left, number, right)
                line += [None] * span
                continue
            open_at.pop(column, None)
            if span > 1 or tc.vMerge == "restart":
                merged.append((number, column, number, column + span - 1))
                if tc.vMerge == "restart":
                    open_at[column] = len(merged) - 1
            text = "\n".join(filter(None, ("".join(run.text or "" for run in p.iter("{*}t")) for p in tc.p_lst)))
            line += [text or None, *[None] * (span - 1)]
        rows.append(line)
    return rows, merged
