"""The system's services on the target: rehearsed on a throwaway copy, placed ahead with outside effects off, then live.

What runs once only (singletons, timers) is *handed over*: observed stopped and held on one side before it starts on the
other, both ways. Services start in the inventory's order and are stopped in the opposite one.
"""

from __future__ import annotations

import dataclasses
import posixpath
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import quote

from orchestrator.errors import NeedsPerson, OrchestratorError, StepFailed
from orchestrator.hosts import former
from orchestrator.hosts.carried import Carriage, read_carriage, read_file
from orchestrator.hosts.services import CarriedFile, Placed, ServiceManager
from orchestrator.models import Service
from orchestrator.steps import backup, configuration, hold, previews
from orchestrator.steps.base import Context, Coverage, Effect, Facts, Observed, Preview, Step
from orchestrator.steps.parts import parts
from orchestrator.steps.world import unit_name
from orchestrator.texts import Words, kept, say
from orchestrator.tools import health
from orchestrator.tools.ssh import SshConnection

_LAY_DOWN = """
umask 077; parent=$(dirname -- "$1"); grandparent=$(dirname -- "$parent")
mkdir -p -- "$parent" && chmod 0711 -- "$grandparent" "$parent" && cat >"$1.new" && chmod 0400 -- "$1.new"
[ -z "$2" ] || chown -- "$2" "$1.new"
mv -f -- "$1.new" "$1"
"""
"""A constant; the path and the account come as its arguments, the secret by its input."""


@dataclass(frozen=True)
class Standing:
    """One service on its target host, with what is needed to work on it."""

    service: Service
    placed: Placed
    manager: ServiceManager
    connection: SshConnection

    @property
    def listens(self) -> bool:
        return self.service.port is not None

    @property
    def triggered(self) -> bool:
        """A timer, jobs of cron and their like: it is up when it waits, and nothing is asked of it."""
        return bool(self.placed.cron) or (bool(self.placed.unit) and not self.placed.unit.endswith(".service"))


def moved(ctx: Context) -> list[Service]:
    """Services that the engine places: those of which it is known how they run."""
    return [service for service in ctx.system.services if service.command or service.unit or service.cron]


def standing(ctx: Context, service: Service, *, effects: bool, rehearsal: Mapping[str, tuple[str, str, str]] | None = None) -> Standing:
    """A service as it is to stand on its target host."""
    host = ctx.world.target(service.host)
    placed = ctx.world.service(service, effects=effects, rehearsal=rehearsal)
    return Standing(service, placed, ctx.world.manager(host, service), ctx.world.ssh(host))


def carriage(ctx: Context, service: Service) -> Carriage | None:
    """The files that a unit, or cron, brings along from the source host; None for a service that is a command."""
    if service.cron:
        return Carriage((), (read_file(ctx.world.ssh(ctx.world.source(service.host)), service.cron),))
    if not service.unit:
        return None
    trees = [tree.path for tree in ctx.system.file_trees if tree.host == service.host]
    return read_carriage(ctx.world.ssh(ctx.world.source(service.host)), unit_name(service), inside=trees)


def with_files(one: Standing, brought: Carriage | None, edited: tuple[CarriedFile, ...] = ()) -> Standing:
    """The same, with its unit's own files and its configuration; what was edited wins."""
    files = {file.path: file for file in (*(brought.files if brought else ()), *edited)}
    enabled = brought.enabled if brought and brought.units else one.placed.enabled
    return dataclasses.replace(one, placed=dataclasses.replace(one.placed, files=tuple(files.values()), enabled=enabled))


def _take_secrets(ctx: Context, one: Standing) -> None:
    """No password of a service lies on the target any more."""
    target = ctx.world.target(one.service.host)
    former.remove_ours(one.connection, posixpath.dirname(ctx.world.home(target, "secrets", one.service.name, "x")))


def give_secret(ctx: Context, one: Standing, path: str, value: str, brought: Carriage | None) -> None:
    """A password on the service's host, readable for the account that the service runs as and nobody else."""
    accounts = (brought.accounts if brought else set()) or {one.service.account} - {None}
    owner = next(iter(sorted(str(account) for account in accounts)), "")
    if ctx.world.target(one.service.host).manager == "processes":
        owner = ""
    one.connection.run(["sh", "-euc", _LAY_DOWN, "give-secret", path, owner], input=value.encode(), check=True)


def problem_of(one: Standing) -> Words:
    """What keeps a started service from being healthy; empty when nothing does."""
    if one.triggered or not one.listens:
        return "" if one.manager.state(one.placed).active or _ends_by_itself(one) else say("steps.not_running")
    limit = one.placed.start_seconds
    return health.check(one.service, one.placed.address, one.placed.port, limit=limit, connection=one.connection) or ""


