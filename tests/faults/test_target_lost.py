"""The live target's server restarts: nobody goes back. Then it is lost: two people say so, the source is opened without
it, and nothing is missing there that was acknowledged before the moment which the record names."""

import json
import signal
import subprocess
import time
from datetime import datetime
from pathlib import Path

import psutil
import psycopg
import pytest

from orchestrator.embedded import citizens, judge
from orchestrator.embedded.people import ENGINEER
from orchestrator.errors import Exit
from orchestrator.tools import unprivileged
from tests.faults.conftest import WEATHER, Story, wait_until

pytestmark = [pytest.mark.servers, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def story(begin) -> Story:
    return begin(WEATHER)


def _postmaster(story: Story) -> psutil.Process:
    folder = Path(story.ask("target", "SHOW data_directory")[0])
    return psutil.Process(int((folder / "postmaster.pid").read_text("ascii").split()[0]))


def _restart_database(story: Story) -> None:
    """As an administrator does after an update: three seconds away."""
    program = Path(_postmaster(story).exe()).with_name("pg_ctl")
    folder = story.ask("target", "SHOW data_directory")[0]
    control = [*unprivileged.prefix(), str(program), "-D", folder, "-w", "-t", "60"]
    subprocess.run([*control, "-m", "fast", "stop"], check=True, stdout=subprocess.DEVNULL)
    time.sleep(3)
    subprocess.run([*control, "-l", f"{folder}.log", "start"], check=True, stdout=subprocess.DEVNULL)


def _lose_database(story: Story) -> float:
    """The target's server ends at once, as a machine without power. When."""
    server = _postmaster(story)
    moment = time.time()
    server.send_signal(signal.SIGQUIT)
    server.wait(30)
    return moment


def test_a_live_target_that_is_lost_costs_what_came_after_the_last_marker_and_nothing_else(story, capsys):
    engine = story.until_trial_run()
    _restart_database(story)
    before = story.write()
    wait_until("a marker came after it", lambda: story.ask("source", "SELECT 1 FROM bulletins WHERE n = %s", before), 30)
    assert engine.poll() is None and story.row.live == "target", f"a restart is no reason to go back:\n{story.said()}"
    time.sleep(3)  # markers come each second
    lost = _lose_database(story)

    assert story.run("target-lost", WEATHER, "--reason", "the host burnt") == Exit.WAITING, story.said()
    assert story.run("target-lost", WEATHER, "--reason", "said twice by one person") == Exit.REFUSED
    story.session.decisions.declare_lost(story.row.id, actor=ENGINEER, reason="I stood before it")
    assert story.run("rollback", WEATHER, "--reason", "the host burnt", "--direct", seconds=200) == 0, story.said()
    engine.wait(200)
    row = story.row
    assert (row.state, row.ending, row.live) == ("ended", "rolled_back_target_lost", "source")

    assert story.may_log_in() and not story.paused()
    story.write()
    citizens.stop(story.city)
    (event,) = story.session.journal.events(kind="lost_with_the_target", migration=row.id)
    (part,) = event.payload["parts"].values()
    kept_until = datetime.fromisoformat(part["kept_until"]).timestamp()
    assert lost - 15 < kept_until <= lost + 1
    with psycopg.connect(story.dsn("source")) as source:
        present = {n for (n,) in source.execute("SELECT n FROM bulletins")}
        assert source.execute("SELECT count(*) FROM pg_namespace WHERE nspname ~ '^orchestrator'").fetchone() == (0,)
        assert source.execute("SELECT count(*) FROM pg_subscription").fetchone() == (0,)
    sent = judge.requests_of(judge.read_ledger(story.out / f"{WEATHER}.jsonl"))
    missing = [one for one in sent if one["o"] == "ok" and one["n"] not in present]
    after = [one for one in sent if one["o"] == "ok" and one["t0"] > lost + 1]
    with capsys.disabled():
        print(f"\n  kept until {lost - kept_until:.1f} s before the loss; {len(missing)} of {len(sent)} acknowledged writes are lost")
    assert [one for one in missing if one["t1"] < kept_until] == []
    assert all(kept_until - 1 < one["t1"] <= lost + 1 for one in missing)
    assert after, "citizens write again"
    assert set(story.written) <= present
    assert json.dumps(event.payload["named"]).count(part["kept_until"]) == 1
