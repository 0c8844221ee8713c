"""Databases, services and files whose sheet says how one connects to their machine (``10.1.2.3:5432``, a JDBC URL) and not what it is called: the host
is found by its address, among the system's own first. Addresses that no host has are one question for a sheet: they are made hosts, or wait."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from orchestrator.inventory.answerbook import Answers
from orchestrator.inventory.names import host_name
from orchestrator.inventory.questions import Asked, Key, digest
from orchestrator.inventory.reading import Interpretation, Raw
from orchestrator.texts import say

REGISTER = "登记为该系统的主机"
LATER = "待补主机表"


class HostsNamed:
    """One reading's. ``settle`` each such row of a technical sheet once all hosts are with their systems."""

    def __init__(self, hosts: Iterable[Mapping[str, Any]], answers: Answers, asked: Asked, interpretations: list[Interpretation]) -> None:
        self._answers, self._asked, self._interpretations = answers, asked, interpretations
        self._names: dict[str, set[str]] = {}
        """Address → what hosts there are called."""
        for host in hosts:
            self._names.setdefault(str(host.get("address")), set()).add(str(host.get("name")))

    def settle(self, raw: Raw, part: Raw) -> bool:
        """Its host by name, and its port where only this text says it. False: the row waits for an answer."""
        from orchestrator.inventory.endpoints import servers_said  # here: an inventory in YAML says no such thing

        said = servers_said(str(part.values.get("host") or ""))
        if not said:
            return True
        own = {str(host.get(of)): str(host.get("name")) for host in hosts_of(raw) for of in ("address", "name")}
        for address, port in said:
            elsewhere = self._names.get(address, set())
            name = own.get(address) or own.get(host_name(address)) or own.get(host_name(address.partition(".")[0]))
            if name is None and len(elsewhere) == 1:
                name = next(iter(elsewhere))
            if name is None and not address[0].isdigit():
                name = host_name(address)  # a name, which no list needs to know
            if name is not None:
                return self._take(part, name, address, port)
        return self._register(raw, part, *said[0])

    def _take(self, part: Raw, name: str, address: str, port: int | None) -> bool:
        part.values["host"] = name
        if port is not None:
            part.values.setdefault("port", port)
        also = [str(part.values[field]) for field in ("engine", "name") if part.cells.get(field) == part.at("host")]  # as its URL says
        self._interpretations.append(Interpretation(part.file, part.sheet, part.at("host"), address, "、".join([name, *also])))
        return True

    def _register(self, raw: Raw, part: Raw, address: str, port: int | None) -> bool:
        scope = digest(part.file, part.sheet)
        answer = self._answers.get("hosts", "host", scope=scope)
        if answer is not None and answer.answer == REGISTER:
            host = {"name": host_name(address), "address": address}
            raw.values.setdefault("hosts", []).append(host)
            raw.parts.append(("hosts", len(raw.values["hosts"]) - 1, Raw(part.file, part.sheet, part.cell, host)))
            return self._take(part, host["name"], address, port)
        if answer is None:
            self._asked.ask(
                Key("hosts", "host", scope=scope), say("inventory.asks_hosts", sheet=part.place("").rpartition(" › ")[0]), place=part.place("host"),
                proposed=REGISTER, evidence=say("inventory.by_addresses"), choices=(REGISTER, LATER),
            )  # fmt: skip
        return False


def hosts_of(raw: Raw) -> list[Mapping[str, Any]]:
    hosts = raw.values.get("hosts")
    return [host for host in hosts if isinstance(host, dict)] if isinstance(hosts, list) else []
