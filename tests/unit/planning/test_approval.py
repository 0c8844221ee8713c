"""An approved plan names what has changed since."""

from __future__ import annotations

from orchestrator.planning.approval import changes_since
from orchestrator.planning.plan import make_plan
from tests.support.demo_city import demo_city


def test_nothing_changed_names_nothing_and_each_change_is_named() -> None:
    inventory, verdicts, programme = demo_city()
    plan = make_plan(inventory, verdicts, programme, inventory_digest="i", policy_digest="p")
    assert changes_since(plan, inventory, verdicts, programme, inventory_digest="i", policy_digest="p") == ()
    systems = tuple(one.model_copy(update={"data_gb": 900}) if one.id == "weather-bulletin" else one for one in inventory.systems)
    bigger = inventory.model_copy(update={"systems": systems})
    found = changes_since(plan, bigger, verdicts, programme, inventory_digest="j", policy_digest="p")
    assert [(one.code, one.system) for one in found] == [("changed-since", "weather-bulletin")]
    alone = changes_since(plan, bigger, verdicts, programme, inventory_digest="j", policy_digest="p", system="citizen-portal")
    assert [one.code for one in alone] == ["inventory-since"]
    fewer = inventory.model_copy(update={"systems": inventory.systems[1:]})
    gone = changes_since(plan, fewer, verdicts, programme, inventory_digest="j", policy_digest="q")
    assert [one.code for one in gone] == ["gone-since", "policy-since"]
    waves = programme.model_copy(update={"trial_run_days": 30})
    assert [one.code for one in changes_since(plan, inventory, verdicts, waves, inventory_digest="i", policy_digest="p")] == [
        "programme-since"
    ]
