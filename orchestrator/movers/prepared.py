"""What ``prepare-source`` changed on a host for several systems at once: one keeps how it was, the last gives it back.

Each thing (a file of settings, an account) has its record and the systems that need it beside it, on the host itself.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from orchestrator.hosts import former, tenants
from orchestrator.movers.source import Change
from orchestrator.texts import say
from orchestrator.tools.ssh import SshConnection

_TERMS = "prepared"
_NEEDED_BY = 'cd -- "$1.tenants" 2>/dev/null || exit 0; for one in *; do [ ! -f "$one" ] || printf "%s\\n" "$one"; done'
"""A constant; the place is its argument."""


@dataclass(frozen=True)
class SharedThing:
    """``name``: of the thing among those of a host, whatever characters it has; ``home``: our folder there."""

    connection: SshConnection
    home: str
    name: str

    @property
    def _place(self) -> str:
        return f"{self.home}/prepared-source/{quote(self.name, safe='')}"

    def join(self, system: str, was: Mapping[str, Any]) -> None:
        """This system needs it. ``was``: kept where nobody before it has kept another."""
        if self.connection.run(["test", "-e", f"{self._place}.was"], timeout=20).code != 0:
            self.connection.write_file(f"{self._place}.was", json.dumps(dict(was)).encode())
        tenants.join(self.connection, self._place, system, _TERMS)

    def was(self) -> dict[str, Any]:
        """How it was before the first system."""
        return dict(json.loads(self.connection.read_file(f"{self._place}.was")))

    def leave(self, system: str) -> list[str]:
        """This system needs it no more. Those that do, by name: while there is one, nobody gives it back."""
        return tenants.leave(self.connection, self._place, system)

    def forget_without(self, others: Sequence[str]) -> None:
        """It was given back, unless others need it. Last of all: an undo that is run again must not take for former what we made."""
        if not others:
            former.remove_ours(self.connection, f"{self._place}.was")

    def needed_by(self) -> set[str]:
        """The systems on record as those that need it."""
        return set(self.connection.run(["sh", "-c", _NEEDED_BY, "needed-by", self._place], timeout=20, check=True).stdout.splitlines())

    def find_unsaid(self, system: str) -> list[Change]:
        """A difference where others are on record as those that need it, and this system is not: theirs would be the last word."""
        systems = self.needed_by()
        others = sorted(systems - {system})
        if not others or system in systems:
            return []
        return [Change(self.name, say("movers.prepared_for", systems=tuple(others)), say("movers.prepared_for", systems=(*others, system)))]
