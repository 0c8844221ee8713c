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

from orchestrator.errors import NeedsPerson, StepFailed
from orchestrator.hosts.handed_in import HandedIn
from orchestrator.models import Database
from orchestrator.movers import registry
from orchestrator.movers.vendor import outputs
from orchestrator.movers.vendor.dialects import Dialect, dialect_of
from orchestrator.movers.vendor.outputs import Unreadable, Values
from orchestrator.movers.vendor.statements import Table, count_statement, list_statement
from orchestrator.progress import Progress
from orchestrator.steps import files, gates, outage, people, previews, services, vendor_services, watch
from orchestrator.steps.base import Context, Coverage, Effect, Facts, Observed, Preview, Step
from orchestrator.steps.machine import ANNOUNCED
from orchestrator.steps.parts import part_of
from orchestrator.steps.people import Task
from orchestrator.texts import Words, kept, say
from orchestrator.texts.durations import spell
from orchestrator.texts.names import side_name
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
            task = (f"list_{database.name}", say("steps.task_run_statement", name=database.name))
        else:
            task = (f"list_{database.name}", say("steps.task_hand_list", name=database.name))
        says = registry.ask_kin(database, part_of(ctx, database))
        if says:
            ctx.say(str(say("steps.vendor_says", name=database.name, says=str(says))))
        tables: list[Table] = []
        done = people.ask_for_files(ctx, "vendor_list", task, detail, partial(_read_into, tables, dialect, nonce), keep=True)
        _write(ctx, f"{database.name}-tables.json", json.dumps([table.as_json() for table in tables], ensure_ascii=False))
        facts["databases"][database.name] = {"tables": len(tables), "dialect": dialect.name, "ran_on": dialect.ran_on, "says": says, **done}
    return facts


def _read_into(tables: list[Table], dialect: Dialect, nonce: str, handed: Sequence[HandedIn]) -> Sequence[Words]:
    """A judge: the tables that one file lists, or why it lists none."""
    try:
        tables[:] = outputs.read_list(_only_text(handed), dialect, nonce)
    except Unreadable as error:
        return error.reasons[:NAMED]
    return []


def _only_text(handed: Sequence[HandedIn]) -> str:
    """Raises Unreadable unless there is one file, on this machine."""
    if len(handed) != 1:
        raise Unreadable([say("steps.one_file", count=len(handed))])
    if handed[0].host:
        raise Unreadable([say("steps.file_on_host", place=handed[0].place)])
    return outputs.read_text(handed[0].path)


def _tables(ctx: Context, database: Database) -> list[Table]:
    rows = json.loads((_folder(ctx) / f"{database.name}-tables.json").read_text("utf-8"))
    return [Table.from_json(row) for row in rows]


