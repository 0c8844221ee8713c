"""A system whose database only its vendor moves: an announced outage, people's work with evidence, our own checks before and after.

We stop the application and see it stopped, look at the vendor's backup, generate the statements that count and add up every table,
read what the vendor's client printed on either side, compare, start, lead citizens. Until acceptance the old side can be started again;
what was written on the cloud by then is carried back by the vendor and compared in the same way, or given up by two people.
"""

from __future__ import annotations

import datetime as dt
import json
import secrets
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from orchestrator.cutover.probing import Probe
from orchestrator.errors import NeedsPerson, StepFailed
from orchestrator.gateways import http_citizen
from orchestrator.hosts.handed_in import HandedIn
from orchestrator.models import Database, Service
from orchestrator.movers import registry
from orchestrator.movers.vendor import outputs
from orchestrator.movers.vendor.dialects import Dialect, dialect_of
from orchestrator.movers.vendor.outputs import Unreadable, Values
from orchestrator.movers.vendor.statements import Table, count_statement, list_statement
from orchestrator.progress import Progress
from orchestrator.steps import entry, files, gates, people, previews, services, vendor_services, watch
from orchestrator.steps.base import Context, Coverage, Effect, Facts, Observed, Preview, Step
from orchestrator.steps.machine import ANNOUNCED
from orchestrator.steps.parts import part_of
from orchestrator.steps.people import Task
from orchestrator.tools import health

CLOCKS_SECONDS = 120.0
"""How far the clocks of a vendor's server and of this machine may be apart."""
ASKED = "vendor_asked"
GIVEN_UP = "lost_with_the_target"
NAMED = 20


def databases(ctx: Context) -> list[Database]:
    """Those that nobody but their vendor moves."""
    return registry.vendor_run(ctx.system)


def _folder(ctx: Context) -> Path:
    folder = ctx.world.folder / "vendor"
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder


# ---------------------------------------------------------------- what we ask the vendor's client


def _ask_once(ctx: Context, what: str) -> str:
    """A word that stands in the output of one statement of this migration and in no other; kept on record."""
    for said in ctx.records.history(ASKED):
        if (said["migration"], said["what"]) == (ctx.migration, what):
            return str(said["nonce"])
    nonce = secrets.token_hex(8)
    ctx.records.event(ASKED, {"migration": ctx.migration, "what": what, "nonce": nonce})
    return nonce


def _write(ctx: Context, name: str, text: str) -> Path:
    file = _folder(ctx) / name
    file.write_text(text, encoding="utf-8")
    return file


def list_tables(ctx: Context) -> Facts:
    """Long before the outage: what there is to be counted, from the source's own catalogue, and the vendor's plan."""
    facts: Facts = {"databases": {}}
    for database in databases(ctx):
        dialect, nonce = dialect_of(database.engine), _ask_once(ctx, f"list {database.name}")
        statement = list_statement(dialect, nonce)
        detail: Facts = {"database": database.name, "dialect": dialect.name, "client": dialect.client}
        if statement:
            detail["statement"] = str(_write(ctx, f"{database.name}-tables.sql", statement))
            task = (f"list_{database.name}", f"{database.name}：运行所附语句，提交表清单输出", f"{database.name}: run the statement, hand in its output")
        else:
            task = (f"list_{database.name}", f"{database.name}：提交表清单，每行一个“模式.表”", f"{database.name}: hand in a list, schema.table a line")
        says = registry.ask_kin(database, part_of(ctx, database))
        if says:
            ctx.say(f"{database.name}, which only its vendor moves, says of itself: {says}")
        tables: list[Table] = []
        done = people.ask_for_files(ctx, "vendor_list", task, detail, partial(_read_into, tables, dialect, nonce), keep=True)
        _write(ctx, f"{database.name}-tables.json", json.dumps([table.as_json() for table in tables], ensure_ascii=False))
        facts["databases"][database.name] = {"tables": len(tables), "dialect": dialect.name, "ran_on": dialect.ran_on, "says": says, **done}
    return facts


