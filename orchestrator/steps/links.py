"""R8: what the old hosts reach, the new ones reach too. Looked at before anybody is switched.

Who reaches us is seen only from the other end: such links are named in the facts as not looked at.
"""

from __future__ import annotations

from orchestrator.errors import NeedsPerson
from orchestrator.models import Host, Link
from orchestrator.steps import previews
from orchestrator.steps.base import Context, Effect, Facts, Observed, Step
from orchestrator.texts import say

SECONDS = 3
_KNOCK = 'exec 3<>"/dev/tcp/$0/$1"'
"""bash's own way to open a connection; address and port are its arguments, never part of the text."""


def run(ctx: Context) -> Facts:
    """Every outgoing link with an address, from each host on both sides. Raises NeedsPerson for one that only the old host reaches:
    opening a network takes days, and what was prepared stays."""
    facts: Facts = {"reached": [], "unreached_before": [], "not_looked_at": []}
    lost = []
    for link in ctx.system.links:
        if link.direction == "in" or link.address is None or link.port is None:
            facts["not_looked_at"].append(link.peer)
            continue
        if link.direction == "both":
            facts["not_looked_at"].append(f"{link.peer} (in)")
        for host in ctx.system.hosts:
            name = f"{host.name} → {link.peer} {link.address}:{link.port}"
            if not reaches(ctx, host, link):
                facts["unreached_before"].append(name)
            elif reaches(ctx, ctx.world.target(host.name), link):
                facts["reached"].append(name)
            else:
                lost.append(name)
    if lost:
        raise NeedsPerson(
            say("steps.cloud_reaches_not", lost=tuple(lost)),
            where=ctx.system.id,
            remedy=say("steps.open_links"),
        )
    return facts


def reaches(ctx: Context, host: Host, link: Link) -> bool:
    """Whether a connection opens from this host. Nothing is sent."""
    argv = ["timeout", str(SECONDS), "bash", "-c", _KNOCK, str(link.address), str(link.port)]
    return ctx.world.ssh(host).run(argv, timeout=SECONDS + 10).code == 0


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
