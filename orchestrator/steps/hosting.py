"""Whole relocation with hosting: the machines move as they are; an announced outage, a cold backup before transport.

The data travels with the machine, so the way back is carriage and nothing is copied back; what is written after power-on
at the new place exists there only, and that is declared (``exposed``) on the record.
"""

from __future__ import annotations

import os
import re
import shlex
import stat
import time
from pathlib import Path

from orchestrator.cutover.probing import Probe
from orchestrator.errors import Refused, StepFailed
from orchestrator.gateways.haproxy import Runtime
from orchestrator.hosts import facts
from orchestrator.models import Database, Host, Service
from orchestrator.movers.files.trees import tree_hashes
from orchestrator.steps import gates, people, previews
from orchestrator.steps.base import Context, Effect, Facts, Observed, Step
from orchestrator.steps.references import Reached, make_table
from orchestrator.tools import health

ANNOUNCED = "outage_announced"
CARRY = [
    ("power_off", "服务器关机断电", "power the machines off"),
    ("transport", "运输至云中心", "transport to the cloud centre"),
    ("rack", "上架布线", "rack and cable"),
    ("power_on", "加电开机", "power on"),
]
CARRY_BACK = [(f"{name}_back", f"{zh}（运回原机房）", f"{en} (going back)") for name, zh, en in CARRY]


def moved(host: Host) -> Host:
    """The same machine at its new place."""
    return host.model_copy(update={"address": people.new_address(host)})


def adopt(ctx: Context) -> None:
    """The target of a hosted system is the machine itself, elsewhere."""
    ctx.world.targets = {h.name: moved(h) for h in ctx.system.hosts}


def _probe(ctx: Context) -> Probe:
    return Probe(ctx.world.folder, f"{ctx.migration}-outage")


def _trees(ctx: Context) -> list[tuple[Host, str]]:
    """What is backed up cold: the declared trees and the databases' data directories."""
    found = [(ctx.world.source(t.host), t.path) for t in ctx.system.file_trees]
    return found + [(ctx.world.source(d.host), _data(d)) for d in ctx.system.databases]


def _data(database: Database) -> str:
    if database.data_directory is None:
        raise Refused(
            f"{database.name} has no data_directory",
            where=database.host,
            remedy="add it to the inventory: it is backed up cold and compared",
        )
    return database.data_directory


# ---------------------------------------------------------------- down


def shut_down(ctx: Context) -> Facts:
    """Announces, starts the measurement from outside, then stops services and databases cleanly and observes them down.

    Raises Waiting outside the approved window; what this migration has begun to take down is brought to its end.
    """
    if all(_answering(ctx)) or not ctx.records.said(ANNOUNCED):  # a port that was dead before says nothing of what we began
        gates.wait_window(ctx)
    budget = (ctx.system.interruption.outage_minutes if ctx.system.interruption else None) or 0
    ctx.records.event(ANNOUNCED, {"minutes": budget})
    entry = next((s for s in ctx.system.services if s.entry), None)
    if entry is not None and ctx.sites.entry is not None:
        _probe(ctx).start(kind="http", target=_url(ctx, entry), clients=1, every_ms=100, limit=86_400, alone=True)
    began = time.time()
    for service in ctx.system.services:
        stop_service(ctx, ctx.world.source(service.host), service)
    for database in ctx.system.databases:
        _pg_ctl(ctx, ctx.world.source(database.host), database, ["stop", "-m", "fast", "-w", "-t", "120"])
    return {"began": began, "minutes": budget}


def _url(ctx: Context, service: Service) -> str:
    entry = ctx.sites.entry
    assert entry is not None  # noqa: S101 - the caller looked
    return f"http://{entry.address}:{entry.ports[service.entry or '']}{service.health.target if service.health else '/'}"


def stop_service(ctx: Context, host: Host, service: Service) -> None:
    """Ends a service's process on its host and waits until its port is closed."""
    connection = ctx.world.ssh(host)
    if service.unit:
        connection.run(["systemctl", "stop", service.unit], check=True)
    else:
        first, rest = service.command[0][0], re.escape(service.command[0][1:])
        connection.run(["pkill", "-TERM", "-f", "--", f"[{first}]{rest}"])  # the brackets keep pkill from finding its own shell
    until = time.monotonic() + 30
    while service.port and health.answers(host.address, service.port):
        if time.monotonic() > until:
            raise StepFailed(f"{service.name} does not stop", where=host.name, remedy="stop it by hand, then resume")
        time.sleep(0.1)