def _read_into(tables: list[Table], dialect: Dialect, nonce: str, handed: Sequence[HandedIn]) -> list[str]:
    """A judge: the tables that one file lists, or why it lists none."""
    try:
        tables[:] = outputs.read_list(_only_text(handed), dialect, nonce)
    except Unreadable as error:
        return error.reasons[:NAMED]
    return []


def _only_text(handed: Sequence[HandedIn]) -> str:
    """Raises Unreadable unless there is one file, on this machine."""
    if len(handed) != 1:
        raise Unreadable([f"{len(handed)} files were handed in: one is asked for, the output whole"])
    if handed[0].host:
        raise Unreadable([f"{handed[0].place} lies on a host: bring the output to this machine and hand it in from there"])
    return outputs.read_text(handed[0].path)


def _tables(ctx: Context, database: Database) -> list[Table]:
    rows = json.loads((_folder(ctx) / f"{database.name}-tables.json").read_text("utf-8"))
    return [Table.from_json(row) for row in rows]


PREPARE: list[Task] = [
    ("vendor_plan", "厂商提交迁移与回退方案", "the vendor hands in the plan, with its way back"),
    ("vendor_install", "厂商在云上安装数据库", "the vendor installs the database on the cloud"),
    ("vendor_rehearsal", "厂商演练并提交记录", "the vendor rehearses the copy and hands in the record"),
]


def prepare(ctx: Context) -> Facts:
    """The vendor's own preparation, with evidence. Where its servers stand is told."""
    targets = {name: host.address for name, host in ctx.world.targets.items()}
    names = [database.name for database in databases(ctx)]
    return {"tasks": people.ask(ctx, "vendor_prepare", PREPARE, {"databases": names, "servers": targets})}


# ---------------------------------------------------------------- the outage begins


def stop(ctx: Context) -> Facts:
    """Announces, measures from outside, stops every service and sees it stopped; none starts again by itself. Raises Waiting outside the
    approved window; what was begun is brought to its end."""
    if not ctx.records.said(ANNOUNCED):
        gates.wait_window(ctx)
        ctx.records.event(ANNOUNCED, {"minutes": _minutes(ctx), "was_up": _answering(ctx)})
    entered = next((service for service in ctx.system.services if service.entry), None)
    if entered is not None and ctx.sites.entry is not None:
        _probe(ctx).start(citizen=http_citizen.specify(url=_url(ctx, entered)), clients=1, every_ms=100, limit=7 * 86_400, alone=True)
    began = time.time()
    for service in reversed(services.moved(ctx)):
        if not service.shared:
            ctx.world.manager(ctx.world.source(service.host)).hold(ctx.world.service_before(service))
    passed = {tree.path: files.merge(ctx, tree, back=False) for tree in ctx.system.file_trees}
    return {"began": began, "minutes": _minutes(ctx), "files": passed}


def _minutes(ctx: Context) -> float:
    return (ctx.system.interruption.outage_minutes if ctx.system.interruption else None) or 0


def _probe(ctx: Context) -> Probe:
    return Probe(ctx.world.folder, f"{ctx.migration}-outage")


def _url(ctx: Context, service: Service) -> str:
    gateway = ctx.sites.entry
    assert gateway is not None  # noqa: S101 - the caller looked
    return f"http://{gateway.address}:{gateway.ports[service.entry or '']}{service.health.target if service.health else '/'}"


def _answering(ctx: Context) -> list[str]:
    """Services that still answer at the old place. What other systems use too is never stopped."""
    own = [service for service in ctx.system.services if service.port and not service.shared]
    return [service.name for service in own if health.answers(ctx.world.source(service.host).address, service.port or 0)]


def is_stopped(ctx: Context) -> Observed:
    """Every service is held, and nothing answers. A system of databases alone has nothing to stop."""
    own = [service for service in services.moved(ctx) if not service.shared]
    if not own:
        return Observed.NOTHING
    held = [ctx.world.manager(ctx.world.source(s.host)).state(ctx.world.service_before(s)).held for s in own]
    if all(held) and not _answering(ctx):
        return Observed.DONE
    return Observed.UNCLEAR if any(held) else Observed.NOT_DONE


