"""One place for configuration: defaults, ``orchestrator.toml``, environment (``ORCHESTRATOR_*``), command line, in rising order."""

from __future__ import annotations

import json
import os
import tomllib
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field, JsonValue, PositiveInt, ValidationError

from orchestrator.errors import Unfit
from orchestrator.models import Network
from orchestrator.texts import say

FILE = "orchestrator.toml"
PREFIX = "ORCHESTRATOR_"
HOME = Path(__file__).resolve().parent.parent
"""The checkout: where playbooks, Terraform modules and private server programs live."""


class Cloud(BaseModel):
    """``[cloud]`` in orchestrator.toml: what is particular to this city's cloud."""

    model_config = ConfigDict(extra="forbid")

    inputs: dict[str, JsonValue] = {}
    """``[cloud.inputs]``: the Terraform module's own inputs, by name (its README lists them). Handed through as they stand: the
    module's own rules judge them, in the dry run and before every apply. No secrets: credentials come from the environment."""
    not_ours: list[str] = []
    """Ids of servers, ports and volumes on the cloud that bear a name of ours and are somebody else's: they are left as they are."""


class Limits(BaseModel):
    """``[limits]``: how many systems may copy data at the same time, by Prefect's global limits. None: as many as there are. ``programs`` is about each controller."""

    model_config = ConfigDict(extra="forbid")

    bandwidth: PositiveInt | None = None
    """In all, over every controller."""
    department: PositiveInt | None = None
    """Of one department."""
    room: PositiveInt | None = None
    """Out of one old room."""
    database_server: PositiveInt | None = None
    """From one host that holds databases."""
    programs: PositiveInt | None = None
    """Runs of Ansible and Terraform at a time on each controller, Prefect or not; None: four for each of its cores."""


class Settings(BaseModel):
    """Holds references to secrets, never values."""

    model_config = ConfigDict(extra="forbid")
    not_in_file: ClassVar[frozenset[str]] = frozenset({"fault_hold"})
    """What nobody is told to set."""

    inventory: Path = Path("inventory")
    """Folder of the inventory: departments, systems, ``sites.yaml``, ``program.yaml``, optional ``policy.yaml``."""
    state: Path = Path(".orchestrator")
    """Journal, Terraform working directories, artifacts, cutover records."""
    journal: str = ""
    """SQLAlchemy URL; default: SQLite in ``state``."""
    terraform_module: str = "embedded"
    """Folder under ``terraform/modules``."""
    cloud: Cloud = Cloud()
    known_hosts: Path | None = None
    ssh_key: Path | None = None
    prefect_api: str = ""
    """URL of a Prefect server; default: one of our own, started on loopback when first needed and reused."""

    zones: dict[str, list[Network]] = {}
    """``[zones]``: by the name of a work pool, the networks (``dedicated``, ``government_intranet`` …) whose systems only its
    controllers reach. Systems of every other network belong to the pool ``city``."""
    limits: Limits = Limits()
    clean_after_days: Annotated[int, Field(ge=0)] = 30
    """Days after final acceptance before `orchestrator clean` removes anything of a migration."""
    keep_backups_days: Annotated[int, Field(ge=0)] = 180
    """The same for backups."""
    report_hour: Annotated[int, Field(ge=0, le=23)] = 7
    """When the report is made each morning, by the programme's clock."""

    fault_hold: str = ""
    """Fault tests only: ``stage:milliseconds`` that the guard stays inside the fence after a stage."""

    def __init__(self, **given: Any) -> None:
        """``given``: of the command line; what it does not name is of the environment, else of the file, else the default.

        Raises ``tomllib.TOMLDecodeError``, ``UnicodeDecodeError``, ``pydantic.ValidationError``."""
        file = Path(FILE)
        written = tomllib.loads(file.read_text("utf-8")) if file.is_file() else {}
        super().__init__(**_laid_over(_laid_over(written, read_environment()), given))

    @cached_property
    def journal_url(self) -> str:
        return self.journal or f"sqlite:///{self.state.resolve() / 'journal.sqlite'}"

    @property
    def playbooks(self) -> Path:
        return HOME / "playbooks"

    @property
    def terraform(self) -> Path:
        return HOME / "terraform" / "modules" / self.terraform_module

    @property
    def target(self) -> dict[str, Any]:
        """Where servers are made, as plans keep it and approvals cover it."""
        return {"module": self.terraform_module, "inputs": self.cloud.inputs}

    @property
    def tools(self) -> Path:
        """Private folder of server programs; its ``bin`` comes before PATH."""
        return Path(os.environ.get("ORCHESTRATOR_TOOLS", HOME / ".tools"))


def read_environment() -> dict[str, Any]:
    """What the environment sets: ``ORCHESTRATOR_STATE`` is ``state``; a table is JSON. Other names with the prefix are not settings."""
    found: dict[str, Any] = {}
    for name, value in os.environ.items():
        field = name[len(PREFIX) :].lower() if name.upper().startswith(PREFIX) else ""
        if field in Settings.model_fields:
            found[field] = _json(name, value) if field in _TABLES else value
    return found


_TABLES = {"cloud", "limits", "zones"}


def _json(name: str, value: str) -> Any:
    try:
        return json.loads(value)
    except ValueError as error:
        line = {"type": "value_error", "loc": (name,), "input": value, "ctx": {"error": Unfit(say("cli.no_json"))}}
        raise ValidationError.from_exception_data("Settings", [line]) from error  # type: ignore[list-item]


def _laid_over(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """What the upper one says, tables field by field."""
    merged = dict(below)
    for name, value in above.items():
        inner = merged.get(name)
        merged[name] = _laid_over(inner, value) if isinstance(inner, Mapping) and isinstance(value, Mapping) else value
    return merged
