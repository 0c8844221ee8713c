"""Rows of a recognised table → raw records in the builder, each cell read by its column's type. Classified rows end here, unread (R2)."""

from __future__ import annotations

import datetime as dt
import string
from collections.abc import Sequence
from dataclasses import dataclass

from orchestrator.errors import Finding
from orchestrator.inventory import cells
from orchestrator.inventory.answers import classified
from orchestrator.inventory.build.builder import PARTS, Builder
from orchestrator.inventory.build.faults import required_fields
from orchestrator.inventory.build.signs import SECTION
from orchestrator.inventory.build.wall import Wall
from orchestrator.inventory.names import host_name, key
from orchestrator.inventory.reading import Interpretation, Raw
from orchestrator.inventory.sheets.asking import BareNumbers, Source, Unanswered
from orchestrator.inventory.sheets.ditto import Dittos
from orchestrator.inventory.sheets.further_tables import adds_to_listed
from orchestrator.inventory.sheets.grids import Grid, Row, address
from orchestrator.inventory.sheets.header import Line, Table
from orchestrator.inventory.sheets.header_cells import says_another_name
from orchestrator.inventory.sheets.headings import about_header, nothing_on_classification
from orchestrator.inventory.sheets.lost import Lost, Tally, heading_of, rows_within, says_it_heads
from orchestrator.inventory.sheets.notes_below import heads_people, is_a_systems, says_notes
from orchestrator.inventory.sheets.open_columns import ends_the_header, hinting_columns, open_columns
from orchestrator.inventory.sheets.row_cells import RowCells, at
from orchestrator.inventory.sheets.rowkind import Kind, kind_of_row
from orchestrator.inventory.sheets.secrecy import is_silent, judge, names_secret_rows, says_yes, speaks_of_secrets
from orchestrator.inventory.sheets.sheet_notes import SheetNotes
from orchestrator.inventory.sheets.unknown_tables import ask_about_columns
from orchestrator.inventory.sheets.whose_row import WhoseRow
from orchestrator.inventory.values import read_value
from orchestrator.texts import say

_LETTERS = string.ascii_uppercase


@dataclass(frozen=True)
class _Kept:
    """A row that does not say whether it is classified, in memory only until the sheet has ended."""

    table: Table
    source: Source
    bare: BareNumbers
    line: Line
    comments: tuple[str, ...]
    section: str
    began: int
    """The row on which its system is named."""


