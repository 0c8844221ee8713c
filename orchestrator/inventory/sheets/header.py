"""Rows of a sheet → the header that begins there: which form it is, what each column means and in which unit."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

from orchestrator.inventory.cells import is_blank, plain, text_of
from orchestrator.inventory.forms import AS_IT_IS, Column, Form, forms, group_key, in_group, match, most_headers, whole_key
from orchestrator.inventory.sheets.grids import Row
from orchestrator.inventory.sheets.secrecy import is_open
from orchestrator.inventory.units import header_unit, is_unit, known_units, unit_said

_BRACKETS = re.compile(r"[(（].*?[)）]")
_NO_GROUP = re.compile(r"[::]|\d{4}年")
_ASKS = re.compile(r"是否|有无|是/否|[(（]是/否[)）]")
_GROUPS_OF_A_SYSTEM = {"status", "classified", "protection_grade"}
"""Columns whose own headers may stand over several: 状态 over 建设状态 and 上线时间."""
_NAMED_ABOVE = {"row_no", "department", "name", "system"}
"""Columns that no third row of a header has: it stands below groups."""
_DATABASES = re.compile(r"数据库(?!系统|平台)|database")
_LONGEST = 80
_KEY_FIELDS = {"name", "path", "peer", "days"}
_DEFAULT_FORMS = {"systems", "departments", "rooms"}
_REFERENCES = {"departments", "rooms"}


@dataclass
class Line:
    """One row of a sheet."""

    number: int
    cells: Row
    """With what merged cells above put into it."""
    filled: set[int] = field(default_factory=set)
    """Columns that merged cells above filled."""
    origins: dict[int, int] = field(default_factory=dict)
    """Column → the row on which the merged cell that filled it begins."""
    across: Row = field(default_factory=list)
    """With horizontally merged cells repeated: how a header is read."""

    def own(self) -> list[int]:
        """Columns in which something stands that is the row's own."""
        return self._own

    @cached_property
    def _own(self) -> list[int]:
        return [index for index, cell in enumerate(self.cells) if index not in self.filled and not is_blank(cell)]

    @cached_property
    def looks_like_header(self) -> bool:
        """Whether at least three cells are headers of one form, and they are what the row is made of, or name its system and its answer."""
        words = [text for index in self.own() if isinstance(self.cells[index], str) and (text := text_of(self.cells[index]))]
        if len(words) < 3:
            return False
        hits, form = most_headers(words)
        if hits < 3:
            return False
        fields = {column.field for word in words if (column := match(forms()[form], word))}
        return hits * 2 > len(words) or ("name" in fields and bool(fields & {"classified", "department", "kind"}))


@dataclass
class Table:
    """A header, understood."""

    form: Form
    header: int
    """Last row of the header."""
    columns: dict[int, Column] = field(default_factory=dict)
    units: dict[int, str | None] = field(default_factory=dict)
    """None: the header says a unit that is none of this column."""
    unknown: dict[int, str] = field(default_factory=dict)
    """Columns that no header list knows, by their words."""
    typed: dict[int, str] = field(default_factory=dict)
    """Headers of known columns, as they stand."""
    repeated: list[tuple[int, Column]] = field(default_factory=list)
    joined: list[tuple[int, Column]] = field(default_factory=list)
    """Columns that complete another one: 数据库版本 beside 数据库类型."""
    classified: list[int] = field(default_factory=list)
    """Every column that answers 是否涉密, on a technical sheet too."""
    number_at: int | None = None
    """Of a technical sheet, 序号: it tells nothing of a thing."""
    title_units: set[str] = field(default_factory=set)
    """计量单位 of a title row."""
    title: str = ""
    """What stands in the rows above the header."""
    headed: str = ""
    """The department that a title row names, where what stands above the header is no more than this table's."""
    owner: str = ""
    """填报单位 of a title row."""
    owner_at: tuple[int, int] = (0, 0)

    def __post_init__(self) -> None:
        self.by_field: dict[str, int] = {}

    def settle(self) -> Table:
        self.by_field = {column.field: index for index, column in self.columns.items()}
        return self

    @property
    def name_at(self) -> int | None:
        """The column that names the thing: the system's name, or whose row it is."""
        return self.by_field.get("name" if self.form.id in _DEFAULT_FORMS else "system")

    def says_the_same(self, other: Table) -> bool:
        """The same columns in the same order and units, under the same 填报单位: the header printed again on the next page."""
        mine, its = ((t.form.id, t.columns, t.units, t.unknown, t.repeated, t.joined, t.classified, t.owner) for t in (self, other))
        return mine == its


