"""The trial run's watch: restarts are outlived, nobody is moved while going back is impossible, a person may say stay."""

from types import SimpleNamespace

import pytest

from orchestrator import texts
from orchestrator.errors import StepFailed, ToolError, TurnedBack
from orchestrator.steps import watch
from orchestrator.texts import Words


@pytest.fixture(autouse=True)
def english():
    texts.use("en")
    yield
    texts.use(None)


class Records:
    """Notes what watching saw."""

    def __init__(self) -> None:
        self.seen: list[dict[str, str]] = []
        self.stay: str | None = None

    def switch_time(self) -> None:
        return None

    def stay_decided(self) -> str | None:
        return self.stay

    def watch(self, problems: dict[str, Words]) -> None:
        self.seen.append({code: str(said) for code, said in problems.items()})


class Trial:
    """A trial run of half a second whose services and way back do what ``sick`` and ``broken`` say, look by look."""

    def __init__(self, monkeypatch, tmp_path) -> None:
        self.sick: list[bool] = []
        self.broken: list[bool] = []
        self.looks = 0
        self.ask_after = 1000
        self.said: list[str] = []
        self.records = Records()
        (tmp_path / "program.yaml").write_text(
            "timezone: Asia/Shanghai\nstarts: 2026-01-01\nphases: [{id: p1, name: p1, due: 2027-01-01, percent: 100}]\ntrial_grace_minutes: 0\n"
        )
        system = SimpleNamespace(id="portal", services=(), file_trees=(), trial_run_seconds=0.5)
        self.ctx = SimpleNamespace(
            system=system, records=self.records, facts={"replicate": {}}, say=self.said.append, migration="portal-1",
            world=SimpleNamespace(movable_databases=[], targets={}), settings=SimpleNamespace(inventory=tmp_path),
            progress=lambda _progress: None, pause=lambda _seconds: self.turn(), stop_if_asked=self.stop_if_asked,
        )  # fmt: skip
        monkeypatch.setattr(watch, "unhealthy", lambda _ctx: ["web: no answer"] if self.now(self.sick) else [])
        monkeypatch.setattr(watch, "protect_live_side", lambda _ctx: None)
        monkeypatch.setattr(watch, "_way_back", lambda _ctx: {"portal side": "portal: away"} if self.now(self.broken) else {})

    def now(self, states: list[bool]) -> bool:
        return states[min(self.looks, len(states) - 1)] if states else False

    def turn(self) -> None:
        self.looks += 1
        if self.looks >= 60:
            pytest.fail("it watches for ever")

    def stop_if_asked(self) -> None:
        if self.looks >= self.ask_after:
            raise TurnedBack(where="portal-1")

    def grace(self, minutes: float) -> None:
        file = self.ctx.settings.inventory / "program.yaml"
        file.write_text(file.read_text().replace("trial_grace_minutes: 0", f"trial_grace_minutes: {minutes}"))


@pytest.fixture
def trial(monkeypatch, tmp_path) -> Trial:
    return Trial(monkeypatch, tmp_path)


class AwayMover:
    """One whose sides cannot be reached."""

    def find_alarms(self, _part, _marker) -> dict[str, str]:
        raise ConnectionError("no route to host\n")


def test_a_side_that_cannot_be_seen_is_named(monkeypatch):
    ctx = SimpleNamespace(facts={"replicate": {}}, migration="portal-1")
    monkeypatch.setattr(watch, "parts", lambda _ctx: [(AwayMover(), SimpleNamespace(name="portal"))])
    assert [str(problem) for problem in watch.way_back_problems(ctx)] == ["portal: a side cannot be seen: no route to host"]
    ctx.facts.clear()
    assert watch.way_back_problems(ctx) == []  # a hosted system's data travelled with it


def test_what_stays_unhealthy_goes_back_when_it_can(trial):
    trial.sick = [True]
    with pytest.raises(StepFailed, match="web: no answer"):
        watch.trial_run(trial.ctx)
    assert trial.records.seen == [{"health": "web: no answer"}]


