"""A site's gateway (PgBouncer and the link to the device) and the edge (HAProxy before all HTTP services)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from orchestrator.embedded.hosts import folder_of, listens
from orchestrator.embedded.processes import Book, wait_for
from orchestrator.gateways.hold_word import LUA
from orchestrator.tools import programs, unprivileged

USERLIST = "userlist.txt"
"""PgBouncer's auth_file, beside its databases file: ``"role" "verifier"`` lines."""

_PGBOUNCER = """\
[databases]
%include {databases}

[pgbouncer]
listen_addr = {address}
listen_port = {port}
unix_socket_dir =
auth_type = md5
auth_file = {users}
admin_users = {admin}
pool_mode = transaction
default_pool_size = 60
max_client_conn = 500
server_login_retry = 0.1
server_idle_timeout = 0
query_wait_timeout = 120
ignore_startup_parameters = extra_float_digits
log_connections = 0
log_disconnections = 0
"""

_HAPROXY_HEAD = """\
global
{load}    stats socket ipv4@{address}:{runtime} level admin
    stats timeout 1h
    maxconn 1000

defaults
    timeout connect 2s
    timeout client 1h
    timeout server 2m
    timeout check 5s
    timeout queue 10s
    timeout http-keep-alive 1h
"""

_LOAD = "    lua-load {lua}\n"

_HELD = """
frontend {name}
    mode tcp
    bind {address}:{port}
    timeout client 1h
    tcp-request inspect-delay 500ms
    tcp-request content lua.hold_connect {word}
    default_backend {name}

backend {name}
    mode tcp
    timeout server 1h
    tcp-request inspect-delay 60s
    tcp-request content lua.hold_connect {word}
    tcp-request content reject unless {{ var(txn.hold_host) -m found }}
    tcp-request content set-dst var(txn.hold_host)
    tcp-request content set-dst-port var(txn.hold_port)
    server live 0.0.0.0:0
"""

_LINK = """
listen device-{device}
    mode tcp
    bind {address}:{port}
    timeout server 1h
    server dev {to}:{port} check inter 200ms fall 2 rise 1
"""

_ENTRY = """
frontend {entry}
    mode http
    bind {address}:{port}
    option http-keep-alive
{rules}    default_backend {entry}

backend {entry}
    mode http
    balance roundrobin
    option httpchk GET /health
    option redispatch 1
    retries 3
    retry-on conn-failure
    http-reuse safe
    default-server check inter 200ms fall 5 rise 1
"""


@dataclass(frozen=True)
class Server:
    """One HTTP service behind an entry."""

    name: str
    address: str
    port: int


def start_pgbouncer(
    city: Path,
    host: str,
    *,
    address: str,
    port: int,
    admin: str,
    admin_password: str,
    databases: Path,
    lines: Sequence[str],
    verifiers: Mapping[str, str],
) -> None:
    """PgBouncer of one gateway; ``lines`` are ``name = host=… port=… dbname=…``. Raises ToolError when it does not answer."""
    databases.parent.mkdir(parents=True, exist_ok=True)
    databases.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    users = databases.parent / USERLIST
    known = {admin: admin_password, **verifiers}
    users.write_text("".join(f'"{name}" "{secret}"\n' for name, secret in known.items()), encoding="utf-8")
    users.chmod(0o600)
    config = databases.parent / "pgbouncer.ini"
    config.write_text(_PGBOUNCER.format(databases=databases, address=address, port=port, users=users, admin=admin), encoding="utf-8")
    argv = [*unprivileged.prefix(), str(programs.find("pgbouncer")), str(config)]
    log = folder_of(city, host) / "var/log/pgbouncer.log"
    Book(city).start(f"{host}.pgbouncer", argv, cwd=databases.parent, log=log, host=host)
    wait_for(lambda: listens(address, port), what=f"PgBouncer on {host}", seconds=10, remedy=f"look at {log}")


def link(device: str, address: str, port: int, to: str) -> str:
    """HAProxy section: the gateway's port leads to the device wherever it stands."""
    return _LINK.format(device=device, address=address, port=port, to=to)


def held(name: str, address: str, port: int, folder: Path) -> str:
    """HAProxy section: a database's port, whose new connections a word in ``folder`` holds and leads."""
    return _HELD.format(name=f"database-{name}", address=address, port=port, word=folder / name)


def lead(folder: Path, name: str, address: str, port: int) -> None:
    """The word and the places by which ``held`` leads a database to its server."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text("old\n", encoding="utf-8")
    (folder / f"{name}.places").write_text(f"old {address} {port}\n", encoding="utf-8")


def entry(name: str, address: str, port: int, servers: Sequence[Server], rules: Sequence[str] = ()) -> str:
    """HAProxy section: citizens' port of one entry, its backend and servers; ``rules``: lines of the frontend."""
    lines = [f"    server {server.name} {server.address}:{server.port}\n" for server in servers]
    own = "".join(f"    {rule}\n" for rule in rules)
    return _ENTRY.format(entry=name, address=address, port=port, rules=own) + "".join(lines)


def start_haproxy(city: Path, host: str, *, address: str, runtime: int, sections: Sequence[str]) -> None:
    """HAProxy with its runtime API on TCP. Raises ToolError when it does not answer."""
    config = folder_of(city, host) / "etc/haproxy.cfg"
    load = ""
    if any("lua.hold_connect" in section for section in sections):  # elsewhere the engine brings it, and twice is once too often
        lua = config.with_name("hold.lua")
        lua.write_text(LUA, encoding="utf-8")
        load = _LOAD.format(lua=lua)
    head = _HAPROXY_HEAD.format(address=address, runtime=runtime, load=load)
    config.write_text(head + "".join(sections), encoding="utf-8")
    log = folder_of(city, host) / "var/log/haproxy.log"
    argv = [str(programs.find("haproxy")), "-W", "-db", "-f", str(config)]
    Book(city).start(f"{host}.haproxy", argv, cwd=config.parent, log=log, host=host)
    wait_for(lambda: listens(address, runtime), what=f"HAProxy on {host}", seconds=10, remedy=f"look at {log}")
