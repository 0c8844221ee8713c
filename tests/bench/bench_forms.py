"""``make bench-forms``: for each shipped mapping and the forms in the manner of real offices, what is asked, understood and countable.

Every question is answered as a patient office would: by the proposal where there is one, else by a plain answer. Prints; asserts nothing.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from orchestrator.cli.listing import table
from orchestrator.inventory.answerbook import Answer
from orchestrator.inventory.cells import text_of
from orchestrator.inventory.check import counts
from orchestrator.inventory.folder.keeping import keep_answers
from orchestrator.inventory.load import load, tables_of
from orchestrator.inventory.questions import Question
from orchestrator.inventory.reading import Reading

SAMPLES = Path(__file__).parents[1] / "fixtures"

PLAIN = {"owner": "市大数据局、市直、政府", "department": "市直、政府", "kind": "应用系统", "status": "已建"}


def answer_to(question: Question) -> str:
    if question.kind == "sheet" and not question.proposed:  # none is, each one named that speaks of secrets
        return next(choice for choice in question.choices if not choice.startswith("涉密"))
    return question.proposed or PLAIN.get(question.kind) or PLAIN.get(question.column, "不详")


def answered(path: Path, folder: Path) -> tuple[list[Reading], list[Question]]:
    """Every reading until nothing is asked any more, and all that was asked."""
    readings = [load([path], beside=[folder])]
    asked: list[Question] = []
    while readings[-1].questions and len(readings) < 6:
        asked += readings[-1].questions
        answers = [Answer(*question.key, answer=answer_to(question), by="张三", on="2017-06-30") for question in readings[-1].questions]
        keep_answers(folder, answers)
        readings.append(load([path], beside=[folder]))
    return readings, asked


def samples() -> list[Path]:
    """One export of each tool with a mapping, then the forms of offices."""
    return [*sorted((SAMPLES / "exports").glob("*.csv")), *sorted((SAMPLES / "forms").glob("*.csv"))]


def cells_of(path: Path) -> set[str]:
    """Every text of a file that a question might have asked for again."""
    return {text_of(cell) for grid in tables_of(path) for row in grid.rows for cell in row} - {""}


def typed_again(asked: list[Question], cells: set[str]) -> int:
    """Answers without a proposal that stand in the file as they are: cells that somebody typed again."""
    return sum(not question.proposed and answer_to(question) in cells for question in asked)


def measure(path: Path) -> tuple[object, ...]:
    """One line of the table. ``per department``, ``per word``: questions for each department, and for each word that nobody knows; the others are
    asked of a table: what its columns are, whose it is, whether its rows are classified, how machines are grouped, a column that it lacks."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "inventory"
        folder.mkdir()
        began = time.process_time()
        readings, asked = answered(path, folder)
        seconds = time.process_time() - began
    kinds = Counter(question.kind for question in asked)
    first, last = counts(readings[0]), counts(readings[-1])
    outside = last["classified"] + last["unanswered"] + last["party_mass"] + last["retired"]
    departments = {row.department for row in readings[-1].inventory.excluded} | {one.department for one in readings[-1].all_systems()}
    words = {(question.column, question.about) for question in asked if question.kind == "wording"}
    of_departments = kinds["department"] + kinds["owner"]
    of_table = " ".join(f"{kind} {number}" for kind, number in kinds.items() if kind not in {"department", "owner", "wording"})
    return (
        path.stem, last["rows"], last["rows"] - last["uncounted"], len(asked), len(readings) - 1, f"{of_departments}/{len(departments)}",
        f"{kinds['wording']}/{len(words)}", of_table, sum(bool(question.proposed) for question in asked), typed_again(asked, cells_of(path)),
        first["in_scope"], last["in_scope"], outside, len(readings[-1].errors), f"{seconds:.2f}",
    )  # fmt: skip


def offices(folder: Path) -> list[Path]:
    """The files of ``fixtures/offices.py`` and ``fixtures/technical.py``, each in a folder of its kind's name."""
    sys.path.insert(0, str(SAMPLES))
    from offices import OFFICES  # type: ignore[import-not-found]  # a helper beside the fixtures
    from technical import TECHNICAL  # type: ignore[import-not-found]  # a helper beside the fixtures

    made = []
    for office in (*OFFICES, *TECHNICAL):
        (folder / office.name).mkdir()
        made.append(office.make(folder / office.name))
    return made


def main() -> None:
    with tempfile.TemporaryDirectory() as place:
        rows = [measure(path) for path in [*samples(), *offices(Path(place))]]
    heads = (
        "table", "rows", "understood", "asked", "rounds", "per department", "per word", "of the table", "proposed", "typed again",
        "countable before", "after", "outside", "errors left", "s",
    )  # fmt: skip
    table(heads, rows)


if __name__ == "__main__":
    main()
