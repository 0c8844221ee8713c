"""A machine that cannot hold an OpenStack says why, in one line, and nothing is red for it. Every case belongs to a lane."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from orchestrator.settings import HOME
from tests.lab.shell import LabError, NoLab
from tests.openstack import parts

NO_RIGHTS = ("setpriv", "--bounding-set=-sys_admin", "--inh-caps=-sys_admin")
root_only = pytest.mark.skipif(os.geteuid() != 0, reason="only root can take rights away, or a network")


def why_not(folder: Path, *within: str, path: str = "") -> str:
    """What the module prints, run within another command; it must end well whatever it finds."""
    if within and subprocess.run([*within, "true"], capture_output=True, check=False).returncode != 0:
        pytest.skip(f"this machine does not permit {' '.join(within)}")
    environment = {**os.environ, "PYTHONPATH": str(HOME), "LAB_HOME": str(folder)}
    if path:
        environment["PATH"] = path
    argv = [*within, sys.executable, "-m", "tests.openstack.machine"]
    done = subprocess.run(argv, cwd=HOME, env=environment, capture_output=True, text=True, check=True, timeout=120)
    (line,) = done.stdout.splitlines()
    return line


@root_only
def test_who_is_not_root_is_told(tmp_path: Path) -> None:
    assert "needs root" in why_not(tmp_path, "unshare", "--user")


@root_only
def test_programs_that_are_missing_are_named(tmp_path: Path) -> None:
    assert "this machine lacks mmdebstrap, ip" in why_not(tmp_path, path=str(tmp_path))


@root_only
@pytest.mark.skipif(not Path("/usr/bin/mmdebstrap").exists(), reason="this machine lacks mmdebstrap, and that is said first")
def test_namespaces_that_are_not_permitted_are_said(tmp_path: Path) -> None:
    assert "lets nobody make what an OpenStack stands in" in why_not(tmp_path, *NO_RIGHTS)


@root_only
@pytest.mark.skipif(not Path("/usr/bin/mmdebstrap").exists(), reason="this machine lacks mmdebstrap, and that is said first")
def test_without_a_way_to_the_archive_and_without_parts_it_is_said(tmp_path: Path) -> None:
    told = why_not(tmp_path, "unshare", "--net")
    assert "is not reached" in told or "lets nobody make" in told or "needs" in told


def test_a_part_whose_sources_are_not_reached_is_the_networks_fault_and_any_other_is_ours() -> None:
    with pytest.raises(NoLab, match="was not reached"):
        parts.fetch(["sh", "-c", "echo 'E: Failed to fetch http://deb.debian.org/x' >&2; exit 100"], limit=10)
    with pytest.raises(NoLab, match="was not reached"):
        parts.fetch(["sh", "-c", "echo 'Get \"https://proxy\": dial tcp: lookup proxy: no such host' >&2; exit 1"], limit=10)
    with pytest.raises(NoLab, match="not done within"):
        parts.fetch(["sleep", "5"], limit=0.1)
    with pytest.raises(LabError) as error:
        parts.fetch(["sh", "-c", "echo 'dpkg: error processing package keystone' >&2; exit 100"], limit=10)
    assert not isinstance(error.value, NoLab)


def collect(*words: str) -> set[str]:
    """The cases that pytest would run. A lane that names none is an error, as it is when it is run."""
    argv = [sys.executable, "-m", "pytest", *words, "--collect-only"]
    done = subprocess.run(argv, cwd=HOME, env=os.environ | {"PYTHONPATH": str(HOME)}, capture_output=True, text=True, check=False, timeout=240)
    assert done.returncode == 0, done.stdout + done.stderr
    return {line for line in done.stdout.splitlines() if "::" in line}


def test_every_case_belongs_to_a_lane_and_every_lane_has_cases() -> None:
    """Markers that are left out by default are left out of a lane as well that does not name them."""
    makefile = (HOME / "Makefile").read_text(encoding="utf-8")
    lanes = {}
    for name, command in re.findall(r"^(test-openstack[a-z-]*):.*\n\t.*?-m pytest (.*)$", makefile, re.M):
        words = shlex.split(command.replace("$(ARGS)", "").replace("$(LAB_WORKERS)", "0"))
        lanes[name] = collect(*words)
    assert sorted(lanes) == ["test-openstack", "test-openstack-long", "test-openstack-short"]
    assert lanes["test-openstack"] | lanes["test-openstack-long"] == collect("tests/openstack", "-m", "openstack")
    assert lanes["test-openstack-short"] < lanes["test-openstack"]
