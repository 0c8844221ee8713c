"""Files that people hand in as evidence: what is there of them now, on this machine or on a host.

A file of this machine is a path; one of a host is ``HOST:/path``. Nothing of their content is kept but its digest.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from orchestrator.errors import Refused, ToolError
from orchestrator.texts import say
from orchestrator.tools.ssh import SshConnection

HASH_SECONDS = 6 * 3600.0
"""A backup of terabytes is read whole, once."""
_ON_HOST = re.compile(r"([a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?):(/[^\x00\n\r]{1,1000})")
_LOOK = 'set -e; [ -f "$1" ]; stat -c "%s %Y" -- "$1"; sha256sum -- "$1" | cut -d " " -f 1'
"""A constant; the path comes as its argument."""


@dataclass(frozen=True)
class HandedIn:
    """One file as it was seen."""

    host: str
    """Empty: on this machine."""
    path: str
    bytes: int = -1
    """-1: nobody has looked yet."""
    sha256: str = ""
    modified: float = 0.0
    """Seconds since the epoch, by the clock of its machine."""

    @property
    def place(self) -> str:
        """As a person names it."""
        return f"{self.host}:{self.path}" if self.host else self.path

    @property
    def seen(self) -> bool:
        return self.bytes >= 0

    def as_json(self) -> dict[str, Any]:
        """For the journal; the time in words too, for whoever reads the trail."""
        at = dt.datetime.fromtimestamp(self.modified, dt.UTC).isoformat(timespec="seconds") if self.seen else ""
        return {**asdict(self), "modified_at": at}

    @classmethod
    def from_json(cls, row: Mapping[str, Any]) -> HandedIn:
        return cls(str(row["host"]), str(row["path"]), int(row["bytes"]), str(row["sha256"]), float(row["modified"]))


def named(text: str) -> HandedIn:
    """What a person named on the command line; a file of this machine is looked at at once. Raises Refused when it cannot be read."""
    on_host = _ON_HOST.fullmatch(text)
    if on_host and not Path(text).exists():
        return HandedIn(on_host[1], on_host[2])
    return look_here(text)


def look_here(path: str) -> HandedIn:
    """A file of this machine, read whole. Raises Refused when it is not there, is no file, or cannot be read."""
    file = Path(path).expanduser().absolute()
    try:
        if not file.is_file():
            raise Refused(say("hosts.no_file", file=str(file)), where=str(file), remedy=say("hosts.name_file"))
        with file.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
        status = file.stat()
    except OSError as error:
        raise Refused(
            say("hosts.file_unread", file=str(file), strerror=error.strerror or str(error)), where=str(file), remedy=say("hosts.let_read")
        ) from error
    return HandedIn("", str(file), status.st_size, digest, status.st_mtime)


def look_there(connection: SshConnection, named_file: HandedIn) -> HandedIn:
    """A file of a host, read whole there. Raises ToolError when it is not there or cannot be read."""
    answer = connection.run(["sh", "-c", _LOOK, "look", named_file.path], timeout=HASH_SECONDS)
    lines = answer.stdout.split("\n")
    if answer.code != 0 or len(lines) < 2 or not re.fullmatch(r"\\?[0-9a-f]{64}", lines[1]):
        what = say("hosts.place_unread", place=named_file.place)
        raise ToolError(what, where=named_file.host, remedy=say("hosts.name_where_it_lies"))
    size, modified = lines[0].split()
    return HandedIn(named_file.host, named_file.path, int(size), lines[1].lstrip("\\"), float(modified))
