"""Places the demo inventory on this machine: free loopback addresses, folders for hosts, the current account, today's dates.

The user's folder is only read. The placed copy is written to ``<city>/inventory/``; comments do not survive.
"""

from __future__ import annotations

import datetime as dt
import errno
import getpass
import json
import os
import re
import socket
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import yaml

from orchestrator.errors import Refused

FIRST, LAST = 20, 119
"""Second octets that a city may take."""
OFFSETS = (0, 10000, 20000, 30000)
"""Added to every port when something on this machine listens on one of ours on all addresses."""
CLAIM_PORT = 9998
"""``127.<slot>.0.1:9998`` (plus offset) is held while a city owns the slot; no other part of the city uses it."""
_OURS = re.compile(r"\b127\.20\.(\d{1,3})\.(\d{1,3})\b")
_PORT_KEYS = ("port", "ssh_port", "management_port", "runtime_port")
SSH_PORT = 2222


@dataclass(frozen=True)
class Placement:
    """Where a city stands: the second octet of its addresses, and what is added to every port."""

    slot: int
    offset: int

    def address(self, text: str) -> str:
        """The text with every address of the demo city shifted to this slot."""
        return _OURS.sub(rf"127.{self.slot}.\1.\2", text)

    def port(self, port: int) -> int:
        return port + self.offset

    def save(self, city: Path) -> None:
        (city / "placement.json").write_text(json.dumps(asdict(self)), encoding="utf-8")

    @classmethod
    def load(cls, city: Path) -> Placement:
        """Raises Refused when the city was never brought up."""
        try:
            return cls(**json.loads((city / "placement.json").read_text(encoding="utf-8")))
        except FileNotFoundError as error:
            raise Refused(f"no embedded city in {city}", remedy="run: orchestrator embedded up") from error


def read(folder: Path) -> dict[str, Any]:
    """Every YAML file of an inventory folder, by file name. Raises Refused for one that is not a mapping."""
    documents: dict[str, Any] = {}
    for path in sorted(folder.glob("*.yaml")):
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
        if not isinstance(document, dict):
            raise Refused(f"{path.name} is not a mapping", where=str(path), remedy="compare it with inventories/demo")
        documents[path.name] = document
    if "sites.yaml" not in documents:
        raise Refused(f"no sites.yaml in {folder}", where=str(folder), remedy="give the folder of an inventory")
    return documents


def place(documents: dict[str, Any], city: Path, where: Placement, today: dt.date) -> None:
    """Write the placed copy of ``documents`` to ``<city>/inventory/``. ``city`` must be absolute."""
    target = city / "inventory"
    target.mkdir(parents=True, exist_ok=True)
    weeks = _weeks(documents.get("program.yaml", {}), today)
    for name, document in documents.items():
        placed = _shift(document, where)
        for system in placed.get("systems", ()):
            _place_system(system, city)
        if name == "sites.yaml":
            _place_sites(placed, city)
        if name == "program.yaml":
            placed["starts"] += weeks
            for phase in placed["phases"]:
                phase["due"] += weeks
        text = yaml.dump(placed, allow_unicode=True, sort_keys=False, width=160)
        (target / name).write_text(text, encoding="utf-8")


def _shift(value: Any, where: Placement, key: str = "") -> Any:
    if isinstance(value, dict):
        return {name: _shift(part, where, "port" if key == "ports" else name) for name, part in value.items()}
    if isinstance(value, list):
        return [_shift(part, where) for part in value]
    if isinstance(value, str):
        return where.address(value)
    if key in _PORT_KEYS and isinstance(value, int):
        return where.port(value)
    return value


def host_folder(city: Path, host: str) -> Path:
    """Where a host's files are: its home, and the root of all its absolute paths."""
    return city / "hosts" / host


def _in_host(city: Path, host: str, path: str) -> str:
    return str(host_folder(city, host)) + path if path.startswith("/") else path


def _kind(city: Path, host: str) -> dict[str, str]:
    """What distinguishes a host of the city from a machine: plain processes in a folder, all under one account."""
    return {"ssh_user": getpass.getuser(), "manager": "processes", "root": str(host_folder(city, host)), "python": host_python()}


def host_python() -> str:
    """Python for what runs on the hosts: ours, without the virtual environment."""
    return os.path.realpath(sys.executable)


def _secret(city: Path, reference: str) -> str:
    kind, _, path = reference.partition(":")
    return f"file:{city}{path}" if kind == "file" and path.startswith("/secrets/") else reference


def _place_system(system: dict[str, Any], city: Path) -> None:
    for host in system.get("hosts", ()):
        host.update(_kind(city, host["name"]))
    for tree in system.get("file_trees", ()):
        tree["path"] = _in_host(city, tree["host"], tree["path"])
    for service in system.get("services", ()):
        service["command"] = [_in_host(city, service["host"], part) for part in service.get("command", ())]
        environment = service.get("environment", {})
        service["environment"] = {name: _in_host(city, service["host"], value) for name, value in environment.items()}
    for thing in (*system.get("databases", ()), *system.get("devices", ())):
        for key in ("secret", "admin_secret"):
            if key in thing:
                thing[key] = _secret(city, thing[key])
        if "data_directory" in thing:
            thing["data_directory"] = _in_host(city, thing["host"], thing["data_directory"])


