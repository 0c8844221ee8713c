"""Names that nobody bears, over everything that is written down: systems, ``sites.yaml``, ``program.yaml``, the configuration; each at its place.

What a name may mean is said by ``steps.names`` and ``planning.build``; here they are asked about everything, and placed.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.errors import Finding
from orchestrator.inventory.check import MOVABLE, reached
from orchestrator.inventory.schema import nearest, place_of, read_document
from orchestrator.steps.names import (
    find_between,
    find_in_sites,
    find_missing_servers,
    find_unheld,
    find_unplaced,
    find_within,
    uses_what_stands,
)
from orchestrator.texts import say

if TYPE_CHECKING:
    from orchestrator.inventory.reading import Reading
    from orchestrator.models import Sites, System, SystemId, Verdict
    from orchestrator.planning.programme import Programme
    from orchestrator.settings import Settings


Assess = Callable[[Collection["SystemId"]], Mapping["SystemId", "Verdict"]]
"""What policy says of these systems."""


def has_all_sheets(system: System) -> bool:
    """Whether its technical sheets are filled in."""
    return reached(system)[0] == MOVABLE


def find_in_systems(
    reading: Reading, assess: Assess, sites: Sites | None, settings: Settings, is_movable: Callable[[System], bool]
) -> Iterator[Finding]:
    """What systems say of themselves and of ``sites``; None: there is none, or it cannot be read. A server that nobody named is missed once
    the system could move. Only where the strategy decides whether something is missed is it asked for: that takes the policy."""
    standing = sites is not None and uses_what_stands(settings.terraform)
    verdicts = assess([system.id for system in reading.inventory.systems if sites and _depends_on_strategy(system, sites, standing=standing)])
    for system in reading.inventory.systems:
        places = reading.places[system.id]
        found = list(find_within(system, places.called("hosts"), places.called("databases")))
        if sites is not None:
            verdict = verdicts.get(system.id)
            found += find_between(system, verdict, sites)
            missing = list(find_missing_servers(system, verdict, sites)) if standing and verdict is not None else []
            found += [loose for loose in missing if loose.at[-1] == "target" or is_movable(system)]
        for loose in found:
            file, sheet, cell = places.locate(*loose.at)
            yield Finding(loose.code, loose.severity, loose.says, loose.mend, file, sheet, cell, system.id)


def _depends_on_strategy(system: System, sites: Sites, *, standing: bool) -> bool:
    """Whether a gateway or a server would be missed if it went onto servers."""
    return any(find_unheld(system, sites)) or (standing and any(find_unplaced(system, sites)))


def find_in_documents(folder: Path, reading: Reading, sites: Sites | None, programme: Programme | None) -> Iterator[Finding]:
    """What ``sites.yaml`` and ``program.yaml`` say of themselves and of the inventory."""
    if sites is not None and (found := list(find_in_sites(sites, reading.inventory))):
        document = read_document(folder / "sites.yaml")
        for loose in found:
            yield Finding(loose.code, loose.severity, loose.says, loose.mend, "sites.yaml", cell=str(place_of(document, loose.at)))
    if programme is not None:
        from orchestrator.planning.build import find_strangers

        if strangers := find_strangers(programme, reading.inventory):
            document = read_document(folder / "program.yaml")
            yield from (replace(finding, file="program.yaml", cell=str(place_of(document, path))) for path, finding in strangers)


def find_in_settings(settings: Settings) -> Iterator[Finding]:
    """A Terraform module that is not there."""
    module = settings.terraform
    if not module.is_dir():
        known = sorted(folder.name for folder in module.parent.iterdir() if folder.is_dir()) if module.parent.is_dir() else []
        says = say("cli.no_such_module", module=settings.terraform_module)
        yield Finding("module-unknown", "error", says, nearest(settings.terraform_module, known), "orchestrator.toml", cell="terraform_module")