def _pg_ctl(ctx: Context, host: Host, database: Database, words: list[str]) -> None:
    from orchestrator.steps.prepare import run_as

    data = _data(database)
    argv = [*run_as(host), f"{facts.require_postgresql(ctx.world.ssh(host))}/pg_ctl", "-D", data, "-s", *words]
    log = f"{data}/../hosting.log"
    command = f"{shlex.join([*argv, '-l', log] if words[0] == 'start' else argv)} </dev/null >/dev/null 2>&1"
    if ctx.world.ssh(host).run(["sh", "-c", command], timeout=180).code != 0 and words[0] == "start":
        raise StepFailed("PostgreSQL did not start", where=host.name, remedy=f"read {log}")


def _answering(ctx: Context) -> list[bool]:
    """For every port of the system at the old place, whether it answers."""
    ports = [(s.host, s.port) for s in ctx.system.services if s.port] + [(d.host, d.port) for d in ctx.system.databases]
    return [health.answers(ctx.world.source(host).address, port) for host, port in ports]


def _is_down(ctx: Context) -> Observed:
    return Observed.NOT_DONE if any(_answering(ctx)) else Observed.DONE


def start_where_it_is(ctx: Context) -> None:
    """The undo: everything runs again at the old place. What was never taken down is left as it is."""
    if not ctx.records.said(ANNOUNCED):
        return
    for host in ctx.system.hosts:
        _start(ctx, host)
    _probe(ctx).stop()


def _start(ctx: Context, host: Host) -> None:
    for database in ctx.system.databases:
        if database.host == host.name and not health.answers(host.address, database.port):
            _pg_ctl(ctx, host, database, ["start", "-w", "-t", "120"])
    for service in ctx.system.services:
        if service.host != host.name or (service.port and health.answers(host.address, service.port)):
            continue
        environment = _environment(ctx, host, service)
        words = ["env", *(f"{k}={v}" for k, v in sorted(environment.items())), *service.command]
        log = f"{ctx.world.root(host)}/var/log/{service.name}.log"
        ctx.world.ssh(host).run(["sh", "-c", f"setsid {shlex.join(words)} </dev/null >>{shlex.quote(log)} 2>&1 &"], check=True)
    for service in ctx.system.services:
        problem = health.check(service, host.address, service.port or 0, limit=30) if service.host == host.name else None
        if problem:
            raise StepFailed(
                f"{service.name} is not healthy: {problem}",
                where=f"{host.name} {host.address}",
                remedy="read its log, mend it, then resume",
            )


def _environment(ctx: Context, host: Host, service: Service) -> dict[str, str]:
    databases = []
    for database in ctx.system.databases:
        values = {
            "host": ctx.world.target(database.host).address if database.host in ctx.world.targets else host.address,
            "port": str(database.port),
            "name": database.name,
            "role": database.role or "",
            "secret_file": (database.secret or "").removeprefix("file:"),
        }
        databases.append(Reached(database.name, values))
    table = make_table({"address": host.address, "port": str(service.port)}, databases, [])
    return {name: table.get(value, value) for name, value in service.environment.items()}


# ---------------------------------------------------------------- cold backup


def cold_backup(ctx: Context) -> Facts:
    """Copies everything while it stands still, and compares every file's content with the machine's."""
    from orchestrator.steps.files import rsync

    facts: Facts = {"trees": {}}
    for host, path in _trees(ctx):
        folder = _backup_folder(ctx, host, path)
        report = rsync(ctx).fetch(host, path, folder, checksum=True)
        here = tree_hashes(ctx.world.ssh(host), path)
        there = local_hashes(folder)
        differ = sorted(name for name in here.keys() | there.keys() if here.get(name) != there.get(name))
        if differ:
            raise StepFailed(
                f"the cold backup differs: {', '.join(differ[:5])}",
                where=f"{host.name}:{path}",
                remedy="look at both disks; the machine is not moved before this is equal",
            )
        facts["trees"][f"{host.name}:{path}"] = {"files": len(here), "bytes": report.bytes}
        ctx.records.copied(what=f"cold backup {host.name}:{path}", source_state="stopped", size=report.bytes, items=len(here))
    return facts


