"""The simulated courier: switches hosts and the device off, carries them, switches them on. Nothing else is done on the way."""

from __future__ import annotations

import os
import signal
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil

from orchestrator.embedded import hosts
from orchestrator.embedded.processes import Book, Record, end, wait_for
from orchestrator.errors import Refused, ToolError

FAST = signal.SIGINT
"""PostgreSQL's fast shutdown: sessions are ended, everything is on disk."""
_POSTMASTER = "postmaster.pid"


def _postmasters(city: Path, host: str | None) -> list[psutil.Process]:
    """Running PostgreSQL servers of a host (of all), whoever started them."""
    found = []
    pattern = f"hosts/{host or '*'}/**/{_POSTMASTER}"
    for path in city.glob(pattern):
        with suppress(psutil.Error, ValueError, IndexError, OSError):
            lines = path.read_text(encoding="utf-8").splitlines()
            process = psutil.Process(int(lines[0]))
            if abs(process.create_time() - int(lines[2])) < 10 and process.name() == "postgres":
                found.append(process)
    return found


def shut_down_postgres(city: Path, host: str | None = None) -> None:
    """Fast shutdown of every PostgreSQL server of a host (of all hosts) that still runs."""
    end(_postmasters(city, host), first=FAST, grace=10)


def power_off(city: Path, host: str) -> list[str]:
    """Names of what was still running: PostgreSQL is shut down, everything else loses power at once. Twice is once."""
    book = Book(city)
    strays = book.strays(host)
    running = []
    for process in strays:
        with suppress(psutil.Error):
            running.append(process.name())
    shut_down_postgres(city, host)
    for _ in range(20):
        left = book.strays(host)
        if not left:
            break
        end(left, first=signal.SIGKILL)
    else:
        raise ToolError(f"{host} will not go off", where=host, remedy="end its processes, then try again", retryable=True)
    for record in book.records(host):
        book.forget(record)
    return sorted(running)


def transport(city: Path, host: str, new_address: str) -> None:
    """The host's place becomes another address. Raises Refused when it is switched on or the place is taken."""
    _, port = hosts.address_of(city, host)
    if Book(city).strays(host):
        raise Refused(f"{host} is switched on", where=host, remedy="power it off first")
    for other, (address, _) in hosts.all_hosts(city).items():
        if address == new_address and other != host:
            raise Refused(f"{new_address} belongs to {other}", where=host, remedy="choose a free address")
    (city / "addresses" / host).write_text(f"{new_address} {port}\n", encoding="utf-8")
    hosts.know(city, host, new_address, port)


def power_on(city: Path, host: str) -> None:
    """Its sshd answers at its place when this returns. Twice is the same as once."""
    address, port = hosts.address_of(city, host)
    record = Book(city).get(f"{host}.sshd")
    if record is None or not Book(city).alive(record):
        hosts.start(city, host, address, port)
    hosts.wait(city, host)


# ---------------------------------------------------------------- the device


def _record(city: Path, name: str) -> Record | None:
    return Book(city).get(f"device.{name}")


def switch_on_device(city: Path, item: dict[str, Any], address: str) -> None:
    """Switch the device of the inventory's entry ``item`` on at an address; returns when its management answers."""
    name, port = item["name"], item["management_port"]
    folder = city / "devices" / name
    argv = [sys.executable, "-m", "orchestrator.embedded.device", "--folder", str(folder), "--name", name, "--address", address]
    argv += ["--management-port", str(port), "--user", item["management_user"], "--secret", item["secret"].removeprefix("file:")]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[2])}
    log = city / "log" / f"{name}.log"
    record = Book(city).start(f"device.{name}", argv, cwd=folder, log=log, env=environment)
    hosts.know(city, name, address, port, folder / "host_key")

    def answers() -> bool:
        if not Book(city).alive(record):
            raise ToolError(f"device {name} ended", where=address, remedy=f"look at {log}")
        return hosts.listens(address, port)

    wait_for(answers, what=f"device {name}", seconds=20)


def power_off_device(city: Path, name: str) -> None:
    """Unplug it. Twice is the same as once."""
    record = _record(city, name)
    if record is not None:
        Book(city).stop([record], first=signal.SIGKILL)


def move_device(city: Path, item: dict[str, Any], new_address: str) -> None:
    """Unplug, carry, plug in. Raises Refused when a host has the address."""
    for other, (address, _) in hosts.all_hosts(city).items():
        if address == new_address:
            raise Refused(f"{new_address} belongs to {other}", where=item["name"], remedy="choose a free address")
    power_off_device(city, item["name"])
    switch_on_device(city, item, new_address)
