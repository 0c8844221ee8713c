"""The switch of live traffic, both ways: the guard does it, the engine observes and journals what the guard decided.

Its possible endings are listed in docs/cutover.md. Called with the roles swapped it is the way back.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from orchestrator.cutover import guarding
from orchestrator.cutover.guard import DatabaseSpec, GuardSpec
from orchestrator.cutover.probing import Probe
from orchestrator.errors import CutoverAborted, NeedsPerson
from orchestrator.gateways.pgbouncer import Gateway, GatewaySpec
from orchestrator.models import Database, Site
from orchestrator.movers.postgresql import dumps, fence
from orchestrator.movers.postgresql.names import Names
from orchestrator.steps import gates
from orchestrator.steps.base import Context, Effect, Facts, Observed, Step

TRIES = 5
OPENING_MS = 200
"""What opening and resuming is given out of the system's budget; the fence gets the rest."""


def sides(direction: str) -> tuple[str, str]:
    """(live, other) for ``forward`` or ``back``."""
    return ("source", "target") if direction == "forward" else ("target", "source")


def specification(ctx: Context, direction: str, attempt: str, *, mode: str = "switch") -> GuardSpec:
    """What the guard is told. The fence's budget is the system's own, less the opening."""
    live, other = sides(direction)
    budget = (ctx.system.interruption.gap_ms if ctx.system.interruption else 1000) - OPENING_MS
    stage, _, hold = ctx.settings.fault_hold.partition(":")
    databases = [
        DatabaseSpec(
            system=ctx.system.id,
            name=d.name,
            live=ctx.world.dsn(d, live),
            other=ctx.world.dsn(d, other),
            subscription=_following(ctx.world.names(d), direction),
            reverse_slot=ctx.world.names(d).back if direction == "forward" and mode == "switch" else None,
        )
        for d in ctx.world.movable_databases
    ]
    return GuardSpec(
        attempt=attempt, token=ctx.token, record=str(ctx.world.folder / "guard.jsonl"), fence_ms=max(100, budget), databases=databases,
        gateways=gateways(ctx, other), mode=mode, hold_after=stage, hold_ms=int(hold or 0),
    )  # fmt: skip


def _following(names: Names, direction: str) -> str:
    """The subscription by which the side that opens follows the live one."""
    return names.forward if direction == "forward" else names.back


def gateways(ctx: Context, side: str) -> list[GatewaySpec]:
    """Both sites' gateways, with the lines that point every database at ``side``."""
    found = []
    assert ctx.settings.known_hosts is not None and ctx.settings.ssh_key is not None  # noqa: S101 - preflight looked
    for site in (ctx.world.room, ctx.world.cloud):
        gateway = site.pgbouncer
        if gateway is None:
            continue
        found.append(
            GatewaySpec(
                admin=admin_dsn(ctx, site),
                channel=guarding.channel(site.gateway, ctx.settings.known_hosts, ctx.settings.ssh_key),
                databases_file=gateway.databases_file,
                databases=[d.name for d in ctx.world.movable_databases],
                new_lines=[line(ctx, d, side) for d in ctx.world.movable_databases],
            )
        )
    return found


def admin_dsn(ctx: Context, site: Site) -> str:
    """PgBouncer's console on a site's gateway."""
    gateway = site.pgbouncer
    assert gateway is not None  # noqa: S101 - the caller looked
    return dumps.dsn(
        host=gateway.address, port=gateway.port, database="pgbouncer", user=gateway.admin_role, password=ctx.world.secret(gateway.secret)
    )


def line(ctx: Context, database: Database, side: str) -> str:
    """PgBouncer's line for a database on one side."""
    return f"{database.name} = host={ctx.world.host(database.host, side).address} port={database.port} dbname={database.name}"


def switch(ctx: Context, direction: str) -> Facts:
    """Tries until the guard switched. Raises Waiting outside the approved window, NeedsPerson when it never fits or is stuck."""
    if direction == "forward":
        gates.wait_window(ctx)
    database = ctx.world.movable_databases[0]
    entry = ctx.world.room.pgbouncer
    assert entry is not None  # noqa: S101 - preflight looked
    probe = Probe(ctx.world.folder, f"{ctx.migration}-{direction}")
    citizen = dumps.dsn(
        host=entry.address, port=entry.port, database=database.name, user=database.role or "", password=ctx.world.secret(database.secret)
    )
    probe.start(
        kind="sql", target=citizen, schema=ctx.world.names(database).schema, clients=2, every_ms=5, limit=600, register=ctx.records.witness
    )
    try:
        time.sleep(0.5)
        result, attempts = _attempts(ctx, direction)
        time.sleep(1.0)
    finally:
        probe.stop()
    facts = _measure(ctx, direction, probe, result, attempts)
    ctx.world.snapshots = result["snapshots"]
    return facts


