"""What planning promises on the demo city."""

from __future__ import annotations

import datetime as dt

import pytest

from orchestrator.errors import Refused
from orchestrator.models import Plan
from orchestrator.planning.plan import make_plan, plan_digest
from tests.support.demo_city import demo_city


def demo_plan() -> Plan:
    inventory, verdicts, programme = demo_city()
    return make_plan(inventory, verdicts, programme, inventory_digest="i", policy_digest="p")


def test_municipal_systems_move_in_the_first_week_and_the_portal_before_the_register() -> None:
    plan = demo_plan()
    first = {one.system: one for one in plan.entries if one.phase == "phase-1"}
    assert set(first) == {
        "citizen-portal", "culture-website", "digital-archives", "library-desk", "property-register", "social-insurance", "weather-bulletin",
    }  # fmt: skip
    assert {one.wave for one in first.values()} == {1}
    assert first["citizen-portal"].order < first["property-register"].order
    assert first["citizen-portal"].window_start == dt.datetime(2026, 1, 5)  # noqa: DTZ001 - wall-clock time of the city
    assert first["citizen-portal"].window_end == dt.datetime(2026, 1, 6)  # noqa: DTZ001
    assert first["citizen-portal"].window_rule == "daily 00:00-24:00"


def test_eighty_percent_of_seven_is_six_and_a_county_system_waits_for_its_phase() -> None:
    plan = demo_plan()
    phase_1, phase_2 = plan.phases
    assert (phase_1.in_scope, phase_1.needed, phase_1.planned) == (7, 6, 7)
    assert (phase_2.in_scope, phase_2.needed, phase_2.planned) == (8, 8, 8)
    county = next(one for one in plan.entries if one.system == "county-service-hall")
    assert county.phase == "phase-2"
    assert county.window_start.date() > dt.date(2026, 12, 27)
    assert county.window_rule == "weekend 20:00-23:00"


def test_same_input_same_digest_and_the_digest_is_over_the_content() -> None:
    one, other = demo_plan(), demo_plan()
    assert one == other
    assert one.digest == plan_digest(one)
    assert plan_digest(one.model_copy(update={"entries": one.entries[1:]})) != one.digest


def test_a_dependency_on_a_system_that_stays_is_refused_by_name_and_can_be_declared_reachable() -> None:
    inventory, verdicts, programme = demo_city()
    systems = tuple(one.model_copy(update={"depends_on": ("old-ledger",)}) for one in inventory.systems)
    broken = inventory.model_copy(update={"systems": systems})
    with pytest.raises(Refused) as refused:
        make_plan(broken, verdicts, programme, inventory_digest="i", policy_digest="p")
    chains = [one for one in refused.value.findings if one.code == "chain-to-excluded"]
    assert {one.system for one in chains} == {one.id for one in systems}
    mended = programme.model_copy(update={"reachable": ("old-ledger",)})
    assert len(make_plan(broken, verdicts, mended, inventory_digest="i", policy_digest="p").entries) == 8
