"""Where servers are made is part of what is approved: another module or another input of it is another plan."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from orchestrator.errors import Refused
from orchestrator.planning.approval import changes_since
from orchestrator.planning.plan import make_plan, plan_digest, read_plan
from orchestrator.planning.programme import load_programme, with_target
from orchestrator.settings import Settings
from tests.support.demo_city import demo_city

CLOUD = {"module": "openstack", "inputs": {"image": "debian-12", "networks": {"internet": "dmz"}}}
DIGESTS = {"inventory_digest": "i", "policy_digest": "p"}


def test_another_input_is_another_digest_and_the_difference_is_named() -> None:
    inventory, verdicts, programme = demo_city()
    plan = make_plan(inventory, verdicts, with_target(programme, CLOUD), **DIGESTS)
    assert plan.target == CLOUD
    assert changes_since(plan, inventory, verdicts, with_target(programme, CLOUD), **DIGESTS) == ()
    other = {"module": "openstack", "inputs": {"image": "debian-13", "networks": {"internet": "dmz"}}}
    (finding,) = changes_since(plan, inventory, verdicts, with_target(programme, other), **DIGESTS)
    assert (finding.code, finding.severity) == ("cloud-since", "error")
    assert 'inputs.image "debian-12" → "debian-13"' in finding.message
    assert make_plan(inventory, verdicts, with_target(programme, other), **DIGESTS).digest != plan.digest


def test_a_plan_made_before_the_cloud_was_part_of_it_keeps_its_digest_and_its_approval() -> None:
    inventory, verdicts, programme = demo_city()
    plan = make_plan(inventory, verdicts, programme, **DIGESTS)
    kept = json.loads(plan.model_dump_json())
    del kept["target"]
    assert read_plan(json.dumps(kept)).digest == plan.digest == plan_digest(plan)
    assert changes_since(plan, inventory, verdicts, with_target(programme, CLOUD), **DIGESTS) == ()


def test_the_programme_does_not_say_where_servers_are_made(tmp_path: Path) -> None:
    file = tmp_path / "program.yaml"
    file.write_text("starts: 2026-01-05\nphases: []\ntarget: {module: x}\n")
    with pytest.raises(Refused) as refused:
        load_programme(file)
    assert "[cloud.inputs]" in refused.value.findings[0].remedy


def test_inputs_come_from_the_configuration_as_they_stand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "orchestrator.toml").write_text(
        'terraform_module = "openstack"\n[cloud.inputs]\nimage = "debian-12"\nadmin_cidrs = ["10.1.0.0/24"]\nnetworks = {internet = "dmz"}\n'
    )
    monkeypatch.chdir(tmp_path)
    settings = Settings()
    assert settings.target == {
        "module": "openstack",
        "inputs": {"image": "debian-12", "admin_cidrs": ["10.1.0.0/24"], "networks": {"internet": "dmz"}},
    }
