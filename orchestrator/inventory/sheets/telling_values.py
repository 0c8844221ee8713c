"""Headers that mean one column or another by what stands below them: 性质 is the department's, unless it says 应用系统 and 数据库; and 系统性质
is no kind where it says 涉密 and 非涉密: whoever left that column unread would take a statement about the sheet for an answer (R2).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from orchestrator.inventory.answers import classified
from orchestrator.inventory.cells import folded, is_blank, plain
from orchestrator.inventory.forms import forms, header_key, match
from orchestrator.inventory.heads import value_by_head
from orchestrator.inventory.sheets.grids import Grid, Row
from orchestrator.inventory.units import header_unit
from orchestrator.inventory.values import listed_choice

_EITHER = {"性质": ("organisation_type", "kind")} | dict.fromkeys(("单位类别", "单位类型", "单位性质", "机构类别", "机构类型"), ("organisation_type", "level"))
"""Header → the column that it is taken for, and the one that it is where every cell is an answer to that."""
_ANSWERS_TOO = {"涉密", "涉密系统"}
"""Headers that stand as an answer as well."""
_WITH_UNIT = dict.fromkeys(("数据", "数据库", "业务数据", "库"), "data_gb") | dict.fromkeys(("文件", "附件", "影像"), "file_gb")
"""Header → the column that it is where a unit of size stands beside it."""


def with_telling_headers(grid: Grid, rows: Sequence[Row]) -> Grid:
    """The grid with such headers in the words of the column that they are. ``rows``: its first rows."""
    for number, row in enumerate(rows):
        if sum(match(forms()["systems"], plain(cell)) is not None for cell in row if isinstance(cell, str)) < 2:
            continue
        renamed = {index: words for index, cell in enumerate(row) if (words := _meant(cell, index, rows[number + 1 :]))}
        return replace(grid, rows=_renamed(grid.rows, number, renamed)) if renamed else grid
    return grid


def _meant(cell: object, index: int, below: Sequence[Row]) -> str:
    """The header in the form's words; empty where it stays."""
    values = [row[index] for row in below if index < len(row) and not is_blank(row[index])]
    if isinstance(cell, str) and _says_whether_classified(cell, values):
        return forms()["systems"].column("classified").zh
    if isinstance(cell, str) and (column := _WITH_UNIT.get(header_key(cell))):
        unit = header_unit(forms()["systems"].column(column), cell)
        return f"{forms()['systems'].column(column).zh}（{unit.upper()}）" if unit else ""
    taken, perhaps = _EITHER.get(header_key(plain(cell)), ("", "")) if isinstance(cell, str) else ("", "")
    if not taken or not values or any(_answers(taken, value) for value in values) or not all(_answers(perhaps, value) for value in values):
        return ""
    return forms()["systems"].column(perhaps).zh


def _says_whether_classified(header: str, values: Sequence[object]) -> bool:
    """Whether a column with another header, of the form or of nobody, answers 涉密 or 非涉密 in these words on every row that says anything.
    Remarks are about anything."""
    known = match(forms()["systems"], plain(header))
    if not values or (known is not None and known.field in {"classified", "remark"}):
        return False
    texts = [plain(value) for value in values if isinstance(value, str) and plain(value) != plain(header)]
    if texts and texts[0] not in _ANSWERS_TOO and match(forms()["systems"], texts[0]) is not None:
        return False  # a group above a header that asks it, or nothing above it
    return bool(texts) and len(texts) >= len(values) - 1 and all("密" in text and classified(text) is not None for text in texts)


def _answers(field: str, value: object) -> bool:
    kind = forms()["systems"].column(field).type
    return listed_choice(kind, value) is not None or value_by_head(kind, folded(plain(value))) is not None


def _renamed(rows: Iterator[Row], header: int, words: dict[int, str]) -> Iterator[Row]:
    for number, row in enumerate(rows):
        yield [words.get(index, cell) for index, cell in enumerate(row)] if number == header else row
