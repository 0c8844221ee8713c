"""Two departments' systems on the same machines: one web server with a site for each, one database server with a database for each."""

from __future__ import annotations

from typing import Any

from tests.lab import furnish, inventory
from tests.lab.furnish import APPLICATION, Passwords
from tests.lab.journey import Citizens, photograph
from tests.lab.lab import Lab

SYSTEMS = {"permits": 8001, "licences": 8002}
"""Each with the port of its own program."""
ENTRIES = {"permits": 8080, "licences": 8081}
SITE = """server {{
    listen 80;
    server_name {name}.city;
    location / {{ proxy_pass http://127.0.0.1:{port}; proxy_http_version 1.1; }}
}}
"""
UNIT = """[Unit]
Description={name} ({what})
After=network-online.target

[Service]
User={name}
EnvironmentFile=/etc/{name}/{name}.env
ExecStart=/usr/bin/python3 /opt/{name}/{name}.py {what}
Restart=on-failure

[Install]
WantedBy=multi-user.target
"""


def furnish_room(lab: Lab) -> Passwords:
    """Both systems in the old room; in the cloud centre Debian's own cluster stands in the way, and nginx is there."""
    passwords, app, db = Passwords(), lab["app"], lab["db"]
    clients = [lab[name].address for name in ("controller", "app", "gw-room", "gw-cloud", "db-new", "app-new")]
    furnish.postgresql(db, clients=clients, passwords=passwords, base="permits", role="permits_app")
    db.write("/var/lib/postgresql/schema.sql", f"SET ROLE licences_app;\n{furnish.SCHEMA}")
    db.script(f"""cd /; runuser -u postgres -- psql -qc "CREATE ROLE licences_app LOGIN PASSWORD '{passwords["licences_app"]}'"
        runuser -u postgres -- createdb -O licences_app -T template0 -E UTF8 --locale=C.UTF-8 licences
        runuser -u postgres -- psql -q -v ON_ERROR_STOP=1 -f /var/lib/postgresql/schema.sql licences
        rm /var/lib/postgresql/schema.sql""")
    lines = [f"{name} = host={db.address} port=5432 dbname={name}" for name in SYSTEMS]
    users = {role: furnish.verifier(db, role) for role in ("permits_app", "licences_app")}
    furnish.gateway(lab["gw-room"], passwords=passwords, lines=lines, users=users)
    furnish.gateway(lab["gw-cloud"], passwords=passwords, lines=[], users={})
    for name, port in SYSTEMS.items():
        _install(lab, name, port, passwords)
    app.script("systemctl daemon-reload; systemctl enable --quiet --now nginx permits-web permits-worker licences-web licences-worker")
    for name in SYSTEMS:
        app.script(f"until curl -fsS -H 'Host: {name}.city' http://127.0.0.1/health >/dev/null 2>&1; do sleep 0.2; done", limit=60)
    furnish.edge(
        lab["edge"],
        [
            {"name": name, "port": port, "server": f"{name}-web", "to": app.address, "to_port": 80,
             "check": f"httpchk\n    http-check send meth GET uri /health hdr Host {name}.city"}
            for name, port in ENTRIES.items()
        ],
    )  # fmt: skip
    lab["db-new"].run("systemctl", "enable", "--quiet", "--now", "postgresql")
    return passwords


def _install(lab: Lab, name: str, port: int, passwords: Passwords) -> None:
    """One system's program, files and units on the shared host."""
    app = lab["app"]
    app.script(f"""
        useradd --system --shell /usr/sbin/nologin --home-dir /opt/{name} {name}
        install -d -m 0755 /opt/{name} /etc/{name}; install -d -m 0700 -o {name} -g {name} /srv/{name}/uploads
        for n in $(seq 1 20); do head -c 2000 /dev/urandom >/srv/{name}/uploads/scan-$n; done; chown {name}: /srv/{name}/uploads/*
        ln -s ../sites-available/{name} /etc/nginx/sites-enabled/{name}
    """)
    app.write(f"/opt/{name}/{name}.py", APPLICATION.read_bytes())
    app.write(f"/etc/{name}/secret", passwords[f"{name}_app"], mode=0o640, owner=f"root:{name}")
    values = {
        "LISTEN_ADDRESS": "127.0.0.1", "LISTEN_PORT": str(port), "DATABASE_HOST": lab["gw-room"].address, "DATABASE_PORT": "6432",
        "DATABASE_NAME": name, "DATABASE_ROLE": f"{name}_app", "DATABASE_SECRET_FILE": f"/etc/{name}/secret",
        "UPLOADS": f"/srv/{name}/uploads",
    }  # fmt: skip
    app.write(f"/etc/{name}/{name}.env", "".join(f"{key}={value}\n" for key, value in values.items()))
    app.write(f"/etc/nginx/sites-available/{name}", SITE.format(name=name, port=port))
    for what in ("web", "worker"):
        app.write(f"/etc/systemd/system/{name}-{what}.service", UNIT.format(name=name, what=what))


def describe(lab: Lab, name: str) -> dict[str, Any]:
    """One system's row of the inventory: its hosts, and the servers that take over, are the other one's too."""
    permits = inventory.permits(lab)
    health = {"kind": "http", "target": "/health", "expected": "200"}
    references = {**permits["services"][0]["environment"], "LISTEN_ADDRESS": "127.0.0.1", "DATABASE_NAME": "@database.name"}
    trees = (f"/opt/{name}", f"/srv/{name}", f"/etc/nginx/sites-available/{name}", f"/etc/nginx/sites-enabled/{name}")
    database = {**permits["databases"][0], "name": name, "role": f"{name}_app", "secret": inventory.secret(f"{name}_app")}
    return {
        **permits, "id": name, "name": f"市{name}系统", "name_en": name, "row_no": list(SYSTEMS).index(name) + 1, "databases": [database],
        "file_trees": [{"host": "app", "path": path} for path in trees],
        "services": [
            {"name": f"{name}-web", "host": "app", "unit": f"{name}-web.service", "port": SYSTEMS[name], "singleton": False,
             "environment": references, "health": {**health, "on_host": True}},
            {"name": f"{name}-worker", "host": "app", "unit": f"{name}-worker.service", "singleton": True,
             "health": {"kind": "tcp", "target": ""}, "environment": {key: value for key, value in references.items() if "LISTEN" not in key}},
            {"name": f"{name}-front", "host": "app", "unit": "nginx.service", "port": 80, "shared": True, "singleton": False,
             "entry": name, "health": {**health, "host_name": f"{name}.city"}},
        ],
        "data_resources": [{**permits["data_resources"][0], "name": f"{name}事项", "database": name}],
    }  # fmt: skip


def trees(name: str) -> tuple[str, ...]:
    """What of the shared host is this system's."""
    return (f"/opt/{name}", f"/srv/{name}", f"/etc/{name}", "/etc/nginx")


def units(name: str) -> tuple[str, ...]:
    return (f"{name}-web.service", f"{name}-worker.service", "nginx.service")


def photograph_of(lab: Lab, name: str) -> list[str]:
    """The old host as far as it is this system's: what the others have there changes by their own ways."""
    others = [other for other in SYSTEMS if other != name]
    said = photograph(lab["app"], trees(name), units(name)).splitlines()
    return [line for line in said if not any(other in line for other in others)]


class Askers(Citizens):
    """One system's citizens, by its own name at the web server that both share."""

    def __init__(self, lab: Lab, name: str) -> None:
        super().__init__(lab, f":{ENTRIES[name]}/permits")
        self.words = ("-H", f"Host: {name}.city")
