"""What a Terraform module declares, and its own rules tried on values: no provider is needed and no cloud is asked.

A module's ``variables.tf`` holds every variable with its validations (terraform/README.md). Planned alone, in a throwaway
folder, it judges the inputs exactly as an apply would, and says what is wrong in the module's own words.
"""

from __future__ import annotations

import re
import shutil
import tempfile
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from orchestrator.errors import Finding, Refused, ToolError
from orchestrator.texts import Words, say

CONTRACT = frozenset({"system_id", "servers", "protection_grade", "links", "machines", "paths"})
"""Inputs that the engine fills from the inventory; every module takes them, ``machines`` only one that uses what stands already, and
``paths`` only one whose cloud opens nothing by itself."""
VARIABLE = re.compile(r'^variable\s+"([A-Za-z_][\w-]*)"', re.M)
_REMEDY = say("tools.mend_inputs")
_MADE_BY_THE_ENGINE = say("tools.engine_fills")


def variables_of(module: Path) -> frozenset[str]:
    """Names of a module's inputs. Raises Refused when there is no such module."""
    files = sorted(module.glob("*.tf"))
    if not files:
        raise Refused(say("tools.no_module", module=str(module)), where="terraform_module", remedy=say("tools.name_module"))
    return frozenset(name for file in files for name in VARIABLE.findall(file.read_text(encoding="utf-8")))


@dataclass(frozen=True)
class Provider:
    """A provider of a module whose settings the engine fills. ``settings``: name → the input that holds it."""

    source: str
    settings: Mapping[str, str]


def read_providers(module: Path) -> dict[str, Provider]:
    """By local name, from the module's ``module.toml``; mostly none."""
    file = module / "module.toml"
    told = tomllib.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
    return {
        str(name): Provider(str(row["source"]), {str(key): str(value) for key, value in row["settings"].items()})
        for name, row in told.get("provider", {}).items()
    }


def needs_provider(module: Path) -> bool:
    """Whether planning it whole asks a provider (and so, mostly, a cloud); Terraform's built-in one asks nobody."""
    return any("required_providers" in file.read_text(encoding="utf-8") for file in module.glob("*.tf"))


def find_undeclared(module: Path, inputs: Mapping[str, object]) -> list[Finding]:
    """Inputs of ``[cloud.inputs]`` that the module does not have, or that are not the configuration's to set."""
    own = variables_of(module) - CONTRACT
    findings = []
    for name in sorted(inputs):
        if name in CONTRACT:
            findings.append(
                _finding("cloud-input-ours", say("tools.not_set_here", name=name, why=_MADE_BY_THE_ENGINE), say("tools.take_out"))
            )
        elif name not in own:
            known = ", ".join(sorted(own)) or "none"
            findings.append(
                _finding("cloud-input-unknown", say("tools.no_input", module=module.name, name=name), say("tools.own_inputs", known=known))
            )
    return findings


def find_broken_rules(module: Path, system: str, inputs: Mapping[str, object]) -> list[Finding]:
    """Every rule of the module's variables that these inputs break. Asks no cloud and needs no provider.

    ``inputs``: all of them, as an apply would give them, ``system_id`` left out. A value that Terraform cannot read at all
    (text for a number) is a finding as well. Raises ToolError when Terraform itself fails.
    """
    from orchestrator.tools.terraform import SystemTerraform

    elsewhere = variables_of(module) - set(VARIABLE.findall((module / "variables.tf").read_text(encoding="utf-8")))
    if elsewhere:
        raise Refused(
            say("tools.declares_elsewhere", name=module.name, elsewhere=tuple(sorted(elsewhere))), where=str(module),
            remedy=say("tools.move_variables"),
        )  # fmt: skip
    with tempfile.TemporaryDirectory(prefix="module-rules-") as folder:
        rules = Path(folder) / "rules"
        rules.mkdir()
        shutil.copy(module / "variables.tf", rules)
        (rules / "outputs.tf").write_text('output "servers" {\n  value = {}\n}\n', encoding="utf-8")
        terraform = SystemTerraform(rules, Path(folder) / "work", system)
        try:
            terraform.plan(inputs)
        except ToolError:
            if not terraform.reported:
                raise
            return told_findings(terraform.reported, system)
    return []


def told_findings(reported: Iterable[str], system: str) -> list[Finding]:
    """What Terraform said of the inputs, each once, as findings."""
    return [
        Finding("cloud-input-refused", "error", _without_place(said), _REMEDY, file="orchestrator.toml", system=system)
        for said in dict.fromkeys(reported)
    ]


def _without_place(said: str) -> str:
    """A diagnostic without the line numbers of a throwaway copy."""
    return " ".join(said.partition("\n\nThis was checked by")[0].removeprefix("Invalid value for variable: ").split())


def _finding(code: str, message: Words, remedy: Words) -> Finding:
    return Finding(code, "error", message, remedy, file="orchestrator.toml", cell="[cloud.inputs]")
