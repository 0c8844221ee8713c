"""HAProxy before HTTP services as a holder (``holder.py``) that cannot hold: requests follow from old to new while both live.

A service is found by where it answers, not by what we would call it: every server of every backend that leads there gets a
successor. The switch itself is made over the runtime API, and nothing is reloaded; it is also written into the configuration,
because servers that were added over the runtime API are gone after a restart.
"""

from __future__ import annotations

import contextlib
import shlex
import socket
import time
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from orchestrator.errors import words_of
from orchestrator.gateways import haproxy_files as files
from orchestrator.gateways.haproxy import Runtime, Server, find_program
from orchestrator.gateways.holder import NotFollowed, Place
from orchestrator.gateways.shell import Shell, read_file, write_file
from orchestrator.models import HttpGateway
from orchestrator.texts import Words, say
from orchestrator.texts.names import side_name

KIND = "haproxy"
HEALTHY_SECONDS = 15.0
SUCCESSOR = "-cloud"
"""What a server's successor is called after it."""


class HaproxyEntry:
    """``leads``: ``{"part", "source": {"host", "port"}, "target": {…}, "to"}``; ``channel``: the argv of a shell on its host,
    where there is one."""

    holds = False

    def __init__(self, *, gateway: Mapping[str, Any], channel: Sequence[str] = (), leads: Sequence[Mapping[str, Any]]) -> None:
        self._gateway = HttpGateway.model_validate(gateway)
        self._channel = list(channel)
        self._leads = {
            lead["part"]: ({side: Place(**lead[side]) for side in ("source", "target")}, str(lead["to"])) for lead in leads
        }
        self._former: str | None = None
        self._is_staged = False
        self._connect()

    def _connect(self) -> None:
        self._shell = Shell(self._channel) if self._channel else None
        self._runtime = Runtime(self._gateway, self._shell)

    @property
    def where(self) -> Words:
        return say("gateways.haproxy_on", host=self._gateway.host)

    def is_there(self) -> None:
        self._runtime.command("show info")

    # ------------------------------------------------------------ what it serves

    def find_servers(self, part: str, side: str) -> list[Server]:
        """Every server that leads to one side of a service."""
        place = self._leads[part][0][side]
        wanted = addresses_of(place.host)
        return [
            server for server in self._runtime.list_servers() if server.port == place.port and server.address in wanted
        ]

    def knows(self, name: str) -> bool:
        return name in self._leads and bool(self.find_servers(name, "source") or self.find_servers(name, "target"))

    def serves(self) -> dict[str, Place]:
        led = {}
        for part in self._leads:
            for side in ("source", "target"):
                for server in self.find_servers(part, side):
                    if self._is_taking(server):
                        led[f"{part} in {server.backend}"] = Place(server.address, server.port)
        return led

    def is_led(self) -> bool:
        """New servers up, old ones without traffic, for every service in every backend."""
        return not self.find_problems()

    def find_problems(self) -> list[Words]:
        """What is not as the leads say, each named."""
        found: list[Words] = []
        for part, (_, to) in self._leads.items():
            wanted, unwanted = self.find_servers(part, to), self.find_servers(part, _turned(to))
            if not wanted:
                found.append(say("gateways.none_for", where=self.where, part=part, side=side_name(to)))
            found += [
                say("gateways.takes_none", where=self.where, backend=one.backend, name=one.name, part=part, side=side_name(to))
                for one in wanted
                if not self._is_taking(one)
            ]
            found += [
                say("gateways.still_takes", where=self.where, backend=one.backend, name=one.name, part=part, side=side_name(_turned(to)))
                for one in unwanted
                if self._is_taking(one)
            ]
        return found

    def is_idle(self) -> bool:
        """Whether the servers that were left have no request under way."""
        left = [server for part, (_, to) in self._leads.items() for server in self.find_servers(part, _turned(to))]
        return all(self._runtime.idle(server.backend, server.name) for server in left)

    def _is_taking(self, server: Server) -> bool:
        return self._runtime.servers(server.backend).get(server.name, "").startswith("UP")

    # ------------------------------------------------------------ before anything is touched

    def obstacles(self) -> list[Words]:
        try:
            backends = files.read_backends(self._read()) if self._gateway.config_file else None
        except OSError as error:
            return [say("gateways.file_says", where=self.where, file=str(self._gateway.config_file), error=words_of(error))]
        found: list[Words] = []
        for part in self._leads:
            servers = self.find_servers(part, "source")
            if not servers and not self.find_servers(part, "target"):
                place = self._leads[part][0]["source"]
                found.append(say("gateways.none_at", where=self.where, host=place.host, port=place.port, part=part))
            for server in servers if backends is not None else []:
                found += self._find_inability(backends or {}, server)
        return found

    def _find_inability(self, backends: Mapping[str, files.Backend], server: Server) -> list[Words]:
        backend = backends.get(server.backend)
        if backend is None or server.name not in backend.servers:
            return [say("gateways.no_line", file=str(self._gateway.config_file), server=server.name, backend=server.backend)]
        if not files.takes_servers_at_run_time(backend):
            return [say("gateways.balances", backend=server.backend, balance=backend.balance)]
        return []

    def find_warnings(self) -> list[Words]:
        """What a person should know although it can be done."""
        if not self._gateway.config_file:
            return [say("gateways.no_file", where=self.where)]
        found: list[Words] = []
        for backend in files.read_backends(self._read()).values():
            if backend.persistence and any(s.backend == backend.name for part in self._leads for s in self.find_servers(part, "source")):
                found.append(say("gateways.persistence", name=backend.name, persistence=backend.persistence[0]))
        return found

    # ------------------------------------------------------------ the configuration

    def _read(self) -> str:
        if self._shell is None or self._gateway.config_file is None:
            raise OSError(say("gateways.nohost"))
        return read_file(self._shell, self._gateway.config_file).decode(errors="surrogateescape")

    def stage(self) -> None:
        """Writes the switch into the configuration, tried by ``haproxy -c`` first. Without one to write there is nothing."""
        self._is_staged = True
        if self._gateway.config_file is None:
            return
        text = self._read()
        new = text
        for part, (places, to) in self._leads.items():
            for server in self._find_old(part, new):
                successor = server.name + SUCCESSOR
                if to == "target":
                    new = files.replace_server(new, server.backend, server.name, successor, places["target"].host, places["target"].port)
                else:
                    new = files.restore_server(new, server.backend, server.name, successor)
        self._write(text, new)
        if self._former is None:
            self._former = text

    def _find_old(self, part: str, text: str) -> list[Server]:
        backends = files.read_backends(text)
        return [server for server in self.find_servers(part, "source") if server.name in backends.get(server.backend, _NOTHING).servers]

    def unstage(self) -> None:
        if self._former is not None:
            self._write(self._read(), self._former)
        self._former, self._is_staged = None, False

    def _write(self, former: str, new: str) -> None:
        path = self._gateway.config_file
        assert self._shell is not None and path is not None  # noqa: S101 - the caller looked
        if former == new:
            return
        before, after = (text.encode(errors="surrogateescape") for text in (former, new))
        write_file(self._shell, path, before, after)
        try:
            self._shell.run(f"{find_program(self._runtime)}; \"$haproxy\" -c -q -f {shlex.quote(path)} 2>&1", limit=20)
        except OSError as error:
            write_file(self._shell, path, after, before)
            raise NotFollowed(say("gateways.would_not_start", where=self.where, path=path, error=words_of(error))) from error

    # ------------------------------------------------------------ the switch

    def learn(self, name: str, place: Place) -> None:
        """Gives every server of a service a successor there, not yet taking requests."""
        for server in self.find_servers(name, "source"):
            self._runtime.add(server.backend, server.name + SUCCESSOR, place.host, place.port, self._options(server))
        if not any(server.port == place.port and server.address in addresses_of(place.host) for server in self._runtime.list_servers()):
            raise NotFollowed(say("gateways.not_added", where=self.where, host=place.host, port=place.port))

    def _options(self, server: Server) -> str:
        """As its neighbour has them in the configuration, where that can be read."""
        if self._gateway.config_file is None:
            return ""
        backend = files.read_backends(self._read()).get(server.backend, _NOTHING)
        options = files.successor_options(backend.servers.get(server.name, "")).strip()
        return options if not options or "check" in options.split() else f"{options} check"

    def unlearn(self, name: str) -> None:
        for server in self.find_servers(name, "target"):
            if server.name.endswith(SUCCESSOR):
                self._runtime.remove(server.backend, server.name)

    def pause(self) -> None:
        """It cannot hold."""

    def resume(self) -> None:
        """Nobody was held."""

    def prove(self) -> None:
        self.is_there()

    def reconnect(self) -> None:
        self._connect()

    def switch_and_resume(self, but: Collection[str] = ()) -> None:
        if not self._is_staged:
            self.stage()
        for part, (places, to) in self._leads.items():
            if part in but:
                continue
            if to == "target":
                self.learn(part, places["target"])
            for server in self.find_servers(part, to):
                self._runtime.ready(server.backend, server.name)
                if not self._runtime.wait_up(server.backend, server.name, limit=HEALTHY_SECONDS):
                    place = {"backend": server.backend, "name": server.name, "part": part, "side": side_name(to)}
                    raise NotFollowed(say("gateways.not_healthy", where=self.where, **place))
        for part, (_, to) in self._leads.items():
            if part not in but:
                self._leave(part, _turned(to))
        until = time.monotonic() + HEALTHY_SECONDS
        while (problems := self.find_problems()) and time.monotonic() < until:
            time.sleep(0.05)
        if problems and not but:
            self._lead_back()
            raise NotFollowed(say("gateways.problems", problems=tuple(problems)))

    def offer(self, part: str) -> None:
        """The side that it leads to may take requests as soon as it answers; nobody waits for that here."""
        for server in self.find_servers(part, self._leads[part][1]):
            self._runtime.ready(server.backend, server.name)

    def _lead_back(self) -> None:
        """Those that were left serve again: a new server that died right after its last good check must leave nobody without one."""
        for part, (_, to) in self._leads.items():
            for server in self.find_servers(part, _turned(to)):
                self._runtime.ready(server.backend, server.name)

    def _leave(self, part: str, side: str) -> None:
        """Those that are left get nothing new; where clients stay with a server (cookies, stick tables) only maintenance does it."""
        text = self._read() if self._gateway.config_file else ""
        backends = files.read_backends(text)
        for server in self.find_servers(part, side):
            if backends.get(server.backend, _NOTHING).persistence:
                self._runtime.maintenance(server.backend, server.name)
            else:
                self._runtime.drain(server.backend, server.name)

    def disconnect(self) -> None:
        if self._shell is not None:
            self._shell.close()


_NOTHING = files.Backend("", "", "", (), {})


def _turned(side: str) -> str:
    return "source" if side == "target" else "target"


def addresses_of(host: str) -> set[str]:
    """A host as it is written, and what its name stands for."""
    found = {host}
    with contextlib.suppress(OSError):
        found |= {str(answer[4][0]) for answer in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)}
    return found

