"""`orchestrator dry-run --connect` on a city that runs: what its machines say is part of the answer, and nothing of them is changed."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import psycopg
import pytest

from orchestrator.embedded import hosts
from orchestrator.embedded.city import City

pytestmark = pytest.mark.servers
CHECKOUT = Path(__file__).resolve().parents[2]
SYSTEM, HOST = "citizen-portal", "portal-db"
WRITTEN_BY_ITSELF = ("var/log/", "var/lib/postgresql/", "var/lib/mysql", "run/", "tmp/")
"""What a host's own programs write all the time."""
WRITES = "SELECT sum(tup_inserted + tup_updated + tup_deleted), (SELECT count(*) FROM pg_roles), (SELECT count(*) FROM pg_replication_slots) FROM pg_stat_database"


def dry_run(city: City, folder: Path, known_hosts: str = "") -> tuple[int, list[dict[str, Any]]]:
    """Exit code and findings of the system. ``known_hosts``: what stands there instead of the city's."""
    environment = os.environ | city.settings_environment() | {"PYTHONPATH": str(CHECKOUT), "ORCHESTRATOR_STATE": str(folder / "state")}
    if known_hosts:
        (folder / "known_hosts").write_text(known_hosts, "utf-8")
        environment["ORCHESTRATOR_KNOWN_HOSTS"] = str(folder / "known_hosts")
    argv = [
        sys.executable,
        "-m",
        "orchestrator.cli.main",
        "dry-run",
        "--system",
        SYSTEM,
        "--connect",
        "--json",
        str(folder / "result.json"),
    ]
    done = subprocess.run(argv, cwd=folder, env=environment, capture_output=True, text=True, timeout=250, check=False)
    assert "Traceback" not in done.stderr, done.stderr
    result = json.loads((folder / "result.json").read_text("utf-8"))
    return done.returncode, [*result["findings"], *(finding for system in result["systems"] for finding in system["findings"])]


def files_of(city: City) -> dict[str, str]:
    """Every file of every host by its path, with a digest."""
    found = {}
    for file in sorted((city.folder / "hosts").rglob("*")):
        name = str(file.relative_to(city.folder / "hosts"))
        if file.is_file() and not file.is_symlink() and not any(part in name for part in WRITTEN_BY_ITSELF):
            found[name] = hashlib.sha256(file.read_bytes()).hexdigest()
    return found


def rows_of(city: City) -> Any:
    """How many rows were ever written on the system's database server, its roles and slots."""
    with psycopg.connect(city.source_database(SYSTEM).dsn(), autocommit=True) as connection:
        connection.execute("SELECT pg_stat_force_next_flush()")
        return connection.execute(WRITES).fetchone()


def test_a_system_in_order_passes_and_nothing_of_its_machines_is_changed(city: City, tmp_path: Path) -> None:
    before = files_of(city), rows_of(city)
    code, findings = dry_run(city, tmp_path)
    assert [finding for finding in findings if finding["severity"] == "error"] == []
    assert code == 0
    assert (files_of(city), rows_of(city)) == before


def test_a_changed_host_key_is_found_with_its_host_and_what_to_type(city: City, tmp_path: Path) -> None:
    known = Path(city.settings()["known_hosts"]).read_text("utf-8").splitlines()
    address, port = hosts.address_of(city.folder, HOST)
    other = next(line.split(" ", 1)[1] for line in known if not line.startswith(f"[{address}]"))
    changed = [f"[{address}]:{port} {other}" if line.startswith(f"[{address}]:{port} ") else line for line in known]
    code, findings = dry_run(city, tmp_path, "\n".join(changed) + "\n")
    assert code == 3
    found = [finding for finding in findings if finding["code"] == "host-unusable"]
    assert [finding["system"] for finding in found] == [SYSTEM]
    assert found[0]["message"].startswith(HOST) and "another key than the one we know" in found[0]["message"]
    assert f"orchestrator hosts trust {HOST}" in found[0]["remedy"]
