"""Copies files: passes while the source lives on; after the switch what the drained side wrote last joins the live side.

Owners go by name, access lists and extended attributes with them. Nothing is deleted for good on either side: what is overwritten
or was deleted at the other side goes to a quarantine folder there, is counted, and named.
"""

from __future__ import annotations

import dataclasses
import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from orchestrator.errors import StepFailed
from orchestrator.hosts import accounts, former
from orchestrator.hosts.former import FIND_MISSING, REMOVE_EMPTY
from orchestrator.models import FileTree, Host
from orchestrator.movers.files import manifest as manifests
from orchestrator.movers.files.manifest import Manifest, differences, read_manifest, shown
from orchestrator.movers.files.merge import Merge, Own, agree, find_overtaken, find_own, plan_merge
from orchestrator.movers.files.side import with_passed
from orchestrator.movers.files.trees import Rsync
from orchestrator.steps import configuration, previews
from orchestrator.steps.base import Context, Effect, Facts, Observed, Step
from orchestrator.texts import say

NAMED = 20
"""How many names a fact or an error spells out; the count is always whole."""
_KEEP_FORMER = (
    FIND_MISSING
    + """
place=$1; path=$2
rm -f -- "$place.back"
[ -e "$place" ] || [ -L "$place" ] || [ -e "$place.none" ] || {
    umask 077; mkdir -p -- "$(dirname -- "$place")"
    if [ -e "$path" ] || [ -L "$path" ]; then
        rm -rf -- "$place.new"; cp -a --reflink=auto -T -- "$path" "$place.new"; mv -T -- "$place.new" "$place"
    else find_missing "$path" >"$place.made"; : >"$place.none"; fi
}
[ ! -e "$place.made" ] || cat -- "$place.made"
"""
)
_PUT_FORMER_BACK = (
    REMOVE_EMPTY
    + """
place=$1; path=$2; quarantine=$3
if [ ! -e "$place.back" ]; then
    if [ -e "$path" ] || [ -L "$path" ]; then
        mkdir -p -m 0700 -- "$(dirname -- "$quarantine")"; mv --backup=numbered -T -- "$path" "$quarantine"
    fi
    if [ -e "$place" ] || [ -L "$place" ]; then cp -a -T -- "$place" "$path"; fi
    [ ! -e "$place.made" ] || remove_empty <"$place.made"
    mkdir -p -m 0700 -- "$(dirname -- "$place")"; : >"$place.back"
fi
rm -rf -- "$place" "$place.none" "$place.made"
"""
)
"""Constants. Where a copy of what stood at a path is kept, the path itself, and its place in the quarantine are their arguments;
``.none`` says that nothing stood there, ``.made`` which folders above it were missing, ``.back`` that it is put back: an undo that is run again must not take that away."""
_QUARANTINED = 'cd -- "$1" 2>/dev/null && find . -type f -printf "%P\\n" | head -n 1000; :'


def rsync(ctx: Context) -> Rsync:
    """The copier; its relay keeps what was pulled, so that a retry copies only what changed."""
    assert ctx.settings.known_hosts is not None  # noqa: S101 - preflight looked
    return Rsync(
        known_hosts=ctx.settings.known_hosts, ssh_key=ctx.settings.ssh_key, relay=ctx.world.folder / "relay", register=ctx.records.process,
        progress=ctx.progress,
    )  # fmt: skip


@dataclass(frozen=True)
class Place:
    """A tree on one side. A single file is its folder with one name in it."""

    host: Host
    path: str
    only: tuple[str, ...] | None
    own: tuple[str, ...] = ()
    """Names that each side keeps for itself."""

    @property
    def anchored(self) -> list[str]:
        """The same as rsync's patterns: from the tree's top, and no sign stands for others."""
        return ["/" + re.sub(r"([*?\[\\])", r"\\\1", name) if re.search(r"[*?\[]", name) else f"/{name}" for name in self.own]

    @property
    def starts(self) -> tuple[str, ...]:
        return self.only or (".",)


def places(ctx: Context, tree: FileTree) -> tuple[Place, Place]:
    """A tree on the source and on the target."""
    source, target = ctx.world.source(tree.host), ctx.world.target(tree.host)
    path, only, own = tree.path.rstrip("/"), None, configuration.names_in(ctx, tree)
    if ctx.world.ssh(source).run(["test", "-d", path], timeout=20).code != 0:
        folder, _, name = path.rpartition("/")
        path, only = folder or "/", (name,)
    return Place(source, path, only, own), Place(target, ctx.world.path(path, source, target), only, own)


