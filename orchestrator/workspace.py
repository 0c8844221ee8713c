"""The one door to what is known: settings, inventory, sites, policy, verdicts, programme, plans, approvals, journal.

Everything is loaded when it is first asked for, and looking makes nothing: where there is no journal yet, nobody decided
anything. Running a migration is the engine's (``engine.session``). Imports stand where they are needed: a command that only
asks for the policy's day must not wait for the journal's library.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Collection
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from orchestrator.errors import Finding, Refused, UsageError, findings_of
from orchestrator.texts import say

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from orchestrator.inventory.reading import Reading
    from orchestrator.journal.actors import Actor
    from orchestrator.journal.decisions import Decisions
    from orchestrator.journal.notes import Notes
    from orchestrator.journal.store import Journal
    from orchestrator.models import Inventory, Plan, Sites, System, SystemId, Verdict
    from orchestrator.planning.programme import Programme, Standing
    from orchestrator.policy.facts import Facts
    from orchestrator.policy.policy import Policy
    from orchestrator.policy.records import Audit
    from orchestrator.settings import Settings


T = TypeVar("T")


class Approval(NamedTuple):
    """One approval of a plan for the programme."""

    digest: str
    actor: str
    at: str
    reason: str


@dataclass
class Workspace:
    """One configuration, read once. ``paths``: files and folders that are read instead of the configured inventory, with the policy
    and the programme that lie beside them; ``policy_file``: a policy that is tried instead."""

    settings: Settings
    paths: tuple[Path, ...] = field(default=(), kw_only=True)
    policy_file: Path | None = field(default=None, kw_only=True)

    # ------------------------------------------------------------ inventory

    @cached_property
    def reading(self) -> Reading:
        """What the files say, errors and all. Raises Refused where there is no inventory."""
        from orchestrator.inventory.load import load

        read = list(self.paths) or [self.settings.inventory]
        if not read[0].exists():
            raise Refused(say("cli.no_inventory_folder", folder=str(read[0])), remedy=say("cli.set_inventory_or_demo"))
        return load(read)

    @cached_property
    def inventory(self) -> Inventory:
        """Raises Refused with every finding when the inventory has errors."""
        if errors := self.reading.errors:
            where = ", ".join(map(str, self.paths or (self.settings.inventory,)))
            says = say("inventory.has_so_many_errors", count=len(errors))
            raise Refused(says, findings=errors, where=where, remedy=say("cli.check_lists"))
        return self.reading.inventory

    @cached_property
    def sites(self) -> Sites:
        from orchestrator.inventory.load import load_sites

        return load_sites(self._folder / "sites.yaml")

    @property
    def _folder(self) -> Path:
        """Where the documents beside the systems are: the first folder that is read, else the configured one."""
        return next((path for path in self.paths if path.is_dir()), self.settings.inventory)

    def system(self, said: str) -> System:
        """The system with this id or name. Raises UsageError when the inventory has none, or several of that name."""
        from orchestrator.inventory.find import find_system

        return find_system(self.inventory, said)

    # ------------------------------------------------------------ policy

    @cached_property
    def policy(self) -> Policy:
        """The one that is named, else the one beside what is read, else the one that ships."""
        from orchestrator.policy.policy import load_policy

        folders = self.paths or (self.settings.inventory,)
        beside = next((folder / "policy.yaml" for folder in folders if (folder / "policy.yaml").is_file()), None)
        return load_policy(self.policy_file or beside)

    @cached_property
    def verdicts(self) -> dict[str, Verdict]:
        """What policy says of every system that could be read, with people's overrides laid over it."""
        return self._assess()

    def verdict_of(self, system: SystemId) -> Verdict | None:
        """The same of one system, without looking at what policy says of the others."""
        return self._assess([system]).get(system)

    def _assess(self, only: Collection[SystemId] | None = None, reading: Reading | None = None) -> dict[SystemId, Verdict]:
        from orchestrator.policy.assess import assess_reading
        from orchestrator.policy.records import overrides, with_overrides

        said = assess_reading(reading or self.reading, self.policy, self.day, only)
        decided = overrides(self.trail)
        return with_overrides(said, decided, self.zone) if decided else said

    def facts_behind(self, system: System) -> Facts:
        """What its verdict was made from: its own facts, with what somebody typed and what the systems around it say."""
        from orchestrator.policy.assess import typed_in
        from orchestrator.policy.reader import FactReader

        reader = FactReader(self.policy, self.reading.inventory, self.day, typed_in(self.reading))
        return reader.facts_of(system, self.reading.places.get(system.id, {}))

    @property
    def to_migrate(self) -> Inventory:
        """The systems that could be read of which there is something to migrate."""
        from orchestrator.policy.assess import moving

        return moving(self.reading.inventory, self.verdicts)

    def counted_apart(self, reading: Reading) -> dict[str, int]:
        """How many of the systems of a reading that are in scope are to be retired, run elsewhere already, and are to be migrated: as policy or a person says."""
        from orchestrator.models import Strategy
        from orchestrator.policy.assess import apart_in
        from orchestrator.policy.records import overrides

        try:
            said = {system: strategy for strategy, ids in apart_in(reading, self.policy, self.day).items() for system in ids}
        except Refused:  # the policy cannot be read: ``doubted`` says so
            said = {}
        known = {system.id for system in reading.inventory.systems}
        said |= {system: override.strategy for system, override in overrides(self.trail).items() if system in known}
        counts = {"to_retire": Strategy.RETIRE, "already_elsewhere": Strategy.ALREADY_ELSEWHERE}
        found = {name: sum(strategy is one for strategy in said.values()) for name, one in counts.items()}
        return {"to_migrate": len(known) - sum(found.values()), **found}

    def find_unreadable(self) -> list[Finding]:
        """What is wrong with the documents beside the systems, those that are there."""
        found: list[Finding] = []
        readers: dict[str, Callable[[], Any]] = {
            "policy.yaml": lambda: self.policy, "program.yaml": lambda: self.programme, "sites.yaml": lambda: self.sites,
        }  # fmt: skip
        for name, read in readers.items():
            if (self._folder / name).is_file():
                try:
                    read()
                except Refused as error:
                    found += findings_of(error, "unreadable")
        return found

    def find_loose_names(self, reading: Reading, is_movable: Callable[[System], bool] | None = None) -> list[Finding]:
        """Names in a reading, in ``sites.yaml``, ``program.yaml`` and the configuration that mean something which is not there. What of these
        cannot be read says so itself. ``is_movable``: by its technical sheets, unless the caller knows better."""
        from orchestrator.loose_names import find_in_documents, find_in_settings, find_in_systems, has_all_sheets

        sites = self._readable("sites.yaml", lambda: self.sites)
        programme = self._readable("program.yaml", lambda: self.programme)

        def assess(systems: Collection[SystemId]) -> dict[SystemId, Verdict]:
            try:
                return self._assess(systems, reading) if systems else {}
            except Refused:  # the policy cannot be read: ``find_unreadable`` says so
                return {}

        return [
            *find_in_systems(reading, assess, sites, self.settings, is_movable or has_all_sheets),
            *find_in_documents(self._folder, reading, sites, programme),
            *find_in_settings(self.settings),
        ]

    def _readable(self, name: str, read: Callable[[], T]) -> T | None:
        """A document beside the systems; None where there is none, or none that can be read."""
        try:
            return read() if (self._folder / name).is_file() else None
        except Refused:
            return None

    def cross_checked(self, reading: Reading) -> Reading:
        """A reading with what is wrong beside it and between its parts."""
        found = [*reading.findings, *self.find_unreadable(), *self.find_loose_names(reading)]
        return replace(reading, findings=list(dict.fromkeys(found)))

    def doubted(self, reading: Reading) -> Reading:
        """A reading with what the policy does not understand, or finds contradicted, as warnings."""
        from orchestrator.policy.doubts import with_doubts

        try:
            return with_doubts(reading, self.policy)
        except Refused:  # ``find_unreadable`` says so
            return reading

    # ------------------------------------------------------------ programme

    @cached_property
    def programme(self) -> Programme:
        """``program.yaml`` with the denominator that the journal holds and the cloud that the configuration names. Raises Refused."""
        from orchestrator.planning.programme import load_programme, with_baseline, with_target
        from orchestrator.policy.counting import baseline

        programme = with_target(load_programme(self._folder / "program.yaml"), self.settings.target)
        return with_baseline(programme, baseline(self.trail))

    @cached_property
    def _calendar(self) -> Programme | None:
        """The programme beside what is read, else the configured one; None where none can be read: ``programme`` says what is wrong with it."""
        from orchestrator.planning.programme import load_programme

        for folder in (*self.paths, self.settings.inventory):
            if (folder / "program.yaml").is_file():
                try:
                    return load_programme(folder / "program.yaml")
                except (Refused, ValueError):
                    continue
        return None

    @property
    def zone(self) -> ZoneInfo:
        """The clock that days are told by: the programme's; where there is none, the city's."""
        from zoneinfo import ZoneInfo

        from orchestrator.policy.records import CITY

        return ZoneInfo(self._calendar.timezone) if self._calendar else CITY

    @cached_property
    def day(self) -> dt.date:
        """The day that planned ends and ends of support are compared with: today, or the first day of the programme."""
        from orchestrator.planning.programme import assessed_on

        now = dt.datetime.now(dt.UTC)
        return assessed_on(self._calendar, now) if self._calendar else now.astimezone(self.zone).date()

    # ------------------------------------------------------------ plans

    @property
    def digests(self) -> dict[str, str]:
        """Of inventory and policy, as a plan keeps them."""
        from orchestrator.inventory.load import inventory_digest
        from orchestrator.policy.policy import policy_digest

        return {"inventory_digest": inventory_digest(self.inventory), "policy_digest": policy_digest(self.policy)}

    def require_something_to_migrate(self) -> None:
        """Raises Refused, with every reason, where no system is left to plan or to count."""
        if not self.to_migrate.systems:
            from orchestrator.policy.assess import apart
            from orchestrator.policy.counting import nothing_to_migrate

            raise nothing_to_migrate(self.inventory, apart(self.verdicts))

    @cached_property
    def plan(self) -> Plan:
        """The plan of today's inventory and policy. Raises Refused with reasons when there is none."""
        return self.make_plan()

    def make_plan(self, effort: int = 0, keep: Plan | None = None) -> Plan:
        """The same, with so many iterations of search; ``keep``: a former plan that stays where it still fits."""
        from orchestrator.planning.plan import make_plan

        return make_plan(self.inventory, self.verdicts, self.programme, **self.digests, effort=effort, keep=keep)

    @property
    def approvals(self) -> list[Approval]:
        """Of plans for the programme, oldest first: the last one is in force."""
        records = self.trail.read("plan_approved")
        return [Approval(str(one.payload["digest"]), one.actor, one.at, str(one.payload["reason"])) for one in records if one.payload]

    @cached_property
    def approved(self) -> Plan | None:
        """The plan in force; None: nobody approved any."""
        return self.kept_plan(self.approvals[-1].digest) if self.approvals else None

    def kept_plan(self, digest: str = "") -> Plan:
        """The kept plan whose digest begins so (8 characters or more); without one: the approved, else the last. Raises Refused."""
        from orchestrator.models import Plan

        saved = [str(one.payload["digest"]) for one in self.trail.read("plan_saved") if one.payload]
        if not digest and self.approvals:
            digest = self.approvals[-1].digest
        found = {one for one in saved if one.startswith(digest)} if len(digest) >= 8 else set(saved[-1:]) if not digest else set()
        kept = self.trail.plan(found.pop()) if len(found) == 1 else None
        if kept is None:
            what = say("cli.plan_not_kept", digest=digest[:12]) if digest else say("cli.no_former_plan")
            raise Refused(what, remedy=say("cli.run_plan"))
        return Plan.model_validate_json(kept)

    def promised_plan(self, file: Path | None = None) -> Plan:
        """What is promised: this file's plan, else the approved one, else that of the last migration, else the last kept. Raises Refused."""
        if file is not None:
            from orchestrator.planning.plan import read_plan

            try:
                return read_plan(file.read_text(encoding="utf-8"))
            except ValueError as error:
                what = say("cli.plan_was_changed") if str(error) == "digest" else say("cli.no_plan_file")
                raise UsageError(what, where=str(file), remedy=say("cli.name_plan_file")) from error
        if self.approvals or not self.has_journal:
            return self.kept_plan()
        ran = [row.plan_digest for row in self.journal.migrations()]
        return self.kept_plan(ran[-1] if ran else "")

    def keep_plan(self, made: Plan, actor: Actor) -> None:
        """The journal holds this plan when this returns; the whole journal is opened only when it did not."""
        if not any(record.payload and record.payload["digest"] == made.digest for record in self.trail.read("plan_saved")):
            self.journal.save_plan(made.digest, made.model_dump_json(), actor=str(actor))

    def changes_since(self, plan: Plan, system: str | None = None) -> tuple[Finding, ...]:
        """What differs now from what this plan was made of."""
        from orchestrator.planning.approval import changes_since

        return changes_since(plan, self.inventory, self.verdicts, self.programme, **self.digests, system=system)

    def standing(self, former: Plan) -> list[Standing]:
        """Done: accepted. Under way: begun and not ended, or live on the cloud. Rolled back: its last migration went back.

        What is on the cloud stands at the day of its switch; what has only begun at the day that was promised, or today if that is over.
        """
        from orchestrator.journal.states import Ending, MigrationState
        from orchestrator.models import Strategy
        from orchestrator.planning.calendar import local
        from orchestrator.planning.programme import Standing

        if not self.has_journal:
            return []
        planned = {entry.system for entry in former.entries}
        switched = {
            event.migration: local(dt.datetime.fromisoformat(event.at), self.programme).date()
            for event in self.journal.events(kind="migration")
            if event.payload and event.payload.get("live") == "target"
        }
        today = local(dt.datetime.now(dt.UTC), self.programme).date()
        found = []
        for system, row in sorted({row.system: row for row in self.journal.migrations()}.items()):
            if row.strategy == Strategy.RETIRE:  # it is in no plan
                continue
            if row.ending == Ending.ACCEPTED:
                day = switched.get(row.id) or local(dt.datetime.fromisoformat(row.ended or row.created), self.programme).date()
                found.append(Standing(system=system, state="done", cutover=day))
            elif row.state != MigrationState.ENDED:
                begun = None if system in planned else today
                found.append(Standing(system=system, state="under_way", cutover=switched.get(row.id, begun) if row.live == "target" else begun))
            elif row.ending in {Ending.ROLLED_BACK_BEFORE, Ending.ROLLED_BACK_AFTER, Ending.ROLLED_BACK_LOSING}:
                found.append(Standing(system=system, state="rolled_back"))
        return found

    # ------------------------------------------------------------ journal

    @property
    def has_journal(self) -> bool:
        """Where there is none yet, nobody decided anything, and looking makes none."""
        file = self.settings.journal_url.removeprefix("sqlite:///")
        return file == self.settings.journal_url or Path(file).exists()

    @property
    def trail(self) -> Audit:
        """What people decided, to be read; empty where there is no journal. A file is read without the journal's library: at once."""
        from orchestrator.policy.records import NoAudit

        if not self.has_journal:
            return NoAudit()
        file = self.settings.journal_url.removeprefix("sqlite:///")
        if file == self.settings.journal_url:
            return self.trail_to_write
        from orchestrator.journal.quick_trail import QuickTrail

        return QuickTrail(Path(file))

    @property
    def trail_to_write(self) -> Audit:
        """The same, for decisions."""
        from orchestrator.policy.records import JournalAudit

        return JournalAudit(self.journal)

    @cached_property
    def journal(self) -> Journal:
        from orchestrator.journal.store import Journal

        return Journal(self.settings.journal_url)

    @cached_property
    def decisions(self) -> Decisions:
        from orchestrator.journal.decisions import Decisions

        return Decisions(self.journal)

    @cached_property
    def notes(self) -> Notes:
        from orchestrator.journal.notes import Notes

        return Notes(self.journal)
