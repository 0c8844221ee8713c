"""A system's servers for a person's command: looked at, taken up again, their kept volumes released. Outside of any migration."""

from __future__ import annotations

from orchestrator.cloud.book import Book
from orchestrator.cloud.servers import CloudServers
from orchestrator.engine.cloud_chain import CloudChain
from orchestrator.engine.session import Session
from orchestrator.errors import Refused


def open_cloud(session: Session, system: str) -> tuple[CloudServers, CloudChain]:
    """The servers of a system and what the journal holds of them. Asks nothing of the cloud yet."""
    from orchestrator.steps import provision
    from orchestrator.steps.world import World

    chain = CloudChain(session.journal, system, actor=str(session.actor))
    world = World(session.settings, session.system(system), session.sites)
    servers = provision.assemble(session.settings, world, Book(chain, system), lambda _text: None)
    return servers, chain


def nobody_works_on_it(session: Session, system: str) -> None:
    """Raises Refused while a migration of the system is open: its own run may change the same servers."""
    row = session.journal.open_migration(system)
    if row is not None and row.ending is None:
        raise Refused(f"{row.id} is under way", where=system, remedy="`orchestrator status`; when it waits or has ended, try again")


def systems_with_servers(session: Session) -> list[str]:
    """Systems of the inventory whose servers were handed over and not taken back."""
    known = {system.id for system in session.inventory.systems}
    asked = dict.fromkeys(row.system for row in session.journal.migrations() if row.system in known)
    return [system for system in asked if CloudChain(session.journal, system, actor="").handed_over()]
