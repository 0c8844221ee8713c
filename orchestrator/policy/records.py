"""What people decided about policy, kept on the audit trail: overrides of a strategy (R3) and the frozen baseline with its changes (R7)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from orchestrator.errors import Refused
from orchestrator.models import Reason, Strategy, SystemId, Verdict

OVERRIDE = "policy-override"
BASELINE = "baseline-frozen"
BASELINE_CHANGE = "baseline-change"
PURGED = "purged"


@dataclass(frozen=True)
class Record:
    """One entry of the trail. ``payload`` is None once it was purged."""

    at: str
    actor: str
    system: str | None
    payload: Mapping[str, Any] | None


class Audit(Protocol):
    """The trail as policy needs it."""

    def append(self, kind: str, system: str | None, payload: Mapping[str, Any], actor: str) -> None: ...

    def read(self, kind: str) -> list[Record]: ...

    def plan(self, digest: str) -> str | None:
        """The JSON of a kept plan."""


class JournalAudit:
    """The engine's journal as an ``Audit``."""

    def __init__(self, journal: Any) -> None:
        self._journal = journal

    def append(self, kind: str, system: str | None, payload: Mapping[str, Any], actor: str) -> None:
        self._journal.append_event(kind, actor=actor, system=system, payload=dict(payload))

    def read(self, kind: str) -> list[Record]:
        return [Record(event.at, event.actor, event.system, event.payload) for event in self._journal.events(kind=kind)]

    def plan(self, digest: str) -> str | None:
        kept: str | None = self._journal.plan(digest)
        return kept


class NoAudit:
    """Where there is no journal yet, nothing was decided."""

    def append(self, kind: str, system: str | None, payload: Mapping[str, Any], actor: str) -> None:
        raise Refused("there is no journal to write to", remedy="set `state` in orchestrator.toml")

    def read(self, _kind: str) -> list[Record]:
        return []

    def plan(self, _digest: str) -> str | None:
        return None


@dataclass(frozen=True)
class Override:
    """A named person's choice against what policy said."""

    system: SystemId
    strategy: Strategy
    reason: str
    actor: str
    on_behalf_of: str
    at: str

    def by(self) -> str:
        """Who, for whom: as printed in reports."""
        return f"{self.actor}（代 {self.on_behalf_of}）" if self.on_behalf_of else self.actor


def record_override(audit: Audit, verdict: Verdict, strategy: Strategy, *, reason: str, actor: str, on_behalf_of: str = "") -> None:
    """Put a choice on the trail. The choice that policy makes itself is refused: withdraw the override instead."""
    said = verdict.policy_strategy or verdict.strategy
    if said is strategy:
        raise Refused(f"policy says {strategy} of {verdict.system} by itself", remedy="use --withdraw to take a former override back")
    payload = {
        "strategy": str(strategy),
        "reason": _line(reason, "reason"),
        "on_behalf_of": _line(on_behalf_of, ""),
        "policy_strategy": str(said),
    }
    audit.append(OVERRIDE, verdict.system, payload, actor)


def withdraw_override(audit: Audit, system: SystemId, *, reason: str, actor: str, on_behalf_of: str = "") -> None:
    """Take an override back; policy's word holds again. Refused when there is none."""
    if system not in overrides(audit):
        raise Refused(f"{system} has no override", remedy="nothing to withdraw")
    audit.append(OVERRIDE, system, {"strategy": None, "reason": _line(reason, "reason"), "on_behalf_of": _line(on_behalf_of, "")}, actor)


def overrides(audit: Audit) -> dict[SystemId, Override]:
    """The latest choice for each system that was not withdrawn (nor purged)."""
    found: dict[SystemId, Override] = {}
    for record in audit.read(OVERRIDE):
        payload = record.payload
        if record.system is None:
            continue
        found.pop(record.system, None)
        if payload and payload.get("strategy"):
            found[record.system] = Override(
                record.system,
                Strategy(payload["strategy"]),
                str(payload["reason"]),
                record.actor,
                str(payload.get("on_behalf_of", "")),
                record.at,
            )
    return found


def with_overrides(
    verdicts: Mapping[SystemId, Verdict], decided: Mapping[SystemId, Override] | Iterable[Override]
) -> dict[SystemId, Verdict]:
    """Verdicts with people's choices laid over them; what policy said stays beside (``policy_strategy``)."""
    chosen = decided if isinstance(decided, Mapping) else {override.system: override for override in decided}
    return {system: _overridden(verdict, chosen[system]) if system in chosen else verdict for system, verdict in verdicts.items()}


def _overridden(verdict: Verdict, override: Override) -> Verdict:
    """A choice that policy meanwhile makes by itself stays on record as a reason and changes nothing."""
    agreed = override.strategy is verdict.strategy
    reason = Reason(
        rule="override",
        zh=f"由 {override.by()} 于 {override.at[:10]} 改定：{override.reason}" + "（策略现结论与之一致）" * agreed,
        en=f"Overridden by {override.by()} on {override.at[:10]}: {override.reason}" + " (policy now says the same)" * agreed,
        source="ours",
    )
    changed = {} if agreed else {"strategy": override.strategy, "policy_strategy": verdict.strategy, "overridden_by": override.by()}
    return verdict.model_copy(update={**changed, "reasons": (reason, *verdict.reasons)})


def _line(text: str, needed: str) -> str:
    line = " ".join(text.split())
    if needed and not line:
        raise Refused(f"a {needed} is needed", remedy=f"give it with --{needed}")
    if len(line) > 500 or not line.isprintable():
        raise Refused("the text is too long or holds characters that cannot be printed", remedy="use one plain sentence")
    return line
