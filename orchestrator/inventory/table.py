"""A grid as an office made it → which form it is, where its header stands, what each column means, and which rows are data."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from orchestrator.inventory.forms import Column, Form, forms, match, unit_of, whole_key
from orchestrator.inventory.sheets import MAX_FILLED, Grid, Row
from orchestrator.inventory.values import is_blank, plain, text_of

HEADER_WITHIN = 40
_TOTAL = re.compile(r"^(合计|总计|小计|共计|累计|total|sum|subtotal)(?:[::\s].*)?$", re.IGNORECASE)
_NOTE = re.compile(
    r"^(注|备注|说明|填表说明|填报说明|填表人|填报人|制表人|审核人|审核|单位负责人|负责人签字|联系电话|填表日期|填报日期|日期|note|remark)s?\s*(\d*\s*[::.、]|$)",
    re.IGNORECASE,
)
_EXAMPLE = re.compile(r"^\s*[((\[【]?\s*(示例|样例|例|Example)\s*[))\]】::]", re.IGNORECASE)
_OWNER = re.compile(r"(?:填报单位|单位名称|填报部门|单位|部门)(?:\s*\((?:盖章|公章|签章)\))?\s*[::]\s*(\S{2,60})")


@dataclass
class Table:
    """The recognised part of a grid."""

    form: Form
    header: int
    """Last row of the header."""
    columns: dict[int, Column]
    units: dict[int, str]
    unknown: dict[int, str]
    """Columns that no header list knows, by their words."""
    repeated: list[tuple[int, Column]] = field(default_factory=list)
    owner: str = ""
    """填报单位 of a title row."""
    owner_at: tuple[int, int] = (0, 0)


class Merges:
    """Values of merged cells: the value holds for every row it spans (and, in a header, every column)."""

    def __init__(self, merged: list[tuple[int, int, int, int]]) -> None:
        self.starts: dict[int, list[tuple[int, int, int, int]]] = {}
        budget = MAX_FILLED
        for top, left, bottom, right in merged:
            budget -= bottom - top + 1
            if budget >= 0 and bottom >= top and right >= left:
                self.starts.setdefault(top, []).append((top, left, bottom, right))
        self.open: list[tuple[int, int, object]] = []
        """(last row, column, value)"""

    def down(self, number: int, row: Row) -> tuple[Row, set[int]]:
        """The row with what merged cells above put into it, and the columns so filled. Call once a row, in order."""
        filled: set[int] = set()
        self.open = [entry for entry in self.open if entry[0] >= number]
        if not self.open and number not in self.starts:
            return row, filled
        row = list(row)
        for _, column, value in self.open:
            row.extend([None] * (column + 1 - len(row)))
            row[column] = value
            filled.add(column)
        for _, left, bottom, _right in self.starts.get(number, []):
            if bottom > number and left < len(row):
                self.open.append((bottom, left, row[left]))
        return row, filled

    def across(self, number: int, row: Row) -> Row:
        """A header row with its horizontally merged cells repeated."""
        row = list(row)
        for _, left, _, right in self.starts.get(number, []):
            if left < len(row):
                last = min(right, left + 200)
                row.extend([None] * (last + 1 - len(row)))
                for column in range(left, last + 1):
                    row[column] = row[left]
        return row


def recognise(grid: Grid) -> tuple[Table | None, Iterator[tuple[int, Row, set[int]]], bool]:
    """The table of a grid, its rows after the header (number, cells, columns filled from merged cells), and whether anything stood on the sheet."""
    merges = Merges(grid.merged)
    head: list[tuple[Row, set[int]]] = []
    across: list[Row] = []
    for number, row in enumerate(grid.rows):
        head.append(merges.down(number, row))
        across.append(merges.across(number, head[-1][0]))
        if len(head) >= HEADER_WITHIN:
            break
    table = _best(grid, across)
    if table is None:
        return None, iter(()), any(not is_blank(cell) for row, _ in head for cell in row)
    _find_owner(table, across)
    first = table.header + 1

    def rest() -> Iterator[tuple[int, Row, set[int]]]:
        for number in range(first, len(head)):
            yield number, *head[number]
        for number, row in enumerate(grid.rows, start=len(head)):
            yield number, *merges.down(number, row)

    return table, rest(), True


def _best(grid: Grid, rows: list[Row]) -> Table | None:
    best: tuple[float, Table] | None = None
    named = whole_key(grid.name)
    for number, row in enumerate(rows):
        if sum(not is_blank(cell) for cell in row) < 2:
            continue
        for form in forms().values():
            single = _columns(form, row, None, number)
            score = _score(form, single, named)
            if score and (best is None or score > best[0]):
                best = (score, single)
            if number + 1 < len(rows):
                double = _columns(form, rows[number + 1], row, number + 1)
                above = _columns(form, rows[number + 1], None, number + 1)
                score = _score(form, double, named)
                if score and len(double.columns) > max(len(single.columns), len(above.columns)) and (best is None or score > best[0]):
                    best = (score, double)
    return best[1] if best else None


def _score(form: Form, table: Table, named: str) -> float:
    fields = {column.field for column in table.columns.values()}
    if len(fields) < 3 or not fields & {"name", "path", "peer", "days"}:
        return 0.0
    if form.id not in {"systems", "departments", "rooms"} and "system" not in fields:
        return 0.0
    return len(fields) + (1.5 if named in form.sheets else 0.0) - 0.2 * len(table.unknown)


def _columns(form: Form, row: Row, above: Row | None, number: int) -> Table:
    table = Table(form, number, {}, {}, {})
    for index in range(max(len(row), len(above or ()))):
        low = text_of(row[index]) if index < len(row) else ""
        high = text_of(above[index]) if above is not None and index < len(above) else ""
        if len(low) > 80 or len(high) > 80:
            continue
        words = [high + low, low, high if not low or low == high else ""] if high and low != high else [low]
        column, header = next(((found, word) for word in words if word and (found := match(form, word))), (None, low or high))
        if column is None:
            if header:
                table.unknown[index] = f"{high} {low}".strip() if high != low else low
        elif any(known.field == column.field for known in table.columns.values()):
            table.repeated.append((index, column))
        else:
            table.columns[index] = column
            table.units[index] = unit_of(low) or unit_of(high)
    return table


def _find_owner(table: Table, rows: list[Row]) -> None:
    for number, row in enumerate(rows[: table.header]):
        for index, cell in enumerate(row):
            found = _OWNER.search(plain(cell)) if isinstance(cell, str) and len(cell) < 300 else None
            if found:
                table.owner, table.owner_at = found.group(1), (number, index)
                return


def kind_of_row(table: Table, row: Row, filled: set[int]) -> str:
    """``blank``, ``total``, ``note``, ``header`` (repeated), ``example``, ``odd`` (too little to be anyone's row) or ``data``."""
    if row.count("") + row.count(None) == len(row):
        return "blank"  # at once: sheets end in a hundred thousand of these
    own = [index for index, cell in enumerate(row) if index not in filled and not is_blank(cell)]
    if not [index for index in own if index not in table.columns or table.columns[index].field != "row_no"]:
        return "blank"  # numbered ahead, not filled in
    first = plain(row[own[0]])
    if len(first) < 40 and _TOTAL.match(first.replace(" ", "")):
        return "total"
    fields = {column.field: index for index, column in table.columns.items()}
    if _NOTE.match(first) and fields.get("name") not in own and fields.get("department") not in own:
        return "note"  # before anything else: a line of signatures has words under every column
    if any(isinstance(row[index], str) and _EXAMPLE.match(row[index]) for index in own):
        return "example"
    told = [index for index in own if index in table.columns]
    answer = fields.get("classified")
    if answer is not None and answer in own and len(own) > 1:
        return "header" if _repeats(table, row) else "data"
    if _repeats(table, row):
        return "header"
    name = fields.get("name", fields.get("system"))
    if name is not None and name in own and len(own) > 1:
        return "data"
    if len(told) >= 3:
        return "data"
    if len(own) == 1 and len(first) > 15:
        return "note"
    return "odd"


def _repeats(table: Table, row: Row) -> bool:
    """The header printed again on the next page."""
    name = next((index for index, column in table.columns.items() if column.field in {"name", "system"}), None)
    if name is not None and name < len(row) and not match(table.form, text_of(row[name])):
        return False
    said = [index for index in table.columns if index < len(row) and isinstance(row[index], str) and row[index]]
    same = [index for index in said if match(table.form, row[index]) is table.columns[index]]
    return len(same) >= 3 and len(same) * 2 > len(said)
