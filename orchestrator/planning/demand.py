"""What a group of systems needs: weeks, teams, bandwidth, room on the cloud, windows."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from orchestrator.errors import Finding
from orchestrator.models import Strategy, System, Verdict
from orchestrator.planning.capacity import stream_of
from orchestrator.planning.patterns import PatternBook
from orchestrator.planning.problem import CLOUD_DIMENSIONS, Group, Resource, profile_of, team_tenths
from orchestrator.planning.programme import Programme
from orchestrator.planning.words import capacity_name, in_units, some_of, unit_of
from orchestrator.policy.assess import strategy_name
from orchestrator.texts import Value, say
from orchestrator.texts.durations import spell


class GroupFactory:
    """Builds groups; collects what had to be assumed on the way."""

    def __init__(
        self,
        systems: Sequence[System],
        verdicts: Mapping[str, Verdict],
        programme: Programme,
        resources: Sequence[Resource],
        book: PatternBook,
    ) -> None:
        self.systems, self.verdicts, self.programme, self.book = systems, verdicts, programme, book
        self.named = {resource.name: n for n, resource in enumerate(resources)}
        self.unsized: list[str] = []

    def group(self, component: Sequence[int], needs: Sequence[int]) -> Group:
        members = [self.systems[m] for m in component]
        work = max(self.programme.work_of(self.verdicts[one.id].strategy).weeks for one in members)
        lead = max(work, *(self._copying(one) for one in members))
        counts: dict[int, int] = {}
        spread: dict[int, int] = {}
        cloud = [0] * len(CLOUD_DIMENSIONS)
        blocked: Finding | None = None
        for one in members:
            verdict = self.verdicts[one.id]
            for name in ("wave", f"department:{one.department}"):
                if name in self.named:
                    counts[self.named[name]] = counts.get(self.named[name], 0) + 1
            if "replication" in self.named and not verdict.no_source and one.data_gb:
                spread[self.named["replication"]] = spread.get(self.named["replication"], 0) + math.ceil(one.data_gb)
            asked = self.programme.work_of(verdict.strategy)
            for skill, weeks in asked.skills.items() if self.programme.teams else ():
                if f"skill:{skill}" not in self.named:
                    blocked = Finding(
                        "no-team", "error", say("planning.no_team", system=one.id, strategy=strategy_name(verdict.strategy), skill=skill),
                        say("planning.add_skill", skill=skill), system=one.id,
                    )  # fmt: skip
                    continue
                units = team_tenths(weeks, asked.complexity_factor, verdict.complexity)
                spread[self.named[f"skill:{skill}"]] = spread.get(self.named[f"skill:{skill}"], 0) + units
            if self.programme.cloud and verdict.strategy != Strategy.HOSTING:
                if one.vcpus is None or one.memory_gb is None or one.storage_gb is None:
                    self.unsized.append(one.id)
                for n, dimension in enumerate(CLOUD_DIMENSIONS):
                    cloud[n] += math.ceil(getattr(one, dimension) or 0)
        hours = max(self._hours(one) for one in members)
        return Group(
            members=tuple(component), needs=tuple(needs), lead=lead, work=work,
            counts=tuple(sorted(counts.items())), spread=tuple(sorted(spread.items())),
            weight=sum(1 + self.verdicts[one.id].readiness + 100 - self.verdicts[one.id].complexity for one in members),
            profile=profile_of(spread, lead), cloud=tuple(cloud), trial=max(self._trial(one) for one in members),
            pattern=self.book.of(members, hours), opens=0, blocked=blocked,
        )  # fmt: skip

    def warnings(self) -> list[Finding]:
        found = self.book.warnings()
        if self.unsized:
            says = say("planning.size_unknown", count=len(self.unsized), some=some_of(self.unsized, 5))
            found.append(Finding("size-unknown", "warning", says, say("planning.fill_in_columns"), system=self.unsized[0]))
        return found

    def _copying(self, one: System) -> int:
        """Weeks that its first copy takes."""
        stream = stream_of(self.programme)
        return 0 if self.verdicts[one.id].no_source or not stream else math.ceil((one.data_gb or 0) / stream)

    def _hours(self, one: System) -> float:
        announced = (one.interruption.outage_minutes or 0) / 60 if one.interruption else 0
        return max(self.programme.work_of(self.verdicts[one.id].strategy).cutover_hours, announced)

    def _trial(self, one: System) -> int:
        if one.trial_run_seconds is not None:
            return math.ceil(one.trial_run_seconds / 60)
        return math.ceil(self.programme.trial_run_days * 24 * 60)


def peaks_of(group: Group) -> dict[int, int]:
    """By resource, the most that the group needs of it in one week."""
    peaks: dict[int, int] = {}
    for _, number, amount in (*((0, r, amount) for r, amount in group.counts), *group.profile):
        peaks[number] = max(peaks.get(number, 0), amount)
    return peaks


def beyond(group: Group, resources: Sequence[Resource], cloud: Sequence[Sequence[int | None]]) -> list[tuple[str, int, int]]:
    """Every capacity that is too small for the group alone, in any week: (name, what the group needs at once, the most there ever is)."""
    found = [
        (resources[number].name, amount, most)
        for number, amount in peaks_of(group).items() if amount > (most := max(resources[number].capacity))
    ]  # fmt: skip
    for name, row, amount in zip(CLOUD_DIMENSIONS, cloud, group.cloud, strict=False):
        rooms = [room for room in row if room is not None]
        if amount and len(rooms) == len(row) and amount > (most := max(rooms, default=0)):
            found.append((f"cloud:{name}", amount, most))
    return found


def _no_window(group: Group, names: str, weeks: int) -> Finding:
    """No opening is long enough: because of the blackouts, or without them too."""
    pattern, alone = group.pattern, len(group.members) == 1
    if closed := pattern.closed_by(weeks):
        days = [f"{one.name} {one.starts}–{one.ends}" for one in closed]
        needed: dict[str, Value] = {"names": names, "needed": spell(pattern.hours * 3600), "blackouts": some_of(days, 3)}
        says = say("planning.blacked_out", **needed) if alone else say("planning.blacked_out_together", **needed)
        return Finding("blacked-out", "error", says, say("planning.shorter_blackout"), system=names)
    lengths: dict[str, Value] = {"names": names, "needed": spell(pattern.hours * 3600), "longest": spell(pattern.longest(weeks) * 3600)}
    says = say("planning.window_too_short", **lengths) if alone else say("planning.window_too_short_together", **lengths)
    return Finding("window-too-short", "error", says, say("planning.longer_window"), system=names)


def impossible(
    group: Group, names: str, resources: Sequence[Resource], cloud: Sequence[Sequence[int | None]], weeks: int
) -> Finding | None:
    """What keeps the group out of every week, whatever else is planned: no window long enough, or a demand beyond every limit."""
    if not group.pattern.ever(weeks):
        return _no_window(group, names, weeks)
    for number, amount in peaks_of(group).items():
        most = max(resources[number].capacity)
        if amount > most:
            name = resources[number].name
            says = say(
                "planning.beyond_limit", names=names, capacity=capacity_name(name), amount=in_units(name, amount), unit=unit_of(name),
                most=in_units(name, most),
            )  # fmt: skip
            return Finding("beyond-limit", "error", says, say("planning.raise_limit"), system=names)
    for dimension, (row, amount) in enumerate(zip(cloud, group.cloud, strict=False)):
        if amount and all(room is not None and room < amount for room in row):
            capacity = capacity_name(f"cloud:{CLOUD_DIMENSIONS[dimension]}")
            says = say("planning.beyond_cloud", names=names, amount=amount, capacity=capacity)
            return Finding("beyond-limit", "error", says, say("planning.add_capacity_step"), system=names)
    return None
