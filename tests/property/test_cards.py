"""Cards of one system each, beside and below each other in any arrangement: no value of one reaches another, and none is taken for not classified because a neighbour is."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest
from openpyxl import Workbook

from orchestrator.inventory.answerbook import Answer
from orchestrator.inventory.check import as_json
from orchestrator.inventory.folder.keeping import keep_answers
from orchestrator.inventory.load import load

Card = dict[str, Any]
LABELS = ["单位名称", "是否涉密", "系统名称", "类别", "建设状态", "数据库", "中间件", "备注"]


def make_cards(path: Path, seed: int) -> list[Card]:
    """Cards of one order of labels, some of them unanswered or without a value; whatever stands on a card begins with its number."""
    chance = random.Random(seed)  # noqa: S311 - forms to read, no secrets
    orders = [LABELS, *([first, *[label for label in LABELS if label != first]] for first in ("系统名称", "是否涉密")), chance.sample(LABELS, len(LABELS))]
    order = chance.choice(orders)
    beside, below, pairs, gap = chance.randint(1, 3), chance.randint(1, 3), chance.choice([1, 1, 2]), chance.choice([0, 1, 1, 2])
    is_staggered = chance.random() < 0.25
    sheet = (book := Workbook()).active
    assert sheet is not None
    top = 1
    if chance.random() < 0.5:
        sheet.cell(top, 1, "信息系统登记卡")
        top += 1 + chance.randint(0, 1)
    cards: list[Card] = []
    for _ in range(below):
        height = -(-len(order) // pairs)
        for strip in range(beside):
            number = len(cards)
            card = {label: f"{'甲乙丙丁戊己庚辛壬'[number]}{number}{label}" if chance.random() < 0.8 else None for label in order}
            card |= {"单位名称": "市税务局", "类别": "应用系统", "建设状态": "已建", "系统名称": f"{'甲乙丙丁戊己庚辛壬'[number]}{number}系统"}
            card["是否涉密"] = chance.choice(["否", "否", "是", None])
            cards.append(card)
            for at, label in enumerate(order):
                row = top + at // pairs + (strip if is_staggered else 0)
                column = 1 + strip * (2 * pairs + gap) + 2 * (at % pairs)
                sheet.cell(row, column, label)
                sheet.cell(row, column + 1, card[label])
        top += height + chance.randint(0, 1) + (beside if is_staggered else 0)
    book.save(path)
    return cards


@pytest.mark.parametrize("seed", range(80))
def test_no_value_of_a_card_reaches_another(seed: int, tmp_path: Path) -> None:
    path = tmp_path / "form.xlsx"
    cards = make_cards(path, seed)
    keep_answers(tmp_path, [Answer("department", "", "市税务局", "", "市直、政府", "王小明", "2018-05-01")])
    reading = load([path])
    for is_stated in (False, True):
        told = "\n".join([repr(reading), json.dumps(as_json(reading), ensure_ascii=False, default=str)])
        for system in reading.inventory.systems:
            card = next(card for card in cards if card["系统名称"] == system.name)
            assert card["是否涉密"] == "否" or (is_stated and card["是否涉密"] is None)
            assert (system.dbms, system.middleware, system.remark) == tuple(card[label] or None for label in ("数据库", "中间件", "备注")), system.name
        assert not [card for card in cards if (card["是否涉密"] == "是" or (not is_stated and card["是否涉密"] is None)) for word in card.values() if word and word[1:2].isdigit() and word in told]
        is_clear = not any(finding.code == "cards-unclear" for finding in reading.errors)
        assert len(reading.inventory.systems) + len(reading.withheld) == len(cards) if is_clear else not reading.inventory.systems
        asked = [question for question in reading.questions if question.kind == "sheet"]
        if not asked:
            break
        keep_answers(tmp_path, [Answer(*question.key, answer="均非涉密", by="王小明", on="2018-05-01") for question in asked])
        reading = load([path])
