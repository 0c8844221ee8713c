"""The embedded cloud's API, as a command: Terraform's local-exec makes and deletes hosts with it.

    python -m orchestrator.embedded.cloud create --city FOLDER --name NAME --address ADDRESS [--port PORT] [--system ID --run ID]
    python -m orchestrator.embedded.cloud delete --city FOLDER --name NAME
    python -m orchestrator.embedded.cloud list --city FOLDER

`list` prints what there is as JSON, one object a host with the marks that it was made with; it changes nothing.

Exit codes: 0 done (also when it was so before), 3 refused, 4 failed. A host outlives the command.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from orchestrator.embedded import courier, hosts
from orchestrator.embedded.placement import SSH_PORT, Placement
from orchestrator.embedded.processes import Book
from orchestrator.errors import OrchestratorError, Refused

MARKS = "marks.json"
"""In a host's folder: the system it belongs to and the run of Terraform that made it."""
_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")


def create(city: Path, name: str, address: str, port: int | None = None, marks: Mapping[str, str] | None = None) -> None:
    """A host of this name at this address: folder, key, running sshd. Twice is the same as once; ``marks`` are those of the first time.

    Raises Refused when another host has the address, or this one another address; ToolError when sshd does not start.
    """
    if not _NAME.fullmatch(name):
        raise Refused(f"{name!r} is not a host name", remedy="use a-z, 0-9 and -")
    port = port or Placement.load(city).port(SSH_PORT)
    with hosts.locked(city):
        known = hosts.all_hosts(city)
        for other, (taken, _) in known.items():
            if taken == address and other != name:
                raise Refused(f"{address} belongs to {other}", where=name, remedy="choose a free address, or delete that host first")
        if name in known and known[name] != (address, port):
            raise Refused(f"{name} exists at {known[name][0]}", where=name, remedy="delete it first, or keep its address")
        hosts.make(city, name)
        marked = hosts.folder_of(city, name) / MARKS
        if not marked.exists():
            marked.write_text(json.dumps({**(marks or {})}), encoding="utf-8")
        record = Book(city).get(f"{name}.sshd")
        if record is None or not Book(city).alive(record):
            if hosts.listens(address, port):
                raise Refused(f"something else listens at {address}:{port}", where=name, remedy="choose another address")
            hosts.start(city, name, address, port)
    hosts.wait(city, name)


def delete(city: Path, name: str) -> None:
    """Power the host off (PostgreSQL is shut down first) and move its folder to ``<city>/quarantine/``. Nothing is erased.

    Twice is the same as once. Raises ToolError when a process will not end.
    """
    with hosts.locked(city):
        courier.power_off(city, name)
        hosts.forget(city, name)
        folder = hosts.folder_of(city, name)
        if folder.exists():
            quarantine = city / "quarantine"
            quarantine.mkdir(exist_ok=True)
            shutil.move(folder, quarantine / f"{name}-{time.time_ns()}")


def list_hosts(city: Path) -> list[dict[str, str]]:
    """Every host of the city with its address and marks, by name."""
    listed = []
    for name, (address, _) in sorted(hosts.all_hosts(city).items()):
        marked = hosts.folder_of(city, name) / MARKS
        marks = json.loads(marked.read_text(encoding="utf-8")) if marked.exists() else {}
        listed.append({"kind": "server", "id": name, "name": name, "address": address, "status": "ACTIVE", **marks})
    return listed


def main(argv: list[str] | None = None) -> int:
    """The command; prints one line."""
    parser = argparse.ArgumentParser(prog="python -m orchestrator.embedded.cloud", description="Hosts of the embedded cloud.")
    parser.add_argument("action", choices=("create", "delete", "list"))
    parser.add_argument("--city", type=Path, required=True)
    parser.add_argument("--name", default="")
    parser.add_argument("--system", default="")
    parser.add_argument("--run", default="")
    parser.add_argument("--address")
    parser.add_argument("--port", type=int)
    asked = parser.parse_args(argv)
    city = asked.city.resolve()
    try:
        if asked.action == "list":
            print(json.dumps(list_hosts(city)))
            return 0
        if not asked.name:
            parser.error(f"{asked.action} needs --name")
        if asked.action == "create":
            if not asked.address:
                parser.error("create needs --address")
            create(city, asked.name, asked.address, asked.port, {"system": asked.system, "run": asked.run})
        else:
            delete(city, asked.name)
    except OrchestratorError as error:
        print(error, file=sys.stderr)
        return int(error.exit_code)
    print(f"{asked.action}d {asked.name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