def start_again(ctx: Context) -> None:
    """The undo: the old side runs as it did, and is seen to answer. What was never stopped is left as it is."""
    if not ctx.records.said(ANNOUNCED):
        return
    for service in services.moved(ctx):
        if not service.shared:
            ctx.world.manager(ctx.world.source(service.host)).restore(ctx.world.service_before(service))
    _probe(ctx).stop()
    for service in ctx.system.services:
        host = ctx.world.source(service.host)
        limit = service.start_seconds or 30
        problem = health.check(service, host.address, service.port, limit=limit, connection=ctx.world.ssh(host)) if service.port else None
        if problem:
            raise StepFailed(f"{service.name} does not answer again: {problem}", where=host.name, remedy="start its database and it, then resume")
    if ctx.records.switch_time():
        ctx.records.set_live("source")  # seen to answer: from here on the cloud's servers may be taken away


# ---------------------------------------------------------------- backup, copy, comparison


def look_at_backup(ctx: Context) -> Facts:
    """R10: the vendor's own backup, made after the application was stopped: there, not empty, read whole, its digest on record."""
    stopped = float(ctx.facts["vendor_stop"]["began"])
    facts: Facts = {}
    for database in databases(ctx):
        task = (f"backup_{database.name}", f"{database.name}：停机后的完整备份", f"{database.name}: a full backup made after the stop")
        facts |= people.ask_for_files(
            ctx, "vendor_backup", task, {"database": database.name}, lambda handed: faults_of_backup(handed, stopped)
        )  # fmt: skip
    return facts


def faults_of_backup(handed: Sequence[HandedIn], stopped: float) -> list[str]:
    """Why files are no backup of what stood still. Pure."""
    found = [f"{file.place} is empty" for file in handed if file.bytes == 0]
    for file in handed:
        early = stopped - CLOCKS_SECONDS - file.modified
        if file.bytes > 0 and early > 0:
            found.append(f"{file.place} was written {early / 60:.0f} min before the application was stopped: it lacks what came after")
    copies = sorted({file.place for file in handed if [other.sha256 for other in handed].count(file.sha256) > 1})
    return found + ([f"these files are one and the same: {', '.join(copies)}"] if copies else [])


def copy(ctx: Context) -> Facts:
    """The vendor's work."""
    task = ("vendor_copy", "厂商将数据迁移到云上", "the vendor carries the data to the cloud")
    return {"tasks": people.ask(ctx, "vendor_copy", [task], {"databases": [database.name for database in databases(ctx)]})}


def compare(ctx: Context) -> Facts:
    """Counts and sums of every table, produced by the vendor's client on both sides, read and compared by us."""
    return _compare(ctx, "vendor_compare", "forward")


def _compare(ctx: Context, step: str, way: str) -> Facts:
    """What does not show equality is asked for anew, each difference by its table. Raises Waiting until both sides are equal."""
    facts: Facts = {"databases": {}, "tables": 0, "rows": 0, "equal": True}
    for database in databases(ctx):
        dialect, tables = dialect_of(database.engine), _tables(ctx, database)
        seen: dict[str, Values] = {}
        for side, zh in (("source", "源端"), ("target", "云上")):
            nonce = _ask_once(ctx, f"{way} {side} {database.name}")
            statement = _write(ctx, f"{database.name}-{way}-{side}.sql", count_statement(dialect, tables, nonce))
            task = (f"counts_{side}_{database.name}", f"{database.name}：在{zh}运行核对语句，提交输出", f"{database.name}: run the counts on the {side}, hand in the output")
            detail = {"database": database.name, "side": side, "statement": str(statement), "client": dialect.client}
            done = people.ask_for_files(ctx, step, task, detail, _Counts(ctx, seen, side, dialect, tables, nonce).judge, keep=True)
            facts["databases"].setdefault(database.name, {})[side] = done
        facts["tables"] += len(tables)
        facts["rows"] += sum(int(values[0] or 0) for (_, part), values in seen["target"].rows.items() if part == 1)
        facts["databases"][database.name]["servers"] = [seen["source"].server, seen["target"].server]
    return facts


