"""What a server says of itself, read; and asked of this machine, by the same scripts."""

import mmap
import os
from pathlib import Path

import pytest

from orchestrator.movers.server import questions
from orchestrator.movers.server.questions import Writer, find_at_rest, read_facts, unit_of
from tests.support.local_host import LocalConnection


def answer(**said: str) -> bytes:
    return b"".join(f"{key.replace('_', ' ')}\0{value}\0".encode() for key, value in said.items())


def test_facts_are_read():
    facts = read_facts(
        answer(
            processor="x86_64",
            rsync="rsync  version 3.2.7  protocol version 31",
            swaps="/swapfile file 1 0 -2",
            mapped="CRYPT-LUKS2-x",
            systemd="yes",
        )
    )
    assert (facts.processor, facts.rsync, facts.swaps, facts.mapped, facts.systemd) == (
        "x86_64",
        (3, 2, 7),
        ("/swapfile",),
        ("CRYPT-LUKS2-x",),
        True,
    )


def test_ports_on_every_address_or_loopback_are_no_matter():
    facts = read_facts(answer(ports="0101A8C0:1F90\n00000000:0016\n0100007F:1538\n00000000000000000000000000000000:0050"))
    assert facts.ports == (("192.168.1.1", 8080),)


def test_space_and_entries_belong_to_their_mount():
    facts = read_facts(b"space 100 40 60\0/srv/a b\0entries 7\0/srv/a b\0")
    assert facts.space["/srv/a b"] == questions.Space(40 * 1024, 60 * 1024, 7)


@pytest.mark.parametrize(
    ("group", "unit"),
    [
        ("/system.slice/redis-server.service", "redis-server.service"),
        ("/system.slice/system-postgresql.slice/postgresql@15-main.service", "postgresql@15-main.service"),
        ("/user.slice/user-1000.slice/session-3.scope", "session-3.scope"),
        ("/system.slice/app.service/worker", "app.service"),
        ("/", ""),
    ],
)
def test_the_innermost_unit_counts(group, unit):
    assert unit_of(group) == unit


def test_whatever_is_open_for_writing_means_something_only_at_rest():
    writers = [
        Writer("/var/lib/redis/appendonlydir/x.aof", "redis", "redis.service", only_adds=True),
        Writer("/var/lib/mysql/ibdata1", "mariadbd", "mariadb.service", only_adds=False),
        Writer("/var/lib/mysql/app/t.ibd", "mariadbd", "mariadb.service", only_adds=False),
        Writer("/var/log/app.log", "app", "app.service", only_adds=False),
        Writer("/opt/one.db", "app", "app.service", only_adds=False),
        Writer("/tmp/scratch", "app", "app.service", only_adds=False),
    ]
    assert find_at_rest(writers, ["/var/lib/redis"], ["/etc/hosts"]) == ["/opt/one.db", "/var/lib/mysql", "/var/lib/redis"]


def test_this_machine_says_who_has_a_file_open_and_who_only_adds_to_it(tmp_path):
    with (tmp_path / "data base").open("w"), (tmp_path / "log").open("a"), (tmp_path / "read").open("x+"):
        (tmp_path / "only read").touch()
        with (tmp_path / "only read").open():
            found = {Path(w.path).name: w.only_adds for w in questions.find_writers(LocalConnection()) if w.path.startswith(str(tmp_path))}
    assert found == {"data base": False, "log": True, "read": False}


def test_this_machine_says_what_it_is():
    facts = questions.ask_facts(LocalConnection())
    assert facts.processor == os.uname().machine
    assert "/" in {mount.path for mount in facts.mounts}
    assert facts.space["/"].used > 0


def test_a_file_that_is_mapped_and_closed_is_found_too(tmp_path):
    path = tmp_path / "mapped by name"
    path.write_bytes(b"x" * 4096)
    with path.open("r+b") as file:
        mapping = mmap.mmap(file.fileno(), 4096)
    found = [writer for writer in questions.find_writers(LocalConnection()) if writer.path == str(path)]
    mapping.close()
    assert found and not found[0].only_adds
