"""What hosts said → facts. Pure, and made for hostile text: what does not parse is left out."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from typing import Any

from orchestrator.inventory.yaml_in import documents_of


@dataclass(frozen=True)
class Listener:
    address: str
    port: int
    process: str


@dataclass(frozen=True)
class Connection:
    """An established TCP connection as the host sees it."""

    local: str
    local_port: int
    peer: str
    peer_port: int
    process: str


@dataclass(frozen=True)
class FoundDatabase:
    """``keyless`` (no usable replica identity), ``large_objects``, ``unlogged``: what logical replication does not carry (PostgreSQL);
    ``slots``: replication slots and senders that its configuration leaves; None: not seen."""

    engine: str
    version: str
    port: int | None
    name: str = ""
    size_gb: float | None = None
    wal_level: str = ""
    keyless: int | None = None
    large_objects: int | None = None
    unlogged: int | None = None
    extensions: tuple[str, ...] = ()
    keyless_tables: tuple[str, ...] = ()
    """The first few of them."""
    slots: int | None = None


@dataclass(frozen=True)
class FoundDevice:
    rule: str
    zh: str
    en: str
    text: str


@dataclass(frozen=True)
class HostFacts:
    """Everything that was learnt of one host. Sizes in GB (2**30 bytes)."""

    host: str
    os: str = ""
    kernel: str = ""
    processor: str = ""
    vcpus: int | None = None
    memory_gb: float | None = None
    disk_gb: float | None = None
    disk_used_gb: float | None = None
    addresses: tuple[str, ...] = ()
    listening: tuple[Listener, ...] = ()
    established: tuple[Connection, ...] = ()
    databases: tuple[FoundDatabase, ...] = ()
    devices: tuple[FoundDevice, ...] = ()
    problems: tuple[str, ...] = field(default=())


@cache
def rules() -> Mapping[str, Any]:
    """``rules.yaml``: devices and engines that are recognised."""
    text = (resources.files("orchestrator.discovery") / "rules.yaml").read_text("utf-8")
    found: Mapping[str, Any] = documents_of(text, "rules.yaml")[0]
    return found


def read_facts(host: str, sections: Mapping[str, str], problem: str = "", elsewhere: Collection[str] = ()) -> HostFacts:
    """Facts from the sections of a survey. ``elsewhere``: addresses of other hosts of the inventory. Where several hosts share a machine
    (containers, several addresses), what is bound to the address of another is that other's."""
    kernel = sections.get("uname", "").split("\n", 1)[0][:200]
    anybody = _listening(sections)
    listening = tuple(one for one in anybody if one.address not in elsewhere)
    size, used = _disks(sections.get("disks", ""))
    return HostFacts(
        host=host,
        os=_os(sections.get("os", "")),
        kernel=kernel,
        processor=kernel.split()[-1][:40] if kernel.strip() else "",
        vcpus=_integer(sections.get("cpus", "")),
        memory_gb=_gigabytes(sections.get("memory", ""), 2**20),
        disk_gb=size,
        disk_used_gb=used,
        addresses=tuple(one for one in _addresses(sections.get("addresses", "")) if one not in elsewhere),
        listening=listening,
        established=tuple(one for one in _established(sections) if one.local not in elsewhere),
        databases=_databases(sections, listening, {one.process for one in anybody}),
        devices=_devices(sections),
        problems=(problem,) if problem else () if "end" in sections or not sections else ("the answer was cut off",),
    )


def _os(text: str) -> str:
    pretty = re.search(r'^PRETTY_NAME="?([^"\n]{1,200})"?', text, re.MULTILINE)
    return pretty.group(1).strip() if pretty else text.split("\n", 1)[0][:200]


def _integer(text: str) -> int | None:
    found = re.match(r"\s*(\d{1,9})\s*$", text.split("\n", 1)[0])
    return int(found.group(1)) if found and int(found.group(1)) > 0 else None


def _gigabytes(text: str, unit: int) -> float | None:
    found = re.match(r"\s*(\d{1,18})\s*$", text.split("\n", 1)[0])
    return round(int(found.group(1)) / unit, 2) if found and int(found.group(1)) > 0 else None


def _disks(text: str) -> tuple[float | None, float | None]:
    """Size and use of all local file systems, each device once, memory file systems left out."""
    devices: dict[str, tuple[int, int]] = {}
    for line in text.splitlines()[1:]:
        parts = line.split()
        if len(parts) >= 6 and parts[1].isdigit() and parts[2].isdigit() and parts[0] not in {"tmpfs", "devtmpfs", "udev", "none", "shm"}:
            devices.setdefault(parts[0], (int(parts[1][:18]), int(parts[2][:18])))
    if not devices:
        return None, None
    return round(sum(size for size, _ in devices.values()) / 2**20, 2), round(sum(used for _, used in devices.values()) / 2**20, 2)


def _ip(text: str) -> str:
    """An address in one spelling: no zone, no brackets, IPv4 in IPv6 as IPv4. Empty when it is none; ``*`` stays."""
    plain = text.strip("[]").split("%", 1)[0]
    if plain == "*":
        return plain
    try:
        address = ipaddress.ip_address(plain)
    except ValueError:
        return ""
    mapped = getattr(address, "ipv4_mapped", None)
    return str(mapped or address)


def _end(text: str) -> tuple[str, int] | None:
    host, _, port = text.rpartition(":")
    address = _ip(host)
    return (address, int(port)) if address and port.isdigit() and 0 < int(port[:6]) < 65536 else None


def _addresses(text: str) -> tuple[str, ...]:
    found = re.findall(r"\binet6? ([0-9A-Fa-f.:]{2,45})/", text)
    return tuple(dict.fromkeys(address for one in found if (address := _ip(one)) and not ipaddress.ip_address(address).is_loopback))


