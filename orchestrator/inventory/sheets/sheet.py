"""One sheet, whoever's tables stand on it, beside or below each other: each is found out for what it is, and read as that."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import replace
from enum import IntEnum

from orchestrator.inventory.build.builder import Builder
from orchestrator.inventory.cells import text_of
from orchestrator.inventory.forms import forms, most_headers
from orchestrator.inventory.reading import Interpretation, Raw
from orchestrator.inventory.sheets.coded_answers import find_coded_answers, with_words
from orchestrator.inventory.sheets.counted_only import CountedOnly
from orchestrator.inventory.sheets.denied_question import find_denied_questions, with_straight_questions
from orchestrator.inventory.sheets.foreign import ahead, in_our_words, recognise, with_known_headers
from orchestrator.inventory.sheets.grids import Grid, Row, address
from orchestrator.inventory.sheets.header import Line, Table, table_at
from orchestrator.inventory.sheets.header_cells import likeliest_header
from orchestrator.inventory.sheets.label_forms import is_label_form, is_on_its_side, read_label_forms
from orchestrator.inventory.sheets.listed_sizes import find_listed_sizes, with_sizes
from orchestrator.inventory.sheets.machine_lists import read_machines
from orchestrator.inventory.sheets.notes_below import says_notes
from orchestrator.inventory.sheets.notes_beside import find_notes_beside, without_notes
from orchestrator.inventory.sheets.proposing import counting_headers, lists_machines
from orchestrator.inventory.sheets.rows import SheetReader
from orchestrator.inventory.sheets.side_by_side import split_grid
from orchestrator.inventory.sheets.stacked import split_stacked
from orchestrator.inventory.sheets.table import Unclear, Unrecognised, read_tables
from orchestrator.inventory.sheets.telling_values import with_telling_headers
from orchestrator.inventory.sheets.ticked_columns import find_ticked_columns, with_one_column
from orchestrator.inventory.sheets.unit_rows import with_units
from orchestrator.inventory.sheets.unknown_tables import ask_about_table
from orchestrator.texts import say

_FEWEST = 3
"""Headers that a row has at least to be one."""
QUIET_SHEETS = {"填表说明", "填报说明", "说明", "instructions", "封面", "目录"}


def read_sheet(grid: Grid, file: str, builder: Builder, today: dt.date) -> bool:
    """Read one sheet, whoever's tables stand on it. False when nothing was recognised on it. Raises ``BadFile`` from the grid's rows."""
    first, grid = ahead(grid)
    if beside := find_notes_beside(grid, first):
        builder.findings.append(beside.told(file, grid.name))
        first, grid = ahead(with_units(without_notes(grid, beside)))
    counted = CountedOnly()
    grid = replace(grid, rows=counted.watch(grid.rows))
    read = [_read_table(table, file, builder, today) for part in split_grid(grid, first) for table in _stacked(with_units(part), builder)]
    builder.findings.extend(counted.findings(file, grid.name, sum(row.answered and row.file == file for row in builder.withheld)))
    if grid.hidden and any(read):
        builder.findings.append(
            Raw(file, grid.name).finding("hidden-sheet", "warning", say("inventory.hidden_sheet"), say("inventory.remove_if_not_counted"))
        )
    return any(read)


class Turn(IntEnum):
    """When a sheet is read: what it is of others' systems does not depend on the order in which sheets stand, and files are named."""

    LISTS = 0
    """Lists of systems, and forms of one each."""
    FURTHER = 1
    """Has headers of such a list, but none that says whose a system is, or what becomes of it."""
    OTHERS = 2
    """Machines, technical sheets, whatever nobody knows."""


def turn_of(grid: Grid, builder: Builder) -> tuple[Turn, Grid]:
    """When a sheet is to be read, and the grid that still has its first rows. Raises ``BadFile`` from them."""
    first, grid = ahead(with_units(grid))
    found = recognise(builder.foreign, grid.name, first, grid.merged)
    its_header = range(found.header - found.heads.rows + 1, found.header + 1) if found is not None else ()
    of_systems = [row for number, row in enumerate(first) if number not in its_header and _is_of_systems(row)]
    if any(map(counts_systems, of_systems)):
        return Turn.LISTS, grid
    if found is not None:
        return (Turn.LISTS if found.source.about in {"systems", "pairs"} else Turn.OTHERS), grid
    if of_systems:
        return Turn.FURTHER, grid
    own_shape = is_label_form(builder.foreign, first) or is_on_its_side(builder.foreign, first)
    return (Turn.LISTS if own_shape else Turn.OTHERS), grid


def _is_of_systems(row: Row) -> bool:
    hits, form = most_headers(map(text_of, row))
    return hits >= _FEWEST and form == "systems"


def counts_systems(row: Row) -> bool:
    """Whether one of these headers asks what a list of systems is made for: whose a system is, what it is, whether it is classified."""
    return counting_headers(map(text_of, row)) > 0


def _stacked(part: Grid, builder: Builder) -> Iterable[Grid]:
    first, part = ahead(part)
    return split_stacked(part, first, builder)


