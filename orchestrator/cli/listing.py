"""Printing for people: columns that line up with Chinese text, and nothing that a terminal would obey."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from orchestrator.cli.output import writes_unicode
from orchestrator.texts import Name

if TYPE_CHECKING:
    from orchestrator.errors import Finding


SEVERITIES = {"error": Name("错误", "error"), "warning": Name("警告", "warning")}


def severity_of(finding: Finding) -> Name:
    """How bad it is, in words."""
    return SEVERITIES[finding.severity]


def safe(text: object) -> str:
    """A text from outside without control characters: no escape sequence reaches the terminal."""
    return "".join(char if char.isprintable() or char == "\n" else "\ufffd" for char in str(text))


def width(text: str) -> int:
    """Columns that a text takes on a terminal."""
    return sum(2 if unicodedata.east_asian_width(char) in "WF" else 0 if unicodedata.combining(char) else 1 for char in text)


def padded(text: str, columns: int) -> str:
    """The text, and blanks up to so many columns of a terminal."""
    return text + " " * max(0, columns - width(text))


def table(headers: Sequence[object], rows: Sequence[Sequence[object]]) -> None:
    """Print rows under headers. The last column is not padded."""
    cells = [[safe(cell).replace("\n", " ") for cell in row] for row in (headers, *rows)]
    widths = [max(width(row[number]) for row in cells) for number in range(len(headers))]
    for row in cells:
        shown = [padded(cell, widths[number]) for number, cell in enumerate(row[:-1])]
        click.echo("  ".join([*shown, row[-1]]).rstrip())


def as_json(value: Any) -> None:
    """Print one JSON document: readable where the terminal has the characters, escaped where it has not."""
    click.echo(json.dumps(value, ensure_ascii=not writes_unicode(), indent=1, default=str))
