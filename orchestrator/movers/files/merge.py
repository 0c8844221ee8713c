"""What a drained side wrote last joins the live side: decided entry by entry, before anything is touched. Pure.

``base`` is what the live side held when both were last made equal. Against it, a name that the drained side lacks was deleted
there; without it, nobody can tell a deletion from what the live side has made since, and nothing is taken away.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from orchestrator.movers.files.manifest import Entry, Manifest


@dataclass(frozen=True)
class Merge:
    """Names relative to the tree."""

    copy: tuple[str, ...]
    """From the drained side: new there, or changed since."""
    remove: tuple[str, ...]
    """Deleted on the drained side, untouched on the live one: to quarantine."""
    both: tuple[str, ...]
    """Changed on both sides since: the newer one stays, and both are kept in quarantine."""


@dataclass(frozen=True)
class Own:
    """What the side without citizens has made itself since both were equal: somebody works there past the entry."""

    new: tuple[str, ...]
    """The live side has nothing by that name, and had not."""
    changed: tuple[str, ...]
    """Files and links of which the live side has another version, or which it deleted."""


def plan_merge(base: Manifest | None, drained: Manifest, live: Manifest) -> Merge:
    """Deepest names first among what is removed, so that a folder is empty when its turn comes."""
    copy, both = [], []
    for name, mine in drained.items():
        theirs = live.get(name)
        if theirs is None:
            if base is not None and name in base and not _changed(base[name], mine):
                continue  # the live side deleted it since
            copy.append(name)
        elif mine.differs(theirs):
            before = base.get(name) if base is not None else None
            if before is not None and not _changed(before, mine):
                continue  # only the live side changed it
            copy.append(name)
            if before is None or _changed(before, theirs):
                both.append(name)
    remove = []
    if base is not None:
        remove = [name for name, before in base.items() if name not in drained and name in live and not _changed(before, live[name])]
    return Merge(tuple(copy), tuple(sorted(remove, key=lambda name: (-name.count("/"), name))), tuple(both))


def find_overtaken(plan: Merge, drained: Manifest, live: Manifest) -> tuple[str, ...]:
    """Names to be copied that the live side wrote itself while the copy ran: its version is newer, and stayed. ``live``: read after it."""
    found = []
    for name in plan.copy:
        mine, theirs = drained[name], live.get(name)
        if name in plan.both or theirs is None or not mine.differs(theirs) or not (mine.time and theirs.time):
            continue
        if Decimal(theirs.time) > Decimal(mine.time):
            found.append(name)
    return tuple(found)


def find_own(base: Manifest, idle: Manifest, live: Manifest) -> Own:
    """What is only, or differently, on the side without citizens, and not because it is behind."""
    new, changed = [], []
    for name, mine in idle.items():
        before, theirs = base.get(name), live.get(name)
        if before is not None and not _changed(before, mine):
            continue
        if before is None and theirs is None:
            new.append(name)
        elif mine.kind != "d" and (theirs is None or mine.differs(theirs)):
            changed.append(name)
    return Own(tuple(new), tuple(changed))


def agree(base: Manifest | None, plan: Merge, live: Manifest, idle: Manifest) -> Manifest:
    """What both sides are known to have held once a pass is over: of what the idle side made or changed itself, no more than before.
    ``live`` was read before the pass, ``idle`` after it."""
    copied, agreed = set(plan.copy) - set(plan.both), {}
    for name, theirs in idle.items():
        if name not in live:
            continue
        before = base.get(name) if base is not None else None
        if name in copied or not theirs.differs(live[name]) or (before is not None and not _changed(before, theirs)):
            agreed[name] = theirs
        elif before is not None:
            agreed[name] = before
    return agreed


def _changed(before: Entry, now: Entry) -> bool:
    return bool(before.differs(now))
