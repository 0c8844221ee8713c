"""The contract of a side: one of the two places where a part of a system lives, as the guard's fence sees it.

A new engine brings a class that keeps this promise, a line in ``cutover/kinds.py`` and its rows in
``tests/contracts``; the guard stays as it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, Protocol, runtime_checkable

from orchestrator.texts import Words

Role = Literal["live", "other"]
"""In one attempt the live side is closed and the other one is opened."""


@dataclass(frozen=True)
class Control:
    """What was decided last about a side, by whom. It is stored on the side itself."""

    open: bool
    token: int
    attempt: str


class Fenced(Exception):
    """The side's control row holds a newer token than ours: another engine was here."""


class Lost(Exception):
    """The side did not answer. What it was asked to do may have happened, or not."""


class Side(Protocol):
    """One side of one part, with its connections open from the beginning.

    An implementation *must*

    - look at and change its own side only; it never speaks to the other one;
    - do what ``close`` and ``open`` say in one transaction with its control row, so that a side is
      never open while its row says closed, whoever dies when;
    - refuse with ``Fenced`` an attempt whose token is older than the row's;
    - raise ``Lost`` where a connection broke and nobody knows whether the act happened; any other
      exception means that it did not happen;
    - allow every act to be repeated.

    It *may* be slow where it cannot be fast: the guard bounds every act by the fence's budget and
    gives up. A part that has no snapshots answers ``""``; one that has nothing to hand over answers
    ``{}``.

    Example: moving a part from ``live`` to ``other``, without the guard's deadlines::

        live.close("m1-forward-1", token=7)
        while live.sessions():
            live.end_sessions()
        live.mark("m1-forward-1")
        while not other.marked("m1-forward-1"):
            pass
        other.stop_following()
        other.take_over(live.hand_over())
        other.keep_from_here()
        assert live.observed_closed()
        other.open("m1-forward-1", token=7)
    """

    @property
    def where(self) -> Words:
        """For people: what and where, such as ``register on 10.1.2.3:5432``."""

    def is_there(self) -> None:
        """Every connection answers; raises otherwise."""

    # ------------------------------------------------------------ before anything is paused

    def obstacles(self, role: Role, *, keeps: bool = False) -> list[Words]:
        """What forbids beginning, each named so that a person can act. ``keeps``: ``keep_from_here`` will be asked. Reads
        only."""

    def control(self, *, settled: bool = False) -> Control:
        """The control row. ``settled``: waits for an opening that may still be under way, whose answer was lost."""

    def set_limit(self, seconds: float) -> None:
        """No later act of this side waits longer for somebody else's locks."""

    # ------------------------------------------------------------ closing

    def close(self, attempt: str, token: int) -> None:
        """Control row closed and every ordinary client shut out, at once; their sessions are told to end."""

    def sessions(self) -> int:
        """How many could still write. Never too few: who is just starting counts."""

    def end_sessions(self) -> None:
        """Tells those that may be ended to end; does not wait."""

    def who_is_there(self, *, busy: bool = False) -> list[Words]:
        """Those sessions for people: process, account, application, since when. ``busy``: only those in a transaction."""

    def observed_closed(self) -> bool:
        """The row says closed, nobody can come in, nobody who could write is there. Asks the world anew."""

    # ------------------------------------------------------------ bringing the other one level

    def mark(self, name: str) -> None:
        """Commits a marker behind everything that was committed here before."""

    def marked(self, name: str) -> bool:
        """Whether the marker has arrived here, and with it all before it."""

    def snapshot(self) -> str:
        """Keeps this moment readable until ``disconnect``; its name for other connections."""

    def hand_over(self) -> dict[str, Any]:
        """What does not flow by itself (sequences, …), as plain JSON. Asked after ``close``."""

    def take_over(self, left: dict[str, Any]) -> None:
        """Makes the live side's ``hand_over`` true here."""

    def stop_following(self) -> None:
        """Nothing new flows in any more; what was under way may end. Asked when everything has arrived."""

    def follow(self) -> None:
        """What the live side commits flows in again."""

    def keep_from_here(self) -> None:
        """From this moment on everything committed here is kept until the former live side has it."""

    def forget(self) -> None:
        """Undoes ``keep_from_here``; nothing kept is fine."""

    # ------------------------------------------------------------ opening

    def open(self, attempt: str, token: int) -> None:
        """Control row open and ordinary clients let in, in one transaction."""

    def reconnect(self) -> None:
        """New connections for those that broke or hang, with the limit that was set. Raises Lost while the side does not
        answer. What the old ones still had under way may happen until ``control(settled=True)`` has answered."""

    def disconnect(self) -> None:
        """Ends every connection, and with them the snapshots."""


@runtime_checkable
class StandsStill(Protocol):
    """A side whose open sessions no gateway can hold: where both sides are only looked at, at one point, it makes its writers
    wait itself."""

    def stand_still(self, seconds: float) -> str:
        """Nothing commits here any more, and nobody's session ends, until ``go_on``; at the latest when ``seconds`` are over or
        our connection ends, whatever becomes of us. Returns the point that was reached."""

    def has_come_to(self, point: str) -> bool:
        """Whether everything up to the live side's point is here."""

    def go_on(self) -> None:
        """Writers go on. Again is fine."""
