"""A system that is switched off: its last state kept and proved, access ended, whoever used it told, its room freed.

Nothing moves and nobody is switched. Until final acceptance everything can stand again where it stood; only then do people
erase and free what it ran on.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import time

from orchestrator.errors import Finding, Refused, StepFailed, Waiting
from orchestrator.models import Database
from orchestrator.movers.machine import cluster
from orchestrator.movers.machine.kept import shut_all
from orchestrator.policy.lifetimes import last_day
from orchestrator.progress import Progress
from orchestrator.steps import cold, gates, machine, people, preflight_hosts, previews
from orchestrator.steps.base import Context, Coverage, Effect, Facts, Observed, Preview, Step
from orchestrator.steps.machine import ANNOUNCED
from orchestrator.steps.vendor import faults_of_backup
from orchestrator.texts import say
from orchestrator.tools import health

LOOK_SECONDS = 1.0
QUIET_SINCE = "quiet_since"
ERASE = ("erase_disks", say("steps.task_erase"))
FREE = ("free_room", say("steps.task_take_out"))
NO_HOST = ("end_by_hand", say("steps.task_end_access"))


def kept_cold(ctx: Context) -> Context:
    """The same with those databases only that we stop and copy ourselves; the others are their vendors'."""
    ours = tuple(database for database in ctx.system.databases if cluster.keeps(database))
    return dataclasses.replace(ctx, system=ctx.system.model_copy(update={"databases": ours}))


def by_hand(ctx: Context) -> list[Database]:
    """Databases that only their vendor's own tools stop and back up."""
    return [database for database in ctx.system.databases if not cluster.keeps(database)]


# ---------------------------------------------------------------- before anything


def check(ctx: Context) -> Facts:
    """Hosts answer, what is kept can be found, and there is room for it. Raises Refused with every finding."""
    findings = find_inventory_problems(ctx)
    kinds: dict[str, str] = {}
    if ctx.system.hosts and not findings:
        needs = [preflight_hosts.source_need(ctx, host) for host in ctx.system.hosts] + [preflight_hosts.restore_need(ctx)]
        problems, kinds = preflight_hosts.find_problems(ctx, needs)
        findings = problems or machine.find_problems(kept_cold(ctx))
    if findings:  # every one, before anything is stopped
        raise Refused(say("steps.findings_before_retirement", count=len(findings), system=ctx.system.id), findings=findings)
    return {"hosts": kinds, "by_hand": [database.name for database in by_hand(ctx)], "stood": fields(ctx)}


def fields(ctx: Context) -> dict[str, str]:
    """What the inventory says of it, each field by its digest: an approval is for the system as it was looked at, and no other."""
    said = ctx.system.model_dump(mode="json")
    return {name: hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:16] for name, value in said.items()}


def _insist_unchanged(ctx: Context) -> None:
    stood = ctx.facts["check_retirement"]["stood"]
    changed = sorted(name for name, digest in fields(ctx).items() if stood.get(name) != digest)
    if changed:
        raise Refused(
            say("steps.inventory_changed", changed=tuple(changed)), where=ctx.system.id,
            remedy=say("steps.retire_again", system=ctx.system.id),
        )  # fmt: skip


def find_inventory_problems(ctx: Context) -> list[Finding]:
    """What the inventory leaves open; asks nobody."""
    if ctx.system.hosts or not (ctx.system.services or ctx.system.file_trees or ctx.system.databases):
        return []
    message = say("steps.no_hosts")
    return [Finding("no-hosts", "error", message, say("steps.list_hosts"), system=ctx.system.id)]


def preview(ctx: Context, _connect: bool) -> Preview:
    """What the inventory says of it; nobody is asked."""
    return Preview(Coverage.CHECKED, say("steps.how_no_host_asked"), tuple(find_inventory_problems(ctx)))


# ---------------------------------------------------------------- access ends


def end_access(ctx: Context) -> Facts:
    """Services, then databases are stopped in order and observed down; none starts again by itself. Raises Waiting before the planned
    end, outside the system's windows, and while all cutovers are held."""
    if not ctx.records.said(ANNOUNCED):
        _insist_unchanged(ctx)
        _wait_until_due(ctx)
        ctx.records.event(ANNOUNCED, {"minutes": None, "was_up": still_answering(ctx), **machine.look(kept_cold(ctx))})
    if not ctx.system.hosts:
        return {"tasks": people.ask(ctx, "end_access", [NO_HOST], {"system": ctx.system.name})}
    own = kept_cold(ctx)
    began = time.time()
    seconds = {host.name: shut_all(machine.parts(own, host)) for host in ctx.system.hosts}
    done = people.ask(ctx, "end_access", _tasks_by_hand(ctx), {"databases": [database.name for database in by_hand(ctx)]})
    return {"began": began, "seconds": seconds, "tasks": done}