def ids(ctx: Context, sender: Place, receiver: Place) -> list[str]:
    """rsync's options that make the sender's owners the receiver's, by name. Raises StepFailed for files of a number that has no
    name here and belongs to somebody there."""
    if "processes" in (sender.host.manager, receiver.host.manager):
        return []
    paths = [sender.path if name == "." else f"{sender.path}/{name}" for name in sender.starts]
    owners = accounts.read_owners(ctx.world.ssh(sender.host), paths)
    mapped = accounts.map_ids(owners, ctx.world.ssh(receiver.host))
    if mapped.strangers:
        raise StepFailed(
            say("steps.no_owner", strangers=tuple(mapped.strangers), host=receiver.host.name),
            where=f"{sender.host.name}:{sender.path}",
            remedy=say("steps.give_owner"),
        )
    return mapped.options()


# ---------------------------------------------------------------- passes before the switch


def run(ctx: Context) -> Facts:
    """A pass over every tree while its writers live on; what the target then holds is kept, for the last pass to compare with."""
    facts: Facts = {"trees": {}}
    for tree in ctx.system.file_trees:
        source, target = places(ctx, tree)
        made = _keep_former(ctx, tree)
        ctx.world.ssh(target.host).run(["mkdir", "-p", "--", target.path], check=True)
        report = rsync(ctx).copy_tree(
            source.host, source.path, target.host, target.path,
            delete_to=ctx.world.home(target.host, "quarantine", ctx.migration), only=source.only, exclude=source.anchored,
            ids=ids(ctx, source, target),
        )  # fmt: skip
        keep_base(ctx, tree, "forward", read(ctx, target))
        facts["trees"][f"{tree.host}:{tree.path}"] = {
            "files": report.files, "bytes": report.bytes, "changed": len(report.changed), "seconds": round(report.seconds, 2),
            "made": made,
        }  # fmt: skip
        ctx.records.copied(what=f"files {tree.host}:{tree.path}", source_state="pass 1", size=report.bytes, items=report.files)
    return facts


def read(ctx: Context, place: Place) -> Manifest:
    """What is there now, but for what each side keeps for itself."""
    found = read_manifest(ctx.world.ssh(place.host), place.path, place.starts)
    return {name: entry for name, entry in found.items() if name not in place.own}


def base_file(ctx: Context, tree: FileTree, direction: str) -> Path:
    """Where what both sides held is kept."""
    name = f"{tree.host}{tree.path}".replace("/", "_").replace("\0", "")[-100:]
    return ctx.world.folder / "manifests" / f"{direction}-{name}.json"


def keep_base(ctx: Context, tree: FileTree, direction: str, manifest: Manifest) -> None:
    """What the side that will be live held when both were last made equal."""
    manifests.keep(base_file(ctx, tree, direction), manifest)


def base(ctx: Context, tree: FileTree, direction: str) -> Manifest | None:
    """None when nobody kept it: a migration that an older engine began."""
    file = base_file(ctx, tree, direction)
    return manifests.load(file) if file.exists() else None


def observe(ctx: Context) -> Observed:
    """A copy of ours stands at every tree's place on the target: what stood there before we came, or was put back, is none."""
    if not ctx.system.file_trees:
        return Observed.NOTHING
    if not ctx.world.targets:
        return Observed.NOT_DONE
    for tree in ctx.system.file_trees:
        target = ctx.world.target(tree.host)
        path = ctx.world.path(tree.path, ctx.world.source(tree.host), target)
        if not (_is_there(ctx, target, path) and _is_copied(ctx, tree, target, path)):
            return Observed.NOT_DONE
    return Observed.DONE


def _is_there(ctx: Context, host: Host, path: str) -> bool:
    """Also a link that leads nowhere."""
    return ctx.world.ssh(host).run(["test", "-e", path, "-o", "-L", path], timeout=20).code == 0


def _is_copied(ctx: Context, tree: FileTree, host: Host, path: str) -> bool:
    """Whether what stood at a tree's place is kept, and not yet put back. An older engine kept no more than the base."""
    place = _former_place(ctx, host, path)
    if _is_there(ctx, host, place) or _is_there(ctx, host, f"{place}.none"):
        return True
    return base(ctx, tree, "forward") is not None and not _is_there(ctx, host, f"{place}.back")


def _keep_former(ctx: Context, tree: FileTree) -> list[str]:
    """What stands at a tree's place on the target before anything of ours is there (a package's own configuration) is kept for the
    undo. A retry finds it kept. Returned are the folders above it that the copy has to make, the deepest first."""
    host = ctx.world.target(tree.host)
    path = ctx.world.path(tree.path, ctx.world.source(tree.host), host)
    done = ctx.world.ssh(host).run(["sh", "-euc", _KEEP_FORMER, "keep-former", _former_place(ctx, host, path), path], check=True)
    return done.stdout.splitlines()


