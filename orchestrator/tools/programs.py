"""Where the server programs are: the checkout's private folder first, then this machine. Looks only, starts nothing."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.errors import Finding, ToolMissing
from orchestrator.texts import say

if TYPE_CHECKING:  # settings load pydantic: too slow for the small commands that only need a path
    from orchestrator.settings import Settings

HOME = Path(__file__).resolve().parents[2]

PROGRAMS = (
    "postgres",
    "initdb",
    "pg_ctl",
    "pg_dump",
    "pg_dumpall",
    "pg_restore",
    "psql",
    "pgbouncer",
    "mariadbd",
    "mariadb-install-db",
    "mariadb",
    "mariadb-dump",
    "haproxy",
    "sshd",
    "ssh",
    "ssh-keygen",
    "sftp-server",
    "rsync",
    "terraform",
)
"""All that the engine and the embedded city call by name."""


def _bin() -> Path:
    return Path(os.environ.get("ORCHESTRATOR_TOOLS", HOME / ".tools")) / "bin"


def _folders() -> Iterator[Path]:
    """Folders searched after PATH."""
    yield from (Path("/usr/sbin"), Path("/usr/local/sbin"))
    versions = [folder for folder in Path("/usr/lib/postgresql").glob("*/bin") if folder.parent.name.isdigit()]
    yield from sorted(versions, key=lambda folder: int(folder.parent.name), reverse=True)
    yield from (Path("/usr/lib/openssh"), Path("/usr/libexec/openssh"), Path("/usr/lib/ssh"), Path("/usr/libexec"))


def find(name: str, settings: Settings | None = None) -> Path:
    """The absolute path of a program. Raises ToolMissing, with what to do, when it is nowhere.

    PostgreSQL's programs are taken from one folder, the newest, so that client and server agree.
    """
    private = (settings.tools / "bin" if settings else _bin()) / name
    if os.access(private, os.X_OK):
        return private
    if name in ("postgres", "initdb", "psql") or name.startswith("pg_"):
        for folder in _folders():
            if folder.parent.parent == Path("/usr/lib/postgresql") and os.access(folder / name, os.X_OK):
                return folder / name
    on_path = shutil.which(name)
    if on_path:
        return Path(on_path).absolute()
    for folder in _folders():
        if os.access(folder / name, os.X_OK):
            return folder / name
    raise ToolMissing(
        say("tools.program_missing", name=name), where=f"{private.parent}, PATH", remedy=say("tools.fetch_program", name=name)
    )


def missing() -> list[Finding]:
    """One finding for each program that is nowhere; empty when all are there. Changes nothing."""
    findings = []
    for name in PROGRAMS:
        try:
            find(name)
        except ToolMissing as error:
            findings.append(Finding(code="program-missing", severity="error", says=error.says, mend=error.mend))
    return findings


def search_path() -> str:
    """A PATH on which every program that was found comes first; for shells of the embedded hosts."""
    folders: list[str] = [str(_bin())]
    for name in PROGRAMS:
        try:
            folder = str(find(name).parent)
        except ToolMissing:
            continue
        if folder not in folders:
            folders.append(folder)
    for folder in os.environ.get("PATH", os.defpath).split(os.pathsep):
        if folder and folder not in folders:
            folders.append(folder)
    return os.pathsep.join(folders)
