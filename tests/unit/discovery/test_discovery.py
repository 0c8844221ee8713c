"""What hosts say → facts → offers. Hostile words never break it, and nothing of the inventory is overwritten."""

from __future__ import annotations

import string

from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.discovery.facts import Connection, FoundDatabase, HostFacts, Listener, read_facts
from orchestrator.discovery.offer import offers
from orchestrator.models import Database, Department, Device, Host, Inventory, Kind, Link, Status, System

SAID = {
    "uname": "Linux 5.10.0 x86_64",
    "os": 'NAME="Debian"\nPRETTY_NAME="Debian GNU/Linux 12 (bookworm)"',
    "cpus": "4",
    "memory": "8150000",
    "disks": "Filesystem 1024-blocks Used Available Capacity Mounted on\n/dev/sda1 104857600 52428800 1 50% /\n/dev/sda1 104857600 52428800 1 50% /srv\ntmpfs 100 0 100 0% /run",
    "addresses": "1: lo inet 127.0.0.1/8 scope host lo\n2: eth0 inet 10.1.1.2/24 scope global eth0",
    "listening": 'LISTEN 0 128 0.0.0.0:22 0.0.0.0:* users:(("sshd",pid=1,fd=3))\nLISTEN 0 128 [::]:5432 [::]:* users:(("postgres",pid=2,fd=3))\n'
    'LISTEN 0 128 *:1521 *:* users:(("tnslsnr",pid=9,fd=1))',
    "established": '0 0 10.1.1.2:40000 10.1.1.9:5432 users:(("java",pid=7,fd=1))\n0 0 [::ffff:10.1.1.2]:5432 [::ffff:10.1.1.7]:39999\n0 0 10.1.1.2:40001 172.16.0.9:8080',
    "postgresql 5432": "server|15.4 (Debian)|replica|10\ndatabase|register|1073741824\ndetail|register|3|12|0|pg_trgm,postgis|public.log,public.tmp",
    "usb": "Bus 001 Device 002: ID 096e:0304 Feitian ePass token\nBus 001 Device 001: ID 1d6b:0002 Linux Foundation 2.0 root hub",
    "pci": "00:05.0 Fibre Channel [0c04]: QLogic",
    "serial": "/dev/ttyUSB0",
    "end": "",
}


def test_everything_a_host_says_is_understood() -> None:
    facts = read_facts("db-1", SAID)
    assert (facts.os, facts.processor, facts.vcpus, facts.memory_gb) == ("Debian GNU/Linux 12 (bookworm)", "x86_64", 4, 7.77)
    assert (facts.disk_gb, facts.disk_used_gb) == (100.0, 50.0)
    assert facts.addresses == ("10.1.1.2",)
    assert [(one.port, one.process) for one in facts.listening] == [(22, "sshd"), (1521, "tnslsnr"), (5432, "postgres")]
    assert ("10.1.1.2", 5432, "10.1.1.7") in {(c.local, c.local_port, c.peer) for c in facts.established}
    register = facts.databases[0]
    assert (register.engine, register.version, register.size_gb, register.wal_level, register.keyless, register.large_objects) == (
        "postgresql",
        "15.4",
        1.0,
        "replica",
        3,
        12,
    )
    assert register.extensions == ("pg_trgm", "postgis")
    assert ("oracle", 1521) in {(d.engine, d.port) for d in facts.databases}
    assert [device.rule for device in facts.devices] == ["usb-key", "fibre-channel", "usb-serial"]
    assert facts.problems == ()


def test_without_ss_the_kernels_table_is_read() -> None:
    table = (
        "  sl  local_address rem_address   st\n   0: 0100007F:1538 00000000:0000 0A 00000000:00000000\n   1: 0201010A:9C40 0901010A:1538 01 00000000:00000000\n"
        "   2: 0000000000000000FFFF00000201010A:0016 0000000000000000FFFF00000901010A:1538 01 0"
    )
    facts = read_facts("x", {"proc_tcp": table, "end": ""})
    assert facts.listening == (Listener("127.0.0.1", 5432, ""),)
    assert facts.established == (Connection("10.1.1.2", 40000, "10.1.1.9", 5432, ""), Connection("10.1.1.2", 22, "10.1.1.9", 5432, ""))


def test_an_answer_without_its_end_is_said_to_be_cut_off() -> None:
    assert read_facts("x", {"uname": "Linux"}).problems == ("the answer was cut off",)


@given(
    st.dictionaries(
        st.sampled_from([*SAID, "proc_tcp", "mysql", "processes", "postgresql x"]),
        st.text(string.printable + "库|:[]%\u0000", max_size=300),
    )
)
@settings(max_examples=300, deadline=None)
def test_no_words_of_a_host_break_the_reading(sections: dict[str, str]) -> None:
    read_facts("x", sections)