def _former_place(ctx: Context, host: Host, path: str) -> str:
    return ctx.world.home(host, "former-files", ctx.migration, quote(path, safe=""))


def undo(ctx: Context) -> None:
    """Moves the target's copies to its quarantine, and puts back what stood there before: also no folder above them that we made."""
    for tree in reversed(ctx.system.file_trees):  # the first one made what several stand in
        if tree.host not in ctx.world.targets:
            continue
        host = ctx.world.target(tree.host)
        path = ctx.world.path(tree.path, ctx.world.source(tree.host), host)
        place, connection = _former_place(ctx, host, path), ctx.world.ssh(host)
        if _is_copied(ctx, tree, host, path):
            quarantine = ctx.world.home(host, "quarantine", f"{ctx.migration}-files", path.strip("/").replace("/", "_"))
            connection.run(["sh", "-euc", _PUT_FORMER_BACK, "put-back", place, path, quarantine], check=True)
        base_file(ctx, tree, "forward").unlink(missing_ok=True)  # before the last mark: with neither, a copy that stands is ours no more
        former.remove_ours(connection, f"{place}.back")


# ---------------------------------------------------------------- the last pass, after the switch


def merge(ctx: Context, tree: FileTree, *, back: bool, passed: Path | None = None) -> Facts:
    """What the drained side wrote, changed and deleted since both were equal follows to the live side; what the live side has
    done since stays. Reads everything (a change may keep size and time). ``passed``: what a fence carried over since the base was
    kept. Raises StepFailed when they then still differ."""
    source, target = places(ctx, tree)
    drained, live = (target, source) if back else (source, target)
    here, there = read(ctx, drained), read(ctx, live)
    agreed = base(ctx, tree, "back" if back else "forward")
    plan = plan_merge(with_passed(agreed, passed) if passed else agreed, here, there)
    quarantine = ctx.world.home(live.host, "quarantine", f"{ctx.migration}-{'back' if back else 'merge'}")
    copied = 0
    if plan.copy:
        report = rsync(ctx).copy_tree(
            drained.host, drained.path, live.host, live.path,
            delete_to=quarantine, checksum=True, only=plan.copy, update=True, ids=ids(ctx, drained, live),
        )  # fmt: skip
        copied = report.files
    _take_away(ctx, live, plan, quarantine)
    after = read(ctx, live)
    plan = dataclasses.replace(plan, both=(*plan.both, *find_overtaken(plan, here, after)))
    _must_be_equal(ctx, tree, plan, here, after)
    _keep_other_versions(ctx, drained, live, plan, f"{quarantine}-other-side")
    if not back:
        keep_base(ctx, tree, "back", here)  # not as it is by now: what came past the entry meanwhile is nowhere else
    kept = _count_quarantined(ctx, live, quarantine)
    for name in plan.both[:NAMED]:
        ctx.say(str(say("steps.changed_both", path=tree.path, name=shown(name))))
    return {
        "compared": len(here), "copied": copied, "deleted": len(plan.remove),
        "changed_on_both": [shown(name) for name in plan.both[:NAMED]], "changed_on_both_count": len(plan.both),
        "quarantined": kept[:NAMED], "quarantined_count": len(kept), "quarantine": f"{live.host.name}:{quarantine}",
    }  # fmt: skip


def follow(ctx: Context, tree: FileTree, *, back: bool) -> Own:
    """A pass between two sides of which one has the citizens: what it wrote, changed and deleted so far follows to the other, whose
    own changes (a job's that was handed over) stay, and are returned. What is written meanwhile follows in the next one."""
    source, target = places(ctx, tree)
    live, idle = (target, source) if back else (source, target)
    direction = "back" if back else "forward"
    agreed, here, there = base(ctx, tree, direction), read(ctx, live), read(ctx, idle)
    plan = plan_merge(agreed, here, there)
    quarantine = ctx.world.home(idle.host, "quarantine", f"{ctx.migration}-{'back' if back else 'merge'}")
    if plan.copy:
        rsync(ctx).copy_tree(
            live.host, live.path, idle.host, idle.path,
            delete_to=quarantine, checksum=True, only=plan.copy, update=True, ids=ids(ctx, live, idle),
        )  # fmt: skip
    _take_away(ctx, idle, plan, quarantine)
    keep_base(ctx, tree, direction, agree(agreed, plan, here, read(ctx, idle)))
    return find_own(agreed, there, here) if agreed is not None else Own((), ())


