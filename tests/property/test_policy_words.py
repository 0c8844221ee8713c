"""Whatever a department writes, nothing of it is dropped: each part is understood, or named as not understood."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.policy.policy import load_policy
from orchestrator.policy.words import Words

WORDS = Words(load_policy(None))
PARTS = st.sampled_from(
    [
        "CentOS 7",
        "AIX",
        "x86",
        "POWER8",
        "PostgreSQL",
        "Oracle 11g",
        "不详",
        "2012 R2",
        "某系统",
        "z/OS",
        "(基于PostgreSQL)",
        "/",
        "无",
        "ﬃ",
        "İ",
    ]
)
TEXTS = st.one_of(
    st.text(max_size=60),
    st.lists(PARTS, min_size=1, max_size=5).flatmap(lambda parts: st.sampled_from([s.join(parts) for s in "、，；/ \n"])),
)


@given(TEXTS, st.sampled_from(["os_family", "processor"]))
@settings(max_examples=400, deadline=None)
def test_a_text_is_understood_or_said_not_to_be(text: str, kind: str) -> None:
    for read in (WORDS.families(kind, text), WORDS.engines(text)):
        assert read.known or read.unread or read.open


@given(TEXTS)
@settings(max_examples=300, deadline=None)
def test_what_stands_beside_a_part_does_not_hide_it(text: str) -> None:
    assert "aix" in WORDS.families("os_family", f"{text}、AIX").known
    assert "自研" in WORDS.families("os_family", f"AIX；{text}；自研").unread
    assert "oracle" in WORDS.engines(f"{text}\nOracle").known
    assert "自研" in WORDS.engines(f"PostgreSQL；{text}；自研").unread
