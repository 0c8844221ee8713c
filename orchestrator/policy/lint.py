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

CORRECT = "更正 (correct it)"
REMOVE = "更正或删除 (correct or remove it)"
_TYPES = {"bool": (bool,), "number": (int, float), "text": (str,)}


def check_policy(policy: Policy) -> list[Finding]:
    """Every finding, within a few seconds. A claim that a rule never speaks is a proof; what could not be tried is said to be not proved."""
    findings = [*_default(policy), *_precedence(policy), *_lists(policy)]
    for name, fact in policy.facts.items():
        findings += _fact(policy, name, fact)
    for rule in policy.rules:
        findings += [*_words(rule), *_mend(policy, rule)]
    return findings + _Tried(policy).findings()


def _finding(code: str, severity: str, at: str, message: str, remedy: str) -> Finding:
    return Finding(code, severity, f"{at.rpartition('.')[2]}: {message}", remedy, file="policy.yaml", cell=at)


# ---------------------------------------------------------------- what stands there


def _default(policy: Policy) -> Iterator[Finding]:
    for name in ("zh", "en", "source"):
        if not getattr(policy.default, name).strip():
            yield _finding(
                "no-reason", "error", "default", f"没有写明 {name} (no {name})", "补上理由与依据 (state the reason and its source)"
            )


def _precedence(policy: Policy) -> Iterator[Finding]:
    """A strategy that has no rank is never chosen, however many rules name it."""
    for strategy in dict.fromkeys(rule.effect.strategy for rule in policy.rules):
        if strategy is not None and strategy not in policy.precedence:
            rules = "、".join(rule.id for rule in policy.rules if rule.effect.strategy is strategy)
            message = f"缺少 {strategy}，这些规则的迁移方式永远不起作用 (missing: the strategy of these rules is never chosen): {rules}"
            yield _finding("not-in-precedence", "error", "precedence", message, "补入 precedence (add it)")


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
                yield _finding("unknown-word", "error", name, f"synonyms.{kind} 中没有 {word} (no such word among them)", CORRECT)


def _fact(policy: Policy, name: str, fact: Fact) -> Iterator[Finding]:
    known = provided(policy).get(name)
    at = f"facts.{name}"
    if known is None:
        message = "台账中没有任何内容提供这一事实 (nothing provides this fact)"
        yield _finding(
            "unknown-fact", "error", at, message, f"删除，或改用 (remove it, or use one of): {'、'.join(sorted(provided(policy)))}"
        )
    elif known.type != fact.type:
        yield _finding("fact-type", "error", at, f"类型应为 {known.type} (its type is {known.type}, not {fact.type})", CORRECT)
    if fact.of and fact.of not in System.model_fields:
        yield _finding("unknown-field", "error", at, f"of: 台账没有字段 {fact.of} (the inventory has no such field)", CORRECT)


def _words(rule: Rule) -> Iterator[Finding]:
    at = f"rules.{rule.id}"
    for name, text in (("zh", rule.zh), ("en", rule.en), ("source", rule.source)):
        if not text.strip():
            yield _finding("no-reason", "error", at, f"没有写明 {name} (no {name})", "补上理由与依据 (state the reason and its source)")
    effect = rule.effect
    if effect.strategy is None and effect.mark is None and not effect.readiness and not effect.complexity:
        yield _finding("no-effect", "error", at, "没有任何作用 (it has no effect)", "补上作用或删除 (give it an effect or remove it)")
    if rule.mend and not (rule.mend_zh and rule.mend_en):
        yield _finding("no-reason", "warning", at, "mend 没有中英文说明 (mend without words)", "补上 mend_zh、mend_en")


