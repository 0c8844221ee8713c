"""These tests read what an office reads: the sentences in Chinese."""

import pytest


@pytest.fixture(autouse=True)
def speak_chinese(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LC_ALL", raising=False)
    monkeypatch.setenv("LC_MESSAGES", "zh_CN.UTF-8")
