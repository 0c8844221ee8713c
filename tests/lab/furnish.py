"""Furnishes lab hosts as departments have them: a database server, gateways, an application with units of its own."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from pathlib import Path

from tests.lab.hosts import LabHost
from tests.lab.lab import Lab

APPLICATION = Path(__file__).with_name("application.py")
SCHEMA = """
CREATE TABLE permits (id bigserial PRIMARY KEY, applicant text NOT NULL, host text, at timestamptz NOT NULL DEFAULT now());
CREATE TABLE queue_runs (id bigserial PRIMARY KEY, host text, at timestamptz NOT NULL);
CREATE TABLE nightly_runs (id bigserial PRIMARY KEY, host text, at timestamptz NOT NULL DEFAULT now());
INSERT INTO permits (applicant) SELECT '申请人 ' || n FROM generate_series(1, 500) n;
"""
PGBOUNCER = """[databases]
%include /etc/pgbouncer/databases.ini

[pgbouncer]
listen_addr = {address}
listen_port = 6432
unix_socket_dir =
auth_type = md5
auth_file = /etc/pgbouncer/userlist.txt
admin_users = pgbouncer_admin
pool_mode = transaction
default_pool_size = 60
max_client_conn = 500
server_login_retry = 0.1
server_idle_timeout = 0
query_wait_timeout = 120
ignore_startup_parameters = extra_float_digits
"""
HAPROXY = """global
    stats socket ipv4@{address}:9999 level admin
    stats timeout 1h
    maxconn 1000

defaults
    timeout connect 2s
    timeout client 1h
    timeout server 2m
    timeout check 5s
    timeout queue 10s
"""
ENTRY = """
frontend {name}
    mode http
    bind {address}:{port}
    default_backend {name}

backend {name}
    mode http
    option {check}
    option redispatch 1
    retries 3
    retry-on conn-failure
    default-server check inter 200ms fall 5 rise 1
    server {server} {to}:{to_port}
"""


@dataclass
class Passwords:
    """One for each account, made for this lab only."""

    values: dict[str, str] = field(default_factory=dict)

    def __getitem__(self, name: str) -> str:
        return self.values.setdefault(name, secrets.token_hex(12))


def postgresql(
    host: LabHost, *, clients: list[str], passwords: Passwords, base: str, role: str, schema: str = SCHEMA, engine: bool = True
) -> None:
    """Debian's own cluster, listening for the network, with the engine's role, the application's, and its database. ``engine``: False
    where nobody gave us a role."""
    conf = "/etc/postgresql/15/main"
    host.script(f"""
        printf '%s\\n' "listen_addresses = '{host.address}'" 'wal_level = logical' "timezone = 'Asia/Shanghai'" \
            'max_replication_slots = 24' 'max_wal_senders = 24' >{conf}/conf.d/lab.conf
        for client in {" ".join(clients)}; do
            echo "host all all $client/32 scram-sha-256"; echo "host replication all $client/32 scram-sha-256"
        done >>{conf}/pg_hba.conf
        systemctl enable --quiet --now postgresql
    """)
    host.script("until runuser -u postgres -- psql -qtc 'SELECT 1' >/dev/null 2>&1; do sleep 0.1; done", limit=60)
    for name, rights in (*((("orchestrator", "SUPERUSER LOGIN"),) if engine else ()), (role, "LOGIN")):
        host.script(f"""runuser -u postgres -- psql -qc "CREATE ROLE {name} {rights} PASSWORD '{passwords[name]}'" """)
    host.script(f"runuser -u postgres -- createdb -O {role} -T template0 -E UTF8 --locale=C.UTF-8 {base}")
    host.write("/var/lib/postgresql/schema.sql", f"SET ROLE {role};\n{schema}")
    host.script(
        f"runuser -u postgres -- psql -q -v ON_ERROR_STOP=1 -f /var/lib/postgresql/schema.sql {base} && rm /var/lib/postgresql/schema.sql"
    )


def verifier(host: LabHost, role: str) -> str:
    """A role's password as the server keeps it."""
    return host.script(f"""runuser -u postgres -- psql -qAtc "SELECT rolpassword FROM pg_authid WHERE rolname = '{role}'" """).strip()


def gateway(host: LabHost, *, passwords: Passwords, lines: list[str], users: dict[str, str]) -> None:
    """PgBouncer and HAProxy as packaged: their own accounts, files and units."""
    pgbouncer(host, passwords=passwords, lines=lines, users=users)
    host.write("/etc/haproxy/haproxy.cfg", HAPROXY.format(address=host.address))
    host.run("systemctl", "enable", "--quiet", "--now", "haproxy")


