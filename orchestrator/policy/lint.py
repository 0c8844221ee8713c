"""What is wrong with a policy that is well-formed: rules that never speak, that contradict each other, that give no reason."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Sequence

from orchestrator.errors import Finding
from orchestrator.policy.expressions import BadCondition, Value
from orchestrator.policy.policy import Policy, Rule

MOST = 20_000
"""Combinations of facts that are tried for one rule or pair of rules; beyond that nothing is claimed."""
_NUMBER = re.compile(r"(?<![\w\"'.])(\d+(?:\.\d+)?)(?![\w\"'])")
_TEXT = re.compile(r"\"([^\"]*)\"|'([^']*)'")


def check_policy(policy: Policy) -> list[Finding]:
    """Every finding. Conditions are tried on the values that facts can have and on those around each number they name: a proof within them."""
    findings: list[Finding] = []
    speaking: list[Rule] = []
    for rule in policy.rules:
        findings += _words(rule)
        findings += _mend(policy, rule)
        if bad := _unanswerable(policy, rule):
            findings.append(
                _finding("bad-condition", "error", rule, f"条件得不出是或否 (not a yes/no condition): {bad}", "更正 (correct it)")
            )
            continue
        verdict = _ever(policy, [rule])
        if verdict is None:
            findings.append(
                _finding("not-proved", "warning", rule, "组合太多，未能验证 (too many combinations to try)", "拆成几条规则 (split it)")
            )
        elif verdict is False:
            findings.append(
                _finding("unreachable", "error", rule, "条件永远不成立 (its condition never holds)", "更正或删除 (correct or remove it)")
            )
        if verdict is not False:
            speaking.append(rule)
    findings += _shadowed(policy, speaking)
    findings += _contradictions(policy, speaking)
    return findings


def _finding(code: str, severity: str, rule: Rule, message: str, remedy: str) -> Finding:
    return Finding(code, severity, f"{rule.id}: {message}", remedy, file="policy.yaml", cell=f"rules.{rule.id}")


def _words(rule: Rule) -> Iterator[Finding]:
    for name, text in (("zh", rule.zh), ("en", rule.en), ("source", rule.source)):
        if not text.strip():
            yield _finding("no-reason", "error", rule, f"没有写明 {name} (no {name})", "补上理由与依据 (state the reason and its source)")
    effect = rule.effect
    if effect.strategy is None and effect.mark is None and not effect.readiness and not effect.complexity:
        yield _finding("no-effect", "error", rule, "没有任何作用 (it has no effect)", "补上作用或删除 (give it an effect or remove it)")
    if rule.mend and not (rule.mend_zh and rule.mend_en):
        yield _finding("no-reason", "warning", rule, "mend 没有中英文说明 (mend without words)", "补上 mend_zh、mend_en")


def _mend(policy: Policy, rule: Rule) -> Iterator[Finding]:
    """A mend that leaves its own rule in force would promise what it does not hold."""
    if not rule.mend:
        return
    strangers = [name for name in rule.mend if name not in policy.facts]
    if strangers:
        yield _finding("bad-mend", "error", rule, f"mend 中没有这些事实 (no such facts): {', '.join(strangers)}", "更正 (correct it)")
        return
    for facts in itertools.islice(_combinations(policy, [rule]), 2000):
        try:
            if policy.conditions[rule.when].holds({**facts, **rule.mend}):
                yield _finding(
                    "bad-mend", "error", rule, "按 mend 改正后规则仍成立 (the rule still holds after its mend)", "更正 (correct it)"
                )
                return
        except BadCondition:  # told by ``_unanswerable``
            return


def _unanswerable(policy: Policy, rule: Rule) -> str:
    """Why the condition of a rule cannot be answered with yes or no for some facts; empty when it can."""
    for facts in itertools.islice(_combinations(policy, [rule]), MOST):
        try:
            _holds(policy, rule, facts)
        except BadCondition as bad:
            return str(bad)[:200]
    return ""


def _ever(policy: Policy, rules: Sequence[Rule], without: Sequence[Rule] = ()) -> bool | None:
    """Whether all ``rules`` can hold at once while none of ``without`` does; None when there are too many combinations to try."""
    for tried, facts in enumerate(_combinations(policy, [*rules, *without]), start=1):
        if tried > MOST:
            return None
        try:
            if all(_holds(policy, rule, facts) for rule in rules) and not any(_holds(policy, rule, facts) for rule in without):
                return True
        except BadCondition:
            return None
    return False


def _holds(policy: Policy, rule: Rule, facts: dict[str, Value]) -> bool:
    if rule.facts_only_if and policy.conditions[rule.facts_only_if].holds(facts) is not True:
        return False
    return policy.conditions[rule.when].holds(facts) is True


def _combinations(policy: Policy, rules: Sequence[Rule]) -> Iterator[dict[str, Value]]:
    texts = [text for rule in rules for text in (rule.when, rule.facts_only_if) if text]
    names = sorted({name for text in texts for name in policy.conditions[text].facts if name not in policy.limits})
    fixed: dict[str, Value] = {name: float(value) for name, value in policy.limits.items()}
    for values in itertools.product(*(_domain(policy, name, texts) for name in names)):
        yield {**fixed, **dict(zip(names, values, strict=True))}


def _domain(policy: Policy, name: str, texts: Sequence[str]) -> list[Value]:
    fact = policy.facts[name]
    mine = [text for text in texts if name in policy.conditions[text].facts]
    if fact.type == "bool":
        return [True, False]
    if fact.type == "number":
        if fact.values:
            return [float(value) for value in fact.values]
        found = {float(number) for text in mine for number in _NUMBER.findall(text)} | set(policy.limits.values())
        return sorted({0.0, *found, *(number + 1 for number in found), *(max(0.0, number - 1) for number in found)})
    words = {str(value) for value in fact.values} | {a or b for text in mine for a, b in _TEXT.findall(text)}
    if fact.type == "text":
        if fact.values:
            return sorted(str(value) for value in fact.values)
        return [*sorted(words), "…"]
    return [[], *([word] for word in sorted(words))]


def _shadowed(policy: Policy, rules: list[Rule]) -> Iterator[Finding]:
    """A rule whose strategy can never win because a stronger one holds whenever it does."""
    rank = {strategy: number for number, strategy in enumerate(policy.precedence)}
    for rule in rules:
        mine = rule.effect.strategy
        if mine is None:
            continue
        for other in rules:
            theirs = other.effect.strategy
            if theirs is not None and rank.get(theirs, 99) < rank.get(mine, 99) and _ever(policy, [rule], [other]) is False:
                yield _finding(
                    "shadowed",
                    "error",
                    rule,
                    f"凡成立时 {other.id} 也成立且优先，迁移方式永远不起作用 (always outweighed by {other.id})",
                    "更正或删除 (correct or remove it)",
                )
                break


def _contradictions(policy: Policy, rules: list[Rule]) -> Iterator[Finding]:
    """Two rules that hold in exactly the same cases and name different strategies."""
    chosen = [rule for rule in rules if rule.effect.strategy is not None]
    for one, other in itertools.combinations(chosen, 2):
        if one.effect.strategy is other.effect.strategy:
            continue
        if _ever(policy, [one], [other]) is False and _ever(policy, [other], [one]) is False:
            yield _finding(
                "contradiction",
                "error",
                one,
                f"与 {other.id} 条件相同而迁移方式不同 (same condition as {other.id}, another strategy)",
                "保留其一 (keep one of them)",
            )