def _attempts(ctx: Context, direction: str) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    seen: list[dict[str, Any]] = []
    for number in range(1, TRIES + 1):
        ctx.stop_if_asked()
        attempt = f"{ctx.migration}-{direction}-{ctx.token}-{number}"
        try:
            guard = guarding.GuardProcess(specification(ctx, direction, attempt))
        except CutoverAborted as error:
            seen.append({"attempt": attempt, "outcome": "refused", "reason": error.what})
            ctx.say(f"attempt {number}: not begun: {error.what}")
            time.sleep(1.0)
            continue
        try:
            result = guard.go(lambda event: ctx.say(f"guard: {event}"))
        except NeedsPerson as error:  # citizens must not wait for a person where the control rows can be read
            guard.done()
            result = _without_guard(ctx, direction, attempt, error.what)
        seen.append(result)
        if result["outcome"] == "switched":
            ctx.records.set_live(sides(direction)[1])  # before anything else that could fail
            ctx.world.guard = guard if result["snapshots"] else None
            if result.get("problems"):
                _follow(ctx, sides(direction)[1], result["problems"])
            return result, seen
        guard.done()
        if result["outcome"] == "stuck":
            raise NeedsPerson(
                f"the guard stopped: {result['reason']}",
                where=attempt,
                remedy="`orchestrator resume` reads the control rows and settles it",
            )
        ctx.say(f"attempt {number}: aborted, the source is open again: {result['reason']}")
        time.sleep(1.0)
    reasons = "; ".join(str(s["reason"]) for s in seen)
    raise NeedsPerson(
        f"{TRIES} attempts did not fit into the budget and were given up before the switch: {reasons}",
        where=ctx.system.id,
        remedy="citizens are served where they were; end what holds transactions open and `orchestrator resume`, or `orchestrator rollback`",
    )


def _follow(ctx: Context, side: str, problems: list[str]) -> None:
    """Switched, but a gateway did not follow: once more from here, then a person. The side that was opened stays open."""
    ctx.say(f"switched, but: {'; '.join(problems)}; trying again")
    try:
        _let_go(ctx, side)
    except Exception as error:
        raise NeedsPerson(
            f"the {side} is live, but a gateway does not follow: {error}",
            where=ctx.system.id,
            remedy="bring the gateway back and `orchestrator resume`: its clients wait until then",
        ) from error


def _without_guard(ctx: Context, direction: str, attempt: str, why: str) -> dict[str, Any]:
    """What an attempt came to whose guard vanished: settled at once. Raises NeedsPerson when a side cannot be seen."""
    ctx.say(f"{why}; reading the control rows")
    began = time.time()
    switched = by_the_control_rows(ctx, direction) is not None
    return {
        "attempt": attempt,
        "outcome": "switched" if switched else "aborted",
        "reason": why,
        "started": began,
        "ended": time.time(),
        "timings_ms": {},
        "snapshots": {},
    }


def _measure(ctx: Context, direction: str, probe: Probe, result: dict[str, Any], attempts: list[dict[str, Any]]) -> Facts:
    begin = min(float(a.get("started", result["started"])) for a in attempts) - 0.4
    seen = probe.between(begin, float(result["ended"]) + 0.8)
    budget = ctx.system.interruption
    gap, failed = (budget.gap_ms, budget.failed_requests) if budget else (1000, 0)
    ctx.records.measure(
        kind="cutover", direction=direction, started=begin, ended=float(result["ended"]), longest_gap_ms=seen.longest_gap_ms, requests=seen.requests,
        failed_requests=seen.failed, budget_ms=gap, budget_failed=failed, in_window=gates.rule_at(ctx, begin) is not None, breach=seen.longest_gap_ms > gap or seen.failed > failed,
        detail={"timings_ms": result["timings_ms"], "attempts": len(attempts), "aborted": [a["reason"] for a in attempts if a["outcome"] != "switched"]},
    )  # fmt: skip
    return {
        "attempt": result["attempt"],
        "timings_ms": result["timings_ms"],
        "started": begin,
        "ended": result["ended"],
        "attempts": len(attempts),
        "gap_ms": seen.longest_gap_ms,
    }


# ---------------------------------------------------------------- after a crash


def settle(ctx: Context, direction: str) -> Facts | None:
    """What an interrupted attempt came to: facts when it had switched, None when citizens are where they were."""
    attempt = by_the_control_rows(ctx, direction)
    if attempt is None:
        return None
    now = time.time()
    start = guarding.began(ctx.world.folder / "guard.jsonl", attempt) or now
    unknown = {"attempt": attempt, "started": start, "ended": now, "timings_ms": {}, "outcome": "switched", "reason": ""}
    result = guarding.last_result(ctx.world.folder / "guard.jsonl", attempt) or unknown
    probe = Probe(ctx.world.folder, f"{ctx.migration}-{direction}")
    probe.stop()
    return _measure(ctx, direction, probe, result, [result]) | {"settled": True}


