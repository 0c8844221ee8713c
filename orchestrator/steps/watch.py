"""The trial run: the way back is watched, and health; failure that goes on makes the system go back, once."""

from __future__ import annotations

import datetime as dt
import time

from orchestrator.errors import StepFailed
from orchestrator.models import Database
from orchestrator.movers.postgresql import fence, replication
from orchestrator.steps import files, gates
from orchestrator.steps.base import Context, Facts
from orchestrator.tools import health

LAG_LIMIT_SECONDS = 5.0
BAD_IN_A_ROW = 3
SLOT_ALARM_BYTES = 1 << 30
FILES_EVERY_SECONDS = 30.0


def way_back_problems(ctx: Context) -> list[str]:
    """Why going back would not be safe now: worker, lag, retained WAL on the live side. Empty: armed."""
    problems: list[str] = []
    for database in ctx.world.movable_databases if _replicated(ctx) else []:
        try:
            problems += _watch(ctx, database)
        except Exception as error:  # noqa: BLE001 - a side that is away for a moment is an alarm, no reason to move citizens
            problems.append(f"{database.name}: a side cannot be seen: {str(error).strip()}")
    return problems


def _watch(ctx: Context, database: Database) -> list[str]:
    problems: list[str] = []
    with fence.connect(ctx.world.dsn(database, "source")) as source, fence.connect(ctx.world.dsn(database, "target")) as target:
        names = ctx.world.names(database)
        if not replication.works(source, names.back):
            return [f"{database.name}: the reverse worker is not at work"]
        lag = fence.round_trip(target, source, names, f"{ctx.migration}-watch-{time.time_ns()}", limit=LAG_LIMIT_SECONDS)
        if lag is None:
            problems.append(f"{database.name}: the source is more than {LAG_LIMIT_SECONDS:.0f} s behind")
        retained = replication.retained_bytes(target, names.back)
        if retained > SLOT_ALARM_BYTES:
            problems.append(f"{database.name}: the slot keeps {retained >> 20} MB on the live side's disk")
    return problems


def _replicated(ctx: Context) -> bool:
    """A hosted machine's data travelled with it: there is nothing to watch but its health."""
    return "replicate" in ctx.facts


def files_back(ctx: Context) -> None:
    """What was written on the cloud follows to the source; what vanished there goes to quarantine here."""
    for tree in ctx.system.file_trees:
        files.copy(ctx, tree, back=True)


def unhealthy(ctx: Context) -> list[str]:
    """Services on the target that do not answer as they should."""
    found = []
    for service in ctx.system.services:
        if service.host in ctx.world.targets and service.port:
            problem = health.check(service, ctx.world.target(service.host).address, service.port, limit=0)
            if problem:
                found.append(f"{service.name}: {problem}")
    return found


def trial_run(ctx: Context) -> Facts:
    """Lasts as long as the inventory or else the programme says, counted from the switch and only while the way back is armed."""
    length = gates.trial_seconds(ctx)
    began = time.monotonic()
    switched = ctx.records.switch_time()
    if switched:
        began -= (dt.datetime.now(dt.UTC) - dt.datetime.fromisoformat(switched)).total_seconds()
    bad, looks, worst_lag = 0, 0, 0.0
    counted = time.monotonic()
    files_due = time.monotonic()
    while True:
        if asked := ctx.records.turn_back_asked():
            raise StepFailed(f"rollback asked for: {asked}", where=ctx.system.id, remedy="it goes back now")
        problems = unhealthy(ctx)
        bad = bad + 1 if problems else 0
        if bad >= BAD_IN_A_ROW:
            raise StepFailed(
                f"the trial run fails: {'; '.join(problems)}",
                where=ctx.system.id,
                remedy="traffic goes back by itself; mend it and migrate again",
            )
        before = time.monotonic()
        broken = way_back_problems(ctx)
        worst_lag = max(worst_lag, time.monotonic() - before)
        if broken:
            ctx.records.event("way_back_alarm", {"problems": broken})
            ctx.say(f"way back: {'; '.join(broken)}")
        looks += 1
        if broken:  # neither this look nor the pause before it: the way back was not known to be armed
            began += time.monotonic() - counted
        counted = time.monotonic()
        left = length - (time.monotonic() - began)
        if (time.monotonic() > files_due or left <= 0) and _replicated(ctx):
            files_back(ctx)
            files_due = time.monotonic() + FILES_EVERY_SECONDS
        if left <= 0 and not bad and not broken:
            return {"seconds": length, "looks": looks, "worst_look_seconds": round(worst_lag, 2)}
        ctx.say(f"trial run: {max(0, left):.0f} s left")
        time.sleep(min(1.0, max(0.2, left)))
