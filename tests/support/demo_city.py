"""The demo city with verdicts made up here: planning's tests do not hang on what policy says today."""

from __future__ import annotations

from pathlib import Path

from orchestrator.inventory.load import load_strict
from orchestrator.models import Inventory, Strategy, Verdict
from orchestrator.planning.programme import Programme, load_programme

DEMO = Path(__file__).resolve().parents[2] / "inventories" / "demo"
STRATEGIES = {"property-register": Strategy.DEVICE_RELOCATION, "social-insurance": Strategy.HOSTING}


def demo_city() -> tuple[Inventory, dict[str, Verdict], Programme]:
    """Inventory, verdicts by system and programme of ``inventories/demo``."""
    inventory = load_strict([DEMO]).inventory
    verdicts = {
        one.id: Verdict(
            system=one.id, strategy=STRATEGIES.get(one.id, Strategy.CLOUD_DEPLOYMENT), readiness=80, complexity=20,
            no_source=one.status == "under_construction",
        )
        for one in inventory.systems
    }  # fmt: skip
    return inventory, verdicts, load_programme(DEMO / "program.yaml")
