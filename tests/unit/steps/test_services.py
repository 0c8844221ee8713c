"""What the world is asked of services: an undo that was done is seen as done, whatever stood on the target before."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from orchestrator.hosts.services import Placed, State
from orchestrator.models import Service
from orchestrator.steps import services
from orchestrator.steps.base import Observed, Step


class Manager:
    """The contract of ``hosts.services`` in memory. ``before``: what runs there already."""

    def __init__(self, before: State) -> None:
        self.before = self.now = before
        self.placed: dict[str, str] | None = None
        self.runs_with: dict[str, str] | None = None

    def state(self, service: Placed) -> State:
        given = [kept == dict(service.environment) for kept in (self.placed, None if service.shared else self.runs_with) if kept is not None]
        return dataclasses.replace(self.now, ours=self.placed is not None, as_given=self.placed is not None and all(given))

    def place(self, service: Placed) -> None:
        self.placed, self.now = dict(service.environment), dataclasses.replace(self.now, present=True)

    def start(self, service: Placed) -> None:
        self.runs_with, self.now = dict(service.environment), dataclasses.replace(self.now, active=True)

    def reload(self, service: Placed) -> None: ...

    def hold(self, _service: Placed) -> None:
        self.now = dataclasses.replace(self.now, active=False, held=True)

    def release(self, _service: Placed) -> None:
        self.now = dataclasses.replace(self.now, held=False)

    def restore(self, _service: Placed) -> None:
        self.now, self.placed, self.runs_with = self.before, None, None


class World:
    """One service on one host, on both sides."""

    movable_databases = ()

    def __init__(self, before: State) -> None:
        self.targets = {"app": SimpleNamespace(name="app-cloud", manager="systemd")}
        self.there = Manager(before)
        self.here = Manager(State(True, True))

    def source(self, name: str) -> Any:
        return SimpleNamespace(name=name, manager="systemd")

    def target(self, name: str) -> Any:
        return self.targets[name]

    def manager(self, host: Any, _service: Service) -> Manager:
        return self.there if host.name.endswith("-cloud") else self.here

    def ssh(self, _host: Any) -> Any:
        return SimpleNamespace(name="app-cloud", run=lambda *_argv, **_more: None)

    def home(self, _host: Any, *parts: str) -> str:
        return "/".join(("/var/lib/orchestrator", *parts))

    def reference_table(self, _service: Service, _rehearsal: object) -> dict[str, str]:
        return {}

    def service(self, service: Service, *, effects: bool, **_rehearsal: object) -> Placed:
        return Placed(service.name, unit=str(service.unit), environment={"OUTSIDE_EFFECTS": "on" if effects else "off"}, shared=service.shared)

    def service_before(self, service: Service) -> Placed:
        return Placed(service.name, unit=str(service.unit))


@pytest.fixture(autouse=True)
def nothing_is_carried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(services, "carriage", lambda *_: None)


NEW, PACKAGED = State(False, False), State(True, True, "enabled")
KINDS = [
    pytest.param(Service(name="web", host="app", unit="web.service", singleton=False), NEW, id="a unit of its own"),
    pytest.param(Service(name="nginx", host="app", unit="nginx.service", singleton=False, shared=True), PACKAGED, id="a web server of others too"),
    pytest.param(Service(name="nginx", host="app", unit="nginx.service", singleton=False), PACKAGED, id="a package's, at work already"),
    pytest.param(Service(name="queue", host="app", unit="queue.service", singleton=True), NEW, id="one that runs once"),
    pytest.param(Service(name="nightly", host="app", unit="nightly.service", singleton=False), State(True, False), id="a job that ends by itself"),
]


@pytest.mark.parametrize(("service", "before"), KINDS)
@pytest.mark.parametrize("late", [services.WARM, services.GO_LIVE], ids=lambda step: step.id)
def test_what_was_undone_is_seen_as_undone(service: Service, before: State, late: Step) -> None:
    """Else the ending speaks of clean-up that is owed, and it is not."""
    ctx: Any = SimpleNamespace(
        world=World(before), system=SimpleNamespace(id="s", services=(service,)), say=lambda _text: None, target_is_lost=lambda: False,
        facts={"hold_entry": {"holds": True}},
    )  # fmt: skip
    done: list[tuple[Step, Callable[[Any], None] | None]] = [(services.DEPLOY, services.DEPLOY.undo_target), (late, late.undo_target)]
    for step, _ in done:
        step.run(ctx)
        assert step.observe(ctx) in (Observed.DONE, Observed.NOTHING), step.id
    for step, undo in reversed(done):
        assert undo is not None
        undo(ctx)
        if step.undo_source is not None:
            step.undo_source(ctx)
        assert step.observe(ctx) is not Observed.DONE, step.id
