"""Questions about tables, and columns, that nobody knows: asked once for each kind of table, whatever files it comes in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from orchestrator.inventory.answers import classified
from orchestrator.inventory.cells import is_blank, text_of
from orchestrator.inventory.forms import AS_IT_IS, asks_whether_classified, forms, match, whole_key
from orchestrator.inventory.questions import Key, digest
from orchestrator.inventory.sheets.columns_answer import answers_about, columns_text, field_words, naming_field, one_line
from orchestrator.inventory.sheets.foreign import headers_id
from orchestrator.inventory.sheets.grids import Grid, Row, address
from orchestrator.inventory.sheets.header import Line, Table
from orchestrator.inventory.sheets.header_cells import HeaderCells, header_cells, likeliest_header
from orchestrator.inventory.sheets.proposing import Guess, Proposed, propose_columns, propose_further, propose_nameless
from orchestrator.texts import Sentence, say

if TYPE_CHECKING:
    from orchestrator.inventory.build.builder import Builder

_EVIDENCE = 8


def ask_about_table(grid: Grid, rows: Sequence[Row], file: str, builder: Builder) -> str:
    """What the columns of a table without a known header are. Returns the cell that the question is about; empty: nothing can be proposed."""
    heads, rows = _likeliest_header(grid, rows)
    if heads is not None and _asks_downwards(rows, heads.row + 1):
        return ""  # a table on its side, whose systems' names would be repeated as headers
    proposed = propose_columns(heads, rows[heads.row + 1 :], grid.name, builder.names_of_systems()) if heads else None
    if heads is not None and proposed is None and grid.part.begins_at:
        proposed = Proposed("nothing", heads.words, {}, {})  # it is told from the table above it, and that is all
    elif heads is not None and proposed is None:
        proposed = propose_nameless(heads, rows[heads.row + 1 :])
    if heads is None or proposed is None:
        return ""
    _learn_secrets(proposed, rows[heads.row + 1 :], grid, file, builder)
    return _ask(proposed, heads, grid, file, builder, say("inventory.asks_table"))


def _learn_secrets(proposed: Proposed, rows: Sequence[Row], grid: Grid, file: str, builder: Builder) -> None:
    """What rows are called that would be classified ones, if the proposal is right: the question's own place may be called so."""
    asking = [index for index, guess in proposed.columns.items() if guess.field == "classified"]
    for row in rows:
        if any(index < len(row) and classified(row[index]) is True for index in asking):
            for name in (row[index] for index, guess in proposed.columns.items() if guess.field in {"name", "system"} and index < len(row)):
                builder.secrets.add(name, "")
                builder.secrets.add_sheet(grid.name, text_of(name))
                builder.secrets.add_place(file, grid.name, text_of(name))


def _likeliest_header(grid: Grid, rows: Sequence[Row]) -> tuple[HeaderCells | None, Sequence[Row]]:
    """The header of the first table here, and the rows that go with it: what stands behind a blank row may be less wide than it is."""
    ends = [number for number, row in enumerate(rows) if number and all(map(is_blank, row)) and not all(map(is_blank, rows[number - 1]))]
    found = ((likeliest_header(rows[:end], grid.merged), rows[:end]) for end in (len(rows), *ends) if end)
    return next((one for one in found if one[0] is not None), (_header_by_words(grid, rows), rows))


def _header_by_words(grid: Grid, rows: Sequence[Row]) -> HeaderCells | None:
    """The first row that is made of headers of a form, whatever its shape and that of the rows below it."""
    number = next((number for number, row in enumerate(rows[:-1]) if Line(number, list(row)).looks_like_header), None)
    return header_cells(rows, number, grid.merged) if number is not None else None


def _asks_downwards(rows: Sequence[Row], below: int) -> bool:
    """Whether 是否涉密 stands on one of the rows from ``below`` on, in one column with another header of the form: labels, one below the other."""
    columns = {index for row in rows[below:] for index, cell in enumerate(row) if isinstance(cell, str) and asks_whether_classified(text_of(cell))}
    return any(sum(index < len(row) and isinstance(row[index], str) and match(forms()["systems"], text_of(row[index])) is not None for row in rows) > 1 for index in columns)


