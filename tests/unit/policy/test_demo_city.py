"""What policy says of the demo city."""

from __future__ import annotations

from pathlib import Path

from orchestrator.inventory.load import load
from orchestrator.models import Excluded, Strategy
from orchestrator.policy.assess import assess
from orchestrator.policy.expressions import write_trees
from orchestrator.policy.policy import load_policy

ROOT = Path(__file__).parents[3]


def test_each_system_of_the_demo_city_gets_its_strategy_with_named_reasons() -> None:
    reading = load([ROOT / "inventories" / "demo"])
    assert reading.findings == []
    verdicts = assess(reading.inventory, load_policy(None), reading.places)
    assert {name: verdict.strategy for name, verdict in verdicts.items()} == {
        "citizen-portal": Strategy.CLOUD_DEPLOYMENT,
        "county-service-hall": Strategy.CLOUD_DEPLOYMENT,
        "culture-website": Strategy.CLOUD_DEPLOYMENT,
        "digital-archives": Strategy.CLOUD_DEPLOYMENT,
        "library-desk": Strategy.CLOUD_DEPLOYMENT,
        "property-register": Strategy.DEVICE_RELOCATION,
        "social-insurance": Strategy.HOSTING,
        "weather-bulletin": Strategy.CLOUD_DEPLOYMENT,
    }
    assert verdicts["digital-archives"].no_source
    assert {"os-without-image", "no-package-no-support"} <= {reason.rule for reason in verdicts["social-insurance"].reasons}
    system_rule = next(reason for reason in verdicts["social-insurance"].reasons if reason.rule == "os-without-image")
    assert system_rule.place.startswith("human-resources.yaml › L")
    assert "厂商专用系统 4.2" in system_rule.fact


def test_a_classified_row_is_counted_and_nothing_else_of_it_is_kept() -> None:
    reading = load([ROOT / "inventories" / "demo"])
    assert [(row.department, row.reason, row.row_no, row.system) for row in reading.inventory.excluded] == [
        ("archives", Excluded.CLASSIFIED, 5, None)
    ]


def test_the_parse_trees_that_ship_are_those_of_the_policy_that_ships() -> None:
    shipped = (ROOT / "orchestrator" / "policy" / "policy.trees.json").read_text("utf-8")
    assert shipped == write_trees(), "run scripts/write_policy_trees.py"


def test_one_system_can_be_asked_for_by_itself() -> None:
    reading, policy = load([ROOT / "inventories" / "demo"]), load_policy(None)
    verdicts = assess(reading.inventory, policy, reading.places)
    for system, verdict in verdicts.items():
        assert assess(reading.inventory, policy, reading.places, only=[system]) == {system: verdict}
