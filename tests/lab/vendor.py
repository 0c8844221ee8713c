"""The permits system on a database that only its vendor moves, and that vendor: a team with its own tools on both servers.

The product that it calls 人大金仓 is played by PostgreSQL, whose client runs the statements that the engine hands out for it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

from tests.lab import furnish, inventory
from tests.lab.furnish import Passwords
from tests.lab.hosts import LabHost
from tests.lab.journey import rows
from tests.lab.lab import ENGINEER, Lab

DATABASE, ROLE = "permits", "permits_app"
SERVER = "runuser -u postgres -- {program} -h /var/run/postgresql"


def furnish_city(lab: Lab) -> Passwords:
    """The permits system in the old room, without any gateway for its database: programs reach the server itself."""
    passwords = Passwords()
    serve(lab, lab["db"], passwords, furnish.SCHEMA)
    furnish.permits(lab["app"], database=lab["db"], pool=lab["db"].address, pool_port=5432, passwords=passwords)
    furnish.edge(lab["edge"], [{"name": "permits", "port": 8080, "server": "permits-web", "to": lab["app"].address, "to_port": 8001}])
    return passwords


def serve(lab: Lab, host: LabHost, passwords: Passwords, schema: str) -> None:
    """A server with the application's account and its database, as the vendor sets it up."""
    clients = [lab[name].address for name in ("app", "app-new", "db", "db-new")]
    furnish.postgresql(host, clients=clients, passwords=passwords, base=DATABASE, role=ROLE, schema=schema, engine=False)


def describe_city(lab: Lab) -> dict[str, Any]:
    """Its row of the inventory: no account of ours in the database."""
    system = inventory.permits(lab)
    (database,) = system["databases"]
    for key in ("admin_role", "admin_secret"):
        del database[key]
    interruption = {"gap_ms": 3000, "failed_requests": 0, "outage_minutes": 30}
    return {**system, "dbms": "KingbaseES V8", "databases": [{**database, "engine": "KingbaseES", "version": "V8"}], "interruption": interruption}


def tell_site(site: dict[str, Any]) -> None:
    """A site without gateways for databases."""
    for name in ("pgbouncer", "haproxy"):
        del site[name]


class Vendor:
    """Does each human task of the vendor's, and hands in what shows it."""

    def __init__(self, lab: Lab, passwords: Passwords) -> None:
        self.lab, self.passwords = lab, passwords
        self.done: list[str] = []
        self.carried = ""
        """The data as it was taken out last."""

    def hands(self) -> dict[str, Callable[[], Sequence[str] | None]]:
        """By the words that a task begins with."""
        return {
            f"{DATABASE}: run the statement": lambda: self.run_statement("db"),
            "the vendor installs": self.install,
            f"{DATABASE}: a full backup": self.back_up,
            "the vendor carries the data": lambda: self.carry("db", "db-new"),
            "the vendor carries back": lambda: self.carry("db-new", "db"),
            f"{DATABASE}: run the counts on the source": lambda: self.run_statement("db"),
            f"{DATABASE}: run the counts on the target": lambda: self.run_statement("db-new"),
        }

    def run_statement(self, name: str) -> Sequence[str]:
        """The statement of the task that is open now, by the vendor's client; its output on the controller."""
        (task,) = json.loads(self.lab.orchestrator("task", "list", "--json").stdout)
        host, number = self.lab[name], len(self.done)
        host.write("/root/statement.sql", self.lab["controller"].run("cat", task["detail"]["statement"]))
        words = f"-X -A -t -h {host.address} -U {ROLE} -d {DATABASE} -f /root/statement.sql"
        said = host.script(f"PGPASSWORD={self.passwords[ROLE]} psql {words}; rm /root/statement.sql")
        output = f"/home/{ENGINEER}/output-{number}.txt"
        self.lab["controller"].write(output, said, mode=0o640, owner=f"{ENGINEER}:users")
        self.done.append(f"{task['name']} at {name}")
        return ["--file", output]

    def install(self) -> None:
        """Its own server on the machine that the cloud gave."""
        if not self.lab["db-new"].script("ls /etc/postgresql/15/main/conf.d/lab.conf 2>/dev/null || :"):
            serve(self.lab, self.lab["db-new"], self.passwords, "")
        self.done.append("installed")

    def back_up(self) -> Sequence[str]:
        """On the server, where it stays."""
        file = f"/var/backups/permits-{len(self.done)}.sql"
        self.lab["db"].script(f"{SERVER.format(program='pg_dump')} {DATABASE} >{file}")
        self.done.append("backed up")
        return ["--file", f"db:{file}"]

    def carry(self, there: str, here: str) -> None:
        """Everything, over what stands there."""
        self.carried = self.lab[there].script(f"{SERVER.format(program='pg_dump')} --clean --if-exists {DATABASE}")
        self.lab[here].write("/var/lib/postgresql/carried.sql", self.carried)
        self.lab[here].script(f"{SERVER.format(program='psql')} -q -v ON_ERROR_STOP=1 -f /var/lib/postgresql/carried.sql {DATABASE}")
        self.done.append(f"carried from {there} to {here}")


def find_lost(lab: Lab, name: str, acknowledged: Sequence[int]) -> list[int]:
    """Acknowledged permits that are not on this host's server."""
    there = set(rows(lab[name], DATABASE, "SELECT id FROM permits"))
    return [number for number in acknowledged if str(number) not in there]
