"""What the judge reads from ledgers alone: gaps, failures, pauses."""

import json

from orchestrator.embedded.judge import cut_of, longest_gap_ms, quiet_spans, read_ledger, requests_of


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
