"""What there is to say of a header, before any row is read."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from orchestrator.errors import Finding
from orchestrator.inventory.forms import Column
from orchestrator.inventory.reading import Raw
from orchestrator.inventory.sheets.grids import address
from orchestrator.inventory.sheets.header import Table
from orchestrator.texts import Sentence, say


def about_header(table: Table, file: str, sheet: str, told: Collection[int] = ()) -> Iterator[Finding]:
    """Columns that nobody knows (but for those that are asked about, or have been: ``told``), that stand there twice, whose unit is not understood, and the one that must not be missing."""

    def at(index: int, code: str, severity: str, says: Sentence, mend: Sentence) -> Finding:
        return Raw(file, sheet, address(table.header, index)).finding(code, severity, says, mend)

    for index, words in table.unknown.items():
        if index in told:
            continue
        yield at(
            index, "unknown-column", "warning", say("inventory.unknown_column", words=words[:60]),
            say("inventory.use_our_header"),
        )  # fmt: skip
    for index, column in table.repeated:
        how = say("inventory.compared_on_rows") if compared(column) else say("inventory.first_is_read")
        yield at(
            index, "repeated-column", "warning", say("inventory.repeated_column", column=column.name, how=how), say("inventory.rename_one"),
        )  # fmt: skip
    for index, unit in table.units.items():
        if unit is None:
            yield at(
                index, "unit-unknown", "warning", say("inventory.unit_unknown"),
                say("inventory.use_known_unit"),
            )  # fmt: skip


def nothing_on_classification(table: Table, file: str, sheet: str) -> Finding | None:
    """The finding that a statistics form has no column for 是否涉密: nothing of it is read unless somebody states it of the whole sheet."""
    if table.form.id != "systems" or "classified" in table.by_field:
        return None
    return Raw(file, sheet, address(table.header, 0)).finding(
        "classified-column-missing", "error", say("inventory.classified_column_missing"),
        say("inventory.add_classified_column"),
    )  # fmt: skip


def compared(column: Column) -> bool:
    """Whether two columns for this field must agree on every row: where the count, the plan or a number follows from it."""
    return bool(column.need) or column.type != "text"
