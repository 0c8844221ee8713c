"""What every holder promises (`gateways/holder.py`), asked of real PgBouncer and HAProxy with other people's configuration."""

from __future__ import annotations

import os
import stat
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from orchestrator.gateways.holder import Holder, NotFollowed, Place
from tests.contracts.guard.servers import Servers
from tests.contracts.holder.gateways import Gateway, HaproxyWorld, PgBouncerWorld

pytestmark = [pytest.mark.servers, pytest.mark.timeout(300)]


@pytest.fixture(scope="module", params=["pgbouncer", "haproxy"])
def gateway(request: pytest.FixtureRequest) -> Iterator[Gateway]:
    with tempfile.TemporaryDirectory(prefix="holder-") as folder:
        Path(folder).chmod(0o755)
        if request.param == "pgbouncer":
            with Servers(Path(folder)) as servers:
                yield PgBouncerWorld(servers)
        else:
            world = HaproxyWorld(Path(folder), f"127.{100 + os.getpid() % 40}.{os.getpid() // 40 % 250}.5")
            yield world
            world.close()


@contextmanager
def opened(gateway: Gateway, to: str, part: str = "records") -> Iterator[Holder]:
    holder = gateway.holder(to, part)
    try:
        yield holder
    finally:
        holder.disconnect()


def test_it_says_what_it_serves_and_what_it_does_not(gateway: Gateway) -> None:
    with opened(gateway, "target") as holder:
        assert holder.obstacles() == []
        assert holder.knows("records")
        assert not holder.knows("nobody")
        assert holder.serves()
        assert not holder.is_led()
    with opened(gateway, "target", "nobody") as holder:
        assert any("nobody" in problem for problem in holder.obstacles())


def test_what_is_staged_is_in_the_file_and_not_served_and_goes_out_without_a_trace(gateway: Gateway) -> None:
    before, mode = gateway.file().read_bytes(), stat.S_IMODE(gateway.file().stat().st_mode)
    with opened(gateway, "target") as holder:
        holder.stage()
        assert gateway.file().read_bytes() != before
        assert gateway.answered_by() == "source"
        holder.unstage()
        holder.unstage()
    assert gateway.file().read_bytes() == before
    assert stat.S_IMODE(gateway.file().stat().st_mode) == mode


def test_a_pause_makes_clients_wait_and_a_resume_lets_them_go_on_where_they_were(gateway: Gateway) -> None:
    with opened(gateway, "target") as holder:
        holder.pause()
        answers: list[str] = []
        client = threading.Thread(target=lambda: answers.append(gateway.answered_by()), daemon=True)
        client.start()
        client.join(1.0)
        assert bool(answers) is not holder.holds
        holder.prove()
        holder.resume()
        holder.resume()
        client.join(30)
        assert answers == ["source"]


def test_it_switches_for_every_name_and_outlives_its_restart_and_comes_back_byte_for_byte(gateway: Gateway) -> None:
    before, others = gateway.file().read_bytes(), gateway.others()
    with opened(gateway, "target") as holder:
        holder.stage()
        holder.pause()
        holder.switch_and_resume()
        holder.switch_and_resume()
        assert gateway.answered_by() == "target"
        assert gateway.others() == others
    gateway.restart()
    assert gateway.answered_by() == "target"
    with opened(gateway, "source") as holder:
        holder.stage()
        holder.switch_and_resume()
        assert gateway.answered_by() == "source"
        holder.unlearn("records")
    assert gateway.file().read_bytes() == before
    gateway.restart()
    assert gateway.answered_by() == "source"
    assert gateway.others() == others


def test_one_that_says_yes_and_does_not_follow_is_found_out(gateway: Gateway) -> None:
    before = gateway.file().read_bytes()
    with opened(gateway, "target") as holder:
        holder.stage()
        gateway.break_reading()
        try:
            with pytest.raises(NotFollowed):
                holder.switch_and_resume()
            assert gateway.answered_by() == "source"
        finally:
            gateway.mend_reading()
        holder.switch_and_resume()
        assert gateway.answered_by() == "target"
    with opened(gateway, "source") as holder:
        holder.switch_and_resume()
        holder.unlearn("records")
    assert gateway.file().read_bytes() == before


def test_a_name_that_leads_elsewhere_is_not_learned_over(gateway: Gateway) -> None:
    if gateway.name == "haproxy":
        with opened(gateway, "target", "nobody") as holder, pytest.raises(NotFollowed):
            holder.learn("nobody", Place("10.1.1.2", 1))
        return
    with opened(gateway, "target") as holder, pytest.raises(NotFollowed, match="already"):
        holder.learn("my1db", Place("10.0.0.1", 5432))
