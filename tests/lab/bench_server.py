"""A whole server moved by the engine, there and back under load, beside what people do otherwise: stop, copy, boot. ``make bench-server``.

    python -m tests.lab.bench_server [--rounds 3] [--out FILE]

Prints, for every switch, what the passes carried, what the outage was made of, and the longest time in which no citizen was answered.
It asserts nothing; what was acknowledged and is not there stands in the table.
"""

from __future__ import annotations

import argparse
import json
import sqlite3
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import Any

from tests.lab import inventory, landing, whole_server
from tests.lab.furnish import Passwords
from tests.lab.journey import Journey
from tests.lab.lab import Lab
from tests.lab.landing import PLACE, LandedHost
from tests.lab.test_whole_server import HOSTS, NEW_ADDRESS, PACKAGES, Writers

COPY = ("rsync", "-aHAXSx", "--numeric-ids", "--exclude=/tmp/*", "--exclude=/var/tmp/*", "--rsync-path=sudo rsync")
UNITS = ("tick.timer", "churn", "ledger", "cron", "redis-server")


def facts_of(lab: Lab) -> dict[str, Any]:
    """What each step of the last migration came to, from the engine's own journal."""
    with closing(sqlite3.connect(f"file:{lab.city}/.orchestrator/journal.sqlite?mode=ro", uri=True)) as journal:
        last = journal.execute("SELECT max(rowid), migration FROM steps").fetchone()[1]
        rows = journal.execute("SELECT step, facts FROM steps WHERE migration = ? AND facts IS NOT NULL", (last,))
        return {step: json.loads(facts) for step, facts in rows}


def switch(lab: Lab, journey: Journey, citizens: Writers, *, back: bool) -> dict[str, Any]:
    """One way, and what it cost."""
    if not back:
        journey.migrate(stop_at="approval of the cutover")
    begun = time.monotonic()
    code = journey.roll_back() if back else journey.resume(stop_at="final acceptance")
    gap, facts = citizens.longest_gap(begun, time.monotonic()), facts_of(lab)
    stop, last, boot = (
        facts[step] for step in (("stop_there", "last_pass_back", "boot_source") if back else ("stop_server", "last_pass", "boot_server"))
    )
    running = facts["bring_back"]["box"]["passes"] if back else facts["fill_server"]["box"]["passes"]
    return {
        "way": "back" if back else "there", "code": code, "gap_s": round(gap, 1), "stop_s": stop["box"]["seconds"], **last["box"]["seconds"],
        "boot_s": boot["seconds"] if back else boot["box"]["seconds"], "last": last["box"]["passes"], "running": running,
    }  # fmt: skip


def stop_and_copy(lab: Lab, landed: LandedHost) -> dict[str, Any]:
    """What is done without any of it: everything stops, is copied whole, boots elsewhere."""
    box, bay = lab["box"], lab["bay"]
    bay.write("/root/.ssh/key", (lab.folder / "key").read_bytes(), mode=0o600)
    bay.write("/root/.ssh/known_hosts", (lab.folder / "known_hosts").read_bytes())
    begun = time.monotonic()
    box.run("systemctl", "stop", *UNITS)
    bay.run(*COPY, "-e", "ssh -i /root/.ssh/key", f"ops@{box.address}:/", f"{PLACE}/", limit=1800)
    copied = time.monotonic()
    bay.script(f"cp -a {landing.OWN}/. {PLACE}/; sed -i 's/{box.address}/{landed.address}/' {PLACE}/etc/ledger.env")
    landed.boot()
    asked = f"until curl -fsS -m 2 http://{landed.address}:8001/health >/dev/null 2>&1; do sleep 0.2; done"
    lab["controller"].script(asked, limit=120)
    found = {"copy_s": round(copied - begun, 1), "outage_s": round(time.monotonic() - begun, 1)}
    landed.switch_off()
    bay.script(f"chattr -f -i -a {PLACE}/srv/odd/* || :; find {PLACE} -xdev -mindepth 1 -delete", limit=600)
    box.run("systemctl", "start", *reversed(UNITS))
    return found


def measure(rounds: int) -> dict[str, Any]:
    """Everything, on a lab of its own that is taken away."""
    lab, passwords = Lab("benchserver"), Passwords()
    passwords["pgbouncer_admin"]  # the sites name one; nothing of this system is behind it
    lab.up(HOSTS, packages=PACKAGES)
    try:
        whole_server.furnish_box(lab, lab["box"])
        landed = landing.furnish(lab, "bay", NEW_ADDRESS)
        inventory.write(lab, [whole_server.system(lab, new_address=NEW_ADDRESS)], passwords, entries={"ledger": 8080})
        plain, journey, rows = stop_and_copy(lab, landed), Journey(lab, "ledger"), []
        with landing.keeper(lab, "bay", landed), Writers(lab) as citizens:
            for _ in range(rounds):
                for back in (False, True):
                    rows.append(switch(lab, journey, citizens, back=back))
                    print(json.dumps(rows[-1]), file=sys.stderr, flush=True)
        kept = whole_server.kept_numbers(lab["box"]) & whole_server.kept_uploads(lab["box"])
        lost = len(set(citizens.acknowledged) - kept)
        return {"stop_and_copy": plain, "switches": rows, "acknowledged": len(citizens.acknowledged), "lost": lost}
    finally:
        for host in (lab["bay"], lab["box"]):
            host.script(f"chattr -f -i -a /srv/odd/* {PLACE}/srv/odd/* || :")
        lab.down()


def main(words: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="bench-server", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--out", type=Path)
    given = parser.parse_args(words)
    found = measure(given.rounds)
    plain = found["stop_and_copy"]
    print(f"stop, copy, boot: {plain['outage_s']} s of outage, {plain['copy_s']} s of it copying; no way back")
    for row in found["switches"]:
        last, running = row["last"][0], row["running"][0]
        print(
            f"{row['way']:5}  outage {row['gap_s']:5} s = stop {row['stop_s']} + line {row['line']} + pass {row['pass']} + compare {row['compare']}"
            f" + boot {row['boot_s']} + entry; last pass {last['files']} files, {last['wire'] / 1e6:.1f} MB;"
            f" first running pass {running['wire'] / 1e6:.0f} MB in {running['seconds']} s"
        )
    print(f"{found['acknowledged']} writes acknowledged, {found['lost']} lost")
    if given.out:
        given.out.write_text(json.dumps(found, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
