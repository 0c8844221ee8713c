"""Where a system stands on the cloud, told by the journal: what its servers may hold decides what a plan may do to them."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from orchestrator.texts import say


class Stand(StrEnum):
    """In rising order of what would be lost."""

    NOTHING = "nothing_there"
    """No server of this system was handed over yet, or what was handed over has been taken back."""
    HANDED_OVER = "handed_over"
    """Its servers were given to the steps that copy data to them."""
    LIVE = "live"
    """Citizens' writes go there."""
    ACCEPTED = "accepted"
    """There is no other copy that is kept current."""


STAND_WORDS = {
    Stand.NOTHING: say("cloud.stand_nothing"),
    Stand.HANDED_OVER: say("cloud.stand_handed_over"),
    Stand.LIVE: say("cloud.stand_live"),
    Stand.ACCEPTED: say("cloud.stand_accepted"),
}


class MigrationRow(Protocol):
    """What is read of a migration: ``live`` is ``source`` or ``target``, ``ending`` is empty while it is open."""

    @property
    def id(self) -> str: ...
    @property
    def live(self) -> str: ...
    @property
    def ending(self) -> str | None: ...


class StepRow(Protocol):
    """What is read of a step."""

    @property
    def migration(self) -> str: ...
    @property
    def step(self) -> str: ...
    @property
    def state(self) -> str: ...
    @property
    def facts(self) -> object: ...


def find_stand(migrations: Iterable[MigrationRow], steps: Iterable[StepRow], owed: Collection[str] = ()) -> Stand:
    """The highest stand that any migration of the system gives it. ``steps``: their rows of the step that makes servers;
    ``owed``: migrations that still owe taking their servers away.

    A step counts as handed over from the moment it was DONE (it left facts) until it is UNDONE: while it is being undone, or
    that failed, its servers may still hold something.
    """
    stand = Stand.NOTHING
    handed_over = {row.migration for row in steps if row.facts and (row.state != "undone" or row.migration in owed)}
    for migration in migrations:
        if migration.ending == "accepted":
            return Stand.ACCEPTED
        if migration.live == "target":
            stand = Stand.LIVE
        elif migration.id in handed_over and stand is Stand.NOTHING:
            stand = Stand.HANDED_OVER
    return stand


@dataclass(frozen=True)
class Position:
    """A system's stand, and the runs of Terraform that never came to their end: what they left may be taken away again."""

    system: str
    stand: Stand
    unfinished: frozenset[str] = frozenset()
