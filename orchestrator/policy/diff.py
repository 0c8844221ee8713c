"""Two policies over one inventory: which systems change, and why."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from orchestrator.models import Inventory, Strategy, SystemId, Verdict
from orchestrator.policy.assess import DEFAULT_RULE, MARKS, STRATEGY_EN, STRATEGY_ZH, Places, assess
from orchestrator.policy.policy import Policy


@dataclass(frozen=True)
class Difference:
    """One system of which the two policies say different things."""

    system: SystemId
    before: Strategy
    after: Strategy
    readiness: tuple[int, int]
    complexity: tuple[int, int]
    speaks_no_more: tuple[str, ...]
    speaks_now: tuple[str, ...]
    why_zh: tuple[str, ...]
    why_en: tuple[str, ...]
    marks: tuple[tuple[str, ...], tuple[str, ...]] = ((), ())
    """Before and after, as ``assess.MARKS`` names them."""


def diff_policies(
    inventory: Inventory,
    old: Policy,
    new: Policy,
    places: Places | None = None,
    *,
    today: dt.date | None = None,
    typed: Mapping[str, str] | None = None,
) -> list[Difference]:
    """Every system whose strategy, readiness, complexity or marks differ; those that change strategy first. The rest as in ``assess``."""
    before, after = (assess(inventory, policy, places, today=today, typed=typed) for policy in (old, new))
    found: list[Difference] = []
    for ident, one in before.items():
        other = after[ident]
        marks = (_marks(one), _marks(other))
        if marks[0] == marks[1] and (one.strategy, one.readiness, one.complexity) == (other.strategy, other.readiness, other.complexity):
            continue
        was, now = [reason.rule for reason in one.reasons], [reason.rule for reason in other.reasons]
        words = list(_why(one, other, old, new))
        found.append(
            Difference(
                ident, one.strategy, other.strategy, (one.readiness, other.readiness), (one.complexity, other.complexity),
                tuple(rule for rule in was if rule not in now), tuple(rule for rule in now if rule not in was),
                tuple(zh for zh, _ in words), tuple(en for _, en in words), marks,
            )
        )  # fmt: skip
    return sorted(found, key=lambda d: (d.before is d.after, d.system))


def _why(one: Verdict, other: Verdict, old: Policy, new: Policy) -> Iterator[tuple[str, str]]:
    """(Chinese, English) of everything that differs for one system: reasons, what their rules do, the default, the order of precedence."""
    was, now = {reason.rule: reason for reason in one.reasons}, {reason.rule: reason for reason in other.reasons}
    words = [(f"不再适用：{was[rule].zh}", f"no longer: {was[rule].en}") for rule in was if rule not in now]
    words += [(f"新适用：{now[rule].zh}", f"now: {now[rule].en}") for rule in now if rule not in was]
    if old.default.strategy is not new.default.strategy and DEFAULT_RULE in {*was, *now}:
        words.append(_step("默认迁移方式", "default strategy", _strategy(old.default.strategy), _strategy(new.default.strategy)))
    rules, later = {rule.id: rule.effect for rule in old.rules}, {rule.id: rule.effect for rule in new.rules}
    for rule in (rule for rule in was if rule in now and rule in rules and rule in later):
        for zh, en, before, after in (
            ("迁移方式", "strategy", _strategy(rules[rule].strategy), _strategy(later[rule].strategy)),
            ("标记", "mark", _mark(rules[rule].mark), _mark(later[rule].mark)),
            ("成熟度", "readiness", _points(rules[rule].readiness), _points(later[rule].readiness)),
            ("复杂度", "complexity", _points(rules[rule].complexity), _points(later[rule].complexity)),
        ):
            if before != after:
                words.append(_step(f"规则 {rule} 的{zh}", f"{en} of rule {rule}", before, after))
    if one.strategy is not other.strategy and old.precedence != new.precedence:
        words.append(("迁移方式的优先次序有变", "the precedence of strategies changed"))
    yield from words or [("未填报内容或未决规则的计分有变", "what missing facts or open rules cost changed")]


def _step(zh: str, en: str, before: tuple[str, str], after: tuple[str, str]) -> tuple[str, str]:
    return f"{zh}：{before[0]} → {after[0]}", f"{en}: {before[1]} → {after[1]}"


def _strategy(strategy: Strategy | None) -> tuple[str, str]:
    return (STRATEGY_ZH[strategy], STRATEGY_EN[strategy]) if strategy else ("无", "none")


def _points(points: int) -> tuple[str, str]:
    return f"{points:+d}", f"{points:+d}"


def _mark(mark: str | None) -> tuple[str, str]:
    return MARKS[mark] if mark else ("无", "none")


def _marks(verdict: Verdict) -> tuple[str, ...]:
    return tuple(name for name in MARKS if getattr(verdict, name))
