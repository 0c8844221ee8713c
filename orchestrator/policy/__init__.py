"""Policy as data: facts and rules in, a strategy with its reasons out (R3, R4); the counting rule and the baseline (R7)."""

from __future__ import annotations

from orchestrator.policy.assess import STRATEGY_EN, STRATEGY_ZH, assess
from orchestrator.policy.policy import Policy, load_policy, policy_digest

__all__ = ["STRATEGY_EN", "STRATEGY_ZH", "Policy", "assess", "load_policy", "policy_digest"]
