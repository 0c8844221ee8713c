"""The one door to what is known: settings, inventory, sites, policy, verdicts, programme, plan, approval, journal.

Everything is loaded when it is first asked for, and looking makes nothing: where there is no journal yet, nobody decided
anything. Running a migration is the engine's (``engine.session``).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from zoneinfo import ZoneInfo

from orchestrator.errors import Finding, Refused
from orchestrator.inventory.find import find_system
from orchestrator.inventory.load import Reading, inventory_digest, load, load_sites
from orchestrator.journal.decisions import Decisions
from orchestrator.journal.notes import Notes
from orchestrator.journal.store import Journal
from orchestrator.models import Inventory, Plan, Sites, System, Verdict
from orchestrator.planning.approval import changes_since
from orchestrator.planning.plan import make_plan
from orchestrator.planning.programme import Programme, assessed_on, load_programme, with_baseline, with_target
from orchestrator.policy.assess import assess, typed_in
from orchestrator.policy.counting import baseline
from orchestrator.policy.policy import Policy, load_policy, policy_digest
from orchestrator.policy.records import JournalAudit, overrides, with_overrides
from orchestrator.settings import Settings
from orchestrator.texts import say


@dataclass
class Workspace:
    """One configuration, read once."""

    settings: Settings

    @cached_property
    def inventory(self) -> Inventory:
        """Raises Refused with every finding when the inventory has errors."""
        if not self.settings.inventory.is_dir():
            raise Refused(
                say("cli.no_inventory_folder", folder=str(self.settings.inventory)),
                remedy=say("cli.set_inventory_or_demo"),
            )
        reading = self._reading
        errors = [f for f in reading.findings if f.severity == "error"]
        if errors:
            raise Refused(say("inventory.has_so_many_errors", count=len(errors)), findings=errors, where=str(self.settings.inventory))
        return reading.inventory

    @cached_property
    def _reading(self) -> Reading:
        return load([self.settings.inventory])

    @property
    def findings(self) -> Sequence[Finding]:
        """What reading the inventory found, errors and warnings."""
        return self._reading.findings

    @cached_property
    def sites(self) -> Sites:
        return load_sites(self.settings.inventory / "sites.yaml")

    @cached_property
    def verdicts(self) -> dict[str, Verdict]:
        """What policy says, with people's overrides laid over it."""
        said = assess(
            self.inventory, self.policy, self._reading.places,
            today=assessed_on(self.programme, dt.datetime.now(dt.UTC)), typed=typed_in(self._reading),
        )  # fmt: skip
        decided = overrides(JournalAudit(self.journal)) if self.has_journal else {}
        return with_overrides(said, decided, ZoneInfo(self.programme.timezone)) if decided else said

    @property
    def has_journal(self) -> bool:
        """Where there is none yet, nobody decided anything, and looking makes none."""
        file = self.settings.journal_url.removeprefix("sqlite:///")
        return file == self.settings.journal_url or Path(file).exists()

    @cached_property
    def policy(self) -> Policy:
        """``policy.yaml`` beside the inventory, else the one that ships."""
        file = self.settings.inventory / "policy.yaml"
        return load_policy(file if file.exists() else None)

    @cached_property
    def programme(self) -> Programme:
        """``program.yaml`` with the denominator that the journal holds and the cloud that the configuration names."""
        programme = load_programme(self.settings.inventory / "program.yaml")
        programme = with_target(programme, self.settings.target)
        return with_baseline(programme, baseline(JournalAudit(self.journal)) if self.has_journal else None)

    @cached_property
    def plan(self) -> Plan:
        """The plan of today's inventory and policy. Raises Refused with reasons when there is none."""
        return self.make_plan()

    def make_plan(self, effort: int = 0, keep: Plan | None = None) -> Plan:
        """The same, with so many iterations of search; ``keep``: a former plan that stays where it still fits."""
        return make_plan(
            self.inventory,
            self.verdicts,
            self.programme,
            inventory_digest=inventory_digest(self.inventory),
            policy_digest=policy_digest(self.policy),
            effort=effort,
            keep=keep,
        )

    @cached_property
    def approved(self) -> Plan | None:
        """The plan that a person approved for the programme, the last one; None: nobody approved any."""
        approvals = self.decisions.approvals() if self.has_journal else []
        kept = self.journal.plan(approvals[-1].payload["digest"]) if approvals and approvals[-1].payload else None
        return Plan.model_validate_json(kept) if kept else None

    @cached_property
    def journal(self) -> Journal:
        return Journal(self.settings.journal_url)

    @cached_property
    def decisions(self) -> Decisions:
        return Decisions(self.journal)

    @cached_property
    def notes(self) -> Notes:
        return Notes(self.journal)

    def system(self, said: str) -> System:
        """The system with this id or name. Raises UsageError when the inventory has none, or several of that name."""
        return find_system(self.inventory, said)

    def changes_since(self, plan: Plan, system: str | None = None) -> tuple[Finding, ...]:
        """What differs now from what this plan was made of."""
        return changes_since(
            plan, self.inventory, self.verdicts, self.programme,
            inventory_digest=inventory_digest(self.inventory), policy_digest=policy_digest(self.policy), system=system,
        )  # fmt: skip
