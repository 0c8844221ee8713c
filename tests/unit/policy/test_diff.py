"""`policy diff`: who changes between two policies, and why in words that name what was changed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from orchestrator.inventory.load import load
from orchestrator.models import Department, Inventory, Strategy
from orchestrator.policy.diff import Difference, diff_policies
from orchestrator.policy.policy import load_policy, policy_digest
from tests.support.one_system import full
from tests.support.policies import changed_policy

ROOT = Path(__file__).parents[3]


def differences(tmp_path: Path, change: Any, **changes: Any) -> list[Difference]:
    inventory = Inventory(departments=(Department(id="d-1", name="市局"),), systems=(full(**changes),))
    return diff_policies(inventory, load_policy(None), load_policy(changed_policy(tmp_path, change)))


def effect(document: dict[str, Any], ident: str) -> dict[str, Any]:
    return next(one["effect"] for one in document["rules"] if one["id"] == ident)


def test_a_diff_names_who_changes_strategy_and_why(tmp_path: Path) -> None:
    def stricter(document: dict[str, Any]) -> None:
        document["cloud_os"].append("proprietary")

    path = changed_policy(tmp_path, stricter)
    assert policy_digest(load_policy(path)) != policy_digest(load_policy(None))
    inventory = load([ROOT / "inventories" / "demo"]).inventory
    (one,) = diff_policies(inventory, load_policy(None), load_policy(path))
    assert (one.system, one.before, one.after, one.speaks_no_more) == (
        "social-insurance",
        Strategy.HOSTING,
        Strategy.HOSTING,
        ("os-without-image",),
    )
    assert "云平台不提供该操作系统" in one.why_zh[0]


@pytest.mark.parametrize(
    ("change", "changes", "zh", "en"),
    [
        (lambda d: d["default"].update(strategy="hosting"), {}, "默认迁移方式：部署上云 → 整体搬迁、服务托管", "default strategy: cloud deployment → whole relocation with hosting"),
        (lambda d: effect(d, "os-without-image").update(strategy="device_relocation"), {"os": "AIX"},
         "规则 os-without-image 的迁移方式：整体搬迁、服务托管 → 设备迁移和云平台部署相结合", "strategy of rule os-without-image: whole relocation with hosting → device relocation"),
        (lambda d: effect(d, "vendor-run-database").update(mark="needs_restart"), {},
         "规则 vendor-run-database 的标记：厂商实施 → 需先重启", "mark of rule vendor-run-database: vendor-run → needs a restart"),
        (lambda d: effect(d, "no-support").update(readiness=-40), {"supported": False}, "规则 no-support 的成熟度：-15 → -40", "readiness of rule no-support: -15 → -40"),
        (lambda d: d.update(precedence=["device_relocation", "hosting", "cloud_deployment"]), {"os": "AIX", "special_equipment": True},
         "迁移方式的优先次序有变", "the precedence of strategies changed"),
        (lambda d: d["weights"].update(missing_readiness=9), {"room": None}, "未填报内容或未决规则的计分有变", "what missing facts or open rules cost changed"),
    ],
)  # fmt: skip
def test_a_difference_names_what_was_changed(change: Any, changes: dict[str, Any], zh: str, en: str, tmp_path: Path) -> None:
    (one,) = differences(tmp_path, change, **changes)
    assert one.why_zh == (zh,)
    assert one.why_en[0].startswith(en)


def test_a_mark_that_changes_is_a_difference(tmp_path: Path) -> None:
    (one,) = differences(tmp_path, lambda d: effect(d, "vendor-run-database").update(mark="needs_restart"))
    assert (one.before, one.after, one.marks) == (
        Strategy.CLOUD_DEPLOYMENT,
        Strategy.CLOUD_DEPLOYMENT,
        (("vendor_run",), ("needs_restart",)),
    )
