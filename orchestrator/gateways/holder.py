"""The contract of a holder: a gateway that makes clients wait, and lets them go on somewhere else."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Protocol

from orchestrator.texts import Words


@dataclass(frozen=True)
class Place:
    """Where a name leads. ``host`` as the gateway has it: an address or a name."""

    host: str
    port: int


class NotFollowed(Exception):
    """A gateway said yes and serves something else."""


class Holder(Protocol):
    """One gateway, with every channel that the switch needs open from the beginning.

    The names that it switches and where they will lead are given when it is made. An implementation
    *must*

    - keep what others have in the same configuration: entries, options, order, comments, owner, mode;
    - write what will be served into the gateway's own configuration (``stage``) before anybody is
      paused, so that ``switch_and_resume`` needs consoles only and the switch outlives a restart;
    - read success from what the gateway serves, never from its answer to a command;
    - treat every further name that leads to the same place like the one it was given;
    - allow every act to be repeated.

    It *may* be unable to hold (``holds`` is False): then ``pause`` does nothing and the guard refuses
    it inside a fence.

    Example: what the guard does with it::

        assert holder.obstacles() == []
        holder.stage()
        holder.pause()
        holder.prove()                # the last moment at which giving up costs nothing
        holder.switch_and_resume()    # or: holder.unstage(); holder.resume()
    """

    @property
    def where(self) -> Words:
        """For people: what and where, such as ``PgBouncer on 10.1.2.3:6432``."""

    @property
    def holds(self) -> bool:
        """Whether ``pause`` makes clients wait."""

    def is_there(self) -> None:
        """Every channel answers; raises otherwise."""

    def obstacles(self) -> list[Words]:
        """What forbids beginning, each named so that a person can act. Changes nothing."""

    def knows(self, name: str) -> bool:
        """Whether the gateway serves this name now."""

    def serves(self) -> dict[str, Place]:
        """Where each of the names leads now, by the gateway itself."""

    def is_led(self) -> bool:
        """Whether every name leads where it shall."""

    def learn(self, name: str, place: Place) -> None:
        """Serves a name that it did not know. One that is known already and leads elsewhere is refused."""

    def unlearn(self, name: str) -> None:
        """Undoes ``learn``; an entry that is not ours stays."""

    def stage(self) -> None:
        """Writes the new places into the configuration; nothing is served differently yet. Proves that
        the gateway reads that configuration. Raises NotFollowed when it does not."""

    def unstage(self) -> None:
        """Writes back what stood there; nothing staged is fine."""

    def pause(self) -> None:
        """Holds new requests; returns when those under way have ended."""

    def prove(self) -> None:
        """Every channel that ``switch_and_resume`` needs answers now, and clients are held. Raises."""

    def resume(self) -> None:
        """Lets the clients go on where they were; not paused is fine."""

    def switch_and_resume(self, but: Collection[str] = ()) -> None:
        """Serves what was staged (or stages it now) and lets the clients go on there, but those of the parts that are
        not open yet. Raises NotFollowed while it serves something else; then nobody is let go on."""

    def reconnect(self) -> None:
        """New channels for those that broke or hang; what was staged stays known."""

    def disconnect(self) -> None:
        """Ends the channels."""


class DatabaseHolder(Holder, Protocol):
    """One before databases, as the steps use it outside a fence."""

    def handles(self, name: str) -> bool:
        """Whether it was made for this part."""

    def find_problems(self) -> list[Words]:
        """What can be seen of its obstacles without writing anything."""

    def find_unready(self) -> list[Words]:
        """What keeps it from learning its parts. Reads only."""

    def learn_user(self, role: str, verifier: str) -> None:
        """Knows an account by this verifier, where it logs accounts in itself."""

    def list_askers(self, name: str) -> list[str]:
        """Accounts as which it asks a part's database for the verifiers of others."""
