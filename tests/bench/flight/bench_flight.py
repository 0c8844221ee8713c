"""Many migrations in flight at once, on one controller and on two that share a journal on PostgreSQL: ``make bench-flight``.

    python -m tests.bench.flight.bench_flight [--each 20] [--out FILE]

Each system is a web site on a host of its own, moved by the real engine with real Ansible, Terraform, rsync and HAProxy to *accepted*; the
hosts are simulated (the embedded city's: an sshd and a folder each). A controller is one `orchestrator migrate` of ``--each`` systems, held
to one core together with its old hosts; a second one has the other core. Printed: systems a minute of one and of two controllers, the
engine's own CPU seconds beside those of the programs that it started, memory a migration; before that, a server made and prepared by the
engine's tools beside `terraform` and `ansible-playbook` by hand. It asserts nothing.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import yaml

from orchestrator.embedded.city import City
from orchestrator.embedded.people import OPERATOR, People
from orchestrator.engine.session import Session
from orchestrator.journal.actors import simulated
from orchestrator.settings import Settings
from tests.bench.flight.bare import compare
from tests.contracts.mover.servers import Servers
from tests.support.cluster import database

CHECKOUT = Path(__file__).resolve().parents[3]
APPROVER = simulated("wang")
LOOK_SECONDS = 0.5


def write_inventory(folder: Path, count: int) -> list[str]:
    """The demo city with ``count`` web sites in it and nothing else. Their ids."""
    shutil.copytree(CHECKOUT / "inventories/demo", folder)
    culture = folder / "culture.yaml"
    website = next(each for each in yaml.safe_load(culture.read_text("utf-8"))["systems"] if each["id"] == "culture-website")
    website |= {"services": website["services"][:1], "trial_run_seconds": 2}
    systems = []
    for number in range(count):
        text = json.dumps(website, ensure_ascii=False, default=str)
        text = text.replace('"web-1"', f'"web-{number}"').replace('"web-a"', f'"web-a-{number}"').replace('"website"', f'"website-{number}"')
        one = json.loads(text) | {"id": f"site-{number}", "name": f"网站{number}", "row_no": 100 + number}
        one["hosts"][0]["address"] = f"127.20.{4 + number // 200}.{1 + number % 200}"
        systems.append(one)
    for file in folder.glob("*.yaml"):
        document = yaml.safe_load(file.read_text("utf-8"))
        if isinstance(document, dict) and "systems" in document:
            document["systems"] = systems if file == culture else []
            file.write_text(yaml.safe_dump(document, allow_unicode=True, sort_keys=False), "utf-8")
    sites = yaml.safe_load((folder / "sites.yaml").read_text("utf-8"))
    room = next(site for site in sites["sites"] if site["kind"] == "room")
    room["address_range"] = "127.20.0.0/17"
    sites["entry"]["ports"] = {f"website-{number}": 9000 + number for number in range(count)}
    (folder / "sites.yaml").write_text(yaml.safe_dump(sites, allow_unicode=True, sort_keys=False), "utf-8")
    return [system["id"] for system in systems]


@dataclass
class Controller:
    """One `orchestrator migrate` on a core of its own."""

    core: int
    systems: list[str]
    process: psutil.Popen | None = None
    peak: int = 0
    """Bytes of the engine itself, shared pages counted once for each sharer."""
    peak_all: int = 0
    """With the programs that it started."""
    own: float = 0.0
    """CPU seconds of the engine itself."""
    children: float = 0.0
    code: int = -1
    _files: list[Any] = field(default_factory=list)

    def start(self, folder: Path, environment: dict[str, str]) -> None:
        argv = [sys.executable, "-m", "orchestrator.cli.main", "migrate", "--wait", "--direct", "--log", "json"]
        argv += [word for system in self.systems for word in ("--system", system)]
        log = (folder / f"controller-{self.core}.log").open("wb")
        self.process = psutil.Popen(["taskset", "-c", str(self.core), *argv], cwd=folder, env=environment, stdout=log, stderr=log)

    def look(self) -> None:
        try:
            family = [self.process, *self.process.children(recursive=True)]
            self.peak = max(self.peak, self.process.memory_info().rss)
            spent = self.process.cpu_times()
            self.own, self.children = spent.user + spent.system, spent.children_user + spent.children_system
        except psutil.Error:
            return
        whole = 0
        for each in family:
            try:
                whole += each.memory_info().rss
            except psutil.Error:
                continue
        self.peak_all = max(self.peak_all, whole)


def fly(controllers: Sequence[Controller], servers: Servers, folder: Path, database_name: str) -> dict[str, Any]:
    """A city with the controllers' systems, moved. What it took."""
    systems = write_inventory(folder / "seed", sum(len(each.systems) for each in controllers))
    city = City(folder / "city", inventory=folder / "seed")
    began = time.monotonic()
    city.up()
    try:
        for controller in controllers:
            for system in controller.systems:
                for record in city.book.records(f"web-{system.rpartition('-')[2]}"):
                    psutil.Process(record.pid).cpu_affinity([controller.core])
        print(f"the city stands after {time.monotonic() - began:.0f} s", file=sys.stderr)
        journal = database(servers, "source", database_name, "psycopg")
        environment = os.environ | city.settings_environment() | {
            "ORCHESTRATOR_STATE": str(folder / "state"), "ORCHESTRATOR_JOURNAL": journal, "PYTHONPATH": str(CHECKOUT),
        }  # fmt: skip
        session = Session(Settings(state=folder / "state", journal=journal, **city.settings()), OPERATOR)
        plan = session.plan
        session.journal.save_plan(plan.digest, plan.model_dump_json(), actor=str(OPERATOR))
        session.decisions.approve_plan(plan.digest, actor=APPROVER)
        with People(session, city, lambda _system: True, lambda: None) as people:
            began = time.monotonic()
            for controller in controllers:
                controller.start(folder, environment)
            at_once = 0
            while any(each.process.poll() is None for each in controllers):
                for each in controllers:
                    each.look()
                under_way = sum(row.state != "ended" for row in session.journal.migrations())
                at_once = max(at_once, under_way)
                time.sleep(LOOK_SECONDS)
            seconds = time.monotonic() - began
        for each in controllers:
            each.code = each.process.returncode
        rows = session.journal.migrations()
        accepted = sum(row.ending == "accepted" for row in rows)
        return {
            "controllers": len(controllers), "systems": len(systems), "at_once": at_once, "accepted": accepted, "seconds": round(seconds, 1),
            "per_minute": round(60 * accepted / seconds, 2), "engine_cpu_s": round(sum(each.own for each in controllers), 1),
            "programs_cpu_s": round(sum(each.children for each in controllers), 1),
            "engine_mb": [round(each.peak / 2**20) for each in controllers], "with_programs_mb": [round(each.peak_all / 2**20) for each in controllers],
            "codes": [each.code for each in controllers], "problems": people.problems[:5],
            "why": sorted({str(row.why) for row in rows if row.ending != "accepted"})[:5],
        }  # fmt: skip
    finally:
        city.down()


