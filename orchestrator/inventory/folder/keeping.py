"""Answers that came back, into the files that every later reading uses: ``columns.yaml`` for what tables are, ``answers.yaml`` for the others."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from orchestrator.inventory.answerbook import FILE, Answer, answers_text, read_answers
from orchestrator.inventory.folder.write import write_whole
from orchestrator.inventory.reading import COLUMNS_FILE
from orchestrator.inventory.sheets.columns_answer import entry_text, read_columns_answer, source_entry


def keep_answers(folder: Path, answers: Sequence[Answer]) -> list[Path]:
    """Add them to the folder, which is made when it is not there. Returns the files that were written. Raises ``Unreadable``."""
    folder.mkdir(parents=True, exist_ok=True)
    columns = [answer for answer in answers if answer.kind == "columns"]
    others = [answer for answer in answers if answer.kind != "columns"]
    written: list[Path] = []
    if columns:
        file = folder / COLUMNS_FILE
        before = file.read_text("utf-8") if file.is_file() else ""
        entries = [entry_text(source_entry(answer.about, answer.scope, read_columns_answer(answer.answer), answer.by, answer.on)) for answer in columns]
        write_whole(file, before + ("" if not before or before.endswith("\n") else "\n") + "".join(entries))
        written.append(file)
    if others:
        kept = {answer.key: answer for answer in [*read_answers([folder], []).all(), *others]}  # of two to one question the newer
        write_whole(folder / FILE, answers_text(kept.values()))
        written.append(folder / FILE)
    return written
