"""``program.yaml``: the programme as data (R7). Phases and percentages, calendar, teams, capacity, limits, what is under way.

Only ``starts`` and ``phases`` are needed; everything else has a default that restricts nothing it was not told about.
Quantities that planning adds up are kept as written here; planning turns them into whole units (see ``problem.py``).
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal
from zoneinfo import ZoneInfo

from pydantic import Field, field_validator, model_validator

from orchestrator.errors import Finding, Refused, Unfit
from orchestrator.inventory.schema import fit, place_of, read_document
from orchestrator.models import Inventory, Kind, Level, Noun, Skill, Strategy, SystemId, Window
from orchestrator.policy.counting import Baseline, BaselineChange, Member, members_of
from orchestrator.policy.records import day
from orchestrator.texts import say

Positive = Annotated[float, Field(gt=0, le=1e9, allow_inf_nan=False)]
NotNegative = Annotated[float, Field(ge=0, le=1e9, allow_inf_nan=False)]
LONGEST_YEARS = 50
"""Of a programme: every week of it is planned."""


class Phase(Noun):
    """A target period (R7). ``percent`` of the systems in scope are to be finally accepted by the end of ``due``."""

    id: SystemId
    name: str
    name_en: str | None = None
    starts: dt.date | None = None
    """First day of cutovers of systems that no earlier phase has in scope; default: the day after the former phase's ``due``."""
    due: dt.date
    percent: Annotated[float, Field(gt=0, le=100)]
    levels: tuple[Level, ...] = (Level.MUNICIPAL, Level.COUNTY)
    kinds: tuple[Kind, ...] = (Kind.DATABASE, Kind.APPLICATION)


class Blackout(Noun):
    """Days without any cutover (congress weeks, examinations), first and last included. No ``departments``: the whole city."""

    name: str
    starts: dt.date
    ends: dt.date
    departments: tuple[SystemId, ...] = ()

    @model_validator(mode="after")
    def _ordered(self) -> Blackout:
        if self.ends < self.starts:
            raise Unfit(say("planning.blackout_ends_first", name=self.name))
        return self


class Teams(Noun):
    """From the first week that begins on ``since`` or later, so many teams have this skill; one team does one team-week a week."""

    skill: Skill
    teams: NotNegative
    since: dt.date | None = None


class Work(Noun):
    """What one system of a strategy needs."""

    weeks: Annotated[int, Field(ge=1, le=52)] = 1
    """Preparation, in weeks, the week of the cutover included."""
    cutover_hours: Positive = 2
    """The window must be open at least so long."""
    skills: dict[Skill, Positive] = Field(default_factory=dict)
    """Team-weeks by skill, for a system of complexity 0."""
    complexity_factor: NotNegative = 0
    """Team-weeks are multiplied by ``1 + complexity_factor * complexity / 100``."""


class Replication(Noun):
    """First copies. A system's data is copied evenly over the weeks of its preparation."""

    gb_per_week: Positive | None = None
    stream_gb_per_week: Positive | None = None
    """What one system's copy reaches at most: larger ones are prepared for longer. Default: ``gb_per_week``."""


class CloudStep(Noun):
    """From the first week that begins on ``since`` or later, the cloud has so much in all. Left out: not limited.

    A system takes its share from the first week of its preparation on.
    """

    since: dt.date
    vcpus: NotNegative | None = None
    memory_gb: NotNegative | None = None
    storage_gb: NotNegative | None = None


class Waves(Noun):
    """How many systems may be cut over in one week."""

    systems_per_week: Annotated[int, Field(ge=1)] | None = 20
    per_department: Annotated[int, Field(ge=1)] | None = None
    departments: dict[SystemId, Annotated[int, Field(ge=0)]] = Field(default_factory=dict)
    """Limits of single departments, instead of ``per_department``."""


class Standing(Noun):
    """Where a system stands already. ``rolled_back``: it is on its source again and is planned anew."""

    system: SystemId
    state: Literal["done", "under_way", "rolled_back"]
    cutover: dt.date | None = None
    """Done: the day it was cut over. Under way: the day that was promised."""


class Frozen(Noun):
    """The denominator as the journal has it (R7): frozen on a day, every recorded change applied."""

    day: dt.date
    changes: int = 0
    members: tuple[Member, ...]
    records: tuple[BaselineChange, ...] = ()
    """The changes themselves."""


