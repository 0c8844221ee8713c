"""A verdict as prose for a department head, Chinese first, English second. Nothing here decides anything."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from orchestrator.inventory.build.faults import label
from orchestrator.models import Department, Excluded, Reason, Strategy, System, Verdict
from orchestrator.policy.assess import STRATEGY_EN, STRATEGY_ZH
from orchestrator.policy.facts import Facts, field_of
from orchestrator.policy.policy import Policy, Rule
from orchestrator.policy.reader import FactReader
from orchestrator.texts import Name

BASIS = {"opinion": ("实施意见", "the implementation opinion"), "ours": ("本项目细则", "this programme's own rule")}


def explain(
    system: System, department: Department | None, verdict: Verdict, policy: Policy, facts: Facts | None = None
) -> tuple[str, str]:
    """(Chinese, English). Every sentence rests on a reason of the verdict, with the points it moved and where its fact came from.

    ``facts``: those that the verdict was made from, where they were taken from a whole inventory; else they are read from the system alone.
    """
    case = _Case(system, department, verdict, policy, facts or FactReader(policy).facts_of(system))
    return _chinese(case), _english(case)


_OUTSIDE = {
    Excluded.RETIRED: ("status", "建设状态为停用", "it is retired"),
    Excluded.PARTY_MASS: ("department", "所属单位是党群部门", "its department is a party or mass organisation"),
}
"""Why a system that is known is in no count: the field that says so, in Chinese, in English."""


def explain_outside(system: System, department: Department | None, why: Excluded, places: Mapping[str, str]) -> tuple[str, str]:
    """(Chinese, English) of a system that is outside of the count: nothing is asked of it, and why."""
    field, zh, en = _OUTSIDE[why]
    place = places.get(field, "")
    owner = (department.name, department.name_en or department.name) if department else (system.department, system.department)
    head = f"{system.name}（{owner[0]}）\n\n不在统计范围，不迁移，也不计入迁移目标。\n\n理由：\n  1. {zh}" + (f"（见 {place}）" if place else "")
    told = f"{system.name_en or system.name} ({owner[1]})\n\nOutside the count: it does not move and is in no target.\n\nReasons:\n  1. {en}" + (f" ({place})" if place else "")
    return f"{head}。\n\n{_CONTEST_ZH}", f"{told}.\n\n{_CONTEST_EN}"


_CONTEST_ZH = "对以上事实或结论有异议的，请向市智慧城市建设办公室提出：事实有误，更正台账即可；需要改定迁移方式的，由具名负责人说明理由，记录在案。"
_CONTEST_EN = (
    "To contest this, turn to the smart-city office. If a fact is wrong, correct it in the inventory; another strategy needs a named person and a "
    "reason, and stays on record."
)


@dataclass(frozen=True)
class _Case:
    """One verdict, sorted into what decides, what is only marked, and what moves the scores."""

    system: System
    department: Department | None
    verdict: Verdict
    policy: Policy
    facts: Facts

    @cached_property
    def rules(self) -> dict[str, Rule]:
        return {rule.id: rule for rule in self.policy.rules}

    @property
    def deciding(self) -> list[Reason]:
        said = self.strategy
        return [
            one
            for one in self.verdict.reasons
            if one.rule == "default" or (one.rule in self.rules and self.rules[one.rule].effect.strategy is said)
        ]

    @property
    def marks(self) -> list[Reason]:
        """What there is to know about moving it; nothing of one that does not move. The verdict keeps them: a person may override it."""
        return [] if not self.verdict.strategy.moves else [one for one in self.verdict.reasons if one.rule in self.rules and self.rules[one.rule].effect.mark]

    @property
    def overrides(self) -> list[Reason]:
        return [one for one in self.verdict.reasons if one.rule == "override"]

    @property
    def others(self) -> list[Reason]:
        """What moved the scores, where these are told."""
        if not self.verdict.strategy.moves:
            return []
        said = {one.rule for one in (*self.deciding, *self.marks, *self.overrides)}
        return [one for one in self.verdict.reasons if one.rule not in said]

    @property
    def strategy(self) -> Strategy:
        """What policy said, before any override."""
        return self.verdict.policy_strategy or self.verdict.strategy

    def unanswered(self) -> int:
        """Points of readiness lost because facts are missing; 0 where the score stands at its limit."""
        spoke = [self.rules[reason.rule].effect for reason in self.verdict.reasons if reason.rule in self.rules]
        return 100 + sum(effect.readiness for effect in spoke) - self.verdict.readiness if self.verdict.readiness > 0 else 0

    def range(self) -> tuple[int, int] | None:
        """What missing answers could make of the complexity; None where they could move nothing."""
        found = self.verdict.complexity_range
        return found if found and found[0] != found[1] else None

    def points(self, reason: Reason, words: tuple[str, str]) -> str:
        """``成熟度 −15，复杂度 +20``; empty for a rule that moves neither."""
        effect = self.rules[reason.rule].effect if reason.rule in self.rules else None
        moved = zip(words, (effect.readiness, effect.complexity), strict=True) if effect else ()
        return ("，" if words[0] == "成熟度" else ", ").join(f"{word} {points:+d}".replace("-", "−") for word, points in moved if points)

    def evidence(self, reason: Reason, language: Literal[0, 1]) -> list[tuple[str, str]]:
        """(label, answer) of each fact the reason looked at, each field of the form once; in quotation marks what was typed."""
        found: dict[str, tuple[str, str]] = {}
        for rule in reason.rule.split("+"):
            for name in (
                self.policy.conditions[self.rules[rule].when].rests_on(self.facts.values, self.policy.limits) if rule in self.rules else ()
            ):
                if answer := self.facts.words(name, language, quoted=True):
                    label = self.label(self.answered_at(name), language)
                    found.setdefault(label, (label, answer))
            for name in self.policy.conditions[self.rules[rule].when].facts if rule in self.rules else ():
                if name in self.policy.limits:
                    label = (self.policy.facts[name].zh, self.policy.facts[name].en)[language]
                    found.setdefault(label, (label, f"{self.policy.limits[name]:g}"))
        return list(found.values())

    def answered_at(self, name: str) -> str:
        """The field of the form that a fact was taken from: 是否拟停用 where no 计划停用时间 is known."""
        at = [source.at for source in self.facts.sources.get(name, ())]
        return at[0] if len(at) == 1 and "/" not in at[0] and at[0] in System.model_fields else field_of(self.policy, name)

    def label(self, field: str, language: Literal[0, 1]) -> str:
        """What the form calls a field."""
        header = label(field)
        return next(
            (((fact.zh, fact.en)[language]) for name, fact in self.policy.facts.items() if field_of(self.policy, name) == field),
            (header.zh, header.en)[language] if isinstance(header, Name) else header,
        )


def _proposed_zh(strategy: Strategy) -> str:
    if strategy.moves:
        return f"按现行策略，建议的迁移方式为：{STRATEGY_ZH[strategy]}。"
    until = "停用之前仍占用所在机房。" if strategy is Strategy.RETIRE else ""
    return f"按现行策略，建议：{STRATEGY_ZH[strategy]}。该系统不列入迁移计划，不计入迁移目标，单独统计。{until}"


def _proposed_en(strategy: Strategy) -> str:
    apart = " It is in no plan and in no target, and is counted by itself."
    until = " Until it is switched off, it keeps its room." if strategy is Strategy.RETIRE else ""
    return f"Proposed by policy: {STRATEGY_EN[strategy]}." + ("" if strategy.moves else apart + until)


def _scores_zh(case: _Case) -> list[str]:
    verdict, limits, span = case.verdict, case.policy.thresholds, case.range()
    known = f"，未填内容补齐后在 {span[0]}–{span[1]} 分之间" if span else ""
    lines = [
        f"条件成熟度 {verdict.readiness} 分（满分 100，{limits.ready} 分及以上为成熟）：{'成熟' if verdict.ripe else '尚不成熟'}。"
        f"复杂度按已知内容为 {verdict.complexity} 分（{limits.simple} 分及以下为相对简单{known}）：{'相对简单' if verdict.simple else '较复杂'}。"
    ]
    if verdict.not_first:
        return [*lines, "该类系统不放在首批。"]
    if verdict.ripe and verdict.simple:
        return [*lines, "符合“条件成熟、架构相对简单的优先”，可以先迁。"]
    return [*lines, "按“条件成熟、架构相对简单的优先”，宜排在条件更成熟的系统之后。"]


def _scores_en(case: _Case) -> list[str]:
    verdict, limits, span = case.verdict, case.policy.thresholds, case.range()
    known = f"; between {span[0]} and {span[1]} once everything is answered" if span else ""
    lines = [
        f"Readiness {verdict.readiness} of 100 (ripe from {limits.ready}): {'ripe' if verdict.ripe else 'not ripe yet'}. "
        f"Complexity by what is known {verdict.complexity} (simple up to {limits.simple}{known}): "
        f"{'relatively simple' if verdict.simple else 'rather complex'}."
    ]
    if verdict.not_first:
        return [*lines, "Systems of this kind are not in the first wave."]
    first = verdict.ripe and verdict.simple
    return [*lines, "Ripe and relatively simple systems go first: " + ("this is one of them." if first else "it comes after those that are more so.")]


def _chinese(case: _Case) -> str:
    system, verdict = case.system, case.verdict
    owner = case.department.name if case.department else system.department

    def line(reason: Reason) -> str:
        said = "，".join(f"{label}填报为{answer}" if answer.startswith("“") else f"{label}：{answer}" for label, answer in case.evidence(reason, 0))
        behind = "；".join(
            part for part in (said, f"见 {reason.place}" if reason.place else "", case.points(reason, ("成熟度", "复杂度"))) if part
        )
        return reason.zh + (f"（{behind}）" if behind else "")

    lines = [f"{system.name}（{owner}）", "", _proposed_zh(case.strategy)]
    if verdict.overridden_by:
        lines.append(f"现已改定为：{STRATEGY_ZH[verdict.strategy]}。{'；'.join(one.zh for one in case.overrides)}。")
    elif case.overrides:
        lines.append(f"{'；'.join(one.zh for one in case.overrides)}。")
    lines += ["", "理由："]
    for number, reason in enumerate(case.deciding, start=1):
        basis = BASIS.get(reason.source, ("", ""))[0]
        lines.append(f"  {number}. {line(reason)}" + (f"〔依据：{basis}〕" if basis else "") + "。")
    if case.marks:
        lines += ["", *(f"注意：{line(reason)}。" for reason in case.marks)]
    if verdict.doubts:
        lines += ["", "须核实（备注等文字与填报内容不一致，未据此改变结论）："]
        lines += [f"  · {reason.zh}" + (f"（见 {reason.place}）" if reason.place else "") + "。" for reason in verdict.doubts]
    if verdict.strategy.moves:
        lines += ["", *_scores_zh(case)]
    if case.others:
        lines += ["计分时还考虑了：", *(f"  · {line(reason)}" for reason in case.others)]
    if verdict.would_change:
        lines += [
            "",
            "哪些情况会改变这一结论：",
            *(f"  · {reason.zh}" + (f"（见 {reason.place}）" if reason.place else "") + "。" for reason in verdict.would_change),
        ]
    if not verdict.strategy.moves:
        lines += ["", "其他未填报的内容不影响这一结论。"]
    elif verdict.missing:
        words = "、".join(dict.fromkeys(case.label(name, 0) for name in verdict.missing))
        cost = f"（成熟度 −{case.unanswered()}）" if case.unanswered() > 0 else ""
        lines += ["", f"尚未填报或无法识别：{words}。未填内容计入成熟度{cost}，不计入复杂度；补报或更正后将重新计算。"]
    if verdict.strategy.moves and verdict.confidence < 100:
        lines.append(f"本结论的把握为 {verdict.confidence}%：补报越多，把握越高。")
    lines += ["", _CONTEST_ZH]
    return "\n".join(lines)


def _english(case: _Case) -> str:
    system, verdict = case.system, case.verdict
    owner = (case.department.name_en or case.department.name) if case.department else system.department

    def line(reason: Reason) -> str:
        said = ", ".join(f"{label}: {answer}" for label, answer in case.evidence(reason, 1))
        behind = "; ".join(part for part in (said, reason.place, case.points(reason, ("readiness", "complexity"))) if part)
        return reason.en + (f" ({behind})" if behind else "")

    lines = [
        f"{system.name_en or system.name} ({owner})",
        "",
        _proposed_en(case.strategy),
    ]
    if verdict.overridden_by:
        lines.append(f"Changed to: {STRATEGY_EN[verdict.strategy]}. {'; '.join(one.en for one in case.overrides)}.")
    elif case.overrides:
        lines.append(f"{'; '.join(one.en for one in case.overrides)}.")
    lines += ["", "Reasons:"]
    for number, reason in enumerate(case.deciding, start=1):
        basis = BASIS.get(reason.source, ("", ""))[1]
        lines.append(f"  {number}. {line(reason)}" + (f" [from {basis}]" if basis else "") + ".")
    if case.marks:
        lines += ["", *(f"Note: {line(reason)}." for reason in case.marks)]
    if verdict.doubts:
        lines += ["", "To be checked (a remark says otherwise than the form; it has not changed the verdict):"]
        lines += [f"  - {reason.en}." + (f" ({reason.place})" if reason.place else "") for reason in verdict.doubts]
    if verdict.strategy.moves:
        lines += ["", *_scores_en(case)]
    if case.others:
        lines += ["Also counted:", *(f"  - {line(reason)}" for reason in case.others)]
    if verdict.would_change:
        lines += [
            "",
            "What would change this:",
            *(f"  - {reason.en}." + (f" ({reason.place})" if reason.place else "") for reason in verdict.would_change),
        ]
    if not verdict.strategy.moves:
        lines += ["", "What else is not stated changes nothing of this."]
    elif verdict.missing:
        words = ", ".join(dict.fromkeys(case.label(name, 1) for name in verdict.missing))
        cost = f" (−{case.unanswered()})" if case.unanswered() > 0 else ""
        lines += ["", f"Not stated yet, or not understood: {words}. This lowers readiness{cost}, not complexity; answers are assessed anew."]
    if verdict.strategy.moves and verdict.confidence < 100:
        lines.append(f"Confidence in this verdict: {verdict.confidence} %; it grows with every answer.")
    lines += ["", _CONTEST_EN]
    return "\n".join(lines)
