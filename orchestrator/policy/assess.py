"""Inventory and policy → one verdict a system, each with its reasons and with what would change it (R3, R4). Pure."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

from orchestrator.errors import Refused
from orchestrator.models import Inventory, Reason, Strategy, System, SystemId, Verdict
from orchestrator.policy.expressions import BadCondition, Value
from orchestrator.policy.facts import Facts, fact_words, field_of, place_of
from orchestrator.policy.policy import Policy, Rule
from orchestrator.policy.reader import FactReader
from orchestrator.policy.remarks import Doubt, doubts_of, opened
from orchestrator.texts import Name, say

if TYPE_CHECKING:
    from orchestrator.inventory.reading import Reading

STRATEGY_ZH = {
    Strategy.CLOUD_DEPLOYMENT: "部署上云",
    Strategy.DEVICE_RELOCATION: "设备迁移和云平台部署相结合",
    Strategy.HOSTING: "整体搬迁、服务托管",
    Strategy.RETIRE: "停用退出，不迁移",
    Strategy.ALREADY_ELSEWHERE: "已在别处运行，无需迁移",
}
STRATEGY_EN = {
    Strategy.CLOUD_DEPLOYMENT: "cloud deployment",
    Strategy.DEVICE_RELOCATION: "device relocation combined with cloud deployment",
    Strategy.HOSTING: "whole relocation with hosting",
    Strategy.RETIRE: "retire: switched off, not migrated",
    Strategy.ALREADY_ELSEWHERE: "already elsewhere: nothing to migrate",
}


def strategy_name(strategy: Strategy) -> Name:
    """What a strategy is called."""
    return Name(STRATEGY_ZH[strategy], STRATEGY_EN[strategy])


MARKS = {
    "vendor_run": ("厂商实施", "vendor-run"),
    "needs_restart": ("需先重启", "needs a restart"),
    "no_source": ("无源端", "no source"),
    "end_of_support": ("软件停止支持", "software out of support"),
    "not_first": ("不进首批", "not in the first wave"),
}
"""Fields of a verdict that a rule's ``mark`` sets, in words."""
DEFAULT_RULE = "default"
Places = Mapping[str, Mapping[str, str]]


def assess(
    inventory: Inventory,
    policy: Policy,
    places: Places | None = None,
    *,
    today: dt.date | None = None,
    typed: Mapping[str, str] | None = None,
    only: Collection[SystemId] | None = None,
) -> dict[SystemId, Verdict]:
    """What policy says of every counted system (of ``only`` these), in the order of their ids. Overrides are laid over it by ``records.with_overrides``.

    ``today``: the day that planned ends and ends of support are compared with; without it nothing is said of them. ``typed``: by place,
    what stands in the cell, where that is not what was understood. Raises ``Refused`` when a condition compares what cannot be compared.
    """
    reader = FactReader(policy, inventory, today, typed or {})
    known = places or {}
    try:
        systems = [system for system in inventory.systems if only is None or system.id in only]
        return {system.id: assess_system(system, policy, reader, known.get(system.id, {})) for system in systems}
    except BadCondition as bad:
        raise Refused(say("policy.not_evaluated", fault=str(bad)), remedy=say("policy.check_policy")) from None


def assess_reading(
    reading: Reading, policy: Policy, today: dt.date | None = None, only: Collection[SystemId] | None = None
) -> dict[SystemId, Verdict]:
    """The same for what was read, with the places and the words of its cells."""
    return assess(reading.inventory, policy, reading.places, today=today, typed=typed_in(reading), only=only)


def typed_in(reading: Reading) -> dict[str, str]:
    """By place, what stands in a cell that took interpretation."""
    return {" › ".join(part for part in (one.file, one.sheet, one.cell) if part): one.read for one in reading.interpretations}


