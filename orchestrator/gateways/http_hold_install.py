"""Puts a hold for writes into an entry's own HAProxy, and takes it out byte for byte.

Two reloads: the first one brings the option that makes reloads harmless, the Lua and backends that nobody
is led to yet, and may end idle connections (so it is announced); then HAProxy itself is asked whether it
can read the word, and only then the second one lets requests go by it, without a request that notices.
"""

from __future__ import annotations

import re
import shlex
import time
from collections.abc import Sequence
from dataclasses import dataclass

from orchestrator.errors import ToolError, words_of
from orchestrator.gateways import http_hold_files as files
from orchestrator.gateways.haproxy import Runtime
from orchestrator.gateways.haproxy_claims import COPY, Claims
from orchestrator.gateways.haproxy_entry import SUCCESSOR, addresses_of
from orchestrator.gateways.haproxy_files import replace_server
from orchestrator.gateways.haproxy_program import HaproxyFile
from orchestrator.gateways.hold_word import LUA, WordFile
from orchestrator.gateways.holder import NotFollowed, Place
from orchestrator.gateways.shell import Shell, read_file
from orchestrator.models import HttpGateway
from orchestrator.texts import Words, say

RELOAD_SECONDS = 20.0
_PLAIN = re.compile(r"/[A-Za-z0-9_./@+:-]+")
"""A path that HAProxy's configuration takes as it is."""
_LAY_LUA = "printf '%s' {text} > {path}.new && chmod 0644 {path}.new && sync {path}.new && mv -f {path}.new {path}"
_MASTER = """pid={pid}
[ -r /proc/$pid/stat ] || exit 3
master=$(sed 's/.*) . //' /proc/$pid/stat | cut -d ' ' -f 1)
case $(readlink /proc/$master/exe) in */haproxy*) echo $master;; *) exit 4;; esac"""
"""The process that reloads: the worker's parent, if it is a HAProxy. 3: no such process here (a container); 4: no master."""


@dataclass(frozen=True)
class Layout:
    """Where a hold's things are, by the configuration that stands there."""

    lua: str
    word: str
    seen: str
    """The word's file as HAProxy sees it, inside its chroot."""
    places: dict[str, dict[str, tuple[str, int]]]
    """Backend → server → where its successor is."""

    @property
    def backends(self) -> list[str]:
        return list(self.places)