class _Counts:
    """Judges one side's output; the target's against the source's as well."""

    def __init__(self, ctx: Context, seen: dict[str, Values], side: str, dialect: Dialect, tables: Sequence[Table], nonce: str) -> None:
        self._ctx, self._seen, self._side = ctx, seen, side
        self._dialect, self._tables, self._nonce = dialect, tables, nonce

    def judge(self, handed: Sequence[HandedIn]) -> list[str]:
        try:
            self._seen[self._side] = outputs.read_counts(_only_text(handed), self._dialect, self._tables, self._nonce)
        except Unreadable as error:
            return error.reasons[:NAMED]
        if self._side == "source":
            return []
        found = outputs.differences(self._dialect, self._tables, self._seen["source"], self._seen["target"])
        if found:
            self._ctx.records.event("vendor_differs", {"count": len(found), "differences": found[:NAMED]})
        return found[:NAMED]


# ---------------------------------------------------------------- the new side


def start(ctx: Context) -> Facts:
    """Every service on the cloud, outside effects on; each must be healthy."""
    return vendor_services.start_for_good(ctx)


def take_back(ctx: Context) -> None:
    """The source's half of taking it back. Once citizens were on the cloud, what they wrote there is carried back first and compared; where
    the target was declared lost, it is given up by name."""
    if not ctx.world.targets or not ctx.records.switch_time():
        return
    if ctx.target_is_lost():  # given up by name already
        return
    if vendor_services.running(ctx):
        raise NeedsPerson("it still runs on the cloud and must not run twice", where=ctx.system.id, remedy="stop it there, then resume")
    task = ("carry_back", "厂商将云上新增数据迁回源端", "the vendor carries back what was written on the cloud")
    people.ask(ctx, "vendor_back", [task], {"databases": [database.name for database in databases(ctx)]})
    _compare(ctx, "vendor_back", "back")
    for tree in ctx.system.file_trees:
        files.merge(ctx, tree, back=True)


def is_started(ctx: Context) -> Observed:
    """Every service is up on the cloud."""
    if not services.moved(ctx):
        return Observed.NOTHING
    if not ctx.world.targets:
        return Observed.NOT_DONE
    return Observed.DONE if vendor_services.running(ctx) else Observed.NOT_DONE


def lead(ctx: Context) -> Facts:
    """Citizens follow; the announced outage ends and is measured."""
    facts: Facts = {"entries": [service.entry for service in ctx.system.services if service.entry and service.port]}
    if facts["entries"]:
        with entry.opened_entry(ctx, "target") as opened:
            opened.stage()
            opened.switch_and_resume()
    time.sleep(1.0)  # so that the outage has its first answered request
    return facts | _measure(ctx)


def _measure(ctx: Context) -> Facts:
    probe = _probe(ctx)
    probe.stop()
    began, ended = float(ctx.facts["vendor_stop"]["began"]), time.time()
    seen = probe.between(began - 1, ended)
    budget = float(ctx.facts["vendor_stop"]["minutes"]) * 60_000
    gap = seen.longest_gap_ms if seen.requests else (ended - began) * 1000
    ctx.records.measure(
        kind="vendor_outage", direction="forward", started=began, ended=ended, longest_gap_ms=gap, requests=seen.requests,
        failed_requests=seen.failed, budget_ms=budget, budget_failed=None, in_window=gates.rule_at(ctx, began) is not None,
        breach=gap > budget, detail={"announced": True},
    )  # fmt: skip
    return {"outage_seconds": round(gap / 1000, 1), "started": began, "ended": ended}


def lead_back(ctx: Context) -> None:
    """The entry leads to the old place again; nothing waits for it there yet."""
    led = [service for service in ctx.system.services if service.entry and service.port]
    if not led:
        return
    with entry.opened_entry(ctx, "source") as opened:
        opened.stage()
        for service in led:
            opened.offer(service.name)
            opened.unlearn(service.name)


