"""Tells one case of ``cases/*.yaml`` to the two sides of a part: the same words for every engine.

A step is an act of the contract (``orchestrator/movers/side.py``), something of the surroundings (``write``, ``stays``, ``kill`` …)
or an expectation; tests/contracts/README.md lists the words.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any, Protocol

import yaml

from orchestrator.movers.side import Fenced, Lost, Side

CASES = sorted((Path(__file__).parent / "cases").glob("*.yaml"))
PATIENCE_SECONDS = 60.0
"""How long something that happens by itself is waited for; no case depends on how long it takes."""
ERRORS: dict[str, type[Exception]] = {"Fenced": Fenced, "Lost": Lost, "Exception": Exception}

_ABOUT_SESSIONS = {"who", "busy", "somebody", "closed"}
"""A server needs a moment until one that has gone is gone."""


class Surroundings(Protocol):
    """A fresh part on two servers of one engine: copied, in step, the live side open, with the application's account."""

    def side(self, role: str) -> Side:
        """Opens ``live`` or ``other``; the story disconnects it."""

    def write(self, role: str) -> None:
        """The application commits one row and draws the next number of the part's counter."""

    def rows(self, role: str, snapshot: str = "") -> int:
        """How many rows stand there, now or in a side's snapshot."""

    def draw(self, role: str) -> int:
        """The next number of the counter, which does not flow by itself."""

    def lets_in(self, role: str) -> bool:
        """Whether the application's account gets a session."""

    def stays(self, role: str, what: str) -> None:
        """A session of the application stays: ``idle``, or ``busy`` in a transaction that has written."""

    def leave(self) -> None:
        """Every session that stayed ends."""

    def keeps(self, role: str) -> bool:
        """By the server itself: whether what is committed there is kept for the one that follows later."""

    def cut(self, role: str) -> None:
        """The server ends every connection of the engine's."""

    def kill(self, role: str) -> None:
        """The server is gone at once."""

    def start(self, role: str) -> None:
        """And comes back."""


class WithoutServer:
    """Of an engine that has none of these: cases that need a server are not told to it."""

    def write(self, role: str) -> None:
        raise NotImplementedError

    def rows(self, role: str, snapshot: str = "") -> int:
        raise NotImplementedError

    def draw(self, role: str) -> int:
        raise NotImplementedError

    def stays(self, role: str, what: str) -> None:
        raise NotImplementedError

    def leave(self) -> None:
        """Nobody stayed."""

    def keeps(self, role: str) -> bool:
        raise NotImplementedError

    def cut(self, role: str) -> None:
        raise NotImplementedError

    def kill(self, role: str) -> None:
        raise NotImplementedError

    def start(self, role: str) -> None:
        raise NotImplementedError


def load(case: Path) -> dict[str, Any]:
    """``title``, ``story``, and ``needs`` where an engine without a server cannot be asked."""
    return dict(yaml.safe_load(case.read_text(encoding="utf-8")))