def _mend(policy: Policy, rule: Rule) -> Iterator[Finding]:
    """Values that the facts of a mend cannot have."""
    for name, value in rule.mend.items():
        fact, known = policy.facts.get(name), provided(policy).get(name)
        if fact is None:
            message = f"mend 中没有这个事实 (no such fact): {name}"
        elif not isinstance(value, _TYPES.get(fact.type, ())) or (isinstance(value, bool) and fact.type != "bool"):
            message = f"mend 中 {name} 应为 {fact.type} (must be a {fact.type})"
        elif known and known.type == "text" and known.answers and value not in known.answers:
            message = f"mend 中 {name} 没有这种取值 (it is never {value})；可填 (one of): {'、'.join(known.answers)}"
        else:
            continue
        yield _finding("bad-mend", "error", f"rules.{rule.id}", message, CORRECT)


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
                    yield _finding("bad-condition", "error", at, f"条件得不出是或否 (not a yes/no condition): {fault}", CORRECT)
                    return
            speaks = self.reach.can_hold(texts)
            if speaks is False:
                yield _finding("unreachable", "error", at, "条件永远不成立 (its condition never holds)", REMOVE)
                return
            if speaks is None:
                message = "没有试出使条件成立的取值，也未能证明没有 (no case was found in which it holds, nor proved that there is none)"
                yield _finding("not-proved", "warning", at, message, "用实际台账核对：orchestrator assess (try it on an inventory)")
            if rule.mend and not any(True for _ in _mend(self.policy, rule)) and self.reach.can_hold([rule.when], given=_given(rule)):
                yield _finding("bad-mend", "error", at, "按 mend 改正后规则仍成立 (the rule still holds after its mend)", CORRECT)
            self.speaking.append(rule)
        except Spent:
            self.left.append(rule.id)
        except TooMany:
            yield _finding("not-proved", "warning", at, "组合太多，未能验证 (too many combinations to try)", "拆成几条规则 (split it)")

    def _asked_if(self, name: str, text: str) -> Iterator[Finding]:
        at = f"facts.{name}"
        try:
            if fault := self.reach.unanswerable([text]):
                yield _finding("bad-condition", "error", at, f"asked_if 得不出是或否 (not a yes/no condition): {fault}", CORRECT)
            elif self.reach.can_hold([text]) is False:
                yield _finding("unreachable", "error", at, "asked_if 永远不成立 (its condition never holds)", REMOVE)
        except TooMany:
            yield _finding("not-proved", "warning", at, "asked_if 组合太多，未能验证 (too many combinations to try)", "简化 (simplify it)")

    def _shadowed(self, rules: list[Rule]) -> Iterator[Finding]:
        """A rule whose strategy can never win because a stronger one holds whenever it does."""
        order = self.policy.precedence
        rank = {rule.id: order.index(rule.effect.strategy) for rule in rules if rule.effect.strategy in order}
        for rule in (rule for rule in rules if rule.id in rank):
            stronger = [other for other in rules if other.id in rank and rank[other.id] < rank[rule.id]]
            over = next((other for other in stronger if self._implies(rule, other)), None)
            if over:
                message = f"填报齐全时，凡成立 {over.id} 也成立且优先，迁移方式不起作用 (outweighed by {over.id} wherever every fact is known)"
                yield _finding("shadowed", "error", f"rules.{rule.id}", message, REMOVE)

    def _contradictions(self, rules: list[Rule]) -> Iterator[Finding]:
        """Two rules that hold in exactly the same cases and name different strategies."""
        for one, other in itertools.combinations(rules, 2):
            if one.effect.strategy is not other.effect.strategy and self._implies(one, other) and self._implies(other, one):
                message = f"与 {other.id} 条件相同而迁移方式不同 (same condition as {other.id} wherever every fact is known, another strategy)"
                yield _finding("contradiction", "error", f"rules.{one.id}", message, "保留其一 (keep one of them)")

    def _implies(self, one: Rule, other: Rule) -> bool:
        """Whether it is proved that ``other`` holds whenever ``one`` does. One that could not be tried is counted, and nothing is claimed."""
        try:
            return self.reach.can_hold(_conditions(one), _conditions(other)) is False
        except TooMany:
            self.pairs += 1
            return False

    def _not_looked_at(self) -> Iterator[Finding]:
        remedy = "减少规则或简化条件 (use fewer or simpler rules)"
        if self.left:
            message = f"规则太多，以下 {len(self.left)} 条未验证 (too many rules; not looked at): {'、'.join(self.left)}"
            yield _finding("not-looked-at", "warning", "rules", message, remedy)
        if self.pairs:
            message = f"有 {self.pairs} 对规则未比较是否互相覆盖或矛盾 (pairs of rules that were not compared: too many combinations)"
            yield _finding("not-looked-at", "warning", "rules", message, remedy)


def _conditions(rule: Rule) -> list[str]:
    return [text for text in (rule.facts_only_if, rule.when) if text]


def _given(rule: Rule) -> dict[str, bool | float | str]:
    return {name: value if isinstance(value, bool | str) else float(value) for name, value in rule.mend.items()}
