"""What changed in a host's file trees, asked of a program that waits there (``changes_host.py``): a round trip an answer."""

from __future__ import annotations

import base64
import json
import shlex
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from orchestrator.movers.files.manifest import Entry
from orchestrator.movers.side import Lost
from orchestrator.texts import Words, say, unpack
from orchestrator.tools.channel import Channel, ChannelLost

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
        self._channel = Channel(channel)
        until = time.monotonic() + START_SECONDS
        # nothing is said before it is ready: a shell may read ahead what was meant for the program
        try:
            self._channel.write(f"exec python3 -u -c {shlex.quote(_SCRIPT)}\n".encode(), until)
            is_ready = self._channel.read_to(b"\n", until).strip() == b"ready"
        except ChannelLost:
            is_ready = False
        if not is_ready:
            self.close()
            raise NotTaken(say("movers.no_python", where=where))
        self._ask(given, until)

    def ask(self, act: str, *, seconds: float, **values: Any) -> dict[str, Any]:
        """The answer to one act, within so many seconds."""
        return self._ask({"act": act, **values}, time.monotonic() + seconds)

    def _ask(self, asked: Mapping[str, Any], until: float) -> dict[str, Any]:
        try:
            self._channel.write(json.dumps(asked).encode() + b"\n", until)
            answer: dict[str, Any] = json.loads(self._channel.read_to(b"\n", until))
        except ChannelLost as lost:
            raise Lost(say("movers.host_gone", where=self._where)) from lost
        if "trouble" in answer:
            raise NotTaken(say("movers.trees_say", where=self._where, said=unpack(answer["trouble"])))
        return answer

    def close(self) -> None:
        """Ends it; it may hang already."""
        self._channel.close(patience=0)


def entries_of(described: Mapping[str, Sequence[Any]]) -> dict[str, Entry]:
    """As ``manifest.read_manifest`` reads them; size and time are not compared there either."""
    found = {}
    for name, (kind, mode, (user, group), content, attributes, _time) in described.items():
        acl = tuple(sorted(filter(None, attributes.get("acl", "").splitlines())))
        own = tuple(sorted(f"{key}=0x{base64.b64decode(value).hex()}" for key, value in attributes.items() if key != "acl"))
        digest, link = ("", content) if kind == "l" else (content, "")
        found[name] = Entry(kind, f"{mode:o}" if kind != "l" else "777", user, group, 0, "", link, digest, acl, own)
    return found

