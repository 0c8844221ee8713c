"""What a cloud has against what the state knows: left by us, somebody else's, or lost; and what the journal keeps of it."""

from __future__ import annotations

import pytest

from orchestrator.cloud.adopt import find_imports
from orchestrator.cloud.book import Book, KeptVolume
from orchestrator.cloud.compare import compare, describe_missing, describe_rebuilt
from orchestrator.cloud.kinds import Kind, read_kinds
from orchestrator.cloud.listing import Thing
from orchestrator.cloud.openstack import attachments
from orchestrator.cloud.stand import Position, Stand
from orchestrator.settings import HOME
from tests.support.cloud_chain import ChainInMemory

OURS = Position("portal", Stand.NOTHING, frozenset({"r1"}))
SERVER = Thing(Kind.SERVER, "s1", "db", "portal", "r1")
PORT = Thing(Kind.PORT, "p1", "db", "portal", "r1", used_by=("s1",))
VOLUME = Thing(Kind.VOLUME, "v1", "db", "portal", "r1", used_by=("s1",))
GROUP = Thing(Kind.ACCESS, "g1", "portal", "portal", "r1")
RULE = Thing(Kind.RULE, "x1", "in tcp 22", group="g1")
PLACEMENT = Thing(Kind.PLACEMENT, "a1", "portal")


def test_what_our_unfinished_run_left_goes_in_the_order_in_which_it_can_go() -> None:
    comparison = compare([GROUP, PLACEMENT, VOLUME, PORT, SERVER], frozenset(), OURS)
    assert [thing.kind for thing in comparison.leftovers] == [Kind.SERVER, Kind.PORT, Kind.VOLUME, Kind.ACCESS, Kind.PLACEMENT]
    assert (comparison.refusals, comparison.notes) == ((), ())


def test_a_rule_of_our_group_that_the_state_does_not_know_would_stop_the_next_apply() -> None:
    assert compare([RULE], frozenset({"g1"}), OURS).leftovers == (RULE,)


def test_the_disk_that_a_server_boots_from_is_never_let_go_and_a_strangers_disk_is_told() -> None:
    server = Thing(Kind.SERVER, "s1", "db", "portal", "r1", detail={"volumes": ["v1", "v2", "v9"]})
    boot = Thing(Kind.VOLUME, "v1", "db", "portal", "r1", detail={"boots": True})
    data = Thing(Kind.VOLUME, "v2", "db-data", "portal", "r1", detail={"boots": False})
    disks = list(attachments([server], [boot, data]))
    assert [thing.label for thing in disks] == ["rule disk db-data of db (s1/v2)", "rule disk v9 of db (s1/v9)"]
    comparison = compare([server, boot, data, *disks], frozenset({"s1", "v1", "v2"}), OURS)
    assert [thing.id for thing in comparison.leftovers] == ["s1/v2"]
    assert ["disk v9 of db (s1/v9) was attached by somebody else" in note.message for note in comparison.notes] == [True]


@pytest.mark.parametrize("stand", [Stand.HANDED_OVER, Stand.LIVE, Stand.ACCEPTED])
def test_after_hand_over_nothing_is_deletable(stand: Stand) -> None:
    position = Position("portal", stand, frozenset({"r1"}))
    comparison = compare([SERVER, PORT, VOLUME, GROUP, RULE, PLACEMENT], frozenset(), position)
    assert comparison.leftovers == ()
    assert [finding.code for finding in comparison.refusals] == ["cloud-unknown"] * 3