class HoldInstaller:
    """One system's hold at one HAProxy. ``leads``: for each service its place at the source and at the target; before the target
    exists that place may be the source's own. Raises OSError, ToolError for an entry that does not answer."""

    def __init__(
        self, gateway: HttpGateway, channel: Sequence[str], system: str, leads: Sequence[tuple[Place, Place]], claims: Claims | None = None
    ) -> None:
        self._gateway = gateway
        self._claims = claims or Claims()
        self._shell = Shell(list(channel))
        self._runtime = Runtime(gateway, self._shell)
        self._system = system
        self._leads = leads

    @property
    def where(self) -> Words:
        return say("gateways.haproxy_on", host=self._gateway.host)

    def disconnect(self) -> None:
        """Ends its channel."""
        self._shell.close()

    # ------------------------------------------------------------ looking

    def find_inability(self) -> list[Words]:
        """Why this entry cannot hold this system's writes, each reason named. Changes nothing."""
        text = self._read()
        layout = self.find_layout(text)
        found = files.find_inability(text, layout.backends, self._runtime.version()) + self._claims.find_unclear(text, layout.backends)
        if found and (others := self._file().list_others()):  # what stands there may be what this one seems to lack
            found = [say("gateways.hold_split", path=str(self._gateway.config_file), files=tuple(others))]
        found += self._find_strangers(layout)
        for path in (layout.lua, layout.word):
            if not _PLAIN.fullmatch(path):
                found.append(say("gateways.hold_path", path=path))
        try:
            self._find_master()
        except NotFollowed as error:
            found.append(words_of(error))
        return found

    def _read(self) -> str:
        assert self._gateway.config_file is not None  # noqa: S101 - the caller looked
        return read_file(self._shell, self._gateway.config_file).decode(errors="surrogateescape")

    def find_layout(self, text: str | None = None) -> Layout:
        """Of the configuration as it stands there, with or without a hold."""
        text = self._read() if text is None else text
        config = str(self._gateway.config_file)
        folder = config.rpartition("/")[0]
        chroot = _chroot_of(text)
        seen = f"{'' if chroot else folder}/orchestrator-hold/{self._system}"
        return Layout(f"{folder}/orchestrator-hold.lua", chroot + seen, seen, self._find_places(text))

    def _find_places(self, text: str) -> dict[str, dict[str, tuple[str, int]]]:
        places: dict[str, dict[str, tuple[str, int]]] = {}
        others = self._claims.find_others(text)
        servers = [server for server in self._runtime.list_servers() if COPY not in server.backend and server.backend not in others]
        for source, target in self._leads:
            wanted = addresses_of(source.host)
            for server in servers:
                if server.port == source.port and server.address in wanted:
                    places.setdefault(server.backend, {})[server.name] = (target.host, target.port)
        return dict(sorted(places.items()))

    def _find_strangers(self, layout: Layout) -> list[Words]:
        """Servers that share a backend with ours and lead elsewhere: whose writes they take, nobody could tell."""
        written = files.read_servers(self._read())
        return [
            say("gateways.hold_stranger", backend=server.backend, server=server.name)
            for server in self._runtime.list_servers()
            if server.name not in layout.places.get(server.backend, {server.name: None})
            and not {"backup", "disabled"} & set(written.get(server.backend, {}).get(server.name, "").split())
        ]

    # ------------------------------------------------------------ in and out

    def is_installed(self) -> bool:
        """Whether the file has the hold and HAProxy reads its word."""
        text = self._read()
        if not files.has_hold(text, self._system):
            return False
        layout = self.find_layout(text)
        wanted = {files.backend_for(backend, "new", writes=True) for backend in layout.backends}
        return self._reads_word(layout) and wanted <= set(self._runtime.backends())

    def is_begun(self) -> bool:
        """Whether anything of the hold stands in the file."""
        return files.has_hold(self._read(), self._system)

    def _reads_word(self, layout: Layout) -> bool:
        return "word=none" not in (answer := self._runtime.command(f"hold show {layout.seen}")) and answer.startswith("word=")

    def install(self) -> Layout:
        """Again is fine; what stood there from an earlier time is replaced. Raises NotFollowed when HAProxy would not start with it or
        cannot read the word; then everything is as it was."""
        former = self._read()
        layout = self.find_layout(former)
        bare = files.remove(former, self._system)
        word = WordFile(self._shell, layout.word)
        word.create()
        self._shell.run(_LAY_LUA.format(text=shlex.quote(LUA), path=shlex.quote(layout.lua)))
        prepared = files.prepare(bare, self._system, layout.lua, layout.places)
        routed = files.route(prepared, self._system, layout.seen, layout.backends)
        if routed == former and self.is_installed():
            return layout
        # where requests go by the word already, nobody is led by anything else for a moment
        texts = [routed] if files.has_hold(former, self._system) else [prepared, routed]
        current = former
        try:
            for text in texts:
                self._write(current, text)
                current = text
                self._reload()
                self._insist_on_word(layout)
        except (NotFollowed, OSError, ToolError):
            self._put_back(current, former, word)
            raise
        return layout

    def _insist_on_word(self, layout: Layout) -> None:
        if not self._reads_word(layout):
            raise NotFollowed(say("gateways.hold_unread", where=self.where, path=layout.word))

    def _put_back(self, current: str, former: str, word: WordFile) -> None:
        if current != former:
            self._write(current, former)
            self._reload()
        if not files.has_hold(former, self._system):
            word.remove()

    def uninstall(self) -> None:
        """The configuration as if it had never been there, read by HAProxy; then the word and, with the last hold, the Lua. Nothing to
        do is fine."""
        text, former = self._read(), 0
        layout = self.find_layout(text)
        if files.has_hold(text, self._system):
            self._insist_on_old(layout)
            bare = files.remove(text, self._system)
            self._write(text, bare)
            former = self._reload()
            text = bare
        self._remove_word(layout, text, former)

    def settle(self) -> None:
        """For good: the configuration leads to the new side as anybody would have written it, and the hold goes out. Nothing to do is
        fine. Raises NotFollowed while requests do not go there by the word."""
        text, former = self._read(), 0
        layout = self.find_layout(text)
        if files.has_hold(text, self._system):
            answer = self._runtime.command(f"hold show {layout.seen}")
            if not answer.startswith("word=new "):
                raise NotFollowed(say("gateways.hold_in_use", where=self.where, word=answer.split()[0].removeprefix("word=")))
            led = files.remove(text, self._system)
            for backend, servers in layout.places.items():
                for server, (host, port) in servers.items():
                    led = replace_server(led, backend, server, server + SUCCESSOR, host, port)
            self._write(text, led)
            former = self._reload()
        self._remove_word(layout, self._read(), former)

    def _remove_word(self, layout: Layout, text: str, former: int) -> None:
        """The former process still goes by the word for the connections that it has: while it lives, the word stays."""
        if self._has_ended(former):
            WordFile(self._shell, layout.word).remove()
        if layout.lua not in text:
            self._shell.run(f"rm -f {shlex.quote(layout.lua)}")

    def _insist_on_old(self, layout: Layout) -> None:
        """Without the hold requests go where the configuration says, which is the old side."""
        answer = self._runtime.command(f"hold show {layout.seen}")
        if answer.startswith("word=") and not answer.startswith(("word=old ", "word=none ")):
            raise NotFollowed(say("gateways.hold_in_use", where=self.where, word=answer.split()[0].removeprefix("word=")))

    def _write(self, former: str, new: str) -> None:
        self._file().write(former, new)

    def _file(self) -> HaproxyFile:
        return HaproxyFile(self._shell, self._runtime, str(self._gateway.config_file), self.where)

    def _find_master(self) -> int:
        try:
            return int(self._shell.run(f"( {_MASTER.format(pid=self._runtime.worker())} )"))
        except (OSError, ValueError) as error:
            raise NotFollowed(say("gateways.hold_no_reload", where=self.where)) from error

    def _has_ended(self, worker: int) -> bool:
        """Within a few seconds; 0 was none."""
        path = f"/proc/{int(worker)}"
        looks = f"n=0; while [ -d {path} ] && [ $n -lt 50 ]; do sleep 0.1; n=$((n + 1)); done; [ ! -d {path} ] && echo ended || echo lives"
        return worker == 0 or self._shell.run(looks, limit=30).strip() == b"ended"

    def _reload(self) -> int:
        """Returns when a new worker answers; the former one, which is named, goes on with what it has under way."""
        worker = self._runtime.worker()
        self._shell.run(f"kill -USR2 {self._find_master()}")
        until = time.monotonic() + RELOAD_SECONDS
        while time.monotonic() < until:
            try:
                if self._runtime.worker() not in (worker, 0):
                    return worker
            except ToolError:  # between two workers nobody may answer
                pass
            time.sleep(0.05)
        raise NotFollowed(say("gateways.hold_not_reloaded", where=self.where, seconds=RELOAD_SECONDS))


def _chroot_of(text: str) -> str:
    for section in files.read_sections(text):
        for _, words in section.words():
            if section.kind == "global" and words[0] == "chroot" and len(words) > 1:
                return words[1].rstrip("/")
    return ""
