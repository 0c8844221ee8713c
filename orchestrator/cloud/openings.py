"""What can be reached on a system's servers, tried from where we are and held against the rules that were made (R14).

A security group that is not enforced looks the same in the cloud's API as one that is: only a knock shows it.
"""

from __future__ import annotations

import errno
import ipaddress
import socket
import time
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from orchestrator.errors import Finding
from orchestrator.texts import say
from orchestrator.tools.terraform import Server

KNOCK_SECONDS = 3.0
AT_ONCE = 16
NOBODYS_PORTS = (23, 111, 3389)
"""Tried beside the ports that rules name: nobody asks for them, and who finds one open found a group that lets everything in."""


def read_opening(values: Mapping[str, Any]) -> Opening | None:
    """A rule of the state as an opening for TCP from a range; None for one that is none (outwards, among its own servers)."""
    source = values.get("remote_ip_prefix")
    if values.get("direction") != "ingress" or values.get("protocol") not in ("tcp", "", None) or not source:
        return None
    first = int(values.get("port_range_min") or 1)
    return Opening(first, int(values.get("port_range_max") or 65535), str(source))


class Answer(StrEnum):
    """What a knock met. Refused is an answer of the server itself: its packets pass, and nothing listens."""

    OPEN = "open"
    REFUSED = "refused"
    SILENT = "silent"


@dataclass(frozen=True)
class Opening:
    """Ports from ``first`` to ``last`` for whoever comes from ``source``, as one rule has it."""

    first: int
    last: int
    source: str

    def lets_in(self, address: str, port: int) -> bool:
        """Whether a packet from this address to this port passes by this rule."""
        here, network = ipaddress.ip_address(address), ipaddress.ip_network(self.source, strict=False)
        return self.first <= port <= self.last and here.version == network.version and here in network


@dataclass(frozen=True)
class Knock:
    """One port of one server, tried from ``sender``."""

    server: str
    address: str
    port: int
    sender: str
    answer: Answer


def knock(server: Server, port: int, seconds: float = KNOCK_SECONDS) -> Knock:
    """Tries to open a connection, and closes it again."""
    family = socket.AF_INET6 if ":" in server.address else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as connection:
        connection.settimeout(seconds)
        try:
            connection.connect((server.address, port))
            answer = Answer.OPEN
        except ConnectionRefusedError:
            answer = Answer.REFUSED
        except OSError as error:
            answer = Answer.REFUSED if error.errno == errno.ECONNRESET else Answer.SILENT
        sender = sender_to(server.address)
    return Knock(server.name, server.address, port, sender, answer)


def sender_to(address: str) -> str:
    """The address of ours that packets to there bear; nothing is sent. Empty where there is no way."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as connection:
        try:
            connection.connect((address, 9))
        except OSError:
            return ""
        return str(connection.getsockname()[0])


def observe_openings(servers: Iterable[Server], openings: Sequence[Opening]) -> list[Knock]:
    """Every port that a rule names, and some that nobody asked for, on every server. Seconds at most, however many there are."""
    ports = sorted({opening.first for opening in openings} | {*NOBODYS_PORTS})
    tried = [(server, port) for server in servers for port in ports]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(lambda pair: knock(*pair), tried))


def judge_openings(knocks: Iterable[Knock], openings: Sequence[Opening], system: str) -> list[Finding]:
    """What should be open from here and is not, and what is and should not be. Pure."""
    findings = []
    for tried in knocks:
        allowed = bool(tried.sender) and any(opening.lets_in(tried.sender, tried.port) for opening in openings)
        place = say("cloud.port_of", port=tried.port, server=tried.server, address=tried.address, sender=tried.sender or say("cloud.here"))
        if allowed and tried.answer is Answer.SILENT:
            said, remedy = say("cloud.opening_closed", place=place), say("cloud.look_at_server")
            findings.append(Finding("opening-closed", "error", said, remedy, system=system))
        elif not allowed and tried.answer is not Answer.SILENT:
            answer = say("cloud.open") if tried.answer is Answer.OPEN else say("cloud.reached")
            said = say("cloud.opening_open", place=place, answer=answer)
            remedy = say("cloud.see_enforced")
            findings.append(Finding("opening-open", "error", said, remedy, system=system))
    return findings


def wait_for_port(server: Server, port: int, seconds: float) -> bool:
    """Until something listens there: a server that is up boots for a while. False when nothing did in time."""
    deadline = time.monotonic() + seconds
    while knock(server, port).answer is not Answer.OPEN:
        if time.monotonic() > deadline:
            return False
        time.sleep(1.0)
    return True
