"""What changed in a host's file trees, asked of a program that waits there (``changes_host.py``): a round trip an answer."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import select
import shlex
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from orchestrator.movers.files.manifest import Entry
from orchestrator.movers.side import Lost
from orchestrator.texts import Words, say, unpack

START_SECONDS = 120.0
"""What watching a tree may take at first: it looks at every entry once."""
_SCRIPT = Path(__file__).with_name("changes_host.py").read_text(encoding="utf-8")


class NotTaken(Exception):
    """What changed could not be packed or unpacked, and why."""


class ChangesHost:
    """One host's program. ``channel``: the argv of a shell there; ``given``: its first line. Raises Lost where it does not answer,
    NotTaken where it says what is wrong."""

    def __init__(self, channel: Sequence[str], given: Mapping[str, Any], where: Words) -> None:
        self._where = where
        self._process = subprocess.Popen(
            list(channel), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True
        )
        until = time.monotonic() + START_SECONDS
        # nothing is said before it is ready: a shell may read ahead what was meant for the program
        self._write(f"exec python3 -u -c {shlex.quote(_SCRIPT)}\n".encode(), until)
        try:
            is_ready = self._read_line(until) == b"ready"
        except Lost:
            is_ready = False
        if not is_ready:
            self.close()
            raise NotTaken(say("movers.no_python", where=where))
        self._ask(given, until)

    def ask(self, act: str, *, seconds: float, **values: Any) -> dict[str, Any]:
        """The answer to one act, within so many seconds."""
        return self._ask({"act": act, **values}, time.monotonic() + seconds)

    def _ask(self, asked: Mapping[str, Any], until: float) -> dict[str, Any]:
        self._write(json.dumps(asked).encode() + b"\n", until)
        answer: dict[str, Any] = json.loads(self._read_line(until))
        if "trouble" in answer:
            raise NotTaken(say("movers.trees_say", where=self._where, said=unpack(answer["trouble"])))
        return answer

    def _write(self, data: bytes, until: float) -> None:
        assert self._process.stdin is not None  # noqa: S101 - a pipe
        view = memoryview(data)
        try:
            while view:
                _, ready, _ = select.select([], [self._process.stdin], [], max(0.0, until - time.monotonic()))
                if not ready:
                    raise self._gone()
                view = view[os.write(self._process.stdin.fileno(), view[:65536]) :]
        except OSError as error:
            raise self._gone() from error

    def _read_line(self, until: float) -> bytes:
        assert self._process.stdout is not None  # noqa: S101 - a pipe
        line = bytearray()
        while not line.endswith(b"\n"):
            ready, _, _ = select.select([self._process.stdout], [], [], max(0.0, until - time.monotonic()))
            chunk = os.read(self._process.stdout.fileno(), 1 << 20) if ready else b""
            if not chunk:
                raise self._gone()
            line += chunk
        return bytes(line).strip()

    def _gone(self) -> Lost:
        """What it may still answer belongs to no question any more."""
        self.close()
        return Lost(say("movers.host_gone", where=self._where))

    def close(self) -> None:
        """Ends it; it may hang already."""
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()
        self._process.kill()
        self._process.wait()


def entries_of(described: Mapping[str, Sequence[Any]]) -> dict[str, Entry]:
    """As ``manifest.read_manifest`` reads them; size and time are not compared there either."""
    found = {}
    for name, (kind, mode, (user, group), content, attributes, _time) in described.items():
        acl = tuple(sorted(filter(None, attributes.get("acl", "").splitlines())))
        own = tuple(sorted(f"{key}=0x{base64.b64decode(value).hex()}" for key, value in attributes.items() if key != "acl"))
        digest, link = ("", content) if kind == "l" else (content, "")
        found[name] = Entry(kind, f"{mode:o}" if kind != "l" else "777", user, group, 0, "", link, digest, acl, own)
    return found

