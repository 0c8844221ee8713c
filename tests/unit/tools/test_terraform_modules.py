"""Modules that cannot be run here are at least held to the contract and to their provider's argument names."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from orchestrator.settings import HOME
from orchestrator.tools.terraform import root_module
from orchestrator.tools.terraform_module import read_providers

MODULES = HOME / "terraform" / "modules"
META = {"for_each", "count", "depends_on", "provider", "lifecycle"}
Schema = dict[str, dict[str, Any]]


def faults(text: str, schema: dict[str, Schema]) -> list[str]:
    """What a formatted ``main.tf`` names that the schema does not know, gives in a wrong kind, or leaves out."""
    found: list[str] = []
    for what, resource, name, body in re.findall(r'^(resource|data) "(\w+)" "(\w+)" \{\n(.*?)^\}', text, re.M | re.S):
        if resource == "terraform_data":  # Terraform's own
            continue
        known = schema.get(f"{what} {resource}")
        found += [f"{resource}: unknown"] if known is None else block_faults(f"{resource}.{name}", body, known, "  ")
    return found


def literal_kind(value: str) -> str:
    """The kind of a literal; empty for an expression, whose kind only Terraform knows."""
    if value in ("true", "false"):
        return "bool"
    return "number" if value.isdigit() else {'"': "text", "[": "list", "{": "map"}.get(value[0], "")


def block_faults(where: str, body: str, known: Schema, indent: str) -> list[str]:
    given = dict(re.findall(rf"^{indent}(\w+) += (.*)$", body, re.M))
    blocks = dict(re.findall(rf"^{indent}(\w+) \{{\n(.*?)^{indent}\}}", body, re.M | re.S))
    found = [f"{where}: no argument {name}" for name in (*given, *blocks) if name not in known and name not in META]
    found += [f"{where}: {name} is missing" for name, spec in known.items() if spec["required"] and name not in {*given, *blocks}]
    for name, value in ((n, v) for n, v in given.items() if n not in META):
        kind, written = known.get(name, {}).get("kind", "any"), literal_kind(value)
        if written and kind not in ("any", written):
            found.append(f"{where}: {name} = {value[:40]} is not {kind if isinstance(kind, str) else 'an argument but a block'}")
    for name, inner in blocks.items():
        if name not in META and name in known:
            kind = known[name]["kind"]
            found += (
                block_faults(f"{where}.{name}", inner, kind, indent + "  ") if isinstance(kind, dict) else [f"{where}: {name} is no block"]
            )
    return found


@pytest.fixture(scope="module")
def openstack() -> tuple[str, dict[str, Schema]]:
    folder = MODULES / "openstack"
    text = "\n".join(file.read_text() for file in sorted(folder.glob("*.tf")))
    return text, json.loads((folder / "tests" / "schema.json").read_text())


def test_the_openstack_module_names_only_what_the_provider_has(openstack: tuple[str, dict[str, Schema]]) -> None:
    assert faults(*openstack) == []


@pytest.mark.parametrize(
    ("right", "wrong", "fault"),
    [
        ("remote_ip_prefix", "remote_ip_cidr", "no argument remote_ip_cidr"),
        ("  ethertype         =", "  description       =", "ethertype is missing"),
        ("boot_index            = 0", 'boot_index            = "0"', "is not number"),
        ("  block_device {", "  boot_device {", "no argument boot_device"),
        ("destination_type ", "destination_kind ", "no argument destination_kind"),
        ("openstack_compute_instance_v2", "openstack_compute_server_v2", "openstack_compute_server_v2: unknown"),
        ("security_group_ids = [", 'security_group_ids = "', "is not list"),
    ],
)
def test_a_misspelt_or_mistyped_argument_is_found(openstack: tuple[str, dict[str, Schema]], right: str, wrong: str, fault: str) -> None:
    text, schema = openstack
    assert right in text
    assert any(fault in found for found in faults(text.replace(right, wrong, 1), schema))


def contract(module: Path) -> str:
    return (module / "variables.tf").read_text().partition("# ---- this module's own")[0]


@pytest.mark.parametrize("module", sorted(path.name for path in MODULES.iterdir()))
def test_every_module_takes_the_same_inputs_and_has_the_same_parts(module: str) -> None:
    folder = MODULES / module
    assert contract(folder) == contract(MODULES / "embedded")
    assert re.findall(r'^variable "(\w+)"', contract(folder), re.M) == ["system_id", "servers", "protection_grade", "links", "run"]
    for part in ("main.tf", "outputs.tf", "versions.tf", "README.md", "examples", "tests/contract.tftest.hcl", "module.toml"):
        assert (folder / part).exists(), part
    names = set(re.findall(r"^ +(\w+) += ", (folder / "outputs.tf").read_text(), re.M))
    assert names >= {"address", "ssh_user", "ssh_port", "zone"}
    own = (folder / "variables.tf").read_text().partition("# ---- this module's own")[2]
    described = (folder / "README.md").read_text()
    assert all(f"`{name}`" in described for name in re.findall(r'^variable "(\w+)"', own, re.M))


def test_what_is_a_providers_is_set_in_the_root_and_not_handed_to_the_module() -> None:
    module = HOME / "terraform" / "modules" / "openstack"
    patient = root_module(module, ["patience", "servers"])
    assert patient["provider"] == {"openstack": {"max_retries": "${var.patience}"}}
    source = read_providers(module)["openstack"].source
    assert f'source  = "{source}"' in (module / "versions.tf").read_text(encoding="utf-8"), "one provider, not two of a name"
    assert patient["terraform"] == {"required_providers": {"openstack": {"source": source}}}
    assert sorted(patient["module"]["system"]) == ["servers", "source"]  # type: ignore[index]  # a root is JSON
    assert root_module(module, ["servers"]).keys() == {"variable", "module", "output"}
