"""Several systems in one run: nobody waits for ever for one that stopped."""

import threading
from types import SimpleNamespace
from typing import Any

from orchestrator.engine.observer import Silent
from orchestrator.errors import Exit, Refused
from orchestrator.flows.drive import Drive


class City:
    """A session in which ``portal`` is refused and ``register`` depends on it."""

    def __init__(self) -> None:
        self.journal = self
        staying = SimpleNamespace(strategy=SimpleNamespace(moves=False))
        self.verdicts = {"portal": staying, "register": staying}  # the cloud is not asked for servers

    def migrations(self, system: str = "") -> list[Any]:
        del system
        return []

    def open_migration(self, system: str) -> None:
        """None of them has begun."""

    def system(self, ident: str) -> Any:
        return SimpleNamespace(depends_on=("portal",) if ident == "register" else ())

    def start(self, system: str) -> str:
        raise Refused(f"{system} is refused", remedy="mend it")


def test_a_system_whose_dependency_was_refused_is_not_waited_for():
    codes: list[int] = []
    systems = ["portal", "register"]
    run = threading.Thread(
        target=lambda: codes.append(Drive(City(), Silent(), wait=True, direct=True).all(systems, systems)),  # type: ignore[arg-type]
        daemon=True,
    )
    run.start()
    run.join(20)
    assert codes == [Exit.REFUSED]
