"""Policy as data: facts and rules in, a strategy with its reasons out (R3, R4); the counting rule and the baseline (R7)."""
