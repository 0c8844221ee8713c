"""HAProxy before HTTP services as a holder (``holder.py``) that cannot hold: requests follow from old to new while both live.

A service is found by where it answers, not by what we would call it: every server of every backend that leads there gets a
successor. The switch itself is made over the runtime API, and nothing is reloaded; it is also written into the configuration,
because servers that were added over the runtime API are gone after a restart.
"""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from orchestrator.errors import ToolError, words_of
from orchestrator.gateways import haproxy_files as files
from orchestrator.gateways.haproxy import Runtime, Server, is_taking
from orchestrator.gateways.haproxy_claims import COPY, Claims
from orchestrator.gateways.haproxy_program import HaproxyFile
from orchestrator.gateways.holder import NotFollowed, Place
from orchestrator.gateways.shell import Shell, read_file, write_file
from orchestrator.models import HttpGateway
from orchestrator.texts import Words, say
from orchestrator.texts.names import side_name

KIND = "haproxy"
HEALTHY_SECONDS = 15.0
SUCCESSOR = "-cloud"
"""What a server's successor is called after it."""
PROOF = "orchestrator-proof"
"""A server that is there for a moment, to see whether HAProxy takes one."""


class HaproxyEntry:
    """``leads``: ``{"part", "source": {"host", "port"}, "target": {…}, "to"}``; ``channel``: the argv of a shell on its host,
    where there is one; ``claims``: whose a backend is, as ``Claims`` has it."""

    holds = False

    def __init__(
        self, *, gateway: Mapping[str, Any], channel: Sequence[str] = (), leads: Sequence[Mapping[str, Any]], claims: Mapping[str, Any] | None = None
    ) -> None:
        self._gateway = HttpGateway.model_validate(gateway)
        self._claims = Claims.of(claims)
        self._others: frozenset[str] | None = None
        self._channel = list(channel)
        self._leads = {
            lead["part"]: ({side: Place(**lead[side]) for side in ("source", "target")}, str(lead["to"])) for lead in leads
        }
        self._former: str | None = None
        self._is_staged = False
        self._switched_off: set[tuple[str, str]] | None = None
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
        """Every server that leads to one side of a service, but those that somebody has switched off."""
        place = self._leads[part][0][side]
        wanted = addresses_of(place.host)
        return [
            server
            for server in self._runtime.list_servers()
            if server.port == place.port and server.address in wanted and (server.backend, server.name) not in self._find_switched_off()
            and server.backend.partition(COPY)[0] not in self._find_others()
        ]

    def _find_others(self) -> frozenset[str]:
        """Backends of other systems that lead to the same place. Looked for once."""
        if self._others is None:
            self._others = self._claims.find_others(self._read()) if self._gateway.config_file else frozenset()
        return self._others

    def _find_switched_off(self) -> set[tuple[str, str]]:
        """Servers that somebody wrote down as disabled: nobody's requests go there, and they stay as they are. Looked for once."""
        if self._switched_off is None:
            backends = files.read_backends(self._read()) if self._gateway.config_file else {}
            self._switched_off = {(backend.name, server) for backend in backends.values() for server in backend.switched_off}
        return self._switched_off

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
        return is_taking(self._runtime.servers(server.backend).get(server.name, ""))

    # ------------------------------------------------------------ before anything is touched

    def obstacles(self) -> list[Words]:
        try:
            backends = files.read_backends(self._read()) if self._gateway.config_file else None
            problem = self._file().find_problem() if backends is not None else None
        except OSError as error:
            return [say("gateways.file_says", where=self.where, file=str(self._gateway.config_file), error=words_of(error))]
        found: list[Words] = [problem] if problem else []
        if self._gateway.config_file:
            candidates = {server.backend for part in self._leads for server in self.find_servers(part, "source")}
            found += self._claims.find_unclear(self._read(), candidates)
        for part, (places, _) in self._leads.items():
            servers = self.find_servers(part, "source")
            if not servers and not self.find_servers(part, "target"):
                place = places["source"]
                found.append(say("gateways.none_at", where=self.where, host=place.host, port=place.port, part=part))
            for server in servers:
                inability = self._find_inability(backends, server) if backends is not None else []
                found += inability or self._find_taken(server, places["target"]) or self._find_refusal(server)
        return found

    def _find_inability(self, backends: Mapping[str, files.Backend], server: Server) -> list[Words]:
        backend = backends.get(server.backend)
        if backend is None or server.name not in backend.servers:
            return [say("gateways.no_line", file=str(self._gateway.config_file), server=server.name, backend=server.backend)]
        if server.name in backend.repeated:
            return [say("gateways.line_repeated", file=str(self._gateway.config_file), server=server.name, backend=server.backend)]
        if not files.takes_servers_at_run_time(backend):
            return [say("gateways.balances", backend=server.backend, balance=backend.balance)]
        return []

    def _find_taken(self, server: Server, target: Place) -> list[Words]:
        """Somebody else's server that has the name of a successor."""
        named = (server.backend, server.name + SUCCESSOR)
        for other in self._runtime.list_servers():
            is_ours = target.host and other.port == target.port and other.address in addresses_of(target.host)
            if (other.backend, other.name) == named and not is_ours:
                return [
                    say("gateways.name_taken", where=self.where, backend=other.backend, name=other.name, host=other.address, port=other.port)
                ]
        return []

    def _find_refusal(self, server: Server) -> list[Words]:
        """Why HAProxy would not take a successor with these options, tried with one that takes no requests and is gone at once."""
        try:
            self._runtime.remove(server.backend, PROOF)
            self._runtime.add(server.backend, PROOF, server.address, server.port, self._options(server), checked=False)
            self._runtime.remove(server.backend, PROOF)
        except (OSError, ToolError) as error:
            return [say("gateways.takes_no_server", where=self.where, backend=server.backend, error=words_of(error))]
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
        self._file().write(former, new)

    def _file(self) -> HaproxyFile:
        assert self._shell is not None and self._gateway.config_file is not None  # noqa: S101 - the caller looked
        return HaproxyFile(self._shell, self._runtime, self._gateway.config_file, self.where)

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
        return files.run_time_options(files.read_backends(self._read()).get(server.backend, _NOTHING), server.name)

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
        self._keep_states()

    def _keep_states(self) -> None:
        """Where HAProxy takes its servers' states from a file when it starts, they are those of now: what an earlier reload wrote there
        would leave out who serves again. As far as that is to be had: what is served is right already."""
        if self._gateway.config_file is None or self._shell is None:
            return
        with contextlib.suppress(OSError, ToolError):
            if path := files.find_state_file(self._read()):
                states = self._runtime.command("show servers state") + "\n"
                write_file(self._shell, path, read_file(self._shell, path), states.encode())

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

