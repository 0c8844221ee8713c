"""What people decided about policy, kept on the audit trail: overrides of a strategy (R3) and the frozen baseline with its changes (R7)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any, Protocol
from zoneinfo import ZoneInfo

from orchestrator.errors import Refused
from orchestrator.models import Reason, Strategy, SystemId, Verdict
from orchestrator.texts import say

OVERRIDE = "policy-override"
BASELINE = "baseline-frozen"
BASELINE_CHANGE = "baseline-change"
PURGED = "purged"
LEFT = "purge-left"
"""Paths of files that a purge left for a person."""
WORDS_REMOVED = "words-removed"
"""What stands of a decision whose words named a system that was purged (R2): of which event, and its payload without them."""
GONE = "〔已清除〕"
"""Stands where a word was that named such a system."""
CITY = ZoneInfo("Asia/Shanghai")
"""The city's clock where no programme names another."""


def day(at: str, zone: dt.tzinfo = CITY) -> str:
    """The day on the city's clock of a moment on the trail."""
    return dt.datetime.fromisoformat(at).astimezone(zone).date().isoformat()


@dataclass(frozen=True)
class Record:
    """One entry of the trail. ``payload`` is None once it was purged; what stands of it when its words alone were removed."""

    at: str
    actor: str
    system: str | None
    payload: Mapping[str, Any] | None


class Audit(Protocol):
    """The trail as policy needs it."""

    def append(self, kind: str, system: str | None, payload: Mapping[str, Any], actor: str) -> None: ...

    def read(self, kind: str) -> list[Record]: ...

    def alone(self) -> AbstractContextManager[Audit]:
        """The trail while nobody else writes to it: what is read there still holds when something is appended."""

    def plan(self, digest: str) -> str | None:
        """The JSON of a kept plan."""


class JournalAudit:
    """The engine's journal as an ``Audit``."""

    def __init__(self, journal: Any, tx: Any = None) -> None:
        self._journal, self._tx = journal, tx

    def append(self, kind: str, system: str | None, payload: Mapping[str, Any], actor: str) -> None:
        self._journal.append_event(kind, actor=actor, system=system, payload=dict(payload), tx=self._tx)

    def read(self, kind: str) -> list[Record]:
        return [Record(event.at, event.actor, event.system, event.payload) for event in self._journal.events(kind=kind, tx=self._tx)]

    @contextmanager
    def alone(self) -> Iterator[Audit]:
        with self._journal.alone() as tx:
            yield JournalAudit(self._journal, tx)

    def plan(self, digest: str) -> str | None:
        kept: str | None = self._journal.plan(digest)
        return kept


class NoAudit:
    """Where there is no journal yet, nothing was decided."""

    def append(self, kind: str, system: str | None, payload: Mapping[str, Any], actor: str) -> None:
        raise Refused(say("policy.no_journal"), remedy=say("policy.set_state"))

    def read(self, _kind: str) -> list[Record]:
        return []

    def alone(self) -> AbstractContextManager[Audit]:
        return nullcontext(self)

    def plan(self, _digest: str) -> str | None:
        return None


def what_stayed(removed: Iterable[Mapping[str, Any]]) -> dict[int, Mapping[str, Any]]:
    """By number of an event, what stands of its payload: from the payloads of ``WORDS_REMOVED``, oldest first."""
    return {one["of"]: one["payload"] for one in removed}


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
        from orchestrator.policy.assess import strategy_name

        raise Refused(say("policy.said_so_already", strategy=strategy_name(strategy), system=verdict.system), remedy=say("policy.withdraw"))
    payload = {
        "strategy": str(strategy),
        "reason": line(reason, "reason"),
        "on_behalf_of": line(on_behalf_of, ""),
        "policy_strategy": str(said),
    }
    audit.append(OVERRIDE, verdict.system, payload, actor)


def withdraw_override(audit: Audit, system: SystemId, *, reason: str, actor: str, on_behalf_of: str = "") -> None:
    """Take an override back; policy's word holds again. Refused when there is none."""
    payload = {"strategy": None, "reason": line(reason, "reason"), "on_behalf_of": line(on_behalf_of, "")}
    with audit.alone() as trail:
        if system not in overrides(trail):
            raise Refused(say("policy.no_override", system=system), remedy=say("policy.nothing_to_withdraw"))
        trail.append(OVERRIDE, system, payload, actor)


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
    verdicts: Mapping[SystemId, Verdict], decided: Mapping[SystemId, Override] | Iterable[Override], zone: dt.tzinfo = CITY
) -> dict[SystemId, Verdict]:
    """Verdicts with people's choices laid over them; what policy said stays beside (``policy_strategy``). Days are those of ``zone``."""
    chosen = decided if isinstance(decided, Mapping) else {override.system: override for override in decided}
    return {system: _overridden(verdict, chosen[system], zone) if system in chosen else verdict for system, verdict in verdicts.items()}


def _overridden(verdict: Verdict, override: Override, zone: dt.tzinfo) -> Verdict:
    """A choice that policy meanwhile makes by itself stays on record as a reason and changes nothing."""
    agreed, on = override.strategy is verdict.strategy, day(override.at, zone)
    reason = Reason(
        rule="override",
        zh=f"由 {override.by()} 于 {on} 改定：{override.reason}" + "（策略现结论与之一致）" * agreed,
        en=f"Overridden by {override.by()} on {on}: {override.reason}" + " (policy now says the same)" * agreed,
        source="ours",
    )
    changed = {} if agreed else {"strategy": override.strategy, "policy_strategy": verdict.strategy, "overridden_by": override.by()}
    return verdict.model_copy(update={**changed, "reasons": (reason, *verdict.reasons)})


def line(text: str, needed: str) -> str:
    """One plain line of what a person typed. Raises Refused when it is empty although ``needed`` (the option's name), too long, or holds
    what a terminal would obey."""
    one = " ".join(text.split())
    if needed and not one:
        raise Refused(say("policy.option_needed", option=needed), remedy=say("policy.give_option", option=needed))
    if len(one) > 500 or not one.isprintable():
        raise Refused(say("policy.no_plain_line"), remedy=say("policy.one_plain_sentence"))
    return one
