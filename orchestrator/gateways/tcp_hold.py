"""HAProxy in TCP mode before a database as a holder (``holder.py``): new connections wait, and then go to the side that is live.

Connections that are open already belong to the database's own fence, which ends them; whoever comes back meanwhile waits here.
A name is a word and its places in two files on the gateway's host (``hold_word.py``, ``tcp_hold_places.py``). HAProxy reads them
itself at every new connection, so nothing is reloaded, and a switch outlives its restart. That HAProxy reads *these* files is
seen by connections of our own: each is counted by the Lua action that decided it.
"""

from __future__ import annotations

import contextlib
import posixpath
import re
import shlex
import socket
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import quote, unquote

from orchestrator.errors import OrchestratorError, words_of
from orchestrator.gateways import tcp_hold_places as places_file
from orchestrator.gateways.haproxy import Runtime
from orchestrator.gateways.hold_word import Way, Word, WordFile
from orchestrator.gateways.holder import NotFollowed, Place
from orchestrator.gateways.shell import Shell, read_file, write_file
from orchestrator.models import HttpGateway
from orchestrator.texts import Words, say

KIND = "tcp_hold"
SEEN_SECONDS = 3.0
"""How long a connection of our own may take until HAProxy has decided about it."""
_CHROOT = "case $(readlink /proc/{pid}/exe) in */haproxy*) readlink /proc/{pid}/root || :;; esac"
"""Where its file system begins; nothing where this host does not tell of it (a container, an account that may not look)."""
_SHOWN = re.compile(r"word=(\S+) waiting=(\d+) passed=(\d+)")


def specify(
    *, gateway: Mapping[str, Any], channel: Sequence[str], folder: str, ports: Mapping[str, int], hold_seconds: float,
    leads: Sequence[Mapping[str, Any]],
) -> dict[str, Any]:
    """The guard's plain description. ``ports``: where clients of a name reach the gateway; ``leads``: ``{"part", "source":
    {"host", "port"}, "target": {…}, "to"}``; ``hold_seconds``: how long new connections wait for a guard that has died, longer
    than any fence lasts."""
    return {
        "kind": KIND, "gateway": dict(gateway), "channel": list(channel), "folder": folder, "ports": dict(ports),
        "hold_seconds": hold_seconds, "leads": [dict(lead) for lead in leads],
    }  # fmt: skip


