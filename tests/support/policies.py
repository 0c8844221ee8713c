"""The policy that ships, with something changed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

SHIPPED = Path(__file__).resolve().parents[2] / "orchestrator" / "policy" / "policy.yaml"


def changed_policy(tmp_path: Path, change: Callable[[dict[str, Any]], Any]) -> Path:
    """A file with the changed policy."""
    document = yaml.safe_load(SHIPPED.read_text("utf-8"))
    change(document)
    path = tmp_path / "policy.yaml"
    path.write_text(yaml.safe_dump(document, allow_unicode=True), encoding="utf-8")
    return path


def rule(**fields: Any) -> dict[str, Any]:
    """A rule with nothing wrong but what ``fields`` say."""
    return {"id": "new", "when": "supported == true", "effect": {"readiness": 1}, "zh": "理由", "en": "reason", "source": "ours", **fields}
