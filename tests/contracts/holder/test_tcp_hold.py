"""What a hold of new connections outlives: the one who held, a reload, a crash; nobody is led to a side that nobody chose."""

from __future__ import annotations

import os
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from orchestrator.gateways.holder import NotFollowed
from tests.contracts.holder.tcp import TcpWorld

pytestmark = [pytest.mark.servers, pytest.mark.timeout(300)]


@contextmanager
def made(last: int, *, chroot: bool = False) -> Iterator[TcpWorld]:
    with tempfile.TemporaryDirectory(prefix="holder-") as folder:
        own = TcpWorld(Path(folder), f"127.{100 + os.getpid() % 40}.{os.getpid() // 40 % 250}.{last}", chroot=chroot)
        try:
            yield own
        finally:
            own.close()


@pytest.fixture(scope="module")
def world() -> Iterator[TcpWorld]:
    with made(7) as own:
        yield own


class Clients:
    """Each asks once; what each was answered, empty where it was refused."""

    def __init__(self, world: TcpWorld, count: int) -> None:
        self.answers: list[str] = []
        self._threads = [threading.Thread(target=self._ask, args=(world,), daemon=True) for _ in range(count)]
        for thread in self._threads:
            thread.start()

    def _ask(self, world: TcpWorld) -> None:
        try:
            self.answers.append(world.ask("records"))
        except OSError:
            self.answers.append("")

    def end(self) -> Counter[str]:
        for thread in self._threads:
            thread.join(60)
        return Counter(self.answers)


def _lead_home(world: TcpWorld) -> None:
    holder = world.holder("source")
    holder.switch_and_resume()
    holder.disconnect()
    assert world.answered_by() == "source"


def test_one_who_dies_before_the_decision_holds_nobody_longer_than_his_word_says(world: TcpWorld) -> None:
    holder = world.holder("target", hold_seconds=1.5)
    holder.stage()
    began = time.monotonic()
    holder.pause()
    holder.disconnect()
    clients = Clients(world, 20)
    assert clients.end() == {"source": 20}
    assert time.monotonic() - began > 1.4, "nobody was let in before"
    _lead_home(world)


def test_one_who_dies_after_it_leads_nobody_anywhere(world: TcpWorld) -> None:
    holder = world.holder("target", hold_seconds=2)
    holder.stage()
    holder.pause()
    clients = Clients(world, 20)
    holder.prove()
    holder.disconnect()
    assert clients.end() == {"": 20}
    assert Clients(world, 5).end() == {"": 5}
    assert "holds" in str(world.holder("target").obstacles())
    _lead_home(world)


def test_a_hold_that_is_over_cannot_be_proved(world: TcpWorld) -> None:
    holder = world.holder("target", hold_seconds=0.3)
    holder.pause()
    time.sleep(0.5)
    with pytest.raises(NotFollowed):
        holder.prove()
    holder.disconnect()
    _lead_home(world)


def test_many_wait_for_seconds_through_a_reload_and_go_to_the_new_side(world: TcpWorld) -> None:
    holder = world.holder("target")
    holder.stage()
    holder.pause()
    before = Clients(world, 60)
    time.sleep(0.2)
    world.reload()
    after = Clients(world, 60)
    time.sleep(1.0)
    assert not before.answers
    assert not after.answers
    holder.prove()
    holder.switch_and_resume()
    assert (before.end(), after.end()) == ({"target": 60}, {"target": 60})
    holder.disconnect()
    _lead_home(world)


def test_whoever_comes_after_a_crash_in_the_hold_waits_too(world: TcpWorld) -> None:
    holder = world.holder("target")
    holder.stage()
    holder.pause()
    world.stop()
    starting = threading.Thread(target=world.start, daemon=True)  # returns when somebody is answered
    starting.start()
    time.sleep(0.5)
    clients = Clients(world, 10)
    time.sleep(0.3)
    assert "source" not in clients.answers
    holder.reconnect()
    holder.prove()
    holder.switch_and_resume()
    starting.join(30)
    assert set(clients.end()) <= {"target", ""}  # refused: it came before HAProxy listened
    assert world.answered_by() == "target"
    holder.disconnect()
    _lead_home(world)


def test_a_port_that_leads_to_no_word_is_named_before_anything_is_learned(world: TcpWorld) -> None:
    holder = world.holder("target")
    assert holder.find_unready() == []
    holder.disconnect()
    nobody = world.holder("target", "nobody")
    assert "nobody" in str(nobody.find_unready())
    nobody.disconnect()
    world.break_reading()
    holder = world.holder("target")
    assert "word_unused" in str(holder.find_unready())
    holder.disconnect()
    world.mend_reading()


def test_without_the_word_nobody_is_led_anywhere(world: TcpWorld) -> None:
    word = world.word("records")
    word.rename(word.with_suffix(".away"))
    try:
        assert Clients(world, 3).end() == {"": 3}
    finally:
        word.with_suffix(".away").rename(word)
    assert world.answered_by() == "source"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may change a root")
def test_it_holds_and_leads_where_haproxy_sees_its_chroot_only_as_distributions_leave_it() -> None:
    with made(8, chroot=True) as world:
        holder = world.holder("target")
        assert holder.find_problems() == []
        holder.stage()
        holder.pause()
        clients = Clients(world, 10)
        time.sleep(0.3)
        assert not clients.answers
        holder.prove()
        holder.switch_and_resume()
        assert clients.end() == {"target": 10}
        holder.disconnect()
        _lead_home(world)
        assert world.file().read_text("utf-8").count("new") == 0
