"""What the judge reads from ledgers alone: gaps, failures, pauses."""

import hashlib
import json
from pathlib import Path

import pytest

from orchestrator.embedded.judge import Case, cut_of, judge, longest_gap_ms, quiet_spans, read_ledger, requests_of


def entry(number: int, at: float, outcome: str = "ok", took: float = 0.01) -> dict:
    return {"n": number, "t0": at - took, "t1": at, "o": outcome}


STEADY = [entry(index, 100 + index * 0.1) for index in range(1, 101)]


def test_a_steady_load_has_its_own_rhythm_as_gap():
    assert longest_gap_ms(STEADY) == 100


def test_a_stall_is_the_gap_and_failures_do_not_fill_it():
    load = [item for item in STEADY if not 104 < item["t1"] < 105] + [entry(500, 104.5, "failed")]
    assert 990 <= longest_gap_ms(load) <= 1110


def test_a_stall_that_never_ended_counts():
    load = [item for item in STEADY if item["t1"] < 105] + [entry(500, 109, "doubt")]
    assert longest_gap_ms(load) > 3900


def test_announced_outages_do_not_count():
    load = [item for item in STEADY if not 104 < item["t1"] < 106]
    assert longest_gap_ms(load) > 1900
    assert longest_gap_ms(load, without=[(104.2, 105.8)]) == 100


def test_a_cutover_is_measured_from_a_second_before_to_a_second_after():
    load = [item for item in STEADY if not 104 < item["t1"] < 104.5] + [entry(500, 104.3, "failed"), entry(501, 108, "failed")]
    cut = cut_of(load, {"direction": "back", "start": 104.1, "end": 104.4})
    assert cut.direction == "back"
    assert 490 <= cut.longest_gap_ms <= 610
    assert cut.failed_requests == 1
    assert 15 <= cut.requests <= 25


def test_an_announced_outage_right_after_a_cutover_is_not_the_cutovers():
    cutover = {"direction": "forward", "start": 103.0, "end": 104.4}
    carried = [item for item in STEADY if not 105.2 < item["t1"] < 108.05]
    assert cut_of(carried, cutover).longest_gap_ms > 2800
    assert cut_of(carried, cutover, outages=[(104.2, 110)]).longest_gap_ms == 100


def test_a_stall_of_the_cutover_is_its_own_whatever_is_announced_after_it():
    cutover = {"direction": "forward", "start": 103.0, "end": 104.4}
    stalled = [item for item in STEADY if not 104.05 < item["t1"] < 108.05]
    assert cut_of(stalled, cutover, outages=[(104.2, 110)]).longest_gap_ms > 3900


def test_a_failed_upload_in_a_cutover_counts_as_failed():
    upload = {"file": "u", "sha256": "", "t0": 104.2, "t1": 104.3, "o": "failed"}
    assert cut_of([*STEADY, upload], {"start": 104.1, "end": 104.4}).failed_requests == 1


def test_pauses_of_the_load_are_quiet():
    entries = [entry(1, 100), {"event": "paused", "t": 101}, {"event": "resumed", "t": 105}, entry(2, 105.1), {"event": "paused", "t": 106}]
    assert quiet_spans(entries) == [(101, 105), (106, 106)]


def test_a_line_cut_short_by_a_crash_is_left_out(tmp_path):
    ledger = tmp_path / "x.jsonl"
    ledger.write_text(json.dumps(entry(1, 100)) + "\n" + json.dumps(entry(2, 101))[:-5])
    assert [item["n"] for item in requests_of(read_ledger(ledger))] == [1]


def letters(tmp_path: Path, entries: list[dict], **more) -> Case:
    """A site of three letters, each a file, and what its ledger says."""
    site = tmp_path / "site"
    site.mkdir()
    for number in (1, 2, 3):
        (site / f"letter-{number}").write_text(f"{number}", "utf-8")
    ledger = tmp_path / "site.jsonl"
    ledger.write_text("".join(json.dumps(entry) + "\n" for entry in entries))
    return Case(system="site", ledger=str(ledger), table="", live=None, live_files=str(site), **more)


def letter(number: int, outcome: str = "ok", *, name: str = "") -> dict:
    file = {"file": name or f"letter-{number}", "sha256": hashlib.sha256(str(number).encode()).hexdigest()} if outcome == "ok" else {}
    return entry(number, 100 + number, outcome) | file


def test_a_write_that_is_a_file_is_looked_for_among_the_files(tmp_path):
    verdict = judge(letters(tmp_path, [letter(1), letter(2), letter(3)]))
    assert (verdict.faults, verdict.acknowledged, verdict.lost, verdict.files) == ([], 3, 0, 3)


@pytest.mark.parametrize(
    ("more", "fault"), [(letter(4), "lost-write"), (letter(5, name="letter-1"), "duplicate"), (letter(6, name="letter-2"), "file")]
)
def test_a_write_whose_file_is_gone_or_given_twice_or_another_one_is_a_fault(tmp_path, more, fault):
    verdict = judge(letters(tmp_path, [letter(1), letter(2), letter(3), more]))
    assert fault in verdict.faults, verdict.details


def test_no_more_requests_may_fail_in_a_cutover_than_were_foretold(tmp_path):
    entries = [letter(1), letter(2, "doubt"), letter(3, "doubt")]
    cutover = {"direction": "forward", "start": 101.5, "end": 103.5}
    case = letters(tmp_path, entries, cutovers=[cutover], limit_ms=5000, foretold=2)
    assert judge(case).faults == []
    case.foretold = 1
    assert judge(case).faults == ["failed"]
    case.outages = [(102.5, 103.5)]
    assert judge(case).faults == []
