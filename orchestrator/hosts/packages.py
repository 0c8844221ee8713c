"""Which packages own what runs on a host, and whether another host has them: asked of each host's own package manager (dpkg, apt).

Where there is no dpkg, nothing is known and nothing is said: what the target lacks is then found by the rehearsal.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from orchestrator.tools.ssh import SshConnection

_OWNERS = r"""
command -v dpkg-query >/dev/null 2>&1 || exit 0
for path do
    for try in "$path" "${path#/usr}" "/usr$path" "$(readlink -f -- "$path")"; do
        owner=$(dpkg-query -S "$try" 2>/dev/null | grep -v '^diversion ' | head -n 1)
        [ -z "$owner" ] || { printf '%s\t%s\n' "${owner%%[,:]*}" "$path"; break; }
    done
done
"""
_STATES = r"""
command -v dpkg-query >/dev/null 2>&1 || exit 0
for name do
    state=$(dpkg-query -W -f '${db:Status-Abbrev}' "$name" 2>/dev/null) || state=un
    candidate=$(apt-cache policy "$name" 2>/dev/null | sed -n 's/^ *Candidate: //p' | head -n 1)
    printf '%s\t%s\t%s\n' "$name" "${state:-un}" "$candidate"
done
"""
"""Constants; paths and names come as their arguments."""
_EXECUTED = re.compile(r"path=(/\S+)")


@dataclass(frozen=True)
class Lacking:
    """A package that a host does not have. ``candidate``: the version that its archive offers; empty when none does."""

    package: str
    path: str
    """What of it is needed."""
    candidate: str


def find_programs(connection: SshConnection, units: Sequence[str]) -> list[str]:
    """What units start, and the units' own files where a package may have brought them."""
    if not units:
        return []
    argv = ["systemctl", "show", "--no-pager", "--property=ExecStart,FragmentPath", "--", *units]
    text = connection.run(argv, timeout=30, check=True).stdout
    found = _EXECUTED.findall(text) + re.findall(r"^FragmentPath=(/(?:usr/)?lib/\S+)$", text, re.MULTILINE)
    return list(dict.fromkeys(found))


def find_owners(connection: SshConnection, paths: Iterable[str]) -> dict[str, str]:
    """Package → the first of the paths that it owns. A path that belongs to none is left out."""
    wanted = list(paths)
    if not wanted:
        return {}
    lines = connection.run(["sh", "-c", _OWNERS, "owners", *wanted], timeout=120).stdout.splitlines()
    found: dict[str, str] = {}
    for line in lines:
        package, _, path = line.partition("\t")
        found.setdefault(package, path)
    return found


def find_lacking(connection: SshConnection, owners: dict[str, str]) -> list[Lacking]:
    """Those of the packages that a host does not have installed, with what its archive offers."""
    if not owners:
        return []
    lines = connection.run(["sh", "-c", _STATES, "states", *owners], timeout=120).stdout.splitlines()
    found = []
    for line in lines:
        package, state, candidate = [*line.split("\t"), "", ""][:3]
        if not state.startswith("ii"):
            found.append(Lacking(package, owners[package], "" if candidate in ("", "(none)") else candidate))
    return found