def city() -> Inventory:
    def system(ident: str, **fields: object) -> System:
        return System.model_validate(
            {"id": ident, "name": ident, "department": "d-1", "kind": Kind.APPLICATION, "status": Status.IN_USE, **fields}
        )

    return Inventory(
        departments=(Department(id="d-1", name="市局"),),
        systems=(
            system(
                "permits", hosts=(Host(name="app-1", address="10.1.1.7"),), links=(Link(peer="省平台", address="172.16.0.1", port=443),)
            ),
            system(
                "register",
                hosts=(Host(name="db-1", address="10.1.1.2", os="Debian 12", vcpus=8, memory_gb=8),),
                databases=(Database(name="register", engine="postgresql", host="db-1", version="12"),),
                devices=(Device(name="signer", model="x", address="10.1.1.20"),),
            ),
            system("other", hosts=(Host(name="other-1", address="10.1.1.9"),)),
        ),
    )


def test_offers_fill_gaps_show_differences_and_never_take_over() -> None:
    inventory = city()
    found = {(o.kind, o.what, o.inventory, str(o.found)) for o in offers(inventory, [read_facts("db-1", SAID)]) if o.system == "register"}
    assert ("differs", "hosts.db-1.vcpus", "8", "4") in found
    assert ("fill", "hosts.db-1.disk_gb", "", "100") in found
    assert not any(what in {"hosts.db-1.os", "hosts.db-1.memory_gb"} for _, what, _, _ in found), "what agrees is not offered"
    assert ("fill", "databases.register.wal_level", "", "replica") in found
    assert ("differs", "databases.register.version", "12", "15.4") in found
    assert ("new", "databases.oracle", "", "oracle :1521") in found
    assert (
        "note",
        "databases.register",
        "",
        "tables without a replica identity: 3 (public.log, public.tmp)",
    ) in found
    assert ("dependency", "depends_on", "", "other (db-1 → 10.1.1.9:5432 java)") in found
    assert ("link", "links", "", "out 172.16.0.9:8080") in found
    assert any(kind == "device" and "USB" in text for kind, _, _, text in found)
    assert inventory == city()


def test_who_depends_on_whom_follows_the_listening_side() -> None:
    facts = [
        HostFacts(
            "app-1",
            established=(
                Connection("10.1.1.7", 39999, "10.1.1.2", 5432, "java"),
                Connection("10.1.1.7", 50000, "172.16.0.1", 443, ""),
                Connection("10.1.1.7", 1, "10.1.1.20", 7100, ""),
            ),
        ),
        HostFacts("db-1", listening=(Listener("*", 5432, "postgres"),), established=(Connection("10.1.1.2", 5432, "10.1.1.7", 39999, ""),)),
    ]
    found = {(o.system, o.kind, str(o.found).split(" ")[0]) for o in offers(city(), facts)}
    assert found == {("permits", "dependency", "register")}, "the known link is not offered again; the server does not depend on its client"


def test_hosts_that_share_a_machine_have_each_its_own_ports() -> None:
    said = {
        "listening": 'LISTEN 0 1 10.1.1.2:5432 *:* users:(("postgres",pid=1,fd=1))\nLISTEN 0 1 10.1.1.7:80 *:* users:(("nginx",pid=2,fd=1))\nLISTEN 0 1 *:22 *:*',
        "established": "0 0 10.1.1.2:5432 10.1.1.7:4\n0 0 10.1.1.7:4 10.1.1.2:5432",
        "processes": "postgres\nnginx",
        "end": "",
    }
    app = read_facts("app-1", said, elsewhere={"10.1.1.2"})
    assert [one.port for one in app.listening] == [22, 80]
    assert [one.local for one in app.established] == ["10.1.1.7"]
    assert app.databases == (), "the database that runs here listens at another host's address"
    base = read_facts("db-1", said, elsewhere={"10.1.1.7"})
    assert [(one.engine, one.port) for one in base.databases] == [("postgresql", 5432)]


def test_a_client_whose_host_was_not_looked_at_is_seen_from_the_server() -> None:
    facts = HostFacts(
        "db-1", listening=(Listener("*", 5432, "postgres"),), established=(Connection("10.1.1.2", 5432, "10.1.1.7", 39999, "postgres"),)
    )
    found = [(o.system, o.kind, o.found) for o in offers(city(), [facts])]
    assert found == [("permits", "dependency", "register (10.1.1.7 → db-1:5432 postgres)")]


def instance(host: str, *databases: FoundDatabase) -> HostFacts:
    return HostFacts(host=host, databases=databases)


def test_two_instances_with_one_database_name_are_told_apart_by_their_ports() -> None:
    old, new = (FoundDatabase("postgresql", version, port, "register") for version, port in (("9.6", 5433), ("12.3", 5432)))
    found = [(o.kind, o.what, o.found) for o in offers(city(), [instance("db-1", old, new)])]
    assert found == [("new", "databases.register", "postgresql 9.6 :5433 register")]


def test_what_another_system_has_on_a_shared_host_is_not_new_to_this_one() -> None:
    inventory = city()
    register = next(one for one in inventory.systems if one.id == "register")
    guest = register.model_copy(
        update={"id": "guest", "databases": (Database(name="guest", engine="postgresql", host="db-1"),), "devices": ()}
    )
    both = inventory.model_copy(update={"systems": (*inventory.systems, guest)})
    bases = [FoundDatabase("postgresql", "12.3", 5432, name) for name in ("register", "guest", "forgotten")]
    new = {(o.system, o.what) for o in offers(both, [instance("db-1", *bases)]) if o.kind == "new"}
    assert new == {("register", "databases.forgotten"), ("guest", "databases.forgotten")}
