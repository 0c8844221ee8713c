"""What remains to be asked of a reading: each question once, where it is decided, with what was inferred and from what evidence."""

from __future__ import annotations

import hashlib
import string
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, NamedTuple

from orchestrator.texts import Words, kept, reworded, say, spoken

ROWS = 1000
"""Places that one question lists; the rest are counted."""

NO_SYSTEM = "不是系统"
"""An answer under 类别: rows with this word (服务器, 交换机) are things of another kind, and no systems."""


class Key(NamedTuple):
    """What a question is about; an answer to it is found again by the same key."""

    kind: str
    """``department``, ``wording``, ``unit``, ``manner``, ``blank``, ``owner``, ``sheet``, ``columns``, ``grouping``, ``ungrouped``, ``hosts``, ``rows``, ``gone``, ``rows_gone``,
    ``other_system``."""
    column: str = ""
    """Field that is asked for, where it is one."""
    about: str = ""
    """Whom or what: the department, the word, the header."""
    scope: str = ""
    """Where it holds: a digest of a table's headers or of a sheet, ``file › sheet``; empty: everywhere."""

    @property
    def id(self) -> str:
        return f"{self.kind}-{digest(*self)}"


@dataclass(frozen=True)
class Question:
    """``proposed`` is a proposal only: nothing follows from it until a named person has answered."""

    id: str
    kind: str
    column: str
    about: str
    scope: str
    asks: Words
    evidence: Words
    proposed: str
    choices: tuple[str, ...]
    """Answers that can be given; empty, or 不详 alone: as the column is filled in."""
    rows: tuple[str, ...]
    """``file › sheet › cell`` of what it decides, at most ``ROWS`` of them."""
    count: int
    needs_name: bool
    """Only a named person's statement answers it."""

    @property
    def key(self) -> Key:
        return Key(self.kind, self.column, self.about, self.scope)

    def reworded(self, reword: Callable[[str], str]) -> Question:
        """The same question, its texts put through ``reword``; what it is about stays."""
        return replace(
            self, asks=reworded(self.asks, reword), evidence=reworded(self.evidence, reword), proposed=reword(self.proposed),
            rows=tuple(map(reword, self.rows)), choices=tuple(choice for choice in self.choices if reword(choice) == choice),
        )  # fmt: skip

    def as_json(self) -> dict[str, Any]:
        """Its sentences in the language of this process."""
        return {**asdict(self), "asks": str(self.asks), "evidence": str(self.evidence)}


@dataclass
class _Draft:
    asks: Words
    choices: tuple[str, ...]
    needs_name: bool
    proposals: dict[str, Words] = field(default_factory=dict)
    """Proposal → its evidence."""
    evidence: dict[Words, None] = field(default_factory=dict)
    """What was seen where nothing is proposed."""
    unsure: bool = False
    """Something that it decides gave no proposal."""
    rows: list[str] = field(default_factory=list)
    count: int = 0


class Asked:
    """Collects questions; each of them once, however many rows raise it."""

    def __init__(self) -> None:
        self._drafts: dict[Key, _Draft] = {}

    def ask(
        self, key: Key, asks: Words, *, place: str = "", proposed: str = "", evidence: Words = "", choices: Sequence[str] = (), needs_name: bool = False
    ) -> None:
        """Raise a question, or add a place to one that was raised. Where the places propose different answers, none is proposed."""
        draft = self._drafts.setdefault(key, _Draft(asks, tuple(choices), needs_name))
        draft.count += 1
        if place and len(draft.rows) < ROWS and place not in draft.rows[-1:]:
            draft.rows.append(place)
        if proposed:
            draft.proposals.setdefault(proposed, evidence)
        elif evidence or key.kind != "owner":  # whose a sheet is, one of its tables says for the others
            draft.unsure = True
            draft.evidence[evidence] = None

    def forget(self, rows: Collection[str]) -> None:
        """Nothing on these rows (``file › sheet › 5``) is to be asked, nor told as evidence: nothing may be known of them."""
        for key, draft in list(self._drafts.items()):
            rest = [place for place in draft.rows if _row_of(place) not in rows]
            if len(rest) == len(draft.rows):
                continue
            draft.count -= len(draft.rows) - len(rest)
            draft.rows, draft.evidence, draft.proposals = rest, {}, dict.fromkeys(draft.proposals, "")
            if not rest:
                del self._drafts[key]

    def questions(self) -> list[Question]:
        """In the order in which they matter: what keeps whole sheets and departments out of the count first."""
        found = [self._question(key, draft) for key, draft in self._drafts.items()]
        return sorted(found, key=lambda question: (_ORDER.get(question.kind, len(_ORDER)), -question.count, spoken(question.asks, "zh"), question.id))

    @staticmethod
    def _question(key: Key, draft: _Draft) -> Question:
        agreed = len(draft.proposals) == 1 and not draft.unsure
        proposed, evidence = next(iter(draft.proposals.items())) if agreed else ("", all_of([*draft.proposals.values(), *draft.evidence]))
        return Question(
            key.id, *key, draft.asks, evidence, proposed, draft.choices, tuple(draft.rows), draft.count, draft.needs_name
        )


def _row_of(place: str) -> str:
    at, gap, cell = place.rpartition(" › ")
    return at + gap + cell.lstrip(string.ascii_uppercase)


def all_of(evidence: Iterable[Words]) -> Words:
    """Several pieces of evidence as one, each of them once."""
    pieces = tuple(sorted(dict.fromkeys(piece for piece in evidence if piece), key=kept))
    if len(pieces) > _PIECES:
        pieces = (*pieces[:_PIECES], "…")
    return say("inventory.evidence", pieces=pieces) if pieces else ""


_PIECES = 8
_KINDS = (
    "columns", "sheet", "owner", "grouping", "ungrouped", "rows", "hosts", "gone", "rows_gone", "department", "blank", "unit", "manner", "other_system", "wording",
)  # fmt: skip
_ORDER: Mapping[str, int] = {kind: number for number, kind in enumerate(_KINDS)}


def digest(*parts: str) -> str:
    """Ten characters that stand for these texts."""
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:10]


def decided_places(questions: Iterable[Question]) -> set[str]:
    """``file › sheet › cell`` of everything that a question decides."""
    return {place for question in questions for place in question.rows}
