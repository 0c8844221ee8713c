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

Task = tuple[str, str, str]
"""Name, Chinese, English."""
Judge = Callable[[Sequence[HandedIn]], list[str]]
"""From the files that were handed in, each as it is now, to why they do not show it; empty: they do."""
NAMED = 5
KEPT_BYTES = 200_000_000
ACCEPTED = "evidence_accepted"


def ask(ctx: Context, step: str, tasks: list[Task], detail: dict[str, Any]) -> Facts:
    """Opens the tasks one after the other. Raises Waiting at the first that is not done."""
    done: Facts = {}
    for name, zh, en in tasks:
        row = ctx.records.task(step, name, zh=zh, en=en, detail=detail)
        if row["state"] != "done":
            why = [str(reason) for reason in (row["detail"] or {}).get("refused", ())]
            raise Waiting(
                f"human task {row['id']}: {en}" + (f" (handed in before, and refused: {'; '.join(why[:NAMED])})" if why else ""),
                where=ctx.system.id,
                remedy=f"`orchestrator task done {row['id']} --evidence …` when it is done",
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
        files, reasons = accepted, judge(accepted) if keep else []
    else:
        files, reasons = _look(ctx, [HandedIn.from_json(row) for row in done[name].get("files", ())])
        if not files and not reasons:
            reasons = ["no file was handed in: `--file PATH`, or `--file HOST:/PATH` where it lies on a host of the system"]
        if keep and not reasons:
            files = [_keep(ctx, file) for file in files]
        reasons = reasons or judge(files)
    if reasons:
        ctx.records.reopen_task(step, name, reasons)
        for reason in reasons:
            ctx.say(f"{task[2]}: {reason}")
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


def _look(ctx: Context, named: Sequence[HandedIn]) -> tuple[list[HandedIn], list[str]]:
    """Every file as it is now, and what is wrong with those that are not as they were handed in."""
    files, reasons = [], []
    for before in named:
        try:
            now = _look_at(ctx, before)
        except OrchestratorError as error:
            reasons.append(error.what)
            continue
        if before.seen and now.sha256 != before.sha256:
            reasons.append(f"{now.place} is not the file that was handed in: its content has changed since")
        files.append(now)
    return files, reasons


def _look_at(ctx: Context, file: HandedIn) -> HandedIn:
    if not file.host:
        return handed_in.look_here(file.path)
    hosts = [*ctx.system.hosts, *ctx.world.targets.values()]
    host = next((host for host in hosts if host.name == file.host), None)
    if host is None:
        raise Refused(f"{file.place}: {file.host} is no host of {ctx.system.id}", remedy="name one of its hosts, or a file of this machine")
    return handed_in.look_there(ctx.world.ssh(host), file)


def new_address(thing: Host | Device) -> str:
    """Where a machine or device answers at the cloud centre. Raises Refused: nobody can guess it."""
    if thing.new_address is None:
        raise Refused(
            f"{thing.name} has no address at the cloud centre", where=thing.address, remedy="give it as new_address in the inventory"
        )
    return thing.new_address