def _process(line: str) -> str:
    found = re.search(r'users:\(\("([^"]{1,60})"', line)
    return found.group(1) if found else ""


def _listening(sections: Mapping[str, str]) -> tuple[Listener, ...]:
    found: dict[tuple[str, int], Listener] = {}
    for line in sections.get("listening", "").splitlines():
        parts = line.split()
        end = _end(parts[3]) if len(parts) >= 5 and parts[0] == "LISTEN" else None
        if end:
            found.setdefault(end, Listener(*end, _process(line)))
    for local, _, state in _proc_tcp(sections):
        if state == "0A":
            found.setdefault(local, Listener(*local, ""))
    return tuple(found[at] for at in sorted(found, key=lambda at: (at[1], at[0])))


def _established(sections: Mapping[str, str]) -> tuple[Connection, ...]:
    found: dict[tuple[str, int, str, int], Connection] = {}
    for line in sections.get("established", "").splitlines():
        parts = line.split()
        ends = [end for part in parts if ":" in part and (end := _end(part))][:2]
        if len(ends) == 2:
            found.setdefault((*ends[0], *ends[1]), Connection(*ends[0], *ends[1], _process(line)))
    for local, peer, state in _proc_tcp(sections):
        if state == "01" and peer[1]:
            found.setdefault((*local, *peer), Connection(*local, *peer, ""))
    return tuple(found.values())


def _proc_tcp(sections: Mapping[str, str]) -> list[tuple[tuple[str, int], tuple[str, int], str]]:
    """/proc/net/tcp, where there is no ss: (local, peer, state)."""
    found = []
    for line in sections.get("proc_tcp", "").splitlines():
        match = re.match(r"\s*\d+: ([0-9A-F]{8}|[0-9A-F]{32}):([0-9A-F]{4}) ([0-9A-F]{8}|[0-9A-F]{32}):([0-9A-F]{4}) ([0-9A-F]{2}) ", line)
        if match:
            local, local_port, peer, peer_port, state = match.groups()
            found.append(((_hex_ip(local), int(local_port, 16)), (_hex_ip(peer), int(peer_port, 16)), state))
    return found


def _hex_ip(text: str) -> str:
    words = [bytes.fromhex(text[at : at + 8])[::-1] for at in range(0, len(text), 8)]
    return _ip(str(ipaddress.ip_address(b"".join(words))))


def _databases(sections: Mapping[str, str], listening: tuple[Listener, ...], serving: set[str]) -> tuple[FoundDatabase, ...]:
    """``serving``: processes that listen anywhere on the machine; one that runs and listens nowhere is named without a port."""
    found: list[FoundDatabase] = []
    for name, text in sections.items():
        if name.startswith("postgresql ") and name[11:].isdigit():
            found += _postgresql(int(name[11:]), text)
    engines: Mapping[str, str] = rules()["engines"]
    seen = {(database.engine, database.port) for database in found}
    for one in listening:
        engine = engines.get(one.process)
        if engine and (engine, one.port) not in seen:
            version = re.search(r"\b(\d+\.\d+(?:\.\d+)?)", sections.get("mysql", "")) if engine in {"mysql", "mariadb"} else None
            found.append(FoundDatabase(engine, version.group(1) if version else "", one.port))
            seen.add((engine, one.port))
    running = set(sections.get("processes", "").split("\n"))
    for process, engine in engines.items():
        if process in running - serving and not any(known == engine for known, _ in seen):
            found.append(FoundDatabase(engine, "", None))
            seen.add((engine, None))
    return tuple(found)


_LEVELS = {"minimal": "minimal", "archive": "replica", "hot_standby": "replica", "replica": "replica", "logical": "logical"}
"""wal_level; before 9.6 the middle one had two names."""


def _postgresql(port: int, text: str) -> list[FoundDatabase]:
    version, level, slots = "", "", None
    sizes: dict[str, float | None] = {}
    details: dict[str, list[str]] = {}
    for line in text.splitlines():
        parts = line.split("|")
        if parts[0] == "server" and len(parts) == 4:
            version, level, slots = parts[1].split(" ")[0][:20], _LEVELS.get(parts[2], ""), _count(parts[3])
        elif parts[0] == "database" and len(parts) == 3:
            sizes[parts[1][:63]] = round(int(parts[2][:18]) / 2**30, 3) if parts[2].isdecimal() else None
        elif parts[0] == "detail" and len(parts) == 7:
            details[parts[1][:63]] = parts[2:]
    if not sizes:
        return [FoundDatabase("postgresql", version, port, wal_level=level, slots=slots)]
    found = []
    for name, size in sizes.items():
        keyless, large, unlogged, extensions, tables = details.get(name, [""] * 5)
        found.append(
            FoundDatabase(
                "postgresql", version, port, name, size, level, _count(keyless), _count(large), _count(unlogged),
                _words(extensions), _words(tables), slots,
            )
        )  # fmt: skip
    return found


def _count(text: str) -> int | None:
    return int(text[:9]) if text.isdecimal() else None


def _words(text: str) -> tuple[str, ...]:
    return tuple(word[:130] for word in text.split(",")[:40] if word)


def _devices(sections: Mapping[str, str]) -> tuple[FoundDevice, ...]:
    found = []
    for where in ("usb", "pci", "serial"):
        for line in sections.get(where, "").splitlines()[:300]:
            words = line.casefold()
            for rule in rules()["devices"]:
                if rule["where"] == where and "root hub" not in words and any(part in words for part in rule["parts"]):
                    found.append(FoundDevice(rule["id"], rule["zh"], rule["en"], line.strip()[:200]))
                    break
    return tuple(found)
