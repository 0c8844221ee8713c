"""After acceptance: what stops at the old side, what goes on and is named, what waits for a person; who comes past the entry."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from orchestrator.errors import Unasked, Waiting
from orchestrator.hosts import visitors
from orchestrator.hosts.services import Placed, State
from orchestrator.models import Service
from orchestrator.movers.files.merge import Own
from orchestrator.steps import files, old_side
from orchestrator.steps.base import Observed


class Manager:
    """What keeps the services of one old host, in memory."""

    def __init__(self, states: dict[str, State], *, away: bool = False) -> None:
        self.states, self.away, self.held = states, away, []  # type: ignore[var-annotated]

    def state(self, service: Placed) -> State:
        if self.away:
            raise Unasked("no answer", host="app", remedy="start it")
        return self.states[service.name]

    def hold(self, service: Placed) -> None:
        self.held.append(service.name)
        self.states[service.name] = State(True, False, held=True)


class Records:
    """Human tasks: those in ``done`` are answered."""

    def __init__(self) -> None:
        self.done: list[str] = []
        self.asked: list[str] = []

    def task(self, _step: str, name: str, **_words: object) -> dict[str, Any]:
        self.asked.append(name)
        row = {"id": 7, "detail": {}, "actor": "os:lin", "evidence": "seen", "opened": "1", "done": "2"}
        return row | {"state": "done" if name in self.done else "open"}

    def task_opened(self, _step: str, name: str) -> float | None:
        return 1.0 if name in self.asked else None

    def tasks_done(self, _step: str) -> list[str]:
        return self.done


SERVICES = (
    Service(name="api", host="app", unit="api.service", port=8000, singleton=False, entry="portal"),
    Service(name="nginx", host="app", unit="nginx.service", port=80, singleton=False, shared=True, entry="portal"),
    Service(name="worker", host="app", unit="worker.service", singleton=True),
    Service(name="by-hand", host="app", command=("/opt/x",), singleton=False),
    Service(name="untold", host="app", port=99, singleton=False),
)
UP, GONE = State(True, True), State(False, False)


@pytest.fixture(autouse=True)
def english():
    from orchestrator import texts

    texts.use("en")
    yield
    texts.use(None)


def make(states: dict[str, State] | None = None, *, away: bool = False) -> Any:
    manager = Manager(states or {"api": UP, "nginx": UP, "worker": State(True, False, held=True), "by-hand": GONE}, away=away)
    host = SimpleNamespace(name="app", address="10.1.4.10", manager="systemd")
    world = SimpleNamespace(
        source=lambda _name: host, manager=lambda *_: manager, service_before=lambda one: Placed(one.name), targets={}, kept=manager,
        ssh=lambda _host: SimpleNamespace(from_address="10.1.4.2", run=lambda *_a, **_k: SimpleNamespace(stdout="10.1.4.5 10.9.0.5\n")),
    )  # fmt: skip
    entry = SimpleNamespace(address="10.1.4.3", ssh=SimpleNamespace(address="10.1.4.4"))
    system = SimpleNamespace(id="portal", hosts=(host,), services=SERVICES, file_trees=(SimpleNamespace(host="app", path="/srv/up"),))
    said: list[str] = []
    return SimpleNamespace(world=world, system=system, sites=SimpleNamespace(entry=entry), records=Records(), say=said.append, said=said)


@pytest.fixture(autouse=True)
def no_files(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    taken: list[str] = []

    def take_over(_ctx: Any, tree: Any) -> dict[str, Any]:
        taken.append(tree.path)
        return {"joined": ["a.txt"], "joined_count": 1, "beside": [], "beside_count": 0, "quarantine": ""}

    monkeypatch.setattr(files, "take_over", take_over)
    monkeypatch.setattr(files, "find_left_behind", lambda *_: Own((), ()) if taken else Own(("a.txt",), ()))
    return taken


def test_what_is_its_own_stops_the_last_one_first_and_the_rest_is_named() -> None:
    ctx = make()
    assert old_side.observe(ctx) is Observed.UNCLEAR  # the worker was handed over before
    facts = old_side.close(ctx)
    assert ctx.world.kept.held == ["worker", "api"] == facts["stopped"]
    assert facts["goes_on"] == ["nginx", "by-hand", "untold"]
    assert [line.split(" ")[0] for line in ctx.said] == ["app:/srv/up:", "nginx", "by-hand", "untold"]
    assert facts["files"]["app:/srv/up"]["joined_count"] == 1
    assert old_side.observe(ctx) is Observed.DONE


def test_files_that_came_past_the_entry_and_did_not_join_are_not_done() -> None:
    ctx = make({"api": State(True, False, held=True), "nginx": UP, "worker": State(True, False, held=True), "by-hand": GONE})
    assert old_side.observe(ctx) is Observed.UNCLEAR


def test_an_old_host_that_does_not_answer_waits_for_a_person_and_then_goes_on(no_files: list[str]) -> None:
    ctx = make(away=True)
    with pytest.raises(Waiting):
        old_side.close(ctx)
    assert ctx.records.asked == ["off-app"]
    assert old_side.observe(ctx) is Observed.NOT_DONE
    ctx.records.done.append("off-app")
    facts = old_side.close(ctx)
    assert (facts["stopped"], list(facts["off"]), no_files) == ([], ["app"], [])
    assert old_side.observe(ctx) is Observed.DONE


def test_whoever_is_neither_the_entry_nor_of_the_system_comes_past_it(monkeypatch: pytest.MonkeyPatch) -> None:
    ctx = make()
    ours = {"10.1.4.2", "10.1.4.3", "10.1.4.4", "10.9.0.5", "10.1.4.10"}
    monkeypatch.setattr(visitors, "look", lambda _connection, ports: {port: ours | {"10.7.7.7"} if port == 80 else ours for port in ports})
    with pytest.raises(Waiting, match=r"nginx .*10\.7\.7\.7"):
        old_side.look(ctx)
    ctx.records.done.append(old_side.TASK)
    assert old_side.look(ctx)["tasks"][old_side.TASK]["evidence"] == "seen"
    ctx = make()
    monkeypatch.setattr(visitors, "look", lambda _connection, ports: dict.fromkeys(ports, ours))
    assert old_side.look(ctx) == {"past_entry": []}
