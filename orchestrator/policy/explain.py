"""A verdict as prose for a department head, Chinese first, English second. Nothing here decides anything."""

from __future__ import annotations

from orchestrator.models import Department, Reason, System, Verdict
from orchestrator.policy.assess import STRATEGY_EN, STRATEGY_ZH
from orchestrator.policy.facts import field_of
from orchestrator.policy.policy import Policy


def explain(system: System, department: Department | None, verdict: Verdict, policy: Policy) -> tuple[str, str]:
    """(Chinese, English). Every sentence rests on a reason of the verdict; where a fact came from stands behind it."""
    return _chinese(system, department, verdict, policy), _english(system, department, verdict, policy)


def _chinese(system: System, department: Department | None, verdict: Verdict, policy: Policy) -> str:
    owner = department.name if department else system.department
    lines = [f"{system.name}({owner})", "", f"建议的迁移方式:{STRATEGY_ZH[verdict.policy_strategy or verdict.strategy]}。"]
    if verdict.overridden_by:
        lines.append(f"经 {verdict.overridden_by} 改定为:{STRATEGY_ZH[verdict.strategy]}。")
    lines += ["", "理由:"]
    for number, reason in enumerate(_deciding(verdict, policy), start=1):
        basis = {"opinion": "实施意见", "ours": "本项目细则"}.get(reason.source, "")
        lines.append(f"  {number}. {reason.zh}" + (f"〔{basis}〕" if basis else "") + _evidence(reason))
    if verdict.vendor_run or verdict.needs_restart or verdict.no_source:
        lines.append("")
        lines += [f"注意:{reason.zh}。" + _evidence(reason) for reason in _marks(verdict, policy)]
    ripe, simple = verdict.readiness >= policy.thresholds.ready, verdict.complexity <= policy.thresholds.simple
    lines += [
        "",
        f"条件成熟度 {verdict.readiness} 分({'成熟' if ripe else '尚不成熟'}),复杂度 {verdict.complexity} 分(架构{'相对简单' if simple else '较复杂'})。"
        + ("符合“条件成熟、架构相对简单的优先”,可安排在前。" if ripe and simple else "宜在条件具备后安排。"),
    ]
    others = list(_others(verdict, policy))
    if others:
        lines += ["影响评分的情况:", *(f"  · {reason.zh}{_evidence(reason)}" for reason in others)]
    if verdict.would_change:
        lines += ["", "什么会改变这个结论:", *(f"  · {reason.zh}。{_place(reason)}" for reason in verdict.would_change)]
    if verdict.missing:
        words = "、".join(dict.fromkeys(_label(policy, name, 0) for name in verdict.missing))
        lines += ["", f"以下内容尚未填报,结论的把握为 {verdict.confidence}%(未填报的一律不按有利情况计算):{words}。"]
    lines += ["", "如有不同意见,请向市智慧城市建设办公室提出;改定须由具名人员说明理由,并记录在案。"]
    return "\n".join(lines)


def _english(system: System, department: Department | None, verdict: Verdict, policy: Policy) -> str:
    owner = (department.name_en or department.name) if department else system.department
    lines = [f"{system.name_en or system.name} ({owner})", "", f"Proposed: {STRATEGY_EN[verdict.policy_strategy or verdict.strategy]}."]
    if verdict.overridden_by:
        lines.append(f"Overridden by {verdict.overridden_by}: {STRATEGY_EN[verdict.strategy]}.")
    lines += ["", "Reasons:"]
    for number, reason in enumerate(_deciding(verdict, policy), start=1):
        basis = {"opinion": "the implementation opinion", "ours": "this programme's own rule"}.get(reason.source, "")
        lines.append(f"  {number}. {reason.en}" + (f" [{basis}]" if basis else "") + _evidence(reason))
    marks = _marks(verdict, policy)
    if marks:
        lines += ["", *(f"Note: {reason.en}.{_evidence(reason)}" for reason in marks)]
    ripe, simple = verdict.readiness >= policy.thresholds.ready, verdict.complexity <= policy.thresholds.simple
    lines += [
        "",
        f"Readiness {verdict.readiness}/100 ({'ripe' if ripe else 'not ripe yet'}), complexity {verdict.complexity}/100 "
        f"({'relatively simple' if simple else 'complex'}).",
    ]
    others = _others(verdict, policy)
    if others:
        lines += ["What moved these scores:", *(f"  - {reason.en}{_evidence(reason)}" for reason in others)]
    if verdict.would_change:
        lines += ["", "What would change this:", *(f"  - {reason.en}. {_place(reason)}".rstrip() for reason in verdict.would_change)]
    if verdict.missing:
        words = ", ".join(dict.fromkeys(_label(policy, name, 1) for name in verdict.missing))
        lines += ["", f"Not stated yet (never taken as good; confidence {verdict.confidence}%): {words}."]
    lines += ["", "To contest this, turn to the smart-city office; an override needs a named person and a reason, and stays on record."]
    return "\n".join(lines)


def _deciding(verdict: Verdict, policy: Policy) -> list[Reason]:
    said = verdict.policy_strategy or verdict.strategy
    rules = {rule.id for rule in policy.rules if rule.effect.strategy is said} | {"default", "override"}
    return [reason for reason in verdict.reasons if reason.rule in rules]


def _marks(verdict: Verdict, policy: Policy) -> list[Reason]:
    rules = {rule.id for rule in policy.rules if rule.effect.mark}
    return [reason for reason in verdict.reasons if reason.rule in rules]


def _others(verdict: Verdict, policy: Policy) -> list[Reason]:
    said = {reason.rule for reason in [*_deciding(verdict, policy), *_marks(verdict, policy)]}
    return [reason for reason in verdict.reasons if reason.rule not in said]


def _label(policy: Policy, field: str, language: int) -> str:
    for name, fact in policy.facts.items():
        if field_of(policy, name) == field:
            return (fact.zh, fact.en)[language]
    return field


def _evidence(reason: Reason) -> str:
    return f"({reason.fact}{';' + reason.place if reason.place else ''})" if reason.fact else ""


def _place(reason: Reason) -> str:
    return f"({reason.place})" if reason.place else ""
