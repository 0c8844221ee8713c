"""A machine as Debian leaves it, with what README asks for and nothing else: the checkout is cloned and `make demo` typed, as root."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator.settings import HOME
from tests.lab.base import make_root
from tests.lab.permitted import why_not
from tests.lab.shell import NoLab, run

pytestmark = [pytest.mark.lab, pytest.mark.timeout(1800)]
MINUTES = 3

PACKAGES = ("python3", "python3-venv", "make", "git", "ca-certificates")
OF_THE_NETWORK = ("etc/resolv.conf", "etc/pip.conf", "etc/ssl/certs/ca-certificates.crt", "etc/apt/sources.list", "etc/apt/sources.list.d", "etc/apt/apt.conf.d")
"""How this machine comes to Debian's archive and to Python's packages: no part of what is tried."""
BEGINNINGS = ("PIP_", "http", "HTTP", "no_proxy", "NO_PROXY", "SSL_CERT")


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Path]:
    """Its root folder, over a base that is made once; the checkout lies in root's home, which nobody else may enter."""
    if obstacle := why_not():
        pytest.skip(obstacle)
    try:
        base = make_root("fresh", PACKAGES)
    except NoLab as error:
        pytest.skip(str(error))
    root = tmp_path / "root"
    run(["cp", "-a", str(base), str(root)], limit=300)
    for name in OF_THE_NETWORK:
        here, there = Path("/", name), root / name
        if here.is_dir():
            shutil.copytree(here, there, dirs_exist_ok=True)
        elif here.exists():
            there.parent.mkdir(parents=True, exist_ok=True)
            there.unlink(missing_ok=True)
            shutil.copy(here, there)
    run(["git", "clone", "--quiet", str(HOME), str(root / "root/city")], limit=120)
    if (fetched := inside(root, "/root", "python3 -m venv /tmp/try && /tmp/try/bin/pip -q download --no-deps -d /tmp/try tzdata; rc=$?; rm -rf /tmp/try; exit $rc")).returncode:
        pytest.skip(f"a machine of its own does not come to Python's packages here: {fetched.stderr[-300:]}")
    yield root
    run(["rm", "-rf", "--one-file-system", str(root)])


def inside(root: Path, folder: str, command: str) -> subprocess.CompletedProcess[str]:
    """A line of shell on the machine, with this machine's way to the archives and nothing else of it."""
    network = [f"--setenv={name}={value}" for name, value in os.environ.items() if name.startswith(BEGINNINGS) and name != "PIP_FIND_LINKS"]
    argv = ["systemd-nspawn", "--quiet", "--register=no", "--keep-unit", "--resolv-conf=off", f"--directory={root}", "--setenv=HOME=/root"]
    argv += ["--setenv=LANG=C.UTF-8", *network, f"--chdir={folder}", "sh", "-c", command]
    return subprocess.run(argv, capture_output=True, text=True, timeout=1500, check=False)


def test_the_demo_works_where_nothing_is_installed(machine: Path) -> None:
    assert (machine / "root").stat().st_mode & 0o777 == 0o700
    done = inside(machine, "/root/city", "make demo")
    assert done.returncode == 0, (done.stdout + done.stderr)[-3000:]
    told = json.loads((machine / "root/city/.city-demo.json").read_text("utf-8"))
    assert told["ok"] is True, told["problems"]
    written = [system["writes"] for system in told["systems"] if system["writes"]]
    assert sum(writes["acknowledged"] for writes in written) > 0
    assert [writes["lost"] for writes in written] == [0] * len(written)
