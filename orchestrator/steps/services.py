"""Puts the system's services onto the target: in a rehearsal on a throwaway copy, ahead with outside effects off, then live."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from orchestrator.errors import OrchestratorError, StepFailed, findings_of
from orchestrator.models import Service
from orchestrator.movers.postgresql import dumps
from orchestrator.steps import backup
from orchestrator.steps.base import Context, Coverage, Effect, Facts, Observed, Preview, Step
from orchestrator.steps.prepare import play
from orchestrator.tools import health


def _moved(ctx: Context) -> list[Service]:
    return [s for s in ctx.system.services if s.command or s.unit]


def _variables(ctx: Context, services: list[dict[str, Any]], state: str) -> dict[str, Any]:
    return {
        "deploy_service_manager": "process" if any(h.manager == "processes" for h in ctx.world.targets.values()) else "systemd",
        "deploy_service_state": state,
        "deploy_service_services": services,
    }


def _place_secrets(ctx: Context) -> None:
    """The application's passwords, on the hosts of its services, mode 0600."""
    for database in ctx.world.movable_databases:
        for service in _moved(ctx):
            host = ctx.world.target(service.host)
            connection = ctx.world.ssh(host)
            connection.run(["mkdir", "-p", "-m", "0700", ctx.world.home(host, "secrets")], check=True)
            connection.write_file(ctx.world.secret_path(host, database), ctx.world.secret(database.secret).encode())


# ---------------------------------------------------------------- rehearsal


def rehearse(ctx: Context) -> Facts:
    """Starts every service on the target against the restored copy, outside effects off; its health must be good."""
    services: list[dict[str, Any]] = []
    passwords = {}
    for database in ctx.world.movable_databases:
        passwords[database.name] = ctx.world.throwaway_password()
        copy = backup.copy_name(ctx, database)
        dumps.create_throwaway_role(ctx.world.sql(database, "target", name="postgres"), copy, passwords[database.name])
    for service in _moved(ctx) if passwords else []:
        services.append(ctx.world.service(service, effects=False, rehearsal=_write_copies(ctx, service, passwords)))
    runs = 0
    seen: dict[str, str] = {}
    try:
        if services:
            play(ctx, "deploy_services", {"targets": list(ctx.world.targets.values())}, _variables(ctx, services, "started"))
            runs += 1
        for service, deployed in zip(_moved(ctx), services, strict=True):
            problem = health.check(service, deployed["address"], deployed["port"], limit=15)
            seen[service.name] = problem or "healthy"
    finally:
        if services:
            play(ctx, "stop_services", {"targets": list(ctx.world.targets.values())}, _variables(ctx, services, "absent"))
            runs += 1
        backup.drop_copies(ctx)
    bad = {name: problem for name, problem in seen.items() if problem != "healthy"}
    if bad:
        raise StepFailed(
            f"rehearsal: {bad}", where=ctx.system.id, remedy="look at the service's log on the target host; the source was not touched"
        )
    return {"services": seen, "ansible_runs": runs, "outside_effects": "off"}


def _write_copies(ctx: Context, service: Service, passwords: Mapping[str, str]) -> dict[str, tuple[str, str, str]]:
    """Each database's throwaway copy as a service on its host reaches it: name, role, and where the password lies."""
    host = ctx.world.target(service.host)
    connection = ctx.world.ssh(host)
    connection.run(["mkdir", "-p", "-m", "0700", ctx.world.home(host, "secrets")], check=True)
    copies = {}
    for database in ctx.world.movable_databases:
        copy = backup.copy_name(ctx, database)
        secret = ctx.world.home(host, "secrets", f"rehearsal-{copy}")
        connection.write_file(secret, passwords[database.name].encode())
        copies[database.name] = (copy, copy, secret)
    return copies


def _rehearsed(_: Context) -> Observed:
    return Observed.DONE


# ---------------------------------------------------------------- ahead of the cutover


def deploy(ctx: Context) -> Facts:
    """New instances beside the old ones, through the cloud's gateway, outside effects off. Singletons are only laid out."""
    _place_secrets(ctx)
    services = [ctx.world.service(s, effects=False) for s in _moved(ctx) if not s.singleton]
    facts = play(ctx, "deploy_services", {"targets": list(ctx.world.targets.values())}, _variables(ctx, services, "started"))
    return facts | {"services": [s["name"] for s in services]}


def _deployed(ctx: Context) -> Observed:
    if all(s.singleton for s in _moved(ctx)):
        return Observed.NOTHING
    if not ctx.world.targets:
        return Observed.NOT_DONE
    up = [health.answers(ctx.world.target(s.host).address, s.port or 0) for s in _moved(ctx) if not s.singleton]
    return Observed.DONE if all(up) else Observed.UNCLEAR if any(up) else Observed.NOT_DONE


def take_down(ctx: Context) -> None:
    """Ends the target's instances."""
    if not ctx.world.targets:
        return
    services = [ctx.world.service(s, effects=False) for s in _moved(ctx)]
    play(ctx, "stop_services", {"targets": list(ctx.world.targets.values())}, _variables(ctx, services, "absent"))


# ---------------------------------------------------------------- after the switch


def go_live(ctx: Context) -> Facts:
    """The target's instances with outside effects on; their health is asked on the host and must be good."""
    services = [ctx.world.service(s, effects=True) for s in _moved(ctx)]
    facts = play(ctx, "deploy_services", {"targets": list(ctx.world.targets.values())}, _variables(ctx, services, "started"))
    for service, deployed in zip(_moved(ctx), services, strict=True):
        problem = health.check(service, deployed["address"], deployed["port"], limit=8)
        if problem:
            raise StepFailed(
                f"{service.name} is not healthy after the switch: {problem}", where=f"{deployed['host']} {deployed['address']}:{deployed['port']}",
                remedy="traffic goes back by itself; read the service's log on the target host",
            )  # fmt: skip
    return facts | {"services": {s["name"]: "healthy" for s in services}}


def _live(ctx: Context) -> Observed:
    for service in _moved(ctx):
        if health.check(service, ctx.world.target(service.host).address, service.port or 0, limit=2):
            return Observed.NOT_DONE
    return Observed.DONE


def preview(ctx: Context, _connect: bool) -> Preview:
    """Every service as the role would get it, held to its argument spec, units and environment files rendered."""
    from orchestrator.tools.ansible_check import check_variables

    try:
        services = [ctx.world.service(s, effects=False) for s in _moved(ctx)]
    except OrchestratorError as error:
        found = findings_of(error, "service", ctx.system.id)
        return Preview(Coverage.CHECKED, "a service cannot be described to its role", found)
    values = _variables(ctx, services, "started")
    found = tuple(check_variables(ctx.settings.playbooks, "deploy_services", values, services, system=ctx.system.id))
    shown = {"services": services}
    return Preview(Coverage.CHECKED, "variables and templates; no service was started", found, shown)


REHEARSE = Step(
    id="rehearse",
    effect=Effect.READ_ONLY,
    run=rehearse,
    observe=_rehearsed,
)
DEPLOY = Step(
    id="deploy_services", effect=Effect.REVERSIBLE, run=deploy, observe=_deployed, undo_target=take_down, preview=preview,
)  # fmt: skip
GO_LIVE = Step(id="go_live", effect=Effect.READ_ONLY, run=go_live, observe=_live)
