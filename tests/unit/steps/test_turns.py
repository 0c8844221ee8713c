"""Migrations that change one host take turns; those that change different ones do not wait for each other."""

from __future__ import annotations

import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from orchestrator.steps.turns import one_at_a_time


def test_the_second_waits_until_the_first_has_done_and_others_do_not(tmp_path: Path) -> None:
    ctx: Any = SimpleNamespace(settings=SimpleNamespace(state=tmp_path))
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