class Story:
    """Both sides, open, and what was told so far."""

    def __init__(self, around: Surroundings) -> None:
        self.around = around
        self.sides = {role: around.side(role) for role in ("live", "other")}
        self.snapshots: dict[str, str] = {}
        self.left: dict[str, Any] = {}

    def tell(self, steps: list[dict[str, Any]]) -> None:
        """Raises AssertionError where a side does not do as the contract says."""
        try:
            for step in steps:
                ((word, detail),) = step.items()
                getattr(self, f"do_{word}")(detail)
        finally:
            self.around.leave()
            for side in self.sides.values():
                side.disconnect()

    # ------------------------------------------------------------ acts of the contract

    def do_close(self, detail: dict[str, Any]) -> None:
        self._side(detail).close(f"attempt-{detail['token']}", detail["token"])

    def do_open(self, detail: dict[str, Any]) -> None:
        self._side(detail).open(f"attempt-{detail['token']}", detail["token"])

    def do_empty(self, role: str) -> None:
        """What the guard does until nobody is there."""
        until = time.monotonic() + PATIENCE_SECONDS
        while self.sides[role].sessions():
            assert time.monotonic() < until, f"still there: {self.sides[role].who_is_there()}"
            self.sides[role].end_sessions()

    def do_mark(self, name: str) -> None:
        self.sides["live"].mark(name)

    def do_hand_over(self, _: object) -> None:
        self.left = self.sides["live"].hand_over()

    def do_take_over(self, _: object) -> None:
        self.sides["other"].take_over(self.left)

    def do_stop_following(self, role: str) -> None:
        self.sides[role].stop_following()

    def do_follow(self, role: str) -> None:
        self.sides[role].follow()

    def do_keep_from_here(self, role: str) -> None:
        self.sides[role].keep_from_here()

    def do_forget(self, role: str) -> None:
        self.sides[role].forget()

    def do_snapshot(self, role: str) -> None:
        self.snapshots[role] = self.sides[role].snapshot()

    def do_limit(self, detail: dict[str, Any]) -> None:
        self._side(detail).set_limit(detail["seconds"])

    def do_reconnect(self, role: str) -> None:
        """A server that has just come back may need a moment more."""
        until = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                return self.sides[role].reconnect()
            except Lost:
                assert time.monotonic() < until
                time.sleep(0.1)

    # ------------------------------------------------------------ surroundings

    def do_write(self, role: str) -> None:
        self.around.write(role)

    def do_stays(self, detail: dict[str, str]) -> None:
        self.around.stays(detail["at"], detail["how"])

    def do_leave(self, _: object) -> None:
        self.around.leave()

    def do_cut(self, role: str) -> None:
        self.around.cut(role)

    def do_kill(self, role: str) -> None:
        self.around.kill(role)

    def do_start(self, role: str) -> None:
        self.around.start(role)

    # ------------------------------------------------------------ expectations

    def do_fails(self, detail: dict[str, Any]) -> None:
        """An act that must raise; ``with``: which of the contract's errors, ``says``: words of it. ``Exception``: not Lost."""
        detail = dict(detail)
        kind, says = detail.pop("with"), detail.pop("says", "")
        try:
            self.tell_one(detail)
        except ERRORS[kind] as error:
            assert kind != "Exception" or not isinstance(error, Lost), f"it happened or it did not, and it says: {error}"
            assert says in str(error), error
        else:
            raise AssertionError(f"{detail} did not fail")

    def tell_one(self, step: dict[str, Any]) -> None:
        ((word, inner),) = step.items()
        getattr(self, f"do_{word}")(inner)

    def do_there(self, role: str) -> None:
        self.sides[role].is_there()

    def do_obstacles(self, detail: dict[str, Any]) -> None:
        """``names``: each must be in one of them, soon; empty: there are none."""
        names, found = detail["names"], list[str]()
        until = time.monotonic() + PATIENCE_SECONDS
        while True:
            found = list(map(str, self._side(detail).obstacles(detail["at"], keeps=bool(detail.get("keeps")))))
            if all(any(word in obstacle for obstacle in found) for word in names) or time.monotonic() > until:
                break
            time.sleep(0.02)
        assert [word for word in names if not any(word in obstacle for obstacle in found)] == [], found
        assert names or found == []

    def do_marked(self, name: str) -> None:
        """It arrives, and with it all before it."""
        self._until(lambda: self.sides["other"].marked(name), f"{name} never arrived")

    def do_not_marked(self, name: str) -> None:
        assert not self.sides["other"].marked(name)

    def do_expect(self, detail: dict[str, Any]) -> None:
        """What the side says of itself and what its server shows."""
        role = detail["at"]
        side, around = self.sides[role], self.around
        asks = {
            "open": lambda: side.control().open,
            "token": lambda: side.control().token,
            "attempt": lambda: side.control(settled=True).attempt,
            "somebody": lambda: side.sessions() > 0,
            "closed": side.observed_closed,
            "lets_in": lambda: around.lets_in(role),
            "keeps": lambda: around.keeps(role),
            "rows": lambda: around.rows(role),
            "rows_in_snapshot": lambda: around.rows(role, self.snapshots[role]),
            "next": lambda: around.draw(role),
            "who": lambda: len(side.who_is_there()),
            "busy": lambda: len(side.who_is_there(busy=True)),
        }
        for word, wanted in detail.items():
            if word == "at":
                continue
            seen = asks[word]()
            until = time.monotonic() + PATIENCE_SECONDS
            while word in _ABOUT_SESSIONS and seen != wanted and time.monotonic() < until:
                time.sleep(0.02)
                seen = asks[word]()
            assert seen == wanted, f"{word} of {role} should be {wanted} and is {seen}"

    def _side(self, detail: dict[str, Any]) -> Side:
        return self.sides[detail["at"]]

    @staticmethod
    def _until(holds: Any, otherwise: str) -> None:
        until = time.monotonic() + PATIENCE_SECONDS
        while not holds():
            assert time.monotonic() < until, otherwise
            time.sleep(0.02)