def ask_about_columns(table: Table, grid: Grid, rows: Sequence[Row], file: str, builder: Builder) -> set[str]:
    """What the columns of a form are that no header list knows, where one of them may be what the count or the plan lacks. Returns the fields
    that they may be: while it is asked, what else is to be asked of the table waits, for a column may hold the answer."""
    heads = _heads_of(table, rows, grid)
    if heads is None:
        return set()
    known = {column.field for column in table.columns.values()}
    form = table.form.id
    unknown = {index: words for index, words in table.unknown.items() if index not in grid.kept_of(table.header)}
    further = propose_further(rows[heads.row + 1 :], known, unknown, form, builder.names_of_systems() if form != "systems" else ())
    if not further:
        return set()
    words: Mapping[int, str] = {index: heads.words[index] for index in table.unknown if index in heads.words}
    columns = {index: guess for index, guess in further.items() if index in words}
    about = "form"
    if heads.rows > 1 or form != "systems":  # its groups, or the whole of it, decide what a header means: all of it is said
        words, about = heads.words, form
        columns |= {index: Guess(column.field, 1.0, ()) for index, column in table.columns.items() if index in words}
    units = {index: unit for index, unit in table.units.items() if unit and index in columns}
    proposed = Proposed(about, words, dict(sorted(columns.items())), units)
    _ask(proposed, heads, grid, file, builder, say("inventory.asks_columns"))
    return {guess.field for guess in further.values()}


def ask_about_labels(values: Mapping[str, list[Any]], known: set[str], place: str, builder: Builder) -> set[str]:
    """What labels of a form are (label left, value right) that nobody knows. ``values``: label → what stands beside it. Returns the fields that they may be."""
    kept = {whole_key(words) for source in builder.foreign if source.about == "pairs" for words in source.kept}
    values = {words: stand for words, stand in values.items() if whole_key(words) not in kept}
    words = dict(enumerate(sorted(values)))
    rows: list[Row] = [[stands[number] if number < len(stands) else None for _, stands in sorted(values.items())] for number in range(max(map(len, values.values()), default=0))]
    columns = propose_further(rows, known, words)
    if columns:
        scope = digest("labels", *sorted(map(whole_key, values)))
        _ask_by(Proposed("pairs", words, columns, {}), scope, place, builder, say("inventory.asks_labels"))
    return {guess.field for guess in columns.values()}


def _heads_of(table: Table, rows: Sequence[Row], grid: Grid) -> HeaderCells | None:
    """The cells of the table's header; a row of units may stand below them. None: of what nobody knows nothing stands there."""
    found = [header_cells(rows, number, grid.merged) for number in (table.header, table.header - 1) if 0 <= number < len(rows)]

    def own(heads: HeaderCells) -> int:
        """How many of the unknown headers end in the words here: the groups above may be told from them in another manner."""
        own_words = {index: whole_key(heads.own.get(index) or heads.words.get(index, "")) for index in table.unknown}
        return sum(bool(words) and whole_key(table.unknown[index].removesuffix(AS_IT_IS)).endswith(words) for index, words in own_words.items())

    best = max(found, key=own, default=None)
    return best if best is not None and own(best) else None


def _ask(proposed: Proposed, heads: HeaderCells, grid: Grid, file: str, builder: Builder, asks: Sentence) -> str:
    cell = address(heads.row, min(heads.words))
    _ask_by(proposed, headers_id(heads.words.values()), " › ".join(part for part in (file, grid.name, cell) if part), builder, asks)
    return cell


def _ask_by(proposed: Proposed, scope: str, place: str, builder: Builder, asks: Sentence) -> None:
    said = [
        say("inventory.column_evidence", column=one_line(proposed.heads[index]), evidence=guess.evidence)
        for index, guess in proposed.columns.items()
        if guess.evidence
    ]
    naming = naming_field(proposed.about)
    lacks = [say("inventory.no_column_names_it", column=field_words(proposed.about, naming))] if naming and naming not in proposed.fields else []
    pieces: list[str | Sentence] = [*lacks, *said[:_EVIDENCE], *(["…"] if len(said) > _EVIDENCE else [])]
    builder.asked.ask(
        Key("columns", about=f"table-{scope}", scope=scope), say("inventory.asks_of_sheet", sheet=place.rpartition(" › ")[0], asks=asks), place=place,
        proposed=columns_text(proposed), evidence=say("inventory.evidence", pieces=tuple(pieces)) if pieces else "",
        choices=answers_about(proposed.about),
    )  # fmt: skip
