"""A library's lending desk with MariaDB as Debian has it: a server that nobody prepared, a gateway that holds new connections, clients."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from orchestrator.embedded.databases import SCHEMAS, Source
from orchestrator.gateways.hold_word import LUA
from tests.lab import furnish, inventory
from tests.lab.connect import in_the_lab
from tests.lab.furnish import Passwords
from tests.lab.hosts import LabHost
from tests.lab.journey import Citizens
from tests.lab.lab import Lab
from tests.support.lending import Client, lost

DATABASE, ROLE = "lending", "lending_app"
PORT = 8001
FOLDER = "/var/lib/haproxy/hold"
"""Within the chroot of Debian's HAProxy, whose rules call it /hold."""
PROGRAM = Path(__file__).with_name("desk.py")
SCHEMA = (
    (SCHEMAS / "lending.sql").read_text("utf-8")
    + """
CREATE TABLE desk_loan (
    n bigint NOT NULL AUTO_INCREMENT PRIMARY KEY, request char(32) NOT NULL UNIQUE, title varchar(200) NOT NULL, host varchar(60) NOT NULL,
    at timestamp(6) NOT NULL DEFAULT current_timestamp(6)
);
CREATE TABLE clerk_runs (n bigint NOT NULL AUTO_INCREMENT PRIMARY KEY, host varchar(60) NOT NULL);
CREATE VIEW latest AS SELECT n, title FROM desk_loan ORDER BY n DESC LIMIT 10;
CREATE FUNCTION shelf(title varchar(200)) RETURNS char(1) DETERMINISTIC RETURN UPPER(LEFT(title, 1));
CREATE TRIGGER desk_loan_title BEFORE INSERT ON desk_loan FOR EACH ROW SET NEW.title = TRIM(NEW.title);
INSERT INTO desk_loan (request, title, host) SELECT MD5(seq), CONCAT('图书 ', seq), 'seed' FROM seq_1_to_500;
"""
)
SECTIONS = """
frontend {name}
    mode tcp
    option tcplog
    timeout client 1h
    bind {address}:3306
    tcp-request inspect-delay 500ms
    tcp-request content lua.hold_connect /hold/{name}
    default_backend {name}

backend {name}
    mode tcp
    timeout server 1h
    tcp-request inspect-delay 60s
    tcp-request content lua.hold_connect /hold/{name}
    tcp-request content reject unless {{ var(txn.hold_host) -m found }}
    tcp-request content set-dst var(txn.hold_host)
    tcp-request content set-dst-port var(txn.hold_port)
    server live 0.0.0.0:0
"""
UNIT = """[Unit]
Description=Lending desk
After=network-online.target

[Service]
User=desk
EnvironmentFile=/etc/desk/{name}.env
ExecStart=/usr/bin/python3 /opt/desk/desk.py {what}
Restart=on-failure

[Install]
WantedBy=multi-user.target
"""
UNITS = ("desk.service",)
TREES = ("/opt/desk", "/etc/desk")


# ------------------------------------------------------------ hosts


def mariadb(host: LabHost, passwords: Passwords) -> None:
    """Debian's server as the department has it: open to the network, the application's account, its database. Nothing of the engine's."""
    host.write("/etc/mysql/mariadb.conf.d/60-department.cnf", "[mariadbd]\nbind-address = 0.0.0.0\nwait_timeout = 7200\n")
    host.run("systemctl", "enable", "--quiet", "--now", "mariadb", limit=180)
    host.script(f"""
        mariadb -e "CREATE DATABASE {DATABASE} CHARACTER SET utf8mb4;
            CREATE USER {ROLE}@'%' IDENTIFIED BY '{passwords[ROLE]}'; GRANT ALL ON {DATABASE}.* TO {ROLE}@'%'"
    """)
    host.write("/root/schema.sql", SCHEMA)
    host.script(
        f"mariadb --host={host.address} --user={ROLE} --password={passwords[ROLE]} {DATABASE} </root/schema.sql; rm /root/schema.sql"
    )


def gateway(host: LabHost, database: LabHost | None) -> None:
    """Debian's HAProxy with Debian's file, in its chroot, under its account: a port whose new connections a word holds and leads."""
    host.write("/etc/haproxy/hold.lua", LUA)
    host.script("sed -i '/^global/a \\    lua-load /etc/haproxy/hold.lua' /etc/haproxy/haproxy.cfg")
    config = host.run("cat", "/etc/haproxy/haproxy.cfg")
    host.write("/etc/haproxy/haproxy.cfg", config + SECTIONS.format(name=DATABASE, address=host.address))
    host.run("install", "-d", "-m", "0755", FOLDER)
    if database is not None:
        host.write(f"{FOLDER}/{DATABASE}", "old\n")
        host.write(f"{FOLDER}/{DATABASE}.places", f"# the department's server\nold {database.address} 3306\n")
    host.run("systemctl", "enable", "--quiet", "--now", "haproxy")
    host.run("systemctl", "restart", "haproxy")


