"""Lets citizens' HTTP requests follow from old to new instances, both alive, and back; then the files' last pass."""

from __future__ import annotations

import time

from orchestrator.errors import StepFailed
from orchestrator.gateways.haproxy import Runtime
from orchestrator.models import HttpGateway, Service
from orchestrator.steps import files
from orchestrator.steps.base import Context, Effect, Facts, Observed, Step
from orchestrator.steps.world import SUFFIX


def _entries(ctx: Context) -> list[tuple[str, Service]]:
    return [(s.entry, s) for s in ctx.system.services if s.entry and s.port]


def _runtime(ctx: Context) -> Runtime:
    gateway: HttpGateway | None = ctx.sites.entry
    if gateway is None:
        raise StepFailed("sites.yaml names no entry", where="sites.yaml", remedy="add the load balancer by which citizens come in")
    return Runtime(gateway)


def run(ctx: Context) -> Facts:
    """New servers join and pass their check, old ones drain; then the files that were written meanwhile follow."""
    runtime = _runtime(ctx)
    for backend, service in _entries(ctx):
        new = service.name + SUFFIX
        runtime.add(backend, new, ctx.world.target(service.host).address, service.port or 0)
        runtime.ready(backend, new)
        if not runtime.wait_up(backend, new, limit=10):
            raise StepFailed(
                f"the entry {backend} does not find {service.name} healthy on the cloud",
                where=new,
                remedy="traffic stays or goes back; look at the service",
            )
    for backend, service in _entries(ctx):
        runtime.drain(backend, service.name)
    passes = _settle_files(ctx, back=False)
    return {"entries": [b for b, _ in _entries(ctx)], "files": passes}


def _settle_files(ctx: Context, *, back: bool) -> Facts:
    """Waits until the drained side has no request under way, then one pass that reads everything."""
    runtime = _runtime(ctx)
    until = time.monotonic() + 10
    while time.monotonic() < until and not all(runtime.idle(b, s.name + (SUFFIX if back else "")) for b, s in _entries(ctx)):
        time.sleep(0.05)
    seen = {}
    for tree in ctx.system.file_trees:
        seen[tree.path] = files.merge(ctx, tree, back=back)
    return seen


def observe(ctx: Context) -> Observed:
    """HAProxy itself: new servers up, old ones without traffic."""
    runtime = _runtime(ctx)
    good = []
    for backend, service in _entries(ctx):
        status = runtime.servers(backend)
        good.append(status.get(service.name + SUFFIX, "").startswith("UP") and not status.get(service.name, "").startswith("UP"))
    return Observed.DONE if all(good) else Observed.UNCLEAR if any(good) else Observed.NOT_DONE


def back(ctx: Context) -> Facts:
    """Old servers take traffic again, new ones leave; files written on the cloud follow to the source."""
    runtime = _runtime(ctx)
    for backend, service in _entries(ctx):
        runtime.ready(backend, service.name)
        if not runtime.wait_up(backend, service.name, limit=10):
            raise StepFailed(
                f"the old instance {service.name} is not healthy", where=backend, remedy="start it, then `orchestrator resume`"
            )
    for backend, service in _entries(ctx):
        runtime.drain(backend, service.name + SUFFIX)
    passes = _settle_files(ctx, back=True) if ctx.world.targets else {}
    for backend, service in _entries(ctx):
        runtime.remove(backend, service.name + SUFFIX)
    return {"files": passes}


def is_back(ctx: Context) -> Observed:
    """HAProxy itself: old servers up, no new ones."""
    runtime = _runtime(ctx)
    for backend, service in _entries(ctx):
        status = runtime.servers(backend)
        if not status.get(service.name, "").startswith("UP") or service.name + SUFFIX in status:
            return Observed.NOT_DONE
    return Observed.DONE


def undo(ctx: Context) -> None:
    """The same as going back; nothing to do when it was done there."""
    if is_back(ctx) is not Observed.DONE:
        back(ctx)


def _shifted(ctx: Context) -> Observed:
    return observe(ctx) if _entries(ctx) else Observed.NOTHING


STEP = Step(
    id="shift_entry",
    effect=Effect.REVERSIBLE,
    run=run,
    observe=_shifted,
    undo_source=undo,
)
BACK = Step(
    id="shift_entry_back",
    effect=Effect.READ_ONLY,
    run=back,
    observe=is_back,
)
