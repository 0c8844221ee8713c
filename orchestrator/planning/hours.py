"""A system's windows: declared, or outside of its service hours, or the programme's."""

from __future__ import annotations

from orchestrator.inventory.hours import outside_hours
from orchestrator.models import System, Window
from orchestrator.planning.programme import Programme


def windows_for(system: System, programme: Programme) -> tuple[tuple[Window, ...], str]:
    """The system's windows and where they come from: ``declared``, ``service hours`` or ``default``.

    Declared windows speak alone. Else the time outside of the service hours; where these leave none (7×24), are empty or
    cannot be read, the programme's ``default_windows``.
    """
    if system.windows:
        return system.windows, "declared"
    if outside := outside_hours(system.service_hours):
        return outside, "service hours"
    return programme.default_windows, "default"