@pytest.mark.parametrize(
    ("thing", "position", "said"),
    [
        (Thing(Kind.SERVER, "s9", "db"), OURS, "bears a name of this system and no mark of ours"),
        (Thing(Kind.SERVER, "s9", "db", "portal", "r9"), OURS, "bears the mark of run r9 of portal"),
        (Thing(Kind.SERVER, "s9", "db", "portal", ""), OURS, "bears the mark of run (none) of portal"),
        (Thing(Kind.SERVER, "s9", "db", "portal", ""), Position("portal", Stand.NOTHING, frozenset({""})), "run (none)"),
        (Thing(Kind.SERVER, "s9", "db", "portal", "r1"), Position("portal", Stand.NOTHING), "bears the mark of run r1"),
        (Thing(Kind.VOLUME, "v9", "db", "portal", "r9", "available"), OURS, "status available"),
    ],
)
def test_what_is_not_proved_ours_is_named_with_its_id_and_refused(thing: Thing, position: Position, said: str) -> None:
    comparison = compare([thing], frozenset(), position)
    (finding,) = comparison.refusals
    assert comparison.leftovers == ()
    assert said in finding.message
    assert thing.id in finding.message


def test_what_the_state_knows_or_a_person_spoke_for_is_left() -> None:
    assert compare([SERVER, VOLUME], frozenset({"s1"}), OURS, left=frozenset({"v1"})).leftovers == ()


def test_another_systems_server_is_named_and_left() -> None:
    comparison = compare([Thing(Kind.SERVER, "s9", "db", "register", "r1")], frozenset(), OURS)
    assert (comparison.leftovers, comparison.refusals) == ((), ())
    assert "belongs to register" in comparison.notes[0].message


def test_a_server_group_that_somebody_uses_is_no_leftover() -> None:
    used = Thing(Kind.PLACEMENT, "a1", "portal", used_by=("of-somebody",))
    comparison = compare([used], frozenset(), OURS)
    assert comparison.leftovers == ()
    assert comparison.notes


def test_servers_that_are_gone_or_in_error_are_told_with_the_clouds_reason() -> None:
    things = [Thing(Kind.SERVER, "s1", "db", status="ERROR", why="No valid host was found"), Thing(Kind.SERVER, "s2", "app", status="ACTIVE")]
    told = [finding.message for finding in describe_missing(things, ["app", "db", "web"], OURS)]
    assert told == ["server db is ERROR: No valid host was found", "server web is gone from the cloud"]


def test_a_server_that_somebody_renamed_is_not_gone_and_a_stranger_of_its_name_is_not_it() -> None:
    renamed = Thing(Kind.SERVER, "s1", "db-old", "portal", "r1", "ACTIVE")
    stranger = Thing(Kind.SERVER, "s9", "app", status="ACTIVE")
    told = [finding.message for finding in describe_missing([renamed, stranger], ["app", "db"], OURS, {"app": "s2", "db": "s1"})]
    assert told == ["server app is gone from the cloud", "server db (s1) is called db-old on the cloud"]


def test_a_server_that_was_rebuilt_under_its_own_id_is_told_with_the_moment() -> None:
    class Deeds:
        def rebuilt_at(self, ident: str) -> list[str]:
            return ["2026-01-02T03:04:05"] if ident == "s1" else []

    told = [finding.message for finding in describe_rebuilt(Deeds(), {"app": "s2", "db": "s1"}, OURS)]
    assert told == ["server db (s1) was rebuilt outside at 2026-01-02T03:04:05: what lay on its boot disk may be gone"]


def test_a_finished_run_takes_in_what_earlier_ones_left() -> None:
    book = Book(ChainInMemory(), "portal")
    first = book.begin_run("openstack")
    assert book.position().unfinished == {first}
    second = book.begin_run("openstack")
    book.finish_runs(book.position(), second)
    assert book.position().unfinished == frozenset(), "what stands now may hold what the first run made"
    assert book.runs() == {first, second}
    assert first != second


def test_kept_volumes_stay_until_they_are_released_one_by_one() -> None:
    book = Book(ChainInMemory(), "portal")
    book.keep([KeptVolume("v1", "db"), KeptVolume("v2", "app", handed_over=False)])
    book.keep([])
    book.release(book.kept()[1], "it was never handed over")
    assert book.kept() == [KeptVolume("v1", "db")]


