"""Terraform's state as files: what it knows, and copies of it for the day on which it is lost. Holds values in clear: mode 0600."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from orchestrator.private import make_private

COPIES = 20
"""Copies of a state that are kept, the newest."""


@dataclass(frozen=True)
class KnownResource:
    """One resource of the state: its address and the cloud's id. ``tainted``: an apply did not complete it."""

    address: str
    resource_type: str
    name: str
    index: str
    ident: str
    tainted: bool
    values: Mapping[str, Any] = field(repr=False)


def read_known(shown: Mapping[str, Any]) -> tuple[KnownResource, ...]:
    """From ``terraform show -json`` of a state, child modules included; data sources are left out."""
    return tuple(_walk((shown.get("values") or {}).get("root_module") or {}))


def _walk(module: Mapping[str, Any]) -> Iterator[KnownResource]:
    for item in module.get("resources", ()):
        if item.get("mode") == "managed":
            values = item.get("values") or {}
            yield KnownResource(
                item["address"], item["type"], item["name"], str(item.get("index", "")), str(values.get("id") or ""),
                bool(item.get("tainted")), values,
            )  # fmt: skip
    for child in module.get("child_modules", ()):
        yield from _walk(child)


def state_serial(file: Path) -> int | None:
    """A state's number, which rises with each change; None for a file that is missing, empty or cut off."""
    try:
        state = json.loads(file.read_text(encoding="utf-8"))
        return int(state["serial"]) if state.get("lineage") else None
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def state_lineage(file: Path) -> str:
    """What all states of one history have in common; empty for a file that is none."""
    return "" if state_serial(file) is None else str(json.loads(file.read_text(encoding="utf-8"))["lineage"])


class StateCopies:
    """The last copies of one system's state, by its number, in a folder of their own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def keep(self, state: Path) -> None:
        """Keep a copy, unless it is the newest already. Without a state that can be read there is nothing to keep."""
        if state_serial(state) is None:
            return
        text, newest = state.read_text(encoding="utf-8"), self.newest()
        if newest is not None and newest.read_text(encoding="utf-8") == text:
            return
        make_private(self.folder)
        kept = sorted(self.folder.glob("*.tfstate"))
        number = int(kept[-1].stem) + 1 if kept else 1  # not the state's own: a state begun anew counts from 1 again
        write_private(self.folder / f"{number:06d}.tfstate", text)
        for old in [*kept, self.folder / f"{number:06d}.tfstate"][:-COPIES]:
            old.unlink()

    def newest(self) -> Path | None:
        """The last copy that can be read."""
        return next((file for file in sorted(self.folder.glob("*.tfstate"), reverse=True) if state_serial(file) is not None), None)

    def is_ahead(self, state: Path) -> bool:
        """Whether the newest copy was written later than this state: somebody put an old one in its place."""
        newest = self.newest()
        if newest is None or state_lineage(newest) != state_lineage(state):
            return False
        return (state_serial(newest) or 0) > (state_serial(state) or 0)

    def restore(self, state: Path) -> Path | None:
        """Put the newest copy in a state's place; what stood there stays beside it as ``.unreadable``. None when there is no copy."""
        newest = self.newest()
        if state.exists():
            state.rename(state.with_suffix(".unreadable"))
        if newest is None:
            return None
        write_private(state, newest.read_text(encoding="utf-8"))
        return newest


def write_private(path: Path, text: str) -> None:
    """Whole or not at all, readable by nobody else."""
    temporary = path.with_name(path.name + ".new")
    temporary.unlink(missing_ok=True)
    with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    temporary.rename(path)
