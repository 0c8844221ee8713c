"""What migrations left: listed with sizes, and removed once nobody can want it back. Never the only copy, never before its time.

What stood in the old room (databases, files, machines) is no leftover of ours: people erase it, with a certificate.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import re
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator.errors import NeedsPerson, OrchestratorError, Refused, words_of
from orchestrator.journal.states import Ending, MigrationState
from orchestrator.models import Database, Host, Strategy
from orchestrator.movers import registry
from orchestrator.movers.contract import Hands, Part, Place
from orchestrator.steps.world import World
from orchestrator.texts import Words, say

if TYPE_CHECKING:
    from orchestrator.engine.session import Session

REMOVED = "left_removed"
REMOVING = "left_removing"
FOLDERS = {"relay": "what files were carried through", "ansible": "records of playbooks", "dumps": "dumps", "backup": "the backup before the switch",
           "cold": "the cold backup"}  # fmt: skip
"""Below a system's folder of the controller."""
KEPT_LONGER = ("backup", "cold")
_OURS = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,199}")
_SIZES = 'cd -- "$1" 2>/dev/null || exit 0; for one in *; do [ -d "$one" ] && [ ! -L "$one" ] && du -sk -- "$one"; done; :'
"""A constant; the folder comes as its argument."""


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
        steps = [step for row in self._rows[-1:] for step in self._session.journal.steps(row.id)]
        served: dict[str, Any] = next((step.facts["servers"] for step in steps if step.step == "provision" and step.facts and step.state == "done"), {})
        return {name: Host(**values) for name, values in served.items()}

    # ------------------------------------------------------------ what is there

    def find(self) -> list[Left]:
        """Everything, with why each is kept."""
        if not self._rows:
            return []
        return [*self._here(), *self._on_hosts(), *self._in_databases()]

    def _here(self) -> Iterator[Left]:
        folder = self._session.settings.state.resolve() / "systems" / self._system.id
        for name, what in FOLDERS.items():
            path = folder / name
            if path.is_dir() and not path.is_symlink():
                days = self._session.settings.keep_backups_days if name in KEPT_LONGER else self._session.settings.clean_after_days
                kept = say("engine.only_copy") if self._is_only_copy(name) else self._too_early(days)
                yield self._left(what, "here", str(path), size_of(path), kept)

    def _is_only_copy(self, name: str) -> bool:
        """What a retired system's last state is kept in; its disks were erased."""
        return name in KEPT_LONGER and any(row.strategy == Strategy.RETIRE for row in self._rows)

    def _on_hosts(self) -> Iterator[Left]:
        hosts = {host.name: host for host in (*self._system.hosts, *self._world.targets.values())}
        kept = self._too_early(self._session.settings.clean_after_days)
        for host in hosts.values():
            folder = self._world.home(host, "quarantine")
            try:
                answer = self._world.ssh(host).run(["sh", "-c", _SIZES, "sizes", folder], timeout=600)
            except OrchestratorError as error:
                yield self._left("quarantined files", host.name, folder, 0, say("engine.host_unasked", error=error.says))
                continue
            for line in answer.stdout.splitlines():
                size, _, name = line.partition("\t")
                if size.isdigit() and self._is_ours(name):
                    yield self._left("quarantined files", host.name, f"{folder}/{name}", int(size) * 1024, kept)

    def _is_ours(self, name: str) -> bool:
        return bool(_OURS.fullmatch(name)) and any(name == row.id or name.startswith(f"{row.id}-") for row in self._rows)

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
            shutil.rmtree(each.path)
        elif each.place.startswith("database "):
            databases = {f"database {database.name} (source)": database for database in registry.movable_databases(self._system)}
            registry.remove_left(self._part(databases[each.place]), Hands(self._world.folder))
        else:
            hosts = {host.name: host for host in (*self._system.hosts, *self._world.targets.values())}
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
    """Bytes of its files; links are not followed."""
    return sum(path.lstat().st_size for path in folder.rglob("*") if path.is_file() and not path.is_symlink())


def systems_with_leftovers(session: Session) -> list[str]:
    """Systems of the inventory that were ever migrated."""
    rows = session.journal.migrations() if session.has_journal else []
    known = {system.id for system in session.inventory.systems} if rows else set()
    return [system for system in dict.fromkeys(row.system for row in rows) if system in known]
