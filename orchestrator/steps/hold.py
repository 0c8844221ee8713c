"""The hold for writes: the entry gets it ahead, and the fence then switches files, database and requests together.

Wanted by a system that has files and is reached through the entry. Where the entry or a host cannot do it, that
is said at preflight by name, and files follow after the entry has moved (docs/decisions/0032). What was decided
when the step ran holds for the whole migration: ``is_held`` asks its facts, never the world.
"""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from orchestrator.cutover import guarding
from orchestrator.errors import CutoverAborted, Finding, NotMadeYet, OrchestratorError, StepFailed, Unasked, words_of
from orchestrator.gateways import http_hold
from orchestrator.gateways.haproxy_claims import Claims
from orchestrator.gateways.holder import NotFollowed
from orchestrator.gateways.holder import Place as Address
from orchestrator.gateways.http_hold import HttpHold
from orchestrator.gateways.http_hold_install import HoldInstaller
from orchestrator.models import Entry, FileTree, Host, HttpGateway, Service
from orchestrator.movers import decision
from orchestrator.movers.contract import Direction
from orchestrator.movers.files import side
from orchestrator.movers.files.changes import NotTaken
from orchestrator.movers.files.side import FilesSide
from orchestrator.movers.side import Lost
from orchestrator.steps import files, previews
from orchestrator.steps.base import Context, Effect, Facts, Observed, Step
from orchestrator.steps.turns import one_at_a_time
from orchestrator.texts import Words, kept, say

_WATCHABLE = r"""
LC_ALL=C; export LC_ALL
command -v python3 >/dev/null || echo "lacks python3"
tar --version 2>/dev/null | grep -q "GNU tar" || echo "lacks tar"
for path; do
    [ -d "$path" ] || path=$(dirname -- "$path")
    echo "kind $(stat -f -c %T -- "$path" 2>/dev/null)"
    echo "folders $(find "$path" -xdev -type d 2>/dev/null | wc -l)"
done
echo "most $(cat /proc/sys/fs/inotify/max_user_watches 2>/dev/null || echo 0)"
"""
"""A constant; the trees come as its arguments."""
CATCH_UP_SECONDS = 600.0
ROUNDS = 5
SHORT_SECONDS = 0.5
"""A pass that takes no longer is followed by the fence."""
_FOREIGN = ("nfs", "cifs", "smb", "fuse", "9p", "v9fs", "afs", "ceph", "gfs", "gpfs", "lustre", "ocfs2")
"""File systems that others write too: this host is not told of it."""


def services_of(ctx: Context) -> list[Service]:
    """Those that citizens reach by the entry."""
    return [service for service in ctx.system.services if service.entry and service.port]


def is_wanted(ctx: Context) -> bool:
    """Whether there is anything to hold."""
    return bool(ctx.system.file_trees and services_of(ctx) and ctx.sites.entry is not None)


def is_held(ctx: Context) -> bool:
    """Whether this migration switches by a hold."""
    return bool(ctx.facts.get("hold_entry", {}).get("holds"))


# ---------------------------------------------------------------- whether it can be


def find_inability(ctx: Context) -> list[Words]:
    """Why writes cannot be held for this system, each reason named; changes nothing. Raises Unasked where a host cannot be asked."""
    entry = ctx.sites.entry
    assert entry is not None  # noqa: S101 - the caller asked is_wanted
    if entry.ssh is None or entry.config_file is None:
        return [say("steps.hold_unreached")]
    found: list[Words] = []
    try:
        with _installer(ctx) as installer:
            found += installer.find_inability()
    except (OrchestratorError, OSError) as error:
        found.append(say("steps.entry_not_asked", said=words_of(error)))
    for name in _hosts_with_files(ctx):
        sides = [(ctx.world.source(name), _paths(ctx, name))]
        if name in ctx.world.targets:
            sides.append((ctx.world.target(name), []))
        for host, paths in sides:
            with suppress(NotMadeYet):  # the step asks it when it stands
                found += _find_unwatchable(ctx, host, paths)
    return found