def moving(inventory: Inventory, verdicts: Mapping[SystemId, Verdict]) -> Inventory:
    """The inventory with those systems only that there is something to migrate of: what targets are counted against and plans are made of."""
    systems = tuple(one for one in inventory.systems if one.id not in verdicts or verdicts[one.id].strategy.moves)
    return inventory.model_copy(update={"systems": systems})


def apart(verdicts: Mapping[SystemId, Verdict]) -> dict[Strategy, list[SystemId]]:
    """The systems that do not move, by what becomes of them: counted as what they are."""
    found: dict[Strategy, list[SystemId]] = {Strategy.RETIRE: [], Strategy.ALREADY_ELSEWHERE: []}
    for system, verdict in verdicts.items():
        if not verdict.strategy.moves:
            found[verdict.strategy].append(system)
    return found


def apart_in(reading: Reading, policy: Policy, today: dt.date | None = None) -> dict[Strategy, list[SystemId]]:
    """``apart`` of what was read, at little cost: only systems are assessed that answered what the rules for it look at."""
    rules = [rule for rule in policy.rules if rule.effect.strategy is not None and not rule.effect.strategy.moves]
    fields = {"retiring", *(field_of(policy, name) for rule in rules for name in policy.conditions[rule.when].facts)}
    asked = [system for system in reading.inventory.systems if any(getattr(system, name, None) for name in fields)]
    reader = FactReader(policy, None, today)
    return apart({system.id: assess_system(system, policy, reader, {}) for system in asked})


def assess_system(system: System, policy: Policy, reader: FactReader, places: Mapping[str, str]) -> Verdict:
    """The verdict on one system. Every rule is asked; one that a missing fact leaves open never decides, and widens the range of the scores.

    Complexity is what is known. Readiness takes missing answers for bad ones, where they are asked for at all: a system that nobody knows
    is not ripe, and no department is served better by leaving a cell empty.
    """
    answers = reader.facts_of(system, places)
    doubts = doubts_of(system, policy, answers)
    facts = opened(answers, doubts)
    spoke, unknown, skipped = _ask(policy, facts.values)
    strategy = _strategy(policy, spoke)
    missing = _missing(policy, facts.values, skipped, {doubt.fact for doubt in doubts if doubt.fact in answers.values})
    fields = {field_of(policy, name) for name in missing}
    known = 100 + sum(rule.effect.readiness for rule in spoke)
    unasked = [rule for rule in unknown if not fields & {field_of(policy, name) for name in _unknown_in(policy, rule, facts.values)}]
    readiness = known - policy.weights.missing_readiness * len(missing)
    readiness += sum(min(0, rule.effect.readiness) for rule in unknown if rule not in unasked)
    complexity = sum(rule.effect.complexity for rule in spoke)
    unsure = sum(policy.facts[name].weight for name in missing) + sum({doubt.fact: doubt.weight for doubt in doubts}.values())
    marks = {rule.effect.mark for rule in spoke}
    return Verdict(
        system=system.id,
        strategy=strategy,
        readiness=_score(readiness),
        complexity=_score(complexity),
        readiness_range=(
            _score(readiness + sum(min(0, rule.effect.readiness) for rule in unasked)),
            _score(known + sum(max(0, rule.effect.readiness) for rule in unknown)),
        ),
        complexity_range=(
            _score(complexity + sum(min(0, rule.effect.complexity) for rule in unknown)),
            _score(complexity + sum(max(0, rule.effect.complexity) for rule in unknown)),
        ),
        ripe=_score(readiness) >= policy.thresholds.ready,
        simple=_score(complexity) <= policy.thresholds.simple,
        confidence=_score(100 - unsure),
        reasons=_reasons(policy, facts, places, strategy, spoke),
        would_change=_would_change(policy, facts, places, strategy, spoke, unknown, doubts),
        missing=tuple(dict.fromkeys(field_of(policy, name) for name in missing)),
        doubts=tuple(_doubt(doubt, places) for doubt in doubts),
        **{mark: mark in marks for mark in MARKS},
    )


