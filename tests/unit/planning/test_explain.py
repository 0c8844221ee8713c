"""What is said to be proved is true: limits that can grow are no proof "whatever the capacities", and the amounts named are exact."""

from __future__ import annotations

import re

import pytest

from orchestrator.errors import Finding
from orchestrator.planning.build import build
from orchestrator.planning.plan import Unreached, make_plan
from orchestrator.planning.programme import Programme
from tests.support.demo_city import demo_city

POOR = {"cloud": 0.2, "facility": 0.5, "device": 1.0}


def told(**teams: float) -> list[Finding]:
    with pytest.raises(Unreached) as missed:
        make_plan(*demo_city()[:2], with_teams(**teams), inventory_digest="", policy_digest="")
    return list(missed.value.findings)


def with_teams(**teams: float) -> Programme:
    data = demo_city()[2].model_dump(exclude_unset=True)
    return Programme.model_validate(data | {"teams": [{"skill": skill, "teams": count} for skill, count in teams.items()]})


def test_a_team_that_is_too_small_is_no_proof_whatever_the_capacities() -> None:
    found = told(cloud=0.2, facility=0.5)
    text = " / ".join(one.message for one in found)
    assert "proved-structure" not in {one.code for one in found}
    assert "whatever the capacities" not in text
    assert "at most 0 can be accepted by 2026-12-27 with these limits, 6 are needed" in text
    assert "team of cloud: at least 1 more for citizen-portal, which needs 1.2 at once, 0.2 are there at most" in text
    assert "0 %" not in text
    assert not any("lower `percent`" in one.remedy for one in found)
    assert any(
        one.code == "shown-to-suffice" and "up to phase-1" in one.message for one in found
    )  # phase-2 wants all, and no team has `device`


def test_what_is_named_for_a_system_is_exactly_what_it_lacks() -> None:
    message = next(one.message for one in told(**POOR) if one.code == "proved-limit" and one.system == "digital-archives")
    more = re.search(r"at least ([\d.]+) more", message)
    assert more
    exact = POOR["cloud"] + float(more[1])
    for cloud, blocked in ((exact - 0.1, True), (exact, False)):
        problem = build(*demo_city()[:2], with_teams(**(POOR | {"cloud": round(cloud, 1)})))
        assert bool(problem.groups[problem.group_of["digital-archives"]].blocked) is blocked


def test_what_is_shown_to_suffice_for_blocked_systems_suffices() -> None:
    shown = next(one.message for one in told(**POOR) if one.code == "shown-to-suffice")
    more = {skill: float(amount) for skill, amount in re.findall(r"team of (\w+) ([+][\d.]+)", shown)}
    assert set(more) >= {"cloud", "facility"}
    enough = with_teams(**{skill: round(count + more.get(skill, 0), 3) for skill, count in POOR.items()})
    plan = make_plan(*demo_city()[:2], enough, inventory_digest="", policy_digest="")
    assert all(phase.planned >= phase.needed for phase in plan.phases)


def test_the_reason_counts_the_cutovers_own_week_as_preparation() -> None:
    plan = make_plan(*demo_city(), inventory_digest="", policy_digest="")
    first = next(one for one in plan.entries if one.system == "citizen-portal")
    assert first.preparation_starts == first.window_start.date()
    reason = next(one for one in first.reasons if one.rule == "first-possible-week")
    assert reason.zh == "最早可行的一周：准备需 1 周，割接当周计算在内"
    assert reason.en == "the first possible week: weeks of preparation, this one included: 1"
