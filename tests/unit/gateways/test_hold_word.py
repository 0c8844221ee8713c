"""The word of a hold: written as a whole on a host, by the host's clock, and read by a real HAProxy as it stands there."""

from __future__ import annotations

import http.client
import os
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator.gateways.hold_word import LUA, Word, WordFile, read_word
from orchestrator.gateways.holder import NotFollowed
from orchestrator.gateways.shell import Shell
from orchestrator.tools import programs

ADDRESS = f"127.{60 + os.getpid() % 40}.{os.getpid() // 40 % 250}.9"


@pytest.fixture
def word_file(tmp_path: Path) -> Iterator[WordFile]:
    shell = Shell(["sh"])
    yield WordFile(shell, str(tmp_path / "a b'c" / "portal"))
    shell.close()


@pytest.mark.parametrize("text", ["old\n", "new\n", "hold:1700000000000:old:old\n", "hold:1:refuse:new\n", "hold:1:new:new\n"])
def test_a_word_is_read_as_it_was_written(text: str) -> None:
    assert f"{read_word(text)}\n" == text


@pytest.mark.parametrize("text", ["", "old", "old\n\n", "older\n", "hold:x:old:old\n", "hold:1:old\n", "hold:1:refuse:refuse\n", " old\n"])
def test_what_is_not_understood_is_no_word(text: str) -> None:
    with pytest.raises(ValueError, match=r"^"):
        read_word(text)


def test_the_first_word_is_old_and_a_word_that_stands_stays(word_file: WordFile) -> None:
    assert word_file.read() is None
    word_file.create()
    assert word_file.read() == Word("old", "old")
    word_file.write("new")
    word_file.create()
    assert word_file.read() == Word("new", "new")
    assert Path(word_file.path).stat().st_mode & 0o777 == 0o644


def test_a_hold_ends_by_the_clock_of_its_host(word_file: WordFile) -> None:
    word_file.create()
    held = word_file.hold(800, then="old", reads="old")
    assert abs(held.until - time.time() * 1000 - 800) < 800
    later = word_file.refuse_after(held, 60_000)
    assert (later.then, later.reads, later.until > held.until) == ("refuse", "old", True)


def test_a_hold_that_is_over_or_somebody_elses_is_not_gone_on_with(word_file: WordFile) -> None:
    word_file.create()
    over = word_file.hold(0, then="old", reads="old")
    with pytest.raises(NotFollowed):
        word_file.refuse_after(over, 1000)
    held = word_file.hold(60_000, then="old", reads="old")
    word_file.write("old")
    with pytest.raises(NotFollowed):
        word_file.refuse_after(held, 1000)
    assert word_file.read() == Word("old", "old")


def test_no_word_is_left_and_no_folder(word_file: WordFile) -> None:
    word_file.create()
    word_file.remove()
    assert not Path(word_file.path).parent.exists()


# ---------------------------------------------------------------- as HAProxy reads it

_CONFIG = """\
global
    stats socket {folder}/admin.sock mode 600 level admin
    lua-load {folder}/hold.lua
defaults
    mode http
    timeout connect 2s
    timeout client 1m
    timeout server 1m
frontend web
    bind {address}:8090
    http-request lua.hold_write {folder}/word if !METH_GET
    http-request lua.hold_read {folder}/word if METH_GET
    use_backend old if {{ var(txn.hold_way) -m str old }}
    use_backend new if {{ var(txn.hold_way) -m str new }}
    default_backend refused
backend old
    http-request return status 200 content-type text/plain string old
backend new
    http-request return status 200 content-type text/plain string new
backend refused
    http-request return status 503 content-type text/plain string refused
"""


@pytest.fixture(scope="module")
def haproxy() -> Iterator[WordFile]:
    with tempfile.TemporaryDirectory(prefix="word-") as name:
        folder = Path(name)
        (folder / "hold.lua").write_text(LUA, encoding="utf-8")
        (folder / "haproxy.cfg").write_text(_CONFIG.format(folder=folder, address=ADDRESS), encoding="utf-8")
        process = subprocess.Popen([str(programs.find("haproxy")), "-db", "-f", str(folder / "haproxy.cfg")])
        shell = Shell(["sh"])
        try:
            yield WordFile(shell, str(folder / "word"))
        finally:
            shell.close()
            process.kill()
            process.wait()


def _ask(method: str) -> str:
    until = time.monotonic() + 20
    while True:
        connection = http.client.HTTPConnection(ADDRESS, 8090, timeout=30)
        try:
            connection.request(method, "/")
            return connection.getresponse().read().decode()
        except ConnectionRefusedError:
            if time.monotonic() > until:
                raise
            time.sleep(0.05)
        finally:
            connection.close()


@pytest.mark.servers
def test_writers_wait_and_readers_do_not(haproxy: WordFile) -> None:
    haproxy.write("old")
    assert (_ask("GET"), _ask("POST")) == ("old", "old")
    haproxy.hold(60_000, then="old", reads="old")
    answers: list[str] = []
    writer = threading.Thread(target=lambda: answers.append(_ask("POST")))
    writer.start()
    assert _ask("GET") == "old"
    writer.join(0.5)
    assert answers == []
    haproxy.write("new")
    writer.join(30)
    assert (answers, _ask("GET")) == (["new"], "new")


@pytest.mark.servers
@pytest.mark.parametrize(("then", "writer", "reader"), [("old", "old", "old"), ("new", "new", "new"), ("refuse", "refused", "old")])
def test_a_hold_that_nobody_ends_goes_where_its_word_says(haproxy: WordFile, then, writer: str, reader: str) -> None:
    haproxy.hold(300, then=then, reads="old")
    assert (_ask("POST"), _ask("GET")) == (writer, reader)


@pytest.mark.servers
@pytest.mark.parametrize("text", ["", "old", "ready\n", "hold:soon:old:old\n", "hold:1:refuse:refuse\n", None])
def test_without_a_word_that_it_understands_everybody_is_refused(haproxy: WordFile, text: str | None) -> None:
    path = Path(haproxy.path)
    path.unlink(missing_ok=True)
    if text is not None:
        path.write_text(text, encoding="ascii")
    assert (_ask("POST"), _ask("GET")) == ("refused", "refused")


