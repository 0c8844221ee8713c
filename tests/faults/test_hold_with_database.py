"""A system with rows and uploads behind an entry that holds writes: database, files and requests switch in one fence, and back."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator

import pytest

from orchestrator.embedded import citizens
from orchestrator.embedded.city import City
from tests.faults.conftest import PORTAL

pytestmark = [pytest.mark.servers, pytest.mark.timeout(900), pytest.mark.long]


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> Iterator[City]:
    own = City(tmp_path_factory.mktemp("city"))
    own.up()
    for file in (own.folder / "inventory").glob("*.yaml"):
        file.write_text(re.sub(r"trial_run_seconds: 8(\.0)?\b", "trial_run_seconds: 20", file.read_text("utf-8")), "utf-8")
    try:
        yield own
    finally:
        own.down()


def test_rows_and_uploads_go_there_and_back_in_one_fence_each(begin, city: City, capsys) -> None:
    baseline = citizens.baseline(city, PORTAL)
    story = begin(PORTAL)
    config = city.host_folder("edge") / "etc/haproxy.cfg"
    before = config.read_bytes()
    engine = story.start("migrate", "--system", PORTAL, "--direct", "--wait")
    story.until_step("trial_run")
    word = city.host_folder("edge") / f"etc/orchestrator-hold/{PORTAL}"
    assert word.read_text("ascii") == "new\n"
    time.sleep(2)
    assert story.run("rollback", PORTAL, "--reason", "the department asks", "--direct", seconds=300) == 0, story.said()
    assert engine.wait(200) == 4, story.said()
    assert (story.row.ending, story.row.live) == ("rolled_back_after_cutover", "source")
    verdict = story.judged(baseline, live="source")
    forward, back = (m for m in story.session.decisions.measurements(story.row.id) if m.kind == "cutover")
    with capsys.disabled():
        print(f"\n  {verdict.acknowledged} acknowledged, {verdict.lost} lost, {verdict.failed} failed; {forward.longest_gap_ms} and {back.longest_gap_ms} ms")
    assert verdict.faults == [], verdict.details
    assert (verdict.lost, verdict.duplicated, verdict.failed) == (0, 0, 0)
    passes = [facts for name in ("shift_entry", "shift_entry_back") for facts in story.step(name).facts["files"].values()]
    assert [facts["changed_on_both_count"] for facts in passes] == [0] * 4
    assert config.read_bytes() == before
