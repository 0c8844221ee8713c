"""What the journal holds of a system's servers: runs of Terraform, kept volumes, chosen flavours. One story of events, read forwards."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from orchestrator.cloud.stand import Position, Stand

BEGUN, FINISHED = "cloud_run_begun", "cloud_runs_finished"
KEPT, RELEASED = "volumes_kept", "volumes_released"
REMOVED, FLAVOURS = "cloud_leftover_removed", "flavours_chosen"
TAKING = "cloud_servers_being_taken_away"


class Chain(Protocol):
    """The journal as far as this needs it: facts of one system on its audit chain."""

    def event(self, kind: str, payload: Mapping[str, Any]) -> None:
        """Puts a fact there; committed when it returns."""

    def history(self, kind: str) -> Sequence[Mapping[str, Any]]:
        """The facts of this kind that were put there for this system, by any of its migrations, in order."""

    def stand(self) -> Stand:
        """Where the system stands."""

    def owing(self) -> Sequence[str]:
        """Earlier migrations of the system that ended and still owe taking their servers away."""


@dataclass(frozen=True)
class KeptVolume:
    """A volume that outlived its server, until a person releases it."""

    id: str
    name: str
    handed_over: bool = True
    """False: nothing was ever put on it, and it goes as soon as its server is gone."""


class Book:
    """See the module. ``system``: whose."""

    def __init__(self, chain: Chain, system: str) -> None:
        self._chain = chain
        self.system = system

    def position(self) -> Position:
        """The stand, and the runs that never came to their end."""
        finished = {run for fact in self._chain.history(FINISHED) for run in fact["runs"]}
        return Position(self.system, self._chain.stand(), frozenset(self.runs() - finished))

    def owing(self) -> Sequence[str]:
        """Earlier migrations whose servers are still there."""
        return self._chain.owing()

    def runs(self) -> set[str]:
        """Every run that was ever begun for this system."""
        return {str(fact["run"]) for fact in self._chain.history(BEGUN)}

    def begin_run(self, module: str, place: str = "") -> str:
        """A new run's id, and where on the cloud it works, on the chain before anything is made."""
        run = secrets.token_hex(12)
        self._chain.event(BEGUN, {"run": run, "module": module, "place": place})
        return run

    def place(self) -> str:
        """Where on the cloud the last run worked; empty: none did, or nobody wrote it down."""
        facts = self._chain.history(BEGUN)
        return str(facts[-1].get("place") or "") if facts else ""

    def finish_runs(self, position: Position, run: str) -> None:
        """This run came to its end, and what earlier ones left is part of what stands now: nothing of it is a leftover any more."""
        self._chain.event(FINISHED, {"runs": sorted({*position.unfinished, run})})

    def take_away(self, servers: Iterable[str]) -> None:
        """These servers go now: on the chain before they do, for whoever is killed in it comes back to where nothing is."""
        names = sorted(servers)
        if names:
            self._chain.event(TAKING, {"servers": names, "runs": sorted(self.runs())})

    def being_taken_away(self) -> set[str]:
        """Servers that an earlier try began to take away, as long as no run was begun since."""
        runs = self.runs()
        return {str(name) for fact in self._chain.history(TAKING) if set(fact["runs"]) == runs for name in fact["servers"]}

    def keep(self, volumes: Iterable[KeptVolume]) -> None:
        """These volumes stay when their servers go. On the chain before the state forgets them."""
        rows = [{"id": volume.id, "name": volume.name, "handed_over": volume.handed_over} for volume in volumes]
        if rows:
            self._chain.event(KEPT, {"volumes": rows})

    def kept(self) -> list[KeptVolume]:
        """Volumes that are kept and were not released."""
        released = {ident for fact in self._chain.history(RELEASED) for ident in fact["volumes"]}
        rows = [row for fact in self._chain.history(KEPT) for row in fact["volumes"] if row["id"] not in released]
        return [KeptVolume(str(row["id"]), str(row["name"]), bool(row["handed_over"])) for row in {row["id"]: row for row in rows}.values()]

    def release(self, volume: KeptVolume, why: str) -> None:
        """It is gone, and by whose word."""
        self._chain.event(RELEASED, {"volumes": [volume.id], "name": volume.name, "why": why})

    def removed(self, label: str, ident: str, run: str) -> None:
        """A leftover of ours was taken away."""
        self._chain.event(REMOVED, {"thing": label, "id": ident, "run": run})

    def choose_flavours(self, chosen: Mapping[str, Mapping[str, Any]]) -> None:
        """Which flavour each server gets, and why."""
        if chosen:
            self._chain.event(FLAVOURS, {"servers": {name: dict(choice) for name, choice in chosen.items()}})
