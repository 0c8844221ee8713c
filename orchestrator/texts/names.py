"""What our own data calls something, in either language."""

from __future__ import annotations

from orchestrator.texts import Name

_SIDES = {"source": Name("源端", "source"), "target": Name("目标端", "target")}


def side_name(side: str) -> Name:
    """``source`` or ``target``, as it stands in a sentence."""
    return _SIDES[side]
