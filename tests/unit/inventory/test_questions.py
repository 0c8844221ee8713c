"""What cannot be read is asked once where it is decided; a named person's answers decide it, for the next form of the office too."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from openpyxl import load_workbook

from orchestrator.cli.main import main
from orchestrator.inventory.answerbook import FILE
from orchestrator.inventory.answersheet import SHEET
from orchestrator.inventory.check import counts
from orchestrator.inventory.load import load
from orchestrator.inventory.reading import Reading

OFFICE = Path(__file__).parents[3] / "tests" / "fixtures" / "office-60.xlsx"
FULL = "序号,单位名称,单位层级,单位性质,系统名称,类别,是否涉密,建设状态"


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "inventory").mkdir()


def form(name: str, text: str) -> Path:
    path = Path(name)
    path.write_text(text, encoding="utf-8")
    return path


def read(*paths: Path) -> Reading:
    return load(list(paths), beside=[Path("inventory")])


def answer(path: Path, answers: dict[str, str], who: str = "张三", *, expected: int = 0) -> None:
    """``answers``: what the question's words contain → the answer; a question that is not among them keeps its proposal."""
    sheet_file = Path("答复表.xlsx")
    assert main(["inventory", "ask", str(sheet_file), str(path)]) == 0
    workbook = load_workbook(sheet_file)
    sheet = workbook[SHEET]
    for row in range(3, sheet.max_row + 1):
        asks = f"{sheet.cell(row, 2).value} {sheet.cell(row, 11).value}"
        for words, said in answers.items():
            if words in asks:
                sheet.cell(row, 7).value = said
    sheet.cell(3, 8).value = who
    workbook.save(sheet_file)
    assert main(["inventory", "answer", str(sheet_file)]) == expected


def asked(reading: Reading) -> list[tuple[str, str, str]]:
    return [(question.kind, question.about, question.proposed) for question in reading.questions]


def test_the_offices_form_asks_less_than_it_had_errors_and_says_what_each_question_decides(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["inventory", "check", str(OFFICE), "--json"]) == 3
    found = json.loads(capsys.readouterr().out)
    errors = [finding for finding in found["findings"] if finding["severity"] == "error"]
    assert (len(found["questions"]), len(errors)) == (10, 13)
    places = {" › ".join((finding["file"], finding["sheet"], finding["cell"])) for finding in errors}
    assert all({"id", "asks", "evidence", "proposed", "rows"} <= set(question) for question in found["questions"])
    assert all(set(question["rows"]) <= places for question in found["questions"])


def test_a_department_is_asked_about_once_and_its_evidence_decides_nothing() -> None:
    path = form("市直单位.csv", "单位名称,系统名称,类别,是否涉密,建设状态\n" + "".join(f"市水务局,系统{n},应用系统,否,已建\n" for n in range(40)))
    reading = read(path)
    assert asked(reading) == [("department", "市水务局", "市直、政府")]
    (question,) = reading.questions
    assert (question.count, counts(reading)["in_scope"]) == (40, 0)
    answer(path, {})
    again = read(path)
    assert (again.questions, again.errors, counts(again)["municipal"]) == ((), [], 40)
    other = form("第二季度.csv", "单位名称,系统名称,类别,是否涉密,建设状态\n市水务局,新系统,应用系统,否,已建\n")
    assert (read(other).questions, counts(read(other))["municipal"]) == ((), 1)


@pytest.mark.parametrize(
    ("name", "proposed"),
    [
        ("市总工会", "市直、党群"),
        ("市委组织部", "市直、党群"),
        ("沙洋县水务局", "县市区、政府"),
        ("东宝区疾控中心", "县市区、事业单位"),
        ("市第一人民医院", "市直、事业单位"),
        ("荆门市发展和改革委员会", "市直、政府"),
        ("市发改委", "市直、政府"),
        ("某某处", ""),
    ],
)
def test_what_a_departments_name_lets_suppose(name: str, proposed: str) -> None:
    path = form("a.csv", f"单位名称,系统名称,类别,是否涉密,建设状态\n{name},一号系统,应用系统,否,已建\n")
    assert asked(read(path)) == [("department", name, proposed)]


