"""docs/movers.md, made from the code: kinds of workload, what clients see of each, its way back, what is compared, why policy chose it.

``python -m orchestrator.runbooks.page`` writes it; a unit test holds page and code equal.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from orchestrator import texts
from orchestrator.models import Strategy
from orchestrator.movers.vendor.dialects import DIALECTS
from orchestrator.policy.assess import DEFAULT_RULE, STRATEGY_EN, STRATEGY_ZH
from orchestrator.policy.policy import load_policy
from orchestrator.runbooks import GOING_BACK, GOING_BACK_ALONE, RUNBOOKS
from orchestrator.steps.base import Effect

PAGE = Path(__file__).resolve().parents[2] / "docs" / "movers.md"
MARK = "<!-- made from orchestrator/runbooks by `make docs-movers`; do not edit below -->"


@dataclass(frozen=True)
class Workload:
    """One kind, and the runbook that it goes through."""

    zh: str
    en: str
    runbook: str
    """Empty: none, nothing is done."""


def workloads() -> list[Workload]:
    """Every kind that the engine tells apart."""
    return [
        Workload(
            "有迁移工具的数据库及其应用、文件（[databases](databases.md)）",
            "databases with a mover ([databases](databases.md)), services and files",
            "cloud_deployment",
        ),
        Workload("无数据库的网站、应用", "a web site or a service without a database", "cloud_deployment"),
        Workload("依赖专用设备的系统", "a system with special equipment", "device_relocation"),
        Workload("厂商实施的数据库", "a database that only its vendor moves", "vendor_run"),
        Workload(
            "整机（无人能重新安装的服务器，按文件系统搬迁，须有落地位置）",
            "a whole server that nobody can install again, by its file systems, where it has a landing",
            "whole_server",
        ),
        Workload("整机搬迁托管", "machines that move as they are", "hosting"),
        Workload("在建系统（无源端）", "a system under construction (no source)", "onboarding"),
        Workload("停用退出的系统", "a system that is switched off", "retire"),
        Workload("已在别处运行", "a system that runs elsewhere already", ""),
    ]


SEEN = {  # by the step that decides what clients see, the first that a runbook has
    "cutover": ("连接被暂停后切换（有网关处）；HTTP 请求不失败", "held by the gateway and switched; HTTP requests do not fail"),
    "vendor_stop": ("公告停机", "announced outage, measured from outside"),
    "stop_server": ("公告停机", "announced outage, measured from outside"),
    "shut_down": ("公告停机", "announced outage, measured from outside"),
    "end_access": ("访问终止", "access ends for good"),
    "bring_onto_cloud": ("尚无用户", "nobody uses it yet"),
}
COMPARED = (
    "compare",
    "compare_again",
    "vendor_compare",
    "cold_backup",
    "start_there",
    "last_pass",
    "final_backup",
    "verify_backup",
    "compare_unchanged",
)


def page() -> str:
    """The made half of the page."""
    lines = [MARK, "", "## Kinds and promises", ""]
    lines += ["| kind | runbook | what clients see | way back | compared |", "|---|---|---|---|---|"]
    lines += [_row(workload) for workload in workloads()]
    lines += ["", "## Dialects of vendor-run databases", "", "| dialect | engines | counts and sums | run by us |", "|---|---|---|---|"]
    for dialect in DIALECTS:
        engines = ", ".join(dialect.engines) or "every other one"
        listed = "tables and columns from its catalogue" if dialect.catalogue else "a list by hand; rows are counted"
        lines.append(f"| {dialect.name} | {engines} | {listed} | {dialect.ran_on or 'no: made from its documentation'} |")
    lines += ["", "## Why policy chooses it", "", *_reasons(), "", "## Runbooks", ""]
    for name, steps in RUNBOOKS.items():
        lines += [f"### `{name}`", ""]
        lines += [
            f"{number}. {step.names[0]} / {step.names[1]} (`{step.id}`{_effect(step.effect)})" for number, step in enumerate(steps, start=1)
        ]
        lines.append("")
    return "\n".join(lines).rstrip() + "\n"


def _effect(effect: Effect) -> str:
    return ", point of no return" if effect is Effect.ONE_WAY else ""


def _row(workload: Workload) -> str:
    kind = f"{workload.zh}<br>{workload.en}"
    if not workload.runbook:
        return f"| {kind} | – | 不受影响<br>nothing changes | – | – |"
    steps = {step.id: step for step in RUNBOOKS[workload.runbook]}
    seen = next(("<br>".join(words) for step, words in SEEN.items() if step in steps), "–")
    compared = "<br>".join(dict.fromkeys(texts.english(f"step.{step}") for step in COMPARED if step in steps))
    return f"| {kind} | `{workload.runbook}` | {seen} | {_way_back(workload.runbook)} | {compared} |"


def _way_back(runbook: str) -> str:
    """What going back is, by the runbooks themselves."""
    steps = RUNBOOKS[runbook]
    if runbook in GOING_BACK:
        words = "按回切流程，无数据丢失<br>a runbook of its own, nothing is lost"
    elif any(step.has_undo and step.switches for step in steps):
        words = "逐步撤销，由人搬回并核对<br>step by step; people carry back, and it is compared"
    elif any(step.has_undo for step in steps):
        words = "终验前全部恢复<br>until acceptance everything stands again"
    else:
        return "无源端<br>there is no source"
    return words + ("<br>目标丢失：两人确认后回源端<br>target lost: by two people" if runbook in GOING_BACK_ALONE else "")


def _reasons() -> Iterator[str]:
    policy = load_policy()
    for strategy in policy.precedence:
        yield f"**{STRATEGY_ZH[strategy]} / {STRATEGY_EN[strategy]}**"
        yield ""
        rules = [rule for rule in policy.rules if rule.effect.strategy is strategy]
        for rule in rules:
            yield f"- {rule.zh}<br>{rule.en} (`{rule.id}`)"
        if strategy is policy.default.strategy:
            yield f"- {policy.default.zh}<br>{policy.default.en} (`{DEFAULT_RULE}`)"
        if strategy is Strategy.CLOUD_DEPLOYMENT:
            for rule in policy.rules:
                if rule.effect.mark in ("vendor_run", "no_source"):
                    yield f"- {rule.zh}<br>{rule.en} (`{rule.id}`: runbook `{'vendor_run' if rule.effect.mark == 'vendor_run' else 'onboarding'}`)"
        yield ""


def written(text: str) -> str:
    """The page with its made half as the code says it now."""
    return text[: text.index(MARK)] + page()


if __name__ == "__main__":
    PAGE.write_text(written(PAGE.read_text("utf-8")), "utf-8")
