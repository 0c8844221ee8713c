"""Columns of a table that may ask whether a row is classified, and nobody has said so (see ``secrecy``)."""

from __future__ import annotations

from collections.abc import Collection

from orchestrator.inventory.sheets.header import Line, Table
from orchestrator.inventory.sheets.secrecy import is_open, speaks_of_classification


def open_columns(table: Table, kept: Collection[int]) -> set[int]:
    """``kept``: what somebody said is none of the form's. That settles it, unless it may deny, and nothing else in the table asks."""
    is_asked = any(column.field == "classified" for column in table.columns.values())
    return {index for index, words in table.unknown.items() if is_open(words, kept=index in kept) and not (is_asked and index in kept)}


def hinting_columns(table: Table) -> set[int]:
    """Columns of another field whose header speaks of secrets: 备注（涉密请注明）."""
    return {index for index, words in table.typed.items() if index not in table.classified and speaks_of_classification(words)}


def ends_the_header(table: Table, line: Line, asking: Collection[int]) -> bool:
    """Whether a row is no more than the words of the question, below a group that was read as it: they head no section."""
    own = line.own()
    return line.number == table.header + 1 and len(own) == 1 and own[0] in asking and speaks_of_classification(str(line.cells[own[0]]))
