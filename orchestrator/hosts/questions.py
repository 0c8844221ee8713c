"""What a host is asked before anything begins: may we become the account that works, which programs are there, how much space.

One script and one round trip a host. It writes nothing; what is missing becomes a finding elsewhere (``steps.preflight_hosts``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from orchestrator.errors import OrchestratorError
from orchestrator.texts import Words, say
from orchestrator.tools.ssh import SshConnection

PROGRAMS = ("rsync", "sha256sum", "find", "getfacl", "getfattr", "flock", "systemctl", "python3", "setsid", "sed")
_SCRIPT = r"""
LC_ALL=C; export LC_ALL
programs=$1; python=$2; shift 2
for name in $programs; do command -v "$name" >/dev/null 2>&1 && echo "program $name"; done
"$python" -c 'import sys; print("python %d.%d" % sys.version_info[:2])' 2>/dev/null
[ -d /run/systemd/system ] && echo "systemd running"
for place; do
    here=$place
    while [ ! -e "$here" ] && [ "$here" != / ] && [ "$here" != . ]; do here=$(dirname -- "$here"); done
    if [ -w "$here" ]; then writable=yes; else writable=no; fi
    if [ -e "$place" ]; then exists=yes; else exists=no; fi
    free=$(df -Pk -- "$here" 2>/dev/null | awk 'NR == 2 { print $4 }')
    printf 'place %s %s %s\n' "$exists" "$writable" "${free:-unknown}"
done
"""
"""A constant; the places come as its arguments, and the answer names them by their order."""


@dataclass(frozen=True)
class Place:
    """A path on a host, and what holds it."""

    path: str
    exists: bool
    writable: bool
    """It, or the folder in which it would be made."""
    free_bytes: int | None


@dataclass(frozen=True)
class Answers:
    """``problem``: why the host could not be asked, with its remedy; the rest is empty then."""

    problem: Words = ""
    remedy: Words = ""
    programs: frozenset[str] = frozenset()
    python: tuple[int, int] | None = None
    systemd: bool = False
    places: tuple[Place, ...] = field(default_factory=tuple)


def ask(connection: SshConnection, places: Sequence[str] = (), *, python: str = "/usr/bin/python3") -> Answers:
    """The host's answers; a host that refuses to be worked on answers with that as its problem. Never raises for what a host does."""
    try:
        done = connection.run(["sh", "-c", _SCRIPT, "questions", " ".join(PROGRAMS), python, *places], timeout=60)
    except OrchestratorError as error:
        return Answers(error.says, error.mend)
    if done.code != 0 and connection.become and not done.stdout:
        said = done.stderr.strip()[-300:] or say("hosts.exit_code", code=done.code)
        remedy = say("hosts.let_become", become=connection.become)
        return Answers(say("hosts.may_not_become", become=connection.become, said=said), remedy)
    return _read(done.stdout, places)


def _read(text: str, places: Sequence[str]) -> Answers:
    programs: set[str] = set()
    python: tuple[int, int] | None = None
    systemd = False
    seen: list[Place] = []
    for line in text.splitlines():
        word, _, rest = line.partition(" ")
        if word == "program":
            programs.add(rest)
        elif word == "python":
            major, _, minor = rest.partition(".")
            python = (int(major), int(minor))
        elif word == "systemd":
            systemd = True
        elif word == "place" and len(seen) < len(places):
            exists, writable, free = rest.split()
            size = int(free) * 1024 if free.isdigit() else None
            seen.append(Place(places[len(seen)], exists == "yes", writable == "yes", size))
    return Answers(programs=frozenset(programs), python=python, systemd=systemd, places=tuple(seen))
