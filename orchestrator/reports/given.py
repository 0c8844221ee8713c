"""What a report is made from, gathered once: inventory, verdicts, programme, plan, the journal's trail, the city's clock."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from zoneinfo import ZoneInfo

from orchestrator import texts
from orchestrator.models import Department, Inventory, Plan, PlanEntry, Strategy, System, Verdict
from orchestrator.planning.programme import Programme
from orchestrator.policy.assess import moving
from orchestrator.policy.counting import Baseline, Member, baseline, members_of
from orchestrator.policy.records import Audit
from orchestrator.reports.privacy import Scrubber
from orchestrator.reports.trail import Trail
from orchestrator.reports.values import Source, Words


@dataclass(frozen=True)
class Given:
    """Inputs of a report. Nothing here is changed."""

    inventory: Inventory
    verdicts: Mapping[str, Verdict]
    programme: Programme
    plan: Plan | None
    trail: Trail
    audit: Audit
    now: dt.datetime
    plans: Mapping[str, Plan] = field(default_factory=dict)
    """Plans by digest: what each migration was started under."""
    step_names: Mapping[str, tuple[str, str]] = field(default_factory=dict)

    @cached_property
    def scrub(self) -> Scrubber:
        """Knows the telephone numbers of the inventory."""
        systems = [*self.inventory.systems, *(row.system for row in self.inventory.excluded if row.system)]
        return Scrubber(s.phone for s in systems if s.phone)

    @cached_property
    def systems(self) -> dict[str, System]:
        return {s.id: s for s in self.inventory.systems}

    @cached_property
    def departments(self) -> dict[str, Department]:
        return {d.id: d for d in self.inventory.departments}

    def department(self, ident: str) -> Words:
        found = self.departments.get(ident)
        return Words(zh=found.name, en=found.name_en or found.name) if found else Words(zh=ident, en=ident)

    def system_name(self, ident: str) -> Words:
        found = self.systems.get(ident)
        return Words(zh=found.name, en=found.name_en or found.name) if found else Words(zh=ident, en=ident)

    @cached_property
    def baseline(self) -> Baseline | None:
        return baseline(self.audit)

    @cached_property
    def counted(self) -> Inventory:
        """The inventory's systems of which there is something to migrate."""
        return moving(self.inventory, self.verdicts)

    def staying(self, system: str) -> Strategy | None:
        """What becomes of a system of which nothing is migrated; None for all others."""
        verdict = self.verdicts.get(system)
        return verdict.strategy if verdict and not verdict.strategy.moves else None

    @cached_property
    def members(self) -> tuple[Member, ...]:
        """The denominator: the frozen baseline as changed since, else today's inventory. Hidden systems that nobody took out
        of the baseline are still counted: a denominator never shrinks silently."""
        return self.baseline.members if self.baseline else members_of(self.counted)

    @cached_property
    def members_source(self) -> Source:
        events = self.trail.of_kind("baseline-frozen", "baseline-change") if self.baseline else []
        return Source(events=tuple(e.seq for e in events), rows=() if self.baseline else ("inventory:*",))

    @cached_property
    def accepted(self) -> dict[str, Source]:
        """Systems that were finally accepted on the cloud, each with the event that says so. What was retired counts by itself."""
        return self._accepted(retired=False)

    @cached_property
    def retired(self) -> dict[str, Source]:
        """Systems whose retirement was finally accepted and whose room is free of them, each with the event that says so."""
        return self._accepted(retired=True)

    def _accepted(self, *, retired: bool) -> dict[str, Source]:
        found: dict[str, Source] = {}
        for m in self.trail.migrations:
            if m.ending == "accepted" and m.state == "ended" and (m.strategy == Strategy.RETIRE) is retired:
                found[m.system] = self.trail.source(self.trail.ended(m.id, "accepted"), f"migrations:{m.id}")
        return found

    def entry(self, system: str, digest: str | None = None) -> tuple[PlanEntry, str] | None:
        """What was promised to a system and by which plan: the one its migration began under, else today's."""
        for one in (digest or "", self.plan.digest if self.plan else ""):
            if (found := self._entries.get(one, {}).get(system)) is not None:
                return found, one
        return None

    @cached_property
    def _entries(self) -> dict[str, dict[str, PlanEntry]]:
        plans = {**self.plans} | ({self.plan.digest: self.plan} if self.plan else {})
        return {digest: {entry.system: entry for entry in plan.entries} for digest, plan in plans.items()}

    # ------------------------------------------------------------ words

    def in_english(self, words: texts.Words, limit: int) -> str:
        """As they are kept, scrubbed."""
        return self.scrub.text(texts.kept(words), limit=limit)

    def in_both(self, words: texts.Words, limit: int) -> Words:
        """For a reader of either language, scrubbed."""
        return Words(zh=self.scrub.text(texts.spoken(words, "zh"), limit=limit), en=self.scrub.text(texts.spoken(words, "en"), limit=limit))

    # ------------------------------------------------------------ time

    @cached_property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.programme.timezone)

    def local(self, at: str | float | dt.datetime | None) -> str:
        """The city's own time, to the second. A naive time is the city's already; empty stays empty."""
        if at is None or at == "":
            return ""
        if isinstance(at, float | int):
            moment = dt.datetime.fromtimestamp(at, dt.UTC)
        else:
            moment = dt.datetime.fromisoformat(at) if isinstance(at, str) else at
        return (moment.astimezone(self.zone) if moment.tzinfo else moment).strftime("%Y-%m-%d %H:%M:%S")