def looks_like_groups(line: Line) -> bool:
    """Whether a row may be the groups above a header: words of groups and headers, and no number. A system's row is none."""
    own = line.own()
    if not all(isinstance(line.cells[index], str) for index in own):
        return False
    words = {text_of(line.cells[index]) for index in own}
    for form in forms().values():
        known = sum(group_key(word) in form.groups or match(form, word) is not None for word in words)
        if known >= 2 and known * 2 >= len(words):
            return True
    return False


def may_begin(lines: Sequence[Line]) -> bool:
    """Whether a header of a form may begin with the first of these lines, below another one: it looks like one, or like the groups above one."""
    return lines[0].looks_like_header or (len(lines) > 1 and lines[1].looks_like_header and looks_like_groups(lines[0]))


def table_at(lines: Sequence[Line], sheet: str, said: str = "") -> Table | None:
    """The header that begins with the first of these lines: of one row, of two or of three. None when none does. ``said``: the form
    that somebody said it is of, however few of its columns stand there."""
    named = whole_key(sheet)
    first, rest = lines[0], lines[1:]
    if most_headers(text_of(cell) for line in lines[:3] for cell in line.across if isinstance(cell, str))[0] < (1 if said else 3):
        return None
    best: tuple[float, Table] | None = None
    for form in (forms()[said],) if said else forms().values():
        for table in _readings(form, first, rest):
            score = _score(form, table, named, said=bool(said))
            if score and (best is None or score > best[0]):
                best = (score, table)
    if best is None:
        return None
    return best[1].settle()


def _readings(form: Form, first: Line, rest: Sequence[Line]) -> list[Table]:
    """The header as one row, as two or as three: a further row that completes merged cells is a header's, whatever it says."""
    single = _columns(form, first.across, None, first.number)
    if not rest:
        return [single]
    second = rest[0]
    double = _columns(form, second.across, first.across, second.number)
    below = _columns(form, second.across, None, second.number)
    treble = _third_row(form, [first, second, rest[1]], [single, double]) if len(rest) > 1 else None
    if treble is not None:
        return [treble]
    if _completes(second):
        return [double] if _counts(double) >= 3 else [single]
    if len(double.columns) > max(len(single.columns), len(below.columns)):
        return [single, double]
    if _is_group_row(first) and _counts(below) >= 3 and _identity(double) >= _identity(below):
        return [single, double]
    return [single]


def _third_row(form: Form, lines: Sequence[Line], shorter: Sequence[Table]) -> Table | None:
    """The header with its third row, where that is one: it completes merged cells, or stands below groups alone and adds what they ask."""
    first, second, third = lines
    own = third.own()
    if not own or not _is_group_row(first):
        return None
    low, above = _folded(form, *(line.across for line in lines))
    treble = _columns(form, low, above, third.number)
    named = {index for table in (*shorter, treble) for index, column in table.columns.items() if column.field in _NAMED_ABOVE}
    if any(index not in treble.columns for index in named & set(own)):
        return None  # what stands under 系统名称 is no header: rows whose departments are merged cells
    if _completes(third):
        without = _columns(form, third.across, second.across, third.number)
        return treble if _counts(treble) >= max(3, _counts(without)) else None
    if named & set(own) or not all(isinstance(third.cells[index], str) for index in own):
        return None
    return treble if _counts(treble) > max(map(_counts, shorter)) and _stand_below_groups(form, second, own) else None


def _stand_below_groups(form: Form, line: Line, columns: Sequence[int]) -> bool:
    """Whether each of these columns is below a text that is no header itself or has nothing beside it, or next to one that is."""
    texts = {index: text_of(cell) for index, cell in enumerate(line.cells)}
    under: set[int] = set()
    for index in columns:
        high = texts.get(index)
        if (index - 1 in under and not high) or (high and (not texts.get(index + 1) or match(form, high) is None)):
            under.add(index)
    return len(under) == len(columns)


def _folded(form: Form, *rows: Row) -> tuple[Row, Row]:
    """A header of three rows as one of two: its lowest words, and above each the nearest group, with the one above that where no form knows it.
    Without merged cells a group holds to the right until the next one."""
    low: Row = []
    above: Row = []
    outer = inner = before = ""
    for index in range(max(map(len, rows))):
        high, mid, own = (text_of(row[index]) if index < len(row) else "" for row in rows)
        if high and high != before:
            outer, inner = high, ""
        before = high or before
        inner = mid or inner
        words = own or mid
        group = inner if own and inner != own else outer
        if group == inner != outer and outer and group_key(outer) not in form.groups and match(form, outer) is None:
            group = f"{outer} {inner}"
        low.append(words)
        above.append((group if words else "") or high)
        inner = inner if own and inner != own else ""
        outer = outer if words and words != high else ""
    return low, above


