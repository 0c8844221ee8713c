"""Inventory and policy → one verdict a system, each with its reasons and with what would change it (R3, R4). Pure."""

from __future__ import annotations

from collections.abc import Mapping

from orchestrator.errors import Refused
from orchestrator.models import Inventory, Reason, Strategy, System, SystemId, Verdict
from orchestrator.policy.expressions import BadCondition, Value
from orchestrator.policy.facts import FactReader, Facts, fact_words, field_of, place_of
from orchestrator.policy.policy import Policy, Rule

STRATEGY_ZH = {
    Strategy.CLOUD_DEPLOYMENT: "部署上云",
    Strategy.DEVICE_RELOCATION: "设备迁移和云平台部署相结合",
    Strategy.HOSTING: "整体搬迁、服务托管",
}
STRATEGY_EN = {
    Strategy.CLOUD_DEPLOYMENT: "cloud deployment",
    Strategy.DEVICE_RELOCATION: "device relocation combined with cloud deployment",
    Strategy.HOSTING: "whole relocation with hosting",
}
DEFAULT_RULE = "default"
Places = Mapping[str, Mapping[str, str]]


def assess(inventory: Inventory, policy: Policy, places: Places | None = None) -> dict[SystemId, Verdict]:
    """What policy says of every counted system, in the order of their ids. Overrides are laid over it by
    ``records.with_overrides``. Raises ``Refused`` when a condition compares what cannot be compared."""
    reader = FactReader(policy)
    known = places or {}
    try:
        return {system.id: assess_system(system, policy, reader, known.get(system.id, {})) for system in inventory.systems}
    except BadCondition as bad:
        raise Refused(
            f"策略中的条件无法计算 (a condition of the policy cannot be evaluated): {bad}", remedy="orchestrator policy check"
        ) from None


def assess_system(system: System, policy: Policy, reader: FactReader, places: Mapping[str, str]) -> Verdict:
    """The verdict on one system. Every rule is asked; unknown ones count as bad for readiness and complexity, never for the strategy."""
    facts = reader.facts_of(system)
    spoke, unknown, skipped = _ask(policy, facts.values)
    strategy = _strategy(policy, spoke)
    missing = [
        name for name, fact in policy.facts.items()
        if fact.weight and name not in facts.values and name not in skipped
        and (not fact.asked_if or policy.conditions[fact.asked_if].holds(facts.values) is not False)
    ]  # fmt: skip
    readiness, complexity = 100 - policy.weights.missing_readiness * len(missing), 0
    for rule in spoke:
        readiness += rule.effect.readiness
        complexity += rule.effect.complexity
    for rule in unknown:
        readiness += min(0, rule.effect.readiness)
        complexity += max(0, rule.effect.complexity)
    reasons = [_reason(rule, policy, facts, places) for rule in spoke]
    if strategy is policy.default.strategy and not any(rule.effect.strategy is strategy for rule in spoke):
        default = policy.default
        reasons.insert(0, Reason(rule=DEFAULT_RULE, zh=default.zh, en=default.en, source=default.source))
    marks = {rule.effect.mark for rule in spoke}
    return Verdict(
        system=system.id,
        strategy=strategy,
        readiness=max(0, min(100, readiness)),
        complexity=max(0, min(100, complexity)),
        confidence=max(0, 100 - sum(policy.facts[name].weight for name in missing)),
        reasons=tuple(reasons),
        would_change=_would_change(policy, facts, places, strategy, spoke, unknown),
        missing=tuple(dict.fromkeys(field_of(policy, name) for name in missing)),
        vendor_run="vendor_run" in marks,
        needs_restart="needs_restart" in marks,
        no_source="no_source" in marks,
    )


def _ask(policy: Policy, values: Mapping[str, Value]) -> tuple[list[Rule], list[Rule], set[str]]:
    """The rules that hold, those that a missing fact leaves open, and the facts that no rule asks for here."""
    spoke: list[Rule] = []
    unknown: list[Rule] = []
    skipped: set[str] = set()
    asked: set[str] = set()
    for rule in policy.rules:
        applies = _applies(policy, rule, values)
        (skipped if applies is False else asked).update(policy.conditions[rule.when].facts)
        holds = _holds(policy, rule, values)
        if holds:
            spoke.append(rule)
        elif holds is None:
            unknown.append(rule)
    return spoke, unknown, skipped - asked


