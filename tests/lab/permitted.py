"""Whether this machine can hold a lab. The one judgement: tests are skipped by it, and so is the lane of `.ci/run`.

It tries what a lab needs by the machine's own programs, not by the lab's code: a fault of the lab's own must stay a failure.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

from tests.lab import groups
from tests.lab.base import HOME, base_root
from tests.lab.shell import LabError, NoLab, missing_programs, run

GB = 1_000_000_000
DISK, MEMORY = 6 * GB, 3 * GB
"""The base root, two labs of seven hosts at a time, and their servers."""


def why_not() -> str:
    """Why this machine cannot hold a lab; empty when it can. Makes no root and leaves nothing behind."""
    if sys.platform != "linux" or not Path("/etc/debian_version").exists():
        return "the lab needs Debian"
    if os.geteuid() != 0:
        return "the lab needs root: it boots hosts"
    lacking = missing_programs()
    if lacking:
        return f"the lab needs {', '.join(lacking)}: apt-get install mmdebstrap systemd-container iproute2 openssh-client"
    return next(_find_lacking(), "") or _find_forbidden()


def why_not_boot() -> str:
    """The same with a base root, made now where there is none, and a program started in it."""
    obstacle = why_not()
    if obstacle:
        return obstacle
    try:
        base = base_root()
    except NoLab as error:
        return str(error)
    try:
        run(
            [
                "systemd-nspawn",
                "--quiet",
                "--register=no",
                "--keep-unit",
                "--volatile=overlay",
                "--private-network",
                f"--directory={base}",
                "true",
            ]
        )
    except LabError as error:
        return f"the lab cannot be here: {error}"
    return ""


def _find_lacking() -> Iterator[str]:
    HOME.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(HOME).free
    if free < DISK:
        yield f"the lab needs {DISK / GB:g} GB at {HOME}, {free / GB:.1f} GB are free (LAB_HOME names another place)"
    with Path("/proc/meminfo").open() as file:
        available = next((int(line.split()[1]) * 1024 for line in file if line.startswith("MemAvailable:")), MEMORY)
    if available < MEMORY:
        yield f"the lab needs {MEMORY / GB:g} GB of memory, {available / GB:.1f} GB are free"


def _find_forbidden() -> str:
    """What this machine's root may not do: in many a container it can neither mount, nor make networks, nor groups of processes."""
    name = f"lab-probe-{os.getpid()}"
    with tempfile.TemporaryDirectory(dir=HOME, prefix="probe-") as folder, ExitStack() as undone:
        for part in ("lower", "upper", "work", "root"):
            Path(folder, part).mkdir()
        layers = f"lowerdir={folder}/lower,upperdir={folder}/upper,workdir={folder}/work"
        inside = ["ip", "netns", "exec", name]
        tries: tuple[tuple[list[str], list[str]], ...] = (
            (["mount", "-t", "overlay", "overlay", "-o", layers, f"{folder}/root"], ["umount", f"{folder}/root"]),
            (["ip", "netns", "add", name], ["ip", "netns", "delete", name]),
            ([*inside, "sysctl", "-qw", "net.ipv4.ip_forward=1"], []),
            ([*inside, "ip", "link", "add", "switch", "type", "bridge"], []),
            ([*inside, "ip", "link", "add", "port", "type", "veth", "peer", "name", "far"], []),
            ([*inside, "tc", "qdisc", "replace", "dev", "port", "root", "tbf", "rate", "4mbit", "burst", "32k", "latency", "400ms"], []),
        )
        for act, undo in tries:
            try:
                run(act)
            except LabError as error:
                return f"the lab cannot be here: {error}"
            if undo:
                undone.callback(run, undo)
    try:
        groups.make(name, "probe")
    except OSError as error:
        return f"the lab cannot be here: {error}"
    groups.remove(name)
    return ""
