"""Names under 关联系统 that no list has: 人行征信 is no system of the city. Asked once for a name, by the cells that hold it: the name itself is in no question
and in no answer, for it may be a classified system's."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

from orchestrator.inventory.answerbook import Answers
from orchestrator.inventory.names import key
from orchestrator.inventory.questions import Asked, Key, digest
from orchestrator.inventory.reading import Interpretation, Raw
from orchestrator.texts import say

ELSEWHERE = "不是本市系统"
"""An answer: the name is kept beside the system (``KEPT``), and nothing of the city depends on it."""
KEPT = "本市以外的关联系统"
_FIELD = "depends_on"


class OtherSystems:
    """One reading's. ``withheld``: keys of names that classified and unanswered rows bear, which nobody is asked about."""

    def __init__(self, answers: Answers, asked: Asked, interpretations: list[Interpretation], withheld: Collection[str]) -> None:
        self._answers, self._asked, self._interpretations, self._withheld = answers, asked, interpretations, withheld

    def settle(self, raw: Raw, name: str, number: int, alike: Sequence[str], ids_of: Callable[[str], Sequence[str]]) -> list[str] | None:
        """The ids of what somebody answered that the name is: none where it is elsewhere. None: nobody did, and it is asked. ``number``: of the name in its cell."""
        if not raw.source or key(name) in self._withheld:
            return None
        scope = digest(_FIELD, key(name))
        answer = self._answers.get("other_system", _FIELD, scope=scope)
        found = list(ids_of(answer.answer)) if answer is not None and answer.answer != ELSEWHERE else []
        if answer is not None and (answer.answer == ELSEWHERE or len(found) == 1):
            if not found:
                raw.unknown[KEPT] = "、".join(dict.fromkeys([*filter(None, [raw.unknown.get(KEPT)]), name]))
            self._interpretations.append(Interpretation(raw.file, raw.sheet, raw.at(_FIELD), "", answer.understood(answer.answer)))
            return found
        self._asked.ask(
            Key("other_system", _FIELD, scope=scope), say("inventory.asks_other_system", cell=raw.place(_FIELD), number=number), place=raw.place(_FIELD), choices=(ELSEWHERE, *alike)
        )
        return None
