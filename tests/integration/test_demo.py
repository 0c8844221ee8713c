"""The demo as a user runs it: its JSON is a contract, and a planted fault is never called ok."""

import datetime as dt
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import psutil
import pytest

from orchestrator.engine.session import Session
from orchestrator.journal.actors import Actor
from orchestrator.journal.states import Ending, MigrationState
from orchestrator.journal.store import Journal
from orchestrator.models import Plan
from orchestrator.planning.calendar import local
from orchestrator.planning.programme import Standing, load_programme
from orchestrator.planning.verify import verify
from orchestrator.settings import Settings

pytestmark = [pytest.mark.demo, pytest.mark.servers, pytest.mark.timeout(400)]
CHECKOUT = Path(__file__).resolve().parents[2]
PORTAL, REGISTER, WEATHER = "citizen-portal", "property-register", "weather-bulletin"


def demo(folder: Path, *more: str) -> tuple[int, dict[str, Any], str]:
    """Exit code, the JSON, what was printed. The city stands in a folder of this test."""
    file = folder / "happened.json"
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("ORCHESTRATOR_", "PREFECT_")) or name == "ORCHESTRATOR_TOOLS"
    }
    argv = [sys.executable, "-m", "orchestrator.cli.main", "demo", "--folder", str(folder / "city"), "--json", str(file), *more]
    ran = subprocess.run(
        argv,
        cwd=folder,
        env=environment | {"PYTHONPATH": str(CHECKOUT)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=380,
        check=False,
    )
    assert file.exists(), ran.stdout[-3000:]
    return ran.returncode, json.loads(file.read_text("utf-8")), ran.stdout


def left_of(folder: Path) -> list[str]:
    """Processes that still know this folder: by argument, working folder or environment."""
    found = []
    for process in psutil.process_iter():
        try:
            told = [*process.cmdline(), process.cwd(), process.environ().get("PREFECT_HOME", "")]
        except psutil.Error:
            continue
        if process.pid != os.getpid() and any(str(folder) in part for part in told):
            found.append(" ".join(told[:4]))
    return found


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> tuple[int, dict[str, Any], str, Path]:
    folder = tmp_path_factory.mktemp("demo")
    return *demo(folder, "--only", PORTAL), folder


def test_it_is_ok_and_says_so_with_its_exit_code(ran):
    code, happened, printed, _ = ran
    assert happened["details"] == [], printed[-3000:]
    assert (code, happened["ok"], happened["faults"]) == (0, True, []), printed[-3000:]
    assert happened["seconds"] > 0


def test_the_json_keeps_its_contract(ran):
    happened = ran[1]
    (system,) = happened["systems"]
    assert (system["id"], system["department"], system["strategy"], system["ending"]) == (
        PORTAL,
        "administrative-service",
        "cloud_deployment",
        "accepted",
    )
    (cut,) = system["cutovers"]
    assert cut["direction"] == "forward"
    assert 0 < cut["longest_gap_ms"] < 1000
    assert cut["requests"] > 50
    assert (cut["failed_requests"], cut["budget_ms"], cut["window"]) == (0, 1000, True)
    assert system["writes"]["acknowledged"] > 500
    assert (system["writes"]["lost"], system["writes"]["duplicated"]) == (0, 0)
    assert system["comparison"]["tables"] >= 3
    assert system["comparison"]["rows"] > 20_000
    assert system["comparison"]["equal"] is True
    assert system["terraform"]["applies"] >= 1
    assert system["terraform"]["resources"] >= 2
    assert system["ansible"]["runs"] >= 1
    for phase in happened["phases"]:
        assert set(phase) >= {"id", "in_scope", "needed", "accepted", "met"}
        assert phase["met"] == (phase["accepted"] >= phase["needed"])
    assert happened["phases"][0]["accepted"] == 1
    assert happened["audit"]["broken"] == []
    assert happened["audit"]["events"] > 50


def test_classified_systems_are_counted_and_not_told(ran):
    assert ran[1]["excluded"]
    assert all(set(entry) == {"department", "reason"} for entry in ran[1]["excluded"])


def test_the_report_is_one_file_that_needs_no_network(ran):
    report = Path(ran[1]["report"])
    text = report.read_text("utf-8")
    assert "市民办事门户" in text
    assert 'src="http' not in text
    assert "<link" not in text


def test_prefect_ran_it_one_flow_a_migration_one_task_a_step(ran):
    import sqlite3

    with sqlite3.connect(next(ran[3].rglob("prefect.db"))) as kept:
        flows = kept.execute("SELECT name, state_type FROM flow_run").fetchall()
        tasks = kept.execute("SELECT count(DISTINCT name) FROM task_run WHERE state_type = 'COMPLETED'").fetchone()[0]
    assert {name for name, _ in flows} == {f"{PORTAL}-1"}
    assert {state for _, state in flows} == {"COMPLETED"}
    assert tasks >= 20


def test_nothing_is_left_running_and_no_password_was_printed(ran):
    _, _, printed, folder = ran
    assert left_of(folder) == []
    for secret in (folder / "city" / "secrets").iterdir():
        assert secret.read_text("utf-8").strip() not in printed


def test_a_replan_after_real_migrations_keeps_what_is_done_and_verifies(ran):
    """The journal of the run, read by ``plan --replan`` as an operator would: the portal stands at its day, the rest is planned anew."""
    folder = ran[3]
    city = folder / "city"
    settings = Settings(inventory=city / "inventory", state=city / "demo" / "state")
    today = local(dt.datetime.now(dt.UTC), load_programme(city / "inventory" / "program.yaml")).date()  # the city's, not this machine's
    as_of = today + dt.timedelta(days=1)
    former = replan(settings, folder / "first.json", as_of)
    assert {e.system: e.state for e in former.entries if e.state != "planned"} == {PORTAL: "done"}
    done = next(e for e in former.entries if e.system == PORTAL)
    assert done.window_start.date() in {today, today - dt.timedelta(days=1)}
    journal = Journal(settings.journal_url)
    assert {note.system for note in former.notes if note.code == "live-violation"} == set()
    run = journal.migrations()[-1]
    for system, ended in ((REGISTER, False), (WEATHER, True)):  # beside the real ones: one under way, one whose last migration went back
        ident = journal.start_migration(
            system=system, strategy=run.strategy, runbook=run.runbook, plan_digest=run.plan_digest, requested_by="os:lin", steps=[]
        )
        if ended:
            lease = journal.acquire(ident, holder="os:lin")
            journal.set_migration(lease, state=MigrationState.UNDOING)
            journal.set_migration(lease, state=MigrationState.ENDED, ending=Ending.ROLLED_BACK_BEFORE)
            journal.release(lease)
    again = replan(settings, folder / "second.json", as_of)
    states = {e.system: e.state for e in again.entries}
    assert (states[PORTAL], states[REGISTER], states[WEATHER]) == ("done", "under_way", "planned")
    session = Session(settings, Actor("os", "lin"))
    where = {row.system for row in journal.migrations()}
    standing = [
        Standing(system=e.system, state=e.state, cutover=e.window_start.date())
        for e in again.entries
        if e.system in where and e.state != "planned"
    ]
    present = session.programme.model_copy(update={"as_of": as_of, "under_way": tuple(standing)})
    assert [str(f) for f in verify(again, session.inventory, session.verdicts, present, former=former)] == []


def replan(settings: Settings, out: Path, as_of: dt.date) -> Plan:
    """What ``orchestrator plan --replan`` writes."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("ORCHESTRATOR_", "PREFECT_"))}
    environment |= {
        "PYTHONPATH": str(CHECKOUT),
        "ORCHESTRATOR_INVENTORY": str(settings.inventory),
        "ORCHESTRATOR_STATE": str(settings.state),
    }
    argv = [sys.executable, "-m", "orchestrator.cli.main", "plan", "--replan", "--as-of", as_of.isoformat(), "--out", str(out)]
    done = subprocess.run(argv, cwd=out.parent, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return Plan.model_validate_json(out.read_text("utf-8"))


def test_a_planted_fault_is_named_and_never_ok(tmp_path):
    """One of them: that each is found by its name is the judge's (``test_judge.py``)."""
    fault = "lost-write"
    code, happened, printed = demo(tmp_path, "--direct", "--sabotage", fault)
    assert happened["planted"], printed[-3000:]
    assert (code, happened["ok"]) == (4, False)
    assert fault in happened["faults"]
    assert any(fault in line for line in happened["details"])
    assert happened["systems"][0]["ending"] != "accepted"
    assert left_of(tmp_path) == []