def _find_unwatchable(ctx: Context, host: Host, paths: list[str]) -> list[Words]:
    connection = ctx.world.ssh(host)
    try:
        answer = connection.output(["sh", "-c", _WATCHABLE, "watchable", *paths], 300).decode("ascii", "replace")
    except OrchestratorError as error:
        return [say("error.of", name=host.name, said=error.says)]
    found: list[Words] = []
    most = int(answer.rpartition("most ")[2] or 0)
    folders = 0
    for line in answer.splitlines():
        word, _, value = line.partition(" ")
        if word == "lacks":
            found.append(say("steps.hold_lacks", host=host.name, program=value))
        elif word == "kind" and value.startswith(_FOREIGN):
            found.append(say("steps.hold_foreign", host=host.name, kind=value))
        elif word == "folders":
            folders += int(value)
    if folders > most:
        found.append(say("steps.hold_folders", host=host.name, folders=folders, most=most))
    return found


def find_warnings(ctx: Context) -> list[Finding]:
    """For preflight: that writes will not be held, and why."""
    if not is_wanted(ctx) or ctx.verdict.strategy == "hosting":
        return []
    try:
        if (host := entry_of(ctx).ssh) is not None:
            ctx.world.ssh(host)
        reasons = find_inability(ctx)
    except Unasked as error:
        return list(error.findings(ctx.system.id))
    if not reasons:
        return []
    words = say("steps.not_held", reasons=tuple(reasons))
    return [Finding("writes-not-held", "warning", words, say("steps.mend_hold"), system=ctx.system.id)]


# ---------------------------------------------------------------- the step ahead


def run(ctx: Context) -> Facts:
    """The entry holds writes from now on when it is asked to. One announced reload may end idle connections; it is made here, long
    before the switch."""
    if not is_wanted(ctx):
        return {"holds": False}
    if reasons := _reasons(ctx):
        ctx.say(str(say("steps.not_held", reasons=tuple(reasons))))
        return {"holds": False, "why_not": list(map(kept, reasons))}
    ctx.say(str(say("steps.hold_announced", host=entry_of(ctx).host)))
    try:
        with one_at_a_time(ctx, [entry_of(ctx).host]), _installer(ctx) as installer:
            layout = installer.install()
    except (NotFollowed, OSError) as error:
        raise StepFailed(words_of(error), where="entry", remedy=say("steps.mend_entry")) from error
    return {"holds": True, "backends": layout.backends, "word": layout.word, "seen": layout.seen, "trees": _describe_trees(ctx)}


def _reasons(ctx: Context) -> list[Words]:
    try:
        return find_inability(ctx)
    except Unasked as error:
        return [error.says]


def observe(ctx: Context) -> Observed:
    """The entry's configuration and what HAProxy reads."""
    entry = ctx.sites.entry
    if not is_wanted(ctx) or entry is None or entry.ssh is None or entry.config_file is None:
        return Observed.NOTHING
    with _installer(ctx) as installer:
        if installer.is_installed():
            return Observed.DONE
        if installer.is_begun():
            return Observed.UNCLEAR
    return Observed.NOTHING if _reasons(ctx) else Observed.NOT_DONE


def undo(ctx: Context) -> None:
    """The entry's configuration byte for byte as it was. Requests go to the source by then, or it stops here."""
    entry = ctx.sites.entry
    if not is_wanted(ctx) or entry is None or entry.ssh is None or entry.config_file is None:
        return
    if not ctx.facts.get("hold_entry", {"holds": True}).get("holds"):
        return  # it ended without touching the entry, which may be away
    try:
        with one_at_a_time(ctx, [entry.host]), _installer(ctx) as installer:
            installer.uninstall()
    except (NotFollowed, OSError) as error:
        raise StepFailed(words_of(error), where="entry", remedy=say("steps.mend_entry")) from error


def release(ctx: Context) -> Facts:
    """ONE_WAY: the entry leads to the new instances by its own configuration, and nothing of the hold is left there."""
    if not is_held(ctx):
        return {"released": False}
    try:
        with one_at_a_time(ctx, [entry_of(ctx).host]), _installer(ctx) as installer:
            installer.settle()
    except (NotFollowed, OSError) as error:
        raise StepFailed(words_of(error), where="entry", remedy=say("steps.mend_entry")) from error
    return {"released": True}


