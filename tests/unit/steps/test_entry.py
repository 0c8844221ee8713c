"""What is said of an entry that several systems share while it is being reloaded for another of them."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from orchestrator.steps import entry
from orchestrator.steps.base import Observed


def observe(monkeypatch: pytest.MonkeyPatch, looks: Iterator[bool], *, is_back: bool = False) -> Observed:
    monkeypatch.setattr(entry, "_services", lambda _ctx: ["web"])
    monkeypatch.setattr(entry, "_is_led", lambda _ctx, _to: next(looks))
    monkeypatch.setattr(entry, "is_back", lambda _ctx: Observed.DONE if is_back else Observed.NOT_DONE)
    monkeypatch.setattr(entry, "RELOAD_SECONDS", 0.5)
    ctx: Any = SimpleNamespace()
    return entry.observe(ctx)


def test_neither_side_for_a_moment_is_looked_at_again(monkeypatch: pytest.MonkeyPatch) -> None:
    assert observe(monkeypatch, iter([False, False, True])) is Observed.DONE


def test_neither_side_for_longer_is_unclear(monkeypatch: pytest.MonkeyPatch) -> None:
    assert observe(monkeypatch, iter([False] * 50)) is Observed.UNCLEAR


def test_the_old_side_is_said_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    assert observe(monkeypatch, iter([False]), is_back=True) is Observed.NOT_DONE
