"""What a server's file systems hold, entry by entry, seen by another tool than the one that copied: kind, mode, owners by number,
links, size, time to the nanosecond, and where a link leads.

Each side makes one digest; only where they differ are the lists fetched. Contents are compared where they mean something only at
rest, by the last pass itself (``--checksum``); lists and attributes are rsync's (``-AX``).
"""

from __future__ import annotations

import hashlib
import os
import posixpath
import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from orchestrator.errors import ToolError
from orchestrator.movers.server.scope import Scope, is_below
from orchestrator.texts import say
from orchestrator.tools.ssh import SshConnection

MAX_LIST = 500_000_000
_NOTHING = hashlib.sha256(b"").hexdigest().encode()
_LIST = r"""
LC_ALL=C; export LC_ALL
cd -- "$1" || exit 9
shift
find . -xdev "$@" -name lost+found -prune -o -printf '%y %m %U %G %n %s %T@ %p\037%l\0' | sed -z -E \
    -e 's/^d ([^ ]*) ([^ ]*) ([^ ]*) [^ ]* [^ ]* [^ ]* /d \1 \2 \3 - - - /' \
    -e 's/^([ls]) ([^ ]*) ([^ ]*) ([^ ]*) ([^ ]*) [^ ]* [^ ]* /\1 \2 \3 \4 \5 - - /' | sort -z
"""
_DIGEST = f"{_LIST.strip()} | sha256sum"
"""Constants; the folder and what find leaves out come as their arguments. Of a folder neither links, size nor time are compared; of a
symbolic link and a socket neither size nor time."""


@dataclass(frozen=True)
class Listed:
    """One side of one file system."""

    connection: SshConnection
    folder: str


def _arguments(folder: str, system: str, scope: Scope, *, back: bool) -> list[str]:
    """The folder as find looks at it, and what it leaves out: the same on both sides. A folder that something shadows, or another
    file system stands on, is itself seen on neither."""
    words: list[str] = []
    others = [other for other in scope.systems if other != system and is_below(other, system)]
    for path in [*scope.unseen(back=back), *others]:
        if not path.startswith("/") or not is_below(path, system) or path == system:
            continue
        below = posixpath.relpath(path, system)
        words += ["-path", "./" + re.sub(r"([*?\[\\])", r"\\\1", below), "-prune", "-o"]
    return [folder, *words]


def find_differences(here: Listed, there: Listed, system: str, scope: Scope, *, back: bool = False, seconds: float = 1800) -> list[str]:
    """Names of entries of a file system that are not the same on both sides; empty: equal."""
    first, second = (_arguments(side.folder, system, scope, back=back) for side in (here, there))
    with ThreadPoolExecutor(max_workers=2) as pool:  # both sides at once: this is within the outage
        asked = [
            pool.submit(side.connection.output, ["sh", "-c", _DIGEST, "digest", *words], seconds)
            for side, words in ((here, first), (there, second))
        ]  # fmt: skip
        digests = [answer.result() for answer in asked]
    if digests[0] == digests[1] and not digests[0].startswith(_NOTHING):
        return []
    lists = [
        set(side.connection.output(["sh", "-c", _LIST, "list", *words], seconds, limit=MAX_LIST).split(b"\0"))
        for side, words in ((here, first), (there, second))
    ]
    if len(lists[0]) < 2:  # not even the folder itself: find did not run
        raise ToolError(say("server.not_listed", folder=here.folder), where=here.connection.name, remedy=say("movers.mend_then"))
    differing = {entry.split(b"\037")[0].split(b" ", 7)[-1] for entry in lists[0] ^ lists[1] if entry}
    return sorted(os.fsdecode(name) for name in differing)