class SheetReader:
    """Reads the rows of one sheet's tables. ``begin`` with a header, ``read`` each row below it, ``finish`` once."""

    table: Table

    def __init__(self, grid: Grid, file: str, builder: Builder, today: dt.date, first: Sequence[Row] = ()) -> None:
        self.grid, self.file, self.builder, self.today, self.first = grid, file, builder, today, first
        self.began = False
        self.in_notes = False
        """Whether what stands here is below a heading of notes, or of people."""
        self.above = 0
        """Rows of the tables above this one."""
        self.names_secrets = False
        """Whether a title or a note says by number which rows are classified: only who names each row may state that it is not."""
        self.section, self.secret_section, self.heads_next = "", False, False
        """The heading of a section, whether it says that it is of classified systems, and whether no row has stood below it yet."""
        self.open, self.hinting = set[int](), set[int]()  # columns of the table: see ``open_columns``
        self.unanswered = Unanswered(file, grid.name, builder.answers, builder.asked)
        self.kept: list[_Kept] = []
        """Rows that do not say whether they are classified, where somebody's statement may say it."""
        self.wall = Wall(grid.part)
        self.withheld: dict[int, bool | None] = {}
        """Rows that name systems which were counted and not read → their answer."""
        self.unsaid: list[Finding | None] = []
        """Of each table, that it has no column on classification."""
        self.notes = SheetNotes(file, grid.name, builder.findings)
        self.cells = RowCells(grid, file, builder, today, self.wall, self.notes)
        self.comments: dict[int, list[str]] = {}
        """Row → cells with comments that nobody was told of yet."""
        for cell in sorted(grid.comments):
            self.comments.setdefault(int(cell.lstrip(_LETTERS)) - 1, []).append(cell)

    # ------------------------------------------------------------ the sheet

    def begin(self, table: Table) -> None:
        if self.began:
            self._settle_table()
        self.began = True
        source = Source(self.file, self.grid.name, table)
        if table.unknown:
            asked = ask_about_columns(table, self.grid, self.first, self.file, self.builder)
            if asked:
                source.wait()
            self.unanswered.waits = self.unanswered.waits or "classified" in asked
        self.open, self.hinting = open_columns(table, kept := self.grid.kept_of(table.header)), hinting_columns(table)
        self._use(table, source, BareNumbers(source, self.builder.answers, self.builder.asked))
        self.tally, self.in_notes, self.dittos = Tally(table, self.above), False, Dittos()
        self.whose = WhoseRow(table, self.wall.rows)
        if not self.heads_next:
            self.section, self.secret_section = "", False
        self.section, self.heads_next = table.headed or self.section, False
        told = table.unknown if source.waits else kept
        self.builder.findings.extend(about_header(table, self.file, self.grid.name, told))
        self.listed = self.builder.names_in(self.file) if adds_to_listed(table, self.first, self.file, self.builder) else set()
        self.listed_withheld = self.builder.names_withheld_in(self.file)
        self.unsaid.append(None if self.listed or (self.open and source.waits) else nothing_on_classification(table, self.file, self.grid.name))
        self.builder.unknown_columns.extend(words[:200] for words in table.unknown.values())
        self.names_secrets |= names_secret_rows(table.title)
        if self.systems and not self.listed:
            self.builder.forms.add((self.file, self.grid.name))
        if self.systems and "department" not in self.by_field and table.owner:
            self.builder.interpretations.append(
                Interpretation(self.file, self.grid.name, address(*table.owner_at), "填报单位", say("inventory.owner_of_sheet", department=table.owner))
            )

    def _use(self, table: Table, source: Source, bare: BareNumbers) -> None:
        """Read rows by this header from here on."""
        self.source, self.bare = source, bare
        self.cells.use(table, source, bare)
        self.table, self.by_field, self.systems = table, table.by_field, table.form.id == "systems"
        self.letters = {field: address(0, index)[:-1] for field, index in self.by_field.items()}
        for field, letters in list(self.letters.items()):
            self.letters.setdefault(field.split(".")[0], letters)

    def read(self, line: Line) -> None:
        self.unanswered.saw(line)
        whole = self.dittos.resolve(line)  # whose row it is holds whatever the wall takes away
        line = self.wall.without_its_cells(whole, self.table)
        what = self._kind(whole)
        if what is Kind.BLANK:
            self.table.header += self.table.header + 1 == line.number  # the numbers of its columns may stand below
            return
        if (within := rows_within(self.table, line)) is not None:
            self._lost(within)
            return
        if what in {Kind.NOTE, Kind.ODD} and ends_the_header(self.table, line, {*self.table.classified, *self.open}):
            self.table.header = line.number  # the numbers of its columns may stand below
            return
        heading = heading_of(line) if what in {Kind.NOTE, Kind.ODD} else ""
        if passed := self.notes.passed(line, what, heads=says_it_heads(heading)):
            self.builder.interpretations.append(passed)
        if what is Kind.TOTAL and self.systems and (lost := self.tally.total(line)):
            self._lost(lost)
        if heading:
            self.section, self.secret_section, self.heads_next = heading, speaks_of_secrets(heading), True
        if what is Kind.DATA:
            self._read_row(line, whole)
        else:
            self.names_secrets |= any(map(names_secret_rows, line.cells))

    def _read_row(self, line: Line, whole: Line) -> None:
        """Somebody's row. ``whole``: with what walls give it, too, by which it is known whose it is."""
        self.heads_next = False
        self.dittos.saw(whole)
        self.tally.row(line)
        began = self.whose.began(whole)
        if self._is_of_withheld(whole, began):
            self._tell_denied(line)
            self._pass_withheld(line)
            return
        if self.listed and self._adds(line):
            return
        raw = self._raw(line)
        if self.systems and self._is_mixed(raw, line):
            return
        self._read_answered(raw, line, whole, began)

    def _read_answered(self, raw: Raw, line: Line, whole: Line, began: int) -> None:
        """A row of which it is known whose it is: by what it says of being classified."""
        comments = self.comments.pop(line.number, ())  # on a classified row they go where the row goes
        answer, told = self._answer(line)
        if answer is False:
            self.cells.comments(raw, comments)
            self.cells.fill(raw, line.number, line.cells)
            self._take(raw)
        elif self.systems and answer is None and self.unanswered.may_be_stated and not self._says_yes(line):
            self.wall.add(line)
            self.kept.append(_Kept(self.table, self.source, self.bare, whole, tuple(comments), self.section, began))
        elif self.systems:
            self._withhold(raw, line, began, answer, told=told)
        elif not told and answer:
            self.withheld[began] = True
            self._pass_withheld(line)
        elif not told:
            says, mend = say("inventory.technical_row_classified"), say("inventory.confirm_or_remove")
            self.notes.finding("technical-row-classified", "error", line.number, self.table.classified[0], says, mend)

    def _kind(self, line: Line) -> Kind:
        """What the row is; below 填表说明, or 姓名, 电话, one of notes, unless it may be somebody's."""
        what = kind_of_row(self.table, line)
        if what is Kind.BLANK:
            return what
        is_nobodys = heads_people(line)
        if self.in_notes and not is_nobodys and is_a_systems(self.table, line):
            self.in_notes = False
        elif is_nobodys or (len(line.own()) == 1 and says_notes(cells.text_of(line.cells[line.own()[0]]))):
            self.in_notes = True
        return Kind.NOTE if self.in_notes and what in {Kind.DATA, Kind.ODD} else what

    def _lost(self, lost: Lost) -> None:
        self.notes.finding(lost.code, lost.severity, lost.row, lost.column, lost.says, lost.mend)

    def _raw(self, line: Line) -> Raw:
        at = f"A{line.number + 1}"
        contexts = {SECTION: self.section, **self.source.contexts} if self.section else self.source.contexts
        return Raw(self.file, self.grid.name, at, columns=self.letters, source=self.source.id, contexts=contexts, waits=self.source.waits)

    def _place(self, line: Line) -> str:
        """The cell that should say whether the row is classified."""
        return self.source.place(line.number, self.table.classified[0] if self.table.classified else 0)

    def _settle_kept(self) -> None:
        """Rows that waited for what a statement says of the sheet, now that all of it was seen."""
        statement = self.unanswered.statement()
        if statement is None:
            self.builder.findings.extend(finding for finding in self.unsaid if finding is not None)
        last, source, bare = self.table, self.source, self.bare
        for kept in self.kept:
            self._use(kept.table, kept.source, kept.bare)
            self.section = kept.section
            raw = self._raw(kept.line)
            if statement is not None:
                self._settle_doubt(kept.line.number)
            is_named = statement is not None and {kept.line.number + 1, kept.began + 1} & statement.classified
            if statement is not None and not is_named and kept.began not in self.withheld:
                self.wall.rows.discard(kept.line.number + 1)
                self.cells.comments(raw, kept.comments)
                self.cells.fill(raw, kept.line.number, self.wall.without_its_cells(kept.line, self.table).cells)
                self._take(raw)
                continue
            line = self.wall.without_its_cells(kept.line, self.table)
            self._withhold(raw, line, kept.began, True if is_named else None, told="classified" not in self.by_field)
        if statement is not None and len(self.kept) > len(statement.classified):
            first = self._place(self.kept[0].line).rpartition(" › ")[2]
            said = say("inventory.stated", who=statement.who, count=len(self.kept) - len(statement.classified))
            self.builder.interpretations.append(Interpretation(self.file, self.grid.name, first, "", said))
        self._use(last, source, bare)

    def _adds(self, line: Line) -> bool:
        """Whether the row adds to a system that the file lists elsewhere, and is taken as that."""
        named = key(cells.text_of(self.cells.cell(line.cells, "name")))
        if named not in self.listed:
            if self.unsaid[-1] is None:
                self.unsaid[-1] = nothing_on_classification(self.table, self.file, self.grid.name)
            return False
        raw = self._raw(line)
        self.cells.comments(raw, self.comments.pop(line.number, ()))
        self.cells.fill(raw, line.number, line.cells)
        self.builder.further.append(raw)
        return True

    def _is_of_withheld(self, whole: Line, began: int) -> bool:
        """Whether a row is a further one of a system that is withheld: named on one such row above, or, on a technical sheet, by its name, which no
        other system has."""
        if began != whole.number and began in self.withheld:
            return self.withheld[began] is True or not self._says_yes(whole)
        named = self.whose.name(whole)
        is_withheld = named in self.builder.names_withheld and named not in self.builder.names_of_systems()
        if named not in self.listed_withheld if self.listed else self.systems or not is_withheld:
            return False
        self.withheld[began] = None
        return True

    def _tell_denied(self, line: Line) -> None:
        """That a further row of a classified system says that it is not."""
        if denied := [index for index in self.table.classified if index in line.own() and classified(line.cells[index]) is False]:
            says, mend = say("inventory.classified_cells_contradict"), say("inventory.department_agrees")
            self.notes.finding("classified-contradiction", "error", line.number, denied[0], says, mend)

    def _is_mixed(self, raw: Raw, line: Line) -> bool:
        """Whether the row names several systems, and does not say of each of them that it is not classified: nothing of it is read."""
        beside = [(index, column) for index, column in self.table.repeated if column.field == "name"]
        names = [text for index in (self.table.name_at, *(index for index, _ in beside)) if index is not None and (text := cells.text_of(at(line.cells, index)))]
        count = len(set(map(key, names)))
        if count < 2 or sum(classified(at(line.cells, index)) is False for index in self.table.classified) >= count:
            return False
        self.notes.error(line.number, *beside[0], say("inventory.differs_from_other_column"))
        for name in names:
            self.builder.secrets.add(name)
        self.comments.pop(line.number, None)
        self._classified(raw, line, answered=False, told=True)
        return True

    def _pass_withheld(self, line: Line) -> None:
        self.wall.add(line)
        self.comments.pop(line.number, None)
        self.builder.withheld_parts.count(self.file, self.grid.name)

    def _settle_doubt(self, number: int) -> None:
        """Somebody has said what the row is: that it contradicts itself has been decided."""
        at = ("classified-doubt", self.file, self.grid.name, str(number + 1))
        self.builder.findings[:] = [one for one in self.builder.findings if (one.code, one.file, one.sheet, one.cell.lstrip(_LETTERS)) != at]

    def _settle_table(self) -> None:
        """What is known of a table once its last row was read."""
        self.above = self.tally.all
        if told := self.dittos.told():
            self.builder.interpretations.append(Interpretation(self.file, self.grid.name, address(self.table.header, 0), "同上", told))
        for lost in self.tally.gaps():
            self._lost(lost)
        for number, index, column in self.bare.settle():
            self.notes.error(number, index, column, say("inventory.no_unit_implausible"))

    def finish(self) -> None:
        if self.names_secrets:
            self.unanswered.doubt_all([kept.line.number for kept in self.kept])
        self._settle_kept()
        self._settle_table()
        self.builder.findings.extend(self.wall.take_back())
        self.unanswered.ask(self.source.contexts)
        self.cells.comments(Raw(self.file, self.grid.name), [cell for row, there in self.comments.items() if self.grid.part.holds(row) for cell in there], on_a_row=False)
        self.notes.leftover_counts(self.table.header)

    # ------------------------------------------------------------ is it classified?

    def _says_yes(self, line: Line) -> bool:
        return says_yes(at(line.cells, index) for index in self.table.classified)

    def _answer(self, line: Line) -> tuple[bool | None, bool]:
        """What all columns that ask it say together, False only where one says so and none says otherwise; and whether all that there is to
        say of an answer that is missing has been told."""
        columns = self.table.classified
        asked = "classified" in self.by_field
        if not self.systems and not columns and not self.open:
            return False, True
        said = {index: classified(cell) for index in columns if not is_silent(cell := at(line.cells, index))}
        answers = set(said.values())
        verdict = judge([at(line.cells, index) for index in columns], is_open=bool(self.open), speaks=self._speaks_of_secrets(line))
        if verdict.is_doubted:
            self.unanswered.doubt(line.number, silent=self.secret_section and not answers)
        if self.open and verdict.answer is None:
            if self.source.waits:
                self.builder.wait_for_columns(self._raw(line))
            return None, bool(self.source.waits) or (self.systems and not asked)
        if answers >= {True, False}:
            self.notes.finding(
                "classified-contradiction", "error", line.number, max(said), say("inventory.classified_cells_contradict"),
                say("inventory.department_agrees"),
            )  # fmt: skip
            return None, True
        if answers == {False} and (asked or not self.systems):
            if verdict.answer is False:
                return False, True
            self.notes.finding(
                "classified-doubt", "error", line.number, max(said),
                say("inventory.classified_doubt"),
                say("inventory.department_confirms"),
            )  # fmt: skip
            return None, True
        return (True if verdict.answer else None), self.systems and not asked

    def _speaks_of_secrets(self, line: Line) -> bool:
        others = {index: cell for index, cell in enumerate(line.cells) if index not in self.table.classified}
        speaks = any(map(speaks_of_secrets, others.values())) or any(classified(others.get(index)) is True for index in self.hinting)
        return self.systems and (self.secret_section or speaks)

    def _withhold(self, raw: Raw, line: Line, began: int, answer: bool | None, *, told: bool) -> None:
        """Count a row that is classified, or does not say so, and learn nothing of it; once for a system of several rows."""
        if began != line.number and began in self.withheld and self.withheld[began] in {True, answer}:
            self.wall.add(line)
            return
        self.withheld[began] = answer
        if answer is None and not self._says_yes(line):  # else no statement answers it, only the department at its cell
            self.unanswered.lacks(line.number, self._place(line))
        self._classified(raw, line, answered=answer is True, told=told)

    def _classified(self, raw: Raw, line: Line, *, answered: bool, told: bool) -> None:
        row = line.cells
        self.wall.add(line)
        department = cells.text_of(self.cells.cell(row, "department")) or self.table.owner
        if answered or self.by_field.get("name") not in line.filled:
            says = answered or any(classified(at(row, index)) is True for index in self.open)
            self.builder.secrets.add(self.cells.cell(row, "name"), department if says else None)
        if answered:
            self.builder.secrets.add_aliases(at(row, index) for index, words in self.table.unknown.items() if says_another_name(words))
        try:
            row_no = read_value("integer", self.cells.cell(row, "row_no")).value
        except cells.Unreadable:
            row_no = None
        called = (cells.text_of(self.cells.cell(row, "id")), cells.text_of(self.cells.cell(row, "name")))
        self.builder.classified_row(raw, department, row_no, answered=answered, quiet=told, called=called)

    def _take(self, raw: Raw) -> None:
        if self.systems:
            if "department" not in self.by_field and self.table.owner:
                raw.values["department"] = self.table.owner
            self.builder.sheet_system(raw)
            return
        if isinstance(raw.values.get("health"), dict):
            raw.values["health"].setdefault("target", "")  # nothing to say of a TCP check
        if self.table.form.id == "hosts" and not raw.values.get("name") and raw.values.get("address"):
            raw.values["name"] = host_name(str(raw.values["address"]))  # a machine without a name of its own
        if raw.waits and (kind := self.table.form.id) in PARTS and not required_fields(kind) <= {*raw.columns, *raw.values}:
            self.builder.wait_for_columns(raw)
            return
        self.builder.part(self.table.form.id, raw)
