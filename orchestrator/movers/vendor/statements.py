"""The statements that the vendor's own client runs: the list of tables, then counts and sums of each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from orchestrator.movers.vendor.dialects import BINARIES, FLOATS, NUMBERS, TEXTS, Dialect

MEASURES = 12
"""A line holds no more of them: some databases join no more than 4,000 bytes."""


@dataclass(frozen=True)
class Column:
    name: str
    type: str
    scale: int | None = None


@dataclass(frozen=True)
class Table:
    schema: str
    name: str
    columns: tuple[Column, ...]

    @property
    def title(self) -> str:
        return f"{self.schema}.{self.name}" if self.schema else self.name

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, row: dict[str, Any]) -> Table:
        return cls(row["schema"], row["name"], tuple(Column(**column) for column in row["columns"]))


@dataclass(frozen=True)
class Measure:
    """What is asked of one column."""

    column: str
    what: str
    """``sum``, ``length`` (sum of lengths) or ``filled`` (rows that are not null)."""
    expression: str


def measures(dialect: Dialect, table: Table) -> list[Measure]:
    """One for each column that can be asked. Sums of floating numbers hang on the order of rows: those are counted only."""
    found = []
    for column in table.columns:
        word, name = column.type.strip().casefold(), dialect.quote(column.name)
        if word in dialect.unreadable:
            continue
        if FLOATS.match(word):
            found.append(Measure(column.name, "filled", dialect.filled.format(name)))
        elif NUMBERS.match(word):
            found.append(Measure(column.name, "sum", dialect.number.format(name, scale=min(column.scale or 0, 12))))
        elif TEXTS.match(word):
            found.append(Measure(column.name, "length", dialect.text.format(name)))
        elif BINARIES.match(word) and dialect.binary:
            found.append(Measure(column.name, "length", dialect.binary.format(name)))
        else:
            found.append(Measure(column.name, "filled", dialect.filled.format(name)))
    return found


def lines_of(dialect: Dialect, table: Table) -> list[list[Measure]]:
    """The measures of a table by output line; a table always has one."""
    every = measures(dialect, table)
    return [every[at : at + MEASURES] for at in range(0, len(every), MEASURES)] or [[]]


def list_statement(dialect: Dialect, nonce: str) -> str:
    """What lists tables and columns. Empty where a person lists them."""
    if not dialect.catalogue:
        return ""
    parts = [_line(dialect, "BEGIN", nonce), dialect.catalogue + dialect.ending, _line(dialect, "END", nonce)]
    return "\n".join([dialect.preamble, *parts, ""])


def count_statement(dialect: Dialect, tables: Sequence[Table], nonce: str) -> str:
    """Counts and sums of every table. ``nonce`` stands in its output: that of another run, or of the other side, is told apart."""
    return "\n".join([dialect.preamble, *_counting(dialect, tables, nonce), ""])


def _counting(dialect: Dialect, tables: Sequence[Table], nonce: str) -> Iterator[str]:
    yield _line(dialect, "BEGIN", nonce)
    if dialect.server:
        yield f"SELECT {dialect.joined([_text('ORCH|SERVER|'), dialect.server, _text('|.')])}{dialect.dual}{dialect.ending}"
    rows = 0
    for number, table in enumerate(tables, start=1):
        place = ".".join(dialect.quote(part) for part in (table.schema, table.name) if part)
        for part, asked in enumerate(lines_of(dialect, table), start=1):
            values = [_text(f"ORCH|ROW|{number}|{part}|"), dialect.count]
            for measure in asked:
                values += [_text("|"), measure.expression]
            yield f"SELECT {dialect.joined([*values, _text('|.')])}\nFROM {place}{dialect.ending}"
            rows += 1
    yield _line(dialect, "END", f"{nonce}|{rows}")


def _line(dialect: Dialect, word: str, rest: str) -> str:
    return f"SELECT {_text(f'ORCH|{word}|{rest}|.')}{dialect.dual}{dialect.ending}"


def _text(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
