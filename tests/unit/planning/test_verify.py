"""The verifier finds what is planted: a plan made wrong in one way is refused for that reason."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from orchestrator.models import Inventory, Plan, PlanEntry, Verdict
from orchestrator.planning.plan import make_plan, sealed
from orchestrator.planning.programme import Programme, Standing
from orchestrator.planning.verify import verify
from tests.bench.instances import instance

City = tuple[Inventory, dict[str, Verdict], Programme, Plan]


@pytest.fixture(scope="module")
def city() -> City:
    inventory, verdicts, programme = instance(120, 3, slack=1.6, cloud_slack=1.4)
    return inventory, verdicts, programme, make_plan(inventory, verdicts, programme, inventory_digest="", policy_digest="")


def changed(plan: Plan, system: str, **values: Any) -> Plan:
    entries = tuple(one.model_copy(update=values) if one.system == system else one for one in plan.entries)
    return sealed(plan.model_copy(update={"entries": entries}))


def codes(city: City, plan: Plan, programme: Programme | None = None) -> set[str]:
    inventory, verdicts, own, _ = city
    return {one.code for one in verify(plan, inventory, verdicts, programme or own)}


def moved(entry: PlanEntry, days: int) -> dict[str, dt.datetime]:
    return {"window_start": entry.window_start + dt.timedelta(days=days), "window_end": entry.window_end + dt.timedelta(days=days)}


def test_the_planners_own_plan_has_no_fault(city: City) -> None:
    assert codes(city, city[3]) == set()


def test_a_dependent_before_what_it_needs_is_found(city: City) -> None:
    inventory, _, _, plan = city
    entries = {one.system: one for one in plan.entries}
    needs = {one.id: one.depends_on for one in inventory.systems}
    late = max((sid for sid in entries if needs[sid] and not entries[sid].together_with), key=lambda sid: entries[sid].window_start)
    first = min(entries[other].window_start for other in needs[late])
    back = (entries[late].window_start - first).days + 7
    assert "verify-order" in codes(city, changed(plan, late, **moved(entries[late], -back)))


def test_the_order_within_a_wave_is_checked(city: City) -> None:
    inventory, _, _, plan = city
    entries = {one.system: one for one in plan.entries}
    pair = next(
        (one.id, other)
        for one in inventory.systems
        for other in one.depends_on
        if entries[one.id].wave == entries[other].wave and other not in entries[one.id].together_with
    )
    assert "verify-order" in codes(city, changed(plan, pair[0], order=entries[pair[1]].order))


def test_half_of_a_cycle_elsewhere_is_found(city: City) -> None:
    plan = city[3]
    entry = next(one for one in plan.entries if one.together_with)
    assert "verify-cycle" in codes(city, changed(plan, entry.system, **moved(entry, 7)))


def test_a_cutover_outside_of_its_windows_is_found(city: City) -> None:
    inventory, _, _, plan = city
    system = next(one for one in inventory.systems if one.service_hours == "工作日 08:30-17:30" and not one.windows)
    entry = next(one for one in plan.entries if one.system == system.id)
    noon = dt.datetime.combine(dt.date(2018, 3, 7), dt.time(10))
    assert "verify-window" in codes(
        city, changed(plan, system.id, window_start=noon, window_end=noon + dt.timedelta(hours=8), wave=entry.wave)
    )


def test_a_window_on_a_blackout_day_and_one_too_short_are_found(city: City) -> None:
    plan = city[3]
    entry = plan.entries[0]
    exam = dt.datetime.combine(dt.date(2018, 6, 7), dt.time(0))
    assert "verify-blackout" in codes(city, changed(plan, entry.system, window_start=exam, window_end=exam + dt.timedelta(hours=8)))
    assert "verify-short-window" in codes(city, changed(plan, entry.system, window_end=entry.window_start + dt.timedelta(minutes=30)))


@pytest.mark.parametrize(
    ("limits", "code"),
    [
        ({"waves": {"systems_per_week": 1}}, "verify-capacity"),
        ({"waves": {"per_department": 1, "systems_per_week": None}}, "verify-capacity"),
        ({"replication": {"gb_per_week": 40.0, "stream_gb_per_week": 4000.0}}, "verify-capacity"),
        ({"teams": [{"skill": skill, "teams": 1} for skill in ("app", "db", "site")]}, "verify-capacity"),
        ({"cloud": [{"since": dt.date(2017, 1, 2), "vcpus": 300}]}, "verify-cloud"),
    ],
)
def test_less_capacity_than_the_plan_uses_is_found(city: City, limits: dict[str, Any], code: str) -> None:
    smaller = Programme.model_validate({**city[2].model_dump(), **limits})
    assert code in codes(city, city[3], smaller)


def test_wrong_counts_missed_targets_and_a_short_trial_run_are_found(city: City) -> None:
    plan = city[3]
    boast = plan.phases[0].model_copy(update={"planned": plan.phases[0].planned + 1})
    assert "verify-count" in codes(city, sealed(plan.model_copy(update={"phases": (boast, *plan.phases[1:])})))
    assert "verify-target" in codes(city, sealed(plan.model_copy(update={"entries": plan.entries[:-1]})))
    entry = plan.entries[0]
    assert "verify-trial" in codes(city, changed(plan, entry.system, accepted_by=entry.window_end))


def test_preparation_before_the_programmes_present_and_a_touched_digest_are_found(city: City) -> None:
    plan = city[3]
    later = city[2].model_copy(update={"as_of": dt.date(2017, 3, 6)})
    assert {"verify-early", "verify-preparation"} <= codes(city, plan, later)
    assert codes(city, plan.model_copy(update={"digest": "0" * 64})) == {"verify-digest"}


def test_a_county_system_before_its_phase_is_found(city: City) -> None:
    inventory, _, _, plan = city
    counties = {one.id for one in inventory.departments if one.level == "county"}
    needed = {other for one in inventory.systems for other in one.depends_on}
    system = next(one.id for one in inventory.systems if one.department in counties and one.id not in needed)
    entry = next(one for one in plan.entries if one.system == system)
    back = (entry.window_start.date() - dt.date(2018, 1, 1)).days
    assert "verify-early" in codes(city, changed(plan, system, **moved(entry, -back)))


def test_what_is_done_is_history_and_not_judged(city: City) -> None:
    inventory, verdicts, programme, _ = city
    done = programme.model_copy(update={"under_way": (Standing(system="s00000", state="done", cutover=dt.date(2017, 1, 3)),)})
    plan = make_plan(inventory, verdicts, done, inventory_digest="", policy_digest="")
    assert next(one for one in plan.entries if one.system == "s00000").state == "done"
    assert codes(city, plan, done) == set()