def _is_up(one: Standing, *, as_given: bool = False) -> bool:
    """It serves, or waits for what begins it, as we placed it: what stood there before us does not count. ``as_given``: with just these
    outside effects."""
    state = one.manager.state(one.placed)
    up = state.active or (state.present and _ends_by_itself(one))
    return up and state.ours and not state.held and (state.as_given or not as_given)


def _ends_by_itself(one: Standing) -> bool:
    """A job without a port that a timer or a person starts: it need not run now."""
    return bool(one.placed.unit) and one.placed.unit.endswith(".service") and one.service.health is None and not one.service.singleton


# ---------------------------------------------------------------- rehearsal

REHEARSED = "rehearsed"
"""On the chain of a migration whose services were all well on the copy."""


def rehearse(ctx: Context) -> Facts:
    """Starts every service on the target against the restored copy, outside effects off; its health must be good.

    What was seen is on record before anything of it is taken away: a run that was killed meanwhile has no copy to try it on again.
    """
    began = time.monotonic()
    if ctx.records.said(REHEARSED):
        _clear_rehearsal(ctx, [standing(ctx, each, effects=False, rehearsal=_copies(ctx, each) or None) for each in moved(ctx) if not each.shared])
        said = [dict(event["services"]) for event in ctx.records.history(REHEARSED) if event["migration"] == ctx.migration][-1]
        return _rehearsal(said, began)
    passwords = {}
    for mover, part in parts(ctx):
        passwords[part.name] = ctx.world.throwaway_password()
        mover.open_copy(part, passwords[part.name])
    seen: dict[str, Words] = {}
    placed: list[Standing] = []
    try:
        for service in moved(ctx):
            if service.shared:
                continue
            brought, copies = carriage(ctx, service), _copies(ctx, service)
            edited = configuration.edited_files(ctx, service, copies or None, passwords)
            one = with_files(standing(ctx, service, effects=False, rehearsal=copies or None), brought, edited)
            placed.append(one)
            one.manager.place(dataclasses.replace(one.placed, enabled=False))
            for name, (_, _, secret) in copies.items():
                give_secret(ctx, one, secret, passwords[name], brought)
            if one.triggered:
                seen[service.name] = "placed"
                continue
            seen[service.name] = _try(one)
        bad = {name: problem for name, problem in seen.items() if problem not in ("healthy", "placed")}
        if not bad:
            ctx.records.event(REHEARSED, {"migration": ctx.migration, "services": seen})
    finally:
        _clear_rehearsal(ctx, placed)
    if bad:
        told = tuple(say("steps.of", name=name, said=problem) for name, problem in bad.items())
        raise StepFailed(say("steps.rehearsal_failed", told=told), where=ctx.system.id, remedy=say("steps.mend_on_target"))
    return _rehearsal(seen, began)


def _clear_rehearsal(ctx: Context, placed: Sequence[Standing]) -> None:
    for one in reversed(placed):
        one.manager.restore(one.placed)
        _take_secrets(ctx, one)
    if parts(ctx):
        backup.drop_copies(ctx)


def _rehearsal(seen: Mapping[str, Words], began: float) -> Facts:
    return {"services": {name: kept(said) for name, said in seen.items()}, "outside_effects": "off", "seconds": round(time.monotonic() - began, 1)}


def _copies(ctx: Context, service: Service) -> dict[str, tuple[str, str, str]]:
    """Each database's throwaway copy as a service reaches it: name, role, and where the password lies on its host."""
    found = {}
    for mover, part in parts(ctx):
        copy = mover.copy_name(part)
        secret = ctx.world.home(ctx.world.target(service.host), "secrets", service.name, f"rehearsal-{quote(copy, safe='')}")
        found[part.name] = (copy, copy, secret)
    return found


def _try(one: Standing) -> Words:
    """``healthy``, or what it says."""
    try:
        one.manager.start(one.placed)
    except OrchestratorError as error:
        return error.says
    return problem_of(one) or "healthy"


def _rehearsed(_: Context) -> Observed:
    return Observed.DONE


# ---------------------------------------------------------------- ahead of the cutover


def deploy(ctx: Context) -> Facts:
    """New instances beside the old ones, through the cloud's gateway, outside effects off: they are up and warm before the
    switch. What may run once only is laid out and held."""
    began = time.monotonic()
    seconds: dict[str, float] = {}
    for service in moved(ctx):
        at = time.monotonic()
        brought = carriage(ctx, service)
        passwords = {database.name: ctx.world.secret(database.secret) for database in ctx.world.movable_databases} if service.files else {}
        one = with_files(standing(ctx, service, effects=False), brought, configuration.edited_files(ctx, service, None, passwords))
        one.manager.place(one.placed)
        for database in ctx.world.movable_databases:
            path = ctx.world.secret_path(ctx.world.target(service.host), service, database)
            give_secret(ctx, one, path, ctx.world.secret(database.secret), brought)
        if _runs_once(one):
            one.manager.hold(one.placed)
        elif one.placed.shared and one.manager.state(one.placed).active:
            one.manager.reload(one.placed)
        else:
            one.manager.start(one.placed)
        seconds[service.name] = round(time.monotonic() - at, 1)
        ctx.say(str(say("steps.of", name=service.name, said=say("steps.held_until") if _runs_once(one) else say("steps.up_effects_off"))))
    return {"services": seconds, "seconds": round(time.monotonic() - began, 1)}


