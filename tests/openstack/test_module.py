"""The module's own tests, by Terraform itself with the real provider: mocked as the contract has them, and against a real OpenStack."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from orchestrator.tools import programs
from tests.lab.shell import run
from tests.openstack.stage import MODULE

pytestmark = [pytest.mark.openstack, pytest.mark.timeout(600, func_only=True)]
DRIVER = "fake"
HERE = Path(__file__).resolve().parent


@pytest.mark.usefixtures("cloud")
@pytest.mark.parametrize("own", ["contract.tftest.hcl", "cloud.tftest.hcl"])
def test_terraforms_own_tests_of_the_module(tmp_path: Path, own: str) -> None:
    folder = tmp_path / "openstack"
    shutil.copytree(MODULE, folder, ignore=shutil.ignore_patterns(".terraform*"))
    if own == "cloud.tftest.hcl":
        shutil.rmtree(folder / "tests")
        (folder / "tests").mkdir()
        shutil.copy(HERE / own, folder / "tests" / own)
    terraform = str(programs.find("terraform"))
    run([terraform, f"-chdir={folder}", "init", "-backend=false", "-no-color"], limit=120)
    said = run([terraform, f"-chdir={folder}", "test", "-no-color"], limit=400)
    assert " passed, 0 failed" in said
