"""PostgreSQL and PgBouncer refuse to run as root; started as root, they run as an unprivileged user instead."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from orchestrator.errors import ToolMissing
from orchestrator.texts import say

UID = 65534
"""The account ``nobody``: it owns nothing else, and exists on every Linux."""
CAP_SETPCAP = 8
"""capabilities(7)."""


def prefix() -> list[str]:
    """What to put before the argv of such a program: empty when we are not root.

    The capability lets the process pass folders of mode 0700 above its data and its programs (a checkout under a home directory),
    and by the secure bit access(2) respects it too: initdb asks by that call whether it finds its programs. It owns its data
    folder all the same, because PostgreSQL checks the owner. Raises ToolMissing when we are root and setpriv is missing.
    """
    if os.geteuid() != 0:
        return []
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        raise ToolMissing(say("tools.setpriv_missing"), remedy=say("tools.install_util"))
    return [
        setpriv,
        f"--reuid={UID}",
        f"--regid={UID}",
        "--clear-groups",
        "--inh-caps=+dac_override",
        "--ambient-caps=+dac_override",
        *(["--securebits=+no_setuid_fixup"] if _may_set_secure_bits() else []),
        "--",
    ]


def _may_set_secure_bits() -> bool:
    """Whether we hold CAP_SETPCAP: a container may have taken it from root, and then setpriv would start nothing at all."""
    status = Path("/proc/self/status").read_text(encoding="ascii", errors="replace")
    effective = next((line.split()[1] for line in status.splitlines() if line.startswith("CapEff:")), "0")
    return bool(int(effective, 16) >> CAP_SETPCAP & 1)


def give(folder: Path) -> None:
    """Make the unprivileged user the owner of a folder and all that is in it; nothing happens when we are not root."""
    if os.geteuid() != 0:
        return
    os.chown(folder, UID, UID)
    for parent, folders, files in os.walk(folder):
        for name in (*folders, *files):
            os.chown(Path(parent) / name, UID, UID, follow_symlinks=False)
