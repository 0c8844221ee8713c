"""Two folders are seen to be equal, or what is not equal is named: by find, on both sides."""

import os
import shutil
import subprocess

import pytest

from orchestrator.errors import OrchestratorError
from orchestrator.movers.server.listing import Listed, find_differences
from orchestrator.movers.server.scope import Scope
from tests.support.local_host import LocalConnection

SCOPE = Scope(("/", "/srv"), shadows=("/mnt/share",), exclude=("/cache",), per_side=("/etc/hosts",), never_back=("/etc/app.env",))
NEEDS_RSYNC = pytest.mark.skipif(shutil.which("rsync") is None, reason="rsync is not installed")


@pytest.fixture
def sides(tmp_path):
    """Two equal trees with names that are no text."""
    here, there = tmp_path / "here", tmp_path / "there"
    for name in (
        b"etc/hosts",
        b"etc/app.env",
        b"plain",
        b"\271\253",
        b"line\nbreak",
        b"-rf",
        b"cache/x",
        b"srv/y",
        b"mnt/share/z",
        b"tmp/t",
    ):
        path = here / os.fsdecode(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name)
    (here / "link").symlink_to("plain")
    (here / "empty folder").mkdir()
    shutil.copytree(here, there, symlinks=True)
    return here, there


def differences(here, there, **how):
    return find_differences(Listed(LocalConnection(), str(here)), Listed(LocalConnection(), str(there)), "/", SCOPE, **how)


def test_equal_folders_are_equal(sides):
    assert differences(*sides) == []


@pytest.mark.parametrize("name", ["cache/x", "srv/y", "mnt/share/z", "tmp/t", "etc/hosts"])
def test_what_each_side_keeps_or_another_pass_carries_is_not_looked_at(sides, name):
    (sides[1] / name).write_text("other, and longer")
    assert differences(*sides) == []


@pytest.mark.parametrize(
    "change",
    [
        lambda side: (side / "plain").write_text("longer than before"),
        lambda side: os.utime(side / "plain", ns=(0, 123_456_789)),
        lambda side: (side / "plain").chmod(0o600),
        lambda side: (side / "plain").unlink(),
        lambda side: (side / "more").touch(),
        lambda side: ((side / "link").unlink(), (side / "link").symlink_to("-rf")),
        lambda side: (side / "empty folder").chmod(0o700),
        lambda side: (side / "empty folder").rmdir(),
        lambda side: os.link(side / "-rf", side / "etc" / "second"),
        lambda side: (side / os.fsdecode(b"\271\253")).rename(side / os.fsdecode(b"\271\254")),
        lambda side: ((side / "plain").unlink(), os.mkfifo(side / "plain")),
    ],
)
def test_each_difference_is_named(sides, change):
    change(sides[1])
    assert differences(*sides)


def test_a_file_that_the_new_server_has_of_its_own_is_compared_forward_and_not_back(sides):
    (sides[1] / "etc/app.env").write_text("another address")
    assert differences(*sides) == ["./etc/app.env"]
    assert differences(*sides, back=True) == []


def test_a_folder_that_cannot_be_listed_is_never_equal_to_another_such(tmp_path):
    with pytest.raises(OrchestratorError):
        differences(tmp_path / "none", tmp_path / "neither")


@NEEDS_RSYNC
def test_times_within_one_second_are_told_apart_by_the_flags_of_a_pass(sides):
    """rsync's own default takes these two for one: a database writes more than once a second."""
    from orchestrator.movers.server.passes import FLAGS

    here, there = sides
    os.utime(here / "plain", ns=(10**18 + 1, 10**18 + 1))
    (there / "plain").write_bytes(b"PLAIN")
    os.utime(there / "plain", ns=(10**18, 10**18))
    flags = [flag for flag in FLAGS if not flag.startswith(("-aHAXSx", "--stats", "--no-human"))]
    subprocess.run(["rsync", "-aS", *flags, f"{here}/", f"{there}/"], check=True)
    assert (there / "plain").read_bytes() == b"plain"
    assert differences(here, there) == []