def pgbouncer(host: LabHost, *, passwords: Passwords, lines: list[str], users: dict[str, str]) -> None:
    """Alone."""
    known = {"pgbouncer_admin": passwords["pgbouncer_admin"], **users}
    host.write("/etc/pgbouncer/pgbouncer.ini", PGBOUNCER.format(address=host.address), mode=0o640, owner="postgres:postgres")
    host.write("/etc/pgbouncer/databases.ini", "".join(f"{line}\n" for line in lines), mode=0o640, owner="postgres:postgres")
    text = "".join(f'"{name}" "{value}"\n' for name, value in known.items())
    host.write("/etc/pgbouncer/userlist.txt", text, mode=0o640, owner="postgres:postgres")
    host.run("systemctl", "enable", "--quiet", "--now", "pgbouncer")


def edge(host: LabHost, entries: list[dict[str, object]]) -> None:
    """The city's load balancer. ``check``: how it asks whether an instance is alive."""
    sections = [ENTRY.format(**{"check": "httpchk GET /health", "address": host.address, **entry}) for entry in entries]
    host.write("/etc/haproxy/haproxy.cfg", HAPROXY.format(address=host.address) + "".join(sections))
    host.run("systemctl", "enable", "--quiet", "--now", "haproxy")


SETTINGS = """; how the worker reaches the database
[database]
host = {host}
port = {port}
name = permits
role = permits_app
password = {password}
"""
PERMITS_UNIT = """[Unit]
Description=Permits ({what})
After=network-online.target

[Service]
User=permits
Group=permits
EnvironmentFile=/etc/permits/permits.env
ExecStart=/usr/bin/python3 /opt/permits/permits.py {what}
Restart=on-failure

[Install]
WantedBy=multi-user.target
"""


def permits(host: LabHost, *, database: LabHost, pool: str, pool_port: int, passwords: Passwords, port: int = 8001) -> None:
    """The application: an account of its own, uploads in mode 0700, a secret file, three units and a timer."""
    host.script("""
        groupadd --gid 1205 archive
        useradd --uid 1105 --system --shell /usr/sbin/nologin --home-dir /opt/permits --groups archive permits
        install -d -m 0755 /opt/permits /etc/permits
        install -d -m 0700 -o permits -g permits /srv/permits/uploads
        install -d -m 2750 -o root -g archive /srv/permits/archive
        for n in $(seq 1 40); do head -c 3000 /dev/urandom >/srv/permits/uploads/scan-$n; done
        chown permits: /srv/permits/uploads/*; chmod 0640 /srv/permits/uploads/*
        ln -s scan-1 /srv/permits/uploads/latest; ln /srv/permits/uploads/scan-2 /srv/permits/uploads/second-name
        printf 'x' >"$(printf '/srv/permits/uploads/\\271\\253\\316\\304')"
        echo minutes >/srv/permits/archive/minutes; chgrp archive /srv/permits/archive/minutes; chmod 0640 /srv/permits/archive/minutes
        setfacl -m u:permits:rw /srv/permits/archive/minutes
        setfattr -n user.origin -v '档案室' /srv/permits/archive/minutes
    """)
    host.write("/opt/permits/permits.py", APPLICATION.read_bytes())
    host.write("/etc/permits/secret", passwords["permits_app"], mode=0o640, owner="root:permits")
    values = {
        "LISTEN_ADDRESS": host.address, "LISTEN_PORT": str(port), "DATABASE_HOST": pool, "DATABASE_PORT": str(pool_port),
        "DATABASE_NAME": "permits", "DATABASE_ROLE": "permits_app", "DATABASE_SECRET_FILE": "/etc/permits/secret",
        "UPLOADS": "/srv/permits/uploads",
    }  # fmt: skip
    host.write("/etc/permits/permits.env", "".join(f"{name}={value}\n" for name, value in values.items()))
    settings = SETTINGS.format(host=pool, port=pool_port, password=passwords["permits_app"])
    host.write("/opt/permits/database.ini", settings, mode=0o640, owner="root:permits")
    for what, unit in (("web", "permits-web"), ("worker", "permits-worker")):
        host.write(f"/etc/systemd/system/{unit}.service", PERMITS_UNIT.format(what=what))
    host.write("/etc/systemd/system/permits-worker.service.d/settings.conf", "[Service]\nEnvironment=SETTINGS=/opt/permits/database.ini\n")
    nightly = PERMITS_UNIT.format(what="nightly").replace("Restart=on-failure", "Type=oneshot")
    host.write("/etc/systemd/system/permits-nightly.service", nightly.partition("[Install]")[0])
    timer = "[Timer]\nOnCalendar=*:*:0/5\nAccuracySec=1s\n\n[Install]\nWantedBy=timers.target\n"
    host.write("/etc/systemd/system/permits-nightly.timer", timer)
    host.run("systemctl", "daemon-reload")
    host.run("systemctl", "enable", "--quiet", "--now", "permits-web.service", "permits-worker.service", "permits-nightly.timer")
    host.script(f"until curl -fsS http://{host.address}:{port}/health >/dev/null 2>&1; do sleep 0.2; done", limit=60)
    assert database.is_on


