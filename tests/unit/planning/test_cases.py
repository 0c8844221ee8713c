"""Every case of ``tests/cases/planning``: a city, its programme, and what planning must answer."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pytest
import yaml

from orchestrator.errors import Refused
from orchestrator.models import Department, Inventory, System, Verdict
from orchestrator.planning import bounds
from orchestrator.planning.plan import make_plan
from orchestrator.planning.programme import Programme
from orchestrator.planning.verify import verify

CASES = sorted((Path(__file__).resolve().parents[2] / "cases" / "planning").glob("*.yaml"))
ALWAYS = ({"days": "daily", "start": "00:00", "end": "24:00"},)


def city(rows: list[dict[str, Any]]) -> tuple[Inventory, dict[str, Verdict]]:
    """Systems and verdicts from a case's short rows."""
    systems, verdicts = [], {}
    for row in rows:
        sid = row["id"]
        outage = {"interruption": {"outage_minutes": row["outage_minutes"]}} if "outage_minutes" in row else {}
        facts = {key: row[key] for key in ("vcpus", "memory_gb", "storage_gb", "data_gb", "service_hours") if key in row}
        systems.append(System.model_validate({
            "id": sid, "name": sid, "department": row.get("department", "office"), "kind": "application", "status": "in_use",
            "depends_on": row.get("needs", ()), "windows": row.get("windows", ALWAYS), **facts, **outage,
        }))  # fmt: skip
        verdicts[sid] = Verdict(
            system=sid,
            strategy=row.get("strategy", "cloud_deployment"),
            readiness=row.get("readiness", 80),
            complexity=row.get("complexity", 0),
            not_first=row.get("not_first", False),
        )
    departments = tuple(Department(id=one, name=one) for one in sorted({one.department for one in systems}))
    return Inventory(departments=departments, systems=tuple(sorted(systems, key=lambda one: one.id))), verdicts


@pytest.mark.parametrize("file", CASES, ids=lambda file: file.stem)
def test_case(file: Path) -> None:
    case = yaml.safe_load(file.read_text(encoding="utf-8"))
    if case.get("solver") and not bounds.available():
        pytest.skip("proofs of shortage need the optional extra `solver` (ortools), which is not installed")
    inventory, verdicts = city(case["systems"])
    for phase in case["programme"]["phases"]:
        phase.setdefault("name", phase["id"])
    programme = Programme.model_validate(case["programme"])
    expect = case["expect"]
    if "refused" in expect:
        with pytest.raises(Refused) as refused:
            make_plan(inventory, verdicts, programme, inventory_digest="", policy_digest="")
        told = {code: " / ".join(one.message for one in refused.value.findings if one.code == code) for code in expect["refused"]}
        for code, text in expect["refused"].items():
            assert text in told[code], (code, [str(one) for one in refused.value.findings])
        assert all(one.remedy for one in refused.value.findings)
        return
    plan = make_plan(inventory, verdicts, programme, inventory_digest="", policy_digest="")
    assert not verify(plan, inventory, verdicts, programme)
    entries = {one.system: one for one in plan.entries}
    assert list(entries) == expect["plan"]
    assert {sid: entries[sid].window_start.date() for sid in expect.get("weeks", {})} == expect.get("weeks", {})
    assert {sid: entries[sid].window_rule for sid in expect.get("rules", {})} == expect.get("rules", {})
    for sid in expect.get("together", []):
        assert set(entries[sid].together_with) == set(expect["together"]) - {sid}
        assert entries[sid].order == 1
    counts = {one.id: [one.in_scope, one.needed, one.planned] for one in plan.phases}
    assert {phase: counts[phase] for phase in expect.get("counted", {})} == expect.get("counted", {})
    for code, text in expect.get("notes", {}).items():
        assert any(note.code == code and text in note.message for note in plan.notes)


def test_a_plan_names_the_day_from_which_a_system_counts() -> None:
    inventory, verdicts = city([{"id": "aa"}])
    programme = Programme.model_validate(
        {"starts": dt.date(2018, 1, 1), "phases": [{"id": "p1", "name": "p1", "due": dt.date(2018, 12, 31), "percent": 100}]}
    )
    plan = make_plan(inventory, verdicts, programme, inventory_digest="", policy_digest="")
    assert plan.entries[0].accepted_by == plan.entries[0].window_end + dt.timedelta(days=14)