def _backup_folder(ctx: Context, host: Host, path: str) -> Path:
    return ctx.world.folder / "cold" / host.name / path.strip("/").replace("/", "_")


def local_hashes(folder: Path) -> dict[str, str]:
    """SHA-256 of every file below a folder of the controller."""
    import hashlib

    found = {}
    for file in sorted(folder.rglob("*")):
        if not file.is_file():
            continue
        name = str(file.relative_to(folder))
        if _stands_for_a_link(file):
            found[name] = f"link:{os.fsdecode(file.read_bytes())}"
        else:
            with file.open("rb") as content:
                found[name] = hashlib.file_digest(content, "sha256").hexdigest()
    return found


def _stands_for_a_link(file: Path) -> bool:
    """rsync's --fake-super keeps a link as a file that holds where it points, and says so beside it: octal mode first."""
    try:
        kept = os.getxattr(file, "user.rsync.%stat")
    except OSError:
        return False
    return stat.S_ISLNK(int(kept.split()[0], 8))


def _backed_up(ctx: Context) -> Observed:
    return Observed.DONE if all(_backup_folder(ctx, h, p).is_dir() for h, p in _trees(ctx)) else Observed.NOT_DONE


# ---------------------------------------------------------------- carriage and start


def carry(ctx: Context) -> Facts:
    """People switch off, carry, rack and switch on."""
    detail = {"machines": [h.name for h in ctx.system.hosts], "to": [people.new_address(h) for h in ctx.system.hosts]}
    return {"tasks": people.ask(ctx, "carry_machines", CARRY, detail)}


def _carried(ctx: Context) -> Observed:
    adopt(ctx)
    there = [health.answers(h.address, h.ssh_port) for h in ctx.world.targets.values()]
    return Observed.DONE if all(there) else Observed.UNCLEAR if any(there) else Observed.NOT_DONE


def carry_back(ctx: Context) -> None:
    """Carriage back; asked for as soon as a machine was switched off."""
    if "power_off" in ctx.records.tasks_done("carry_machines"):
        people.ask(
            ctx, "carry_machines", CARRY_BACK, {"machines": [h.name for h in ctx.system.hosts], "to": [h.address for h in ctx.system.hosts]}
        )


def start_there(ctx: Context) -> Facts:
    """Re-addresses the machine, compares its files with the cold backup *before* anything starts, then starts and verifies."""
    adopt(ctx)
    compared = 0
    if not any(s.port and health.answers(ctx.world.target(s.host).address, s.port) for s in ctx.system.services):
        compared = _compare_with_backup(ctx)
    for host in ctx.world.targets.values():
        _readdress(ctx, host)
        _start(ctx, host)
    ctx.records.event(
        "writes_exposed", {"since": time.time(), "why": "the data travels with the machine; no stand-in is fed at the old place"}
    )
    return {"hosts": {h.name: h.address for h in ctx.world.targets.values()}, "compared_files": compared}


def _compare_with_backup(ctx: Context) -> int:
    count = 0
    for host, path in _trees(ctx):
        there = tree_hashes(ctx.world.ssh(ctx.world.target(host.name)), path)
        backup = local_hashes(_backup_folder(ctx, host, path))
        differ = sorted(name for name in there.keys() | backup.keys() if there.get(name) != backup.get(name))
        if differ:
            raise StepFailed(
                f"after transport {', '.join(differ[:5])} differ from the cold backup",
                where=host.name,
                remedy="restore these from the cold backup, then resume",
            )
        count += len(there)
    return count


def _readdress(ctx: Context, host: Host) -> None:
    """PostgreSQL listens where its machine is now."""
    old = next(h for h in ctx.system.hosts if h.name == host.name).address
    for database in ctx.system.databases:
        if database.host == host.name:
            ctx.world.ssh(host).run(
                ["sh", "-c", f"sed -i {_exchange(old, host.address)} {shlex.quote(_data(database))}/postgresql*.conf"], check=True
            )


def _exchange(old: str, new: str) -> str:
    """One address for another, not within a longer one."""
    word = old.replace(".", r"\.")
    return shlex.quote(rf"s/\b{word}\b/{new}/g")


