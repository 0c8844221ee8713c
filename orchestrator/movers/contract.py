"""What a mover is: one kind of part (a database of some engine, a tree of files) brought from source to target.

A step asks ``registry`` for the movers of a system and calls the same functions whatever the kind. A new
engine is a folder with a class that keeps this contract, a row in ``registry`` and its row in the tables of
cases under ``tests/contracts``; nothing else names it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, Protocol

from orchestrator.errors import Finding
from orchestrator.texts import Words
from orchestrator.tools.process import Register

Facts = dict[str, Any]


class Direction(StrEnum):
    """Which way live traffic switches."""

    FORWARD = "forward"
    BACK = "back"

    @property
    def live(self) -> str:
        """The side that is closed: ``source`` or ``target``."""
        return "source" if self is Direction.FORWARD else "target"

    @property
    def other(self) -> str:
        """The side that is opened."""
        return "target" if self is Direction.FORWARD else "source"


class Moment(StrEnum):
    """When a check is asked. The same facts every time; what is not there yet is not asked for."""

    PREFLIGHT = "preflight"
    """Before anything is prepared: the target may not exist."""
    COPY = "copy"
    """Right before the source is touched for the first time."""
    GATE = "gate"
    """Copied and in step: at a gate, in the guard before ``go``, in the trial run, before acceptance."""


@dataclass(frozen=True)
class Place:
    """Where one side of a part is served."""

    address: str
    port: int


@dataclass(frozen=True)
class Part:
    """One movable thing of a system with its two sides. Plain values; the password is never printed."""

    kind: str
    system: str
    name: str
    source: Place
    target: Place | None = None
    """None until it is provisioned."""
    role: str = ""
    """The account that the application uses."""
    admin: str = ""
    """The account that the engine uses, on both sides."""
    password: str = field(default="", repr=False)
    gateways: tuple[str, ...] = ()
    """The addresses of the gateways through which the application comes, on either side."""

    def place(self, side: str) -> Place:
        """``side``: ``source`` or ``target``. Raises LookupError when there is no target yet."""
        if side == "source":
            return self.source
        if self.target is None:
            raise LookupError(f"{self.name} of {self.system} has no target yet")
        return self.target


@dataclass(frozen=True)
class Progress:
    """How far a copy or a comparison is: structured, so that a terminal draws a bar and a log writes one line."""

    tables_done: int
    tables: int
    bytes_done: int
    bytes: int
    """Of the source's tables: an estimate, since rows travel in another form than they lie on disk."""
    rows_done: int
    seconds: float
    doing: str = "copy"
    """``copy``, ``backup``, ``restore`` (measured in bytes) or ``comparison`` (in tables)."""


def nobody_knows(_side: str, _path: str) -> int | None:
    """Nobody can say how much is free."""
    return None


@dataclass(frozen=True)
class Hands:
    """What a mover may use of its surroundings."""

    folder: Path
    """The system's own folder on the controller."""
    say: Callable[[str], None] = lambda _text: None
    register: Register = lambda _record: None
    """Every child process is registered, so that a later run can prove it dead."""
    should_stop: Callable[[], bool] = lambda: False
    """Asked in every wait: a person wants to turn back. The wait then ends with ``TurnedBack``."""
    progress: Callable[[Progress], None] = lambda _progress: None
    """Told of every look at a copy, and of every table of a comparison, that is under way. From any thread."""
    free_bytes: Callable[[str, str], int | None] = nobody_knows
    """Asked how many bytes are free at a path of a side's host; None: nobody can say."""


@dataclass(frozen=True)
class Comparison:
    """Two sides seen at one point. ``differences`` names each; empty: equal."""

    items: int
    rows: int
    differences: tuple[Words, ...] = ()


