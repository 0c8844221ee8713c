"""A person's command on a system's servers, beside its migration: while that waits, and not while it is at work."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from orchestrator.engine.cloud_servers import work_alone
from orchestrator.engine.session import Session
from orchestrator.errors import LeaseHeld
from orchestrator.journal.actors import Actor
from orchestrator.settings import HOME, Settings

SYSTEM = "weather-bulletin"
HOLDER = """
import sys
from orchestrator.journal.store import Journal
Journal(sys.argv[1]).acquire(sys.argv[2], holder="os:li elsewhere")
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def session(tmp_path: Path) -> Session:
    shutil.copytree(HOME / "inventories" / "demo", tmp_path / "inventory")
    return Session(Settings(inventory=tmp_path / "inventory", state=tmp_path / "state"), Actor("os", "zhou"))


def begin(session: Session) -> str:
    return session.journal.start_migration(
        system=SYSTEM, strategy="cloud_deployment", runbook="cloud_deployment", plan_digest="d" * 64, requested_by="os:li",
        steps=[("provision", "reversible")],
    )  # fmt: skip


def test_without_a_migration_and_while_one_waits_a_person_may_work_on_its_servers(session: Session) -> None:
    with work_alone(session, SYSTEM):
        pass
    migration = begin(session)
    with work_alone(session, SYSTEM):
        assert session.journal.lease_holder(migration).holder.startswith("os:zhou")
    session.journal.release(session.journal.acquire(migration, holder="the next run"))


def test_while_a_run_is_at_work_nobody_else_does(session: Session) -> None:
    migration = begin(session)
    argv = [sys.executable, "-c", HOLDER, session.journal.url, migration]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        with pytest.raises(LeaseHeld, match="os:li elsewhere"), work_alone(session, SYSTEM):
            pass
        other.kill()
    with work_alone(session, SYSTEM):
        pass
