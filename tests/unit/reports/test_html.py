"""What the report's file promises: self-contained, escaped, both languages, from every figure a way to its source."""

from __future__ import annotations

import json
import re
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest
from jinja2 import DictLoader, Environment

from orchestrator.journal.notes import Notes
from orchestrator.journal.states import Ending
from orchestrator.models import Inventory
from orchestrator.policy.counting import READINGS as COUNTED
from orchestrator.reports.collect import collect
from orchestrator.reports.facts import ReportFacts
from orchestrator.reports.html import TEMPLATES, Lang, TemplateCache, drawing, render
from orchestrator.reports.texts import TEXTS
from orchestrator.reports.words import GATES, READINGS, STATES
from orchestrator.steps.gates import COMMANDS as STEP_GATES
from tests.support.example_city import example_programme
from tests.support.example_report import NOW, example_facts, example_story

CHINESE = re.compile(r"[\u4e00-\u9fff]")
HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>{{ 7*7 }}=1+1"


class Page(HTMLParser):
    """Tags, attributes and texts of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self._style = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._style = tag == "style"

    def handle_data(self, data: str) -> None:
        if not self._style:
            self.texts.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.texts).split())


@pytest.fixture(scope="module")
def facts(tmp_path_factory: pytest.TempPathFactory) -> ReportFacts:
    return example_facts(tmp_path_factory.mktemp("journal"))


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_the_file_needs_nothing_from_outside_and_runs_nothing(facts: ReportFacts, lang: Lang) -> None:
    text = render(facts, lang)
    page = Page(text)
    assert not re.findall(r"https?://", text)
    assert not {tag for tag, _ in page.tags} & {"script", "link", "img", "iframe", "object", "embed", "base", "form", "video", "audio"}
    assert all(not name.startswith("on") for _, attributes in page.tags for name in attributes)
    assert all((attributes.get("href") or "#").startswith("#") for tag, attributes in page.tags if tag == "a")
    assert "url(" not in text
    assert "@import" not in text


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_every_link_leads_somewhere_on_the_page(facts: ReportFacts, lang: Lang) -> None:
    page = Page(render(facts, lang))
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    assert {str(attributes["href"])[1:] for tag, attributes in page.tags if tag == "a"} <= set(ids)


def test_from_every_figure_a_link_leads_to_a_row_that_shows_its_event(facts: ReportFacts) -> None:
    text = render(facts, "zh")
    cutover = next(c for s in facts.systems if s.id == "hotline" for c in s.cutovers)
    number = re.search(r'<a class="fig[^"]*" href="#s(\d+)"[^>]*>88\.4 毫秒</a>', text)
    assert number is not None
    row = re.search(rf'<tr id="s{number[1]}">(.*?)</tr>', text, re.DOTALL)
    assert row is not None
    event = next(e for e in facts.events if e.seq in cutover.longest_gap_ms.source.events)
    assert f'href="#e{event.seq}"' in row[1]
    assert event.hash[:10] in row[1]
    assert event.at in row[1]
    assert "os:zhou" in row[1]


def test_chinese_is_the_first_language_and_english_has_no_chinese_of_our_own(facts: ReportFacts) -> None:
    chinese, english = render(facts), render(facts, "en")
    assert '<html lang="zh">' in chinese
    assert '<html lang="en">' in english
    assert "阶段目标" in chinese
    assert "Targets by phase" in english
    ours = [zh for zh, _ in TEXTS.values() if CHINESE.search(zh)] + [zh for zh, _ in STATES.values()]
    page = Page(english).text
    assert not [zh for zh in ours if len(zh) > 3 and zh in page]
    assert "Citizen portal" in page


def test_what_is_required_and_what_is_ours_are_marked_apart(facts: ReportFacts) -> None:
    for section in re.findall(r'<dl class="basis">(.*?)</dl>', render(facts), re.DOTALL):
        assert "自定要求" in section
    text = render(facts)
    assert text.count('class="tag req">文件要求') >= 7
    reason = re.search(r'<span class="tag own">自定要求</span> 等保三级及以上', text)
    assert reason is not None, "a rule of ours is never shown as an obligation"


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_hostile_strings_are_shown_and_never_work(tmp_path: Path, lang: Lang) -> None:
    story, inventory, verdicts, plan = example_story(tmp_path)
    data = json.loads(inventory.model_dump_json())
    for one in data["systems"]:
        one |= {"name": HOSTILE, "name_en": HOSTILE, "special_equipment_note": HOSTILE, "room": HOSTILE}
    for one in data["departments"]:
        one |= {"name": HOSTILE, "name_en": HOSTILE}
    for one in data["rooms"]:
        one |= {"name": HOSTILE, "exception": HOSTILE}
    story.journal.append_event(
        "catalogue_registered", actor=HOSTILE, system="hotline", migration="hotline-1", payload={"name": HOSTILE, "database": HOSTILE}
    )
    story.journal.set_flag("hold", HOSTILE, actor=HOSTILE)
    facts = collect(
        journal=story.journal,
        decisions=story.decisions,
        notes=Notes(story.journal),
        inventory=Inventory.model_validate(data),
        verdicts=verdicts,
        programme=example_programme(),
        now=NOW,
        plan=plan,
    )
    page = Page(render(facts, lang))
    assert not {tag for tag, _ in page.tags} & {"script", "img"}
    assert all(not name.startswith("on") for _, attributes in page.tags for name in attributes)
    assert "<script>alert(1)</script>" in page.text
    assert "{{ 7*7 }}" in page.text
    assert "49=1+1" not in page.text


def test_simulated_persons_are_shown_as_simulated(facts: ReportFacts) -> None:
    text = render(facts)
    assert "simulated:courier" in Page(text).text
    assert '<span class="tag sim">模拟</span>' in text
    assert "示例" in Page(text).text


def test_the_same_facts_give_the_same_file(facts: ReportFacts) -> None:
    assert render(facts) == render(facts)


def test_a_broken_chain_stands_at_the_top(facts: ReportFacts) -> None:
    broken = facts.model_copy(update={"audit": facts.audit.model_copy(update={"intact": False, "breaks": ("event 7 was changed",)})})
    page = Page(render(broken, "en")).text
    assert page.index("audit chain broken") < page.index("Summary")
    assert "event 7 was changed" in page


def test_words_are_those_of_the_engine_the_steps_and_the_count() -> None:
    assert {str(e) for e in Ending} <= set(STATES)
    assert set(STEP_GATES) < set(GATES)
    assert set(READINGS) == set(COUNTED)


def test_every_text_is_used_and_has_both_languages() -> None:
    sources = "".join(file.read_text("utf-8") for file in TEMPLATES.iterdir())
    used = set(re.findall(r"_\('(\w+)'", sources)) | set(re.findall(r"'((?:req|our|c)_\w+)'", sources))
    assert used - set(TEXTS) == set()
    assert set(TEXTS) - used == set()
    assert all(zh and en and not CHINESE.search(en) for zh, en in TEXTS.values())


@pytest.mark.parametrize(
    "svg",
    [
        "<svg><script>alert(1)</script></svg>",
        '<svg onload="alert(1)"/>',
        '<svg><a href="https://example.org"><text>x</text></a></svg>',
        '<svg><image href="data:image/png;base64,AA=="/></svg>',
        '<svg><rect style="fill:url(#x)"/></svg>',
        "<svg><style>*{}</style></svg>",
    ],
)
def test_a_drawing_that_holds_more_than_shapes_is_refused(svg: str) -> None:
    with pytest.raises(ValueError, match="may not hold"):
        drawing(svg)


def test_a_drawing_of_shapes_is_put_in_as_it_is(facts: ReportFacts) -> None:
    svg = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9"><title>a &lt; b</title><rect width="3" height="3"/></svg>'
    assert svg in render(facts, plan_picture=drawing(svg))


def test_templates_are_compiled_once_and_each_time_where_nothing_may_be_written(tmp_path: Path) -> None:
    def compiled_in(folder: Path) -> str:
        environment = Environment(loader=DictLoader({"page": "{{ words }}"}), autoescape=True, bytecode_cache=TemplateCache(str(folder)))
        return environment.get_template("page").render(words="总体进展")

    taken = tmp_path / "taken"
    taken.write_text("a file where the folder should be")
    assert compiled_in(taken) == compiled_in(tmp_path / "cache") == compiled_in(tmp_path / "cache") == "总体进展"
    assert len(list((tmp_path / "cache").glob("*"))) == (0 if sys.dont_write_bytecode else 1)