# ---------------------------------------------------------------- past the point of no return


def find_left_behind(ctx: Context, tree: FileTree) -> Own:
    """What the old side has, and the new one has not, since both were equal. Nothing can be told where nobody kept how they were."""
    source, target = places(ctx, tree)
    agreed = base(ctx, tree, "back")
    return find_own(agreed, read(ctx, source), read(ctx, target)) if agreed is not None else Own((), ())


def take_over(ctx: Context, tree: FileTree) -> Facts:
    """What somebody wrote at the old side past the entry joins the new one under its name; of what both have, the old side's version lies
    beside, in quarantine, named: which one is right a person knows. Raises StepFailed when something new did not arrive."""
    source, target = places(ctx, tree)
    own = find_left_behind(ctx, tree)
    folder = ctx.world.home(target.host, "quarantine", f"{ctx.migration}-old-side", tree.path.strip("/").replace("/", "_"))
    mapped = ids(ctx, source, target) if own.new or own.changed else []
    if own.new:
        rsync(ctx).copy_tree(
            source.host, source.path, target.host, target.path,
            delete_to=f"{folder}-former", checksum=True, only=own.new, update=True, ids=mapped,
        )  # fmt: skip
    if own.changed:
        rsync(ctx).copy_tree(source.host, source.path, target.host, folder, delete_to=f"{folder}-former", only=own.changed, ids=mapped)
    still = set(find_left_behind(ctx, tree).new) if own.new else set()
    if left := [name for name in own.new if name in still]:  # what came since is of a service that others use: it goes on, and is named
        raise StepFailed(
            say("steps.not_followed_files", count=len(left), some=tuple(map(shown, left[:5]))),
            where=f"{ctx.system.id} {tree.path}",
            remedy=say("steps.look_both_resume"),
            retryable=True,
        )
    return {
        "joined": [shown(name) for name in own.new[:NAMED]], "joined_count": len(own.new),
        "beside": [shown(name) for name in own.changed[:NAMED]], "beside_count": len(own.changed),
        "quarantine": f"{target.host.name}:{folder}" if own.changed else "",
    }  # fmt: skip


def _take_away(ctx: Context, live: Place, plan: Merge, quarantine: str) -> None:
    """What was deleted at the drained side goes to quarantine at the live one; a folder only when it is empty by then."""
    connection = ctx.world.ssh(live.host)
    for name in plan.remove:
        path = f"{live.path}/{name}"
        if connection.run(["rmdir", "--", path], timeout=20).code == 0:
            continue
        if connection.run(["test", "-d", path], timeout=20).code != 0:
            place = f"{quarantine}/{name}"
            connection.run(["mkdir", "-p", "--", place.rpartition("/")[0]], check=True)
            connection.run(["mv", "--backup=numbered", "-T", "--", path, place], check=True)


def _keep_other_versions(ctx: Context, drained: Place, live: Place, plan: Merge, folder: str) -> None:
    """Of what both sides changed, the drained side's version beside the live one: two clients may have been told that each is kept."""
    if plan.both:
        rsync(ctx).copy_tree(
            drained.host, drained.path, live.host, folder, delete_to=f"{folder}-former", only=plan.both, ids=ids(ctx, drained, live)
        )


def _must_be_equal(ctx: Context, tree: FileTree, plan: Merge, drained: Manifest, live: Manifest) -> None:
    followed = set(plan.copy) - set(plan.both)
    ours = {name: entry for name, entry in drained.items() if name in followed}
    theirs = {name: entry for name, entry in live.items() if name in followed}
    ours.pop(".", None)  # the folder itself keeps its own times and rights
    theirs.pop(".", None)
    left = differences(ours, theirs)
    if left:
        raise StepFailed(
            say("steps.not_followed_files", count=len(left), some=tuple(left[:5])),
            where=f"{ctx.system.id} {tree.path}",
            remedy=say("steps.look_both_resume"),
            retryable=True,
        )


def _count_quarantined(ctx: Context, live: Place, quarantine: str) -> list[str]:
    data = ctx.world.ssh(live.host).output(["sh", "-c", _QUARANTINED, "quarantined", quarantine], 60)
    return [shown(name) for name in data.decode("utf-8", "surrogateescape").splitlines()]


STEP = Step(
    id="copy_files", effect=Effect.REVERSIBLE, run=run, observe=observe, undo_target=undo, moves_data=True, preview=previews.file_trees
)