PREPARE: list[Task] = [
    ("vendor_plan", say("steps.task_vendor_plan")),
    ("vendor_install", say("steps.task_vendor_install")),
    ("vendor_rehearsal", say("steps.task_vendor_rehearse")),
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
        ctx.records.event(ANNOUNCED, {"minutes": outage.minutes(ctx), "was_up": _answering(ctx)})
    outage.start_probe(ctx)
    began = time.time()
    for service in reversed(services.moved(ctx)):
        if not service.shared:
            ctx.world.manager(ctx.world.source(service.host)).hold(ctx.world.service_before(service))
    passed = {tree.path: files.merge(ctx, tree, back=False) for tree in ctx.system.file_trees}
    return {"began": began, "minutes": outage.minutes(ctx), "files": passed}


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
    outage.probe_of(ctx).stop()
    for service in ctx.system.services:
        host = ctx.world.source(service.host)
        limit = service.start_seconds or 30
        problem = health.check(service, host.address, service.port, limit=limit, connection=ctx.world.ssh(host)) if service.port else None
        if problem:
            raise StepFailed(say("steps.not_again", name=service.name, problem=problem), where=host.name, remedy=say("steps.start_database"))
    if ctx.records.switch_time():
        ctx.records.set_live("source")  # seen to answer: from here on the cloud's servers may be taken away


# ---------------------------------------------------------------- backup, copy, comparison


def look_at_backup(ctx: Context) -> Facts:
    """R10: the vendor's own backup, made after the application was stopped: there, not empty, read whole, its digest on record."""
    stopped = float(ctx.facts["vendor_stop"]["began"])
    facts: Facts = {}
    for database in databases(ctx):
        task = (f"backup_{database.name}", say("steps.task_full_backup", name=database.name))
        facts |= people.ask_for_files(
            ctx, "vendor_backup", task, {"database": database.name}, lambda handed: faults_of_backup(handed, stopped)
        )  # fmt: skip
    return facts


def faults_of_backup(handed: Sequence[HandedIn], stopped: float) -> list[Words]:
    """Why files are no backup of what stood still. Pure."""
    found: list[Words] = [say("steps.file_empty", place=file.place) for file in handed if file.bytes == 0]
    for file in handed:
        early = stopped - CLOCKS_SECONDS - file.modified
        if file.bytes > 0 and early > 0:
            found.append(say("steps.file_early", place=file.place, time=spell(early)))
    copies = sorted({file.place for file in handed if [other.sha256 for other in handed].count(file.sha256) > 1})
    return found + ([say("steps.same_files", copies=tuple(copies))] if copies else [])


def copy(ctx: Context) -> Facts:
    """The vendor's work."""
    task = ("vendor_copy", say("steps.task_vendor_carry"))
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
        for side in ("source", "target"):
            nonce = _ask_once(ctx, f"{way} {side} {database.name}")
            statement = _write(ctx, f"{database.name}-{way}-{side}.sql", count_statement(dialect, tables, nonce))
            task = (f"counts_{side}_{database.name}", say("steps.counts", name=database.name, side=side_name(side)))
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

    def judge(self, handed: Sequence[HandedIn]) -> Sequence[Words]:
        try:
            self._seen[self._side] = outputs.read_counts(_only_text(handed), self._dialect, self._tables, self._nonce)
        except Unreadable as error:
            return error.reasons[:NAMED]
        if self._side == "source":
            return []
        found = outputs.differences(self._dialect, self._tables, self._seen["source"], self._seen["target"])
        if found:
            self._ctx.records.event("vendor_differs", {"count": len(found), "differences": [kept(each) for each in found[:NAMED]]})
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
        raise NeedsPerson(say("steps.runs_on_cloud"), where=ctx.system.id, remedy=say("steps.stop_there"))
    task = ("carry_back", say("steps.task_vendor_carry_back"))
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
    outage.lead(ctx, "target")
    measured = outage.measure(ctx, "vendor_outage", "forward", float(ctx.facts["vendor_stop"]["began"]))
    return {"entries": [service.entry for service in outage.led(ctx)], **measured}


def trial(ctx: Context) -> Facts:
    """Health is watched. It never goes back by itself: the way back is people's work, and an outage of its own."""
    length, began = gates.trial_seconds(ctx), ctx.records.switch_time()
    left = length - (time.time() - dt.datetime.fromisoformat(began).timestamp()) if began else length
    until, worst = time.monotonic() + left, 0
    while True:
        ctx.stop_if_asked()
        sick = watch.unhealthy(ctx)
        ctx.records.watch({"health": say("steps.sick", problems=tuple(sick))} if sick else {})
        worst = max(worst, len(sick))
        left = until - time.monotonic()
        if left <= 0 and not sick:
            return {"seconds": length, "unhealthy_at_worst": worst}
        ctx.progress(Progress(str(say("steps.trial")), length - max(0.0, left), length, "s"))
        ctx.pause(min(1.0, max(0.2, left)))


def _done(_: Context) -> Observed:
    return Observed.DONE


def preview_list(ctx: Context, _connect: bool) -> Preview:
    """Which statements would be handed out."""
    said = []
    for database in databases(ctx):
        dialect = dialect_of(database.engine)
        if dialect.ran_on:
            said.append(say("steps.ran", name=database.name, dialect=dialect.name, where=dialect.ran_on))
        else:
            said.append(say("steps.never_ran", name=database.name, dialect=dialect.name))
    return Preview(Coverage.PLANNED, say("steps.how_vendor_list", databases=tuple(said)))


def preview_trial(ctx: Context, _connect: bool) -> Preview:
    """How long it lasts."""
    return Preview(Coverage.EXECUTED, say("steps.how_vendor_trial", time=spell(gates.trial_seconds(ctx))))


def give_up(ctx: Context) -> Facts:
    """Two people declared the target lost while it was live: what only it has is named, and the old side is started as it was stopped."""
    said: dict[str, Any] = {"databases": [database.name for database in databases(ctx)], "since": ctx.records.switch_time()}
    ctx.records.event(GIVEN_UP, said)
    return said


LIST = Step(id="vendor_list", effect=Effect.READ_ONLY, run=list_tables, observe=_done, preview=preview_list)
PREPARATION = Step(
    id="vendor_prepare", effect=Effect.READ_ONLY, run=prepare, observe=_done, preview=previews.people(say("steps.how_vendor_prepares")),
)  # fmt: skip
STOP = Step(
    id="vendor_stop", effect=Effect.REVERSIBLE, run=stop, observe=is_stopped, undo_source=start_again, preview=previews.outage,
)  # fmt: skip
BACKUP = Step(
    id="vendor_backup", effect=Effect.READ_ONLY, run=look_at_backup, observe=_done, preview=previews.people(say("steps.how_vendor_backup")),
)  # fmt: skip
COPY = Step(id="vendor_copy", effect=Effect.READ_ONLY, run=copy, observe=_done, preview=previews.people(say("steps.how_vendor_copies")))
COMPARE = Step(
    id="vendor_compare", effect=Effect.READ_ONLY, run=compare, observe=_done, preview=previews.people(say("steps.how_counts")),
)  # fmt: skip
START = Step(
    id="vendor_start", effect=Effect.REVERSIBLE, run=start, observe=is_started, undo_target=vendor_services.take_away, undo_source=take_back,
    preview=previews.described_services(say("steps.how_effects_on"), effects=True),
)  # fmt: skip
LEAD = Step(
    id="vendor_entry", effect=Effect.REVERSIBLE, run=lead, observe=outage.is_led, undo_source=outage.lead_back, switches="target", preview=previews.entry,
)  # fmt: skip
TRIAL = Step(id="trial_run", effect=Effect.READ_ONLY, run=trial, observe=_done, preview=preview_trial)
GIVE_UP = Step(id="vendor_give_up", effect=Effect.READ_ONLY, run=give_up, observe=_done)
