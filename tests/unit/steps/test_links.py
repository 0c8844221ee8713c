"""R8: a link that the old room has and the cloud lacks stops the migration before anybody is switched."""

from types import SimpleNamespace
from typing import Any

import pytest

from orchestrator.errors import NeedsPerson
from orchestrator.models import Host, Link
from orchestrator.steps import links
from tests.support.demo_city import demo_city


class Shell:
    """Reaches the addresses it is given; those behind ``!`` refuse, and the rest is silent."""

    def __init__(self, reached: set[str]) -> None:
        self.reached = reached

    def run(self, argv: list[str], **_: Any) -> Any:
        place = f"{argv[-2]}:{argv[-1]}"
        said = "Connection refused" if f"!{place}" in self.reached else ""
        return SimpleNamespace(code=0 if place in self.reached else 1, stdout="", stderr=said)


class TwoSides:
    """What the old hosts reach, and what the new ones do."""

    def __init__(self, before: set[str], after: set[str]) -> None:
        self._before, self._after = Shell(before), Shell(after)

    def target(self, name: str) -> Any:
        return TargetHost(name)

    def source(self, name: str) -> Any:
        return SimpleNamespace(name=name, address=f"{name}.room")

    def ssh(self, host: Any) -> Shell:
        return self._after if isinstance(host, TargetHost) else self._before


class TargetHost:
    def __init__(self, name: str) -> None:
        self.name, self.address = name, f"{name}.cloud"


def looked_at(given: tuple[Link, ...], world: TwoSides, peers: dict[str, Host] | None = None) -> Any:
    inventory, _, _ = demo_city()
    system = next(one for one in inventory.systems if one.id == "weather-bulletin")
    sites = SimpleNamespace(peers=peers or {}, entry=None)
    return links.run(SimpleNamespace(system=system.model_copy(update={"links": given}), world=world, sites=sites))  # type: ignore[arg-type]


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


COUNTY = Link(peer="县局", direction="in", port=8001)
THEIRS = {"县局": Host(name="county", address="10.9.0.1")}


@pytest.mark.parametrize(
    ("seen", "where"),
    [
        ({"weather-1.room:8001", "weather-1.cloud:8001"}, "reached"),
        ({"weather-1.room:8001", "!weather-1.cloud:8001"}, "reached"),  # its service starts later; somebody answered there
        ({"weather-1.cloud:8001"}, "unreached_before"),
    ],
)
def test_who_reaches_us_is_tried_from_their_end(seen: set[str], where: str):
    facts = looked_at((COUNTY,), TwoSides(seen, set()), THEIRS)
    assert facts[where] == ["县局 → weather-publisher weather-1.room:8001"]
    assert facts["not_looked_at"] == []


def test_a_peer_that_does_not_reach_the_new_host_needs_a_person():
    with pytest.raises(NeedsPerson, match="县局"):
        looked_at((COUNTY,), TwoSides({"weather-1.room:8001"}, set()), THEIRS)


def test_before_acceptance_what_was_reached_must_be_open():
    reached = {"check_links": {"reached": ["县局 → weather-publisher weather-1.room:8001"]}}
    for open_now, is_fine in (({"weather-1.cloud:8001"}, True), ({"!weather-1.cloud:8001"}, False)):
        inventory, _, _ = demo_city()
        system = next(one for one in inventory.systems if one.id == "weather-bulletin").model_copy(update={"links": (COUNTY,)})
        world: Any = TwoSides(open_now, set())
        world.targets = {"weather-1": None}
        ctx: Any = SimpleNamespace(system=system, world=world, sites=SimpleNamespace(peers=THEIRS, entry=None), facts=reached)
        if is_fine:
            links.insist_on_links(ctx)
        else:
            with pytest.raises(NeedsPerson, match="县局"):
                links.insist_on_links(ctx)
