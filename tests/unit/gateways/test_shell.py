"""The shell that waits, and files that change without a trace of us but their contents. A real sh."""

from __future__ import annotations

import os
import stat

import pytest

from orchestrator.gateways.shell import Changed, Shell, read_file, write_file


@pytest.fixture
def shell():
    opened = Shell(["sh"])
    yield opened
    opened.close()


def test_a_file_keeps_owner_mode_and_its_link(shell, tmp_path):
    real, link = tmp_path / "a file 'quoted' 库.ini", tmp_path / "link.ini"
    real.write_bytes(b"\xff\x00old\n")
    real.chmod(0o640)
    link.symlink_to(real)
    if os.geteuid() == 0:
        os.chown(real, 65534, 65534)
    before = real.stat()
    write_file(shell, str(link), read_file(shell, str(link)), b"new \xfe\x00")
    after = real.stat()
    assert real.read_bytes() == b"new \xfe\x00"
    assert (after.st_uid, after.st_gid, stat.S_IMODE(after.st_mode)) == (before.st_uid, before.st_gid, 0o640)
    assert link.is_symlink()
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([real.name, link.name])


def test_a_file_that_somebody_else_changed_meanwhile_is_left_as_it_is(shell, tmp_path):
    file = tmp_path / "f"
    file.write_bytes(b"theirs")
    with pytest.raises(Changed):
        write_file(shell, str(file), b"what was read", b"ours")
    assert file.read_bytes() == b"theirs"


def test_a_large_file_goes_through(shell, tmp_path):
    file = tmp_path / "f"
    file.write_bytes(b"")
    large = os.urandom(2_000_000)
    write_file(shell, str(file), b"", large)
    assert read_file(shell, str(file)) == large


def test_what_fails_says_so_and_the_shell_goes_on(shell, tmp_path):
    with pytest.raises(OSError, match="cannot be read there"):
        read_file(shell, str(tmp_path / "nowhere"))
    assert shell.run("echo still here") == b"still here\n"


def test_output_without_a_last_newline_and_output_like_our_mark_are_kept_apart(shell):
    assert shell.run("printf 'x@@ 0'") == b"x@@ 0"


def test_a_shell_that_hangs_or_dies_is_an_error_and_not_a_wait(shell):
    with pytest.raises(OSError, match="in time"):
        shell.run("sleep 30", limit=0.2)
    dead = Shell(["sh"])
    with pytest.raises(OSError, match="ended"):
        dead.run("exit 3")
    with pytest.raises(OSError, match=r"gone|ended"):
        dead.run("true")
    dead.close()