def _runs_once(one: Standing) -> bool:
    return bool(one.service.singleton)


def _deployed(ctx: Context) -> Observed:
    if not moved(ctx):
        return Observed.NOTHING
    if not ctx.world.targets:
        return Observed.NOT_DONE
    placed = []
    for service in moved(ctx):
        one = standing(ctx, service, effects=False)
        placed.append(one.manager.state(one.placed).held if _runs_once(one) else _is_up(one))
    return Observed.DONE if all(placed) else Observed.UNCLEAR if any(placed) else Observed.NOT_DONE


def take_down(ctx: Context) -> None:
    """Ends the target's instances and gives the host back what stood there before."""
    if not ctx.world.targets:
        return
    for service in reversed(moved(ctx)):
        one = standing(ctx, service, effects=False)
        one.manager.restore(one.placed)
        _take_secrets(ctx, one)


# ---------------------------------------------------------------- after the switch


def warm(ctx: Context) -> Facts:
    """Where the entry is switched in the fence, its clients are on the target from that moment: what answers them (and may run on both
    sides) has its outside effects on before. Nobody asks it yet."""
    if not hold.is_held(ctx):
        return {"services": []}
    for service in _many(ctx):
        one = standing(ctx, service, effects=True)
        one.manager.place(one.placed)
        if not one.placed.shared or not one.manager.state(one.placed).active:
            one.manager.start(one.placed)
        if problem := problem_of(one):
            raise StepFailed(
                say("steps.ill_before_switch", name=service.name, problem=problem),
                where=f"{one.connection.name} {one.placed.address}:{one.placed.port}",
                remedy=say("steps.mend_on_target"),
            )
    return {"services": [service.name for service in _many(ctx)]}


def _many(ctx: Context) -> list[Service]:
    """Those of which an instance may run on both sides. A file of cron's has no outside effects to switch on."""
    return [service for service in moved(ctx) if not service.singleton and not service.cron]


def _warmed(ctx: Context) -> Observed:
    if not hold.is_held(ctx) or not _many(ctx):
        return Observed.NOTHING
    if not ctx.world.targets:
        return Observed.NOT_DONE
    up = [_is_up(standing(ctx, service, effects=True), as_given=True) for service in _many(ctx)]
    return Observed.DONE if all(up) else Observed.UNCLEAR if any(up) else Observed.NOT_DONE


def cool(ctx: Context) -> None:
    """Its outside effects are off again, where they were on ahead of the switch."""
    if not ctx.world.targets or not hold.is_held(ctx):
        return
    for service in _many(ctx):
        one = standing(ctx, service, effects=False)
        if one.manager.state(one.placed).held:
            continue  # silenced already by what was taken back before
        one.manager.place(one.placed)
        if not one.placed.shared:
            one.manager.start(one.placed)


def go_live(ctx: Context) -> Facts:
    """The target's instances with outside effects on, what runs once handed over; their health must be good."""
    seconds: dict[str, float] = {}
    for service in moved(ctx):
        at = time.monotonic()
        one = standing(ctx, service, effects=True)
        if _runs_once(one):
            before(ctx, service).hold(ctx.world.service_before(service))  # observed stopped, or it raises
            one.manager.release(one.placed)
        one.manager.place(one.placed)
        if not one.placed.shared or not one.manager.state(one.placed).active:
            one.manager.start(one.placed)
        problem = problem_of(one)
        if problem:
            raise StepFailed(
                say("steps.ill_after_switch", name=service.name, problem=problem),
                where=f"{one.connection.name} {one.placed.address}:{one.placed.port}",
                remedy=say("steps.goes_back_read_log"),
            )
        seconds[service.name] = round(time.monotonic() - at, 1)
    return {"services": dict.fromkeys(seconds, "healthy"), "took": seconds, "handed_over": [s.name for s in _once(ctx)]}


def _once(ctx: Context) -> list[Service]:
    return [service for service in moved(ctx) if service.singleton]


def before(ctx: Context, service: Service) -> ServiceManager:
    """What keeps a service on its source host."""
    return ctx.world.manager(ctx.world.source(service.host), service)


