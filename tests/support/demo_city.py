"""The demo city, read straight from its YAML, with verdicts made up here: planning's tests need neither loader nor policy."""

from __future__ import annotations

from pathlib import Path

import yaml

from orchestrator.models import Department, Excluded, ExcludedRow, Inventory, Room, Strategy, System, Verdict
from orchestrator.planning.programme import Programme, load_programme

DEMO = Path(__file__).resolve().parents[2] / "inventories" / "demo"
STRATEGIES = {"property-register": Strategy.DEVICE_RELOCATION, "social-insurance": Strategy.HOSTING}


def demo_city() -> tuple[Inventory, dict[str, Verdict], Programme]:
    """Inventory, verdicts by system and programme of ``inventories/demo``."""
    parts: dict[str, list[dict[str, object]]] = {"departments": [], "rooms": [], "systems": []}
    for file in sorted(DEMO.glob("*.yaml")):
        data = yaml.safe_load(file.read_text(encoding="utf-8"))
        for key in parts:
            parts[key] += data.get(key, [])
    systems = [System.model_validate(row) for row in parts["systems"] if not row.get("classified")]
    inventory = Inventory(
        departments=tuple(Department.model_validate(row) for row in parts["departments"]),
        rooms=tuple(Room.model_validate(row) for row in parts["rooms"]),
        systems=tuple(sorted(systems, key=lambda one: one.id)),
        excluded=tuple(
            ExcludedRow(department=str(row["department"]), reason=Excluded.CLASSIFIED) for row in parts["systems"] if row.get("classified")
        ),
    )
    verdicts = {
        one.id: Verdict(
            system=one.id, strategy=STRATEGIES.get(one.id, Strategy.CLOUD_DEPLOYMENT), readiness=80, complexity=20,
            no_source=one.status == "under_construction",
        )
        for one in inventory.systems
    }  # fmt: skip
    return inventory, verdicts, load_programme(DEMO / "program.yaml")
