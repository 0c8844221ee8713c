"""The one set of facts that every form of the report prints. Values only; ``collect.collect`` makes them."""

from __future__ import annotations

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


# ---------------------------------------------------------------- systems


class ReasonLine(Value):
    """Why policy chose. ``origin``: ``opinion`` (a requirement) or ``ours``."""

    rule: str
    words: Words
    origin: str
    fact: str
    place: str


class Promise(Value):
    """What the plan promised, in the city's own time."""

    wave: Sourced[int]
    window_start: Sourced[str]
    window_end: Sourced[str]
    rule: str
    accepted_by: Sourced[str | None]
    late: bool
    """The window has passed and the system has not been switched in it, or the promised acceptance has passed without one."""


class Cutover(Value):
    """One switch of live traffic as measured from outside. A gap of None: nothing was asked meanwhile, so nothing was measured."""

    system: str
    migration: str
    direction: Mark
    started: Sourced[str]
    longest_gap_ms: Sourced[float | None]
    budget_ms: Sourced[float | None]
    requests: Sourced[int | None]
    failed: Sourced[int | None]
    budget_failed: Sourced[int | None]
    attempts: Sourced[int]
    in_window: bool
    breach: bool


class Outage(Value):
    """An announced outage. ``measured_ms`` is None while it has not ended."""

    system: str
    migration: str
    kind: Mark
    direction: Mark
    announced_minutes: Sourced[float | None]
    measured_ms: Sourced[float | None]
    breach: bool


class Comparison(Value):
    """The latest comparison of both sides. ``equal`` is None when nothing was compared."""

    step: str
    at: str
    tables: Sourced[int]
    rows: Sourced[int]
    files: Sourced[int]
    equal: Sourced[bool | None]


class Earlier(Value):
    """A migration of the system before the latest one."""

    number: int
    ending: Sourced[Mark]
    ended: str
    why: str


class Act(Value):
    """A decision at a gate or a human task, and who it was."""

    what: Words
    who: str
    simulated: bool
    outcome: Mark
    note: str
    at: Sourced[str]


class SystemFacts(Value):
    id: str
    name: Words
    department: str
    department_name: Words
    level: Words
    kind: Words
    status: Words
    phases: tuple[str, ...]
    strategy: Sourced[Mark]
    reasons: tuple[ReasonLine, ...]
    overridden: Sourced[str] | None
    """Who chose another strategy than policy; ``policy_strategy`` is what policy said."""
    policy_strategy: Mark | None
    state: Sourced[Mark]
    since: str
    step: Mark | None
    live: str
    why: str
    migrations: Sourced[int]
    earlier: tuple[Earlier, ...]
    promise: Promise | None
    cutovers: tuple[Cutover, ...]
    outages: tuple[Outage, ...]
    comparison: Comparison | None
    unchanged: Sourced[bool | None]
    """R6. None: not compared yet."""
    acts: tuple[Act, ...]
    exposed: Sourced[bool]
    alarms: Sourced[int]


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