def _missing(policy: Policy, values: Mapping[str, Value], skipped: set[str], doubted: set[str]) -> list[str]:
    """Facts that are asked for here and are not known. One that a remark put in doubt was answered: the doubt is told instead."""
    found = []
    for name, fact in policy.facts.items():
        if not fact.weight or name in values or name in skipped or name in doubted:
            continue
        if not fact.asked_if or policy.conditions[fact.asked_if].holds(values) is not False:
            found.append(name)
    return found


def _reasons(policy: Policy, facts: Facts, places: Mapping[str, str], strategy: Strategy, spoke: list[Rule]) -> tuple[Reason, ...]:
    reasons = [_reason(rule, policy, facts, places) for rule in spoke]
    if strategy is policy.default.strategy and not any(rule.effect.strategy is strategy for rule in spoke):
        default = policy.default
        reasons.insert(0, Reason(rule=DEFAULT_RULE, zh=default.zh, en=default.en, source=default.source))
    return tuple(reasons)


def _score(points: int) -> int:
    return max(0, min(100, points))


def _unknown_in(policy: Policy, rule: Rule, values: Mapping[str, Value]) -> list[str]:
    """The facts of a rule, its precondition included, that are not known."""
    texts = [text for text in (rule.when, rule.facts_only_if) if text]
    return [name for text in texts for name in policy.conditions[text].facts if name not in values]


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
    policy: Policy,
    facts: Facts,
    places: Mapping[str, str],
    strategy: Strategy,
    spoke: list[Rule],
    unknown: list[Rule],
    doubts: list[Doubt],
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
            names = _unknown_in(policy, rule, facts.values)
            found.append(_open_change(policy, rule, names, [doubt for doubt in doubts if doubt.fact in names], other))
    return tuple(found)


def _open_change(policy: Policy, rule: Rule, names: list[str], doubts: list[Doubt], other: Strategy) -> Reason:
    """What an open rule would make of the system, and what leaves it open: a doubt, or answers that are missing."""
    words = "、".join(dict.fromkeys(policy.facts[name].zh for name in names))
    english = ", ".join(dict.fromkeys(policy.facts[name].en for name in names))
    why_zh, why_en = f"尚未填写或无法识别“{words}”", f"Not stated, or not understood: {english}"
    if doubts:
        quotes = "；".join(dict.fromkeys(f"{doubt.label_zh}写有“{doubt.quote}”" for doubt in doubts))
        english = "; ".join(dict.fromkeys(f"{doubt.label_en} says “{doubt.quote}”" for doubt in doubts))
        why_zh, why_en = f"{quotes}，须核实", f"{english[:1].upper()}{english[1:]}: to be checked"
    return Reason(
        rule=rule.id,
        zh=f"{why_zh}：若{rule.zh}，则须改为{STRATEGY_ZH[other]}",
        en=f"{why_en}. If “{rule.en}” holds, this becomes {STRATEGY_EN[other]}",
        source=rule.source,
    )


def _doubt(doubt: Doubt, places: Mapping[str, str]) -> Reason:
    return Reason(
        rule=f"doubt:{doubt.fact}",
        zh=f"{doubt.label_zh}写有“{doubt.quote}”：{doubt.zh}",
        en=f"{doubt.label_en} says “{doubt.quote}”: {doubt.en}",
        source="ours",
        fact=doubt.quote,
        place=places.get(doubt.field, ""),
    )


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
    condition = policy.conditions[rule.when]
    names = condition.rests_on(facts.values, policy.limits)
    limits = [f"{policy.facts[name].zh} {policy.limits[name]:g}" for name in condition.facts if name in policy.limits]
    return Reason(
        rule=rule.id,
        zh=rule.zh,
        en=rule.en,
        source=rule.source,
        fact=";".join(part for part in (fact_words(policy, facts, names), *limits) if part),
        place=place_of(facts, places, names),
    )
