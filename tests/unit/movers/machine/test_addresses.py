"""Addresses in configuration files: exchanged as whole words, all in one pass, and given back byte for byte."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from orchestrator.errors import ToolError
from orchestrator.movers.machine import addresses
from orchestrator.movers.machine.cluster import find_configuration, find_unit
from orchestrator.tools.ssh import Completed


class Here:
    """This machine as a host: argv lists, as over SSH."""

    name = "here"

    def run(self, argv: Sequence[str], timeout: float = 60, input: bytes | None = None, *, check: bool = False, **_: Any) -> Completed:
        done = subprocess.run(list(argv), input=input, capture_output=True, timeout=timeout, check=False)
        if check and done.returncode:
            raise ToolError(done.stderr.decode(), where=self.name, remedy="see the test")
        return Completed(tuple(argv), done.returncode, done.stdout.decode(errors="replace"), done.stderr.decode(), 0.0, False)

    def output(self, argv: Sequence[str], timeout: float = 60) -> bytes:
        return subprocess.run(list(argv), capture_output=True, timeout=timeout, check=True).stdout

    def read_file(self, path: str) -> bytes:
        return Path(path).read_bytes()


HERE: Any = Here()
NEW = {"10.80.1.1": "10.80.2.7", "10.80.2.7": "10.80.1.1", "db-old": "db-new"}
TEXT = b"""listen_addresses = 'localhost,10.80.1.1'
host all all 10.80.1.1/32 md5   # 10.80.1.10 and 110.80.1.1 and 10.80.1.1.5 and 10.80.1.100 are others
url=postgres://10.80.1.1:5432,10.80.2.7/x db-old db-older old-db-old \xb5\xb5
"""
EXPECTED = b"""listen_addresses = 'localhost,10.80.2.7'
host all all 10.80.2.7/32 md5   # 10.80.1.10 and 110.80.1.1 and 10.80.1.1.5 and 10.80.1.100 are others
url=postgres://10.80.2.7:5432,10.80.1.1/x db-new db-older old-db-old \xb5\xb5
"""


@pytest.fixture
def places(tmp_path: Path) -> tuple[Path, Path, str]:
    folder = tmp_path / "etc with blank"
    folder.mkdir()
    first, second = folder / "a 'file'.conf", folder / "untouched.conf"
    first.write_bytes(TEXT)
    second.write_bytes(b"10.80.9.9\n")
    first.chmod(0o640)
    os.utime(first, (1_000_000_000, 1_000_000_000))
    return first, second, str(tmp_path / "kept")


def test_whole_words_in_one_pass_so_that_two_addresses_may_change_places(places: tuple[Path, Path, str]) -> None:
    first, second, kept = places
    assert addresses.exchange(HERE, [str(first), str(second)], NEW, kept) == [str(first)]
    assert first.read_bytes() == EXPECTED
    assert first.stat().st_mode & 0o777 == 0o640


@pytest.mark.parametrize(
    ("text", "changed"),
    [
        ("host:10.80.1.1", True), ("10.80.1.1-10.80.1.9", True), ("[10.80.1.1]", True), ("at 10.80.1.1.", True), ("x10.80.1.1", False),
        ("fd00::1", True), ("[fd00::1]:5432", True), ("fd00::1:2", False), ("fd00::12", False), ("db.city", True), ("db.city:80", True),
        ("db.city.gov", False), ("my-db.city", False), ("a.db.city", False), ("db.city.", True),
    ],
)  # fmt: skip
def test_what_is_an_address_of_its_own(tmp_path: Path, text: str, changed: bool) -> None:
    file = tmp_path / "file"
    file.write_text(text)
    found = addresses.exchange(HERE, [str(file)], dict.fromkeys(("10.80.1.1", "fd00::1", "db.city"), "new"), str(tmp_path / "kept"))
    assert bool(found) is changed


def test_given_back_byte_for_byte_also_when_it_was_exchanged_twice(places: tuple[Path, Path, str]) -> None:
    first, second, kept = places
    inode = first.stat().st_ino
    for _ in range(2):
        addresses.exchange(HERE, [str(first), str(second)], {"10.80.1.1": "10.80.2.9"}, kept)
    addresses.give_back(HERE, kept)
    assert first.read_bytes() == TEXT
    assert (first.stat().st_mtime, first.stat().st_ino) == (1_000_000_000, inode)
    assert not Path(kept).exists()
    addresses.give_back(HERE, kept)  # nothing is kept: nothing happens


def test_a_file_that_was_being_kept_when_the_engine_died_is_not_taken_for_kept(places: tuple[Path, Path, str]) -> None:
    first, _, kept = places
    half = Path(f"{kept}{first}.half-kept")
    half.parent.mkdir(parents=True)
    half.write_bytes(b"half")
    addresses.give_back(HERE, kept)
    assert first.read_bytes() == TEXT


def test_files_that_name_an_address_are_found_as_words(places: tuple[Path, Path, str]) -> None:
    first, second, _ = places
    assert addresses.find_naming(HERE, "10.80.1.1", [str(first.parent)]) == [str(first)]
    assert addresses.find_naming(HERE, "10.80.9.9", [str(first.parent)]) == [str(second)]
    assert addresses.find_naming(HERE, "10.80.9", ["/nowhere"]) == []


def test_a_cluster_that_does_not_run_has_no_unit_and_its_configuration_is_known_from_its_last_start(tmp_path: Path) -> None:
    assert find_unit(HERE, str(tmp_path)) == ""
    assert find_configuration(HERE, str(tmp_path)) == str(tmp_path)
    (tmp_path / "postmaster.opts").write_text('/usr/lib/postgresql/15/bin/postgres "-D" "/d" "-c" "config_file=/etc/postgresql/15/main/postgresql.conf"\n')
    assert find_configuration(HERE, str(tmp_path)) == "/etc/postgresql/15/main"
    with pytest.raises(ToolError):
        find_configuration(HERE, str(tmp_path / "missing"))
