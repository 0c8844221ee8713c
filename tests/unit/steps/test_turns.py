"""Migrations that change one host take turns; those that change different ones do not wait for each other."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from orchestrator import texts
from orchestrator.errors import StepFailed, TurnedBack
from orchestrator.progress import Progress
from orchestrator.settings import Limits
from orchestrator.steps import turns
from orchestrator.steps.base import Context
from orchestrator.steps.turns import at_a_place, one_at_a_time
from orchestrator.tools.locks import is_locked


def context(state: Path, system: str = "permits", should_stop: Callable[[], bool] = lambda: False) -> Any:
    """A migration's surroundings that keep what they are told."""
    told: list[Any] = []
    nothing: Any = None
    ctx = Context(
        system=nothing, verdict=nothing, plan=nothing, sites=nothing, settings=nothing, migration=f"{system}-1", token=1, records=nothing,
        say=told.append, world=nothing, progress=told.append, should_stop=should_stop,
    )  # fmt: skip
    ctx.system = SimpleNamespace(id=system)
    ctx.settings = SimpleNamespace(state=state, limits=Limits(programs=2))
    ctx.records = SimpleNamespace(event=lambda kind, payload: told.append({"kind": kind, **payload}))
    return SimpleNamespace(ctx=ctx, told=told)


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(turns, "TELL_SECONDS", 0.2)
    texts.use("en")
    yield
    texts.use(None)


def test_the_second_waits_until_the_first_has_done_and_others_do_not(tmp_path: Path) -> None:
    ctx = context(tmp_path).ctx
    seen: list[str] = []
    begun = threading.Event()

    def second() -> None:
        begun.set()
        with one_at_a_time(ctx, ["edge", "app"]):
            seen.append("second")

    with one_at_a_time(ctx, ["edge"]):
        waiting = threading.Thread(target=second)
        waiting.start()
        begun.wait(5)
        with one_at_a_time(ctx, ["db"]):
            seen.append("another host")
        waiting.join(0.3)
        assert waiting.is_alive()
        seen.append("first")
    waiting.join(10)
    assert seen == ["another host", "first", "second"]


def test_who_waits_says_for_whom_and_hears_a_cancel(tmp_path: Path) -> None:
    cancelled = threading.Event()
    first, second = context(tmp_path), context(tmp_path, "archive", cancelled.is_set)
    second.ctx.progress = lambda progress: (second.told.append(progress), cancelled.set())
    with one_at_a_time(first.ctx, ["edge"]), pytest.raises(TurnedBack), one_at_a_time(second.ctx, ["edge"]):
        pytest.fail("two at once")
    words = [told for told in second.told if isinstance(told, str)]
    assert len(words) == 1
    assert all(word in words[0] for word in ("edge", "permits", "permits-1", str(os.getpid())))
    assert [told["host"] for told in second.told if isinstance(told, dict)] == ["edge"]
    assert any(isinstance(told, Progress) for told in second.told)
    assert first.told == []


@pytest.mark.parametrize("only_looks", [True, False])
def test_a_turn_that_does_not_come_is_an_error_with_a_way_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, only_looks: bool) -> None:
    """Who only looks waits for less; a dry run has no journal to write to."""
    monkeypatch.setattr(turns, "LOOK_SECONDS" if only_looks else "LIMIT_SECONDS", 0.6)
    first, second = context(tmp_path), context(tmp_path, "archive")
    if only_looks:
        second.ctx.records = None
    with one_at_a_time(first.ctx, ["edge"]), pytest.raises(StepFailed) as caught, one_at_a_time(second.ctx, ["edge"], only_looks=only_looks):
        pytest.fail("two at once")
    assert "permits-1" in str(caught.value)
    assert "status" in caught.value.remedy
    with one_at_a_time(second.ctx, ["edge"]):
        assert second.ctx.migration == "archive-1"


def test_a_holder_that_left_no_name_is_said_with_its_lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns, "LIMIT_SECONDS", 0.4)
    lock = os.open(tmp_path / "host-edge.lock", os.O_RDONLY | os.O_CREAT, 0o640)
    assert is_locked(lock)
    with pytest.raises(StepFailed, match=r"host-edge\.lock"), one_at_a_time(context(tmp_path).ctx, ["edge"]):
        pytest.fail("two at once")
    os.close(lock)


def test_nothing_is_left_of_a_turn_but_its_lock(tmp_path: Path) -> None:
    with one_at_a_time(context(tmp_path).ctx, ["edge", "app"]):
        assert len(list(tmp_path.iterdir())) == 4
    assert sorted(path.name for path in tmp_path.iterdir()) == ["host-app.lock", "host-edge.lock"]


def test_programs_take_the_places_that_there_are_and_the_next_one_comes_when_one_is_free(tmp_path: Path) -> None:
    at_work, most, lock = 0, 0, threading.Lock()

    def work() -> None:
        nonlocal at_work, most
        with at_a_place(context(tmp_path).ctx):
            with lock:
                at_work += 1
                most = max(most, at_work)
            threading.Event().wait(0.2)
            with lock:
                at_work -= 1

    threads = [threading.Thread(target=work) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert (at_work, most) == (0, 2)


def test_who_waits_for_a_place_says_so_once_and_turns_back_when_asked_to(tmp_path: Path) -> None:
    cancelled = threading.Event()
    first, second, third = context(tmp_path), context(tmp_path), context(tmp_path, "archive", cancelled.is_set)
    third.ctx.progress = lambda progress: (third.told.append(progress), cancelled.set())
    with at_a_place(first.ctx), at_a_place(second.ctx), pytest.raises(TurnedBack), at_a_place(third.ctx):
        pytest.fail("three at once")
    assert [told for told in third.told if isinstance(told, str)] == ["waits for one of the 2 places for Ansible and Terraform on this controller"]
