"""One side of a host's file trees inside the fence: the decision where they are live, and the last pass.

The control row is a line on the controller, as for a system without rows (``movers/decision.py``); who writes
is held by the entry. A marker is the pass itself: ``mark`` packs what changed on the live host since the one
before, ``marked`` unpacks it on the other host and compares every entry with what it was. It takes as long
as the changes are large, not as the tree is. Between the two lies a file in the migration's folder: each
side still speaks to its own host only.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from orchestrator.movers.decision import DecisionSide
from orchestrator.movers.files import manifest as manifests
from orchestrator.movers.files.changes import ChangesHost, NotTaken, entries_of
from orchestrator.movers.files.manifest import Manifest, differences
from orchestrator.movers.side import Role
from orchestrator.texts import Words, say

KIND = "files"
MOST_BYTES = 64 << 20
"""How much content one pass may carry: more does not fit a fence, and the attempt is given up by name."""


def specify(
    *, decision: Mapping[str, Any], channel: Sequence[str], trees: Sequence[Mapping[str, Any]], bases: Sequence[str],
    spool: Path, quarantine: str, since: float | None,
) -> dict[str, Any]:  # fmt: skip
    """The guard's plain description of one side. ``decision``: of its control row; ``trees``: ``path``, ``only``, ``own`` on this
    side's host; ``bases``: for each the file of what both held when they were last made equal; ``since``: of the live side, when
    the engine's last pass over everything began, by the host's clock."""
    row = {key: value for key, value in decision.items() if key != "kind"}
    return {
        "kind": KIND, **row, "channel": list(channel), "trees": [dict(tree) for tree in trees], "bases": list(bases),
        "spool": str(spool), "quarantine": quarantine, "since": since,
    }  # fmt: skip


class FilesSide(DecisionSide):
    """See the module. The host is spoken to when it is first needed: a decision alone can be read and settled without it."""

    def __init__(
        self, *, path: str, system: str, place: str, is_open: bool, channel: Sequence[str], trees: Sequence[Mapping[str, Any]],
        bases: Sequence[str], spool: str, quarantine: str, since: float | None,
    ) -> None:  # fmt: skip
        super().__init__(path=path, system=system, place=place, is_open=is_open)
        self._channel, self._trees, self._bases = list(channel), [dict(tree) for tree in trees], list(bases)
        self._spool, self._quarantine, self._since = Path(spool), quarantine, since
        self._host: ChangesHost | None = None
        self._seconds = 60.0
        self._applied: set[str] = set()
        self.taken_at = since or 0.0
        """When the live host was last asked for changes, by its clock: whatever changed before has been packed."""

    def _opened(self) -> ChangesHost:
        if self._host is None:
            given = {"trees": self._trees, "since": self._since, "quarantine": self._quarantine}
            self._host = ChangesHost(self._channel, given, self.where)
        return self._host

    def is_there(self) -> None:
        super().is_there()
        if getattr(self, "_host", None) is not None and self._since is not None:
            self._opened().ask("look", seconds=self._seconds)

    def set_limit(self, seconds: float) -> None:
        self._seconds = max(seconds, 1.0)

    def obstacles(self, role: Role, *, keeps: bool = False) -> list[Words]:  # noqa: ARG002 - the contract's
        """Watches the live trees from now on."""
        try:
            self._opened()
        except NotTaken as error:
            return [error.args[0]]
        return []

    # ------------------------------------------------------------ the pass

    def mark(self, name: str) -> None:
        taken = self._opened().ask("take", seconds=self._seconds, bytes=MOST_BYTES)
        self._spool.mkdir(parents=True, exist_ok=True, mode=0o700)
        draft = self._file(name).with_suffix(".new")
        draft.write_text(json.dumps(taken["trees"]), encoding="ascii")
        draft.replace(self._file(name))
        self.taken_at = float(taken["now"])

    def marked(self, name: str) -> bool:
        if name in self._applied:
            return True
        if not self._file(name).exists():
            return False
        taken = json.loads(self._file(name).read_text(encoding="ascii"))
        host = self._opened()
        self._add_deleted(host, taken)
        told = host.ask("apply", seconds=self._seconds, trees=taken)["trees"]
        for number, (tree, there) in enumerate(zip(taken, told, strict=True)):
            wanted, found = entries_of(tree["entries"]), entries_of(there)
            if unequal := differences(wanted, found):
                raise NotTaken(say("movers.pass_differs", where=self.where, count=len(unequal), some=tuple(unequal[:5])))
            self._note_passed(number, wanted, tree["gone"])
        self._applied.add(name)
        self._file(name).unlink()
        return True

    def _add_deleted(self, host: ChangesHost, taken: list[dict[str, Any]]) -> None:
        """What was deleted before it was watched: in a folder that changed, a name that both sides had."""
        folders = [tree["folders"] for tree in taken]
        if not any(folders):
            return
        extra = host.ask("list_extra", seconds=self._seconds, folders=folders)["trees"]
        for tree, names, base in zip(taken, extra, self._bases, strict=True):
            known = manifests.load(Path(base)) if names and Path(base).exists() else {}
            tree["gone"] += [name for name in names if name in known and name not in tree["gone"]]

    def _note_passed(self, number: int, entries: Manifest, gone: Sequence[str]) -> None:
        """What both sides hold of it now: the merge after the switch judges by it."""
        file = passed_file(self._spool, number)
        passed = json.loads(file.read_text(encoding="ascii")) if file.exists() else {}
        passed |= dict.fromkeys(gone) | {name: list(dataclasses.astuple(entry)) for name, entry in entries.items()}
        draft = file.with_suffix(".new")
        draft.write_text(json.dumps(passed), encoding="ascii")
        draft.replace(file)

    def _file(self, name: str) -> Path:
        return self._spool / f"{name}.pass"

    # ------------------------------------------------------------ channels

    def reconnect(self) -> None:
        self._close()
        self._opened()

    def disconnect(self) -> None:
        self._close()

    def _close(self) -> None:
        if self._host is not None:
            self._host.close()
            self._host = None


def passed_file(spool: Path, number: int) -> Path:
    """What passed in the fence, of a host's tree by its number."""
    return spool / f"passed-{number}.json"


def with_passed(base: Manifest | None, file: Path) -> Manifest | None:
    """What both sides held when the fence was decided: the base of the pass before, and what passed since."""
    if not file.exists():
        return base
    after = dict(base or {})
    for name, fields in json.loads(file.read_text(encoding="ascii")).items():
        if fields is None:
            after.pop(name, None)
        else:
            after[name] = manifests.entry_of(fields)
    return after
