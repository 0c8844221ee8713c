"""Prefect's server is killed, or its database deleted, while a migration runs: it costs its pages and nothing else."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from orchestrator.tools.process_records import start_time

pytestmark = [pytest.mark.servers, pytest.mark.timeout(600)]
CHECKOUT = Path(__file__).resolve().parents[2]

MIGRATION = """
import json, sys, time
from pathlib import Path
from orchestrator.flows.migrate import followed
from orchestrator.settings import Settings
from orchestrator.steps.base import Effect, Observed, Step

state, go = Path(sys.argv[1]), Path(sys.argv[2])
said = []
def step(name):
    return Step(id=name, effect=Effect.READ_ONLY, run=lambda _: {}, observe=lambda _: Observed.DONE)
def slow():
    time.sleep(0.5)
    return {"slept": True}
with followed(Settings(state=state, inventory=state), "portal-1", "portal", lambda: said.append(time.time())) as prefect:
    prefect.invoke(step("preflight"), slow)
    print("first", flush=True)
    while not go.exists():
        time.sleep(0.05)
    began = time.time()
    done = [prefect.invoke(step("trial_run"), slow) for _ in range(40)]
    over = time.time()
print(json.dumps({"steps": len(done), "seconds": over - began, "said": [at - began for at in said], "left": time.time() - over}), flush=True)
"""


def server_of(state: Path) -> dict:
    file = state / "prefect" / "server.json"
    until = time.monotonic() + 60
    while not file.exists():
        assert time.monotonic() < until, "no Prefect server was started"
        time.sleep(0.1)
    return json.loads(file.read_text())


def task_runs(url: str) -> list[dict]:
    request = urllib.request.Request(  # noqa: S310 - our own server on loopback
        f"{url}/task_runs/filter", data=b"{}", headers={"Content-Type": "application/json"}, method="POST"
    )
    with urllib.request.urlopen(request, timeout=5) as answer:  # noqa: S310 - the same
        return json.loads(answer.read())


def begin(tmp_path: Path, go: Path) -> tuple[subprocess.Popen[str], dict]:
    """An engine whose first step Prefect shows, and its server."""
    state = tmp_path / "state"
    state.mkdir(exist_ok=True)
    engine = subprocess.Popen(
        [sys.executable, "-c", MIGRATION, str(state), str(go)],
        env=os.environ | {"PYTHONPATH": str(CHECKOUT)},
        stdout=subprocess.PIPE,
        text=True,
        cwd=tmp_path,
    )
    server = server_of(state)
    assert engine.stdout is not None
    assert engine.stdout.readline() == "first\n"
    return engine, server


def until_shown(state: Path) -> None:
    until = time.monotonic() + 400
    while True:
        assert time.monotonic() < until, "Prefect never showed the step"
        time.sleep(0.5)
        with contextlib.suppress(OSError):
            if task_runs(server_of(state)["url"]):
                return


def test_a_deleted_database_of_prefect_costs_its_pages_and_the_next_command_has_a_server_that_shows_again(tmp_path):
    """The server called itself healthy and failed at every question, to this run and to all later ones."""
    state = tmp_path / "state"
    engine, server = begin(tmp_path, tmp_path / "go")
    servers = [server]
    try:
        until_shown(state)
        for file in (state / "prefect").glob("prefect.db*"):
            file.unlink()
        (tmp_path / "go").touch()
        result = json.loads(engine.stdout.readline())
        assert engine.wait(120) == 0
        assert result["steps"] == 40
        assert len(result["said"]) <= 1
        assert result["left"] < 15
        engine, _ = begin(tmp_path, tmp_path / "go-again")
        until_shown(state)
        servers.append(server_of(state))
        assert servers[-1]["pid"] != server["pid"]
        assert start_time(server["pid"]) != server["started"], "the one without a database is ended"
    finally:
        engine.kill()
        engine.wait()
        for each in servers:
            with contextlib.suppress(ProcessLookupError):
                os.kill(each["pid"], signal.SIGKILL)
    print(f"\n  40 steps of 0.5 s took {result['seconds']:.1f} s; said {len(result['said'])} times; left after {result['left']:.1f} s")


def test_a_killed_prefect_server_costs_its_pages_and_nothing_else(tmp_path):
    state, go = tmp_path / "state", tmp_path / "go"
    state.mkdir()
    engine = subprocess.Popen(
        [sys.executable, "-c", MIGRATION, str(state), str(go)],
        env=os.environ | {"PYTHONPATH": str(CHECKOUT)},
        stdout=subprocess.PIPE,
        text=True,
        cwd=tmp_path,
    )
    server = server_of(state)
    try:
        assert engine.stdout is not None
        assert engine.stdout.readline() == "first\n"  # the step ran whether the server was up yet or not
        until = time.monotonic() + 400
        names: list[str] = []
        while not names:
            assert time.monotonic() < until, "Prefect never showed the step"
            time.sleep(0.5)
            try:
                names = [run["name"] for run in task_runs(server["url"])]
            except OSError:
                continue
        assert names == ["portal-1 preflight"]
        os.kill(server["pid"], signal.SIGKILL)
        go.touch()
        result = json.loads(engine.stdout.readline())
        assert engine.wait(120) == 0
    finally:
        engine.kill()
        engine.wait()
        with contextlib.suppress(ProcessLookupError):
            os.kill(server["pid"], signal.SIGKILL)
    assert result["steps"] == 40
    assert len(result["said"]) == 1, "said once, neither never nor at every step"
    assert result["said"][0] < result["seconds"], "while the steps were still running"
    assert result["left"] < 5, "the end of the run waits for no dead server"
    print(f"\n  40 steps of 0.5 s took {result['seconds']:.1f} s; said after {result['said'][0]:.1f} s")