def test_a_restart_within_the_grace_time_is_outlived(trial):
    trial.grace(15)
    trial.sick = [True, True, True, False]
    trial.ask_after = 5
    with pytest.raises(TurnedBack):
        watch.trial_run(trial.ctx)
    assert trial.records.seen == [{"health": "web: no answer"}] * 3 + [{}] * 2


def test_nobody_is_moved_while_going_back_is_impossible_and_the_grace_time_begins_when_it_is_possible_again(trial):
    trial.grace(15)
    trial.sick, trial.broken = [True], [True] * 10 + [False]
    trial.ask_after = 12
    with pytest.raises(TurnedBack):
        watch.trial_run(trial.ctx)
    assert len(trial.records.seen) == 12
    assert "it cannot go back now and stays, watched: portal: away" in trial.said[0]
    assert "goes back by itself if that lasts 15 min more" in trial.said[-1]


def test_even_without_any_grace_nobody_is_moved_while_going_back_is_impossible(trial):
    trial.sick, trial.broken = [True], [True, True, True, False]
    with pytest.raises(StepFailed):
        watch.trial_run(trial.ctx)
    assert trial.looks == 3


def test_who_decided_to_stay_stays_and_is_watched_on(trial):
    trial.sick, trial.ask_after = [True], 4
    trial.records.stay = "the fix comes at noon (os:chen)"
    with pytest.raises(TurnedBack):
        watch.trial_run(trial.ctx)
    assert len(trial.records.seen) == 4
    assert "a person decided to stay: the fix comes at noon (os:chen)" in trial.said[0]


def test_files_that_do_not_reach_the_source_are_an_alarm_and_tried_again_and_move_nobody(trial, monkeypatch):
    """A controller whose disk was full took the whole system back: the pass of its files had failed once."""
    tries = []

    def follow(_ctx) -> dict[str, Words]:
        tries.append(len(tries))
        if len(tries) <= 3:
            raise ToolError("rsync ended with 11: No space left on device", remedy="free space")
        return {}

    monkeypatch.setattr(watch, "files_back", follow)
    monkeypatch.setattr(watch, "FILES_EVERY_SECONDS", -1.0)
    trial.sick, trial.ask_after = [False, False, True, False], 6
    with pytest.raises(TurnedBack):
        watch.trial_run(trial.ctx)
    behind = "what was written to files on the target does not reach the source: rsync ended with 11: No space left on device → free space"
    assert [seen.get("files") for seen in trial.records.seen] == [None, behind, behind, behind, None, None]
    assert len(tries) == 6
    assert "it cannot go back now and stays, watched: " + behind in trial.said[0]


def test_what_is_written_past_the_entry_is_an_alarm_told_once_and_moves_nobody(trial, monkeypatch):
    """A department's own people who know the old server's address: their files are on the old disk only until acceptance."""
    made = {"past_entry": "2 files were written at the old side"}
    monkeypatch.setattr(watch, "files_back", lambda _ctx: made if 1 <= trial.looks < 4 else {})
    monkeypatch.setattr(watch, "FILES_EVERY_SECONDS", -1.0)
    trial.ask_after = 6
    with pytest.raises(TurnedBack):
        watch.trial_run(trial.ctx)
    assert [seen.get("past_entry") for seen in trial.records.seen] == [None, None, *[made["past_entry"]] * 3, None]
    assert trial.said == [made["past_entry"]]


def test_illness_counts_only_while_going_back_is_possible():
    illness = watch.Illness()
    looks = [(True, True, 0), (True, True, 5), (True, False, 9), (True, True, 20), (True, True, 26), (False, True, 30), (True, True, 40)]
    assert [illness.look(sick=s, can_go_back=c, now=n) for s, c, n in looks] == [0, 5, 0, 0, 6, 0, 0]
