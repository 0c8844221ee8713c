"""Starts, holds and ends the load from the city's side; the load itself shares no code with anything (load.py)."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg

from orchestrator.embedded import judge
from orchestrator.embedded.city import BEHIND_POOL, LOAD, City
from orchestrator.embedded.processes import Record, wait_for
from orchestrator.steps.world import SUFFIX

KINDS = {
    "citizen-portal": "portal", "property-register": "register", "social-insurance": "insurance", "weather-bulletin": "weather",
    "library-desk": "lending", "culture-website": "website",
}  # fmt: skip
RATES = {"portal": 40, "register": 25, "insurance": 20, "weather": 25, "lending": 20, "website": 15}
"""Writes a second, 145 in all."""
CONNECTIONS = 4
TABLES = {"portal": "requests", "register": "registrations", "insurance": "contributions", "weather": "bulletins", "lending": "loan"}
TEXTS = {"portal": "body", "weather": "text", "lending": "title"}
"""Columns with the text that a citizen sent, where one is sent."""
FILES = {"citizen-portal": ("portal-web-1", "UPLOADS"), "culture-website": ("web-a", "PAGES")}
"""Service and its variable that say where the files are that citizens write."""
FORETOLD = {"library-desk": CONNECTIONS}
"""Requests that each cutover fails: nothing holds a MariaDB session, so every connection that is open sees one error."""
MUTABLE = {"social-insurance": ("people",)}
"""Tables whose old rows the application updates."""
NAME = LOAD


def config(city: City, out: Path, rates: dict[str, float] | None = None, only: Iterable[str] = ()) -> dict[str, Any]:
    """The load's configuration for a placed city; ``out`` is the folder of the ledgers, ``only`` the systems that are written to;
    one without citizens is left out."""
    systems: dict[str, Any] = {}
    wanted = list(only) or list(KINDS)
    for system in (one for one in wanted if one in KINDS):
        kind = KINDS[system]
        part: dict[str, Any] = {"kind": kind, "rate": (rates or {}).get(system, RATES[kind]), "connections": CONNECTIONS}
        if kind in ("weather", "lending"):
            part["dsn"] = pooled_dsn(city, system)
        else:
            part["url"] = city.entry_url(kind)
        systems[system] = part
    return {"out": str(out.resolve()), "systems": systems}


def pooled_dsn(city: City, system: str) -> str:
    """The application's way to its database, by the old room's gateway where it has one there. Has the password in it."""
    source = city.source_database(system)
    if source.engine == "mariadb":
        gateway = city.site("room")["tcp"]
        return replace(source, address=gateway["address"], port=gateway["ports"][source.name]).dsn(admin=False)
    pool = city.site("room")["pgbouncer"]
    pooled = source.name in BEHIND_POOL
    return psycopg.conninfo.make_conninfo(
        host=pool["address"] if pooled else source.address,
        port=pool["port"] if pooled else source.port,
        dbname=source.name,
        user=source.role,
        password=source.secret.read_text(encoding="utf-8").strip(),
        connect_timeout=10,
    )


def start(city: City, out: Path, *, only: Iterable[str] = (), rates: dict[str, float] | None = None, max_seconds: float = 1800) -> Record:
    """Start the load as a process of the city (``down`` ends it too). Ledgers: ``<out>/<system>.jsonl``."""
    out.mkdir(parents=True, exist_ok=True)
    path = out / "config.json"
    path.touch(mode=0o600)
    path.write_text(json.dumps(config(city, out, rates, only)), encoding="utf-8")
    hold(out, ())
    argv = [sys.executable, "-m", "orchestrator.embedded.load", "--config", str(path), "--max-seconds", str(max_seconds)]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[2])}
    return city.book.start(NAME, argv, cwd=out, log=out / "load.log", env=environment)


def hold(out: Path, systems: Iterable[str], *, wait: float = 0) -> None:
    """Hold the load of exactly these systems, let all others go on; with ``wait`` > 0, return when nothing of theirs is under way.

    Raises ToolError when that takes longer than ``wait`` seconds.
    """
    wanted = sorted(systems)
    temporary = out / "control.new"
    temporary.write_text(json.dumps({"paused": wanted}), encoding="utf-8")
    temporary.rename(out / "control.json")

    def held() -> bool:
        try:
            paused = json.loads((out / "status.json").read_text(encoding="utf-8"))["paused"]
        except (OSError, ValueError):
            return False
        return sorted(paused) == wanted

    if wait > 0:
        wait_for(held, what="holding the load", seconds=wait)


def stop(city: City) -> None:
    """End the load; every request that was under way is on the ledger when this returns. Twice is the same as once."""
    record = city.book.get(NAME)
    if record is not None:
        city.book.stop([record], grace=70)


def baselines(city: City) -> dict[str, dict[str, Any]]:
    """By system that citizens write to, its ``baseline``."""
    return {system: baseline(city, system) for system in KINDS}


def baseline(city: City, system: str) -> dict[str, Any]:
    """For the judge: what must never change, of a source database and of files. Take it before the load starts."""
    dsn = city.source_database(system).dsn() if KINDS[system] in TABLES else None
    return judge.take_baseline(dsn, files_of(city, system), MUTABLE.get(system, ()))


def files_of(city: City, system: str, *, moved: bool = False) -> Path | None:
    """Where the files are that citizens write; ``moved``: on the cloud's host. None where they write none."""
    if system not in FILES:
        return None
    name, variable = FILES[system]
    host = next(service["host"] for service in city.system_services(system) if service["name"] == name)
    folder = Path(city.environment(name)[variable])
    return city.host_folder(host + SUFFIX) / folder.relative_to(city.host_folder(host)) if moved else folder
