"""Twice twenty-five systems as experienced engineers judge them, read from a form and judged by the policy that ships."""

from __future__ import annotations

import csv
import datetime as dt
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from orchestrator.inventory.load import load
from orchestrator.inventory.reading import Reading
from orchestrator.models import Verdict
from orchestrator.policy.assess import assess_reading
from orchestrator.policy.policy import load_policy

FOLDER = Path(__file__).resolve().parents[2] / "cases" / "policy"
CASES = [yaml.safe_load((FOLDER / name).read_text("utf-8")) for name in ("engineers-verdicts.yaml", "second-engineer.yaml")]
ROWS = [row for case in CASES for row in case["systems"]]
TODAY = dt.date(2026, 11, 29)
DISAGREEMENTS = {
    # system: (what the engineer expects and the policy does not say, why): see docs/policy.md
    "办公自动化系统": {"because: 2031": "an end that is years away is no reason for anything, so no rule speaks of it"},
    "执法记录采集系统": {"simple: False": "many files make a long copy, which the plan counts as bandwidth, and no complicated architecture"},
    "档案影像系统": {"simple: False": "the same"},
}


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> tuple[Reading, dict[str, Verdict]]:
    folder = tmp_path_factory.mktemp("form")
    rows = [{**case["common"], **case.get("usual", {}), **row["typed"]} for case in CASES for row in case["systems"]]
    with (folder / "统计表.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(dict.fromkeys(header for row in rows for header in row)))
        writer.writeheader()
        writer.writerows(rows)
    shutil.copy(FOLDER / "headers.yaml", folder)
    reading = load([folder])
    assert [finding for finding in reading.findings if finding.severity == "error"] == []
    assert len(reading.inventory.systems) == len(ROWS) == 50
    verdicts = assess_reading(reading, load_policy(None), TODAY)
    return reading, {system.name: verdicts[system.id] for system in reading.inventory.systems}


def differences(row: dict[str, Any], said: Verdict) -> set[str]:
    """What the engineer expects and the policy does not say."""
    words = " ".join(f"{reason.zh} {reason.fact}" for reason in said.reasons)
    wrong = set() if said.strategy == row["verdict"] else {f"verdict: {said.strategy}"}
    wrong |= {f"{name}: {row[name]}" for name in ("simple", "ripe") if name in row and getattr(said, name) is not row[name]}
    wrong |= {f"mark: {mark}" for mark in row.get("marks", ()) if not getattr(said, mark)}
    wrong |= {f"because: {word}" for word in row.get("because", ()) if str(word) not in words}
    wrong |= {f"not because: {word}" for word in row.get("not_because", ()) if str(word) in words}
    if row.get("first") is False and not said.not_first:
        wrong.add("first: false")
    return wrong


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["typed"]["系统名称"])
def test_the_policy_says_what_the_engineer_says_or_the_difference_is_explained(
    row: dict[str, Any], judged: tuple[Reading, dict[str, Verdict]]
) -> None:
    name = row["typed"]["系统名称"]
    assert differences(row, judged[1][name]) == set(DISAGREEMENTS.get(name, {}))


@pytest.mark.parametrize("row", [row for row in ROWS if "doubts" in row], ids=lambda row: row["typed"]["系统名称"])
def test_a_remark_raises_a_doubt_at_its_cell_and_says_what_would_become_of_the_system(
    row: dict[str, Any], judged: tuple[Reading, dict[str, Verdict]]
) -> None:
    reading, verdicts = judged
    said = verdicts[row["typed"]["系统名称"]]
    cells = {reading.places[said.system]["remark"]}
    assert {doubt.place for doubt in said.doubts} == cells
    assert said.confidence <= 90
    if "could_become" in row:
        rules = {rule.id: rule.effect.strategy for rule in load_policy(None).rules}
        assert row["could_become"] in {rules[change.rule] for change in said.would_change if change.rule in rules}


def test_what_is_left_without_a_doubt_is_expected_without_one(judged: tuple[Reading, dict[str, Verdict]]) -> None:
    expected = {row["typed"]["系统名称"] for row in ROWS if "doubts" in row}
    assert {name for name, said in judged[1].items() if said.doubts} == expected