def whole_city(lab: Lab) -> Passwords:
    """The permits system in the old room, behind its gateway and the edge; an empty cloud centre with accounts in the way."""
    passwords = Passwords()
    clients = [lab[name].address for name in ("controller", "app", "gw-room", "gw-cloud", "db-new", "app-new")]
    postgresql(lab["db"], clients=clients, passwords=passwords, base="permits", role="permits_app")
    line = f"permits = host={lab['db'].address} port=5432 dbname=permits"
    gateway(lab["gw-room"], passwords=passwords, lines=[line], users={"permits_app": verifier(lab["db"], "permits_app")})
    gateway(lab["gw-cloud"], passwords=passwords, lines=[], users={})
    permits(lab["app"], database=lab["db"], pool=lab["gw-room"].address, pool_port=6432, passwords=passwords)
    edge(lab["edge"], [{"name": "permits", "port": 8080, "server": "permits-web", "to": lab["app"].address, "to_port": 8001}])
    lab["app-new"].script("useradd --uid 1105 --system monitoring; groupadd --gid 1205 backup-readers")
    lab["db-new"].run("systemctl", "enable", "--quiet", "--now", "postgresql")
    return passwords


DEVICE = """
import socketserver
class Line(socketserver.StreamRequestHandler):
    def handle(self):
        for line in self.rfile:
            self.wfile.write(b"signed-" + line)
socketserver.ThreadingTCPServer.allow_reuse_address = True
socketserver.ThreadingTCPServer(("0.0.0.0", 7100), Line).serve_forever()
"""
DEVICE_UNIT = "[Service]\nExecStart=/usr/bin/python3 /opt/signer.py\n[Install]\nWantedBy=multi-user.target\n"
DEVICE_LINK = """
frontend device-signer
    mode tcp
    bind {address}:7100
    default_backend device-signer

backend device-signer
    mode tcp
    default-server check inter 200ms fall 2 rise 1
    server dev {device}:7100
"""


def signer(lab: Lab) -> None:
    """A signature device in the old room, which people manage by hand, and the link to it on both gateways."""
    device = lab["signer"]
    device.write("/opt/signer.py", DEVICE)
    device.write("/etc/systemd/system/signer.service", DEVICE_UNIT)
    device.run("systemctl", "enable", "--quiet", "--now", "signer.service")
    for name in ("gw-room", "gw-cloud"):
        link = DEVICE_LINK.format(address=lab[name].address, device=device.address)
        lab[name].write("/etc/haproxy/haproxy.cfg", HAPROXY.format(address=lab[name].address) + link)
        lab[name].run("systemctl", "restart", "haproxy")
    unit = "/etc/systemd/system/permits-web.service.d/signer.conf"
    lab["app"].write(unit, f"[Service]\nEnvironment=SIGNER_HOST={lab['gw-room'].address} SIGNER_PORT=7100\n")
    lab["app"].script("systemctl daemon-reload; systemctl restart permits-web")


def one_box(lab: Lab) -> Passwords:
    """The whole permits system on one machine, which nobody can install anew; behind the edge, with a gateway at the cloud centre."""
    passwords, box = Passwords(), lab["box"]
    gateway(lab["gw-cloud"], passwords=passwords, lines=[], users={})
    postgresql(box, clients=[lab["controller"].address, box.address], passwords=passwords, base="permits", role="permits_app")
    permits(box, database=box, pool=box.address, pool_port=5432, passwords=passwords)
    edge(lab["edge"], [{"name": "permits", "port": 8080, "server": "old-box", "to": box.address, "to_port": 8001}])
    return passwords