def _read_table(grid: Grid, file: str, builder: Builder, today: dt.date) -> bool:
    first, grid = ahead(grid)
    first, grid = _in_the_forms_manner(grid, first, file, builder)
    found = recognise(builder.foreign, grid.name, first, grid.merged)
    if found is not None and not found.is_whole:
        first, grid = ahead(with_known_headers(grid, builder.foreign))
        found = None
    if found is None:
        if file in builder.ignored:
            return True
        if grid.name.casefold() not in QUIET_SHEETS and is_label_form(builder.foreign, first):
            read_label_forms(grid, file, builder, today)
            return True
        if grid.name.casefold() not in QUIET_SHEETS and is_on_its_side(builder.foreign, first):
            read_label_forms(grid, file, builder, today, on_its_side=True)
            return True
        if _looks_like_systems_and_lists_machines(grid, first):
            return _unrecognised(Unrecognised(anything=True, inventory=True), grid, first, file, builder)
        return read_grid(grid, file, builder, today, first)
    if found.source.ignore_other_sheets:
        builder.ignored[file] = found.source.name
    if found.source.about == "nothing":
        builder.interpretations.append(
            Interpretation(file, grid.name, address(found.header, 0), "", say("inventory.confirmed_nothing"))
        )
        return True
    if found.source.about == "machines":
        read_machines(grid, found, file, builder)
        return True
    first, translated = ahead(in_our_words(grid, found))
    return read_grid(translated, file, builder, today, first)


def _in_the_forms_manner(grid: Grid, first: list[Row], file: str, builder: Builder) -> tuple[list[Row], Grid]:
    """Its questions and answers as the form has them: one column a question, words for codes, what is asked the other way round turned. Each is told."""
    for ticked in find_ticked_columns(first):
        what = say("inventory.ticked_columns", column=forms()["systems"].column(ticked.field).name)
        builder.interpretations.append(Interpretation(file, grid.name, address(ticked.header, ticked.at), "、".join(ticked.words.values()), what))
        first, grid = ahead(with_one_column(grid, ticked))
    if coded := find_coded_answers(first):
        for answers in coded:
            what = say("inventory.coded_answers", words=tuple(f"{code}={word}" for code, word in answers.words.items()))
            builder.interpretations.append(Interpretation(file, grid.name, address(answers.header, answers.column), "", what))
        first, grid = ahead(with_words(grid, coded))
    if listed := find_listed_sizes(first):
        first, grid = ahead(with_sizes(grid, listed))
    first, grid = ahead(with_telling_headers(grid, first))
    if denied := find_denied_questions(first):
        for question in denied:
            where = address(question.header, question.column)
            builder.interpretations.append(Interpretation(file, grid.name, where, question.words, say("inventory.asks_the_other_way")))
        first, grid = ahead(with_straight_questions(grid, denied))
    return first, grid


def _looks_like_systems_and_lists_machines(grid: Grid, first: Sequence[Row]) -> bool:
    heads = likeliest_header(first, grid.merged)
    if heads is None or heads.rows > 1:
        return False
    table = table_at([Line(heads.row, first[heads.row], across=first[heads.row])], grid.name)
    return table is not None and table.form.id == "systems" and lists_machines(heads, first[heads.row + 1 :])


def read_grid(grid: Grid, file: str, builder: Builder, today: dt.date, first: Sequence[Row] = ()) -> bool:
    """Read one sheet into the builder. ``first``: its first rows. False when no form was recognised on it. Raises ``BadFile`` from the grid's
    rows."""
    reader = SheetReader(grid, file, builder, today, first)
    for part in read_tables(grid):
        if isinstance(part, Unrecognised):
            return _unrecognised(part, grid, first, file, builder)
        if isinstance(part, Unclear):
            builder.findings.append(
                Raw(file, grid.name, address(part.number, 0)).finding(
                    "header-unclear", "error", say("inventory.header_unclear"),
                    say("inventory.use_headers_or_correct"),
                )
            )  # fmt: skip
        elif isinstance(part, Table):
            reader.begin(part)
        else:
            reader.read(part)
    reader.finish()
    return True


def _unrecognised(part: Unrecognised, grid: Grid, first: Sequence[Row], file: str, builder: Builder) -> bool:
    """Whether a question about the sheet could be asked."""
    if not part.anything or grid.name.casefold() in QUIET_SHEETS or (grid.hidden and grid.name.startswith("_")):
        return False
    if says_notes(grid.part.title):
        builder.interpretations.append(Interpretation(file, grid.name, address(grid.part.begins_at, 0), "说明", say("inventory.passed_note")))
        return True
    cell = ask_about_table(grid, first, file, builder)
    remedy = say("inventory.answer_columns_question") if cell else (
        say("inventory.use_headers_or_rename")
    )  # fmt: skip
    is_one = part.inventory or cell or grid.part.begins_at  # below another table it was seen to be one
    at = cell or (address(grid.part.begins_at, 0) if grid.part.begins_at else "")
    builder.findings.append(
        Raw(file, grid.name, at).finding("sheet-not-recognised", "error" if is_one else "warning", say("inventory.sheet_not_recognised"), remedy)
    )
    return bool(cell)
