"""The cold backup of a hosted system's machines: taken while they stand still, restored elsewhere and compared, before transport."""

from __future__ import annotations

import hashlib
from pathlib import Path

from orchestrator.errors import StepFailed
from orchestrator.models import Host
from orchestrator.movers.files import manifest
from orchestrator.movers.files.manifest import Manifest, differences, read_manifest
from orchestrator.steps import machine
from orchestrator.steps.base import Context, Facts, Observed
from orchestrator.steps.files import rsync
from orchestrator.steps.machine import Tree
from orchestrator.texts import say

COMPARED = "compared_after_transport"
NAMED = 5


def run(ctx: Context) -> Facts:
    """Copies everything to the controller, restores it on the cloud's gateway, and compares that with the machine, entry by entry.
    What the machine held is kept, for the look at it after transport. Raises StepFailed for anything that differs."""
    facts: Facts = {"trees": {}}
    for tree in machine.trees(ctx):
        report = rsync(ctx).fetch(tree.host, tree.path, _folder(ctx, tree), checksum=True)
        here = read_manifest(ctx.world.ssh(tree.host), tree.path)
        _restore_and_compare(ctx, tree, here)
        manifest.keep(_manifest_file(ctx, tree), here)
        files = sum(entry.kind == "f" for entry in here.values())
        facts["trees"][tree.name] = {"files": files, "entries": len(here), "bytes": report.bytes, "restored_on": _elsewhere(ctx).name}
        ctx.records.copied(what=f"cold backup {tree.name}", source_state="stopped", size=report.bytes, items=files)
    return facts


def _restore_and_compare(ctx: Context, tree: Tree, here: Manifest) -> None:
    """Owners are compared after transport, where their accounts are: this host need not know them."""
    host = _elsewhere(ctx)
    connection, place = ctx.world.ssh(host), ctx.world.home(host, "cold", ctx.migration)
    try:
        rsync(ctx).send(_folder(ctx, tree), host, place)
        there = read_manifest(connection, place)
    finally:
        connection.run(["rm", "-rf", "--", place], timeout=600)
    _insist_equal(tree, {name: entry.content for name, entry in here.items()}, {name: entry.content for name, entry in there.items()})


def _insist_equal(tree: Tree, here: dict[str, tuple[str, str, str]], there: dict[str, tuple[str, str, str]]) -> None:
    differ = sorted(name for name in here.keys() | there.keys() if here.get(name) != there.get(name))
    if differ:
        raise StepFailed(
            say("steps.cold_differs", count=len(differ), differ=tuple(map(manifest.shown, differ[:NAMED]))),
            where=tree.name,
            remedy=say("steps.look_disks"),
        )


def _elsewhere(ctx: Context) -> Host:
    """Where it is restored for the comparison: a host of the other site."""
    return ctx.world.cloud.gateway


def _folder(ctx: Context, tree: Tree) -> Path:
    return ctx.world.folder / "cold" / tree.host.name / _short(tree)


def _manifest_file(ctx: Context, tree: Tree) -> Path:
    return ctx.world.folder / "manifests" / f"cold-{tree.host.name}-{_short(tree)}.json"


def _short(tree: Tree) -> str:
    """One name for a path: two paths never share one, however long they are."""
    return f"{tree.path.strip('/').replace('/', '_')[-60:]}-{hashlib.sha256(tree.path.encode()).hexdigest()[:12]}"


def observe(ctx: Context) -> Observed:
    """Whatever is to be carried has a backup that was compared."""
    kept = [_manifest_file(ctx, tree).exists() and _folder(ctx, tree).is_dir() for tree in machine.trees(ctx)]
    return Observed.DONE if all(kept) else Observed.NOT_DONE


def compare_after_transport(ctx: Context) -> int:
    """Every entry of every machine is as it was before transport, owners too; once a migration, before anything starts there.
    Returns how many were compared."""
    if ctx.records.said(COMPARED):
        return 0
    count = 0
    for tree in machine.trees(ctx):
        before = manifest.load(_manifest_file(ctx, tree))
        there = read_manifest(ctx.world.ssh(ctx.world.target(tree.host.name)), tree.path)
        if found := differences(before, there):
            raise StepFailed(
                say("steps.transport_differs", count=len(found), found=tuple(found[:NAMED])),
                where=tree.name,
                remedy=say("steps.restore_cold"),
            )
        count += len(there)
    ctx.records.event(COMPARED, {"entries": count})
    return count
