"""Human tasks: what a person carries, switches or signs; done when somebody says so with evidence, which may be files that we look at."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from orchestrator.errors import OrchestratorError, Refused, Waiting
from orchestrator.hosts import handed_in
from orchestrator.hosts.handed_in import HandedIn
from orchestrator.models import Device, Host
from orchestrator.steps.base import Context, Facts
from orchestrator.texts import Sentence, Words, kept, say

Task = tuple[str, Sentence]
"""Name, and what is to be done."""
Judge = Callable[[Sequence[HandedIn]], Sequence[Words]]
"""From the files that were handed in, each as it is now, to why they do not show it; empty: they do."""
NAMED = 5
KEPT_BYTES = 200_000_000
ACCEPTED = "evidence_accepted"


def ask(ctx: Context, step: str, tasks: list[Task], detail: dict[str, Any]) -> Facts:
    """Opens the tasks one after the other. Raises Waiting at the first that is not done."""
    done: Facts = {}
    for name, what in tasks:
        row = ctx.records.task(step, name, zh=what.spoken("zh"), en=what.spoken("en"), detail=detail)
        if row["state"] != "done":
            why = [str(reason) for reason in (row["detail"] or {}).get("refused", ())]
            raise Waiting(
                say("steps.task_refused", number=row["id"], what=what, why=tuple(why[:NAMED]))
                if why
                else say("steps.task_waits", number=row["id"], what=what),
                where=ctx.system.id,
                remedy=say("steps.task_done_when", number=row["id"]),
            )
        done[name] = {"actor": row["actor"], "evidence": row["evidence"], "opened": row["opened"], "done": row["done"]}
        if files := (row["detail"] or {}).get("files"):
            done[name]["files"] = files
    return done


def ask_for_files(ctx: Context, step: str, task: Task, detail: dict[str, Any], judge: Judge, *, keep: bool = False) -> Facts:
    """One task whose evidence are files: each is looked at where it lies, and ``judge`` says whether they show it. What does not is asked
    for anew, with every reason. What was accepted once is not looked at again: a backup may be on tape by then. ``keep``: files of this
    machine are copied into our own folder first, so that the next run of the same client does not write over them.

    Raises Waiting until they show it."""
    name = task[0]
    done = ask(ctx, step, [task], detail)
    accepted = _accepted(ctx, step, name, str(done[name]["done"]))
    if accepted is not None:
        files, reasons = accepted, list(judge(accepted)) if keep else []
    else:
        files, reasons = _look(ctx, [HandedIn.from_json(row) for row in done[name].get("files", ())])
        if not files and not reasons:
            reasons = [say("steps.no_file_handed")]
        if keep and not reasons:
            files = [_keep(ctx, file) for file in files]
        reasons = reasons or list(judge(files))
    if reasons:
        ctx.records.reopen_task(step, name, [kept(reason) for reason in reasons])
        for reason in reasons:
            ctx.say(str(say("steps.of", name=task[1], said=reason)))
        ask(ctx, step, [task], detail)
    rows = [file.as_json() for file in files]
    if accepted is None:
        said = {"migration": ctx.migration, "step": step, "task": name, "done": done[name]["done"], "files": rows}
        ctx.records.event(ACCEPTED, said)
    return done | {name: {**done[name], "files": rows}}


def _accepted(ctx: Context, step: str, name: str, done: str) -> list[HandedIn] | None:
    """The files that this very handing in was accepted with; None: nobody has looked yet."""
    for said in ctx.records.history(ACCEPTED):
        if (said["migration"], said["step"], said["task"], said["done"]) == (ctx.migration, step, name, done):
            return [HandedIn.from_json(row) for row in said["files"]]
    return None


def _keep(ctx: Context, file: HandedIn) -> HandedIn:
    """Our own copy of a file of this machine, called by its content. One of a host stays where it is."""
    if file.host or file.bytes > KEPT_BYTES:
        return file
    folder = ctx.world.folder / "handed_in"
    folder.mkdir(mode=0o700, exist_ok=True)
    copy = folder / file.sha256
    if not copy.exists():
        draft = folder / f"{file.sha256}.new"
        shutil.copyfile(file.path, draft)
        draft.replace(copy)
    return replace(handed_in.look_here(str(copy)), modified=file.modified)


def _look(ctx: Context, named: Sequence[HandedIn]) -> tuple[list[HandedIn], list[Words]]:
    """Every file as it is now, and what is wrong with those that are not as they were handed in."""
    files: list[HandedIn] = []
    reasons: list[Words] = []
    for before in named:
        try:
            now = _look_at(ctx, before)
        except OrchestratorError as error:
            reasons.append(error.says)
            continue
        if before.seen and now.sha256 != before.sha256:
            reasons.append(say("steps.file_changed", place=now.place))
        files.append(now)
    return files, reasons


def _look_at(ctx: Context, file: HandedIn) -> HandedIn:
    if not file.host:
        return handed_in.look_here(file.path)
    hosts = [*ctx.system.hosts, *ctx.world.targets.values()]
    host = next((host for host in hosts if host.name == file.host), None)
    if host is None:
        raise Refused(say("steps.no_host_of", place=file.place, host=file.host, system=ctx.system.id), remedy=say("steps.name_host"))
    return handed_in.look_there(ctx.world.ssh(host), file)


def new_address(thing: Host | Device) -> str:
    """Where a machine or device answers at the cloud centre. Raises Refused: nobody can guess it."""
    if thing.new_address is None:
        raise Refused(say("steps.no_new_address", name=thing.name), where=thing.address or "", remedy=say("steps.give_new_address"))
    return thing.new_address


def former_address(device: Device) -> str:
    """Where a device answers before it travels. Raises Refused, likewise."""
    if device.address is None:
        raise Refused(say("steps.no_address", name=device.name), remedy=say("steps.give_address"))
    return device.address
