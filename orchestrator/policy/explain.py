"""A verdict as prose for a department head, Chinese first, English second. Nothing here decides anything."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from orchestrator.models import Department, Reason, System, Verdict
from orchestrator.policy.assess import STRATEGY_EN, STRATEGY_ZH
from orchestrator.policy.facts import FactReader, Facts, field_of
from orchestrator.policy.policy import Policy, Rule

BASIS = {"opinion": ("实施意见", "the implementation opinion"), "ours": ("本项目细则", "this programme's own rule")}


def explain(system: System, department: Department | None, verdict: Verdict, policy: Policy) -> tuple[str, str]:
    """(Chinese, English). Every sentence rests on a reason of the verdict, with the points it moved and where its fact came from."""
    case = _Case(system, department, verdict, policy)
    return _chinese(case), _english(case)


@dataclass(frozen=True)
class _Case:
    """One verdict, sorted into what decides, what is only marked, and what moves the scores."""

    system: System
    department: Department | None
    verdict: Verdict
    policy: Policy

    @cached_property
    def rules(self) -> dict[str, Rule]:
        return {rule.id: rule for rule in self.policy.rules}

    @cached_property
    def facts(self) -> Facts:
        return FactReader(self.policy).facts_of(self.system)

    @property
    def deciding(self) -> list[Reason]:
        said = self.verdict.policy_strategy or self.verdict.strategy
        return [
            one
            for one in self.verdict.reasons
            if one.rule == "default" or (one.rule in self.rules and self.rules[one.rule].effect.strategy is said)
        ]

    @property
    def marks(self) -> list[Reason]:
        return [one for one in self.verdict.reasons if one.rule in self.rules and self.rules[one.rule].effect.mark]

    @property
    def overrides(self) -> list[Reason]:
        return [one for one in self.verdict.reasons if one.rule == "override"]

    @property
    def others(self) -> list[Reason]:
        said = {one.rule for one in (*self.deciding, *self.marks, *self.overrides)}
        return [one for one in self.verdict.reasons if one.rule not in said]

    def unanswered(self) -> tuple[int, int]:
        """Points of readiness lost and of complexity added because facts are missing; 0 where a score stands at its limit."""
        spoke = [self.rules[one.rule].effect for one in self.verdict.reasons if one.rule in self.rules]
        readiness, complexity = 100 + sum(one.readiness for one in spoke), sum(one.complexity for one in spoke)
        return (
            readiness - self.verdict.readiness if self.verdict.readiness > 0 else 0,
            self.verdict.complexity - complexity if 0 < self.verdict.complexity < 100 else 0,
        )

    def points(self, reason: Reason, words: tuple[str, str]) -> str:
        """``成熟度 −15，复杂度 +20``; empty for a rule that moves neither."""
        effect = self.rules[reason.rule].effect if reason.rule in self.rules else None
        moved = zip(words, (effect.readiness, effect.complexity), strict=True) if effect else ()
        return ("，" if words[0] == "成熟度" else ", ").join(f"{word} {points:+d}".replace("-", "−") for word, points in moved if points)

    def evidence(self, reason: Reason, language: Literal[0, 1]) -> list[tuple[str, str]]:
        """(label, answer) of each fact the reason looked at, each field of the form once."""
        found: dict[str, tuple[str, str]] = {}
        for rule in reason.rule.split("+"):
            for name in (
                self.policy.conditions[self.rules[rule].when].rests_on(self.facts.values, self.policy.limits) if rule in self.rules else ()
            ):
                if answer := self.facts.words(name, language):
                    label = self.label(field_of(self.policy, name), language)
                    found.setdefault(label, (label, answer))
        return list(found.values())

    def label(self, field: str, language: Literal[0, 1]) -> str:
        """What the form calls a field."""
        return next(
            (((fact.zh, fact.en)[language]) for name, fact in self.policy.facts.items() if field_of(self.policy, name) == field), field
        )


def _chinese(case: _Case) -> str:
    system, verdict, policy = case.system, case.verdict, case.policy
    owner = case.department.name if case.department else system.department

    def line(reason: Reason) -> str:
        said = "，".join(f"{label}填报为“{answer}”" for label, answer in case.evidence(reason, 0))
        behind = "；".join(
            part for part in (said, f"见 {reason.place}" if reason.place else "", case.points(reason, ("成熟度", "复杂度"))) if part
        )
        return reason.zh + (f"（{behind}）" if behind else "")

    lines = [f"{system.name}（{owner}）", "", f"按现行策略，建议的迁移方式为：{STRATEGY_ZH[verdict.policy_strategy or verdict.strategy]}。"]
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
    ripe, simple = verdict.readiness >= policy.thresholds.ready, verdict.complexity <= policy.thresholds.simple
    lines += [
        "",
        f"条件成熟度 {verdict.readiness} 分（满分 100，{policy.thresholds.ready} 分及以上为成熟）：{'成熟' if ripe else '尚不成熟'}。"
        f"复杂度 {verdict.complexity} 分（{policy.thresholds.simple} 分及以下为相对简单）：{'相对简单' if simple else '较复杂'}。",
        "符合“条件成熟、架构相对简单的优先”，可以先迁。"
        if ripe and simple
        else "按“条件成熟、架构相对简单的优先”，宜排在条件更成熟的系统之后。",
    ]
    if case.others:
        lines += ["计分时还考虑了：", *(f"  · {line(reason)}" for reason in case.others)]
    if verdict.would_change:
        lines += [
            "",
            "哪些情况会改变这一结论：",
            *(f"  · {reason.zh}" + (f"（见 {reason.place}）" if reason.place else "") + "。" for reason in verdict.would_change),
        ]
    if verdict.missing:
        words = "、".join(dict.fromkeys(case.label(name, 0) for name in verdict.missing))
        readiness, complexity = case.unanswered()
        cost = [f"成熟度 −{readiness}" if readiness > 0 else "", f"复杂度 +{complexity}" if complexity > 0 else ""]
        cost_words = f"（{'，'.join(part for part in cost if part)}）" if any(cost) else ""
        lines += [
            "",
            f"尚未填报或无法识别：{words}。这些内容一律按不利情况计分{cost_words}，因此本结论的把握为 {verdict.confidence}%；补报或更正后将重新计算。",
        ]
    lines += [
        "",
        "对以上事实或结论有异议的，请向市智慧城市建设办公室提出：事实有误，更正台账即可；需要改定迁移方式的，由具名负责人说明理由，记录在案。",
    ]
    return "\n".join(lines)


def _english(case: _Case) -> str:
    system, verdict, policy = case.system, case.verdict, case.policy
    owner = (case.department.name_en or case.department.name) if case.department else system.department

    def line(reason: Reason) -> str:
        said = ", ".join(f"{label}: {answer}" for label, answer in case.evidence(reason, 1))
        behind = "; ".join(part for part in (said, reason.place, case.points(reason, ("readiness", "complexity"))) if part)
        return reason.en + (f" ({behind})" if behind else "")

    lines = [
        f"{system.name_en or system.name} ({owner})",
        "",
        f"Proposed by policy: {STRATEGY_EN[verdict.policy_strategy or verdict.strategy]}.",
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
    ripe, simple = verdict.readiness >= policy.thresholds.ready, verdict.complexity <= policy.thresholds.simple
    lines += [
        "",
        f"Readiness {verdict.readiness} of 100 (ripe from {policy.thresholds.ready}): {'ripe' if ripe else 'not ripe yet'}. "
        f"Complexity {verdict.complexity} (simple up to {policy.thresholds.simple}): {'relatively simple' if simple else 'rather complex'}.",
        "Ripe and relatively simple systems go first: "
        + ("this is one of them." if ripe and simple else "it comes after those that are more so."),
    ]
    if case.others:
        lines += ["Also counted:", *(f"  - {line(reason)}" for reason in case.others)]
    if verdict.would_change:
        lines += [
            "",
            "What would change this:",
            *(f"  - {reason.en}." + (f" ({reason.place})" if reason.place else "") for reason in verdict.would_change),
        ]
    if verdict.missing:
        words = ", ".join(dict.fromkeys(case.label(name, 1) for name in verdict.missing))
        readiness, complexity = case.unanswered()
        cost = [f"readiness −{readiness}" if readiness > 0 else "", f"complexity +{complexity}" if complexity > 0 else ""]
        cost_words = f" ({', '.join(part for part in cost if part)})" if any(cost) else ""
        lines += [
            "",
            f"Not stated yet, or not understood: {words}. This counts as unfavourable{cost_words}, so that confidence is {verdict.confidence} %; answers are assessed anew.",
        ]
    lines += [
        "",
        "To contest this, turn to the smart-city office. If a fact is wrong, correct it in the inventory; another strategy needs a named person and a reason, and stays on record.",
    ]  # fmt: skip
    return "\n".join(lines)
