"""The same data moved by what people use otherwise: backup and restore, and a physical standby that is promoted."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from typing import Any

import psycopg

from orchestrator.embedded import databases
from orchestrator.tools import programs, unprivileged
from tests.bench.move.world import ADMIN, NAME, PORT, World, drop_database

SUPERUSER = {"PGUSER": ADMIN, "PGPASSWORD": f"secret-of-{ADMIN}", "PGPORT": str(PORT)}


def dump_and_restore(world: World) -> float:
    """Seconds of pg_dump -Fd -j2 and pg_restore -j2 into an empty database of the target, nobody writing."""
    copy, folder = "bench_restored", world.folder / "dump"
    shutil.rmtree(folder, ignore_errors=True)
    target = world.cluster("target")
    drop_database(target, copy)
    with psycopg.connect(target.dsn(), dbname="postgres", autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {copy}")
    began = time.monotonic()
    dump = [programs.find("pg_dump"), "-h", world.addresses["source"], "-Fd", "-j", "2", "-f", folder, NAME]
    restore = [programs.find("pg_restore"), "-h", world.addresses["target"], "-j", "2", "-d", copy, "--no-owner", "--no-privileges", folder]
    for argv in (dump, restore):
        subprocess.run([str(part) for part in argv], check=True, env=os.environ | SUPERUSER, stdin=subprocess.DEVNULL)
    seconds = time.monotonic() - began
    drop_database(target, copy)
    shutil.rmtree(folder)
    return seconds


def physical_switchover(world: World) -> dict[str, Any]:
    """A standby by pg_basebackup, then the clean switchover: CHECKPOINT twice, PAUSE, CHECKPOINT, fast stop, replayed, promote.

    The source must be live and has stopped afterwards: the last thing that a world does. Milliseconds as clients had them.
    """
    data = world.data("standby")
    data.parent.mkdir(parents=True)
    unprivileged.give(data.parent)
    base = [
        *unprivileged.prefix(),
        str(programs.find("pg_basebackup")),
        "-h",
        world.addresses["source"],
        "-D",
        str(data),
        "-R",
        "-c",
        "fast",
        "-X",
        "stream",
    ]
    subprocess.run(base, check=True, env=os.environ | SUPERUSER, stdin=subprocess.DEVNULL)
    conf = data / "postgresql.conf"
    conf.write_text(conf.read_text().replace(world.addresses["source"], world.addresses["standby"]))
    log = world.folder / "hosts/standby/var/log/postgresql.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    databases.start(world.folder, world.cluster("standby"))
    with world.load("physical") as ledger, world.console() as pausing, world.console() as console:
        source = psycopg.connect(world.cluster("source").dsn(), autocommit=True)
        standby = psycopg.connect(world.cluster("standby").dsn(), autocommit=True)
        for _ in range(2):
            source.execute("CHECKPOINT")
        began = time.time()
        pausing.execute(f"PAUSE {NAME}")
        source.execute("CHECKPOINT")
        world.stop_cluster("source")
        last = _shutdown_checkpoint(world)
        while not _replayed(standby, last):
            time.sleep(0.002)
        standby.execute("SELECT pg_promote(true, 30)")
        world.databases_file.write_text(world.line("standby") + "\n")
        console.execute("RELOAD")
        console.execute(f"RESUME {NAME}")
        ended = time.time()
        time.sleep(3)
    verdict = world.judge(ledger, "standby", [{"direction": "forward", "start": began, "end": ended}])
    return {"ms": verdict.cutovers[0].longest_gap_ms, "failed": verdict.failed, "lost": verdict.lost}


def _shutdown_checkpoint(world: World) -> str:
    """Where the stopped source's last checkpoint record begins."""
    argv = [*unprivileged.prefix(), str(programs.find("pg_controldata")), str(world.data("source"))]
    shown = subprocess.run(argv, check=True, capture_output=True, text=True, env=os.environ | {"LC_ALL": "C"}).stdout
    return next(line.split()[-1] for line in shown.splitlines() if line.startswith("Latest checkpoint location"))


def _replayed(standby: psycopg.Connection[Any], last: str) -> bool:
    row = standby.execute("SELECT pg_last_wal_replay_lsn() > %s::pg_lsn", (last,)).fetchone()
    return bool(row and row[0])
