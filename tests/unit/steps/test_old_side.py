"""After acceptance: what stops at the old side, what goes on and is named, what waits for a person; who comes past the entry."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from orchestrator.errors import StepFailed, Unasked, Waiting
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


TAKE_OVER = files.take_over
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

    def away(_connection: object, _ports: object) -> dict[int, set[str]]:
        raise Unasked("no answer", host="app", remedy="start it")

    monkeypatch.setattr(visitors, "look", away)
    assert old_side.look(ctx)["unseen"] == "no answer"  # it must not lead citizens back to that very host
    monkeypatch.setattr(visitors, "look", lambda _connection, ports: dict.fromkeys(ports, ours))
    assert old_side.look(ctx) == {"past_entry": []}


def _take_over(monkeypatch: pytest.MonkeyPatch, looks: list[Own]) -> tuple[dict[str, Any], list[tuple[Any, Any]]]:
    """What taking over comes to when the old side shows these, look after look; and what was copied, to where."""
    copied: list[tuple[Any, Any]] = []
    place = SimpleNamespace(host=SimpleNamespace(name="app-new"), path="/srv/up")
    monkeypatch.setattr(files, "places", lambda *_: (place, place))
    monkeypatch.setattr(files, "find_left_behind", lambda *_: looks.pop(0))
    monkeypatch.setattr(files, "ids", lambda *_: [])
    monkeypatch.setattr(
        files, "rsync", lambda _ctx: SimpleNamespace(copy_tree=lambda *where, only, **_more: copied.append((where[3], only)))
    )
    ctx: Any = SimpleNamespace(migration="m1", system=SimpleNamespace(id="portal"), world=SimpleNamespace(home=lambda _host, *parts: "/".join(parts)))
    return TAKE_OVER(ctx, SimpleNamespace(path="/srv/up")), copied


def test_new_files_join_and_other_versions_lie_beside(monkeypatch: pytest.MonkeyPatch) -> None:
    facts, copied = _take_over(monkeypatch, [Own(("a.txt", "b.txt"), ("page.html",)), Own((), ("page.html",))])
    assert copied == [("/srv/up", ("a.txt", "b.txt")), ("quarantine/m1-old-side/srv_up", ("page.html",))]
    assert (facts["joined_count"], facts["beside"], facts["quarantine"]) == (2, ["page.html"], "app-new:quarantine/m1-old-side/srv_up")


def test_what_did_not_arrive_is_named_and_what_came_since_holds_nobody_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """A web server that others use goes on: it may write while we look."""
    facts, _ = _take_over(monkeypatch, [Own(("a.txt",), ()), Own(("later.txt",), ())])
    assert facts["joined"] == ["a.txt"]
    with pytest.raises(StepFailed, match=r"a\.txt"):
        _take_over(monkeypatch, [Own(("a.txt",), ()), Own(("a.txt", "later.txt"), ())])