def is_led(ctx: Context) -> Observed:
    """The entry's own answer; without one, nothing."""
    if not any(service.entry and service.port for service in ctx.system.services):
        return Observed.NOTHING
    with entry.opened_entry(ctx, "target") as opened:
        return Observed.DONE if opened.is_led() else Observed.NOT_DONE


def trial(ctx: Context) -> Facts:
    """Health is watched. It never goes back by itself: the way back is people's work, and an outage of its own."""
    length, began = gates.trial_seconds(ctx), ctx.records.switch_time()
    left = length - (time.time() - dt.datetime.fromisoformat(began).timestamp()) if began else length
    until, worst = time.monotonic() + left, 0
    while True:
        ctx.stop_if_asked()
        sick = watch.unhealthy(ctx)
        ctx.records.watch({"health": "; ".join(sick)} if sick else {})
        worst = max(worst, len(sick))
        left = until - time.monotonic()
        if left <= 0 and not sick:
            return {"seconds": length, "unhealthy_at_worst": worst}
        ctx.progress(Progress("trial run", length - max(0.0, left), length, "s"))
        ctx.pause(min(1.0, max(0.2, left)))


def _done(_: Context) -> Observed:
    return Observed.DONE


def preview_list(ctx: Context, _connect: bool) -> Preview:
    """Which statements would be handed out."""
    said = []
    for database in databases(ctx):
        dialect = dialect_of(database.engine)
        said.append(f"{database.name}: statements of {dialect.name}" + (f", run by us on {dialect.ran_on}" if dialect.ran_on else ", never run by us"))
    return Preview(Coverage.PLANNED, "; ".join(said) + "; the vendor runs them")


def preview_trial(ctx: Context, _connect: bool) -> Preview:
    """How long it lasts."""
    return Preview(Coverage.EXECUTED, f"watched for {gates.trial_seconds(ctx) / 3600:.1f} h; it never goes back by itself")


def give_up(ctx: Context) -> Facts:
    """Two people declared the target lost while it was live: what only it has is named, and the old side is started as it was stopped."""
    said: dict[str, Any] = {"databases": [database.name for database in databases(ctx)], "since": ctx.records.switch_time()}
    ctx.records.event(GIVEN_UP, said)
    return said


LIST = Step(id="vendor_list", effect=Effect.READ_ONLY, run=list_tables, observe=_done, preview=preview_list)
PREPARATION = Step(
    id="vendor_prepare", effect=Effect.READ_ONLY, run=prepare, observe=_done, preview=previews.people("the vendor prepares its database"),
)  # fmt: skip
STOP = Step(
    id="vendor_stop", effect=Effect.REVERSIBLE, run=stop, observe=is_stopped, undo_source=start_again, preview=previews.outage,
)  # fmt: skip
BACKUP = Step(
    id="vendor_backup", effect=Effect.READ_ONLY, run=look_at_backup, observe=_done, preview=previews.people("the vendor's backup is looked at"),
)  # fmt: skip
COPY = Step(id="vendor_copy", effect=Effect.READ_ONLY, run=copy, observe=_done, preview=previews.people("the vendor copies"))
COMPARE = Step(
    id="vendor_compare", effect=Effect.READ_ONLY, run=compare, observe=_done, preview=previews.people("counts and sums of both sides are compared"),
)  # fmt: skip
START = Step(
    id="vendor_start", effect=Effect.REVERSIBLE, run=start, observe=is_started, undo_target=vendor_services.take_away, undo_source=take_back,
    preview=previews.described_services("outside effects on", effects=True),
)  # fmt: skip
LEAD = Step(
    id="vendor_entry", effect=Effect.REVERSIBLE, run=lead, observe=is_led, undo_source=lead_back, switches="target", preview=previews.entry,
)  # fmt: skip
TRIAL = Step(id="trial_run", effect=Effect.READ_ONLY, run=trial, observe=_done, preview=preview_trial)
GIVE_UP = Step(id="vendor_give_up", effect=Effect.READ_ONLY, run=give_up, observe=_done)
