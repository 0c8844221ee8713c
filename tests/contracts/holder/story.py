"""Tells one case of ``cases/*.yaml`` to a holder of somebody else's gateway: the same words for every kind.

Whatever a case does, the gateway's configuration is byte for byte what it was when it has ended, and clients are answered by the
source: no case has to say so.
"""

from __future__ import annotations

import stat
import threading
from pathlib import Path
from typing import Any

import yaml

from orchestrator.gateways.holder import Holder, NotFollowed
from tests.contracts.holder.gateways import Gateway

CASES = sorted((Path(__file__).parent / "cases").glob("*.yaml"))
ACTS = ("stage", "unstage", "pause", "prove", "resume", "switch_and_resume", "reconnect", "is_there")


def load(case: Path) -> dict[str, Any]:
    """``title`` and ``story``."""
    return dict(yaml.safe_load(case.read_text(encoding="utf-8")))


class Story:
    """One holder at a time, leading to ``target`` until the story says otherwise."""

    def __init__(self, gateway: Gateway) -> None:
        self.gateway = gateway
        self.holder: Holder = gateway.holder("target")
        self.before = gateway.file().read_bytes()
        self.others = gateway.others()
        self.answers: list[str] = []
        self.client: threading.Thread | None = None

    def tell(self, steps: list[Any]) -> None:
        """Raises AssertionError where the holder does not do as the contract says."""
        mode = stat.S_IMODE(self.gateway.file().stat().st_mode)
        try:
            for step in steps:
                word, detail = next(iter(step.items())) if isinstance(step, dict) else (step, None)
                self.tell_one(word, detail)
        finally:
            self.holder.disconnect()
        if self.client is not None:
            self.client.join(60)
        assert self.gateway.answered_by() == "source"
        assert self.gateway.others() == self.others
        assert self.gateway.file().read_bytes() == self.before
        assert stat.S_IMODE(self.gateway.file().stat().st_mode) == mode

    def tell_one(self, word: str, detail: Any) -> None:
        if word in ACTS:
            getattr(self.holder, word)()
        else:
            getattr(self, f"do_{word}")(detail)

    # ------------------------------------------------------------ acts with something to say

    def do_lead(self, to: str) -> None:
        """Another holder, as a later process makes it."""
        self.holder.disconnect()
        self.holder = self.gateway.holder(to)

    def do_of(self, part: str) -> None:
        """A holder of another name."""
        self.holder.disconnect()
        self.holder = self.gateway.holder("target", part)

    def do_unlearn(self, name: str) -> None:
        self.holder.unlearn(name)

    def do_switch_but(self, parts: list[str]) -> None:
        self.holder.switch_and_resume(parts)

    def do_learn_foreign(self, _: object) -> None:
        """A name that leads elsewhere already, or that nobody knows."""
        part, name, place = self.gateway.foreign()
        self.do_of(part)
        self.holder.learn(name, place)

    def do_fails(self, detail: dict[str, Any]) -> None:
        """An act that must raise NotFollowed, or any error of a channel (``how: lost``)."""
        detail = dict(detail)
        kind: type[Exception] = Exception if detail.pop("how", "") == "lost" else NotFollowed
        ((word, inner),) = detail.items()
        try:
            self.tell_one(word, inner)
        except kind:
            return
        raise AssertionError(f"{detail} did not fail")

    # ------------------------------------------------------------ surroundings

    def do_restart(self, _: object) -> None:
        self.gateway.restart()

    def do_breaks(self, _: object) -> None:
        """It says yes from now on and serves something else."""
        self.gateway.break_reading()

    def do_mended(self, _: object) -> None:
        self.gateway.mend_reading()

    def do_client(self, how: str) -> None:
        """``asks``: one client, who must wait if the gateway holds; ``was answered by the …``, but that of a gateway that
        cannot hold by the source: it asked before the switch."""
        if how == "asks":
            self.answers.clear()
            self.client = threading.Thread(target=lambda: self.answers.append(self.gateway.answered_by()), daemon=True)
            self.client.start()
            self.client.join(1.0)
            return
        assert self.client is not None
        self.client.join(60)
        assert self.answers == [how.removeprefix("was answered by the ") if self.holder.holds else "source"]

    # ------------------------------------------------------------ expectations

    def do_expect(self, detail: dict[str, Any]) -> None:
        asks: dict[str, Any] = {
            "obstacles": self._obstacles,
            "knows": lambda: self.holder.knows("records"),
            "knows_nobody": lambda: self.holder.knows("nobody"),
            "serves": lambda: bool(self.holder.serves()),
            "is_led": self.holder.is_led,
            "answered_by": self.gateway.answered_by,
            "file_changed": lambda: self.gateway.file().read_bytes() != self.before,
            "client_waits": lambda: not self.answers if self.holder.holds else True,
        }
        for word, wanted in detail.items():
            if word == "file_changed" and not self.holder.is_led() and not self.gateway.stages:
                assert asks[word]() is False, "it is served already"
                continue
            seen = asks[word]()
            if isinstance(wanted, str) and word == "obstacles":
                assert wanted in seen
            else:
                assert seen == wanted, f"{word} should be {wanted} and is {seen}"

    def _obstacles(self) -> Any:
        found = self.holder.obstacles()
        return "; ".join(map(str, found)) if found else []
