"""What must be asked on a host itself: the controller's own paths and programs say nothing about it."""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.errors import ToolError
from orchestrator.texts import say
from orchestrator.tools.ssh import SshConnection

_POSTGRESQL_BIN = """
found=$(ls -d /usr/lib/postgresql/*/bin /usr/pgsql-*/bin 2>/dev/null | sort -V | tail -n 1)
[ -x "$found/initdb" ] || found=$(dirname -- "$(command -v initdb || echo /none/initdb)")
[ -x "$found/initdb" ] && printf '%s' "$found"
"""
_MARIADB = """
server=$(command -v mariadbd || ls /usr/sbin/mariadbd /usr/libexec/mariadbd /usr/local/sbin/mariadbd 2>/dev/null | head -n 1)
installer=$(command -v mariadb-install-db || ls /usr/bin/mariadb-install-db /usr/local/bin/mariadb-install-db 2>/dev/null | head -n 1)
[ -x "$server" ] && [ -x "$installer" ] || exit 0
base=$(dirname -- "$(dirname -- "$(readlink -f -- "$server")")")/root/usr
[ -d "$base/share" ] || base=
printf '%s\\n' "$server" "$installer" "$base"
"""
_CLIENT = 'printf %s "${SSH_CONNECTION%% *}"'


def find_postgresql(connection: SshConnection) -> str:
    """Folder of PostgreSQL's server programs on a host, the newest; empty when there are none."""
    return connection.run(["sh", "-c", _POSTGRESQL_BIN], timeout=20).stdout.strip()


def require_postgresql(connection: SshConnection) -> str:
    """The same. Raises ToolError when the host has none."""
    folder = find_postgresql(connection)
    if not folder:
        raise ToolError(say("hosts.no_server_programs"), where=connection.name, remedy=say("hosts.install_there"))
    return folder


@dataclass(frozen=True)
class MariadbPrograms:
    """Where a host has MariaDB's server programs. ``base``: its own files, where it was unpacked instead of installed."""

    server: str
    installer: str
    base: str


def require_mariadb(connection: SshConnection) -> MariadbPrograms:
    """Raises ToolError when the host has none."""
    found = connection.run(["sh", "-c", _MARIADB], timeout=20).stdout.split("\n")
    if len(found) < 3:
        raise ToolError(say("hosts.no_mariadb"), where=connection.name, remedy=say("hosts.install_mariadb"))
    return MariadbPrograms(*found[:3])


def client_address(connection: SshConnection) -> str:
    """This controller's address as the host sees it; empty when the host does not say."""
    return connection.run(["sh", "-c", _CLIENT], timeout=20).stdout.strip()