class Programme(Noun):
    """Everything planning knows besides inventory and policy."""

    not_in_file: ClassVar[frozenset[str]] = frozenset({"baseline", "target"})
    """What the journal and the configuration say."""

    starts: dt.date
    as_of: dt.date | None = None
    """Nothing is planned before this day; default: ``starts``."""
    phases: Annotated[tuple[Phase, ...], Field(min_length=1)]
    counting: Literal["all_together", "per_kind", "per_department"] = "all_together"
    timezone: str = "Asia/Shanghai"
    holidays: tuple[dt.date, ...] = ()
    """Further days off; for years that the calendar library does not know, all of them."""
    workdays: tuple[dt.date, ...] = ()
    """Further working days (调休上班)."""
    blackouts: tuple[Blackout, ...] = ()
    default_windows: tuple[Window, ...] = (Window(days="daily", start="00:00", end="05:00"),)
    """For systems that declare no windows and whose service hours leave none (7×24) or cannot be read."""
    teams: tuple[Teams, ...] = ()
    """Empty: not limited. Otherwise a skill that is not listed has no team."""
    work: dict[Strategy, Work] = Field(default_factory=dict)
    replication: Replication = Replication()
    cloud: tuple[CloudStep, ...] = ()
    waves: Waves = Waves()
    trial_run_days: Annotated[float, Field(ge=0, le=3650, allow_inf_nan=False)] = 14
    """Between cutover and final acceptance, for systems that declare no trial run of their own."""
    trial_grace_minutes: Annotated[float, Field(ge=0, le=14_400, allow_inf_nan=False)] = 15
    """In the trial run: so long services may be unhealthy, a restart or a repair, before the system goes back by itself."""
    reachable: tuple[SystemId, ...] = ()
    """Dependencies that stay where they are and are reached over a link: nobody waits for them."""
    under_way: tuple[Standing, ...] = ()
    baseline: Frozen | None = None
    """What the percentages are of. From the journal, never from the file; None: nobody has frozen one, today's inventory is counted."""

    target: dict[str, Any] = Field(default_factory=dict)
    """Where servers are made: the Terraform module and its own inputs. From the configuration, never from the file."""

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, name: str) -> str:
        from zoneinfo import ZoneInfo

        try:
            ZoneInfo(name)
        except (KeyError, ValueError, OSError) as error:
            raise Unfit(say("planning.no_time_zone", name=name)) from error
        return name

    @model_validator(mode="after")
    def _consistent(self) -> Programme:
        ids = [phase.id for phase in self.phases]
        if len(set(ids)) != len(ids):
            raise Unfit(say("planning.same_phase_id"))
        if [phase.due for phase in self.phases] != sorted(phase.due for phase in self.phases):
            raise Unfit(say("planning.phases_order"))
        if self.phases[-1].due.year - self.starts.year > LONGEST_YEARS:
            raise Unfit(say("planning.phase_far", phase=self.phases[-1].id, years=LONGEST_YEARS))
        if self.as_of and abs(self.as_of.year - self.starts.year) > LONGEST_YEARS:
            raise Unfit(say("planning.as_of_far", years=LONGEST_YEARS))
        if self.phases[0].due < self.starts:
            raise Unfit(say("planning.due_before_start", phase=self.phases[0].id))
        if both := set(self.holidays) & set(self.workdays):
            raise Unfit(say("planning.holiday_and_workday", day=str(min(both))))
        return self

    def work_of(self, strategy: Strategy) -> Work:
        """What the programme, or else our default, asks for one system of this strategy."""
        return self.work.get(strategy) or DEFAULT_WORK[strategy]

    def counted(self, inventory: Inventory) -> list[list[Member]]:
        """By phase, what its percentage is of."""
        members = self.baseline.members if self.baseline else members_of(inventory)
        return [[one for one in members if one.level in phase.levels and one.kind in phase.kinds] for phase in self.phases]

    def settings(self) -> dict[str, Any]:
        """What the file says, as canonical JSON holds it: without what moves with time (the present, what is under way, the baseline) and what
        stands elsewhere (where servers are made, how patient the trial run is: no plan hangs on it)."""
        elsewhere = {"target", "trial_grace_minutes"}
        return self.model_dump(mode="json", exclude={"as_of", "under_way", "baseline"} | elsewhere)


DEFAULT_WORK = {
    Strategy.CLOUD_DEPLOYMENT: Work(weeks=1, cutover_hours=2, skills={"cloud": 1}, complexity_factor=1),
    Strategy.DEVICE_RELOCATION: Work(weeks=1, cutover_hours=4, skills={"cloud": 1, "device": 1}, complexity_factor=1),
    Strategy.HOSTING: Work(weeks=1, cutover_hours=8, skills={"facility": 1}, complexity_factor=1),
}


def load_programme(path: Path) -> Programme:
    """Read and check ``program.yaml``.

    Raises ``Refused`` with every finding (field by field) when the file is missing, is not YAML or does not fit the schema.
    """
    if not path.exists():
        says = say("inventory.no_such_file")
        finding = Finding("programme-missing", "error", says, say("planning.write_programme"), file=path.name)
        raise Refused(say("planning.programme_unread"), findings=[finding], where=str(path))
    document = read_document(path)
    elsewhere = [
        Finding(f"programme-{key}", "error", says, mend, file=path.name, cell=str(place_of(document, (key,))))
        for key, says, mend in (
            ("baseline", say("planning.baseline_elsewhere"), say("planning.freeze")),
            ("target", say("planning.target_elsewhere"), say("planning.set_target")),
        )
        if key in document
    ]
    if elsewhere:
        raise Refused(say("planning.programme_unfit"), findings=elsewhere, where=str(path))
    return fit(Programme, document, path, "programme-field")


def assessed_on(programme: Programme, now: dt.datetime) -> dt.date:
    """The day that planned ends and ends of support are compared with: today on the city's clock, or the programme's first day if that is later."""
    return max(now.astimezone(ZoneInfo(programme.timezone)).date(), programme.starts)


def programme_digest(programme: Programme) -> str:
    """SHA-256 over the canonical JSON of the programme's settings."""
    return hashlib.sha256(json.dumps(programme.settings(), sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()).hexdigest()


def with_baseline(programme: Programme, baseline: Baseline | None) -> Programme:
    """The programme with the denominator that the journal holds."""
    if baseline is None:
        return programme
    frozen_on = dt.date.fromisoformat(day(baseline.at, ZoneInfo(programme.timezone)))
    frozen = Frozen(day=frozen_on, changes=len(baseline.changes), members=baseline.members, records=baseline.changes)
    return programme.model_copy(update={"baseline": frozen})


def with_target(programme: Programme, target: Mapping[str, Any]) -> Programme:
    """The programme with the cloud that the configuration names: module and the module's own inputs."""
    return programme.model_copy(update={"target": dict(target)})
