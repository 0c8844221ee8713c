"""`orchestrator deploy` on a real Prefect server: what an office counts on is planned there, not only declared."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

pytestmark = pytest.mark.servers
CHECKOUT = Path(__file__).resolve().parents[2]


def test_the_report_of_the_next_mornings_is_planned(tmp_path: Path) -> None:
    shutil.copytree(CHECKOUT / "inventories/demo", tmp_path / "inventory")
    (tmp_path / "orchestrator.toml").write_text('inventory = "inventory"\nterraform_module = "existing"\nreport_hour = 6\nstate = "state"\n', "utf-8")
    environment = {name: value for name, value in os.environ.items() if name != "PREFECT_API_URL"} | {"PYTHONPATH": str(CHECKOUT)}
    argv = [sys.executable, "-m", "orchestrator.cli.main", "deploy"]
    try:
        done = subprocess.run(argv, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=280, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        server = json.loads((tmp_path / "state/prefect/server.json").read_text("utf-8"))
        until = time.monotonic() + 120
        planned: list[str] = []
        while not planned:
            assert time.monotonic() < until, "Prefect plans no report: " + (tmp_path / "state/prefect/server.log").read_text("utf-8")[-2000:]
            time.sleep(0.5)
            runs = httpx.post(f"{server['url']}/flow_runs/filter", json={}, timeout=20, trust_env=False).json()
            planned = [run["expected_start_time"] for run in runs if run["state_type"] == "SCHEDULED"]
        assert {moment[11:13] for moment in planned} == {"22"}, "six in the morning at the programme's place, in UTC"
    finally:
        for file in (tmp_path / "state/prefect").glob("server.json"):
            os.kill(json.loads(file.read_text("utf-8"))["pid"], signal.SIGKILL)