def desk(host: LabHost, loans: LabHost, passwords: Passwords) -> None:
    """The application: an account of its own, a secret file, a unit."""
    install(host, passwords)
    instance(host, "desk", PORT, reach("LOANS", loans.address, 3306, DATABASE, ROLE))


def install(host: LabHost, passwords: Passwords, *roles: str) -> None:
    """The desk's account, program and secrets. ``roles``: of further databases."""
    host.script("useradd --system --shell /usr/sbin/nologin --home-dir /opt/desk desk; install -d -m 0755 /opt/desk /etc/desk")
    host.write("/opt/desk/desk.py", PROGRAM.read_bytes())
    for role in (ROLE, *roles):
        host.write(f"/etc/desk/{role}", passwords[role], mode=0o640, owner="root:desk")


def reach(prefix: str, address: str, port: int, name: str, role: str) -> dict[str, str]:
    """How an instance is told of a database in the old room."""
    return {
        f"{prefix}_HOST": address, f"{prefix}_PORT": str(port), f"{prefix}_NAME": name, f"{prefix}_ROLE": role,
        f"{prefix}_SECRET_FILE": f"/etc/desk/{role}",
    }  # fmt: skip


def instance(host: LabHost, name: str, port: int, more: dict[str, str]) -> None:
    """One of the desk's web servers, at work."""
    program(host, name, "", {"LISTEN_ADDRESS": host.address, "LISTEN_PORT": str(port), **more})
    host.script(f"until curl -fsS http://{host.address}:{port}/health >/dev/null 2>&1; do sleep 0.2; done", limit=60)


def furnish_desk(lab: Lab) -> Passwords:
    """The desk in the old room behind gateway and edge; in the cloud centre Debian's own MariaDB at its loopback is in the way."""
    passwords = Passwords()
    assert passwords["orchestrator"]  # a secret of the engine's, whose account nobody has made yet
    mariadb(lab["db"], passwords)
    gateway(lab["gw-room"], lab["db"])
    gateway(lab["gw-cloud"], None)
    desk(lab["app"], lab["gw-room"], passwords)
    furnish.edge(lab["edge"], [{"name": "desk", "port": 8080, "server": "desk-1", "to": lab["app"].address, "to_port": PORT}])
    lab["db-new"].run("systemctl", "enable", "--quiet", "--now", "mariadb", limit=180)
    return passwords


def program(host: LabHost, name: str, what: str, values: dict[str, str]) -> None:
    """A unit of the desk's program. ``what``: its argument."""
    host.write(f"/etc/desk/{name}.env", "".join(f"{variable}={value}\n" for variable, value in values.items()))
    host.write(f"/etc/systemd/system/{name}.service", UNIT.format(name=name, what=what))
    host.script(f"systemctl daemon-reload; systemctl enable --quiet --now {name}.service")


# ------------------------------------------------------------ the inventory


def database() -> dict[str, Any]:
    """Its row in a system of the inventory."""
    return {
        "name": DATABASE, "engine": "mariadb", "version": "10.11", "host": "db", "port": 3306, "role": ROLE, "secret": inventory.secret(ROLE),
        "admin_role": "orchestrator", "admin_secret": inventory.secret("orchestrator"), "size_gb": 0.1,
    }  # fmt: skip


def references(prefix: str, name: str) -> dict[str, str]:
    """How a service is told of a database."""
    words = ("host", "port", "name", "role", "secret_file")
    return {f"{prefix}_{word.upper()}": f"@database.{name}.{word}" for word in words}


def service(**more: Any) -> dict[str, Any]:
    """The desk as the inventory has it."""
    listen = {"LISTEN_ADDRESS": "@listen.address", "LISTEN_PORT": "@listen.port"}
    health = {"kind": "http", "target": "/health", "expected": "200"}
    return {
        "name": "desk", "host": "app", "unit": "desk.service", "port": PORT, "health": health, "singleton": False, "entry": "desk",
        "environment": listen | references("LOANS", DATABASE), **more,
    }  # fmt: skip