def _place_sites(document: dict[str, Any], city: Path) -> None:
    for site in document.get("sites", ()):
        site["gateway"].update(_kind(city, site["gateway"]["name"]))
        if "tcp" in site:
            site["tcp"]["folder"] = _in_host(city, site["tcp"]["host"], site["tcp"]["folder"])
        pool = site.get("pgbouncer")
        if pool:
            pool["databases_file"] = _in_host(city, pool["host"], pool["databases_file"])
            pool["secret"] = _secret(city, pool["secret"])
    _place_entry(document.get("entry") or {}, city)


def _place_entry(entry: dict[str, Any], city: Path) -> None:
    """Where its host may be worked on."""
    if "ssh" in entry:
        entry["ssh"].update(_kind(city, entry["host"]))
    if "config_file" in entry:
        entry["config_file"] = _in_host(city, entry["host"], entry["config_file"])


def _weeks(program: dict[str, Any], today: dt.date) -> dt.timedelta:
    """The smallest shift by whole weeks that brings ``today`` into phase 1."""
    if not program:
        return dt.timedelta()
    start, due = program["starts"], program["phases"][0]["due"]
    if due - start < dt.timedelta(days=6):
        raise Refused("phase 1 is shorter than a week", where="program.yaml", remedy="give it at least seven days")
    if today > due:
        return dt.timedelta(weeks=_up(today - due))
    if today < start:
        return dt.timedelta(weeks=-_up(start - today))
    return dt.timedelta()


def _up(span: dt.timedelta) -> int:
    """Whole weeks, rounded up."""
    return (span.days + 6) // 7


# ---------------------------------------------------------------- a free slot


def endpoints(documents: dict[str, Any]) -> set[tuple[str, int]]:
    """Every (address, port) that the city will listen on, as the inventory writes them."""
    found: set[tuple[str, int]] = set()

    def walk(value: Any) -> None:
        if isinstance(value, list):
            for part in value:
                walk(part)
        if isinstance(value, dict):
            address = value.get("address")
            if isinstance(address, str) and _OURS.fullmatch(address):
                found.update((address, value[key]) for key in _PORT_KEYS if isinstance(value.get(key), int))
                found.add((address, SSH_PORT))
            for part in value.values():
                walk(part)

    for document in documents.values():
        walk(document)
        for system in document.get("systems", ()):
            addresses = {host["name"]: host["address"] for host in system.get("hosts", ())}
            for part in (*system.get("databases", ()), *system.get("services", ())):
                if "port" in part:
                    found.add((addresses[part["host"]], part["port"]))
    for site in documents["sites.yaml"].get("sites", ()):
        held = site.get("tcp", {})
        found.update((held["address"], port) for port in held.get("ports", {}).values())
    edge = documents["sites.yaml"].get("entry")
    if edge:
        found.update((edge["address"], port) for port in edge["ports"].values())
    return found


def claim(documents: dict[str, Any]) -> tuple[Placement, socket.socket]:
    """A slot whose addresses and ports are all free, and the listening socket that holds it.

    The slot stays ours as long as a process keeps that socket open. Raises Refused when none is free.
    """
    wanted = endpoints(documents)
    for offset in OFFSETS:
        for slot in range(FIRST, LAST + 1):
            where = Placement(slot, offset)
            holder = _listen(f"127.{slot}.0.1", where.port(CLAIM_PORT))
            if holder is None:
                if _taken_everywhere({CLAIM_PORT}, where):
                    break
                continue
            taken = [end for end in wanted if not _free(where.address(end[0]), where.port(end[1]))]
            if not taken:
                return where, holder
            holder.close()
            if _taken_everywhere({port for _, port in taken}, where):
                break
    raise Refused("no free loopback addresses for the embedded city", remedy="end another city (orchestrator embedded down), try again")


def _taken_everywhere(ports: set[int], where: Placement) -> bool:
    """Something listens on one of these ports on all addresses: another slot would not help, other ports do."""
    return any(not _free("127.255.254.253", where.port(port)) for port in ports)


def _listen(address: str, port: int) -> socket.socket | None:
    holder = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        holder.bind((address, port))
        holder.listen(1)
    except OSError as error:
        holder.close()
        if error.errno not in (errno.EADDRINUSE, errno.EACCES):
            raise
        return None
    return holder


def _free(address: str, port: int) -> bool:
    holder = _listen(address, port)
    if holder is None:
        return False
    holder.close()
    return True


def strings(value: Any) -> Iterator[str]:
    """Every string in a document; for checks that nothing was left unplaced."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for part in value.values():
            yield from strings(part)
    elif isinstance(value, list):
        for part in value:
            yield from strings(part)
