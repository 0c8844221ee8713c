"""Whether a row may be read is asked in words that no form knows, answered in words that are neither yes nor no, or stands beside other tables: nothing outweighs it."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from openpyxl import Workbook

from orchestrator.inventory.answerbook import Answer
from orchestrator.inventory.answers import classified
from orchestrator.inventory.check import as_json, counts
from orchestrator.inventory.folder.keeping import keep_answers
from orchestrator.inventory.load import load
from orchestrator.inventory.reading import Reading
from orchestrator.inventory.sheets.secrecy import denies, is_open

SECRET = "夜枭布控"
ASKED = [
    "该系统是否涉及国家秘密？", "是否为涉密信息系统：", "涉不涉密", "有没有秘密", "知密范围", "保密审查情况",
    "5、贵单位该系统涉密或者含有工作秘密吗？", "本系统是否存储、处理或者传输国家秘密（含工作秘密、商业秘密及其他依法不得公开的内容），若有请如实填写",
]  # fmt: skip
ANSWERS = [("否", "是"), ("B.否", "A.是"), ("2、不涉密", "1、涉密"), ("②否", "①是"), ("不涉", "涉"), ("×", "√"), ("非涉密", "是（机密级）")]


def sheet_of(path: Path, *sheets: tuple[str, Sequence[Sequence[Any]]]) -> Path:
    workbook = Workbook()
    del workbook[workbook.sheetnames[0]]
    for title, rows in sheets:
        sheet = workbook.create_sheet(title)
        for row in rows:
            sheet.append(list(row))
    workbook.save(path)
    return path


def answered(paths: list[Path], folder: Path, **said: str) -> Reading:
    """Each question by its proposal, every sheet by “none is classified”, until nothing new is asked."""
    for _ in range(4):
        reading = load(paths)
        assert_silent(reading)
        answers = {"sheet": "均非涉密", **said}
        keep(folder, reading, answers)
    return load(paths)


def keep(folder: Path, reading: Reading, said: dict[str, str]) -> None:
    given = [(one, said.get(one.column) or said.get(one.kind, one.proposed)) for one in reading.questions]
    keep_answers(folder, [Answer(*one.key, answer=answer, by="王小明", on="2018-05-01") for one, answer in given if answer])


def assert_silent(reading: Reading) -> None:
    assert SECRET not in repr(reading) + json.dumps(as_json(reading), ensure_ascii=False, default=str)


def rows_of(asks: str, no: str, yes: str) -> list[list[Any]]:
    return [
        ["单位名称", "单位层级", "单位性质", "系统名称", "类别", "建设状态", asks],
        ["市公安局", "市直", "政府", "户政系统", "应用系统", "已建", no], ["市公安局", "市直", "政府", f"{SECRET}系统", "应用系统", "已建", yes],
    ]  # fmt: skip


def forms_of(shape: str, folder: Path, asks: str, no: str, yes: str) -> Path:
    rows = rows_of(asks, no, yes)
    if shape == "table":
        return sheet_of(folder / "a.xlsx", ("表", rows))
    if shape == "csv":
        path = folder / "a.csv"
        with path.open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows(rows)
        return path
    if shape == "on its side":
        return sheet_of(folder / "a.xlsx", ("表", [list(row) for row in zip(*rows, strict=True)]))
    pairs = [[[label, value] for label, value in zip(rows[0], row, strict=True)] for row in rows[1:]]
    if shape == "pairs":
        return sheet_of(folder / "a.xlsx", ("表", [*pairs[0], [], *pairs[1]]))
    return sheet_of(folder / "a.xlsx", ("甲", pairs[0]), ("乙", pairs[1]))


@pytest.mark.parametrize("shape", ["table", "csv", "on its side", "pairs", "a sheet each"])
@pytest.mark.parametrize("asks", ASKED)
@pytest.mark.parametrize(("no", "yes"), ANSWERS[:3])
def test_a_question_in_other_words_is_asked_about_first_and_nothing_outweighs_its_yes(shape: str, asks: str, no: str, yes: str, tmp_path: Path) -> None:
    path = forms_of(shape, tmp_path, asks, no, yes)
    reading = load([path])
    if "密" not in no or shape not in {"table", "csv"}:  # there every cell says 涉密 or 不涉密 itself, whatever is asked
        assert (counts(reading)["in_scope"], {one.kind for one in reading.questions}) == (0, {"columns"})
        assert "→ 是否涉密" in reading.questions[0].proposed
    after = answered([path], tmp_path)
    assert ([system.name for system in after.inventory.systems], counts(after)["classified"]) == (["户政系统"], 1)


@pytest.mark.parametrize(("no", "yes"), ANSWERS)
def test_answers_with_a_letter_or_a_number_say_what_they_say(no: str, yes: str) -> None:
    assert (classified(no), classified(yes)) == (False, True)


@pytest.mark.parametrize("said", ["1.0", "1否", "Y.否", "N.是", "A", "A.", "C.不清楚", "是、否", "7"])
def test_no_number_or_letter_is_taken_off_that_may_be_the_answer(said: str) -> None:
    assert classified(said) is None


@pytest.mark.parametrize("words", ["密码应用", "商密评估", "数据加密方式", "密钥管理", "保密责任人", "保密协议签订情况", "精密仪器", "保密性", "涉密资质", "备注", "是否涉密"])
def test_words_about_other_things_are_left_alone(words: str) -> None:
    assert not is_open(words)


@pytest.mark.parametrize(("words", "is_denial"), [("是否非涉密", True), ("非涉密承诺书", True), ("是否已确认为非涉密系统", True), ("涉不涉密", False), ("是否涉密，不涉密的填否", False)])
def test_what_asks_the_other_way_is_never_taken_for_the_question(words: str, is_denial: bool) -> None:
    assert denies(words) is is_denial


@pytest.mark.parametrize("said", ["内部", "C.不清楚", "敏感", "保密", "A.是 B.否"])
@pytest.mark.parametrize("shape", ["table", "csv", "on its side", "pairs", "a sheet each"])
def test_what_is_neither_yes_nor_no_is_no_no_for_whoever_speaks_of_all_rows(said: str, shape: str, tmp_path: Path) -> None:
    path = forms_of(shape, tmp_path, "是否涉密", "否", said)
    after = answered([path], tmp_path)
    assert ([system.name for system in after.inventory.systems], counts(after)["unanswered"]) == (["户政系统"], 1)


def test_whoever_names_the_row_states_it(tmp_path: Path) -> None:
    path = forms_of("table", tmp_path, "是否涉密", "否", "内部")
    keep(tmp_path, load([path]), {"sheet": "非涉密行：3；其余非涉密"})
    assert counts(load([path]))["in_scope"] == 2


def test_a_further_column_in_other_words_is_heard_beside_the_first(tmp_path: Path) -> None:
    head, *rows = rows_of("是否涉密", "否", "否")
    path = sheet_of(tmp_path / "a.xlsx", ("表", [[*head, "是否处理过国家秘密"], [*rows[0], "否"], [*rows[1], "是"]]))
    assert counts(load([path]))["in_scope"] == 0
    after = answered([path], tmp_path)
    assert [system.name for system in after.inventory.systems] == ["户政系统"]


LIST = [
    ["系统名称", "单位名称", "单位层级", "单位性质", "类别", "建设状态", "是否涉密"], ["招聘网", "市人社局", "市直", "政府", "应用系统", "已建", "否"],
    [f"{SECRET}系统", "市人社局", "市直", "政府", "应用系统", "已建", "是"],
]  # fmt: skip
SERVERS = [["所属系统", "服务器名称", "IP", "CPU核数", "内存GB", "磁盘GB"], ["招聘网", "RC-01", "10.4.2.1", 8, 16, 500], [f"{SECRET}系统", "CY-01", "10.99.9.9", 4, 8, 100]]


@pytest.mark.parametrize("between", [[[]], [[], ["表二 服务器"]], []])
@pytest.mark.parametrize("is_list_first", [True, False])
def test_what_is_said_of_one_table_of_a_sheet_is_said_of_no_other(between: list[list[str]], is_list_first: bool, tmp_path: Path) -> None:
    tables = [LIST, SERVERS] if is_list_first else [SERVERS, LIST]
    path = sheet_of(tmp_path / "a.xlsx", ("表", [*tables[0], *between, *tables[1]]))
    before = counts(load([path]))
    after = answered([path], tmp_path)
    assert (before["in_scope"], before["classified"]) == (1, 1)
    assert ([system.name for system in after.inventory.systems], counts(after)["classified"], counts(after)["unanswered"]) == (["招聘网"], 1, 0)
    assert "10.99.9.9" not in repr(after)


def test_tables_of_one_sheet_are_settled_one_by_one(tmp_path: Path) -> None:
    """The same column stands at another place in the second table, where the first one has a column that is kept as it is."""
    first = [
        ["系统名称", "单位名称", "类别", "状况说明", "涉不涉密", "建设状态"],
        ["甲系统", "市水务局", "应用系统", "好", "否", "已建"], ["乙系统", "市水务局", "应用系统", "好", "否", "已建"],
    ]  # fmt: skip
    second = [
        ["系统名称", "单位名称", "类别", "涉不涉密", "归口科室", "建设状态"],
        ["丙系统", "市水务局", "应用系统", "否", "办公室", "已建"], [f"{SECRET}系统", "市水务局", "应用系统", "是", "办公室", "已建"],
    ]  # fmt: skip
    path = sheet_of(tmp_path / "a.xlsx", ("表", [*first, [], ["二、其他系统"], *second]))
    after = answered([path], tmp_path, department="市直、政府")
    assert {system.name for system in after.inventory.systems} == {"甲系统", "乙系统", "丙系统"}
    assert (counts(after)["classified"], counts(after)["unanswered"], after.questions) == (1, 0, ())


@pytest.mark.parametrize("title", ["夜枭", "布控", "夜枭登记表", "3-布控"])
def test_a_form_called_after_its_classified_system_is_named_nowhere(title: str, tmp_path: Path) -> None:
    systems = (("户政系统", "否"), (f"警务{SECRET}系统", "是"))
    pairs = [[["系统名称", name], ["单位名称", "市公安局"], ["类别", "应用系统"], ["目前状态", "运行中"], ["是否涉密", said]] for name, said in systems]
    path = sheet_of(tmp_path / "a.xlsx", ("户政", pairs[0]), (title, pairs[1]))
    alone = sheet_of(tmp_path / f"{title}.xlsx", ("Sheet1", pairs[1]))
    reading = load([path, alone])
    said = json.dumps(as_json(reading), ensure_ascii=False, default=str)
    assert [one.kind for one in reading.questions] == ["columns", "department"]
    assert "户政" in said
    assert not any(word in said for word in ("夜枭", "布控"))


QUESTIONNAIRE = [
    "1、贵单位全称：", "2、信息系统名称（每个系统填一份）：", "3、该系统属于（应用系统/平台/设备设施）", "4、系统目前状态【单选】", "5、该系统是否涉及国家秘密？", "6、等保定级情况",
    "7、系统部署在哪里？", "8、CPU总核数", "9、内存合计（GB）", "10、现有数据量（GB）", "11、使用何种数据库？", "12、还有什么想说的？",
]  # fmt: skip


@pytest.mark.parametrize("shift", [0, 1, 2])
@pytest.mark.parametrize("columns", [6, 8, 10, 12])
def test_headers_over_rows_of_their_shape_are_a_tables_and_no_value_is_a_label(shift: int, columns: int, tmp_path: Path) -> None:
    answers = ["市公安局", "{}", "应用系统", "A.在用", "{}", "B.二级", "本单位机房", "8", "16", "500", "MySQL", "(空)"]
    systems = [("停车平台", "B.否"), (f"{SECRET}系统", "A.是"), ("户政系统", "B.否")]
    rows = [[*map(str, range(number, number + shift)), *(answer.format(name if at == 1 else said) for at, answer in enumerate(answers))] for number, (name, said) in enumerate(systems)]
    path = tmp_path / "a.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(row[: columns + shift] for row in [[*["序号", "提交答卷时间"][:shift], *QUESTIONNAIRE], *rows])
    reading = load([path])
    assert_silent(reading)
    assert [one.kind for one in reading.questions] == ["columns"]
    assert all(value not in reading.questions[0].proposed for value in ("停车平台", "户政系统", "A.在用", "B.二级", "本单位机房"))
    assert counts(answered([path], tmp_path, department="市直、政府", blank="已建"))["classified"] == 1


@pytest.mark.parametrize(("asks", "is_known"), [("是否涉密", True), ("涉密", True), ("密级", True), ("该系统是否涉及国家秘密", False)])
def test_an_attribute_of_a_list_of_machines_is_heard(asks: str, is_known: bool, tmp_path: Path) -> None:
    head = ["VM", "Powerstate", "Template", "CPUs", "Memory", "Primary IP Address", "OS according to the configuration file", "业务系统", asks]
    systems = [("甲系统", "否"), ("甲系统", "否"), (f"{SECRET}系统", "是"), (f"{SECRET}系统", "是")]
    rows = [[f"vm-{number}", "poweredOn", "False", 4, 8192, f"10.1.1.{number}", "CentOS 7", name, said] for number, (name, said) in enumerate(systems, start=1)]
    path = sheet_of(tmp_path / "rvtools.xlsx", ("vInfo", [head, *rows]))
    for _ in range(3):
        keep(tmp_path, load([path]), {"sheet": "均非涉密", "grouping": "业务系统", "owner": "市水务局、市直、政府", "status": "已建", "kind": "应用系统"})
    after = load([path])
    assert ([system.name for system in after.inventory.systems], counts(after)["classified"]) == ((["甲系统"], 1) if is_known else ([], 0))
