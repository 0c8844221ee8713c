"""Sentences cross what cannot speak: exceptions, the guard's process, a program on a host that has nothing of ours."""

import json

import pymysql
import pytest

from orchestrator import texts
from orchestrator.cutover import guarding
from orchestrator.errors import ToolError, words_of
from orchestrator.hosts import process_host
from orchestrator.movers.mariadb import connections
from orchestrator.movers.side import Lost
from orchestrator.texts import say

GONE = say("gateways.shell_silent")


@pytest.mark.parametrize(
    ("error", "zh", "en"),
    [
        (Lost(say("mariadb.no_answer", where="db", error=GONE)), "db 没有应答：网关的命令行没有及时应答", "db does not answer: the gateway's shell did not answer in time"),
        (OSError(GONE), "网关的命令行没有及时应答", "the gateway's shell did not answer in time"),
        (OSError(2, "No such file or directory"), "[Errno 2] No such file or directory", "[Errno 2] No such file or directory"),
        (RuntimeError(), "RuntimeError", "RuntimeError"),
        (ToolError(GONE, where="gw", remedy="look"), "网关的命令行没有及时应答 [gw] → look", "the gateway's shell did not answer in time [gw] → look"),
    ],
)
def test_an_exception_says_in_the_readers_language_what_it_was_raised_with(error: Exception, zh: str, en: str) -> None:
    assert (texts.spoken(words_of(error), "zh"), texts.kept(words_of(error))) == (zh, en)


def test_a_drivers_error_says_its_last_word_or_the_sentence_that_stands_there() -> None:
    assert connections.words_of(pymysql.err.OperationalError(1045, "Access denied")) == "Access denied"
    assert connections.words_of(pymysql.err.NotSupportedError(GONE)) == GONE


def test_what_the_guard_gives_up_for_is_kept_in_english_and_heard_in_the_readers_language() -> None:
    reason = say("cutover.budget_whom", limit=800, whom=say("cutover.waited_for", hanging=("a", "b")))
    line = json.dumps({"reason": texts.kept(reason), "says": {"reason": texts.pack(reason), "problems": [texts.pack(GONE)]}})
    heard = json.loads(line)
    assert heard["reason"] == "the fence's budget of 800 ms is used up; waited for a, b"
    assert texts.spoken(guarding.reason_of(heard), "zh") == "停写预算 800 毫秒已用完；在等待 a、b"
    assert guarding.problems_of(heard) == [GONE]


def test_the_record_of_an_older_guard_is_read_as_it_was_written() -> None:
    assert guarding.reason_of({"reason": "the engine is gone"}) == "the engine is gone"
    assert guarding.problems_of({"problems": ["a gateway"]}) == ["a gateway"]


def test_once_the_catalogues_are_read_no_sentence_reads_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    texts.read_catalogues(texts.KEPT)

    def refuse(*_args: object, **_keywords: object) -> str:
        raise AssertionError("a file is read")

    monkeypatch.setattr("pathlib.Path.read_text", refuse)
    assert texts.kept(say("cutover.engine_gone")) == "the engine is gone"
    assert texts.kept(say("postgresql.slot_waits", named=("pid 1",))) == "the slot waits for pid 1"


def test_a_program_on_a_host_answers_with_a_sentence_of_the_catalogue() -> None:
    trouble = process_host.Trouble(process_host.say("hosts.held", name="portal"), process_host.say("hosts.go_back_first"))
    assert texts.spoken(texts.unpack(json.loads(json.dumps(trouble.what))), "zh") == "portal 已停用：它在另一侧运行"
    assert texts.spoken(texts.unpack(trouble.remedy), "en") == "go back first, or restore it"
