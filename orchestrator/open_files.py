"""Who else may change or read what is one account's: looked at by the doctor, on the files that lead the engine."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.errors import Finding, Refused
from orchestrator.private import is_shared
from orchestrator.texts import Sentence, say

if TYPE_CHECKING:
    from orchestrator.workspace import Workspace


def find_open(workspace: Workspace) -> Iterator[Finding]:
    """What others than this account may change, and could lead it astray by; secrets and keys that they may read."""
    settings = workspace.settings
    documents = [Path("orchestrator.toml"), settings.inventory, *sorted(settings.inventory.glob("*.yaml"))]
    for path in (Path(), *documents, *([settings.known_hosts] if settings.known_hosts else [])):
        if path.exists() and path.stat().st_mode & stat.S_IWOTH:
            yield _finding(path, say("cli.others_write", path=str(path.resolve())), f"chmod o-w {path.resolve()}")
    if settings.state.exists() and _is_open(settings.state):
        yield _finding(settings.state, say("cli.others_write", path=str(settings.state.resolve())), f"chmod 700 {settings.state.resolve()}")
    for path in dict.fromkeys([*_secrets(workspace), *([settings.ssh_key] if settings.ssh_key else [])]):
        if path.is_file() and (mode := stat.S_IMODE(path.stat().st_mode)) & 0o077:
            yield _finding(path, say("tools.others_reach", mode=mode), f"chmod 600 {path}")


def _is_open(folder: Path) -> bool:
    mode = folder.stat().st_mode
    return bool(mode & stat.S_IWOTH) or bool(mode & stat.S_IWGRP and not is_shared(folder))


def _finding(path: Path, says: Sentence, command: str) -> Finding:
    return Finding("open-to-others", "error", says, say("cli.run_this", command=command), file=str(path))


def _secrets(workspace: Workspace) -> Iterator[Path]:
    """Files that the inventory and ``sites.yaml`` refer to for passwords, as far as both can be read."""
    references: list[str | None] = []
    try:
        for system in workspace.reading.inventory.systems:
            references += [ref for database in system.databases for ref in (database.secret, database.admin_secret)]
            references += [device.secret for device in system.devices]
        references += [site.pgbouncer.secret for site in workspace.sites.sites if site.pgbouncer]
    except Refused:
        pass  # `inventory check` says why
    return (Path(ref.removeprefix("file:")) for ref in references if ref and ref.startswith("file:"))
