"""Which systems a database server on the cloud serves: it is placed by the first of them, and goes with the last.

Kept on the host itself, beside the server's data, so that whoever asks, from whichever controller, is told the same.
"""

from __future__ import annotations

from collections.abc import Mapping

from orchestrator.tools.ssh import SshConnection

_SCRIPT = """
while :; do  # whoever leaves last takes the folder away
    mkdir -p -m 0700 "$1.tenants" && exec 9<"$1.tenants" && flock -w 30 9 || exit 1
    [ /proc/self/fd/9 -ef "$1.tenants" ] && break
done
cd "$1.tenants" || exit 1
for name in *; do
    [ "$name" = "$2" ] || ! [ -f "$name" ] || printf '%s\\t%s\\n' "$name" "$(cat -- "$name")"
done
"""
_JOIN = """
for name in *; do
    [ "$name" = "$2" ] || ! [ -f "$name" ] || { [ -z "$4" ] && [ "$(cat -- "$name")" = "$3" ]; } || exit 0
done
printf %s "$3" >"./$2"
"""
_LEAVE = 'rm -f -- "./$2"; cd / && rmdir -- "$1.tenants" 2>/dev/null || :'


def join(connection: SshConnection, data: str, system: str, terms: str, *, alone: bool = False) -> dict[str, str]:
    """This system is one of those that the server with this data directory serves. Returns the others that keep it from that, each
    with its terms, and writes nothing then: those of other terms; all where each system must have a server ``alone``. Again is the same."""
    others = _ask(connection, _SCRIPT + _JOIN, data, system, terms, "alone" if alone else "")
    return {name: there for name, there in others.items() if alone or there != terms}


def leave(connection: SshConnection, data: str, system: str) -> list[str]:
    """It is none of them any more. Returns those that are left, sorted: while there is one, the server stays."""
    return sorted(_ask(connection, _SCRIPT + _LEAVE, data, system))


def is_in(connection: SshConnection, data: str, system: str) -> bool:
    """Whether it is one of them."""
    return connection.run(["test", "-f", f"{data}.tenants/{system}"], timeout=30).code == 0


def _ask(connection: SshConnection, script: str, *values: str) -> Mapping[str, str]:
    """Raises ToolError when the host refuses."""
    said = connection.run(["sh", "-c", script, "tenants", *values], timeout=60, check=True).stdout
    return dict(line.partition("\t")[::2] for line in said.splitlines())
