"""What migrations left: listed with sizes, and removed once nobody can want it back. Never the only copy, never before its time.

What stood in the old room (databases, files, machines) is no leftover of ours: people erase it, with a certificate.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator.engine import left_places
from orchestrator.engine.left_places import Kind, Stay, Whose
from orchestrator.errors import NeedsPerson, OrchestratorError, Refused, words_of
from orchestrator.journal.states import Ending, MigrationState, StepState
from orchestrator.models import Database, Host, Strategy
from orchestrator.movers import registry
from orchestrator.movers.contract import Hands, Part, Place
from orchestrator.steps.world import World
from orchestrator.texts import Words, say

if TYPE_CHECKING:
    from orchestrator.engine.session import Session

REMOVED = "left_removed"
REMOVING = "left_removing"
_LIST = 'cd -- "$1" 2>/dev/null || exit 0; for one in * */* services/*/*; do [ ! -e "$one" ] && [ ! -L "$one" ] || printf "%s\\0" "$one"; done'
_SIZES = 'cd -- "$1" && shift && du -sk0 -- "$@"'
"""Constants; folder and names come as their arguments."""


@dataclass(frozen=True)
class Left:
    """One thing. ``kept``: why it is not removed now; empty: it may go."""

    system: str
    what: str
    place: str
    """``here``, a host's name, or ``database NAME (side)``."""
    path: str
    bytes: int
    kept: Words = ""

    def as_json(self) -> dict[str, Any]:
        """As JSON, the reason in the language of this process."""
        return {**self.__dict__, "kept": str(self.kept)}


def digest_of(found: Sequence[Left]) -> str:
    """Of what may go: a removal names the list that a person read."""
    going = sorted(json.dumps(each.as_json(), sort_keys=True) for each in found if not each.kept)
    return hashlib.sha256("\n".join(going).encode()).hexdigest()


