"""The worker's side of a flow run: its session, and what it leaves in Prefect. Nothing that Prefect cannot do stops the work."""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any
from uuid import UUID

from orchestrator.engine.session import Session
from orchestrator.errors import OrchestratorError, ToolError, UsageError
from orchestrator.flows import pages
from orchestrator.flows.migrate import tags_of
from orchestrator.flows.zones import zone_of
from orchestrator.journal.actors import Actor, current_actor
from orchestrator.reports.privacy import Scrubber
from orchestrator.settings import Settings
from orchestrator.texts import say

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient

UNKNOWN = "prefect"
"""Kind of the actor of a flow run: the worker's account is known, the person who triggered it is not."""
log = logging.getLogger(__name__)


def open_office() -> Office:
    """The office of this flow run, with the settings of the worker's folder."""
    from prefect.runtime import deployment, flow_run

    actor = replace(current_actor(), kind=UNKNOWN)
    run = UUID(str(flow_run.id))
    return Office(Session.open(Settings(), actor), actor, run, tuple(flow_run.tags or ()), str(deployment.name or ""))


@contextlib.contextmanager
def prefect_may_fail() -> Iterator[None]:
    """What is only shown may be missing: a server that is away costs a page, never a migration."""
    try:
        yield
    except Exception as error:  # noqa: BLE001 - whatever Prefect raises
        log.warning("Prefect did not take it: %s", type(error).__name__)


@dataclass
class Office:
    """One flow run's surroundings."""

    session: Session
    actor: Actor
    run: UUID
    tags: tuple[str, ...]
    deployment: str
    """Its name: the zone that it runs in."""

    @cached_property
    def scrub(self) -> Scrubber:
        """Knows the telephones and contacts of the inventory, where it can be read."""
        try:
            return pages.scrubber(self.session.inventory)
        except OrchestratorError:
            return pages.scrubber(None)

    def scrub_lines(self, text: str) -> str:
        """A document with every line scrubbed."""
        return "\n".join(self.scrub.text(line, 4000) if line.strip() else "" for line in text.splitlines()) + "\n"

    # ------------------------------------------------------------ pages

    def write_page(self, key: str, markdown: str) -> None:
        from prefect.artifacts import create_markdown_artifact

        with prefect_may_fail():
            create_markdown_artifact(markdown=markdown, key=key)

    def write_table(self, key: str, rows: list[dict[str, Any]]) -> None:
        from prefect.artifacts import create_table_artifact

        with prefect_may_fail():
            create_table_artifact(table=rows, key=key)

    def progress(self, migration: str) -> Callable[[float], None]:
        """Keeps a bar of the migration's steps; called with the percentage."""
        from prefect.artifacts import create_progress_artifact, update_progress_artifact

        bars: list[UUID] = []

        def show(percent: float) -> None:
            with prefect_may_fail():
                if bars:
                    update_progress_artifact(bars[0], progress=percent)
                else:
                    made = create_progress_artifact(progress=percent, key=f"steps-{migration}", description=f"steps of {migration}")
                    bars.append(UUID(str(made)))

        return show

    def log_bug(self, error: Exception) -> None:
        """The traceback goes to the worker's own log on its machine."""
        log.error("a bug of ours: %s", type(error).__name__, exc_info=error)

    # ------------------------------------------------------------ this run

    def tagged_migration(self) -> str:
        """The migration that this very run had begun before; empty: none yet."""
        return next((tag.removeprefix("migration:") for tag in self.tags if tag.startswith("migration:")), "")

    def tag(self, system: str, migration: str) -> None:
        """From now on this run is this migration's, however often it is started again."""
        self.tags = tuple(dict.fromkeys((*self.tags, *tags_of(system, migration))))
        with prefect_may_fail(), client() as prefect:
            prefect.update_flow_run(self.run, name=migration, tags=self.tags)

    def check_zone(self, system: str, flow: str) -> None:
        """Raises UsageError, with the command that is right, for a system that the controllers of this zone do not reach."""
        zone = zone_of(self.session.settings, self.session.system(system))
        if self.deployment and zone != self.deployment:
            raise UsageError(
                say("flows.other_zone", system=system, zone=zone, here=self.deployment),
                where=system,
                remedy=say("flows.run_in_zone", flow=flow, zone=zone, system=system),
            )

    # ------------------------------------------------------------ other runs

    def trigger(self, system: str, *, together: Sequence[str], title: str) -> UUID:
        """A flow run for a system; the one that is on its way already, where there is one."""
        from orchestrator.flows.runs import create_run, open_run

        with client() as prefect:
            known = open_run(prefect, system)
            if known is not None:
                return known
            zone = zone_of(self.session.settings, self.session.system(system))
            tags = [*tags_of(system), f"of:{title}", f"parent:{self.run}"]
            return create_run(prefect, zone, system, together, tags=tags, once=f"{self.run}-{system}")

    def take_up(self, system: str) -> UUID:
        """The suspended or crashed run of a system goes on; where there is none, another is made."""
        from orchestrator.flows.runs import create_run, open_run, wake_run

        with client() as prefect:
            known = open_run(prefect, system)
            if known is not None:
                wake_run(prefect, known)
                return known
            row = self.session.journal.open_migration(system)
            tags = tags_of(system, str(row.id) if row is not None else "")
            return create_run(prefect, zone_of(self.session.settings, self.session.system(system)), system, (), tags=tags)

    @staticmethod
    def link(run: UUID) -> str:
        """A flow run's page, from any other page of Prefect."""
        return f"/runs/flow-run/{run}"


@contextlib.contextmanager
def prefect_must_answer() -> Iterator[None]:
    """For commands that are about Prefect itself. Raises ToolError for whatever its server refuses or does not answer."""
    from httpx import HTTPError
    from prefect.exceptions import PrefectException

    try:
        yield
    except (HTTPError, PrefectException, OSError) as error:
        said = str(error).strip().splitlines()
        says = say("flows.prefect_refuses", error=said[0][:200] if said else type(error).__name__)
        raise ToolError(says, where=server_url(), remedy=say("flows.look_at_prefect"), retryable=True) from error


def server_url() -> str:
    """Where this process asks Prefect."""
    return os.environ.get("PREFECT_API_URL", "")


@contextlib.contextmanager
def client() -> Iterator[SyncPrefectClient]:
    """Prefect's API, as this process is told where it is."""
    from prefect.client.orchestration import get_client

    with get_client(sync_client=True) as prefect:
        yield prefect