def _strategy(policy: Policy, spoke: list[Rule]) -> Strategy:
    named = {rule.effect.strategy for rule in spoke}
    return next((strategy for strategy in policy.precedence if strategy in named), policy.default.strategy)


def _would_change(
    policy: Policy, facts: Facts, places: Mapping[str, str], strategy: Strategy, spoke: list[Rule], unknown: list[Rule]
) -> tuple[Reason, ...]:
    """Each mend that alone gives another strategy; if none does, those of the ruling strategy together; then what missing facts could do.

    Nothing is assumed: every entry was assessed again with the changed facts.
    """
    found: list[Reason] = []
    mendable = [rule for rule in spoke if rule.effect.strategy not in (None, policy.default.strategy) and rule.mend]
    for rule in mendable:
        after = _after(policy, facts, [rule])
        if after is not strategy:
            found.append(_change(policy, facts, places, [rule], after))
    ruling = [rule for rule in mendable if rule.effect.strategy is strategy]
    if not found and len(ruling) > 1:
        after = _after(policy, facts, ruling)
        if after is not strategy:
            found.append(_change(policy, facts, places, ruling, after))
    rank = {name: number for number, name in enumerate(policy.precedence)}
    for rule in unknown:
        other = rule.effect.strategy
        if other is not None and rank.get(other, 99) < rank.get(strategy, 99):
            texts = [text for text in (rule.when, rule.facts_only_if) if text]
            names = [name for text in texts for name in policy.conditions[text].facts if name not in facts.values]
            words = "、".join(dict.fromkeys(policy.facts[name].zh for name in names))
            english = ", ".join(dict.fromkeys(policy.facts[name].en for name in names))
            found.append(
                Reason(
                    rule=rule.id,
                    zh=f"尚未填写或无法识别“{words}”：若{rule.zh}，则须改为{STRATEGY_ZH[other]}",
                    en=f"Not stated, or not understood: {english}. If “{rule.en}” holds, this becomes {STRATEGY_EN[other]}",
                    source=rule.source,
                )
            )
    return tuple(found)


def _after(policy: Policy, facts: Facts, rules: list[Rule]) -> Strategy:
    """The strategy with these rules mended: only the rules that name a strategy are asked again."""
    values: dict[str, Value] = dict(facts.values)
    for rule in rules:
        values.update(rule.mend)
    return _strategy(policy, [rule for rule in policy.rules if rule.effect.strategy is not None and _holds(policy, rule, values)])


def _applies(policy: Policy, rule: Rule, values: Mapping[str, Value]) -> bool | None:
    """Whether a rule is asked at all; None when a missing fact decides that."""
    return policy.conditions[rule.facts_only_if].holds(values) if rule.facts_only_if else True


def _holds(policy: Policy, rule: Rule, values: Mapping[str, Value]) -> bool | None:
    """Whether a rule speaks; None when that hangs on a missing fact, of its condition or of its precondition."""
    applies = _applies(policy, rule, values)
    holds = applies is not False and policy.conditions[rule.when].holds(values)
    return None if holds and applies is None else holds


def _change(policy: Policy, facts: Facts, places: Mapping[str, str], rules: list[Rule], after: Strategy) -> Reason:
    names = tuple(name for rule in rules for name in policy.conditions[rule.when].rests_on(facts.values, policy.limits))
    zh = "，并且".join(rule.mend_zh or rule.id for rule in rules)
    en = ", together with ".join(rule.mend_en or rule.id for rule in rules)
    return Reason(
        rule="+".join(rule.id for rule in rules),
        zh=f"若{zh}，即可改为{STRATEGY_ZH[after]}",
        en=f"{en[:1].upper()}{en[1:]} would make this {STRATEGY_EN[after]}",
        source=rules[0].source,
        fact=fact_words(policy, facts, names),
        place=place_of(facts, places, names),
    )


def _reason(rule: Rule, policy: Policy, facts: Facts, places: Mapping[str, str]) -> Reason:
    names = policy.conditions[rule.when].rests_on(facts.values, policy.limits)
    return Reason(
        rule=rule.id,
        zh=rule.zh,
        en=rule.en,
        source=rule.source,
        fact=fact_words(policy, facts, names),
        place=place_of(facts, places, names),
    )
