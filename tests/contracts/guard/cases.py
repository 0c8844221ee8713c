"""A case of the guard: what stands there, what happens in which act, what must be seen."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import yaml

FOLDER = Path(__file__).parent / "cases"
ACTS = ("begin", "stage", "pause", "close", "drain", "prepare", "prove", "decide", "open", "abort")


@dataclass(frozen=True)
class Case:
    """See tests/contracts/README.md for the words."""

    name: str
    title: str
    act: str
    outcome: Literal["switched", "aborted", "refused", "stuck", "busy"]
    says: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    live: Literal["source", "target"] = "source"
    before: list[dict[str, Any]] = field(default_factory=list)
    after: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    then: list[dict[str, Any]] = field(default_factory=list)
    """What people do when the guard has ended: mend."""
    parts: int = 1
    back: bool = False
    """The system was switched before; this is the way back."""
    fence_ms: int = 20_000
    may_fail: bool = False
    """Whether a client may see an error: its connection's own server or gateway was killed."""
    settle: Literal["", "source", "target"] = ""
    """Where a gateway is to be led by hand, as `resume` does it."""

    def __post_init__(self) -> None:
        assert self.act in ACTS, self.act
        assert set(self.after) <= set(ACTS), self.after


def all_cases() -> list[Case]:
    """Sorted by act, then name."""
    cases = [Case(name=path.stem, **yaml.safe_load(path.read_text("utf-8"))) for path in sorted(FOLDER.glob("*.yaml"))]
    return sorted(cases, key=lambda case: (ACTS.index(case.act), case.name))