def test_a_word_is_asked_about_once_for_all_forms() -> None:
    rows = "".join(f"{n},市水务局,市直,政府,系统{n},应用系统,否,拟建\n" for n in range(1, 8))
    path = form("a.csv", f"{FULL}\n{rows}8,市水务局,市直,政府,系统8,应用系统,否,升级改造中\n")
    assert asked(read(path)) == [("wording", "拟建", "在建"), ("wording", "升级改造中", "已建")]
    answer(path, {"升级改造中": "已建"})
    assert read(path).questions == ()
    assert {system.status for system in read(path).all_systems()} == {"under_construction", "in_use"}
    other = form("b.csv", f"{FULL}\n1,市财政局,市直,政府,支付系统,应用系统,否,拟建\n")
    assert (read(other).errors, read(other).inventory.systems[0].status) == ([], "under_construction")
    shown = [str(one.understood) for one in read(other).interpretations]
    assert len(shown) == 1 and shown[0].startswith("在建（张三 ")


def test_an_answer_that_cannot_be_used_or_has_no_name_is_refused_and_nothing_is_kept(capsys: pytest.CaptureFixture[str]) -> None:
    path = form("a.csv", f"{FULL}\n1,市水务局,市直,政府,甲系统,应用系统,否,拟建\n2,市水务局,市直,政府,乙系统,应用系统,否,待立项\n")
    answer(path, {"待立项": "差不多"}, expected=3)
    assert "答复无法使用" in capsys.readouterr().out
    assert not (Path("inventory") / FILE).exists()
    answer(path, {"待立项": "在建"}, who="", expected=3)
    assert not (Path("inventory") / FILE).exists()


def test_numbers_that_no_machine_has_are_one_question_and_never_sixteen_terabytes() -> None:
    path = form(
        "a.csv",
        f"{FULL},内存,服务器数量\n1,市水务局,市直,政府,甲系统,应用系统,否,已建,16384,1\n2,市水务局,市直,政府,乙系统,应用系统,否,已建,8192,2\n"
        "3,市水务局,市直,政府,丙系统,应用系统,否,已建,32G,1\n",
    )
    reading = read(path)
    assert [(question.kind, question.proposed, question.count) for question in reading.questions] == [("unit", "MB", 2)]
    assert sorted(system.memory_gb or 0 for system in reading.inventory.systems) == [0, 0, 32.0]
    answer(path, {})
    assert sorted(system.memory_gb or 0 for system in read(path).inventory.systems) == [8.0, 16.0, 32.0]


def test_many_servers_together_may_have_much() -> None:
    path = form("a.csv", f"{FULL},内存,服务器数量\n1,市水务局,市直,政府,甲系统,应用系统,否,已建,4096,32\n")
    assert (read(path).questions, read(path).inventory.systems[0].memory_gb) == ((), 4096.0)


def test_a_statement_on_classification_holds_for_the_sheet_as_it_stood_and_for_no_other() -> None:
    text = "单位名称,单位层级,单位性质,系统名称,类别,建设状态\n市水务局,市直,政府,水费系统,应用系统,已建\n市水务局,市直,政府,水库系统,应用系统,已建\n"
    path = form("a.csv", text)
    reading = read(path)
    assert [(question.kind, question.proposed, question.needs_name) for question in reading.questions] == [("sheet", "", True)]
    assert "水费" not in str(reading.questions)
    assert counts(reading)["unanswered"] == 2
    answer(path, {"是否均非涉密": "均非涉密"})
    assert counts(read(path))["in_scope"] == 2
    form("a.csv", text + "市水务局,市直,政府,机要系统,应用系统,已建\n")
    assert (counts(read(path))["in_scope"], counts(read(path))["unanswered"]) == (0, 3)


