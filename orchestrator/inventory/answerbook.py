"""Answers that offices gave to questions of ``inventory check``: ``answers.yaml`` in the inventory folder, used by every later reading.

An answer holds for its key (see ``questions.Key``): a word wherever it stands in that column, a department's facts in every form, a unit in
every table with the same headers, a statement on a sheet's classification for that very sheet and no other.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from orchestrator.errors import Finding
from orchestrator.inventory.cells import folded
from orchestrator.inventory.questions import Key
from orchestrator.inventory.yaml_in import Map, Seq, read_yaml
from orchestrator.texts import Sentence, Value, say

FILE = "answers.yaml"
_HEAD = (
    "# What offices answered to questions of `orchestrator inventory check`, and who said so. Every later reading uses it.\n"
    "# Correct an answer here, or remove it to be asked again.\n"
)


@dataclass(frozen=True)
class Answer:
    kind: str
    column: str
    about: str
    scope: str
    answer: str
    by: str
    on: str
    """Date, ISO."""

    @property
    def key(self) -> Key:
        return _normal(Key(self.kind, self.column, self.about, self.scope))

    @property
    def who(self) -> str:
        return f"{self.by} {self.on}".strip()

    def understood(self, value: Value) -> Sentence:
        """What was understood by it, for people."""
        return say("inventory.as_answered", value=value, who=self.who)


class Answers:
    """Answers by what they are about. Later ones win."""

    def __init__(self, answers: Iterable[Answer] = ()) -> None:
        self._by_key = {answer.key: answer for answer in answers}

    def get(self, kind: str, column: str = "", about: str = "", scope: str = "") -> Answer | None:
        return self._by_key.get(_normal(Key(kind, column, about, scope)))

    def any(self, kind: str) -> bool:
        """Whether there is any of this kind."""
        return any(key.kind == kind for key in self._by_key)

    def all(self) -> list[Answer]:
        return list(self._by_key.values())


def _normal(key: Key) -> Key:
    return key._replace(about=folded(key.about))


def read_answers(folders: Sequence[Path], findings: list[Finding]) -> Answers:
    """The answers kept in these folders. An entry that cannot be used is a finding, never silently nothing."""
    found: list[Answer] = []
    for file in dict.fromkeys(folder / FILE for folder in folders):
        if not file.is_file():
            continue
        documents, wrong = read_yaml(file, file.name)
        findings.extend(wrong)
        for document in documents:
            entries = document.get("answers") if isinstance(document, Map) else None
            if not isinstance(entries, Seq):
                findings.append(_unusable(file, "L1"))
                continue
            for entry, line in zip(entries, entries.lines, strict=True):
                answer = _answer(entry)
                if answer is None:
                    findings.append(_unusable(file, f"L{line}"))
                else:
                    found.append(answer)
    return Answers(found)


def _answer(entry: object) -> Answer | None:
    if not isinstance(entry, Map) or set(entry) - set(Answer.__dataclass_fields__) or not {"kind", "answer"} <= set(entry):
        return None
    return Answer(**{name: str(entry.get(name, "") if entry.get(name) is not None else "") for name in Answer.__dataclass_fields__})


def _unusable(file: Path, cell: str) -> Finding:
    return Finding(
        "answer-unusable", "error", say("inventory.answer_unusable"), say("inventory.mend_entry", file=FILE), file=file.name, cell=cell
    )


def answers_text(answers: Iterable[Answer]) -> str:
    """The file's text: one line an answer, sorted, so that two people's answers merge."""
    lines = []
    for answer in sorted(answers, key=lambda one: (one.kind, one.column, one.about, one.scope)):
        entry = {name: value for name, value in asdict(answer).items() if value}
        said = ", ".join(f"{name}: {json.dumps(value, ensure_ascii=False)}" for name, value in entry.items())  # quoted: a digest may look like a number
        lines.append(f"  - {{{said}}}\n")
    return _HEAD + "answers:\n" + "".join(lines) if lines else _HEAD + "answers: []\n"
