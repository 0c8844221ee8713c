"""A PostgreSQL server as its own host keeps it: which unit, and where its configuration is."""

from __future__ import annotations

import posixpath

from orchestrator.models import Database
from orchestrator.tools.ssh import SshConnection

KEPT = ("postgresql",)
"""Engines whose server we stop, copy cold and start again where nothing but its own files says how."""


def keeps(database: Database) -> bool:
    """Whether that can be done for this one."""
    return database.engine in KEPT


_UNIT = r"""
pid=$(head -n 1 -- "$1/postmaster.pid" 2>/dev/null)
[ -n "$pid" ] || for each in /proc/[0-9]*; do  # a MariaDB server stands in its data directory
    [ "$(readlink "$each/cwd")" = "$1" ] && case $(cat "$each/comm") in mariadbd|mysqld) pid=${each#/proc/};; esac
done 2>/dev/null
[ -n "$pid" ] || exit 0
sed -n 's#^.*/\([^/]*\.service\)$#\1#p' "/proc/$pid/cgroup" 2>/dev/null | head -n 1
"""
_CONFIGURATION = r"""
[ -d "$1" ] || exit 9
sed -n 's/.*config_file=\([^"]*\)".*/\1/p' "$1/postmaster.opts" 2>/dev/null | head -n 1
"""
"""Constants; the data directory comes as their argument."""


def find_unit(connection: SshConnection, data: str) -> str:
    """The unit that keeps the server of a data directory; empty when it does not run, or nothing but itself keeps it."""
    unit = connection.run(["sh", "-c", _UNIT, "unit-of", data], timeout=20).stdout.strip()
    return "" if unit in ("ssh.service", "sshd.service") else unit


def find_configuration(connection: SshConnection, data: str) -> str:
    """The folder of its configuration, also of a server that stands still: Debian keeps it apart from the data."""
    named = connection.run(["sh", "-c", _CONFIGURATION, "configuration-of", data], timeout=20, check=True).stdout.strip()
    return posixpath.dirname(named) if named.startswith("/") else data
