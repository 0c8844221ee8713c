"""HAProxy before a system's HTTP services as a holder: writes wait at the entry while database and files switch together.

What it needs in the entry's configuration was put there before (``http_hold_install.py``), with the one
reload that costs idle connections. From then on one word in a file (``hold_word.py``) says where requests
go; the switch is the change of that word, and a reload, a restart or a dead guard change nothing in it.

Only writes are held (every method but GET, HEAD, OPTIONS); their bodies were waited for before. Readers go
on where they were until the word says otherwise. A hold has a moment of its own: until ``prove`` it then
falls back to the side that is live, from ``prove`` on to refusal.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from orchestrator.gateways import http_hold_files as files
from orchestrator.gateways.haproxy import Console, Runtime
from orchestrator.gateways.hold_word import Way, Word, WordFile
from orchestrator.gateways.holder import NotFollowed, Place
from orchestrator.gateways.shell import Shell
from orchestrator.models import HttpGateway
from orchestrator.texts import Name, Words, say
from orchestrator.texts.names import side_name

KIND = "http_hold"
REFUSE_MS = 60_000
"""How long writers wait after the point of no return for a guard that is gone, before they are refused."""
MARGIN_MS = 2000
"""How much later than the guard's budget a hold before the point of no return ends by itself."""
SECOND_LOOK = 0.005
"""Seconds between two looks that must both see nobody: a request whose word was just read may not be counted yet."""
HEALTHY_SECONDS = 5.0
_WAY: dict[str, Way] = {"source": "old", "target": "new"}


def specify(
    *, gateway: HttpGateway, channel: Sequence[str], system: str, parts: Sequence[str], to: str, backends: Sequence[str], word: str, seen: str, hold_ms: int
) -> dict[str, Any]:
    """The guard's plain description. ``parts``: whose opening lets the writers go; ``backends``: as HAProxy calls them; ``word``: the
    word's file on the host, ``seen``: as HAProxy sees it; ``hold_ms``: the guard's budget."""
    return {
        "kind": KIND, "gateway": gateway.model_dump(mode="json", include=set(HttpGateway.model_fields)), "channel": list(channel),
        "system": system, "parts": list(parts), "to": to, "backends": list(backends), "word": word, "seen": seen, "hold_ms": hold_ms,
    }  # fmt: skip


