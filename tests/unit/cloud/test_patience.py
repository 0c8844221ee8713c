"""A cloud that has too much to do for now is asked again, and nothing else is."""

from __future__ import annotations

import pytest

from orchestrator.cloud.patience import PAUSES, ask_again_while_busy
from orchestrator.errors import ToolError
from orchestrator.tools.process import Stopped

BY_PROVIDER = 'terraform apply ended with 1: Error creating server: Expected HTTP response code [202] when accessing [POST http://c/servers], but got {} instead: busy'
BY_SDK = "the cloud said: HttpException: {}: Server Error for url: http://c/v2.1/limits, Service Unavailable"


class Deed:
    """Fails with these words in turn, then gives 7."""

    def __init__(self, *words: str, kind: type[ToolError] = ToolError) -> None:
        self.words, self.kind, self.tries = list(words), kind, 0

    def __call__(self) -> int:
        self.tries += 1
        if self.words:
            raise self.kind(self.words.pop(0), where="the cloud", remedy="wait")
        return 7


@pytest.mark.parametrize(
    "words",
    [
        BY_PROVIDER.format(429), BY_PROVIDER.format(503), BY_SDK.format(503), "the cloud said: Service Unavailable (HTTP 503)",
        "the cloud said: 429: Client Error for url: http://c/servers, Too Many Requests",
    ],
)  # fmt: skip
def test_for_now_is_waited_for_and_said(words: str) -> None:
    deed, told, waited = Deed(words, words), [], []
    assert ask_again_while_busy(deed, told.append, waited.append) == 7
    assert (deed.tries, waited, len(told)) == (3, list(PAUSES[:2]), 2)
    assert all("too much to do" in line for line in told)


@pytest.mark.parametrize(
    "words",
    [
        BY_PROVIDER.format(409), BY_PROVIDER.format(403), "Quota exceeded for instances: Requested 1, but already used 503 of 503 instances",
        "server 4290e3aa-0503-4503-8429-503503503503 is in ERROR", "port 503 of app is taken",
    ],
)  # fmt: skip
def test_what_will_not_change_by_waiting_is_said_at_once(words: str) -> None:
    deed = Deed(words)
    with pytest.raises(ToolError):
        ask_again_while_busy(deed, lambda _: None, lambda _: None)
    assert deed.tries == 1


def test_a_cloud_that_stays_busy_is_given_up() -> None:
    deed = Deed(*[BY_PROVIDER.format(503)] * 9)
    with pytest.raises(ToolError, match="503"):
        ask_again_while_busy(deed, lambda _: None, lambda _: None)
    assert deed.tries == len(PAUSES) + 1


def test_whoever_stopped_it_is_obeyed() -> None:
    deed = Deed(BY_PROVIDER.format(503), kind=Stopped)
    with pytest.raises(Stopped):
        ask_again_while_busy(deed, lambda _: None, lambda _: None)
    assert deed.tries == 1
