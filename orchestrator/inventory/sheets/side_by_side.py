"""Tables that stand side by side on one sheet: the same headers again, further to the right, or others that name systems too. Each is read as a sheet of its own, its cells
staying where they are."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from orchestrator.inventory import cells
from orchestrator.inventory.forms import forms, header_key, match, most_headers
from orchestrator.inventory.sheets.archive import column_of
from orchestrator.inventory.sheets.grids import Grid, Row, address

_FEWEST = 3
"""Headers that a table has at least."""


@dataclass(frozen=True)
class _Span:
    """Columns of one table: from ``first`` up to, without, ``end``."""

    first: int
    end: int | None

    def holds(self, column: int) -> bool:
        return self.first <= column and (self.end is None or column < self.end)

    def of(self, addresses: Iterable[str]) -> set[str]:
        return {at for at in addresses if self.holds(column_of(at.rstrip("0123456789").encode()) - 1)}


def split_grid(grid: Grid, first: Sequence[Row]) -> Iterator[Grid]:
    """The sheet as it is, or each of its tables. A formula there gives nothing: what it looks at may be a classified row of the other table."""
    found = ((number, row) for number, row in enumerate(first) if most_headers(map(cells.text_of, row))[0] >= _FEWEST)
    above, header = next(found, (0, []))  # below another one it is a table of that
    spans = _spans(header)
    if not spans:
        yield grid
        return
    rows = list(grid.rows)
    for span in spans:
        formulas = {at: grid.formulas[at] for at in span.of(grid.formulas)}
        yield replace(
            grid, rows=_only(rows, span, formulas, 0 if _has_a_title(rows[:above], span) else above), merged=[range_ for range_ in grid.merged if span.holds(range_[1])], formulas=formulas,
            comments=span.of(grid.comments), errors=span.of(grid.errors),
        )  # fmt: skip


def _has_a_title(rows: Sequence[Row], span: _Span) -> bool:
    """Whether something stands above this table; else what stands above another one is the sheet's."""
    return any(span.holds(column) and not cells.is_blank(cell) for row in rows for column, cell in enumerate(row))


def _only(rows: Sequence[Row], span: _Span, formulas: Iterable[str], whole: int) -> Iterator[Row]:
    """``whole``: so many rows are the sheet's."""
    known = set(formulas)
    for number, row in enumerate(rows):
        line = [cell if span.holds(column) or number < whole else None for column, cell in enumerate(row)]
        yield [None if cell is not None and address(number, column) in known else cell for column, cell in enumerate(line)] if known else line


def _spans(row: Row) -> list[_Span]:
    """The tables whose header this row is, where it has the same headers several times, one table after the other."""
    heads = [(column, header_key(cells.text_of(cell))) for column, cell in enumerate(row) if isinstance(cell, str) and not cells.is_blank(cell)]
    if apart := _apart(row):
        return apart
    starts = [at for at, (_, words) in enumerate(heads) if words == heads[0][1]]
    if len(starts) < 2 or len(heads) % len(starts) or len(heads) < _FEWEST * len(starts):
        return []
    size = len(heads) // len(starts)
    tables = [[words for _, words in heads[at : at + size]] for at in range(0, len(heads), size)]
    if any(table != tables[0] for table in tables) or len(set(tables[0])) < size or most_headers(tables[0])[0] < _FEWEST:
        return []
    columns = [heads[at][0] for at in range(0, len(heads), size)]
    return [_Span(first if number else 0, end) for number, (first, end) in enumerate(zip(columns, [*columns[1:], None], strict=True))]


def _apart(row: Row) -> list[_Span]:
    """The tables of a header with blank columns between them, where each names systems and asks of them: no table names its systems twice."""
    runs: list[tuple[int, list[str]]] = []
    before = -2
    for column, cell in enumerate(row):
        if cells.is_blank(cell):
            continue
        if column != before + 1:
            runs.append((column, []))
        runs[-1][1].append(cells.text_of(cell))
        before = column
    form = forms()["systems"]
    for _, words in runs:
        fields = {known.field for word in words if (known := match(form, word)) is not None}
        if len(fields) < _FEWEST or "name" not in fields or not fields & {"classified", "kind", "status", "department"}:
            return []
    firsts = [first for first, _ in runs]
    return [_Span(first if number else 0, end) for number, (first, end) in enumerate(zip(firsts, [*firsts[1:], None], strict=True))] if len(runs) > 1 else []
