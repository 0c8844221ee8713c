"""The trial run's watch: a side that is away for a moment is an alarm, never by itself a reason to move citizens."""

from types import SimpleNamespace

import pytest

from orchestrator.errors import StepFailed
from orchestrator.steps import watch


class Records:
    """Notes alarms; ``asked`` after so many looks."""

    def __init__(self) -> None:
        self.alarms: list[list[str]] = []

    def switch_time(self) -> None:
        return None

    def turn_back_asked(self) -> str | None:
        return "enough (os:chen)" if len(self.alarms) >= 2 else None

    def event(self, kind: str, payload: dict) -> None:
        assert kind == "way_back_alarm"
        self.alarms.append(payload["problems"])


@pytest.fixture
def ctx():
    def away(_database, _side):
        raise ConnectionError("no route to host\n")

    database = SimpleNamespace(name="portal")
    world = SimpleNamespace(movable_databases=[database], dsn=away, targets={})
    system = SimpleNamespace(id="portal", services=(), file_trees=(), trial_run_seconds=0.5)
    return SimpleNamespace(
        world=world, system=system, records=Records(), facts={"replicate": {}}, say=lambda _text: None, migration="portal-1"
    )


def test_a_side_that_cannot_be_seen_is_named(ctx):
    assert watch.way_back_problems(ctx) == ["portal: a side cannot be seen: no route to host"]


def test_the_time_without_a_way_back_does_not_count_and_a_person_decides(ctx):
    with pytest.raises(StepFailed, match="rollback asked for: enough"):
        watch.trial_run(ctx)
    assert len(ctx.records.alarms) == 2  # half a second long, and not over after more than that without a way back


def test_a_hosted_system_has_no_way_back_to_watch(ctx):
    ctx.facts.clear()
    assert watch.way_back_problems(ctx) == []
    assert watch.trial_run(ctx)["looks"] >= 1
