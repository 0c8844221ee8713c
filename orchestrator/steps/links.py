"""R8: what the old hosts reach, the new ones reach too; and who reached the old ones reaches the new ones. Looked at before anybody is
switched, and once more before acceptance.

Who reaches us is seen only from the other end: it is tried where ``sites.yaml`` names a machine of the peer (``peers``), and named in
the facts as not looked at where it does not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

from orchestrator.errors import Finding, NeedsPerson, OrchestratorError, findings_of
from orchestrator.models import Host, Link, Service
from orchestrator.steps import previews
from orchestrator.steps.base import Context, Effect, Facts, Observed, Step
from orchestrator.texts import say, text

SECONDS = 3
SLOWER_MS = 5.0
"""From so much more on a connection that takes longer is told: programs that ask often feel each of it."""
_KNOCK = """began=${EPOCHREALTIME/[^0-9]/}
exec 3<>"/dev/tcp/$0/$1" || exit 1
[ -z "$began" ] || echo $((${EPOCHREALTIME/[^0-9]/} - began))"""
"""bash's own way to open a connection; address and port are its arguments, never part of the text. Microseconds, from bash 5 on."""
Place = tuple[str, int]


@dataclass(frozen=True)
class Way:
    """One connection that there is: from where and whereto, before and after."""

    name: str
    before: tuple[Host, Place]
    after: Callable[[], tuple[Host, Place]]
    """Asked for when there is a target."""
    is_incoming: bool = False


@dataclass(frozen=True)
class Knock:
    """How a connection fared. ``refused``: somebody was reached who listens there not yet."""

    is_open: bool
    refused: bool = False
    ms: float | None = None


def run(ctx: Context) -> Facts:
    """Every link with an address, from each host on both sides; those that come in, from the peer's machine. Raises NeedsPerson for one
    that only the old host has: opening a network takes days, and what was prepared stays."""
    facts: Facts = {"reached": [], "unreached_before": [], "not_looked_at": list(_unseen(ctx)), "round_trips_ms": {}}
    lost = []
    for way in _ways(ctx):
        was = _knock(ctx, *way.before)
        if not was.is_open:
            facts["unreached_before"].append(way.name)
            continue
        now = _knock(ctx, *way.after())
        if now.is_open or (way.is_incoming and now.refused):  # its service starts later
            facts["reached"].append(way.name)
        else:
            lost.append(way.name)
        if was.ms is not None and now.ms is not None:
            facts["round_trips_ms"][way.name] = [was.ms, now.ms]
            if now.ms - was.ms >= SLOWER_MS:
                ctx.say(text("steps.link_slower", name=way.name, before=was.ms, after=now.ms))
    _insist_on_none(ctx, lost)
    return facts


def insist_on_links(ctx: Context) -> None:
    """Before acceptance: what was reached before the switch is reached now, from both ends. Raises NeedsPerson."""
    reached = ctx.facts.get("check_links", {}).get("reached", ())
    if reached and ctx.world.targets:
        _insist_on_none(ctx, [way.name for way in _ways(ctx) if way.name in reached and not _knock(ctx, *way.after()).is_open])


def find_unreached(ctx: Context) -> tuple[list[str], int, list[Finding]]:
    """Of the connections that there are today those that do not open, how many were tried, and who could not be asked to try."""
    lost: list[str] = []
    tried, unasked = 0, list[Finding]()
    for way in _ways(ctx):
        try:
            is_open = _knock(ctx, *way.before).is_open
        except OrchestratorError as error:
            unasked += findings_of(error, "links", ctx.system.id)
            continue
        tried += 1
        if not is_open:
            lost.append(way.name)
    return lost, tried, unasked


def _insist_on_none(ctx: Context, lost: list[str]) -> None:
    if lost:
        raise NeedsPerson(
            say("steps.cloud_reaches_not", lost=tuple(lost)),
            where=ctx.system.id,
            remedy=say("steps.open_links"),
        )


def _ways(ctx: Context) -> Iterator[Way]:
    for link in ctx.system.links:
        if link.direction != "in" and link.address is not None and link.port is not None:
            place = (str(link.address), link.port)
            for host in ctx.system.hosts:
                new = partial(_target_of, ctx, host.name, place)
                yield Way(f"{host.name} → {link.peer} {place[0]}:{place[1]}", (host, place), new)
        if link.direction != "out" and link.peer in ctx.sites.peers:
            yield from _incoming(ctx, link)


def _target_of(ctx: Context, name: str, place: Place) -> tuple[Host, Place]:
    return ctx.world.target(name), place


def _incoming(ctx: Context, link: Link) -> Iterator[Way]:
    """To every service that the link can mean: by the entry, which stays where it is, or straight to its host."""
    peer, entry = ctx.sites.peers[link.peer], ctx.sites.entry
    for service in ctx.system.services:
        if service.port is None or (link.direction == "in" and link.port not in (None, service.port)):
            continue
        by_entry = (entry.address, entry.ports[service.entry]) if service.entry and entry is not None else None
        old = by_entry or (ctx.world.source(service.host).address, service.port)
        new = partial(_served_at, ctx, peer, service, by_entry)
        yield Way(f"{link.peer} → {service.name} {old[0]}:{old[1]}", (peer, old), new, is_incoming=True)


def _served_at(ctx: Context, peer: Host, service: Service, by_entry: Place | None) -> tuple[Host, Place]:
    return peer, by_entry or (ctx.world.target(service.host).address, service.port or 0)


def _unseen(ctx: Context) -> Iterator[str]:
    for link in ctx.system.links:
        if link.direction != "in" and (link.address is None or link.port is None):
            yield link.peer
        elif link.direction != "out" and link.peer not in ctx.sites.peers:
            yield link.peer if link.direction == "in" else f"{link.peer} (in)"


def _knock(ctx: Context, host: Host, place: Place) -> Knock:
    """Whether a connection opens from this host. Nothing is sent."""
    argv = ["timeout", str(SECONDS), "bash", "-c", _KNOCK, place[0], str(place[1])]
    done = ctx.world.ssh(host).run(argv, timeout=SECONDS + 10)
    said = done.stdout.strip()
    return Knock(done.code == 0, "refused" in done.stderr.lower(), int(said) / 1000 if said.isdecimal() else None)


def observe(_ctx: Context) -> Observed:
    """Reads only: there is nothing in the world to see."""
    return Observed.DONE


STEP = Step(
    id="check_links",
    effect=Effect.READ_ONLY,
    run=run,
    observe=observe,
    preview=previews.links,
)
