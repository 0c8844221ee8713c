"""What of a payload may be printed."""

from __future__ import annotations

import pytest

from orchestrator.reports.privacy import HIDDEN, Scrubber, who


@pytest.mark.parametrize(
    "figure",
    [
        "13907241234",
        "139 0724 1234",
        "139-0724-1234",
        "+86 13907241234",
        "+8613907241234",
        "0724-2345678",
        "0724 2345678",
        "010-12345678-801",
        "42080119800101123X",
        "420801198001011234",
        "zhou.gong@example.org",
    ],
)
def test_what_looks_like_a_personal_figure_is_left_out(figure: str) -> None:
    assert Scrubber(()).text(f"请联系{figure}处理") == f"请联系{HIDDEN}处理"


@pytest.mark.parametrize(
    "text", ["3838413 rows", "2017-09-16 21:00:07", "gap 1310.0 ms of 1000", "v4.2.1", "a1b2c3d4e5f60718", "180000000000"]
)
def test_figures_of_other_kinds_stay(text: str) -> None:
    assert Scrubber(()).text(text) == text


def test_telephone_numbers_of_the_inventory_go_in_whatever_form_they_have() -> None:
    scrub = Scrubber(["内线 8812 转 4", " "])
    assert scrub.text("ring 内线 8812 转 4 now") == f"ring {HIDDEN} now"


def test_only_chosen_keys_are_printed_and_of_unknown_kinds_nothing() -> None:
    scrub = Scrubber(())
    assert scrub.excerpt("task_done", {"task": "rack", "evidence": "photo 3", "contact": "王工", "phone": "1"}) == (
        ("task", "rack"),
        ("evidence", "photo 3"),
    )
    assert scrub.excerpt("something_new", {"password": "x"}) == ()
    facts = {"tables": 3, "hosts": {"a": "192.0.2.1"}, "secret": "x"}
    assert scrub.excerpt("step", {"step": "compare", "facts": facts}) == (("step", "compare"), ("facts", '{"tables": 3}'))
    assert scrub.excerpt("step", {"step": "provision", "facts": {"servers": {"a": "192.0.2.1"}}}) == (("step", "provision"),)


def test_long_and_many_lined_texts_become_one_short_line() -> None:
    text = Scrubber(()).text("one\n\ttwo\x00\x1b[31m" + "x" * 500)
    assert len(text) == 240
    assert text.startswith("one two��[31mxxx")
    assert text.endswith("…")


@pytest.mark.parametrize(
    ("actor", "person"),
    [
        ("os:zhou", "os:zhou"),
        ("os:zhou machine:4711", "os:zhou"),
        ("simulated:the courier", "simulated:the courier"),
        ("os:a b host-1.x:9", "os:a b"),
    ],
)
def test_a_lease_holder_is_named_without_machine_and_process(actor: str, person: str) -> None:
    assert who(actor) == person