def is_released(ctx: Context) -> Observed:
    """The entry's configuration."""
    if not is_held(ctx):
        return Observed.NOTHING
    with _installer(ctx) as installer:
        return Observed.NOT_DONE if installer.is_begun() else Observed.DONE


def entry_of(ctx: Context) -> Entry:
    assert ctx.sites.entry is not None  # noqa: S101 - the caller asked is_wanted
    return ctx.sites.entry


def _channel(ctx: Context, host: Host | None) -> list[str]:
    assert host is not None and ctx.settings.known_hosts is not None and ctx.settings.ssh_key is not None  # noqa: S101 - preflight looked
    return guarding.channel(host, ctx.settings.known_hosts, ctx.settings.ssh_key)


def gateway_of(entry: Entry) -> HttpGateway:
    """What of an entry is any HAProxy's."""
    return HttpGateway.model_validate(entry.model_dump(mode="json", include=set(HttpGateway.model_fields)))


def claims(ctx: Context) -> dict[str, Any]:
    """Which backends are this system's, where others share its web servers (``gateways/haproxy_claims.py``)."""
    entry = entry_of(ctx)
    return {
        "mine": sorted({str(service.entry) for service in services_of(ctx)}), "ports": dict(entry.ports),
        "backends": {name: list(names) for name, names in entry.backends.items()},
    }  # fmt: skip


@contextmanager
def _installer(ctx: Context) -> Iterator[HoldInstaller]:
    leads = []
    for service in services_of(ctx):
        source = Address(ctx.world.source(service.host).address, service.port or 0)
        known = service.host in ctx.world.targets
        leads.append((source, Address(ctx.world.target(service.host).address, service.port or 0) if known else source))
    installer = HoldInstaller(gateway_of(entry_of(ctx)), _channel(ctx, entry_of(ctx).ssh), ctx.system.id, leads, Claims.of(claims(ctx)))
    try:
        yield installer
    finally:
        installer.disconnect()


# ---------------------------------------------------------------- in the fence


def describe(ctx: Context, to: str, hold_ms: int) -> list[dict[str, Any]]:
    """The entry for the guard's specification; none where nothing is held."""
    if not is_held(ctx):
        return []
    facts = ctx.facts["hold_entry"]
    return [
        http_hold.specify(
            gateway=gateway_of(entry_of(ctx)), channel=_channel(ctx, entry_of(ctx).ssh), system=ctx.system.id, parts=part_names(ctx), to=to,
            backends=facts["backends"], word=facts["word"], seen=facts["seen"], hold_ms=hold_ms,
        )
    ]  # fmt: skip


@contextmanager
def opened(ctx: Context, to: str) -> Iterator[HttpHold]:
    """The entry's hold, outside of a fence."""
    (spec,) = describe(ctx, to, 1000)
    holder = HttpHold(**{name: value for name, value in spec.items() if name != "kind"})
    try:
        yield holder
    finally:
        holder.disconnect()


def part_names(ctx: Context) -> list[str]:
    """A part for each host with files."""
    return [f"files:{name}" for name in _hosts_with_files(ctx)]


def fences(ctx: Context, direction: Direction) -> list[Mapping[str, Any]]:
    """What the guard is told of the files on each host; none where nothing is held."""
    return [_fence(ctx, direction, name) for name in _hosts_with_files(ctx)] if is_held(ctx) else []


def _fence(ctx: Context, direction: Direction, name: str) -> Mapping[str, Any]:
    described = [tree for tree in ctx.facts["hold_entry"]["trees"] if tree["host"] == name]
    bases = [str(files.base_file(ctx, tree, direction)) for tree in ctx.system.file_trees if tree.host == name]
    specs = {}
    for place in ("source", "target"):
        host = ctx.world.source(name) if place == "source" or name not in ctx.world.targets else ctx.world.target(name)
        row = decision.specify(
            folder=ctx.world.folder, migration=f"{ctx.migration}-files-{name}", system=ctx.system.id, place=place, is_open=place == "source"
        )
        specs[place] = side.specify(
            decision=row, channel=_channel(ctx, host), bases=bases, spool=spool(ctx, direction, name),
            trees=[{"path": tree[place], "only": tree["only"], "own": tree["own"]} for tree in described],
            quarantine=ctx.world.home(host, "quarantine", f"{ctx.migration}-held"),
            since=_since(ctx, direction, name) if place == direction.live else None,
        )  # fmt: skip
    return {"name": f"files:{name}", "live": specs[direction.live], "other": specs[direction.other], "keeps": False}


