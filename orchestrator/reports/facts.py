"""The one set of facts that every form of the report prints. Values only; ``collect.collect`` makes them."""

from __future__ import annotations

from orchestrator.reports.system_facts import SystemFacts
from orchestrator.reports.values import Mark, Source, Sourced, Value, Words

# ---------------------------------------------------------------- targets (R7)


class Count(Value):
    """One line of one reading. ``group``: ``all``, a kind, or a department's id."""

    group: str
    name: Words
    in_scope: Sourced[int]
    needed: Sourced[int]
    accepted: Sourced[int]
    met: bool


class Reading(Value):
    """One way to read the percentage. ``decides``: the programme chose this one; the others are printed beside it."""

    code: str
    name: Words
    decides: bool
    met: bool
    counts: tuple[Count, ...]


class Phase(Value):
    """A target period. ``needed``: the ceiling, in the reading that decides; ``planned``: accepted by ``due`` if the plan is kept."""

    id: str
    name: Words
    percent: Sourced[float]
    due: Sourced[str]
    levels: tuple[Words, ...]
    in_scope: Sourced[int]
    needed: Sourced[int]
    accepted: Sourced[int]
    planned: Sourced[int] | None
    met: bool
    readings: tuple[Reading, ...]


class BaselineChange(Value):
    """One change of the denominator. ``system`` is empty when it was found classified."""

    at: str
    who: str
    system: str
    what: Mark
    reason: str
    source: Source


class Baseline(Value):
    """The frozen denominator; ``frozen_at`` is None while nobody has frozen one: then today's inventory is counted."""

    frozen_at: Sourced[str | None]
    who: str
    reason: str
    systems: Sourced[int]
    changes: tuple[BaselineChange, ...]
    unexplained: Sourced[int]


# ---------------------------------------------------------------- departments, what waits


class DepartmentFacts(Value):
    id: str
    name: Words
    level: Words
    systems: Sourced[int]
    accepted: Sourced[int]
    under_way: Sourced[int]
    breaches: Sourced[int]


class Wait(Value):
    """What waits for whom. ``kind``: gate, task, window, person, hold."""

    kind: str
    system: str
    what: Words
    whom: Words
    since: Sourced[str]
    command: str


# ---------------------------------------------------------------- rooms, catalogue, audit


class Excluded(Value):
    """Rows outside the count. Of classified ones nothing else is known (R2)."""

    department: Words
    reason: Mark
    count: Sourced[int]


class RoomFacts(Value):
    """R12. ``can_close``: when the plan has the last one accepted; None with ``unplanned`` naming those without a date."""

    id: str
    name: Words
    owner: Words | None
    self_built: bool | None
    exception: str
    holding: Sourced[int]
    holders: tuple[str, ...]
    moved: Sourced[int]
    unplanned: tuple[str, ...]
    can_close: Sourced[str | None]


class CatalogueEntry(Value):
    """R13, as registered."""

    system: str
    department: Words
    name: str
    database: str
    category: Words
    source_of_truth: bool | None
    sharing: Words
    form: Words
    frequency: str
    registered: Sourced[str]


class Conflict(Value):
    """Several systems that claim to be the one source of a datum."""

    name: str
    systems: Sourced[tuple[str, ...]]


class Catalogue(Value):
    entries: tuple[CatalogueEntry, ...]
    conflicts: tuple[Conflict, ...]
    missing: Sourced[tuple[str, ...]]
    """Accepted systems with a database and no entry."""


class Audit(Value):
    events: Sourced[int]
    first: str
    last: str
    head: str
    intact: bool
    breaks: tuple[str, ...]
    purged: Sourced[int]
    hidden: Sourced[int]
    """Systems that the journal knows and the inventory does not count any more: nothing about them is printed."""


class Totals(Value):
    systems: Sourced[int]
    accepted: Sourced[int]
    under_way: Sourced[int]
    late: Sourced[int]
    cutovers: Sourced[int]
    longest_gap_ms: Sourced[float | None]
    failed: Sourced[int]
    breaches: Sourced[int]
    rows_compared: Sourced[int]
    differences: Sourced[int]
    waiting: Sourced[int]


class EventLine(Value):
    """An event that a figure cites, as it may be printed."""

    seq: int
    at: str
    who: str
    simulated: bool
    kind: Mark
    system: str
    hash: str
    excerpt: tuple[tuple[str, str], ...]
    purged: bool


class ReportFacts(Value):
    """Everything the report prints. ``example``: made of test data, and labelled so."""

    generated: str
    timezone: str
    example: bool
    engine: str
    plan_digest: str
    plan_problem: str
    """Why there is no plan, or in which way it is behind the inventory; empty: neither."""
    inventory_digest: str
    policy_digest: str
    simulated: tuple[str, ...]
    totals: Totals
    phases: tuple[Phase, ...]
    baseline: Baseline
    departments: tuple[DepartmentFacts, ...]
    systems: tuple[SystemFacts, ...]
    waits: tuple[Wait, ...]
    excluded: tuple[Excluded, ...]
    rooms: tuple[RoomFacts, ...]
    catalogue: Catalogue
    audit: Audit
    events: tuple[EventLine, ...]
