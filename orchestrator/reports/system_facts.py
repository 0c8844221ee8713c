"""What a report says of one system. Values only; ``systems.systems`` makes them."""

from __future__ import annotations

from orchestrator.reports.values import Mark, Sourced, Value, Words


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


class Writes(Value):
    """What an independent judge found of the writes it had seen acknowledged, when there was one."""

    who: str
    simulated: bool
    acknowledged: Sourced[int]
    lost: Sourced[int]
    duplicated: Sourced[int]


class Earlier(Value):
    """A migration of the system before the latest one."""

    number: int
    ending: Sourced[Mark]
    ended: str
    why: str
    cause: Words
    """``why`` for readers."""


class Act(Value):
    """A decision at a gate or a human task, and who it was."""

    what: Words
    who: str
    simulated: bool
    outcome: Mark
    note: str
    at: Sourced[str]


class OpenFinding(Value):
    """Something that somebody must mend: why a step refused, an alarm that stands, clean-up that is owed."""

    kind: Mark
    """``error``, ``warning``, ``alarm`` or ``owed``."""
    message: str
    place: str
    remedy: str
    """As they are kept."""
    says: Words
    mend: Words
    """The same for readers."""
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
    cause: Words
    """``why`` for readers."""
    migrations: Sourced[int]
    earlier: tuple[Earlier, ...]
    promise: Promise | None
    cutovers: tuple[Cutover, ...]
    outages: tuple[Outage, ...]
    comparison: Comparison | None
    writes: Writes | None
    unchanged: Sourced[bool | None]
    """R6. None: not compared yet."""
    acts: tuple[Act, ...]
    exposed: Sourced[bool]
    alarms: Sourced[int]
    open: tuple[OpenFinding, ...]
