"""An office as tests meet it: Prefect's API, the journal, accounts that decide. Nothing here knows how it was brought up."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import httpx

from orchestrator.engine.session import Session
from orchestrator.tools.process import start_time


class Prefect:
    """What somebody sees and triggers at a server of Prefect. ``environment``: of whoever triggers; ``told``: what its parts have said."""

    def __init__(self, url: str, folder: Path, environment: Mapping[str, str], told: Callable[[], str]) -> None:
        self.url, self.folder, self.told = url, folder, told
        self.environment = {**environment, "PREFECT_API_URL": url, "PREFECT_HOME": str(folder / "client")}

    def until(self, what: str, seen: Callable[[], Any], seconds: float = 400) -> Any:
        """Waits for something to be true, and gives it."""
        end = time.monotonic() + seconds
        while not (answer := seen()):
            assert time.monotonic() < end, f"after {seconds:g} s still not: {what}\n{self.told()}"
            time.sleep(1)
        return answer

    def trigger(self, deployment: str, *parameters: str) -> subprocess.CompletedProcess[str]:
        """`prefect deployment run`, as engineers type it."""
        argv = [sys.executable, "-m", "prefect", "deployment", "run", deployment, *(word for p in parameters for word in ("-p", p))]
        return subprocess.run(argv, cwd=self.folder, env=self.environment, capture_output=True, text=True, timeout=120, check=False)

    def ask(self, path: str, **question: Any) -> list[dict[str, Any]]:
        """Of the API; nothing while it does not answer."""
        try:
            answer = httpx.post(f"{self.url}/{path}/filter", json=question, timeout=20, trust_env=False)
        except httpx.HTTPError:
            return []
        return answer.json() if answer.status_code == 200 else []

    def runs(self, tag: str) -> list[dict[str, Any]]:
        """Flow runs, newest first."""
        return [run for run in self.ask("flow_runs", sort="START_TIME_DESC") if tag in run["tags"]]

    def state(self, tag: str) -> str:
        """The newest run's state by name; empty where there is none."""
        found = self.runs(tag)
        return found[0]["state"]["name"] if found else ""

    def has_deployment(self, name: str) -> bool:
        """Whether flows of this zone can be triggered."""
        try:
            return httpx.get(f"{self.url}/deployments/name/{name}", timeout=20, trust_env=False).status_code == 200
        except httpx.HTTPError:
            return False


class Accounts:
    """The journal as accounts on the command line see it."""

    def __init__(self, session: Session) -> None:
        self.session = session

    def row(self, system: str) -> Any:
        """The system's last migration; None before the first."""
        rows = self.session.journal.migrations(system=system)
        return rows[-1] if rows else None

    def gate(self, system: str, gate: str) -> Any:
        """The gate where it is open."""
        row = self.row(system)
        gates = self.session.decisions.gates(row.id) if row is not None else []
        return next((g for g in gates if g.gate == gate and g.state == "open"), None)

    def decide(self, system: str, gate: str, actor: Any, *, approve: bool = True) -> bool:
        """What `orchestrator approve` and `accept` do. Whether it counts."""
        digest = self.session.journal.migration(self.row(system).id).plan_digest
        reason = "the story's decision"
        return self.session.decide(self.row(system).id, gate, approve=approve, digest=digest, reason=reason, actor=actor).counts

    def engine(self, system: str) -> Any:
        """The lease of the engine that works on it on this machine; None where there is none."""
        lease = self.session.journal.lease_holder(self.row(system).id)
        return lease if lease.pid and start_time(lease.pid) == lease.started else None
