"""Copies file trees: passes while the source lives on, and one that reads everything when its writers are still."""

from __future__ import annotations

from orchestrator.models import FileTree
from orchestrator.movers.files.trees import Rsync, tree_hashes
from orchestrator.steps.base import Context, Effect, Facts, Observed, Step


def rsync(ctx: Context) -> Rsync:
    """The copier; its relay keeps what was pulled, so that a retry copies only what changed."""
    assert ctx.settings.known_hosts is not None  # noqa: S101 - preflight looked
    return Rsync(
        known_hosts=ctx.settings.known_hosts, ssh_key=ctx.settings.ssh_key, relay=ctx.world.folder / "relay", register=ctx.records.process
    )


def copy(ctx: Context, tree: FileTree, *, back: bool = False, checksum: bool = False) -> Facts:
    """One pass over one tree; what it overwrites or deletes goes to quarantine on the receiving host."""
    source, target = ctx.world.source(tree.host), ctx.world.target(tree.host)
    there = ctx.world.path(tree.path, source, target)
    one, other = ((target, there), (source, tree.path)) if back else ((source, tree.path), (target, there))
    report = rsync(ctx).copy_tree(*one, *other, delete_to=ctx.world.home(other[0], "quarantine", ctx.migration), checksum=checksum)
    return {"files": report.files, "bytes": report.bytes, "changed": len(report.changed), "seconds": round(report.seconds, 2)}


def run(ctx: Context) -> Facts:
    """A first pass over every tree."""
    facts: Facts = {"trees": {}}
    for tree in ctx.system.file_trees:
        ctx.world.ssh(ctx.world.target(tree.host)).run(["mkdir", "-p", _there(ctx, tree)], check=True)
        facts["trees"][f"{tree.host}:{tree.path}"] = seen = copy(ctx, tree)
        ctx.records.copied(what=f"files {tree.host}:{tree.path}", source_state="pass 1", size=seen["bytes"], items=seen["files"])
    return facts


def _there(ctx: Context, tree: FileTree) -> str:
    return ctx.world.path(tree.path, ctx.world.source(tree.host), ctx.world.target(tree.host))


def observe(ctx: Context) -> Observed:
    """Every tree exists on the target."""
    if not ctx.system.file_trees:
        return Observed.NOTHING
    if not ctx.world.targets:
        return Observed.NOT_DONE
    for tree in ctx.system.file_trees:
        if ctx.world.ssh(ctx.world.target(tree.host)).run(["test", "-d", _there(ctx, tree)]).code != 0:
            return Observed.NOT_DONE
    return Observed.DONE


def undo(ctx: Context) -> None:
    """Moves the target's copies to its quarantine."""
    for tree in ctx.system.file_trees:
        if tree.host not in ctx.world.targets:
            continue
        host = ctx.world.target(tree.host)
        path, quarantine = _there(ctx, tree), ctx.world.home(host, "quarantine", f"{ctx.migration}-files")
        connection = ctx.world.ssh(host)
        if connection.run(["test", "-d", path]).code == 0:
            connection.run(["mkdir", "-p", quarantine], check=True)
            connection.run(["mv", "--backup=numbered", "-T", path, f"{quarantine}/{path.strip('/').replace('/', '_')}"], check=True)


def differences(ctx: Context) -> list[str]:
    """Files that are not the same on both sides, by content."""
    found = []
    for tree in ctx.system.file_trees:
        source, target = ctx.world.source(tree.host), ctx.world.target(tree.host)
        here, there = tree_hashes(ctx.world.ssh(source), tree.path), tree_hashes(ctx.world.ssh(target), _there(ctx, tree))
        found += [f"{tree.path}/{name}" for name in sorted(here.keys() | there.keys()) if here.get(name) != there.get(name)]
    return found


STEP = Step(id="copy_files", effect=Effect.REVERSIBLE, run=run, observe=observe, undo_target=undo)


def merge(ctx: Context, tree: FileTree, *, back: bool) -> Facts:
    """After the switch: what the drained side wrote last joins the live side; nothing of the live side is deleted or
    overwritten by something older. Reads everything (a change may keep size and time)."""
    source, target = ctx.world.source(tree.host), ctx.world.target(tree.host)
    there = _there(ctx, tree)
    if back:
        drained, from_path, live, to_path = target, there, source, tree.path
    else:
        drained, from_path, live, to_path = source, tree.path, target, there
    a, b = tree_hashes(ctx.world.ssh(drained), from_path), tree_hashes(ctx.world.ssh(live), to_path)
    differing = sorted(name for name, digest in a.items() if b.get(name) != digest)
    if not differing:
        return {"compared": len(a), "copied": 0}
    report = rsync(ctx).copy_tree(
        drained,
        from_path,
        live,
        to_path,
        delete_to=ctx.world.home(live, "quarantine", f"{ctx.migration}-merge"),
        checksum=True,
        only=differing,
        update=True,
    )
    return {"compared": len(a), "copied": report.files}