class Cleaning:
    """One system's leftovers. Looking changes nothing."""

    def __init__(self, session: Session, system: str, now: dt.datetime | None = None) -> None:
        self._session, self._now = session, now or dt.datetime.now(dt.UTC)
        self._system = session.system(system)
        self._rows = session.journal.migrations(system=self._system.id) if session.has_journal else []
        self._world = World(session.settings, self._system, session.sites)
        self._world.targets = self._targets()

    def __enter__(self) -> Cleaning:
        return self

    def __exit__(self, *_: object) -> None:
        self._world.close()

    def _targets(self) -> dict[str, Host]:
        """Source host → the server that took over, of the last migration."""
        return self._handed_over(self._rows[-1].id, undone=False) if self._rows else {}

    def _handed_over(self, migration: str, *, undone: bool) -> dict[str, Host]:
        steps = [step for step in self._session.journal.steps(migration) if step.step == "provision" and step.facts]
        served: dict[str, Any] = next((step.facts["servers"] for step in steps if undone or step.state == StepState.DONE), {})
        return {name: Host(**values) for name, values in served.items()}

    def _sides(self) -> dict[Host, str]:
        """Every host on which something can be left, and on which side it is. A server that was taken back stands still where nobody
        had made it for us (``sites.yaml`` names it)."""
        hosts = dict.fromkeys(self._system.hosts, "source") | dict.fromkeys(self._world.targets.values(), "target")
        standing = {(server.name, server.address) for site in self._session.sites.sites for server in site.servers}
        former = [host for row in self._rows for host in self._handed_over(row.id, undone=True).values()]
        known = {(host.name, host.address) for host in hosts}
        return hosts | {host: "target" for host in former if (host.name, host.address) in standing - known}

    # ------------------------------------------------------------ what is there

    def find(self) -> list[Left]:
        """Everything, with why each is kept."""
        if not self._rows:
            return []
        return [*self._here(), *self._on_hosts(), *self._in_databases()]

    def _here(self) -> Iterator[Left]:
        folder = self._session.settings.state.resolve() / "systems" / self._system.id
        for path in sorted(folder.iterdir()) if folder.is_dir() else ():
            kind = left_places.kind_here(path.name)
            if kind.stay is Stay.USED or path.is_symlink() or (path.is_dir() and not any(path.iterdir())):
                continue
            kept = say("engine.only_copy") if self._is_only_copy(kind) else self._kept(kind)
            yield self._left(kind.what, "here", str(path), size_of(path), kept)

    def _is_only_copy(self, kind: Kind) -> bool:
        """What a retired system's last state is kept in; its disks were erased."""
        return kind.stay is Stay.LONG and any(row.strategy == Strategy.RETIRE for row in self._rows)

    def _kept(self, kind: Kind) -> Words:
        """Why it may not go now; empty: it may."""
        settings = self._session.settings
        days = {Stay.SHORT: settings.clean_after_days, Stay.LONG: settings.keep_backups_days}
        if kind.stay in days:
            return self._too_early(days[kind.stay])
        return say("engine.prepared_stays", system=self._system.id) if kind.stay is Stay.PREPARED else say("engine.not_known")

    def _on_hosts(self) -> Iterator[Left]:
        for host, side in self._sides().items():
            try:
                yield from self._on_host(host, side)
            except OrchestratorError as error:
                why = say("engine.host_unasked", error=error.says)
                yield self._left("files of ours", host.name, self._world.home(host), 0, why)

    def _on_host(self, host: Host, side: str) -> Iterator[Left]:
        home, connection = self._world.home(host), self._world.ssh(host)
        listed = connection.output(["sh", "-c", _LIST, "list", home], 60).decode("utf-8", "surrogateescape").split("\0")
        kinds = {path: left_places.kind_on_host(path, self._whose(), side) for path in listed if path}
        found = {path: kind for path, kind in kinds.items() if kind is not None and kind.stay is not Stay.USED}
        if not found:
            return
        sized = connection.output(["sh", "-c", _SIZES, "sizes", home, *found], 600).decode("utf-8", "surrogateescape").split("\0")
        for size, _, path in (line.partition("\t") for line in sized if line):
            yield self._left(found[path].what, host.name, f"{home}/{path}", int(size) * 1024, self._kept(found[path]))

    def _whose(self) -> Whose:
        others = [row.id for row in self._session.journal.migrations() if row.system != self._system.id]
        services = [service.name for service in self._system.services]
        return Whose(self._system.id, [row.id for row in self._rows], others, services)

    def _in_databases(self) -> Iterator[Left]:
        early = self._too_early(self._session.settings.clean_after_days)
        for database in registry.movable_databases(self._system):
            for side in ("source", "target") if database.host in self._world.targets else ("source",):
                place = f"database {database.name} ({side})"
                try:
                    things = registry.find_left(self._part(database), side)
                except OrchestratorError as error:
                    yield self._left("ours in the database", place, database.name, 0, say("engine.database_unasked", error=error.says))
                    continue
                for kind, name, size in things:
                    yield self._left(kind, place, name, size, early or (say("engine.live_here") if side == "target" else ""))

    def _part(self, database: Database) -> Part:
        target = self._world.targets.get(database.host)
        return Part(
            kind=registry.DATABASES[database.engine], system=self._system.id, name=database.name,
            source=Place(self._world.source(database.host).address, database.port),
            target=Place(target.address, database.port) if target else None, role=database.role or "",
            admin=database.admin_role or "orchestrator", password=self._world.secret(database.admin_secret),
        )  # fmt: skip

    def _left(self, what: str, place: str, path: str, size: int, kept: Words) -> Left:
        return Left(self._system.id, what, place, path, size, kept)

    def _too_early(self, days: int) -> Words:
        """Why nothing may go yet; empty once the last migration was accepted so many days ago."""
        last = self._rows[-1]
        if last.state != MigrationState.ENDED:
            return say("engine.under_way", migration=last.id)
        if last.ending != Ending.ACCEPTED:
            return say("engine.not_accepted")
        over = dt.datetime.fromisoformat(last.ended) + dt.timedelta(days=days)
        return say("engine.kept_until", day=f"{over:%Y-%m-%d}", days=days) if self._now < over else ""

    # ------------------------------------------------------------ removing

    def remove(self, digest: str) -> list[Left]:
        """Removes what may go, each with its intent and its end on the trail. Raises Refused where the list is not the one that was
        read, NeedsPerson with everything that could not be removed."""
        found = self.find()
        going = [each for each in found if not each.kept]
        if len(digest) < 8 or not digest_of(found).startswith(digest):
            raise Refused(
                say("engine.list_changed", named=digest[:12] or "-", now=digest_of(found)[:12]), where=self._system.id,
                remedy=say("engine.read_list_again", system=self._system.id),
            )  # fmt: skip
        if not going:
            remedy = say("engine.clean_says_why", system=self._system.id)
            raise Refused(say("engine.nothing_may_go"), where=self._system.id, remedy=remedy)
        problems = []
        for each in going:
            self._tell(REMOVING, each)
            try:
                self._remove(each)
            except (OrchestratorError, OSError) as error:
                problems.append(say("engine.not_removed_there", place=each.place, path=each.path, error=words_of(error)))
                continue
            self._tell(REMOVED, each)
        if problems:
            raise NeedsPerson(say("engine.not_removed", problems=tuple(problems)), where=self._system.id, remedy=say("engine.mend_and_again"))
        return going

    def _tell(self, kind: str, each: Left) -> None:
        row = self._rows[-1]
        payload: dict[str, Any] = {"what": each.what, "place": each.place, "path": each.path, "bytes": each.bytes}
        self._session.journal.append_event(kind, actor=str(self._session.actor), system=each.system, migration=row.id, payload=payload)

    def _remove(self, each: Left) -> None:
        if each.place == "here":
            shutil.rmtree(each.path) if Path(each.path).is_dir() else Path(each.path).unlink()
        elif each.place.startswith("database "):
            databases = {f"database {database.name} (source)": database for database in registry.movable_databases(self._system)}
            registry.remove_left(self._part(databases[each.place]), Hands(self._world.folder))
        else:
            hosts = {host.name: host for host in self._sides()}
            self._world.ssh(hosts[each.place]).run(["rm", "-rf", "--", each.path], timeout=3600, check=True)

    # ------------------------------------------------------------ what people erase

    def ask_to_erase(self) -> int:
        """Opens the task whose certificate lets the old room close. Its number. Raises Refused before the time of acceptance is over."""
        early = self._too_early(self._session.settings.clean_after_days) if self._rows else say("engine.never_migrated")
        if early:
            raise Refused(say("engine.not_erased_yet", system=self._system.id, why=early), where=self._system.id, remedy=say("engine.wait_for_it"))
        if self._rows[-1].runbook in ("hosting", "retire"):
            travelled = self._rows[-1].runbook == "hosting"
            says = say("engine.disks_travelled", system=self._system.id) if travelled else say("engine.disks_erased", system=self._system.id)
            raise Refused(says, where=self._system.id, remedy=say("engine.nothing_to_erase"))
        lease = self._session.journal.acquire(self._rows[-1].id, holder=str(self._session.actor))
        try:
            detail = {"machines": [host.name for host in self._system.hosts], "room": self._system.room or "", "certificate": True}
            row = self._session.decisions.open_task(
                lease, "erase_old_disks", "erase_old_disks", zh="抹除原址存储介质并提交证明", en="erase the old disks and hand in the certificate",
                detail=detail,
            )  # fmt: skip
            return int(row.id)
        finally:
            self._session.journal.release(lease)


def size_of(folder: Path) -> int:
    """Bytes of its files, or of a file; links are not followed."""
    if folder.is_file():
        return folder.stat().st_size
    return sum(path.lstat().st_size for path in folder.rglob("*") if path.is_file() and not path.is_symlink())


def systems_with_leftovers(session: Session) -> list[str]:
    """Systems of the inventory that were ever migrated."""
    rows = session.journal.migrations() if session.has_journal else []
    known = {system.id for system in session.inventory.systems} if rows else set()
    return [system for system in dict.fromkeys(row.system for row in rows) if system in known]