def readdress_back(ctx: Context) -> None:
    """Stops it at the new place and gives the configuration its old address again."""
    adopt(ctx)
    for service in ctx.system.services:
        host = ctx.world.target(service.host)
        if health.answers(host.address, host.ssh_port):
            stop_service(ctx, host, service)
    for database in ctx.system.databases:
        host = ctx.world.target(database.host)
        if health.answers(host.address, database.port):
            _pg_ctl(ctx, host, database, ["stop", "-m", "fast", "-w", "-t", "120"])
        data, old = _data(database), ctx.world.source(database.host).address
        if health.answers(host.address, host.ssh_port):
            ctx.world.ssh(host).run(["sh", "-c", f"sed -i {_exchange(host.address, old)} {shlex.quote(data)}/postgresql*.conf"])


def _runs_there(ctx: Context) -> Observed:
    adopt(ctx)
    problems = [health.check(s, ctx.world.target(s.host).address, s.port or 0, limit=1) for s in ctx.system.services]
    return Observed.NOT_DONE if all(problems) and problems else Observed.UNCLEAR if any(problems) else Observed.DONE


# ---------------------------------------------------------------- entry and outage


def point_entry(ctx: Context) -> Facts:
    """Citizens' entry follows the machine; the outage ends and is measured from outside."""
    adopt(ctx)
    _point(ctx, target=True)
    began = float(ctx.facts["shut_down"]["began"])
    probe = _probe(ctx)
    time.sleep(1.0)
    probe.stop()
    ended = time.time()
    seen = probe.between(began - 1, ended)
    budget = float(ctx.facts["shut_down"]["minutes"]) * 60_000
    ctx.records.measure(
        kind="hosting_outage", direction="forward", started=began, ended=ended, longest_gap_ms=seen.longest_gap_ms, requests=seen.requests,
        failed_requests=seen.failed, budget_ms=budget, budget_failed=None, in_window=gates.rule_at(ctx, began) is not None, breach=seen.longest_gap_ms > budget, detail={"announced": True},
    )  # fmt: skip
    return {"outage_seconds": round(seen.longest_gap_ms / 1000, 1), "started": began, "ended": ended}


def _point(ctx: Context, *, target: bool) -> None:
    assert ctx.sites.entry is not None  # noqa: S101 - hosting needs an entry
    runtime = Runtime(ctx.sites.entry)
    for service in ctx.system.services:
        if service.entry:
            host = ctx.world.target(service.host) if target else ctx.world.source(service.host)
            runtime.point(service.entry, service.name, host.address, service.port or 0)
            runtime.wait_up(service.entry, service.name, limit=15)


def point_back(ctx: Context) -> None:
    """The entry points at the old place again."""
    _point(ctx, target=False)


def _pointed(ctx: Context) -> Observed:
    adopt(ctx)
    assert ctx.sites.entry is not None  # noqa: S101 - hosting needs an entry
    runtime = Runtime(ctx.sites.entry)
    good = [runtime.address(s.entry, s.name) == f"{ctx.world.target(s.host).address}:{s.port}" for s in ctx.system.services if s.entry]
    return Observed.DONE if all(good) else Observed.NOT_DONE


SHUT_DOWN = Step(
    id="shut_down",
    effect=Effect.REVERSIBLE,
    run=shut_down,
    observe=_is_down,
    undo_source=start_where_it_is,
    preview=previews.outage,
)
COLD_BACKUP = Step(id="cold_backup", effect=Effect.READ_ONLY, run=cold_backup, observe=_backed_up, moves_data=True, preview=previews.databases("kept cold, restored, compared"))
CARRIAGE = Step(id="carry_machines", effect=Effect.REVERSIBLE, run=carry, observe=_carried, undo_source=carry_back,
    preview=previews.people("carried by people"),
)  # fmt: skip
START = Step(
    id="start_there",
    effect=Effect.REVERSIBLE,
    run=start_there,
    observe=_runs_there,
    undo_source=readdress_back,
    preview=previews.new_addresses("machines answer at"),
)
ENTRY = Step(
    id="point_entry",
    effect=Effect.REVERSIBLE,
    run=point_entry,
    observe=_pointed,
    undo_source=point_back,
    switches="target",
    preview=previews.entry,
)
