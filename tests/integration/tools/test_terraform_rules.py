"""A module's own rules on ``[cloud.inputs]``, tried by Terraform without a provider: a case is a file of tests/cases/terraform/inputs."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from orchestrator.errors import Refused
from orchestrator.settings import HOME
from orchestrator.tools.terraform_module import find_broken_rules, find_undeclared, needs_provider, variables_of

pytestmark = pytest.mark.servers
MODULES = HOME / "terraform" / "modules"
CASES = sorted((HOME / "tests" / "cases" / "terraform" / "inputs").glob("*.yaml"))
SERVERS = {"portal-app-cloud": {"zone": "government_extranet", "vcpus": 2, "memory_gb": 4, "disk_gb": 50, "ports": [8001]}}


@pytest.mark.parametrize("case", CASES, ids=lambda path: path.stem)
def test_what_the_module_refuses_is_found_without_a_cloud(case: Path) -> None:
    told = yaml.safe_load(case.read_text(encoding="utf-8"))
    contract = {"servers": SERVERS, "protection_grade": 2, "links": [], **told.get("contract", {})}
    findings = find_broken_rules(MODULES / told["module"], "citizen-portal", {**contract, **told["inputs"]})
    for part in told["refused"]:
        assert any(part in finding.message for finding in findings), (part, findings)
    assert len(findings) == len(told["refused"]), findings
    assert all(finding.remedy and finding.system == "citizen-portal" for finding in findings)


def test_a_module_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="no Terraform module"):
        variables_of(tmp_path / "moon")


def test_a_variable_elsewhere_than_in_its_file_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "variables.tf").write_text('variable "a" {}\n')
    (tmp_path / "main.tf").write_text('variable "stray" {}\n')
    with pytest.raises(Refused, match="stray"):
        find_broken_rules(tmp_path, "citizen-portal", {"a": 1})


def test_only_a_module_with_a_provider_asks_a_cloud() -> None:
    assert needs_provider(MODULES / "openstack")
    assert not needs_provider(MODULES / "embedded")


@pytest.mark.parametrize("name", ["system_id", "servers", "protection_grade", "links"])
def test_what_the_engine_fills_is_not_the_configurations_to_set(name: str) -> None:
    (finding,) = find_undeclared(MODULES / "embedded", {name: "x"})
    assert (finding.code, finding.file) == ("cloud-input-ours", "orchestrator.toml")
    assert name in finding.message


def test_every_unknown_input_is_named_with_those_there_are() -> None:
    findings = find_undeclared(MODULES / "openstack", {"imgae": "debian-12", "key_par": "x", "image": "debian-12"})
    assert [finding.message.split()[-1] for finding in findings] == ["imgae", "key_par"]
    assert all("image" in finding.remedy and "key_pair" in finding.remedy for finding in findings)
