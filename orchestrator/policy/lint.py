"""What is wrong with a policy that is well-formed: rules that never speak, that contradict each other, that give no reason; facts that nobody
provides; mends and preconditions that ``assess`` could not use."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from orchestrator.errors import Finding
from orchestrator.models import System
from orchestrator.policy.facts import provided
from orchestrator.policy.policy import Fact, Policy, Rule
from orchestrator.policy.reach import Reach, Spent, TooMany
from orchestrator.texts import Sentence, say

CORRECT = say("policy.correct")
REMOVE = say("policy.remove")
_TYPES = {"bool": (bool,), "number": (int, float), "text": (str,)}


def check_policy(policy: Policy) -> list[Finding]:
    """Every finding, within a few seconds. A claim that a rule never speaks is a proof; what could not be tried is said to be not proved."""
    findings = [*_default(policy), *_precedence(policy), *_lists(policy)]
    for name, fact in policy.facts.items():
        findings += _fact(policy, name, fact)
    for rule in policy.rules:
        findings += [*_words(rule), *_mend(policy, rule)]
    return findings + _Tried(policy).findings()


def _finding(code: str, severity: str, at: str, says: Sentence, mend: Sentence) -> Finding:
    return Finding(code, severity, say("policy.at", at=at.rpartition(".")[2], says=says), mend, file="policy.yaml", cell=at)


# ---------------------------------------------------------------- what stands there


def _default(policy: Policy) -> Iterator[Finding]:
    for name in ("zh", "en", "source"):
        if not getattr(policy.default, name).strip():
            yield _finding("no-reason", "error", "default", say("policy.no_words", name=name), say("policy.state_reason"))


def _precedence(policy: Policy) -> Iterator[Finding]:
    """A strategy that has no rank is never chosen, however many rules name it."""
    for strategy in dict.fromkeys(rule.effect.strategy for rule in policy.rules):
        if strategy is not None and strategy not in policy.precedence:
            rules = tuple(rule.id for rule in policy.rules if rule.effect.strategy is strategy)
            says = say("policy.not_in_precedence", strategy=str(strategy), rules=rules)
            yield _finding("not-in-precedence", "error", "precedence", says, say("policy.add_precedence"))


def _lists(policy: Policy) -> Iterator[Finding]:
    """A word that no synonym gives stands for nothing: a slip in ``cloud_os`` would send every such system to hosting."""
    for name, kind in (
        ("cloud_os", "os_family"),
        ("cloud_processors", "processor"),
        ("movers", "engine"),
        ("engines_without_data", "engine"),
    ):
        given = {word for word, _ in policy.synonyms.get(kind, ())}
        for word in getattr(policy, name):
            if word not in given:
                yield _finding("unknown-word", "error", name, say("policy.unknown_word", kind=kind, word=word), CORRECT)


def _fact(policy: Policy, name: str, fact: Fact) -> Iterator[Finding]:
    known = provided(policy).get(name)
    at = f"facts.{name}"
    if known is None:
        mend = say("policy.use_fact", facts=tuple(sorted(provided(policy))))
        yield _finding("unknown-fact", "error", at, say("policy.unknown_fact"), mend)
    elif known.type != fact.type:
        yield _finding("fact-type", "error", at, say("policy.fact_type", wanted=known.type, given=fact.type), CORRECT)
    if fact.of and fact.of not in System.model_fields:
        yield _finding("unknown-field", "error", at, say("policy.unknown_field", field=fact.of), CORRECT)


def _words(rule: Rule) -> Iterator[Finding]:
    at = f"rules.{rule.id}"
    for name, text in (("zh", rule.zh), ("en", rule.en), ("source", rule.source)):
        if not text.strip():
            yield _finding("no-reason", "error", at, say("policy.no_words", name=name), say("policy.state_reason"))
    effect = rule.effect
    if effect.strategy is None and effect.mark is None and not effect.readiness and not effect.complexity:
        yield _finding("no-effect", "error", at, say("policy.no_effect"), say("policy.give_effect"))
    if rule.mend and not (rule.mend_zh and rule.mend_en):
        yield _finding("no-reason", "warning", at, say("policy.mend_without_words"), say("policy.add_mend_words"))


def _mend(policy: Policy, rule: Rule) -> Iterator[Finding]:
    """Values that the facts of a mend cannot have."""
    for name, value in rule.mend.items():
        fact, known = policy.facts.get(name), provided(policy).get(name)
        if fact is None:
            says = say("policy.mend_fact", fact=name)
        elif not isinstance(value, _TYPES.get(fact.type, ())) or (isinstance(value, bool) and fact.type != "bool"):
            says = say("policy.mend_type", fact=name, type=fact.type)
        elif known and known.type == "text" and known.answers and value not in known.answers:
            says = say("policy.mend_value", fact=name, value=str(value), answers=known.answers)
        else:
            continue
        yield _finding("bad-mend", "error", f"rules.{rule.id}", says, CORRECT)


# ---------------------------------------------------------------- what is tried


class _Tried:
    """Rules and pairs of rules, tried one after the other until the budget is spent; what was left is named."""

    def __init__(self, policy: Policy) -> None:
        self.policy = policy
        self.reach = Reach(policy)
        self.speaking: list[Rule] = []
        """Rules that may speak, as far as they were tried."""
        self.left: list[str] = []
        """Rules for which nothing was left of the budget."""
        self.pairs = 0
        """Comparisons of two rules that were not made."""

    def findings(self) -> list[Finding]:
        found = [finding for name, fact in self.policy.facts.items() if fact.asked_if for finding in self._asked_if(name, fact.asked_if)]
        for rule in self.policy.rules:
            found += self._rule(rule)
        chosen = [rule for rule in self.speaking if rule.effect.strategy is not None]
        return [*found, *self._shadowed(chosen), *self._contradictions(chosen), *self._not_looked_at()]

    def _rule(self, rule: Rule) -> Iterator[Finding]:
        at, texts = f"rules.{rule.id}", _conditions(rule)
        try:
            for some in ([rule.facts_only_if], texts) if rule.facts_only_if else (texts,):
                if fault := self.reach.unanswerable(some):
                    yield _finding("bad-condition", "error", at, say("policy.not_yes_no", fault=fault), CORRECT)
                    return
            speaks = self.reach.can_hold(texts)
            if speaks is False:
                yield _finding("unreachable", "error", at, say("policy.never_holds"), REMOVE)
                return
            if speaks is None:
                yield _finding("not-proved", "warning", at, say("policy.not_proved"), say("policy.try_inventory"))
            if rule.mend and not any(True for _ in _mend(self.policy, rule)) and self.reach.can_hold([rule.when], given=_given(rule)):
                yield _finding("bad-mend", "error", at, say("policy.holds_after_mend"), CORRECT)
            self.speaking.append(rule)
        except Spent:
            self.left.append(rule.id)
        except TooMany:
            yield _finding("not-proved", "warning", at, say("policy.too_many"), say("policy.split_rule"))

    def _asked_if(self, name: str, text: str) -> Iterator[Finding]:
        at = f"facts.{name}"
        try:
            if fault := self.reach.unanswerable([text]):
                yield _finding("bad-condition", "error", at, say("policy.asked_not_yes_no", fault=fault), CORRECT)
            elif self.reach.can_hold([text]) is False:
                yield _finding("unreachable", "error", at, say("policy.asked_never_holds"), REMOVE)
        except TooMany:
            yield _finding("not-proved", "warning", at, say("policy.asked_too_many"), say("policy.simplify"))

    def _shadowed(self, rules: list[Rule]) -> Iterator[Finding]:
        """A rule whose strategy can never win because a stronger one holds whenever it does."""
        order = self.policy.precedence
        rank = {rule.id: order.index(rule.effect.strategy) for rule in rules if rule.effect.strategy in order}
        for rule in (rule for rule in rules if rule.id in rank):
            stronger = [other for other in rules if other.id in rank and rank[other.id] < rank[rule.id]]
            over = next((other for other in stronger if self._implies(rule, other)), None)
            if over:
                yield _finding("shadowed", "error", f"rules.{rule.id}", say("policy.shadowed", rule=over.id), REMOVE)

    def _contradictions(self, rules: list[Rule]) -> Iterator[Finding]:
        """Two rules that hold in exactly the same cases and name different strategies."""
        for one, other in itertools.combinations(rules, 2):
            if one.effect.strategy is not other.effect.strategy and self._implies(one, other) and self._implies(other, one):
                yield _finding("contradiction", "error", f"rules.{one.id}", say("policy.contradiction", rule=other.id), say("policy.keep_one"))

    def _implies(self, one: Rule, other: Rule) -> bool:
        """Whether it is proved that ``other`` holds whenever ``one`` does. One that could not be tried is counted, and nothing is claimed."""
        try:
            return self.reach.can_hold(_conditions(one), _conditions(other)) is False
        except TooMany:
            self.pairs += 1
            return False

    def _not_looked_at(self) -> Iterator[Finding]:
        mend = say("policy.fewer_rules")
        if self.left:
            yield _finding("not-looked-at", "warning", "rules", say("policy.rules_not_tried", count=len(self.left), rules=tuple(self.left)), mend)
        if self.pairs:
            yield _finding("not-looked-at", "warning", "rules", say("policy.pairs_not_tried", count=self.pairs), mend)


def _conditions(rule: Rule) -> list[str]:
    return [text for text in (rule.facts_only_if, rule.when) if text]


def _given(rule: Rule) -> dict[str, bool | float | str]:
    return {name: value if isinstance(value, bool | str) else float(value) for name, value in rule.mend.items()}