class HttpHold:
    """The hold of one system at one HAProxy. ``to``: ``source`` or ``target``."""

    holds = True

    def __init__(
        self, *, gateway: Mapping[str, Any], channel: Sequence[str], system: str, parts: Sequence[str], to: str, backends: Sequence[str],
        word: str, seen: str, hold_ms: int,
    ) -> None:  # fmt: skip
        self._gateway = HttpGateway.model_validate(gateway)
        self._channel = list(channel)
        self._names = files.Names(system)
        self._parts = list(parts)
        self._to: Way = _WAY[to]
        self._live: Way = "old" if self._to == "new" else "new"
        self._backends = list(backends)
        self._word_path, self._seen = word, seen
        self._hold_ms = hold_ms
        self._held: Word | None = None
        self._connect()

    def _connect(self) -> None:
        self._shell = Shell(self._channel)
        socket = self._gateway.runtime_socket
        self._console = Console(self._channel, socket) if socket else None
        self._runtime = Runtime(self._gateway, self._shell, self._console)
        self._word = WordFile(self._shell, self._word_path)

    @property
    def where(self) -> Words:
        return say("gateways.hold_on", host=self._gateway.host, system=self._names.system)

    def is_there(self) -> None:
        self._runtime.command("show info")
        self._shell.run(":")

    # ------------------------------------------------------------ what it serves

    def read_word(self) -> str:
        """The word as HAProxy itself reads it; ``none`` where it reads none."""
        answer = self._runtime.command(f"hold show {self._seen}")
        said = dict(part.split("=", 1) for part in answer.split() if "=" in part)
        return said.get("word", "none")

    def knows(self, name: str) -> bool:
        return name in self._parts and self.read_word() != "none" and not self._find_missing()

    def _find_missing(self) -> list[str]:
        """Backends of ours that HAProxy does not have."""
        return [backend for backend in self._all_backends() if backend not in self._stat()]

    def _all_backends(self) -> list[str]:
        ways: tuple[Way, ...] = ("old", "new")
        return [files.backend_for(backend, way, writes=writes) for backend in self._backends for way in ways for writes in (False, True)]

    def _stat(self) -> dict[str, dict[str, str]]:
        return self._runtime.backends()

    def serves(self) -> dict[str, Place]:
        way = self.read_word()
        wanted = {files.backend_for(backend, way, writes=False) for backend in self._backends} if way in ("old", "new") else set()
        servers = [server for server in self._runtime.list_servers() if server.backend in wanted]
        return {f"{server.name} in {server.backend}": Place(server.address, server.port) for server in servers}

    def is_led(self) -> bool:
        return not self.find_problems()

    def find_problems(self) -> list[Words]:
        """What keeps requests from the side where they shall go, each named."""
        word = self.read_word()
        found: list[Words] = []
        if word != self._to:
            found.append(say("gateways.hold_word_is", where=self.where, word=word, side=self._side(self._to)))
        return found + self._find_ill(self._to)

    def _find_ill(self, way: Way) -> list[Words]:
        """By the last check of each server: one that is about to be found down is still ``UP``."""
        found: list[Words] = []
        for backend in self._backends:
            name = files.backend_for(backend, way, writes=False)
            if not any(_is_well(row) for row in self._runtime.servers_of(name)):
                found.append(say("gateways.hold_ill", where=self.where, backend=name, side=self._side(way)))
        return found

    def _side(self, way: Way) -> Name:
        return side_name("source" if way == "old" else "target")

    def count_under_way(self, way: Way, *, reads: bool = False) -> int:
        """How many writes a side has under way, by HAProxy's own counters; ``reads``: and readers."""
        stat = self._stat()
        names = [files.backend_for(backend, way, writes=writes) for backend in self._backends for writes in ((True, False) if reads else (True,))]
        return sum(int(stat[name]["scur"]) + int(stat[name]["qcur"]) for name in names)

    def count_left(self) -> int:
        """Requests of any kind that the side that was left still has under way."""
        return self.count_under_way(self._live, reads=True)

    # ------------------------------------------------------------ before anything is paused

    def obstacles(self) -> list[Words]:
        missing = self._find_missing()
        if missing:
            return [say("gateways.hold_missing", where=self.where, part=", ".join(self._parts), missing=tuple(missing))]
        found: list[Words] = []
        word = self.read_word()
        if word != self._live:
            found.append(say("gateways.hold_word_is", where=self.where, word=word, side=self._side(self._live)))
        return found + self._find_ill(self._to)

    def learn(self, name: str, place: Place) -> None:
        if not self.knows(name) or place not in self._places():
            raise NotFollowed(say("gateways.not_added", where=self.where, host=place.host, port=place.port))

    def _places(self) -> list[Place]:
        return [Place(server.address, server.port) for server in self._runtime.list_servers() if server.backend in self._all_backends()]

    def unlearn(self, name: str) -> None:
        """What it knows stands in the configuration, and goes with it."""

    def stage(self) -> None:
        missing = self._find_missing()
        if missing:
            raise NotFollowed(say("gateways.hold_missing", where=self.where, part=", ".join(self._parts), missing=tuple(missing)))

    def unstage(self) -> None:
        """Nothing was written: the word is the switch."""

    # ------------------------------------------------------------ the hold

    def pause(self) -> None:
        """Raises NotFollowed when the writes under way have not ended by the time that the hold ends itself."""
        self._held = self._word.hold(self._hold_ms + MARGIN_MS, then=self._live, reads=self._live)
        until = time.monotonic() + self._hold_ms / 1000
        while not self._is_empty():
            if time.monotonic() > until:
                raise NotFollowed(self.who_is_busy() or say("gateways.hold_over", path=self._word.path))
            time.sleep(0.002)

    def _is_empty(self) -> bool:
        if self.count_under_way(self._live):
            return False
        time.sleep(SECOND_LOOK)
        return not self.count_under_way(self._live)

    def who_is_busy(self) -> Words:
        """For people: what is under way on the live side; empty when nothing is."""
        count = self.count_under_way(self._live)
        return say("gateways.hold_busy", where=self.where, count=count) if count else ""

    def prove(self) -> None:
        """From here on a dead guard's hold ends in refusal: nobody could tell any more which side is live."""
        if self._held is None:
            raise NotFollowed(say("gateways.hold_over", path=self._word.path))
        self._held = self._word.refuse_after(self._held, REFUSE_MS)
        if self.read_word() != str(self._held):
            raise NotFollowed(say("gateways.hold_word_is", where=self.where, word=self.read_word(), side=self._side(self._live)))
        if not self._is_empty():
            raise NotFollowed(self.who_is_busy())
        if ill := self._find_ill(self._to):
            raise NotFollowed(ill[0])

    def resume(self) -> None:
        word = self._word.read()
        if word is None or word.holds:
            self._lead(self._live)
        self._held = None

    def switch_and_resume(self, but: Collection[str] = ()) -> None:
        if set(self._parts) & set(but):
            return
        self._wait_healthy()
        self._lead(self._to)
        self._held = None

    def _wait_healthy(self) -> None:
        """A server that died meanwhile gets a moment; nobody is led to none."""
        until = time.monotonic() + HEALTHY_SECONDS
        while ill := self._find_ill(self._to):
            if time.monotonic() > until:
                raise NotFollowed(ill[0])
            time.sleep(0.05)

    def _lead(self, way: Way) -> None:
        self._word.write(way)
        if (seen := self.read_word()) != way:
            raise NotFollowed(say("gateways.hold_word_is", where=self.where, word=seen, side=self._side(way)))

    # ------------------------------------------------------------ channels

    def reconnect(self) -> None:
        self.disconnect()
        self._connect()

    def disconnect(self) -> None:
        self._shell.close()
        if self._console is not None:
            self._console.close()


def _is_well(row: Mapping[str, str]) -> bool:
    if row["status"] == "no check":
        return True
    return row["status"].startswith("UP") and row.get("check_status", "").lstrip("* ") in ("", "L4OK", "L6OK", "L7OK", "L7OKC")