def beside_bare(folder: Path, rounds: int) -> dict[str, Any]:
    """See ``bare``, in a city of one web site."""
    write_inventory(folder / "seed", 1)
    city = City(folder / "city", inventory=folder / "seed")
    city.up()
    try:
        return compare(city, folder, rounds)
    finally:
        city.down()


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Many migrations in flight, on one controller and on two.")
    parser.add_argument("--each", type=int, default=20, help="systems of one controller")
    parser.add_argument("--controllers", default="1,2")
    parser.add_argument("--rounds", type=int, default=10, help="servers made and prepared by the engine's tools and by hand")
    parser.add_argument("--out", type=Path)
    asked = parser.parse_args(argv)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # its cities and servers end with it
    found = []
    folder = Path(tempfile.mkdtemp(prefix="orc-flight-"))
    folder.chmod(0o755)
    try:
        if asked.rounds:
            found.append(beside_bare(folder / "bare", asked.rounds))
            print(json.dumps(found[-1]), flush=True)
        with Servers(folder / "shared") as servers:
            for number in map(int, filter(None, asked.controllers.split(","))):
                controllers = [
                    Controller(core, [f"site-{core * asked.each + index}" for index in range(asked.each)]) for core in range(number)
                ]
                place = folder / f"with-{number}"
                place.mkdir()
                found.append(fly(controllers, servers, place, f"journal_{number}"))
                print(json.dumps(found[-1], ensure_ascii=False), flush=True)
    finally:
        if not os.environ.get("KEEP"):
            shutil.rmtree(folder, ignore_errors=True)
    if asked.out:
        asked.out.write_text(json.dumps(found, indent=1), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
