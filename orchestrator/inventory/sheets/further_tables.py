"""Further tables of a file that lists its systems elsewhere: 资源情况, 数据库情况, with nothing on whose a system is or whether it is classified. Their rows
add to the systems that they name, and are none themselves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from orchestrator.inventory.cells import is_blank, text_of
from orchestrator.inventory.names import key
from orchestrator.inventory.sheets.grids import Row
from orchestrator.inventory.sheets.header import Table
from orchestrator.inventory.sheets.secrecy import is_open

if TYPE_CHECKING:
    from orchestrator.inventory.build.builder import Builder


def adds_to_listed(table: Table, first: Sequence[Row], file: str, builder: Builder) -> bool:
    """Whether most names under this header are systems that other tables of the file list. ``first``: the first rows of its sheet."""
    if table.form.id != "systems" or table.classified or table.name_at is None or any(column.need == "count" and column.field != "name" for column in table.columns.values()):
        return False
    if any(map(is_open, table.unknown.values())):
        return False  # it may say that they are classified
    at = table.name_at
    names = [key(text_of(row[at])) for row in first[table.header + 1 :] if at < len(row) and not is_blank(row[at])]
    listed = builder.names_in(file)
    return sum(name in listed for name in names) * 2 > len(names)
