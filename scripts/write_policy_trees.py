"""Write ``orchestrator/policy/policy.trees.json`` anew after a change of ``policy.yaml``: ``python scripts/write_policy_trees.py``."""

from __future__ import annotations

from pathlib import Path

from orchestrator.policy.expressions import write_trees

if __name__ == "__main__":
    (Path(__file__).resolve().parent.parent / "orchestrator" / "policy" / "policy.trees.json").write_text(write_trees(), "utf-8")
