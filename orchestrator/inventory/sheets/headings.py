"""What there is to say of a header, before any row is read."""

from __future__ import annotations

from collections.abc import Iterator

from orchestrator.errors import Finding
from orchestrator.inventory.forms import Column
from orchestrator.inventory.reading import Raw
from orchestrator.inventory.sheets.grids import address
from orchestrator.inventory.sheets.header import Table


def about_header(table: Table, file: str, sheet: str) -> Iterator[Finding]:
    """Columns that nobody knows, that stand there twice, whose unit is not understood, and the one that must not be missing."""

    def at(index: int, code: str, severity: str, message: str, remedy: str) -> Finding:
        return Raw(file, sheet, address(table.header, index)).finding(code, severity, message, remedy)

    for index, words in table.unknown.items():
        yield at(
            index, "unknown-column", "warning", f"不认识的列“{words[:60]}”，原样保留 (unknown column; kept as it is)",
            "如为统计列，请改用模板的表头 (use the template's header if it is one of its columns)",
        )  # fmt: skip
    for index, column in table.repeated:
        how = "逐行核对，不一致为错误 (their cells are compared on every row)" if compared(column) else "只读取第一列 (the first was read)"
        yield at(
            index, "repeated-column", "warning", f"“{column.zh}”有两列，{how} (two columns for one field)", "删除或改名其中一列 (remove or rename one of them)",
        )  # fmt: skip
    for index, unit in table.units.items():
        if unit is None:
            yield at(
                index, "unit-unknown", "warning", "表头中的单位无法识别，该列没有写单位的数字不读取 (the header's unit is not understood: numbers without a unit of their own are not read)",
                "表头改用 GB、TB、核、台、分钟、小时等单位 (use a unit such as GB, TB, cores, minutes, hours)",
            )  # fmt: skip


def nothing_on_classification(table: Table, file: str, sheet: str) -> Finding | None:
    """The finding that a statistics form has no column for 是否涉密: nothing of it is read unless somebody states it of the whole sheet."""
    if table.form.id != "systems" or "classified" in table.by_field:
        return None
    return Raw(file, sheet, address(table.header, 0)).finding(
        "classified-column-missing", "error", "没有“是否涉密”列，全部按涉密处理，未读取 (no column for 是否涉密: every row is treated as classified)",
        "增加“是否涉密”列并逐行填写，或由责任人对整张表作出声明（见末尾的问题）(add the column and answer it on every row, or state it of the sheet)",
    )  # fmt: skip


def compared(column: Column) -> bool:
    """Whether two columns for this field must agree on every row: where the count, the plan or a number follows from it."""
    return bool(column.need) or column.type != "text"