def _completes(line: Line) -> bool:
    return sum(not is_blank(line.cells[index]) for index in line.filled if index < len(line.cells)) >= 2


def _is_group_row(line: Line) -> bool:
    return len({text for cell in line.across if (text := text_of(cell)) and not _NO_GROUP.search(plain(text))}) >= 2


def _counts(table: Table) -> int:
    return len({column.field for column in table.columns.values()})


def _identity(table: Table) -> set[str]:
    return {column.field for column in table.columns.values() if column.need == "count"}


def _score(form: Form, table: Table, named: str, *, said: bool) -> float:
    fields = {column.field for column in table.columns.values()}
    of_its_name = named in form.sheets
    telling = _KEY_FIELDS | ({"address"} if of_its_name else set())
    if form.id == "databases" and (fields & {"host", "port"} or _DATABASES.search(named)):
        telling |= {"engine"}  # 库名 is often left out
    if not said and (len(fields) < 3 or not fields & telling):
        return 0.0
    if form.id in _REFERENCES and table.classified:
        return 0.0  # a list of departments does not say what is classified
    if form.id not in _DEFAULT_FORMS and "system" not in fields:
        return 0.0
    return len(fields) + (1.5 if of_its_name else 0.0) - 0.2 * len(table.unknown)


def _columns(form: Form, row: Row, above: Row | None, number: int) -> Table:
    table = Table(form, number)
    found: list[tuple[int, Column, str, str]] = []
    """Column, its own words, the words of the group above."""
    answers = forms()["systems"].column("classified")
    carried = ""
    for index in range(max(len(row), len(above or ()))):
        low = text_of(row[index]) if index < len(row) else ""
        high = text_of(above[index]) if above is not None and index < len(above) else ""
        if len(low) > _LONGEST or len(high) > _LONGEST:
            carried = ""
            if len(low) > _LONGEST and is_open(low):
                table.unknown[index] = low  # a question with half a law in it
            continue
        over = high
        if _NO_GROUP.search(plain(_BRACKETS.sub("", high))) and low:
            high = ""  # a title row's 填报日期:… is no group
        carried = (high if high != low else "") or carried if low and (not high or high != low) else ""
        group = carried if low else ""
        column, sure = _meant(form, low, high, group)
        if answers in (match(forms()["systems"], low or high), column) and (form.id != "systems" or not sure):
            table.classified.append(index)
        elif column is not None and sure:
            found.append((index, column, low or high, over))
        elif form.id not in _DEFAULT_FORMS and (meant := match(forms()["systems"], low or high)) is not None and meant.field == "row_no":
            table.number_at = index
        elif low or high:
            table.unknown[index] = f"{group} {low}" if group else low or high
            table.unknown[index] = table.unknown[index].removesuffix(AS_IT_IS).strip()
    heads = table.typed
    for index, column, words, group in found:
        heads[index] = words
        _place(table, index, column, heads)
        table.units[index] = header_unit(column, words, group if group != words else "")
        if is_unit(words) or unit_said(column, words):  # all that the second row adds
            table.units[index] = unit_said(column, words) or None
        if column.field == "classified":
            table.classified.append(index)
    table.classified.sort()
    return table


def _place(table: Table, index: int, column: Column, heads: dict[int, str]) -> None:
    """The column of its field; where another has it already, the better header's is, and the other completes it, is unknown, or repeats it."""
    at = next((at for at, known in table.columns.items() if known.field == column.field), None)
    if at is None:
        table.columns[index] = column
        return
    main, other = (at, index) if column.stands_back(heads[index]) or not column.stands_back(heads[at]) else (index, at)
    del table.columns[at]
    table.columns[main] = column
    if column.completes(heads[other]):
        table.joined.append((other, column))
    elif column.stands_back(heads[other]):
        table.unknown[other] = heads[other]
    else:
        table.repeated.append((other, column))


def _meant(form: Form, low: str, high: str, group: str) -> tuple[Column | None, bool]:
    """The column of these words, and whether it is that column under this group."""
    if not low:
        return match(form, high), True
    if not group:
        return match(form, low), True
    if together := match(form, group + low) or match(form, group_key(group) + low):  # 单位情况 over 名称
        return together, True
    over = match(form, group)
    if over is not None and high and known_units(over) and (is_unit(low) or unit_said(over, low)):
        return over, True
    if over is not None and high and _ASKS.fullmatch(low):
        return over, True  # 涉密 over 是否
    column = match(form, low)
    if column is not None and over is not None and over.field in _GROUPS_OF_A_SYSTEM and form.groups.get(group_key(group)) != "system":
        return column, over.field == column.field or column.need != "count"
    return column, column is not None and in_group(form, group, column, low)