def row(address: str, **after: object) -> dict[str, object]:
    kind, name, *index = address.replace("[", ".").replace('"]', "").replace('"', "").split(".")
    found: dict[str, object] = {"address": address, "mode": "managed", "type": kind, "name": name}
    return found | ({"index": index[0]} if index else {}) | {"change": {"actions": ["create"], "after": after}}


def test_a_lost_state_is_matched_by_kind_and_name_by_what_rules_open_and_by_disks() -> None:
    open_rule = {"direction": "ingress", "ethertype": "IPv4", "protocol": "tcp", "port_range_min": 22, "port_range_max": 22}
    rule = Thing(Kind.RULE, "x1", "in", group="g1", detail={**open_rule, "remote_ip_prefix": "10.1.0.0/24", "remote_group": False})
    within = {"direction": "egress", "ethertype": "IPv6", "protocol": "", "port_range_min": 0, "port_range_max": 0, "remote_ip_prefix": ""}
    among = Thing(Kind.RULE, "x2", "out", group="g1", detail={**within, "remote_group": True})
    data = Thing(Kind.VOLUME, "v2", "db-data", "portal", "r1")
    twins = [Thing(Kind.SERVER, "s8", "app", "portal", "r1"), Thing(Kind.SERVER, "s9", "app", "portal", "r1")]
    plan = {"resource_changes": [
        row('openstack_compute_instance_v2.server["db"]', name="db"), row('openstack_compute_instance_v2.server["app"]', name="app"),
        row('openstack_networking_port_v2.server["db"]', name="db"), row('openstack_blockstorage_volume_v3.boot["db"]', name="db"),
        row("openstack_networking_secgroup_v2.system", name="portal"),
        row('openstack_networking_secgroup_rule_v2.opening["in"]', **open_rule, remote_ip_prefix="10.1.0.0/24"),
        row('openstack_networking_secgroup_rule_v2.within["egress IPv6"]', direction="egress", ethertype="IPv6"),
        row('openstack_compute_volume_attach_v2.data["db data"]'), row('terraform_data.asked["db"]', input={}),
    ]}  # fmt: skip
    kinds = read_kinds(HOME / "terraform" / "modules" / "openstack")
    imports = find_imports(plan, [SERVER, PORT, VOLUME, GROUP, rule, among, data, *twins], kinds, "portal")
    assert imports == {
        'openstack_compute_instance_v2.server["db"]': "s1", 'openstack_networking_port_v2.server["db"]': "p1",
        'openstack_blockstorage_volume_v3.boot["db"]': "v1", "openstack_networking_secgroup_v2.system": "g1",
        'openstack_networking_secgroup_rule_v2.opening["in"]': "x1", 'openstack_networking_secgroup_rule_v2.within["egress IPv6"]': "x2",
        'openstack_compute_volume_attach_v2.data["db data"]': "s1/v2",
    }  # fmt: skip


def test_a_strangers_things_of_our_names_are_never_taken_for_ours() -> None:
    strangers = [
        Thing(Kind.SERVER, "s7", "db"), Thing(Kind.PORT, "p7", "db"), Thing(Kind.VOLUME, "v7", "db", "register", "r7"),
        Thing(Kind.ACCESS, "g7", "portal"),
    ]  # fmt: skip
    plan = {"resource_changes": [
        row('openstack_compute_instance_v2.server["db"]', name="db"), row('openstack_networking_port_v2.server["db"]', name="db"),
        row('openstack_blockstorage_volume_v3.boot["db"]', name="db"), row("openstack_networking_secgroup_v2.system", name="portal"),
        row('openstack_compute_servergroup_v2.system[0]', name="portal"),
    ]}  # fmt: skip
    kinds = read_kinds(HOME / "terraform" / "modules" / "openstack")
    assert find_imports(plan, [*strangers, PLACEMENT], kinds, "portal") == {"openstack_compute_servergroup_v2.system[0]": "a1"}
    ours = find_imports(plan, [*strangers, SERVER, PORT, VOLUME, GROUP], kinds, "portal")
    assert sorted(ours.values()) == ["g1", "p1", "s1", "v1"]