class TcpHold:
    """One HAProxy with its runtime API and its shell open."""

    holds = True

    def __init__(
        self, *, gateway: Mapping[str, Any], channel: Sequence[str], folder: str, ports: Mapping[str, int], hold_seconds: float,
        leads: Sequence[Mapping[str, Any]],
    ) -> None:  # fmt: skip
        self._gateway = HttpGateway.model_validate(gateway)
        self._channel, self._folder, self._hold_ms = list(channel), folder, int(hold_seconds * 1000)
        self._ports = {name: int(port) for name, port in ports.items()}
        self._leads = {
            str(lead["part"]): ({"old": Place(**lead["source"]), "new": Place(**lead["target"])}, _way_of(str(lead["to"])))
            for lead in leads
        }
        self._names: dict[str, list[str]] = {}
        self._former: dict[str, bytes] = {}
        self._is_staged = False
        self._held: dict[str, Word] = {}
        self._knocks: list[socket.socket] = []
        self._connect()

    def _connect(self) -> None:
        self._shell = Shell(self._channel)
        self._runtime = Runtime(self._gateway, self._shell)
        self._chroot: str | None = None

    @property
    def where(self) -> Words:
        return say("gateways.haproxy_on", host=self._gateway.host)

    def is_there(self) -> None:
        self._runtime.command("show info")
        self._shell.run("true")

    # ------------------------------------------------------------ what it serves

    def _word(self, name: str) -> WordFile:
        return WordFile(self._shell, posixpath.join(self._folder, quote(name, safe="")))

    def _places_path(self, name: str) -> str:
        return self._word(name).path + places_file.SUFFIX

    def _seen(self, name: str) -> str:
        """The word's file as HAProxy sees it, inside its chroot."""
        if self._chroot is None:
            answer = self._shell.run(_CHROOT.format(pid=self._runtime.worker()))
            self._chroot = answer.decode("utf-8", "surrogateescape").strip().rstrip("/")
        path = self._word(name).path
        return path.removeprefix(self._chroot) if path.startswith(f"{self._chroot}/") else path

    def _list_files(self) -> list[str]:
        """The names that have places."""
        folder = shlex.quote(self._folder)
        listed = self._shell.run(f"if [ -d {folder} ]; then ls -1 -- {folder}; fi").decode("utf-8", "surrogateescape")
        return sorted(unquote(line.removesuffix(places_file.SUFFIX)) for line in listed.split("\n") if line.endswith(places_file.SUFFIX))

    def _read_places(self, name: str) -> dict[str, Place]:
        return places_file.read_places(read_file(self._shell, self._places_path(name)).decode("utf-8", "surrogateescape"))

    def list_names(self, part: str) -> list[str]:
        """Every name that leads to this part's source: the part's own, and each further one for the same place."""
        here = self._leads[part][0]["old"]
        return [name for name in self._list_files() if _same(self._read_places(name).get("old"), here)]

    def _find_names(self) -> dict[str, list[str]]:
        """By part. Found once: after the decision nothing may ask a name server."""
        if not self._names:
            self._names = {part: self.list_names(part) for part in self._leads}
        return self._names

    def _all_names(self) -> Iterator[tuple[str, str]]:
        for part, names in self._find_names().items():
            for name in names:
                yield part, name

    def handles(self, name: str) -> bool:
        return name in self._leads

    def knows(self, name: str) -> bool:
        return name in self._list_files() and self._show(name)[0] != "none"

    def _show(self, name: str) -> tuple[str, int, int]:
        """The word, how many wait and how many were let go, by HAProxy itself. Raises NotFollowed where it does not know the action."""
        answer = self._runtime.command(f"hold show {self._seen(name)}")
        shown = _SHOWN.search(answer)
        if shown is None:
            raise NotFollowed(say("gateways.no_hold_action", where=self.where, answer=answer[:200]))
        return shown[1], int(shown[2]), int(shown[3])

    def _ask_places(self, name: str) -> dict[str, Place]:
        return places_file.read_places(self._runtime.command(f"hold places {self._seen(name)}"))

    def serves(self) -> dict[str, Place]:
        led = {}
        for _, name in self._all_names():
            way = self._show(name)[0]
            if place := self._ask_places(name).get(way):
                led[name] = place
        return led

    def is_led(self) -> bool:
        return bool(self._names or any(self._find_names().values())) and not self._find_unled(())

    def _find_unled(self, but: Collection[str]) -> list[Words]:
        """Names that do not lead where they shall, by what HAProxy says and does."""
        found: list[Words] = []
        for part, name in self._all_names():
            if part in but:
                continue
            places, way = self._leads[part]
            word, served = self._show(name)[0], self._ask_places(name).get(way)
            if word != way or not _same(served, places[way]):
                found.append(say("gateways.name_word", name=name, word=word))
            elif not self._is_followed(name):
                found.append(say("gateways.word_unused", where=self.where, name=name, path=self._word(name).path))
        return found

    # ------------------------------------------------------------ connections of our own

    def _is_followed(self, name: str) -> bool:
        """Whether a connection to its port is decided by this word."""
        port = self._ports.get(name)
        if port is None:
            return True  # nobody says where its clients come in, so it cannot be tried
        _, waiting, passed = self._show(name)
        try:
            knock = socket.create_connection((self._gateway.address, port), timeout=SEEN_SECONDS)
        except OSError:
            return False
        try:
            return self._wait_counted(name, waiting + passed)
        finally:
            knock.close()

    def _wait_counted(self, name: str, before: int) -> bool:
        until = time.monotonic() + SEEN_SECONDS
        while time.monotonic() < until:
            _, waiting, passed = self._show(name)
            if waiting + passed > before:
                return True
            time.sleep(0.01)
        return False

    # ------------------------------------------------------------ before anything is paused

    def obstacles(self) -> list[Words]:
        return self.find_problems()

    def find_problems(self) -> list[Words]:
        """What forbids beginning. A connection of our own is made to each port and closed; nothing else is touched."""
        found: list[Words] = []
        for part in self._leads:
            try:
                found += self._find_problems_of(part)
            except (OSError, OrchestratorError, ValueError, NotFollowed) as error:
                found.append(say("gateways.says", where=self.where, error=words_of(error)))
        return found

    def find_unready(self) -> list[Words]:
        """A port that leads to no word: it stands in somebody's configuration, which we do not write."""
        found: list[Words] = []
        for part in self._leads:
            try:
                if not self._ports.get(part):
                    found.append(say("gateways.no_tcp_port", where=self.where, part=part))
                elif not self._is_followed(part):
                    found.append(say("gateways.word_unused", where=self.where, name=part, path=self._word(part).path))
            except (OSError, OrchestratorError, NotFollowed) as error:
                found.append(say("gateways.says", where=self.where, error=words_of(error)))
        return found

    def _find_problems_of(self, part: str) -> list[Words]:
        if not self._ports.get(part):
            return [say("gateways.no_tcp_port", where=self.where, part=part)]
        names = self.list_names(part)
        if part not in names:
            place = self._leads[part][0]["old"]
            return [say("gateways.no_place", where=self.where, part=part, path=self._places_path(part), host=place.host, port=place.port)]
        found: list[Words] = []
        for name in names:
            path, word = self._word(name).path, self._word(name).read()
            shown = self._show(name)[0]
            if word is None or shown != str(word) or self._ask_places(name) != self._read_places(name):
                found.append(say("gateways.word_unread", where=self.where, path=path))
            elif word.holds:
                found.append(say("gateways.word_holds", where=self.where, path=path, word=str(word)))
            elif not self._is_followed(name):
                found.append(say("gateways.word_unused", where=self.where, name=name, path=path))
            found += self._find_unwritable(path)
        return found

    def _find_unwritable(self, path: str) -> list[Words]:
        folder, file = shlex.quote(self._folder), shlex.quote(path + places_file.SUFFIX)
        try:
            self._shell.run(f"[ -w {folder} ] && [ -w {file} ]")
        except OSError as error:
            return [say("gateways.file_unwritten", path=path, error=words_of(error))]
        return []

    # ------------------------------------------------------------ names of our own

    def learn_user(self, role: str, verifier: str) -> None:
        """Nobody logs in here."""

    def list_askers(self, name: str) -> list[str]:  # noqa: ARG002 - of the contract
        return []  # it lets everybody through to the database itself

    def learn(self, name: str, place: Place) -> None:
        if name in self._list_files():
            old = self._read_places(name).get("old")
            if not _same(old, place):
                raise NotFollowed(
                    say("gateways.serves_already", where=self.where, name=name, host=old.host if old else "", port=old.port if old else 0)
                )
            return
        word = self._word(name)
        word.create()
        text = shlex.quote(places_file.make_file(_numbered(place)))
        path = shlex.quote(self._places_path(name))
        self._shell.run(f"umask 022; printf %s {text} > {path} && sync {path}")
        if self._show(name)[0] != "old" or not _same(self._ask_places(name).get("old"), place):
            raise NotFollowed(say("gateways.word_unread", where=self.where, path=word.path))

    def unlearn(self, name: str) -> None:
        if name not in self._list_files():
            return
        path = self._places_path(name)
        text = read_file(self._shell, path).decode("utf-8", "surrogateescape")
        if places_file.is_ours(text):
            self._shell.run(f"rm -f -- {shlex.quote(path)}")
            self._word(name).remove()

    # ------------------------------------------------------------ the switch

    def stage(self) -> None:
        for part, name in self._all_names():
            places, way = self._leads[part]
            if way == "old":
                continue  # it is there
            path = self._places_path(name)
            former = read_file(self._shell, path)
            text = former.decode("utf-8", "surrogateescape")
            new = places_file.add_new(text, _numbered(places["new"])).encode("utf-8", "surrogateescape")
            write_file(self._shell, path, former, new)
            self._former.setdefault(name, former)
            if not _same(self._ask_places(name).get("new"), places["new"]):
                raise NotFollowed(say("gateways.word_unread", where=self.where, path=path))
        self._is_staged = True

    def unstage(self) -> None:
        for name, former in self._former.items():
            path = self._places_path(name)
            write_file(self._shell, path, read_file(self._shell, path), former)
        self._former, self._is_staged = {}, False

    def pause(self) -> None:
        """Those that are open stay open: their end is the fence's."""
        for _, name in self._all_names():
            word = self._word(name)
            before = word.read()
            way: Way = before.reads if before else "old"
            _, waiting, passed = self._show(name)
            self._held[name] = word.hold(self._hold_ms, then=way, reads=way)
            if self._show(name)[0] != str(self._held[name]):
                raise NotFollowed(say("gateways.not_held", where=self.where, loose=(name,)))
            if port := self._ports.get(name):
                self._knocks.append(socket.create_connection((self._gateway.address, port), timeout=SEEN_SECONDS))
                if not self._wait_counted(name, waiting + passed):
                    raise NotFollowed(say("gateways.word_unused", where=self.where, name=name, path=word.path))

    def prove(self) -> None:
        """From here on a hold whose guard dies ends in refusal: nobody could tell which side is live."""
        for _, name in self._all_names():
            held = self._held.get(name)
            if held is None:
                raise NotFollowed(say("gateways.not_held", where=self.where, loose=(name,)))
            self._held[name] = self._word(name).refuse_after(held, self._hold_ms)
            if self._show(name)[0] != str(self._held[name]):
                raise NotFollowed(say("gateways.not_held", where=self.where, loose=(name,)))

    def resume(self) -> None:
        for _, name in self._all_names():
            word = self._word(name)
            now = word.read()
            if now is not None and now.holds:
                word.write(now.reads)
        self._held = {}
        self._leave_knocks()

    def switch_and_resume(self, but: Collection[str] = ()) -> None:
        if not self._is_staged:
            self.stage()
        for part, name in self._all_names():
            if part not in but:
                self._word(name).write(self._leads[part][1])
                self._held.pop(name, None)
        self._leave_knocks()
        if problems := self._find_unled(but):
            raise NotFollowed(say("gateways.problems", problems=tuple(problems)))
        self._tidy(but)

    def _tidy(self, but: Collection[str]) -> None:
        """Led back to where it was before us, a name keeps nothing of ours."""
        for part, name in self._all_names():
            if part in but or self._leads[part][1] == "new":
                continue
            path = self._places_path(name)
            former = read_file(self._shell, path)
            new = places_file.remove_new(former.decode("utf-8", "surrogateescape"))
            write_file(self._shell, path, former, new.encode("utf-8", "surrogateescape"))

    def _leave_knocks(self) -> None:
        for knock in self._knocks:
            with contextlib.suppress(OSError):
                knock.close()
        self._knocks = []

    def reconnect(self) -> None:
        with contextlib.suppress(OSError):
            self._shell.close()
        self._connect()

    def disconnect(self) -> None:
        self._leave_knocks()
        self._shell.close()


def _way_of(side: str) -> Way:
    return "new" if side == "target" else "old"


def _numbered(place: Place) -> Place:
    """With an address where it has a name: HAProxy asks nobody for one that it is given in a variable."""
    known = sorted(_addresses(place.host))
    return Place(known[0] if known else place.host, place.port)


def _same(one: Place | None, other: Place) -> bool:
    """The same place, under the name or the address that each was given."""
    if one is None or one.port != other.port:
        return False
    return one.host == other.host or bool(_addresses(one.host) & _addresses(other.host))


def _addresses(host: str) -> set[str]:
    with contextlib.suppress(OSError):
        return {str(answer[4][0]) for answer in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)}
    return set()
