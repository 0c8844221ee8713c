"""Does in Prefect what ``reconcile`` decided, and keeps the pages of waves and phases."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from uuid import UUID

from orchestrator.engine.session import Session
from orchestrator.errors import OrchestratorError
from orchestrator.flows import pages
from orchestrator.flows.endings import final_state, pause_key
from orchestrator.flows.migrate import tags_of
from orchestrator.flows.reconcile import Act, Do, children_of, decide
from orchestrator.flows.runs import LOST, Run, create_run, read_runs, set_state, wake_run
from orchestrator.flows.stand import Stand, stand_of
from orchestrator.flows.zones import zone_of

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient


@dataclass
class Reconciler:
    """Brings Prefect up to date with the journal, as often as it is asked. ``say`` is told what was done."""

    session: Session
    client: SyncPrefectClient
    say: Callable[[str], None]
    _pages: dict[UUID, str] = field(default_factory=dict)

    def run(self) -> int:
        """How many flow runs were changed or made."""
        runs = read_runs(self.client)
        shown = {run.migration for run in runs}
        missing = [m for m in self.session.journal.migrations() if m.id not in shown]
        stands = [self._stand(m.system, m.id, ()) for m in missing]
        acts = decide(runs, stands, self._stand)
        by_id = {run.id: run for run in runs}
        for act in acts:
            self._do(act, by_id.get(act.run) if act.run else None, runs)
        for parent in (run for run in runs if not run.system and run.key is not None and not run.over):
            self._write_page(parent, runs)
        return len(acts)

    def _stand(self, system: str, migration: str, together: tuple[str, ...]) -> Stand:
        return stand_of(self.session, system, migration=migration, together=together)

    def _do(self, act: Act, run: Run | None, runs: Sequence[Run]) -> None:
        from prefect.states import Cancelled, Crashed

        if act.do is Do.SHOW:
            self._show(self._stand(act.system, act.migration, ()))
            return
        if run is None:
            return
        if act.do is Do.CRASH:
            set_state(self.client, run.id, Crashed(name=LOST, message="no engine works on it any more; the journal has what was done"))
        elif act.do in (Do.WAKE, Do.RESTART):
            wake_run(self.client, run.id)
        elif act.do is Do.CLOSE:
            set_state(self.client, run.id, final_state(self._stand(run.system, run.migration, ())))
        elif act.do is Do.TAKE_OVER:
            set_state(self.client, run.id, Cancelled(name="Taken over", message=f"goes on in flow run {act.other}"))
        elif act.do is Do.FINISH:
            self._finish(run, runs)
        self.say(f"{act.do.replace('_', ' ')}: {run.name}")

    # ------------------------------------------------------------ what no run stands for

    def _show(self, stand: Stand) -> None:
        """A run for a migration that has none: Prefect's database is new, or was away."""
        if stand.over or not stand.by_worker:
            self._show_record(stand)
        else:
            self._show_suspended(stand)
        self.say(f"show: {stand.migration}")

    def _show_record(self, stand: Stand) -> None:
        """What is over, or in the hands of a command: a run that only tells."""
        from prefect.states import Crashed, Pending, Running

        from orchestrator.flows.all_flows import migrate_system

        tags = tags_of(stand.system, stand.migration)
        parameters = {"system": stand.system}
        made = self.client.create_flow_run(migrate_system, parameters=parameters, name=stand.migration, tags=tags, state=Pending())
        waits = "; ".join(stand.waits) or f"`orchestrator resume {stand.system}` goes on"
        state = final_state(stand) if stand.over else Running() if stand.alive else Crashed(name="Left by its command", message=waits)
        set_state(self.client, made.id, state)

    def _show_suspended(self, stand: Stand) -> None:
        """What a worker had: suspended, and woken as soon as the journal has something for it (a dead engine is something)."""
        from prefect.states import Pending, Running, Suspended

        try:
            zone = zone_of(self.session.settings, self.session.system(stand.system))
        except OrchestratorError as error:
            self.say(str(error))
            return
        tags = tags_of(stand.system, stand.migration)
        made = create_run(self.client, zone, stand.system, (), tags=tags, name=stand.migration, state=Pending())
        known = stand if stand.waits else Stand(stand.system, key="lost")
        message = "; ".join(stand.waits) or "it goes on where the journal has it"
        set_state(self.client, made, Running())  # as it did: one that never ran is tried again by Prefect itself when it fails
        set_state(self.client, made, Suspended(pause_key=pause_key(known), message=f"waits: {message}"[:500]))

    # ------------------------------------------------------------ waves and phases

    def _finish(self, parent: Run, runs: Sequence[Run]) -> None:
        from prefect.states import Completed, Failed

        children = children_of(runs, parent.id)
        short = sorted(system for system, run in children.items() if run.state != "COMPLETED")
        self._write_page(parent, runs)
        state: Any = Failed(name="Not all accepted", message=", ".join(short)[:500]) if short else Completed(name="Done")
        set_state(self.client, parent.id, state)

    def _write_page(self, parent: Run, runs: Sequence[Run]) -> None:
        """The wave's page, when it says something new."""
        from prefect.client.schemas.actions import ArtifactCreate

        children = children_of(runs, parent.id)
        if not children:
            return
        stands = [self._stand(system, "", ()) for system in children]
        links = {system: f"/runs/flow-run/{run.id}" for system, run in children.items()}
        text = pages.wave_page(parent.name, stands, links, pages.scrubber(None))
        if self._pages.get(parent.id) != text:
            self._pages[parent.id] = text
            artifact = ArtifactCreate(key="wave", type="markdown", data=text, flow_run_id=parent.id)
            self.client.create_artifact(artifact)