def _hosts_with_files(ctx: Context) -> list[str]:
    return list(dict.fromkeys(tree.host for tree in ctx.system.file_trees))


def _paths(ctx: Context, name: str) -> list[str]:
    return [tree.path for tree in ctx.system.file_trees if tree.host == name]


def _describe_trees(ctx: Context) -> list[Facts]:
    described = []
    for tree in ctx.system.file_trees:
        source, target = files.places(ctx, tree)
        only = list(source.only) if source.only else None
        described.append({"host": tree.host, "source": source.path, "target": target.path, "only": only, "own": list(source.own)})
    return described


# ---------------------------------------------------------------- the passes around it


def spool(ctx: Context, direction: Direction, name: str) -> Path:
    """Where the passes of a fence lie between the two sides."""
    return ctx.world.folder / "passes" / f"{direction}-{name}"


def passed_file(ctx: Context, direction: Direction, tree: FileTree) -> Path | None:
    """What passed of a tree in the fence; None where nothing was held."""
    if not is_held(ctx):
        return None
    mates = [each for each in ctx.system.file_trees if each.host == tree.host]
    return side.passed_file(spool(ctx, direction, tree.host), mates.index(tree))


def freshen(ctx: Context, direction: Direction) -> None:
    """A pass that reads everything right before the fence, which then carries only what changed since this began."""
    if not is_held(ctx):
        return
    for name in _hosts_with_files(ctx):
        shutil.rmtree(spool(ctx, direction, name), ignore_errors=True)
        live = ctx.world.source(name) if direction.live == "source" else ctx.world.target(name)
        since = float(ctx.world.ssh(live).output(["date", "+%s"], 20))
        for tree in ctx.system.file_trees:
            if tree.host == name:
                files.follow(ctx, tree, back=direction is Direction.BACK)
        _keep_since(ctx, direction, name, since)


def catch_up(ctx: Context, direction: Direction) -> None:
    """Passes of what changed since the one before, until one is short: the fence then carries seconds, whatever the pass over
    everything took. Raises CutoverAborted where one cannot be made; nobody was held."""
    if not is_held(ctx):
        return
    for name in _hosts_with_files(ctx):
        try:
            _catch_up_host(ctx, direction, name)
        except (NotTaken, Lost, OSError) as error:
            raise CutoverAborted(words_of(error), where=f"{ctx.system.id} {name}", remedy=say("steps.mend_hold"), retryable=True) from error


def _catch_up_host(ctx: Context, direction: Direction, name: str) -> None:
    spec = _fence(ctx, direction, name)
    live, other = (FilesSide(**{key: value for key, value in spec[role].items() if key != "kind"}) for role in ("live", "other"))
    try:
        for each in (live, other):
            each.set_limit(CATCH_UP_SECONDS)
        for number in range(ROUNDS):
            began = time.monotonic()
            live.mark(f"catch-up-{number}")
            other.marked(f"catch-up-{number}")
            if time.monotonic() - began < SHORT_SECONDS:
                break
        _keep_since(ctx, direction, name, live.taken_at)
    finally:
        live.disconnect()
        other.disconnect()


def _keep_since(ctx: Context, direction: Direction, name: str, since: float) -> None:
    file = _since_file(ctx, direction, name)
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    file.write_text(json.dumps(since), encoding="ascii")


def _since_file(ctx: Context, direction: Direction, name: str) -> Path:
    return spool(ctx, direction, name) / "since.json"


def _since(ctx: Context, direction: Direction, name: str) -> float:
    """0 where no pass was made: then everything counts as changed."""
    file = _since_file(ctx, direction, name)
    return float(json.loads(file.read_text(encoding="ascii"))) if file.exists() else 0.0


STEP = Step(
    id="hold_entry",
    effect=Effect.REVERSIBLE,
    run=run,
    observe=observe,
    undo_source=undo,
    preview=previews.planned(say("steps.how_hold")),
)
RELEASE = Step(
    id="release_hold",
    effect=Effect.ONE_WAY,
    run=release,
    observe=is_released,
)
