"""The command line on a real OpenStack: what a wave lacks is said before anything begins. Fake compute driver."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator.settings import HOME
from tests.openstack.cloud import LabCloud

pytestmark = [pytest.mark.openstack, pytest.mark.timeout(600, func_only=True)]
DRIVER = "fake"
SYSTEM = "citizen-portal"


@pytest.fixture
def city(tmp_path: Path, cloud: LabCloud) -> Iterator[Path]:
    """The demo's inventory, and a cloud that is the lab's."""
    shutil.copytree(HOME / "inventories" / "demo", tmp_path / "inventory")
    configure(tmp_path)
    yield tmp_path
    cloud.clean()


def configure(folder: Path, **inputs: str) -> None:
    told = {"admin_cidrs": '["10.50.0.1/32"]', "client_cidrs": '["10.50.0.10/32"]', **inputs}
    (folder / "known_hosts").touch()
    lines = ['inventory = "inventory"', 'terraform_module = "openstack"', 'known_hosts = "known_hosts"', "[cloud.inputs]", *(f"{name} = {value}" for name, value in told.items())]
    (folder / "orchestrator.toml").write_text("\n".join(lines) + "\n", encoding="utf-8")


def call(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "-m", "orchestrator.cli.main", *words]
    environment = {**os.environ, "PYTHONPATH": str(HOME), "NO_COLOR": "1", "COLUMNS": "200"}
    return subprocess.run(argv, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=300)


def cloud_findings(folder: Path) -> list[str]:
    done = call(folder, "dry-run", "--system", SYSTEM, "--connect", "--json", "result.json")
    assert done.returncode in (0, 3), done.stderr
    result = json.loads((folder / "result.json").read_text(encoding="utf-8"))
    found = [*result["findings"], *(finding for system in result["systems"] for finding in system["findings"])]
    return [str(finding["message"]) for finding in found if str(finding["code"]).startswith("cloud")]


def test_a_dry_run_that_connects_asks_the_cloud_and_finds_what_is_missing(city: Path, cloud: LabCloud) -> None:
    assert cloud_findings(city) == []
    configure(city, key_pair='"nobodys"', image='"nobodys"', volume_type='"gold"')
    told = " | ".join(cloud_findings(city))
    for part in ("no key pair nobodys", "no image nobodys", "no volume type gold"):
        assert part in told
    assert [server.name for server in cloud.connect().compute.servers()] == []


def test_a_migration_that_the_cloud_has_no_room_for_is_not_begun(city: Path, cloud: LabCloud) -> None:
    admin, project = cloud.connect("admin", "admin"), cloud.connect().current_project_id
    admin.compute.put(f"/os-quota-sets/{project}", json={"quota_set": {"instances": 1}})
    try:
        done = call(city, "migrate", "--system", SYSTEM, "--direct")
    finally:
        admin.compute.put(f"/os-quota-sets/{project}", json={"quota_set": {"instances": 100}})
    assert done.returncode == 3, done.stderr
    assert "quota of instances: 2 needed, 1 left" in done.stdout + done.stderr
    assert list(cloud.connect().compute.servers()) == []
    assert "citizen-portal-1" not in call(city, "status").stdout