def describe_desk(lab: Lab, *, app: str = "app") -> dict[str, Any]:
    """A system on MariaDB alone."""
    resource = {"name": "借阅记录", "database": DATABASE, "source_of_truth": True, "sharing": "not_shared", "update_frequency": "实时"}
    return {
        **inventory.permits(lab, app=app), "id": "desk", "name": "图书借阅系统", "name_en": "Lending desk", "dbms": "MariaDB 10.11",
        "databases": [database()], "file_trees": [{"host": "app", "path": "/opt/desk"}], "services": [service()], "data_resources": [resource],
        "interruption": {"gap_ms": 8000, "failed_requests": 0},
    }  # fmt: skip


def add_gateway(site: dict[str, Any]) -> None:
    """The site's way to MariaDB, as sites.yaml has it: Debian's HAProxy takes orders at a socket file."""
    at = {key: site["gateway"][key] for key in ("name", "address")}
    site["tcp"] = {
        "host": at["name"],
        "address": at["address"],
        "runtime_socket": "/run/haproxy/admin.sock",
        "folder": FOLDER,
        "ports": {DATABASE: 3306},
    }


def tell_site(site: dict[str, Any]) -> None:
    """A site where nothing else has a gateway."""
    for name in ("pgbouncer", "haproxy"):
        del site[name]
    add_gateway(site)


# ------------------------------------------------------------ clients and what is kept


class LabClient(Client):
    """Works in the lab's network."""

    def __init__(self, lab: Lab, source: Source, address: str) -> None:
        super().__init__(source, address, 3306, pause=0.05)
        self.lab = lab

    def run(self) -> None:
        with in_the_lab(self.lab):
            super().run()


def source_of(lab: Lab) -> Source:
    """The server of the old room, for whoever asks it in the lab's network."""
    secrets = lab.city / "secrets"
    return Source(
        "desk", "db", lab["db"].address, 3306, DATABASE, ROLE, secrets / ROLE, "orchestrator", secrets / "orchestrator", "mariadb"
    )


@contextmanager
def at_work(lab: Lab, number: int = 2) -> Iterator[list[LabClient]]:
    """Programs of the old room that keep a connection open for good, by its gateway."""
    clients = [LabClient(lab, source_of(lab), lab["gw-room"].address) for _ in range(number)]
    for client in clients:
        client.start()
    try:
        yield clients
    finally:
        for client in clients:
            client.ended.set()
        for client in clients:
            client.join(60)


def find_lost(lab: Lab, clients: list[LabClient], name: str) -> set[int]:
    """What clients were told is written, and is not on this host's server."""
    with in_the_lab(lab):
        return lost(clients, source_of(lab), lab[name].address)


def tell_figures(said: str, citizens: Citizens, clients: Sequence[Client]) -> str:
    """What a story was like: requests and writes, and what the engine said of each switch."""
    told = [line.strip() for line in said.splitlines() if re.search(r"\d+ open connections were ended|longest gap", line)]
    waits = citizens.tell_waits(0, time.monotonic())
    written = sum(len(client.written) for client in clients)
    return "\n  ".join([f"\n  {waits}, {len(citizens.failed)} failed; {written} writes of clients over one connection each", *told])


def rows(lab: Lab, name: str, statement: str) -> list[str]:
    """Asked of a host's server from the controller, as the engine's account."""
    words = ["mariadb", f"--host={lab[name].address}", "--user=orchestrator", "--batch", "--skip-column-names", DATABASE, "-e", statement]
    return lab["controller"].run("env", f"MYSQL_PWD={(lab.city / 'secrets/orchestrator').read_text()}", *words).split()


def photograph_server(host: LabHost) -> list[str]:
    """What is defined on a server, as its own administrator sees it: accounts, rights, databases, definitions, who follows whom."""
    said = host.script(f"""
        mariadb -BN -e "SHOW DATABASES; SHOW ALL SLAVES STATUS; SELECT user, host FROM mysql.global_priv ORDER BY 1, 2;
            SHOW CREATE USER {ROLE}@'%'; SHOW GRANTS FOR {ROLE}@'%';
            SELECT table_name, create_time FROM information_schema.tables WHERE table_schema = '{DATABASE}' ORDER BY 1;
            SELECT @@GLOBAL.slave_parallel_threads, @@GLOBAL.read_only, @@GLOBAL.server_id, @@GLOBAL.gtid_domain_id, @@GLOBAL.bind_address"
        mariadb-dump --no-data --routines --triggers --skip-dump-date {DATABASE} | sed 's/ AUTO_INCREMENT=[0-9]*//'
        find /etc/mysql -type f -exec sha256sum {{}} + | sort
    """)
    return said.splitlines()
