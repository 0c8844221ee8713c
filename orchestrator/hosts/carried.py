"""The files that make a unit what it is on its host: its own file, its drop-ins, its environment files. They come along with it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from orchestrator.errors import ToolError
from orchestrator.hosts.services import CarriedFile
from orchestrator.hosts.systemd import UNITS
from orchestrator.hosts.units import UnitFacts, read_unit
from orchestrator.texts import say
from orchestrator.tools.ssh import SshConnection

LIMIT = 1_000_000


@dataclass(frozen=True)
class Carriage:
    """A unit and what it triggers, as they are on their host."""

    units: tuple[UnitFacts, ...]
    files: tuple[CarriedFile, ...]

    @property
    def accounts(self) -> set[str]:
        """Accounts that its services run as."""
        return {unit.user for unit in self.units if unit.user}

    @property
    def enabled(self) -> bool:
        """Whether the unit itself starts at boot."""
        return self.units[0].enabled == "enabled"

    @property
    def packaged(self) -> tuple[str, ...]:
        """Unit files that a package brought: the package must be on the target."""
        return tuple(unit.fragment for unit in self.units if unit.fragment and not _is_local(unit.fragment))


def read_carriage(connection: SshConnection, unit: str, *, inside: Sequence[str] = ()) -> Carriage:
    """What must come along with a unit. ``inside``: trees that are copied anyway. Raises ToolError when the host has no such unit."""
    first = read_unit(connection, unit)
    if not first.present:
        raise ToolError(say("hosts.no_unit", unit=unit), where=connection.name, remedy=say("hosts.correct_unit"))
    units = (first, *(read_unit(connection, name) for name in first.triggers))
    paths = dict.fromkeys(path for one in units for path in _paths(one) if not _within(path, inside))
    return Carriage(units, tuple(read_file(connection, path) for path in paths if _exists(connection, path)))


def _paths(unit: UnitFacts) -> Iterator[str]:
    if _is_local(unit.fragment):
        yield unit.fragment
    yield from (path for path in unit.dropins if _is_local(path) and "/50-orchestrator" not in path and "/90-orchestrator" not in path)
    yield from unit.environment_files


def _is_local(path: str) -> bool:
    return path.startswith(f"{UNITS}/")


def _within(path: str, trees: Sequence[str]) -> bool:
    return any(path == tree or path.startswith(f"{tree.rstrip('/')}/") for tree in trees)


def _exists(connection: SshConnection, path: str) -> bool:
    return connection.run(["test", "-f", path], timeout=20).code == 0


def read_file(connection: SshConnection, path: str) -> CarriedFile:
    """A file with its mode and its owners by name; a link is followed (a template's instance, an alternative). Raises ToolError."""
    seen = connection.run(["stat", "-L", "-c", "%a %U %G", "--", path], timeout=20, check=True).stdout.split()
    return CarriedFile(path, connection.read_file(path, limit=LIMIT), int(seen[0], 8), seen[1], seen[2])
