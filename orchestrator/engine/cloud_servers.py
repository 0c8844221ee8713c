"""A system's servers outside of any migration: asked for before a wave begins, looked at, taken up again, kept volumes released."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING

from orchestrator.engine.session import Session
from orchestrator.errors import Finding, Refused
from orchestrator.texts import say

if TYPE_CHECKING:  # most cities have nothing on the cloud yet: asking which systems do must not load every step and driver
    from orchestrator.cloud.servers import CloudServers
    from orchestrator.engine.cloud_chain import CloudChain


def open_cloud(session: Session, system: str) -> tuple[CloudServers, CloudChain]:
    """The servers of a system and what the journal holds of them. Asks nothing of the cloud yet."""
    from orchestrator.cloud.book import Book
    from orchestrator.engine.cloud_chain import CloudChain
    from orchestrator.steps import provision
    from orchestrator.steps.world import World

    chain = CloudChain(session.journal, system, actor=str(session.actor))
    world = World(session.settings, session.system(system), session.sites)
    servers = provision.assemble(session.settings, world, Book(chain, system), lambda _text: None)
    return servers, chain


@contextmanager
def work_alone(session: Session, system: str) -> Iterator[None]:
    """While a person's command changes a system's servers, no run of its migration does. One that waits for people, in its trial run
    say, is no obstacle: it is there that a state is lost. Raises LeaseHeld while a run is at work."""
    row = session.journal.open_migration(system)
    with session.hold(row.id) if row is not None else nullcontext():
        yield


def systems_with_servers(session: Session) -> list[str]:
    """Systems of the inventory whose servers were handed over and not taken back."""
    rows = session.journal.migrations() if session.has_journal else []
    if not rows:
        return []
    from orchestrator.engine.cloud_chain import CloudChain

    known = {system.id for system in session.inventory.systems}
    asked = dict.fromkeys(row.system for row in rows if row.system in known)
    return [system for system in asked if CloudChain(session.journal, system, actor="").handed_over()]


def ask_for_wave(session: Session, systems: Sequence[str]) -> list[Finding]:
    """What all these systems together will need of the cloud against what it has: quotas and addresses are for the wave, and not
    for one system. Of those that move onto servers that are made, and whose sheets are filled in. Reads only."""
    from orchestrator.runbooks import RUNBOOKS, runbook_for
    from orchestrator.steps import provision
    from orchestrator.steps.world import World

    asking = []
    for system in systems:
        steps = RUNBOOKS[runbook_for(session.verdicts[system], session.system(system))] if session.verdicts[system].strategy.moves else []
        if any(step.id == provision.STEP.id for step in steps) and not session.not_movable(system):
            asking.append(World(session.settings, session.system(system), session.sites))
    return provision.ask_wave(session.settings, asking) if asking else []


def refuse_what_the_cloud_lacks(session: Session, systems: Sequence[str]) -> None:
    """Raises Refused, with every finding, before any of these systems begins. What is under way has its servers, or its share of
    the quota, and is not asked for again."""
    beginning = [system for system in systems if session.journal.open_migration(system) is None]
    if findings := ask_for_wave(session, beginning):
        raise Refused(
            say("engine.cloud_lacks", count=len(beginning)), findings=findings,
            where=session.settings.terraform.name, remedy=say("engine.smaller_wave"),
        )  # fmt: skip
