"""What a run shows: one line a change, JSON for pipelines, bars on a terminal; one language at a time."""

import io
import json
import os
import pty

import pytest

from orchestrator import texts
from orchestrator.cli import console
from orchestrator.cli.console import JsonLines, Lines, observer, progress_line
from orchestrator.engine.observer import Observer, Report
from orchestrator.journal.states import Ending
from orchestrator.progress import Pace, Progress

FINDING = {"code": "unlogged", "place": "portal", "message": "table public.a is unlogged", "remedy": "make it logged"}
REFUSED = Report(Ending.ROLLED_BACK_BEFORE, why="2 findings", refused=True, findings=[FINDING, FINDING | {"message": "b\x1b[2J"}])
OWING = Report(Ending.ROLLED_BACK_BEFORE, why="no disk", owed=[{"number": 7, "what": "copy: disk full", "remedy": "free it"}])


@pytest.fixture(autouse=True)
def language():
    texts.use("en")
    yield
    texts.use(None)


def tell(shown: Observer) -> None:
    """A short run."""
    shown.advanced("portal", "replicate", "running", 8, 25)
    for done in (0, 1 << 20, 2 << 20):
        shown.progressed("portal", Progress("portal", done, 4 << 20))
    for _ in range(160):
        shown.said("portal", "1 tables to copy")
    shown.advanced("portal", "replicate", "done", 8, 25)
    shown.ended("portal", REFUSED)


def test_lines_say_each_thing_once():
    out = io.StringIO()
    tell(Lines(out))
    said = [line[10:].split(maxsplit=1)[1] for line in out.getvalue().splitlines()]
    assert said == [
        "[8/25] copy the databases and keep them in step",
        "1 tables to copy",
        "refused, and nothing was touched: 2 findings",
        "unlogged portal: table public.a is unlogged → make it logged",
        "unlogged portal: b\ufffd[2J → make it logged",
        "→ mend every finding, then `orchestrator migrate` again",
    ]


def test_what_takes_long_gets_a_line_now_and_then(monkeypatch):
    out, at = io.StringIO(), [0.0]
    monkeypatch.setattr(console.time, "monotonic", lambda: at[0])
    lines = Lines(out)
    for second in range(26):
        at[0] = float(second)
        lines.progressed("portal", Progress("portal", second * (1 << 20), 100 << 20))
    assert [line.split("portal: ")[1] for line in out.getvalue().splitlines()] == [
        "10.0 MB / 100.0 MB, 1.0 MB/s, about 1 min 30 s left",
        "20.0 MB / 100.0 MB, 1.0 MB/s, about 1 min 20 s left",
    ]


def test_every_json_line_is_an_object_with_what_a_pipeline_asks_for():
    out = io.StringIO()
    tell(JsonLines(out))
    events = [json.loads(line) for line in out.getvalue().splitlines()]
    assert events[0] | {"at": 0} == {
        "at": 0,
        "event": "step",
        "system": "portal",
        "step": "replicate",
        "state": "running",
        "number": 8,
        "of": 25,
    }
    assert {e["event"] for e in events} == {"step", "progress", "said", "ended"}
    assert events[-1]["ending"] == "rolled_back_before_cutover"
    assert events[-1]["refused"] is True
    assert [f["message"] for f in events[-1]["findings"]] == ["table public.a is unlogged", "b\x1b[2J"]


def test_what_is_owed_stands_in_the_ending_with_what_to_type():
    out = io.StringIO()
    Lines(out).ended("portal", OWING)
    assert "owed clean-up 7: copy: disk full → free it" in out.getvalue()
    assert "`orchestrator resume portal` tries the clean-up again" in out.getvalue()


@pytest.mark.parametrize(("language", "wanted", "other"), [("zh", "检查未通过", "refused"), ("en", "refused", "检查")])
def test_one_language_at_a_time(language, wanted, other):
    texts.use(language)
    out = io.StringIO()
    tell(Lines(out))
    assert wanted in out.getvalue()
    assert other not in out.getvalue()


def test_on_a_terminal_each_migration_has_its_row_and_its_bar_and_nothing_of_it_is_left():
    """A real terminal: what a control sequence in a finding would do to it is neutralised."""
    master, slave = pty.openpty()
    with os.fdopen(slave, "w") as stream:
        with observer("auto", stream) as shown:
            shown.advanced("portal", "replicate", "running", 8, 25)
            shown.progressed("portal", Progress("portal", 1 << 20, 4 << 20))
            rows = [shown.render()]  # type: ignore[attr-defined]  # on a terminal it is the Terminal
            shown.ended("portal", REFUSED)
        stream.flush()
        said = b""
        while "b\ufffd[2J".encode() not in said:  # the kernel hands a terminal's output on in pieces, on a busy machine one by one
            said += os.read(master, 1 << 20)
        seen = said.decode()
    os.close(master)
    from rich.console import Console

    drawn = io.StringIO()
    Console(file=drawn, width=200).print(*rows)
    assert "copy the databases and keep them in step" in drawn.getvalue()
    assert "1.0 MB / 4.0 MB" in drawn.getvalue()
    assert "refused, and nothing was touched" in seen
    assert "b\ufffd[2J" in seen


def test_elsewhere_than_on_a_terminal_and_by_choice():
    with observer("auto", io.StringIO()) as shown:
        assert isinstance(shown, Lines)
    with observer("json", io.StringIO()) as shown:
        assert isinstance(shown, JsonLines)


def test_pace_forgets_what_was_long_ago_and_does_not_guess():
    pace = Pace()
    pace.add(Progress("x", 0, 100), at=0)
    assert (pace.rate, pace.left) == (None, None)
    pace.add(Progress("x", 50, 100), at=10)
    assert (pace.rate, pace.left) == (5, 10)
    pace.add(Progress("x", 50, 100), at=50)
    pace.add(Progress("x", 52, 100), at=60)
    assert pace.rate == pytest.approx(0.2)


def test_of_a_time_is_left_what_is_left_of_it():
    pace = Pace()
    for at, done in ((0, 28.9999), (20, 29), (20.1, 29.0001)):  # a trial run counts only while the way back is armed
        pace.add(Progress("trial run", done, 90, "s"), at=at)
        assert pace.left == 90 - done
    pace.add(Progress("trial run", 95, 90, "s"), at=21)
    assert pace.left == 0
    assert "29 s / 1 min 30 s, about 1 min 1 s left" in progress_line(Progress("trial run", 29, 90, "s"), _paced(29))


def _paced(done: float) -> Pace:
    pace = Pace()
    pace.add(Progress("trial run", done, 90, "s"), at=0)
    return pace
