"""One pass over one file system of a server, by rsync: what it carried, how long it took.

``-aHAXS``: hard links, access lists, attributes (file capabilities with them), holes. ``--numeric-ids``: accounts move with the
server. ``-x``: one file system. ``--modify-window=-1``: times are compared to the nanosecond; by whole seconds, what a program
writes twice within one is taken for unchanged. ``--delete``: or what was renamed and deleted comes to life again.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from orchestrator.errors import ToolError
from orchestrator.movers.server.line import PLACE, Line, free_port
from orchestrator.texts import say
from orchestrator.tools.ssh import SshConnection

OLDEST_RSYNC = (3, 1, 3)
"""Compares times to the nanosecond."""
FLAGS = ("-aHAXSx", "--numeric-ids", "--modify-window=-1", "--delete", "--stats", "--no-human-readable", "--timeout=3600")
VANISHED, PARTIAL = 24, 23
PASS_SECONDS = 7 * 86_400.0
SIDE_BY_SIDE = 4


@dataclass(frozen=True)
class PassReport:
    """``entries``: of the sender's tree. ``files``, ``bytes``: what changed, and how large it is. ``wire``: bytes that were sent."""

    entries: int
    files: int
    bytes: int
    wire: int
    deleted: int
    seconds: float
    vanished: bool = False


@dataclass(frozen=True)
class Wanted:
    """A pass: from a folder of the sender's to a folder of the receiver's. ``left_out``: rsync's patterns. ``checksum``: everything
    is read on both sides. ``at_rest``: nobody writes on either side, so that whatever vanishes is a finding."""

    folder: str
    into: str
    left_out: Sequence[str] = ()
    checksum: bool = False
    at_rest: bool = False


def run_pass(line: Line, receiver: SshConnection, wanted: Wanted) -> PassReport:
    """Makes the receiver's folder equal to the sender's. Raises ToolError for whatever is not carried, Stopped."""
    label = f"{wanted.folder} -> {line.receiver.name}:{wanted.into}"
    patterns = b"".join(os.fsencode(pattern) + b"\0" for pattern in wanted.left_out)
    port = free_port()
    receiver.write_file(f"{PLACE}/left-out-{port}", patterns)
    key = hashlib.sha256(os.fsencode(wanted.into)).hexdigest()[:16]
    argv = [
        *(
            "env",
            "LC_ALL=C",
            "flock",
            "-w",
            "120",
            f"{PLACE}/receiving-{key}",
            "rsync",
            *FLAGS,
            *(["--checksum"] if wanted.checksum else []),
        ),
        *("--from0", f"--exclude-from={PLACE}/left-out-{port}", f"--password-file={PLACE}/password"),
        *(f"rsync://mover@127.0.0.1:{port}/root{wanted.folder.rstrip('/')}/", f"{wanted.into.rstrip('/')}/"),
    ]
    done = line.run(argv, port=port, label=label, limit=PASS_SECONDS)
    if done.code == VANISHED and not wanted.at_rest:  # files come and go while it runs: the next pass sees it
        return read_report(done.stdout, done.seconds, vanished=True)
    if done.code != 0:
        said = done.stderr.strip()[-1500:]
        writes = done.code == VANISHED
        raise ToolError(
            say("server.still_written", said=said) if writes else say("movers.rsync_ended", code=done.code, said=said),
            where=label,
            remedy=say("server.stop_writer") if writes else say("movers.mend_then"),
            retryable=True,
        )
    return read_report(done.stdout, done.seconds)


def run_passes(line: Line, receiver: SshConnection, several: Sequence[Wanted]) -> list[PassReport]:
    """Side by side: they touch different folders. Raises what the first that failed raised, once all have ended."""
    with ThreadPoolExecutor(max_workers=SIDE_BY_SIDE) as pool:
        asked = [pool.submit(run_pass, line, receiver, wanted) for wanted in several]
    return [answer.result() for answer in asked]


def read_report(text: str, seconds: float, *, vanished: bool = False) -> PassReport:
    """rsync's own ``--stats``. Pure; a line that is missing counts as nothing."""

    def number(name: str) -> int:
        found = re.search(rf"^{name}: ([\d,.]+)", text, re.MULTILINE)
        return int(re.sub(r"[,.]", "", found[1])) if found else 0

    return PassReport(
        entries=number("Number of files"), files=number("Number of regular files transferred"), bytes=number("Total transferred file size"),
        wire=number("Total bytes received") + number("Total bytes sent"), deleted=number("Number of deleted files"),
        seconds=round(seconds, 2), vanished=vanished,
    )  # fmt: skip


def add_up(reports: Sequence[PassReport], seconds: float) -> dict[str, Any]:
    """For the record: what several passes side by side came to."""
    return {
        "entries": sum(report.entries for report in reports), "files": sum(report.files for report in reports),
        "bytes": sum(report.bytes for report in reports), "wire": sum(report.wire for report in reports),
        "deleted": sum(report.deleted for report in reports), "seconds": round(seconds, 2),
    }  # fmt: skip
