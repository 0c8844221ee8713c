"""What a lab leaves on this machine while it stands, and must not leave behind: namespaces, mounts, processes, folders.

``python -m tests.openstack.traces`` prints them, one a line; nothing when there are none.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

PLACE = Path("/var/tmp")
MARK = "OPENSTACK_LAB"
"""Every process of a lab has it in its environment, with the lab's name."""


def folder_of(name: str) -> Path:
    """A lab's own folder."""
    return PLACE / f"osc-{name}"


def find_traces(name: str = "") -> list[str]:
    """Of one lab, or of all of them."""
    namespaces = [path for path in Path("/run/netns").glob("osc-*") if _is_of(path.name, name)]
    folders = [path for path in PLACE.glob("osc-*") if _is_of(path.name, name)]
    found = [f"network namespace {path.name}" for path in namespaces] + [f"folder {path}" for path in folders]
    for line in Path("/proc/mounts").read_text(encoding="utf-8").splitlines():
        place = line.split()[1]
        if any(place.startswith(f"{PLACE}/osc-{part}") for part in ([name] if name else [""])):
            found.append(f"mount {place}")
    return sorted(found + [f"process {pid}: {command}" for pid, command in _processes(name)])


def _is_of(label: str, name: str) -> bool:
    return not name or label == f"osc-{name}" or label.startswith(f"osc-{name}-")


def _processes(name: str) -> list[tuple[int, str]]:
    sign = f"{MARK}={name}".encode()
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            variables = (folder / "environ").read_bytes().split(b"\0")
            command = (folder / "cmdline").read_bytes().replace(b"\0", b" ")[:120]
        except OSError:
            continue  # it ended meanwhile
        if sign in variables or (not name and any(variable.startswith(sign) for variable in variables)):
            found.append((int(folder.name), command.decode(errors="replace").strip()))
    return found


def sweep() -> None:
    """Take away what a killed test run left: its labs are called by its process id, and that process is gone."""
    for namespace in Path("/run/netns").glob("osc-*"):
        if _is_orphan(namespace.name):
            subprocess.run(["ip", "netns", "delete", namespace.name], capture_output=True, check=False)
    for folder in PLACE.glob("osc-*"):
        if _is_orphan(folder.name):
            subprocess.run(["rm", "-rf", "--one-file-system", str(folder)], capture_output=True, check=False)


def _is_orphan(label: str) -> bool:
    owner = label.split("-")[1]
    return owner.isdigit() and not Path(f"/proc/{owner}").exists()


if __name__ == "__main__":
    print("\n".join(find_traces()))
