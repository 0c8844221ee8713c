"""Prefect follows the journal: what must be done to its flow runs so that they say what the journal says. Pure.

``decide`` compares; ``flows.apply`` does it. Nothing here changes the journal: it is the truth, and Prefect's database can be
deleted at any time and is made again from it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from orchestrator.flows.runs import Run
from orchestrator.flows.stand import Stand

QUIET_SECONDS = 60.0
"""So long may a flow run still say Running after its engine has stopped: it writes its page and ends by itself."""
SETTLED_SECONDS = 30.0
"""A crash is believed once it has stood for this long: a busy worker may say it twice, and a run started in between would run twice."""
START_SECONDS = 300.0
"""So long may a worker take until a run of its has begun its migration."""
BEGIN_SECONDS = 3600.0
"""So long after it was made may a run that crashed before it began anything be started again."""
RESTARTS = 5
"""How often a crashed run is started again by itself; then a person looks."""


class Do(StrEnum):
    CRASH = "crash"
    """It says Running or Pending, and no engine works on its migration any more, or its worker never began it."""
    RESTART = "restart"
    """It crashed in a worker: another worker takes the migration up where the journal has it."""
    WAKE = "wake"
    """It is suspended, and the journal has something new for it."""
    CLOSE = "close"
    """Its migration is over."""
    TAKE_OVER = "take_over"
    """A newer run of the same migration stands for it."""
    SHOW = "show"
    """The journal has a migration that no run stands for."""
    FINISH = "finish"
    """A wave or phase of which every system's run is over."""


@dataclass(frozen=True)
class Act:
    """One thing to do. ``run`` is None for what has no run yet; ``other``: the run that stands for it now."""

    do: Do
    system: str
    run: UUID | None = None
    other: UUID | None = None
    migration: str = ""
    """Of SHOW: which one."""


Ask = Callable[[str, str, tuple[str, ...]], Stand]
"""The stand of (system, migration or empty, together)."""


def decide(runs: Sequence[Run], stands: Iterable[Stand], ask: Ask) -> list[Act]:
    """What to do. ``runs``: newest first; ``stands``: of every migration that the journal has and no run is tagged with, oldest first."""
    acts: list[Act] = []
    of_systems = [run for run in runs if run.system]
    for run in of_systems:
        if run.over and run.state != "CRASHED":
            continue  # the journal is not asked about what is long over
        is_last = next(other for other in of_systems if other.migration == run.migration and other.turns_back == run.turns_back) is run
        acts += decide_one(run, newest_of(of_systems, run), ask(run.system, run.migration, run.together), is_last=is_last)
    waiting = {run.system for run in of_systems if not run.migration and not run.over}
    for stand in stands:
        if not (stand.system in waiting and not stand.over):
            acts.append(Act(Do.SHOW, stand.system, migration=stand.migration))
    parents = [run for run in runs if not run.system and run.key is not None and not run.over]
    for parent in parents:
        children = [run for run in of_systems if run.parent == str(parent.id)]
        if all(newest_of(of_systems, child).over for child in children):
            acts.append(Act(Do.FINISH, "", parent.id))
    return acts


def newest_of(runs: Sequence[Run], run: Run) -> Run:
    """The newest run of the same migration and flow that a worker can start: it stands for the others. Runs of the command line stand
    for themselves; one that goes back stands beside the one that went forward, which ends with the migration."""
    if not run.deployed:
        return run
    for other in runs:
        same = other.migration == run.migration if run.migration and other.migration else other.system == run.system
        if other.deployed and same and other.turns_back == run.turns_back and (not other.over or other.state == "CRASHED"):
            return other
    return run


def decide_one(run: Run, newest: Run, stand: Stand, *, is_last: bool = False) -> list[Act]:
    """What to do about one run, by where its migration stands. ``is_last``: no run of its migration was made after it: what it says
    of a migration that is over is what people read, also where its engine died in its last moment."""
    known = bool(run.migration)
    act: Act | None = None
    if run.state in ("RUNNING", "CANCELLING"):
        act = decide_running(run, stand) if known else decide_not_begun(run, stand)
    elif known and stand.over:
        says_it = run.over and not (run.state == "CRASHED" and is_last)
        act = None if says_it or stand.alive else Act(Do.CLOSE, run.system, run.id)
    elif newest.id != run.id:
        act = None if run.over else Act(Do.TAKE_OVER, run.system, run.id, newest.id)
    elif run.state == "PENDING" and run.deployed:
        act = decide_not_begun(run, stand)
    elif not stand.alive:  # else a command or another worker has it
        act = decide_stopped(run, stand)
    return [act] if act else []


def decide_stopped(run: Run, stand: Stand) -> Act | None:
    """A run that nobody works on, while its migration is open or not begun."""
    if run.state == "CRASHED":
        again = run.deployed and run.starts < RESTARTS and (run.lost or run.since > SETTLED_SECONDS)
        again = again and (bool(run.migration) or run.age < BEGIN_SECONDS)
        return Act(Do.RESTART, run.system, run.id) if again else None
    if run.state == "PAUSED" and run.key is not None and run.key != stand.key:
        return Act(Do.WAKE, run.system, run.id)
    return None


def decide_running(run: Run, stand: Stand) -> Act | None:
    """A run that says it works: true while an engine lives, or has only just stopped."""
    if stand.alive or min(run.since, stand.quiet) < QUIET_SECONDS:
        return None
    return Act(Do.CLOSE if stand.over else Do.CRASH, run.system, run.id)


def decide_not_begun(run: Run, stand: Stand) -> Act | None:
    """A run that a worker took and that has begun nothing: while its worker may still be at it, nothing is done."""
    return Act(Do.CRASH, run.system, run.id) if not stand.alive and run.since > START_SECONDS else None


def children_of(runs: Sequence[Run], parent: UUID) -> Mapping[str, Run]:
    """The newest run of each system that a wave's or phase's run has started."""
    of_systems = [run for run in runs if run.system]
    found: dict[str, Run] = {}
    for run in of_systems:
        if run.parent == str(parent):
            found.setdefault(run.system, newest_of(of_systems, run))
    return found
