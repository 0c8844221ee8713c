"""R8: a link that the old room has and the cloud lacks stops the migration before anybody is switched."""

from types import SimpleNamespace
from typing import Any

import pytest

from orchestrator.errors import NeedsPerson
from orchestrator.models import Link
from orchestrator.steps import links
from tests.support.demo_city import demo_city


class Shell:
    """Reaches the addresses it is given."""

    def __init__(self, reached: set[str]) -> None:
        self.reached = reached

    def run(self, argv: list[str], **_: Any) -> Any:
        return SimpleNamespace(code=0 if f"{argv[-2]}:{argv[-1]}" in self.reached else 1)


class TwoSides:
    """What the old hosts reach, and what the new ones do."""

    def __init__(self, before: set[str], after: set[str]) -> None:
        self._before, self._after = Shell(before), Shell(after)

    def target(self, name: str) -> str:
        return f"{name}-cloud"

    def ssh(self, host: Any) -> Shell:
        return self._after if isinstance(host, str) else self._before


def looked_at(given: tuple[Link, ...], world: TwoSides) -> Any:
    inventory, _, _ = demo_city()
    system = next(one for one in inventory.systems if one.id == "weather-bulletin")
    return links.run(SimpleNamespace(system=system.model_copy(update={"links": given}), world=world))  # type: ignore[arg-type]


TAX = Link(peer="税务局", direction="out", address="10.1.1.1", port=443)
PROVINCE = Link(peer="省厅", direction="both", address="10.1.1.2", port=8443)


def test_what_only_the_old_room_reaches_needs_a_person_and_is_named():
    with pytest.raises(NeedsPerson, match="税务局") as stopped:
        looked_at((TAX, PROVINCE), TwoSides({"10.1.1.1:443", "10.1.1.2:8443"}, {"10.1.1.2:8443"}))
    assert "省厅" not in stopped.value.what


def test_what_was_never_reached_and_what_comes_in_is_said_not_judged():
    incoming = Link(peer="县局", direction="in", address="10.1.1.3", port=80)
    facts = looked_at((TAX, PROVINCE, incoming), TwoSides({"10.1.1.2:8443"}, {"10.1.1.2:8443"}))
    assert [one.split(" ")[2] for one in facts["reached"]] == ["省厅"]
    assert [one.split(" ")[2] for one in facts["unreached_before"]] == ["税务局"]
    assert facts["not_looked_at"] == ["省厅 (in)", "县局"]
