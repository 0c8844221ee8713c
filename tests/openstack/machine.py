"""Whether this machine can hold an OpenStack. ``python -m tests.openstack.machine`` prints why not, or nothing."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from tests.lab.base import HOME
from tests.lab.shell import LabError, run
from tests.openstack import parts
from tests.openstack.traces import PLACE

PROGRAMS = ("mmdebstrap", "ip", "nsenter", "unshare", "setpriv", "ssh-keygen")
MEMORY_GB, DISK_GB, PARTS_GB = 4, 6, 5


def why_not() -> str:
    """Why there can be no OpenStack here; empty: there can. What is missing is the machine's or the network's, no fault of the code."""
    if os.geteuid() != 0:
        return "needs root: an OpenStack is brought up in namespaces of its own"
    if not Path("/etc/debian_version").exists():
        return "needs Debian: the OpenStack is made of its packages"
    missing = [name for name in PROGRAMS if shutil.which(name) is None]
    if missing:
        return f"this machine lacks {', '.join(missing)}"
    return _why_too_small() or _why_no_namespaces() or _why_no_parts()


def _why_too_small() -> str:
    lines = Path("/proc/meminfo").read_text().splitlines()
    memory = next(line for line in lines if line.startswith("MemAvailable"))
    if int(memory.split()[1]) < MEMORY_GB * 2**20:
        return f"needs {MEMORY_GB} GB of free memory"
    if shutil.disk_usage(PLACE).free < DISK_GB * 2**30:
        return f"needs {DISK_GB} GB free in {PLACE}"
    HOME.mkdir(parents=True, exist_ok=True)
    if not parts.has_all_parts() and shutil.disk_usage(HOME).free < PARTS_GB * 2**30:
        return f"needs {PARTS_GB} GB free in {HOME} (LAB_HOME), where its parts are made"
    return ""


def _why_no_namespaces() -> str:
    """Some machines let not even root make namespaces, bridges or overlays: a container mostly."""
    script = (
        "mount --make-rprivate /; mount -t tmpfs none /mnt; "
        "mkdir /mnt/lower /mnt/upper /mnt/work /mnt/root; "
        "mount -t overlay none -o lowerdir=/mnt/lower,upperdir=/mnt/upper,workdir=/mnt/work /mnt/root; "
        "ip link add one type veth peer name other; ip link add bridge type bridge"
    )
    try:
        run(["unshare", "--mount", "--pid", "--fork", "--uts", "--ipc", "--net", "sh", "-ec", script], limit=30)
    except LabError as error:
        reason = str(error).rpartition("ended with ")[2]
        return f"this machine lets nobody make what an OpenStack stands in: {reason}"
    return ""


def _why_no_parts() -> str:
    """A part that is missing, and what it is made from is not reached."""
    if not parts.has_root() and not parts.is_reached(f"{parts.MIRROR}/dists/{parts.SUITE}/Release"):
        return f"the package root is not made yet, and Debian's archive {parts.MIRROR} is not reached"
    if not parts.has_provider() and not parts.uses_registry() and not parts.go_finds_provider():
        return (
            "Terraform's provider is not built yet: neither its registry nor, with Go, its module "
            f"{parts.PROVIDER_MODULE} is reached"
        )
    return ""


if __name__ == "__main__":
    print(why_not().replace("\n", " "))
