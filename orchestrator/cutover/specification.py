"""What one attempt may do, as one plain JSON line from the engine to its guard. It holds secrets: it goes by a pipe only."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class PartSpec:
    """One part of the system. ``live`` is closed, ``other`` is opened; each as its kind's ``specify`` wrote it."""

    name: str
    live: dict[str, Any]
    other: dict[str, Any]
    keeps: bool = False
    """Whether ``other`` keeps from its opening on what is to flow back."""
    ends_connections: bool = False
    """Whether the fence ends clients' connections instead of a gateway's: how many is counted."""


@dataclass(frozen=True)
class GuardSpec:
    """Times in milliseconds. ``hold_after`` and ``hold_ms`` serve the fault tests only.

    Example::

        {"attempt": "m1-forward-7-1", "token": 7, "record": "/…/guard.jsonl", "fence_ms": 800,
         "parts": [{"name": "register", "keeps": true,
                    "live": {"kind": "postgresql", …}, "other": {"kind": "postgresql", …}}],
         "holders": [{"kind": "pgbouncer", …}], "probes": ["/…/m1-forward.samples"]}
    """

    attempt: str
    token: int
    record: str
    fence_ms: int
    parts: list[PartSpec]
    holders: list[dict[str, Any]]
    probes: list[str] = field(default_factory=list)
    """Samples of probes that are at work: one that is not answered is an obstacle."""
    foretold: dict[str, int] = field(default_factory=dict)
    """By samples: failed requests that the fence itself makes, since it ends their connections."""
    mode: str = "switch"
    """``switch``, or ``snapshot``: hold the clients for the moment it takes to see both sides at one point, and let go."""
    hold_after: str = ""
    hold_ms: int = 0

    @classmethod
    def parse(cls, text: str) -> GuardSpec:
        """From the engine's JSON line."""
        data = json.loads(text)
        data["parts"] = [PartSpec(**part) for part in data["parts"]]
        return cls(**data)

    def write(self) -> str:
        """The line."""
        return json.dumps(dataclasses.asdict(self))