def by_the_control_rows(ctx: Context, direction: str) -> str | None:
    """Completes or reopens what an attempt left half way. The attempt's name when it had switched, None when citizens are
    where they were. Raises NeedsPerson when a side that must be seen cannot be."""
    live, other = sides(direction)
    guarding.wait_gone(ctx.world.folder / "guard.jsonl", limit=60)
    prefix = f"{ctx.migration}-{direction}-"
    if _never_left(ctx, direction):
        return None
    pairs = []
    for database in ctx.world.movable_databases:
        try:
            pairs.append((database, ctx.world.sql(database, live), ctx.world.sql(database, other)))
        except Exception as error:
            raise NeedsPerson(
                f"{database.name}: a side cannot be seen: {str(error).strip()}",
                where=ctx.system.id,
                remedy="bring it back, then resume; nobody opens anything",
            ) from error
    first = fence.control(pairs[0][2], ctx.world.names(pairs[0][0]))
    switched = first.open and first.attempt.startswith(prefix)
    for database, here, there in pairs:
        if switched:
            if not fence.control(there, ctx.world.names(database)).open:
                if not fence.observed_closed(here, ctx.world.names(database)):
                    raise NeedsPerson(
                        f"{database.name}: both sides look open", where=ctx.system.id, remedy="close one by hand after looking at both"
                    )
                fence.open_side(there, ctx.world.names(database), first.attempt, ctx.token)
        elif not fence.control(here, ctx.world.names(database)).open:
            if not fence.observed_closed(there, ctx.world.names(database)):
                raise NeedsPerson(
                    f"{database.name}: the other side is not observed closed",
                    where=ctx.system.id,
                    remedy="look at both sides before opening one",
                )
            fence.open_side(here, ctx.world.names(database), f"{prefix}{ctx.token}-settled", ctx.token)
    _let_go(ctx, other if switched else live)
    if not switched:
        for database, _, there in pairs:
            _as_before(there, ctx.world.names(database), direction)
        return None
    ctx.records.set_live(other)
    return first.attempt


def _never_left(ctx: Context, direction: str) -> bool:
    """The live side is open, so the other was never opened: a side is opened only after the other was observed closed. Then
    the other side need not be seen (its being away may be the very cause); what it still holds of ours is taken back if it can."""
    live, other = sides(direction)
    if not all(fence.control(ctx.world.sql(d, live), ctx.world.names(d)).open for d in ctx.world.movable_databases):
        return False
    _let_go(ctx, live)
    for database in ctx.world.movable_databases:
        try:
            _as_before(ctx.world.sql(database, other), ctx.world.names(database), direction)
        except Exception as error:  # noqa: BLE001 - the attempt's own findings say it again if it is tried again
            ctx.say(f"{database.name}: the other side is not as before the attempt: {str(error).strip()}")
    return True


def _let_go(ctx: Context, side: str) -> None:
    """Points the gateways at a side and lets the clients go on."""
    for spec in gateways(ctx, side):
        gateway = Gateway(spec)
        gateway.switch_and_resume()
        gateway.close()


def _as_before(there: fence.Connection, names: Names, direction: str) -> None:
    """On the side that was not opened: no slot of an attempt that came to nothing, and it follows again."""
    if direction == "forward":
        fence.drop_slot(there, names.back)
    fence.enable_subscription(there, _following(names, direction))


# ---------------------------------------------------------------- the steps


def observed(direction: str) -> Callable[[Context], Observed]:
    """The control rows and the roles, on both sides."""

    def observe(ctx: Context) -> Observed:
        live, other = sides(direction)
        for database in ctx.world.movable_databases:
            here, there = ctx.world.sql(database, live), ctx.world.sql(database, other)
            if not (fence.control(there, ctx.world.names(database)).open and fence.observed_closed(here, ctx.world.names(database))):
                return Observed.NOT_DONE
        return Observed.DONE

    return observe


def _forward(ctx: Context) -> Facts:
    return switch(ctx, "forward")


def _back(ctx: Context) -> Facts:
    return switch(ctx, "back")


FORWARD = Step(
    id="cutover", effect=Effect.REVERSIBLE, run=_forward, observe=observed("forward"), switches="target",
    settle=lambda ctx: settle(ctx, "forward"),
)  # fmt: skip
BACK = Step(
    id="cutover_back", effect=Effect.REVERSIBLE, run=_back, observe=observed("back"), switches="source",
    settle=lambda ctx: settle(ctx, "back"),
)  # fmt: skip
