"""What of a payload may be printed: chosen keys only, and no telephone, identity or mail figure inside them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

from orchestrator.inventory import personal

HIDDEN = "〔略〕"
KEYS: dict[str, tuple[str, ...]] = {
    # kind of event → what of it is printed; keys that are not listed never are
    "plan_saved": ("digest",),
    "plan_approved": ("digest", "reason"),
    "migration_started": ("strategy", "plan"),
    "migration": ("state", "ending", "live", "why"),
    "taken_up": ("was",),
    "step": ("runbook", "step", "state", "facts", "error"),
    "gate_opened": ("gate", "digest"),
    "gate_reopened": ("gate", "was", "digest"),
    "gate_decided": ("gate", "approved", "digest", "reason"),
    "task_opened": ("task", "title"),
    "task_done": ("task", "evidence"),
    "measured": ("kind", "direction", "longest_gap_ms", "requests", "failed_requests", "budget_ms", "budget_failed", "in_window", "breach"),
    "breach": ("kind", "direction", "longest_gap_ms", "requests", "failed_requests", "budget_ms", "budget_failed", "in_window", "breach"),
    "purged": ("events", "reason"),
    "catalogue_registered": (
        "name",
        "database",
        "basic_category",
        "theme",
        "source_of_truth",
        "sharing",
        "form",
        "update_frequency",
        "place",
    ),
    "device_outage_announced": ("minutes",),
    "outage_announced": ("minutes",),
    "writes_exposed": ("why",),
    "way_back_alarm": ("problems",),
    "alarm_cleared": ("problems",),
    "clean_up_owed": ("step", "what"),
    "clean_up_done": ("step", "evidence"),
    "lost_with_the_target": ("named",),
    "judged": ("acknowledged", "lost", "duplicated", "failed", "longest_gap_ms", "tables", "rows", "equal", "faults"),
    "mended": ("cause", "done"),
    "copied": ("bytes", "items"),
    "policy-override": ("strategy", "policy_strategy", "reason", "on_behalf_of"),
    "baseline-frozen": ("reason",),
    "baseline-change": ("what", "reason"),
    "flag_hold": ("value",),
}
FACTS = (
    "tables",
    "rows",
    "equal",
    "from",
    "hold_ms",
    "compared_files",
    "unchanged",
    "minutes",
    "outage_seconds",
    "gap_ms",
    "attempts",
    "seconds",
    "actor",
    "decided",
    "rule",
)
"""What of a step's facts is printed: figures, never places."""
LIMIT = 240


class Scrubber:
    """Removes personal figures from texts: what looks like one, and what the inventory says is one."""

    def __init__(self, known: Iterable[str]) -> None:
        found = sorted({k.strip() for k in known if len(k.strip()) >= 5}, key=len, reverse=True)
        self._known = re.compile("|".join(map(re.escape, found))) if found else None

    def text(self, value: str, limit: int = LIMIT) -> str:
        """One line, control characters and personal figures removed, cut at ``limit``."""
        line = " ".join("".join(c if c.isprintable() or c.isspace() else "�" for c in value).split())
        line = personal.FIGURES.sub(HIDDEN, line)
        if self._known:
            line = self._known.sub(HIDDEN, line)
        return line if len(line) <= limit else line[: limit - 1] + "…"

    def excerpt(self, kind: str, payload: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
        """The printable part of an event's payload as (key, text). Of kinds we do not know nothing is printed."""
        found = []
        for key in KEYS.get(kind, ()):
            value = payload.get(key)
            if value is None or value == "":
                continue
            if key == "facts":
                value = {k: v for k, v in value.items() if k in FACTS} if isinstance(value, dict) else None
                if not value:
                    continue
            if key == "error" and isinstance(value, dict):
                value = str(value.get("what", ""))
            if key in {"digest", "plan", "was"} and isinstance(value, str):
                value = value[:12]
            found.append((key, self.text(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str))))
        return tuple(found)


def who(actor: str) -> str:
    """The person behind an actor: a lease's holder without the machine and process it ran on."""
    head, _, tail = actor.rpartition(" ")
    return head if head and re.fullmatch(r"\S*:\d+", tail) else actor