def _tasks_by_hand(ctx: Context) -> list[people.Task]:
    """What we cannot end ourselves: vendors' databases, and its place in a service that other systems use too."""
    tasks = [(f"stop_{each.name}", say("steps.task_stop_database", name=each.name)) for each in by_hand(ctx)]
    shared = [service for service in ctx.system.services if service.shared]
    return tasks + [(f"stop_{each.name}"[:80], say("steps.task_leave_service", name=each.name)) for each in shared]


def _wait_until_due(ctx: Context) -> None:
    held = ctx.records.held()
    if held:
        raise Waiting(say("steps.all_held", held=held), where=ctx.system.id, remedy=say("steps.hold_off"))
    end = ctx.system.planned_end
    if end is not None and gates.today(ctx) <= last_day(end):
        raise Waiting(
            say("steps.used_until", end=end), where=ctx.system.id,
            remedy=say("steps.resume_after"),
        )  # fmt: skip
    if gates.rule_at(ctx, gates.now().timestamp()) is None:
        raise Waiting(say("steps.system_window"), where=ctx.system.id, remedy=say("steps.resume_in_window"))


def is_silent(ctx: Context) -> Observed:
    """Nothing of it runs or answers any more. A system that ran nowhere when its access ended shows nothing."""
    if not ctx.system.hosts:
        return Observed.NOTHING
    if not ctx.records.said(ANNOUNCED) or still_answering(ctx) or _running(ctx):
        return Observed.NOT_DONE
    return Observed.DONE if machine.known(ctx).get("was_up") else Observed.NOTHING


def _running(ctx: Context) -> list[str]:
    own = kept_cold(ctx)
    return [part.name for host in own.system.hosts for part in machine.parts(own, host) if part.is_up()]


def still_answering(ctx: Context) -> list[str]:
    """What of it still answers, by name. What other systems use too was never stopped, and is not asked."""
    places = [(service.name, service.host, service.port) for service in ctx.system.services if service.port and not service.shared]
    places += [(database.name, database.host, database.port) for database in ctx.system.databases]
    asked = [(name, ctx.world.source(host).address, port) for name, host, port in places]
    return [f"{name} ({address}:{port})" for name, address, port in asked if health.answers(address, port)]


def give_back(ctx: Context) -> None:
    """The undo: everything runs again where it is; what was never stopped is left as it is."""
    if not ctx.records.said(ANNOUNCED) or not ctx.system.hosts:
        return
    own = kept_cold(ctx)
    stopped = [name for name in ctx.records.tasks_done("end_access") if name.startswith("stop_")]
    tasks = [(f"re{name}"[:80], say("steps.task_start_again", name=name)) for name in stopped]
    people.ask(ctx, "end_access", tasks, {})  # the database before what needs it
    for host in ctx.system.hosts:
        machine.restore(own, host)


# ---------------------------------------------------------------- what is kept


def keep(ctx: Context) -> Facts:
    """The last state: our cold copy, restored elsewhere and compared; the vendor's own backup by its files, which we look at."""
    facts: Facts = cold.run(kept_cold(ctx)) if ctx.system.hosts else {"trees": {}}
    databases = [database.name for database in by_hand(ctx)] or ([] if ctx.system.hosts else [ctx.system.id])
    stopped = float(ctx.facts["end_access"].get("began", 0.0))
    for name in databases:
        task = (f"last_backup_{name}"[:80], say("steps.task_last_backup", name=name))
        facts |= people.ask_for_files(ctx, "final_backup", task, {"database": name}, lambda files: faults_of_backup(files, stopped))
    return facts


def is_kept(ctx: Context) -> Observed:
    """Our copies and their lists are there."""
    return cold.observe(kept_cold(ctx)) if ctx.system.hosts else Observed.DONE


# ---------------------------------------------------------------- who is told, and whether anybody misses it


