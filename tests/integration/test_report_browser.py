"""The report in a real browser: what is on the page, what it looks like, what comes out of the printer.

``REPORT_PICTURES=folder`` keeps the pictures, to be looked at.
"""

from __future__ import annotations

import os
import re
import shutil
import struct
from pathlib import Path

import pytest

from orchestrator.reports.facts import ReportFacts
from orchestrator.reports.html import render
from tests.support.browser import CHROMIUM, Browser
from tests.support.example_report import example_facts

A4 = (595.0, 842.0)

pytestmark = [pytest.mark.servers, pytest.mark.skipif(CHROMIUM is None, reason="no chromium on PATH: apt-get install chromium")]


@pytest.fixture
def browser(tmp_path: Path) -> Browser:
    return Browser(tmp_path)


@pytest.fixture(scope="module")
def facts(tmp_path_factory: pytest.TempPathFactory) -> ReportFacts:
    return example_facts(tmp_path_factory.mktemp("journal"))


@pytest.fixture
def pages(facts: ReportFacts, tmp_path: Path) -> dict[str, Path]:
    files = {lang: tmp_path / f"report-{lang}.html" for lang in ("zh", "en")}
    files["zh"].write_text(render(facts, "zh"), "utf-8")
    files["en"].write_text(render(facts, "en"), "utf-8")
    return files


def test_the_loaded_page_shows_the_figures(facts: ReportFacts, browser: Browser, pages: dict[str, Path]) -> None:
    dom = browser("--dump-dom", pages["zh"].as_uri())
    text = re.sub(r"<[^>]+>", "", re.sub(r"<style>.*?</style>", "", dom, flags=re.DOTALL))
    for expected in (
        "政务信息系统迁移上云进度报告",
        "10 / 15",
        "10 / 20",
        "1.31 秒",
        "3,838,413",
        "审计链完整",
        "示例",
        "需人工处理",
        "88.4 毫秒",
    ):
        assert expected in text, expected
    for name in (
        "phases",
        "time",
        "gaps",
        "waits",
        "departments",
        "systems",
        "baseline",
        "rooms",
        "catalogue",
        "audit",
        "sources",
        "events",
    ):
        assert f'<section id="{name}"' in dom
    assert dom.count("<circle") >= len([c for s in facts.systems for c in s.cutovers])
    assert "Targets by phase" in browser("--dump-dom", pages["en"].as_uri())


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_a_screenshot_can_be_taken_and_is_not_blank(browser: Browser, pages: dict[str, Path], tmp_path: Path, lang: str) -> None:
    picture, blank = tmp_path / f"report-{lang}.png", tmp_path / "blank.png"
    for target, page in ((picture, pages[lang].as_uri()), (blank, "data:text/html,<p>")):
        browser("--window-size=1080,1500", f"--screenshot={target}", page)
    data = picture.read_bytes()
    assert struct.unpack(">II", data[16:24]) == (1080, 1500)
    assert len(data) > 5 * blank.stat().st_size, "a page of text and charts does not compress to nothing, whichever fonts this machine has"
    keep(picture)


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_it_prints_on_a4(browser: Browser, pages: dict[str, Path], tmp_path: Path, lang: str) -> None:
    printed = tmp_path / f"report-{lang}.pdf"
    browser("--no-pdf-header-footer", f"--print-to-pdf={printed}", pages[lang].as_uri())
    boxes = re.findall(rb"/MediaBox\s*\[\s*0\s+0\s+([\d.]+)\s+([\d.]+)\s*\]", printed.read_bytes())
    assert len(boxes) >= 10
    assert all((round(float(width)), round(float(height))) == A4 for width, height in boxes)
    keep(printed)


def keep(file: Path) -> None:
    """For people who want to look."""
    if folder := os.environ.get("REPORT_PICTURES"):
        Path(folder).mkdir(parents=True, exist_ok=True)
        shutil.copy(file, folder)