def _live(ctx: Context) -> Observed:
    if not ctx.world.targets:
        return Observed.NOT_DONE
    good = list(_good(ctx))
    if not good:
        return Observed.NOTHING
    return Observed.DONE if all(good) else Observed.UNCLEAR if any(good) else Observed.NOT_DONE


def _good(ctx: Context) -> Iterator[bool]:
    """For every service: it is healthy on the target, and what runs once is held at the source."""
    for service in moved(ctx):
        one = standing(ctx, service, effects=True)
        yield _is_up(one, as_given=True) and (not _runs_once(one) or before(ctx, service).state(ctx.world.service_before(service)).held)


# ---------------------------------------------------------------- back


def hand_back(ctx: Context) -> Facts:
    """What runs once: observed stopped and held on the target, then as it was at the source. Citizens' services go on."""
    if not ctx.target_is_lost():
        silence_target(ctx, _once(ctx))
    give_back(ctx)
    return {"handed_back": [service.name for service in _once(ctx)]}


def silence_target(ctx: Context, services: list[Service]) -> None:
    """Stopped and held, the last one first."""
    for service in reversed(services):
        one = standing(ctx, service, effects=False)
        if not one.placed.shared:
            one.manager.hold(one.placed)
        elif one.manager.state(one.placed).ours:
            one.manager.place(one.placed)  # others use it: it goes on, and its outside effects are off from its next start


def give_back(ctx: Context) -> None:
    """What was held at the source is as it was. Raises NeedsPerson while the target may still run it."""
    held = [service for service in _once(ctx) if before(ctx, service).state(ctx.world.service_before(service)).held]
    for service in held:
        if not ctx.target_is_lost() and not _observed_still(ctx, service):
            raise NeedsPerson(
                say("steps.may_still_run", name=service.name),
                where=ctx.system.id,
                remedy=say("steps.stop_or_lost"),
            )
        before(ctx, service).restore(ctx.world.service_before(service))


def _observed_still(ctx: Context, service: Service) -> bool:
    """Whether the target was seen, and seen without it."""
    if service.host not in ctx.world.targets:
        return True
    try:
        one = standing(ctx, service, effects=False)
        return not one.manager.state(one.placed).active
    except OrchestratorError:
        return False


def is_handed_back(ctx: Context) -> Observed:
    """Nothing is held at the source any more."""
    if not _once(ctx):
        return Observed.NOTHING
    held = [before(ctx, service).state(ctx.world.service_before(service)).held for service in _once(ctx)]
    return Observed.NOT_DONE if any(held) else Observed.DONE


def silence(ctx: Context) -> None:
    """The target's half of taking it back: nothing with outside effects runs there any more."""
    if ctx.world.targets:
        silence_target(ctx, moved(ctx))


def preview(ctx: Context, connect: bool) -> Preview:
    """Every service as it would stand on its target host, references looked up; with connections, what the edits of its files find."""
    try:
        shown = [describe(ctx, service) for service in moved(ctx)]
    except OrchestratorError as error:
        return previews.undescribed(ctx, error)
    how: Words = say("steps.how_commands")
    if connect and (edits := configuration.describe_edits(ctx)):
        how = say("steps.how_edits", how=how, edits=tuple(edits))
    return Preview(Coverage.CHECKED, how, (), {"services": shown})


def describe(ctx: Context, service: Service) -> Facts:
    """What a person reads of a service before it is placed. Passwords are paths here, never values."""
    placed = ctx.world.service(service, effects=False)
    return {
        "name": placed.name,
        "host": ctx.world.target(service.host).name,
        "unit": placed.unit,
        "cron": placed.cron,
        "argv": list(placed.argv),
        "environment": dict(placed.environment),
        "files": {file.path: sorted(file.edits) for file in service.files},
        "port": placed.port,
    }


REHEARSE = Step(
    id="rehearse",
    effect=Effect.READ_ONLY,
    run=rehearse,
    observe=_rehearsed,
    preview=previews.described_services(say("steps.how_throwaway"), effects=False),
)
DEPLOY = Step(
    id="deploy_services",
    effect=Effect.REVERSIBLE,
    run=deploy,
    observe=_deployed,
    undo_target=take_down,
    preview=preview,
)
WARM = Step(
    id="warm_services",
    effect=Effect.REVERSIBLE,
    run=warm,
    observe=_warmed,
    undo_target=cool,
    preview=previews.described_services(say("steps.how_effects_on"), effects=True),
)
GO_LIVE = Step(
    id="go_live",
    effect=Effect.REVERSIBLE,
    run=go_live,
    observe=_live,
    undo_target=silence,
    undo_source=give_back,
    preview=previews.described_services(say("steps.how_effects_on"), effects=True),
)
HAND_BACK = Step(
    id="hand_back",
    effect=Effect.READ_ONLY,
    run=hand_back,
    observe=is_handed_back,
)
