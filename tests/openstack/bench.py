"""Twenty systems of two servers each, four at a time, made by bare `terraform apply`, and by the engine, on one cloud with the
fake compute driver. ``python -m tests.openstack.bench [SYSTEMS [ROUNDS]]``.

Prints seconds, their ratio, and how many calls of the cloud's API each of them made; asserts nothing.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from pathlib import Path

from orchestrator.tools import programs
from orchestrator.tools.terraform import root_module
from tests.lab.shell import run
from tests.openstack import parts
from tests.openstack.cloud import CALLER, LabCloud
from tests.openstack.machine import why_not
from tests.openstack.stage import MODULE, OWN, SERVER, Stage

AT_ONCE = 4


def inputs_of(number: int) -> dict[str, object]:
    """Two servers of a system, as in the demo's portal."""
    servers = {f"app-{number}": dict(SERVER, ports=[8001]), f"db-{number}": dict(SERVER)}
    return {"servers": servers, **OWN}


class Bare:
    """`terraform init` and `terraform apply` of the module, as a person would type them."""

    def __init__(self, folder: Path, number: int, enter: Callable[[], AbstractContextManager[None]]) -> None:
        self.folder, self.enter = folder / f"system-{number}", enter
        self.folder.mkdir(parents=True)
        values = {**inputs_of(number), "system_id": f"system-{number}", "run": "bare"}
        (self.folder / "main.tf.json").write_text(json.dumps(root_module(MODULE, sorted(values))))
        (self.folder / "terraform.tfvars.json").write_text(json.dumps(values))

    def make(self) -> None:
        with self.enter():
            self._terraform("init", "-no-color")
            self._terraform("apply", "-auto-approve", "-input=false", "-no-color")

    def _terraform(self, *words: str) -> str:
        return run([str(programs.find("terraform")), f"-chdir={self.folder}", *words], limit=1800)


class ByEngine:
    """What the step `provision` does."""

    def __init__(self, folder: Path, number: int, enter: Callable[[], AbstractContextManager[None]]) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.stage, self.enter = Stage(folder, f"system-{number}"), enter
        self.stage.inputs = dict(inputs_of(number))

    def make(self) -> None:
        with self.enter():
            self.stage.make()


IDENT = re.compile(r"[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}")
CALL = re.compile(rf'^{re.escape(CALLER)} (\S+) (\S+) \d|{re.escape(CALLER)}[ -].*"(\S+) (\S+) HTTP')
"""A line of the services behind uwsgi, and one of those with a server of their own."""


def count_calls(cloud: LabCloud) -> Counter[str]:
    """Calls that reached the cloud's services from outside so far, by service, deed and path: those among its own services are left out."""
    counted: Counter[str] = Counter()
    for service in ("keystone.out", "nova-api.out", "cinder-api.out", "neutron-server.log", "glance.log"):
        lines = cloud.execute("sh", "-c", f"grep -F '{CALLER}' /var/log/lab/{service} || true").splitlines()
        for found in filter(None, map(CALL.search, lines)):
            deed, path = (found[1], found[2]) if found[1] else (found[3], found[4])
            counted[f"{service.partition('.')[0]} {deed} {IDENT.sub('ID', path.partition('?')[0])}"] += 1
    return counted


def at_once(deeds: list[Callable[[], None]]) -> float:
    """Seconds for all of them, four at a time. A failed one raises."""
    began = time.monotonic()
    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(lambda deed: deed(), deeds))
    return time.monotonic() - began


def measure(cloud: LabCloud, kind: type[Bare] | type[ByEngine], folder: Path, systems: int) -> tuple[float, Counter[str]]:
    """Seconds, and calls of the cloud's API by kind. What was made is taken away again, unmeasured."""
    ways = [kind(folder, number, cloud.entered) for number in range(systems)]
    before = count_calls(cloud)
    making = at_once([way.make for way in ways])
    calls = count_calls(cloud) - before
    with cloud.entered():
        servers = [server for server in cloud.connect().compute.servers() if server.status == "ACTIVE"]
    if len(servers) != 2 * systems:
        raise SystemExit(f"{len(servers)} servers are ACTIVE, and {2 * systems} were asked for")
    with cloud.entered():
        cloud.clean()
    return making, calls


def print_calls(bare: Counter[str], engine: Counter[str]) -> None:
    """Of the last round, what makes the difference first."""
    print(f"\n{'calls of the last round':60} {'bare':>6} {'engine':>6}")
    for kind in sorted({*bare, *engine}, key=lambda kind: (bare[kind] - engine[kind], kind)):
        print(f"{kind:60} {bare[kind]:6} {engine[kind]:6}")


def main() -> None:
    """Brings a cloud up and prints a row for each measurement. Each way is measured in turn, round by round: the cloud's database
    grows, and neither way shall have the fresher one."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("systems", nargs="?", type=int, default=20)
    asked.add_argument("rounds", nargs="?", type=int, default=2)
    systems, rounds = asked.parse_args().systems, asked.parse_args().rounds
    if obstacle := why_not():
        sys.exit(f"no cloud can be brought up here: {obstacle}")
    configuration = parts.make_ready()
    cloud = LabCloud(f"{os.getpid()}-bench")
    try:
        cloud.up()
        os.environ.update(cloud.environment() | {"TF_CLI_CONFIG_FILE": str(configuration)})
        told: dict[str, list[float]] = {}
        counted: dict[str, Counter[str]] = {}
        print(f"{systems} systems x 2 servers, {AT_ONCE} at a time, {os.cpu_count()} cores\n")
        for turn in range(rounds):
            for kind in (Bare, ByEngine):
                with tempfile.TemporaryDirectory() as folder:
                    making, counted[kind.__name__] = measure(cloud, kind, Path(folder), systems)
                told.setdefault(kind.__name__, []).append(making)
                print(f"{turn + 1}  {kind.__name__:9}  made in {making:6.1f} s with {counted[kind.__name__].total()} calls", flush=True)
        print_calls(counted["Bare"], counted["ByEngine"])
        bare, engine = (min(told[kind.__name__]) for kind in (Bare, ByEngine))
        print(f"\nthe engine takes {engine / bare:.2f} of bare terraform's time (best of {rounds}; load now: {os.getloadavg()[0]:.1f})")
    finally:
        cloud.down()


if __name__ == "__main__":
    main()
