"""Can these conditions hold together? Answered by trying, within one budget for a whole check; what was not tried is not claimed.

Each question is asked once for every answer that matters to it, and answers that all questions meet alike are one case. The cases are combined
as bits, so that a rule over ten facts costs no more than its distinct cases. For questions that cannot be tried out (free texts, lists, sums of
facts) a case that is found proves that a rule can speak, but none found proves nothing: only what holds whatever their answers are is claimed.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from orchestrator.policy.expressions import BadCondition, Value
from orchestrator.policy.policy import Policy
from orchestrator.policy.questions import Question, Questions

EVALUATIONS = 12_000
"""Questions that are put to the interpreter in one check: about a second."""
BITS = 200_000_000
"""Cases times questions that are combined in one check: about a second."""
EACH = 20_000
"""What making a table costs by itself, in these bits."""
MOST_CASES = 2**20
"""Cases of one combination of rules."""


class TooMany(Exception):
    """This combination alone has too many cases; others may still be looked at."""


class Spent(TooMany):
    """The budget of the whole check is used up."""


class Cases(NamedTuple):
    """Bits over all cases: where a condition holds, and where it fails. A case in neither cannot be answered."""

    true: int
    false: int


class Reach:
    """All conditions of one policy. Every method raises ``TooMany`` rather than guess, and ``Spent`` once the budget is."""

    def __init__(self, policy: Policy) -> None:
        self._questions = Questions(policy)
        self._limits: dict[str, Value] = {name: float(value) for name, value in policy.limits.items()}
        self._asked: dict[tuple[str, tuple[str, ...]], bool | None] = {}
        self._faults: dict[str, str] = {}
        self._bits = 0

    def can_hold(self, yes: Sequence[str], no: Sequence[str] = (), given: Mapping[str, Value] | None = None) -> bool | None:
        """Whether all conditions of ``yes`` can hold in a case in which those of ``no`` do not all; None: none was found, none is excluded.

        ``given``: facts that are settled.
        """
        texts = [*yes, *no]
        if self._found(yes, no, self._table(texts, given or {})):
            return True
        if all(question.closed for question in self._questions.of(texts)):
            return False
        return None if self._found(yes, no, self._table(texts, given or {}, free=True)) else False

    def unanswerable(self, texts: Sequence[str]) -> str:
        """Why these conditions together get neither yes nor no in some case; empty when they always do."""
        table = self._table(texts, {})
        cases = [table.cases(self._questions.trees[text]) for text in texts]
        true, false = table.everything, 0
        for one in cases:
            true, false = true & one.true, false | one.false
        if true | false == table.everything:
            return ""
        return next((self._faults[q.key] for q in self._questions.of(texts) if q.key in self._faults), texts[-1])

    def _found(self, yes: Sequence[str], no: Sequence[str], table: _Table) -> bool:
        holds = table.everything
        for text in yes:
            holds &= table.cases(self._questions.trees[text]).true
        against = table.everything if no else 0
        for text in no:
            against &= table.cases(self._questions.trees[text]).true
        return bool(holds & ~against)

    def _table(self, texts: Sequence[str], given: Mapping[str, Value], *, free: bool = False) -> _Table:
        """The table of these conditions. ``free``: a question that cannot be tried out is answered either way, whatever the facts are."""
        questions = self._questions.of(texts)
        loose = [question for question in questions if free and not question.closed]
        tried = [question for question in questions if question not in loose]
        axes: dict[str, list[Any]] = {}
        for name in sorted({name for question in tried for name in question.facts}):
            answers = [given[name]] if name in given else self._questions.answers(name, tried)
            axes[name] = self._alike(name, answers, [question for question in tried if name in question.facts])
        axes |= {question.key: [True, False] for question in loose}
        table = _Table(axes)
        self._pay(EACH + table.size * (len(questions) + sum(map(len, axes.values()))))
        table.prepare()
        for question in tried:
            if math.prod(len(axes[name]) for name in question.facts) > EVALUATIONS // 10:
                raise TooMany
            combinations = itertools.product(*(range(len(axes[name])) for name in question.facts))
            table.put(
                question.key,
                question.facts,
                ((at, self._ask(question, {n: axes[n][i] for n, i in zip(question.facts, at, strict=True)})) for at in combinations),
            )
        for question in loose:
            table.put(question.key, (question.key,), (((0,), True), ((1,), False)))
        return table

    def _alike(self, name: str, answers: list[Value], questions: Sequence[Question]) -> list[Value]:
        """One answer of each kind that the questions tell apart; all answers where a question looks at other facts too."""
        if any(len(question.facts) > 1 for question in questions):
            return answers
        kinds: dict[tuple[bool | None, ...], Value] = {}
        for answer in answers:
            kinds.setdefault(tuple(self._ask(question, {name: answer}) for question in questions), answer)
        return list(kinds.values())

    def _ask(self, question: Question, facts: Mapping[str, Value]) -> bool | None:
        """The answer of one case; None when it has none."""
        at = (question.key, tuple(f"{type(facts[name]).__name__} {facts[name]}" for name in question.facts))
        if at not in self._asked:
            if len(self._asked) >= EVALUATIONS:
                raise Spent
            try:
                self._asked[at] = question.condition.holds({**self._limits, **facts})
            except BadCondition as bad:
                self._asked[at] = None
                self._faults.setdefault(question.key, str(bad)[:200])
        return self._asked[at]

    def _pay(self, bits: int) -> None:
        if bits > MOST_CASES * 64:
            raise TooMany
        self._bits += bits
        if self._bits > BITS:
            raise Spent


class _Table:
    """Every combination of the answers of some axes, one bit each."""

    def __init__(self, axes: Mapping[str, Sequence[Any]]) -> None:
        self._axes = axes
        self.size = 1
        for answers in axes.values():
            self.size *= len(answers)
        if self.size > MOST_CASES:
            raise TooMany
        self.everything = (1 << self.size) - 1
        self._where: dict[str, list[int]] = {}
        self._cases: dict[str, Cases] = {}

    def prepare(self) -> None:
        """For each answer of each axis, the cases that have it."""
        stride = 1
        for name, answers in self._axes.items():
            self._where[name] = [self._repeated(((1 << stride) - 1) << (at * stride), stride * len(answers)) for at in range(len(answers))]
            stride *= len(answers)

    def put(self, key: str, axes: Sequence[str], answers: Any) -> None:
        """The answers to a question: (index on each of its axes, answer)."""
        true = false = 0
        for at, answer in answers:
            where = self.everything
            for name, index in zip(axes, at, strict=True):
                where &= self._where[name][index]
            true |= where if answer is True else 0
            false |= where if answer is False else 0
        self._cases[key] = Cases(true, false)

    def cases(self, tree: Any) -> Cases:
        """As CEL has it: a part that cannot be answered does not matter where the other one decides."""
        if isinstance(tree, str):
            return self._cases[tree]
        if tree[0] == "not":
            inner = self.cases(tree[1])
            return Cases(inner.false, inner.true)
        left, right = self.cases(tree[1]), self.cases(tree[2])
        if tree[0] == "and":
            return Cases(left.true & right.true, left.false | right.false)
        return Cases(left.true | right.true, left.false & right.false)

    def _repeated(self, bits: int, period: int) -> int:
        while period < self.size:
            bits |= bits << period
            period *= 2
        return bits & self.everything