class Mover(Protocol):
    """Moves parts of one kind. Every act may be repeated after an interruption and then reaches the same end.

    Example, what the step ``replicate`` does::

        for mover, part in ctx.world.parts():
            facts[part.name] = mover.prepare(part)
    """

    kind: str
    ends_connections: bool
    """Whether its fence ends the clients' own connections, one error each, since no gateway can hold them."""

    def check(self, part: Part, moment: Moment) -> list[Finding]:
        """Everything that any later step will need, on both sides, with numbers. Reads only; never raises for
        what the world can do: a side that does not answer is a finding."""

    def answers(self, part: Part, side: str) -> bool:
        """Whether that side's server lets the engine in. The part need not be there yet; any refusal is False."""

    def credential(self, part: Part, account: str = "", side: str = "source") -> str:
        """What a gateway recognises an account by, the application's where none is named; empty where it may not log in there."""

    def accepts(self, part: Part, password: str, side: str = "source") -> bool | None:
        """Whether this is the application's password on that side, by what its server keeps of it. None: nobody can say (no such
        account, a server that does not answer, a password that is kept elsewhere)."""

    def log_in(self, part: Part, way_in: Place, password: str) -> None:
        """One log-in as the application, and one question, as its clients come in. Raises the driver's error."""

    def back_up(self, part: Part) -> Facts:
        """R10: a backup, restored on the target into a throwaway copy, and that copy compared. ``bytes``, ``rows``, and ``state``: which
        moment of the source it is, in the server's own terms."""

    def backed_up(self, part: Part) -> bool:
        """Whether the throwaway copy stands."""

    def copy_name(self, part: Part) -> str:
        """The throwaway copy's name on the target's server, and that of the account that works in it."""

    def open_copy(self, part: Part, password: str) -> None:
        """That account may log in with this password."""

    def drop_copy(self, part: Part) -> None:
        """Removes the throwaway copy; none there is fine."""

    def prepare(self, part: Part) -> Facts:
        """Copies and keeps the target in step. The application must not notice. ``bytes``, ``tables``, and ``state`` as above."""

    def prepared(self, part: Part) -> bool | None:
        """What the world shows: True, False, or None for half done."""

    def withdraw(self, part: Part, side: str) -> None:
        """``source``: leaves it exactly as it was before ``prepare``, and needs no target for it. ``target``: takes back
        what ``prepare`` made there; asked first, and allowed to fail."""

    def protect(self, part: Part, side: str) -> Words | None:
        """``side`` is live. Where what we keep for the other side is about to fill its disk, it is given up, and what was done is
        returned in words: the copy, or the way back, is lost then. None: nothing was done."""

    def freshen(self, part: Part, direction: Direction) -> None:
        """Right before a switch: what does not flow by itself is worked out anew on the side that will open."""

    def fence(self, part: Part, direction: Direction, *, snapshot_only: bool = False) -> Mapping[str, Any]:
        """What the guard needs, as plain JSON."""

    def arm(self, part: Part, marker: str) -> Facts:
        """After the switch: what the target commits flows to the source."""

    def armed(self, part: Part) -> bool:
        """Whether it does."""

    def find_alarms(self, part: Part, marker: str) -> dict[str, Words]:
        """In the trial run: why going back would not be safe now, code → sentence; empty: it is. ``marker`` is new
        each time. Raises when a side cannot be seen."""

    def open_alone(self, part: Part, attempt: str, token: int) -> Facts:
        """The target is lost while it is live: the source is opened without it. ``kept_until``: everything that was
        committed on the target by then is here (ISO 8601), empty where nothing is known. The caller has seen that nobody
        answers there. Raises Fenced on an older token."""

    def disarm(self, part: Part, side: str) -> None:
        """Nothing flows back any more. ``source``: it follows no more, and needs no target for it. ``target``: it keeps
        nothing for the source any more; allowed to fail."""

    def finish(self, part: Part) -> None:
        """The point of no return: nothing of ours is left at work on the target; the source stays closed."""

    def finished(self, part: Part) -> bool:
        """Whether the way back has ended."""

    def compare(self, part: Part, direction: Direction, snapshots: tuple[str, str]) -> Comparison:
        """Contents of both sides from (live, other) snapshots that the guard holds, and their definitions."""

    def citizen(self, part: Part, way_in: Place, password: str) -> Mapping[str, Any]:
        """How a client from outside asks, as plain JSON for the probe (``movers/citizen.py``). ``way_in``: the gateway
        that the application uses; ``password``: of the part's ``role``."""
