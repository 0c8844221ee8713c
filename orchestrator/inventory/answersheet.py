"""The questions as an xlsx that goes to the office, prefilled with proposals, and the answers that come back in it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from orchestrator.errors import Finding
from orchestrator.inventory.answerbook import Answer
from orchestrator.inventory.build.gaps import BY_NAME, department_facts
from orchestrator.inventory.build.renamed import NEW, former_named
from orchestrator.inventory.build.several_rows import APART, TOGETHER
from orchestrator.inventory.cells import Unreadable, not_known, plain, text_of
from orchestrator.inventory.folder.asking_again import CLASSIFIED, KEPT, NONE, RENAMED, WITHDRAWN, read_fate, read_ids
from orchestrator.inventory.folder.new_workbook import new_workbook
from orchestrator.inventory.forms import Column, forms
from orchestrator.inventory.machine_sizes import MANNERS
from orchestrator.inventory.names import is_id
from orchestrator.inventory.questions import NO_SYSTEM, Key, Question
from orchestrator.inventory.sheets.archive import BadFile
from orchestrator.inventory.sheets.columns_answer import read_columns_answer
from orchestrator.inventory.sheets.grids import address, grids
from orchestrator.inventory.statements import read_statement
from orchestrator.inventory.units import known_units
from orchestrator.inventory.values import form_choice, read_value, runs_at
from orchestrator.texts import Words, say, spoken

SHEET = "待答问题"
_WHO = "答复人"
_HEADERS = (
    ("编号", 22), ("问题", 60), ("依据", 30), ("可填", 36), ("涉及行数", 10), ("涉及位置", 40), ("答复", 30), (_WHO, 14), ("类型", 12), ("列", 18), ("对象", 24), ("范围", 24),
)  # fmt: skip
_HINT = (
    "请在“答复”中核对或填写，并写明答复人（可只填第一行，其下空白的视为同一人）。已填的答复是按依据所作的推测，未经答复人确认不会采用；"
    "不清楚的清空或写“不详”。“类型”以后的列请勿改动。"
)
_ANSWER, _ANSWERER = 6, 7
"""Columns, from 0, that the office fills in."""
_TO_FILL = "#FFE699"
_SHOWN = 5


def write_questions(path: Path, questions: Sequence[Question]) -> None:
    """Write the answer sheet. Replaces ``path`` whole or not at all."""
    with new_workbook(path) as book:
        sheet = book.add_sheet(SHEET)
        book.put(sheet, 0, 0, _HINT)
        for column, (words, width) in enumerate(_HEADERS):
            book.put(sheet, 1, column, words, bold=True)
            sheet.set_column(column, column, width)
        for row, question in enumerate(questions, start=2):
            shown = "\n".join(question.rows[:_SHOWN]) + (f"\n等 {question.count} 处" if question.count > _SHOWN else "")
            cells = (
                question.id, spoken(question.asks, "zh"), spoken(question.evidence, "zh"), "、".join(question.choices), question.count, shown, question.proposed, None,
                *question.key,
            )  # fmt: skip
            for column, value in enumerate(cells):
                fill = {"bg_color": _TO_FILL} if column in (_ANSWER, _ANSWERER) else {}
                book.put(sheet, row, column, value, text_wrap=True, valign="top", **fill)
            offered = list(question.choices)
            if len(offered) > 1 and question.kind == "wording" and len(",".join(offered)) < 250:
                sheet.data_validation(row, _ANSWER, row, _ANSWER, {"validate": "list", "source": offered, "show_error": False})
        sheet.freeze_panes(2, 0)


def read_answersheet(path: Path, today: dt.date) -> tuple[list[Answer], list[Finding], int]:
    """The answers of a sheet that came back; a finding for each that cannot be used; and how many questions are still without one."""
    findings: list[Finding] = []
    answers: list[Answer] = []
    still_open = 0
    try:
        rows = next((list(grid.rows) for grid in grids(path) if grid.name == SHEET), None)
    except BadFile as bad:
        return [], [Finding(bad.code, "error", bad.says, bad.mend, file=path.name)], 0
    head = next((number for number, row in enumerate(rows or ()) if {"编号", "答复"} <= {text_of(cell) for cell in row}), None)
    if rows is None or head is None:
        what = say("inventory.not_an_answer_sheet")
        return [], [Finding("not-an-answer-sheet", "error", what, say("inventory.make_answer_sheet"), file=path.name)], 0
    at = {text_of(cell): index for index, cell in enumerate(rows[head])}
    who = ""
    for number, row in enumerate(rows[head + 1 :], start=head + 1):
        cell = {words: text_of(row[index]) if index < len(row) else "" for words, index in at.items()}
        who = cell.get(_WHO) or who
        key = Key(cell.get("类型", ""), cell.get("列", ""), cell.get("对象", ""), cell.get("范围", ""))
        if not cell.get("编号"):
            continue
        said = cell.get("答复", "")
        if not said or (plain(said) == "不详" and key.kind != "wording"):  # of a word, that nobody knows what it means is an answer
            still_open += 1
            continue
        why = _unusable(key, cell["编号"], said, who)
        if why:
            findings.append(
                Finding("answer-unreadable", "error", say("inventory.answer_unreadable", number=cell["编号"]), why, path.name, SHEET, address(number, at["答复"]))
            )
        else:
            answers.append(Answer(*key, answer=said, by=who, on=today.isoformat()))
    return answers, findings, still_open


def _unusable(key: Key, ident: str, said: str, who: str) -> Words:
    """Why an answer cannot be used; empty where it can."""
    if key.id != ident:
        return say("inventory.answer_columns_changed")
    if not who:
        return say("inventory.answer_needs_name")
    try:
        return _checked(key, said)
    except Unreadable as why:
        return why.form


def _checked(key: Key, said: str) -> Words:
    if key.kind == "sheet" and read_statement(said) is None:
        return say("inventory.form_statement")
    told = said == NEW or former_named(said) or set(department_facts(said)) == {"level", "organisation_type"}
    if key.kind == "department" and not told:
        return say("inventory.form_department_facts")
    if key.kind == "unit" and plain(said).casefold() not in known_units(_column(key.column)):
        return say("inventory.form_unit")
    if key.kind == "manner" and said not in MANNERS.get(key.column, ()):
        return say("inventory.form_either", one=MANNERS[key.column][0], other=MANNERS[key.column][1])
    if key.kind == "blank" and not (said == BY_NAME and key.column == "kind"):
        read_value(key.column, said)
    if key.kind == "gone" and read_fate(said) == ("", ""):
        return say("inventory.form_fate", kept=KEPT, classified=CLASSIFIED, withdrawn=WITHDRAWN, renamed=RENAMED)
    if key.kind == "rows_gone" and said != NONE and not all(map(is_id, read_ids(said))):
        return say("inventory.form_none_or_ids", none=NONE)
    if key.kind == "rows" and said not in {TOGETHER, APART}:
        return say("inventory.form_either", one=TOGETHER, other=APART)
    if key.kind == "columns":
        read_columns_answer(said)
    if key.kind == "wording" and not (key.column == "kind" and said == NO_SYSTEM):
        column = _column(key.column)
        if column.type == "place":
            return "" if runs_at(said) or not_known(said) else form_choice("runs_at")
        read_value(column.type, said)
    return ""


def _column(field: str) -> Column:
    """The column of a field, ``hosts.os`` for one of a technical sheet."""
    form, _, inner = field.partition(".")
    known: dict[str, Any] = dict(forms())
    return known[form].column(inner) if inner and form in known else known["systems"].column(field)  # type: ignore[no-any-return]