def test_a_statement_may_name_the_rows_that_are_classified_and_outweighs_no_yes() -> None:
    path = form(
        "a.csv",
        f"{FULL}\n1,市水务局,市直,政府,甲系统,应用系统,,已建\n2,市水务局,市直,政府,乙系统,应用系统,,已建\n3,市水务局,市直,政府,丙系统,应用系统,是,已建\n"
        "4,市水务局,市直,政府,丁系统,应用系统,否,已建\n",
    )
    answer(path, {"是否均非涉密": "涉密行：3；其余非涉密"})
    reading = read(path)
    assert sorted(system.name for system in reading.inventory.systems) == ["丁系统", "甲系统"]
    assert (counts(reading)["classified"], counts(reading)["unanswered"], reading.questions) == (2, 0, ())


def test_no_statement_outweighs_a_column_that_says_yes() -> None:
    path = form("a.csv", f"{FULL},密级\n1,市水务局,市直,政府,甲系统,应用系统,否,已建,机密\n2,市水务局,市直,政府,乙系统,应用系统,,已建,\n")
    answer(path, {"是否均非涉密": "均非涉密"})
    assert [system.name for system in read(path).inventory.systems] == ["乙系统"]


def test_a_table_without_kind_or_status_is_asked_about_once_each() -> None:
    path = form(
        "a.csv",
        "单位名称,单位层级,单位性质,系统名称,是否涉密\n市水务局,市直,政府,水费系统,否\n市水务局,市直,政府,水文数据库,否\n市水务局,市直,政府,一张图,否\n",
    )
    reading = read(path)
    assert [(question.kind, question.column, question.proposed) for question in reading.questions] == [
        ("blank", "status", ""),
        ("blank", "kind", ""),
    ]
    answer(path, {"“类别”": "应用系统", "“建设状态”": "已建"})
    assert counts(read(path))["in_scope"] == 3


def test_whose_sheet_it_is_is_asked_where_nothing_says_so() -> None:
    path = form("市水务局.csv", "系统名称,类别,是否涉密,建设状态\n水费系统,应用系统,否,已建\n")
    assert [(question.kind, question.proposed) for question in read(path).questions] == [("owner", "市水务局、市直、政府")]
    answer(path, {})
    assert counts(read(path))["municipal"] == 1


def test_nothing_of_an_unanswered_row_is_in_any_question_or_answer(capsys: pytest.CaptureFixture[str]) -> None:
    path = form("a.csv", f"{FULL},备注\n1,市水务局,市直,政府,暗号玄武,秘密武器,不涉密?,绝密状态,勿外传\n")
    assert main(["inventory", "check", str(path)]) == 3
    answer(path, {"是否均非涉密": "涉密行：2；其余非涉密"})
    assert main(["inventory", "check", str(path), "--json"]) == 0
    sheet = load_workbook("答复表.xlsx")[SHEET]
    texts = capsys.readouterr().out + (Path("inventory") / FILE).read_text("utf-8")
    texts += "".join(str(cell.value) for row in sheet.iter_rows() for cell in row)
    assert not [word for word in ("玄武", "秘密武器", "绝密状态", "勿外传", "不涉密?") if word in texts]


def test_an_answer_that_was_damaged_by_hand_is_an_error_and_not_silence() -> None:
    path = form("a.csv", f"{FULL}\n1,市水务局,市直,政府,甲系统,应用系统,否,已建\n")
    (Path("inventory") / FILE).write_text("answers:\n  - {kind: wording}\n  - 拟建\n", encoding="utf-8")
    assert [finding.code for finding in read(path).errors] == ["answer-unusable", "answer-unusable"]


