"""How many systems copy data at the same time: Prefect's global limits, over every controller (``[limits]`` in the settings).

A limit spares a line, a department, a room, a database server; it protects no data. Where Prefect is away nothing is
limited, and that is said.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

from orchestrator import texts
from orchestrator.engine.session import Session
from orchestrator.errors import TurnedBack
from orchestrator.models import System
from orchestrator.settings import Limits

LEASE_SECONDS = 60
"""A slot whose holder was killed is free again after this."""
LOOK_SECONDS = 5.0
"""How often a run that waits for a slot looks whether a person wants to turn back."""


def limit_names(session: Session) -> dict[str, int]:
    """Every limit that the settings ask for, by its name in Prefect."""
    found: dict[str, int] = {}
    for system in session.inventory.systems:
        found |= limits_of(session.settings.limits, system)
    return found


def limits_of(limits: Limits, system: System) -> dict[str, int]:
    """The limits that one system's copying falls under."""
    found: dict[str, int] = {}
    if limits.bandwidth is not None:
        found["bandwidth"] = limits.bandwidth
    if limits.department is not None:
        found[f"department-{system.department}"] = limits.department
    if limits.room is not None and system.room:
        found[f"room-{system.room}"] = limits.room
    if limits.database_server is not None:
        found |= {f"database-server-{database.host}": limits.database_server for database in system.databases}
    return found


@contextlib.contextmanager
def held(limits: Limits, system: System, say: Callable[[str], None], turns_back: Callable[[], bool]) -> Iterator[None]:
    """Holds a slot of each limit while something is copied. Raises TurnedBack when a person wants to go back while it waits."""
    names = sorted(limits_of(limits, system))
    if not names:
        yield
        return
    from prefect.concurrency.sync import concurrency

    with contextlib.ExitStack() as stack:
        while True:
            try:
                stack.enter_context(concurrency(names, occupy=1, timeout_seconds=LOOK_SECONDS, lease_duration=LEASE_SECONDS))
                break
            except TimeoutError:
                say(str(texts.say("flows.waits_for_slot", system=system.id, names=tuple(names))))
                if turns_back():
                    raise TurnedBack(where=system.id) from None
            except Exception as error:  # noqa: BLE001 - Prefect is away
                say(texts.text("flows.no_limits", error=type(error).__name__, system=system.id))
                break
        yield
