"""A system of several kinds: loans in MariaDB, their register in PostgreSQL, a slip for each as a file, two web servers, one entry,
and a clerk who must exist once."""

from __future__ import annotations

from typing import Any

from tests.lab import furnish, inventory, lending
from tests.lab.furnish import Passwords
from tests.lab.journey import Citizens, moved_rows, photograph, rows
from tests.lab.lab import Lab

REGISTER, ROLE = "register", "register_app"
SLIPS = "/srv/desk/slips"
SCHEMA = """
CREATE TABLE register (n bigint PRIMARY KEY, title text NOT NULL, host text NOT NULL, at timestamptz NOT NULL DEFAULT now());
INSERT INTO register (n, title, host) SELECT n, '图书 ' || n, 'seed' FROM generate_series(1, 500) n;
"""
UNITS = ("desk.service", "desk-b.service", "desk-clerk.service")
PORTS = {"desk": 8001, "desk-b": 8002}


def furnish_city(lab: Lab) -> Passwords:
    """Both databases on one server of the old room, each behind its own gateway on one host; in the cloud centre Debian's own
    servers stand in the way."""
    passwords, app, db, room = Passwords(), lab["app"], lab["db"], lab["gw-room"]
    clients = [lab[name].address for name in ("controller", "app", "gw-room", "gw-cloud", "db-new", "app-new")]
    furnish.postgresql(db, clients=clients, passwords=passwords, base=REGISTER, role=ROLE, schema=SCHEMA)
    line = f"{REGISTER} = host={db.address} port=5432 dbname={REGISTER}"
    furnish.pgbouncer(room, passwords=passwords, lines=[line], users={ROLE: furnish.verifier(db, ROLE)})
    furnish.pgbouncer(lab["gw-cloud"], passwords=passwords, lines=[], users={})
    lending.mariadb(db, passwords)
    lending.gateway(room, db)
    lending.gateway(lab["gw-cloud"], None)
    lending.install(app, passwords, ROLE)
    app.script(f"install -d -m 0755 /srv/desk; install -d -m 0750 -o desk -g desk {SLIPS}")
    app.script(f'for n in $(seq 1 500); do echo "$n 图书" >{SLIPS}/slip-$n; done; chown desk: {SLIPS}/*')
    how = {
        **lending.reach("LOANS", room.address, 3306, lending.DATABASE, lending.ROLE),
        **lending.reach("REGISTER", room.address, 6432, REGISTER, ROLE),
        "SLIPS": SLIPS,
    }
    for name, port in PORTS.items():
        lending.instance(app, name, port, how)
    lending.program(app, "desk-clerk", "clerk", how)
    second = f"    server desk-b {app.address}:{PORTS['desk-b']}"
    furnish.edge(
        lab["edge"], [{"name": "desk", "port": 8080, "server": "desk", "to": app.address, "to_port": f"{PORTS['desk']}\n{second}"}]
    )
    lab["db-new"].run("systemctl", "enable", "--quiet", "--now", "mariadb", "postgresql", limit=180)
    return passwords


def describe_city(lab: Lab) -> dict[str, Any]:
    """Its row of the inventory."""
    desk = lending.describe_desk(lab)
    register = {
        **lending.database(), "name": REGISTER, "engine": "postgresql", "version": "15", "port": 5432, "role": ROLE,
        "secret": inventory.secret(ROLE),
    }  # fmt: skip
    environment = {**lending.service()["environment"], **lending.references("REGISTER", REGISTER)}
    resource = {**desk["data_resources"][0], "name": "登记簿", "database": REGISTER}
    return {
        **desk, "dbms": "PostgreSQL 15, MariaDB 10.11", "databases": [register, lending.database()],
        "file_trees": [{"host": "app", "path": path} for path in ("/opt/desk", "/srv/desk")],
        "services": [
            *(lending.service(name=name, unit=f"{name}.service", port=port, environment=environment) for name, port in PORTS.items()),
            {"name": "desk-clerk", "host": "app", "unit": "desk-clerk.service", "singleton": True, "health": {"kind": "tcp", "target": ""},
             "environment": lending.references("LOANS", lending.DATABASE)},
        ],
        "data_resources": [*desk["data_resources"], resource],
    }  # fmt: skip


def tell_site(site: dict[str, Any]) -> None:
    """PgBouncer, and HAProxy in TCP mode on the same host."""
    del site["haproxy"]
    lending.add_gateway(site)


def photograph_room(lab: Lab) -> list[str]:
    """The old hosts by checkers of their own, the entry's file, what both gateways read."""
    said = photograph(lab["app"], lending.TREES, UNITS)
    said += lab["app"].script(f"find {SLIPS} -printf '%u:%g %m %y\\n' | sort -u")
    said += lab["db"].script(f"runuser -u postgres -- pg_dump -s -h /var/run/postgresql {REGISTER} | grep -v '^.\\(un\\)\\?restrict '")
    said += lab["edge"].run("cat", "/etc/haproxy/haproxy.cfg")
    said += lab["gw-room"].script(f"cd {lending.FOLDER}; for file in * /etc/pgbouncer/*.ini; do stat -c '%n %U %a' $file; cat $file; done")
    return said.splitlines() + lending.photograph_server(lab["db"])


def find_lost(lab: Lab, citizens: Citizens, side: str = "-new") -> dict[str, list[int]]:
    """Acknowledged loans that are not in one of the three places on the cloud. ``side``: empty for the old room's hosts."""
    register = "SELECT n FROM register"
    places = {
        "loans": lending.rows(lab, f"db{side}", "SELECT n FROM desk_loan"),
        "register": moved_rows(lab, "db-new", REGISTER, register) if side else rows(lab["db"], REGISTER, register),
        "slips": lab[f"app{side}"].script(f"cd {SLIPS}; ls").replace("slip-", "").split(),
    }
    return {place: [n for n in citizens.acknowledged if str(n) not in set(there)] for place, there in places.items()}
