"""The reason for a week, and for having none, names what really stands in the way."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from orchestrator.models import Department, Inventory, Plan, System, Verdict
from orchestrator.planning.plan import Unreached, make_plan
from orchestrator.planning.programme import Programme

START = dt.date(2027, 3, 1)


def planned(rows: list[dict[str, Any]], **limits: Any) -> Plan:
    """The best plan of these systems, one phase of a year's time, whatever it misses."""
    systems = tuple(
        System.model_validate(
            {"name": row["id"], "department": "d0", "kind": "application", "status": "in_use", "data_gb": 1, "vcpus": 2, **row}
        )
        for row in rows
    )
    verdicts = {one.id: Verdict(system=one.id, strategy="cloud_deployment", readiness=80, complexity=0) for one in systems}
    phases = [{"id": "p1", "name": "p1", "due": dt.date(2027, 12, 31), "percent": 100}]
    programme = Programme.model_validate({"starts": START, "phases": phases, **limits})
    try:
        return make_plan(
            Inventory(departments=(Department(id="d0", name="d0"),), systems=systems),
            verdicts,
            programme,
            inventory_digest="",
            policy_digest="",
        )
    except Unreached as missed:
        return missed.plan


CLOUD_LATER = [{"since": START, "vcpus": 0}, {"since": dt.date(2027, 4, 5), "vcpus": 100}]


@pytest.mark.parametrize(
    ("limits", "fact"),
    [
        ({"teams": [{"skill": "cloud", "teams": 1}], "cloud": CLOUD_LATER}, "cloud:vcpus"),
        ({"replication": {"gb_per_week": 1}, "cloud": CLOUD_LATER}, "cloud:vcpus"),
        ({"waves": {"systems_per_week": 1}, "cloud": CLOUD_LATER}, "cloud:vcpus"),
        ({"teams": [{"skill": "cloud", "teams": 0}, {"skill": "cloud", "teams": 1, "since": dt.date(2027, 4, 5)}]}, "skill:cloud"),
    ],
)
def test_a_groups_own_booking_is_no_reason_why_it_moves_no_earlier(limits: dict[str, Any], fact: str) -> None:
    work = {"cloud_deployment": {"weeks": 2, "skills": {"cloud": 1.4}}}
    (entry,) = planned([{"id": "aa"}], work=work, **limits).entries
    assert entry.window_start.date() == dt.date(2027, 4, 12)
    assert (entry.reasons[-1].rule, entry.reasons[-1].fact) == ("capacity", fact)


@pytest.mark.parametrize(
    ("limits", "told", "remedy"),
    [
        ({"cloud": [{"since": START, "vcpus": 3}]}, "full: cloud vCPUs", "more of cloud vCPUs"),
        (
            {"cloud": [{"since": START, "vcpus": 100}], "teams": [{"skill": "cloud", "teams": 1}, {"skill": "cloud", "teams": 0, "since": dt.date(2027, 3, 8)}]},
            "full: team of cloud", "more of team of cloud",
        ),
    ],
)  # fmt: skip
def test_what_gets_no_date_is_told_which_capacity_is_full(limits: dict[str, Any], told: str, remedy: str) -> None:
    plan = planned([{"id": "aa"}, {"id": "bb"}], **limits)
    assert [one.system for one in plan.entries] == ["aa"]
    (note,) = (one for one in plan.notes if one.code == "no-room")
    assert (note.system, note.remedy) == ("bb", remedy)
    assert "bb is not planned: no week up to 20" in note.message
    assert f"has room for it; {told}" in note.message


def test_what_waits_for_a_system_without_a_date_names_it() -> None:
    plan = planned([{"id": "aa", "vcpus": 1}, {"id": "bb", "vcpus": 9}, {"id": "cc", "vcpus": 1, "depends_on": ("bb",)}], cloud=[
        {"since": START, "vcpus": 9},
    ])  # fmt: skip
    told = {one.system: one.message for one in plan.notes if one.code == "no-room"}
    assert "full: cloud vCPUs" in told["bb"]
    assert told["cc"] == "cc is not planned: it needs bb, which gets no date"


@pytest.mark.parametrize(
    ("status", "since", "told"),
    [
        ("under_construction", "2027-06", True), ("under_construction", "2027", False), ("under_construction", "2028", True), ("under_construction", "2027-03-01", False),
        ("under_construction", None, False), ("in_use", "2027-06", False),
    ],
)  # fmt: skip
def test_what_comes_onto_the_cloud_before_it_is_in_service_is_said_with_why_it_may(status: str, since: str | None, told: bool) -> None:
    plan = planned([{"id": "aa", "status": status, "in_service_since": since}])
    (entry,) = plan.entries
    notes = [note for note in plan.notes if note.code == "before-service"]
    assert [note.system for note in notes] == (["aa"] if told else [])
    assert [one.rule for one in entry.reasons if one.rule == "before-service"] == (["before-service"] if told else [])
    assert all(str(entry.window_start.date()) in note.message and note.remedy for note in notes)