def tell(ctx: Context) -> Facts:
    """R8: whoever reached it, or was reached by it, is told by a person, with evidence."""
    peers = list(dict.fromkeys(link.peer for link in ctx.system.links))
    tasks = [(f"tell_{number}", say("steps.task_tell_peer", peer=peer)) for number, peer in enumerate(peers, start=1)]
    tasks.append(("tell_users", say("steps.task_announce")))
    return {"tasks": people.ask(ctx, "tell_links", tasks, {"system": ctx.system.name, "peers": peers})}


def stay_silent(ctx: Context) -> Facts:
    """As long as a trial run lasts, nothing of it runs and everything could stand again. What answers meanwhile was started by somebody:
    an alarm, and the time counts from its end."""
    length = gates.trial_seconds(ctx)
    counts_from = [each["at"] for each in ctx.records.history(QUIET_SINCE) if each["migration"] == ctx.migration]
    since = float(counts_from[-1]) if counts_from else _count_from_now(ctx)
    while (silent := time.time() - since) < length:
        ctx.stop_if_asked()
        answering = still_answering(ctx) if ctx.system.hosts else []
        ctx.records.watch({"runs-again": say("steps.ended_answers", answering=tuple(answering))} if answering else {})
        if answering:
            since = _count_from_now(ctx, told=since)
        ctx.progress(Progress(str(say("steps.quiet")), silent, length, "s"))
        ctx.pause(min(LOOK_SECONDS, max(0.1, length - silent)))
    return {"seconds": length}


def _count_from_now(ctx: Context, told: float = 0.0) -> float:
    """On record, so that another engine counts from there; no more often than once a minute while somebody lets it run."""
    at = time.time()
    if at - told > 60 or not told:
        ctx.records.event(QUIET_SINCE, {"migration": ctx.migration, "at": at})
    return at


# ---------------------------------------------------------------- after acceptance


def free(ctx: Context) -> Facts:
    """ONE_WAY: the disks are erased, with a certificate that we keep the digest of; then the room is free of it."""
    if answering := (still_answering(ctx) if ctx.system.hosts else []):
        raise StepFailed(say("steps.accepted_answers", answering=tuple(answering)), where=ctx.system.id, remedy=say("steps.stop_it_resume"))
    detail = {"machines": [host.name for host in ctx.system.hosts], "room": ctx.system.room or ""}
    facts = people.ask_for_files(ctx, "free_room", ERASE, detail, lambda files: faults_of_backup(files, 0.0))
    facts |= people.ask(ctx, "free_room", [FREE], detail)
    ctx.records.event("room_freed", {**detail, "certificate": facts[ERASE[0]]["files"]})
    return facts


def deregister(ctx: Context) -> Facts:
    """R13 (注销): what it offered is no longer in the catalogue."""
    for resource in ctx.system.data_resources:
        ctx.records.event("catalogue_deregistered", {"name": resource.name, "department": ctx.system.department, "why": "retired"})
    return {"resources": [resource.name for resource in ctx.system.data_resources]}


def _done(_: Context) -> Observed:
    return Observed.DONE


def _freed(ctx: Context) -> Observed:
    return Observed.DONE if ctx.records.said("room_freed") else Observed.NOT_DONE


def preview_end(ctx: Context, _connect: bool) -> Preview:
    """When access would end."""
    end = say("steps.after_end", day=str(ctx.system.planned_end)) if ctx.system.planned_end else say("steps.soon")
    return Preview(Coverage.EXECUTED, say("steps.how_end", end=end))


CHECK = Step(id="check_retirement", effect=Effect.READ_ONLY, run=check, observe=_done, preview=preview)
END_ACCESS = Step(
    id="end_access", effect=Effect.REVERSIBLE, run=end_access, observe=is_silent, undo_source=give_back, preview=preview_end,
)  # fmt: skip
KEEP = Step(
    id="final_backup", effect=Effect.READ_ONLY, run=keep, observe=is_kept, moves_data=True,
    preview=previews.planned(say("steps.how_kept")),
)  # fmt: skip
TELL = Step(id="tell_links", effect=Effect.READ_ONLY, run=tell, observe=_done, preview=previews.people(say("steps.how_told")))
QUIET = Step(id="stay_silent", effect=Effect.READ_ONLY, run=stay_silent, observe=is_silent, preview=previews.trial)
FREE_ROOM = Step(
    id="free_room", effect=Effect.ONE_WAY, run=free, observe=_freed, preview=previews.people(say("steps.how_erased")),
)  # fmt: skip
DEREGISTER = Step(id="deregister_catalogue", effect=Effect.READ_ONLY, run=deregister, observe=_done, preview=previews.catalogue)
