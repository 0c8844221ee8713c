"""One story of an office with Prefect: a wave triggered there, decided by accounts on the command line, rolled back from there.

A real server, a real worker, the embedded city. In its course the worker's engine is killed, and Prefect's database deleted.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from orchestrator.embedded.city import City
from orchestrator.engine.session import Session
from orchestrator.journal.actors import simulated
from orchestrator.settings import Settings
from tests.support.browser import CHROMIUM, Browser
from tests.support.office import Accounts, Prefect

pytestmark = [pytest.mark.servers, pytest.mark.office, pytest.mark.timeout(1500)]
CHECKOUT = Path(__file__).resolve().parents[2]
PORTAL, WEATHER = "citizen-portal", "weather-bulletin"
LI, WANG = simulated("li"), simulated("wang")


class Office(Prefect, Accounts):
    """`orchestrator serve` in a folder of its own."""

    def __init__(self, folder: Path, city: City, port: int) -> None:
        environment = os.environ | city.settings_environment() | {"ORCHESTRATOR_STATE": str(folder / "state"), "PYTHONPATH": str(CHECKOUT)}
        environment.pop("PREFECT_API_URL", None)
        Prefect.__init__(self, f"http://127.0.0.1:{port}/api", folder, environment, self._said)
        Accounts.__init__(self, Session(Settings(state=folder / "state", **city.settings()), LI))
        self.log = folder / "serve.log"
        with self.log.open("wb") as log:
            argv = [sys.executable, "-m", "orchestrator.cli.main", "serve", "--port", str(port)]
            self.process = subprocess.Popen(argv, cwd=folder, env=environment, stdout=log, stderr=log, start_new_session=True)

    def _said(self) -> str:
        worker = self.folder / "state/prefect/worker-city.log"
        return "\n".join(file.read_text("utf-8", "replace")[-3000:] for file in (self.log, worker) if file.exists())


@pytest.fixture
def office(city: City, tmp_path: Path, find_port: Callable[[str], int]) -> Iterator[Office]:
    for name in ("archives", "culture", "human-resources", "natural-resources", "shayang-county"):  # two systems are a wave
        file = city.folder / "inventory" / f"{name}.yaml"
        file.unlink()
    office = Office(tmp_path, city, find_port("127.0.0.1"))
    try:
        yield office
    finally:
        office.process.send_signal(signal.SIGTERM)
        office.process.wait(90)


def test_a_wave_is_triggered_in_prefect_decided_on_the_command_line_and_rolled_back_from_prefect(office: Office) -> None:
    session = office.session
    plan = session.plan
    session.journal.save_plan(plan.digest, plan.model_dump_json(), actor=str(LI))
    session.decisions.approve_plan(plan.digest, actor=WANG)
    wave = next(entry.wave for entry in plan.entries if entry.system == PORTAL)
    office.until("the office is open", lambda: "prefect deployment run" in office.log.read_text("utf-8"))

    assert office.trigger("migrate-system/city", "system=../etc").returncode != 0, "parameters are checked before anything runs"
    triggered = office.trigger("migrate-wave/city", f"wave={wave}")
    assert triggered.returncode == 0, triggered.stderr

    # the worker's engine of one system dies in the middle: Crashed, then started again, the same run and the same migration
    engine = office.until("an engine moves the weather bulletin", lambda: office.row(WEATHER) is not None and office.engine(WEATHER))
    os.kill(engine.pid, signal.SIGKILL)
    waits = office.until("both wait for acceptance", lambda: [office.gate(s, "initial_acceptance") for s in (PORTAL, WEATHER)].count(None) == 0)
    assert waits
    for system in (PORTAL, WEATHER):
        office.until(f"{system} is suspended", lambda system=system: office.state(f"system:{system}") == "Suspended")
        assert len(office.runs(f"system:{system}")) == 1
        assert "another account runs `orchestrator accept" in office.runs(f"system:{system}")[0]["state"]["message"]
    run = office.runs(f"system:{WEATHER}")[0]
    assert (run["run_count"], run["name"]) == (2, "weather-bulletin-1")
    names = {state["name"] for state in httpx.get(f"{office.url}/flow_run_states/?flow_run_id={run['id']}", trust_env=False).json()}
    assert "Crashed" in names
    watch_pages(office)

    # nobody known triggered it: the first account stands behind it, another one decides; then it goes on by itself
    assert office.decide(PORTAL, "initial_acceptance", LI) is False
    assert session.journal.migration(office.row(PORTAL).id).requested_by == str(LI)
    assert office.decide(PORTAL, "initial_acceptance", WANG) is True
    office.until("it waits for the approval", lambda: office.gate(PORTAL, "approve_cutover"))
    assert office.decide(PORTAL, "approve_cutover", WANG) is True
    office.until("it is live on the cloud", lambda: office.row(PORTAL).live == "target")

    # back to the source, from Prefect
    back = office.trigger("rollback-system/city", f"system={PORTAL}", "reason=the story goes back")
    assert back.returncode == 0, back.stderr
    office.until("it is back", lambda: office.row(PORTAL).state == "ended")
    row = office.row(PORTAL)
    assert (row.ending, row.live) == ("rolled_back_after_cutover", "source")
    assert session.journal.verify() == []

    def over() -> bool:
        return all(run["state"]["type"] in ("FAILED", "COMPLETED") for run in office.runs(f"migration:{row.id}"))

    office.until("both runs of it are over", over)

    # pages: what people read holds no telephone and no secret
    pages = office.ask("artifacts", limit=200)
    text = json.dumps(pages, ensure_ascii=False)
    assert {"markdown", "progress"} <= {page["type"] for page in pages}
    assert "orchestrator accept citizen-portal --digest" in text
    for system in session.inventory.systems:
        assert not system.phone or system.phone not in text
        assert all(not d.admin_secret or d.admin_secret not in text for d in system.databases)

    # Prefect's database is deleted in the middle: made again from the journal, and what waited there is woken by the decision
    prefect = office.folder / "state/prefect"
    os.kill(json.loads((prefect / "server.json").read_text())["pid"], signal.SIGKILL)
    for file in prefect.glob("prefect.db*"):
        file.unlink()
    office.until("the weather bulletin is shown again", lambda: office.state(f"migration:{office.row(WEATHER).id}") == "Suspended")
    assert office.state(f"migration:{row.id}") == "Rolled back after cutover (nothing lost)"
    assert office.decide(WEATHER, "initial_acceptance", WANG, approve=False) is True
    office.until("it is undone", lambda: office.row(WEATHER).state == "ended")
    assert office.row(WEATHER).ending == "rolled_back_before_cutover"
    office.until("and Prefect says so", lambda: office.state(f"migration:{office.row(WEATHER).id}") == "Rolled back before cutover")


def watch_pages(office: Office) -> None:
    """As an engineer watches them: in a browser. ``OFFICE_PICTURES=folder`` keeps pictures."""
    if CHROMIUM is None:
        return  # said by the tests of the report, which need it too
    browser, pages = Browser(office.folder), office.url.removesuffix("/api")
    run = office.runs(f"system:{PORTAL}")[0]
    shown = browser.read(f"{pages}/runs/flow-run/{run['id']}")
    assert run["name"] in shown and "Suspended" in shown, shown
    told = "orchestrator accept citizen-portal --digest"
    page = next(page for page in office.ask("artifacts", limit=200) if page["type"] == "markdown" and told in str(page["data"]))
    assert told in browser.read(f"{pages}/artifacts/artifact/{page['id']}")
    listed = browser.read(f"{pages}/deployments")
    assert all(name in listed for name in ("migrate-wave", "rollback-system", "plan-programme")), listed
    if folder := os.environ.get("OFFICE_PICTURES"):
        browser.picture(f"{pages}/runs/flow-run/{run['id']}", Path(folder).resolve() / "run.png")
        browser.picture(f"{pages}/artifacts/artifact/{page['id']}", Path(folder).resolve() / "run-page.png")
        browser.picture(f"{pages}/runs", Path(folder).resolve() / "runs.png")
        browser.picture(f"{pages}/deployments", Path(folder).resolve() / "deployments.png")
