"""A helper program is asked within a limit; one that hangs, ends or does not read is lost, and whatever it says later is nobody's."""

from __future__ import annotations

import subprocess
import time

import pytest

from orchestrator.tools.channel import Channel, ChannelLost


def soon(seconds: float = 10) -> float:
    return time.monotonic() + seconds


def test_it_is_asked_as_often_as_one_likes():
    channel = Channel(["cat"])
    for text in (b"one\n", b"two\nthree\n"):
        channel.write(text, soon())
    assert [channel.read_to(b"\n", soon()) for _ in range(3)] == [b"one", b"two", b"three"]
    channel.close()
    channel.close()


def test_a_mark_may_come_in_pieces():
    channel = Channel(["sh", "-c", "printf 'before@'; sleep 0.2; printf '@after'; sleep 60"])
    assert channel.read_to(b"@@", soon()) == b"before"
    channel.close(patience=0)


def test_more_than_a_pipe_holds_is_taken_whole():
    channel = Channel(["sh", "-c", "head -c 3000000 | wc -c; sleep 60"])
    channel.write(b"x" * 3_000_000, soon(30))
    assert channel.read_to(b"\n", soon(30)).strip() == b"3000000"
    channel.close(patience=0)


@pytest.mark.parametrize(("program", "silent"), [("sleep 60", True), ("echo bye; exit 1", False)])
def test_one_that_does_not_answer_is_lost_within_the_limit(program, silent):
    channel = Channel(["sh", "-c", program])
    began = time.monotonic()
    with pytest.raises(ChannelLost) as lost:
        channel.read_to(b"never", soon(0.5))
    assert lost.value.is_silent is silent
    assert lost.value.said == (b"" if silent else b"bye\n")
    assert time.monotonic() - began < 30
    with pytest.raises(ChannelLost):  # also when it would answer by now
        channel.write(b"again\n", soon())


def test_one_that_does_not_read_is_lost_within_the_limit():
    channel = Channel(["sleep", "60"])
    with pytest.raises(ChannelLost) as lost:
        channel.write(b"x" * 3_000_000, soon(0.5))
    assert lost.value.is_silent


def test_its_errors_go_where_it_is_told():
    channel = Channel(["sh", "-c", "echo trouble >&2; sleep 60"], errors=subprocess.STDOUT)
    assert channel.read_to(b"\n", soon()) == b"trouble"
    channel.close(patience=0)


def test_one_that_cannot_be_started_is_an_error():
    with pytest.raises(OSError, match="nowhere"):
        Channel(["/nowhere/at/all"])