def test_rows_that_speak_of_secrets_are_shown_where_no_column_asks_and_nothing_is_proposed() -> None:
    rows = "序号,单位名称,单位层级,单位性质,系统名称,类别,建设状态,备注"
    told = "1,市戊局,市直,政府,非涉密一号,应用系统,已建,非涉密\n2,市戊局,市直,政府,二号,应用系统,已建,涉密系统，勿外传\n3,市戊局,市直,政府,三号,应用系统,已建,"
    reading = read(form("非涉密清单.csv", f"{rows}\n{told}\n"))
    (question,) = [one for one in reading.questions if one.kind == "sheet"]
    assert question.proposed == ""
    assert "3" in str(question.evidence)
    assert "二号" not in json.dumps(question.as_json(), ensure_ascii=False)
    form_again = Path("非涉密清单.csv")
    answer(form_again, {"是否均非涉密": "均非涉密"})
    assert counts(read(form_again))["unanswered"] == 3, "a word about all does not stand for the one that speaks of secrets"
    answer(form_again, {"是否均非涉密": "非涉密行：3；其余非涉密"})
    found = counts(read(form_again))
    assert (found["classified"], found["unanswered"], found["rows"]) == (0, 0, 3)


def test_no_question_tells_what_a_classified_row_is_called() -> None:
    secret = "玄铁指挥系统"
    rows = f"1,市水务局,市直,政府,{secret},应用系统,是,已建\n2,市水务局,市直,政府,水费系统,应用系统,否,{secret}"
    reading = read(form("a.csv", f"{FULL}\n{rows}\n"))
    assert reading.questions == ()
    assert secret not in repr(reading.findings)
    assert reading.errors, "it is not lost: the cell is named"


def test_readings_that_are_alike_are_one_line_and_the_questions_stand_below(capsys: pytest.CaptureFixture[str]) -> None:
    head = "单位名称,系统名称,类别,是否涉密,建设状态,数据量,等保级别"
    rows = [f"市水务局,水务{n}系统,业务系统,否,运行中,{'500G' if n % 2 else f'{n}T'},二级" for n in range(60)]
    Path("a.csv").write_text("\n".join((head, *rows)) + "\n", encoding="utf-8")
    assert main(["inventory", "check", "a.csv", "--lang", "zh"]) == 3
    told = capsys.readouterr().out
    readings, questions = told.split("待答问题")
    assert readings.count("“运行中” → 已建") == 1
    assert "同样的共 60 处" in readings
    assert len(readings[readings.index("需要理解") :].splitlines()) <= 25
    assert "市水务局：单位层级、单位性质？" in questions
    assert "拟停用" not in told, "there are none"
    main(["inventory", "check", "a.csv", "--lang", "zh", "--json"])
    assert sum(one["read"] == "运行中" for one in json.loads(capsys.readouterr().out)["interpretations"]) == 60


def test_that_nothing_is_left_to_answer_is_not_said(capsys: pytest.CaptureFixture[str]) -> None:
    path = Path("b.csv")
    path.write_text("单位名称,系统名称,类别,是否涉密,建设状态\n市水务局,甲系统,应用系统,否,已建\n", encoding="utf-8")
    answer(path, {"单位层级": "市直、政府"})
    assert "尚无答复" not in capsys.readouterr().out


@pytest.mark.parametrize(("column", "words"), [("内存", "看情况"), ("可停机时长", "领导定"), ("所处网络", "某某网"), ("类别", "某某")])
def test_that_nobody_knows_may_be_answered_and_is_offered_wherever_a_word_is_asked_about(column: str, words: str) -> None:
    path = form("表.csv", f"{FULL},{column}\n1,市水务局,市直,政府,水费系统,应用系统,否,已建,{words}\n" if column != "类别" else f"{FULL}\n1,市水务局,市直,政府,水费系统,{words},否,已建\n")
    (question,) = read(path).questions
    assert question.kind == "wording" and "不详" in question.choices
    answer(path, {words: "不详"})
    assert not any(question.kind == "wording" for question in read(path).questions)
