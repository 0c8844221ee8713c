"""The catalogue's promises: both languages say the same things, every step and ending has its sentence, none is unused."""

import ast
import json
import re
import string
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator import errors, texts
from orchestrator.errors import Finding, Unfit
from orchestrator.journal.states import Ending, MigrationState, StepState
from orchestrator.runbooks import GOING_BACK, GOING_BACK_ALONE, RUNBOOKS
from orchestrator.texts import say
from orchestrator.texts.durations import spell

SOURCES = Path(texts.__file__).resolve().parents[1]


def places(sentence: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(sentence) if name is not None}


def test_both_languages_have_the_same_sentences_with_the_same_places():
    assert texts.codes("zh") == texts.codes("en")
    for code in texts.codes("en"):
        zh, en = texts.both(code)
        assert places(zh) == places(en), code
        assert re.search("[一-鿿]", zh) or not re.search("[A-Za-z]{4}", re.sub(r"\{[\w:,+]+\}|`[^`]*`", "", zh)), code


def test_every_step_state_ending_and_gate_has_its_sentence():
    steps = {step.id for book in (*RUNBOOKS.values(), *GOING_BACK.values(), *GOING_BACK_ALONE.values()) for step in book}
    wanted = {f"step.{step}" for step in steps}
    wanted |= {f"ending.{ending}" for ending in Ending} | {f"next.{ending}" for ending in Ending}
    wanted |= {f"state.{state}" for state in MigrationState} | {f"step_state.{state}" for state in StepState}
    assert wanted <= texts.codes("en")
    assert {code for code in texts.codes("en") if code.startswith("step.")} == {f"step.{step}" for step in steps}


ASKED_BY_NAME = ("step", "ending", "next", "state", "step_state", "gate", "side")
"""Tables that are asked for by a name that the journal keeps."""
ASKING = {"say", "text", "english"}


def asked() -> Iterator[tuple[str, str, set[str], bool]]:
    """Of every place in the source that asks for a sentence: where it is, code, values, whether all values are named there."""
    for path in sorted(SOURCES.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if not isinstance(node, ast.Call) or not node.args:
                continue
            function = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            code = node.args[0]
            if function in ASKING and isinstance(code, ast.Constant) and isinstance(code.value, str) and "." in code.value:
                named = {word.arg for word in node.keywords if word.arg}
                yield f"{path.name}:{node.lineno}", code.value, named, all(word.arg for word in node.keywords)


def test_every_sentence_that_is_asked_for_is_there_and_is_given_all_it_speaks_of():
    known, wrong = texts.codes("en"), []
    for where, code, values, whole in asked():
        if code not in known:
            wrong.append(f"{where}: there is no {code}")
            continue
        wanted = places(texts.both(code)[1])
        if not values <= wanted or (whole and values != wanted):
            wrong.append(f"{where}: {code} speaks of {sorted(wanted)}, and is given {sorted(values)}")
    assert wrong == []


def test_no_sentence_is_unused():
    source = "".join(path.read_text("utf-8") for path in SOURCES.rglob("*.py"))
    unused = [
        code
        for code in sorted(texts.codes("en"))
        if code.partition(".")[0] not in ASKED_BY_NAME and f'"{code}"' not in source and f"'{code}'" not in source
    ]
    assert unused == []


ONE_LANGUAGE = (
    "cli",
    "cloud",
    "cutover",
    "discovery",
    "dryrun",
    "engine",
    "errors",
    "flows",
    "gateways",
    "hosts",
    "inventory",
    "journal",
    "movers",
    "planning",
    "policy",
    "progress",
    "reports",
    "runbooks",
    "settings",
    "steps",
    "tools",
    "workspace",
)
"""Rooms whose sentences stand in the catalogue."""
GLUED = re.compile(r"[\u4e00-\u9fff”：？）][\s，。]*\([a-z`“–-][^()]*[a-z]{3}[^()]*\)\W*$")


def files_of(room: str) -> list[Path]:
    """The sources of a room, or of a module that stands by itself."""
    return sorted((SOURCES / room).rglob("*.py")) or [SOURCES / f"{room}.py"]


def test_no_room_says_a_thing_in_two_languages_at_once():
    glued = [
        f"{path.relative_to(SOURCES)}:{node.lineno} {node.value}"
        for room in ONE_LANGUAGE
        for path in files_of(room)
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and GLUED.search(node.value) and "graded" not in node.value
    ]
    assert glued == []


OUR_ERRORS = {
    name for name, value in vars(errors).items() if isinstance(value, type) and issubclass(value, (errors.OrchestratorError, Finding, Unfit))
} - {"IllegalTransition"}
"""Called with words for people: what, or what was found, and what to do. A state that the table of transitions does not know is a bug."""


def is_written_out(node: ast.expr | None, names: dict[str, list[ast.expr]] | None = None) -> bool:
    """Words that are glued together, or stand there, instead of a sentence of the catalogue; ``names``: what a name was given beside it."""
    if isinstance(node, ast.IfExp):
        return is_written_out(node.body, names) or is_written_out(node.orelse, names)
    if isinstance(node, ast.BoolOp):
        return any(is_written_out(value, names) for value in node.values)
    if isinstance(node, ast.BinOp):
        return is_written_out(node.left, names) or is_written_out(node.right, names)
    if isinstance(node, ast.Name):
        return any(is_written_out(given) for given in (names or {}).get(node.id, []))
    parts = node.values if isinstance(node, ast.JoinedStr) else [node]
    return any(isinstance(part, ast.Constant) and isinstance(part.value, str) and re.search(r"[ 一-鿿]", part.value) for part in parts)


def given_names(scope: ast.AST) -> dict[str, list[ast.expr]]:
    """What each name was given in a function."""
    names: dict[str, list[ast.expr]] = {}
    for node in ast.walk(scope):
        for target in node.targets if isinstance(node, ast.Assign) else []:
            if isinstance(target, ast.Name) and isinstance(node, ast.Assign):
                names.setdefault(target.id, []).append(node.value)
    return names


def called(call: ast.Call) -> str:
    """What is called; ``super().__init__`` of an error of ours counts as one."""
    function = call.func
    if isinstance(function, ast.Attribute):
        of = function.value
        return "Refused" if isinstance(of, ast.Call) and getattr(of.func, "id", "") == "super" else function.attr
    return getattr(function, "id", "")


def written_out(tree: ast.AST) -> Iterator[int]:
    """Lines that make a finding or an error of words that no catalogue has, themselves or by a function beside them."""
    makers = {
        node.name
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef) and isinstance(node.returns, ast.Name) and node.returns.id in OUR_ERRORS
    }
    scopes = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    for scope in (*scopes, tree):
        names = given_names(scope)
        for node in ast.walk(scope):
            if isinstance(node, ast.Call) and called(node) in OUR_ERRORS | makers:
                said = [word.value for word in node.keywords if word.arg in ("what", "says", "mend", "remedy", "message")]
                if any(is_written_out(value, names if scope is not tree else {}) for value in [*node.args, *said]):
                    yield node.lineno


@pytest.mark.parametrize("room", ONE_LANGUAGE)
def test_no_finding_and_no_error_is_of_words_that_no_catalogue_has(room: str):
    found = {f"{path.relative_to(SOURCES)}:{line}" for path in files_of(room) for line in written_out(ast.parse(path.read_text("utf-8")))}
    assert sorted(found) == []


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ('raise Refused(f"{name} is not there", remedy=say("a.b"))', True),
        ('raise Refused(say("a.b", name=name), where=f"{name} here", remedy=say("a.c"))', False),
        ('raise errors.ToolError(say("a.b"), remedy="look at it")', True),
        ('Finding("no-host", "error", say("a.b") if known else "nobody knows", say("a.c"))', True),
        ('Finding("no-host", "error", str(error), say("a.c"))', False),
        ('def _missing(name: str) -> Finding: ...\n_missing(f"{name} is missing")', True),
        ('def look():\n    why = f"{name} is missing"\n    raise Refused(why, remedy=say("a.c"))', True),
        ('class Gone(Refused):\n    def __init__(self):\n        super().__init__("it is gone")', True),
    ],
)
def test_words_that_no_catalogue_has_are_seen(source: str, found: bool):
    assert bool(list(written_out(ast.parse(source)))) is found


def test_a_sentence_is_spoken_in_the_readers_language_with_what_stands_in_it():
    column = texts.Name("操作系统", "Operating system")
    cell = say("inventory.unreadable", column=column)
    whole = say("inventory.asks_of_sheet", sheet="甲.xlsx", asks=cell)
    assert whole.spoken("zh") == "甲.xlsx：“操作系统”无法识别"
    assert whole.spoken("en") == "甲.xlsx: “Operating system” cannot be read"
    assert say("inventory.system_ambiguous", systems=("a", "b")).spoken("zh").endswith("a、b")
    assert say("inventory.system_ambiguous", systems=("a", "b")).spoken("en").endswith("a, b")


def test_what_is_packed_is_the_same_sentence_again():
    whole = say("inventory.evidence", pieces=(say("inventory.form_choice", choices=(texts.Name("是", "yes"), "no")), "…", 3))
    assert texts.unpack(json.loads(json.dumps(texts.pack(whole)))) == whole
    assert texts.unpack(texts.pack("as somebody else wrote it")) == "as somebody else wrote it"
    with pytest.raises(KeyError):
        texts.unpack({"code": "inventory.of_a_later_release", "values": {}})


def test_what_another_release_packed_is_said_in_the_words_that_were_kept():
    words = say("inventory.unknown_column", words="甲")
    assert texts.recalled(json.loads(json.dumps(texts.pack(words))), "as kept") == words
    later = {"code": "inventory.of_a_later_release", "values": {}}
    other_places = {"code": "inventory.unknown_column", "values": {"column": "甲"}}
    no_number = {"code": "planning.change", "values": {"capacity": "db", "amount": "much"}}
    for strange in (None, {}, {"code": 3, "values": {}}, {"code": "inventory.unknown_column"}, later, other_places, no_number):
        assert texts.recalled(strange, "as kept") == "as kept"


def test_what_stands_in_a_sentence_is_never_a_template_nor_a_sentence_of_its_own():
    hostile = "{0.__class__} {column} %s {"
    assert hostile in say("inventory.unknown_column", words=hostile).spoken("en")


def test_rewording_reaches_every_text_that_is_not_ours():
    inner = say("inventory.sign", place=texts.Name("秘密", "secret"), word="秘密系统")
    whole = say("inventory.evidence", pieces=(inner, "秘密系统", 3))
    assert "秘密系统" not in whole.reworded(lambda text: text.replace("秘密系统", "—")).spoken("zh")
    assert whole.reworded(str.upper).spoken("zh") == whole.spoken("zh")


def test_a_finding_is_shown_in_the_readers_language_and_comes_back_from_where_it_was_kept():
    finding = Finding("unknown-column", "warning", say("inventory.unknown_column", words="甲"), "see the form", file="a.xlsx", cell="A1")
    texts.use("zh")
    assert finding.as_json()["message"] == "不认识的列“甲”，原样保留"
    texts.use("en")
    assert finding.as_json()["message"] == "the column “甲” is not known: kept as it is"
    assert finding.as_json()["parameters"] == {"words": "甲"}
    assert Finding.unpack(json.loads(json.dumps(finding.pack()))) == finding
    texts.use(None)


@pytest.mark.parametrize(
    ("environment", "language"),
    [({"LANG": "zh_CN.UTF-8"}, "zh"), ({"LANG": "de_DE"}, "en"), ({}, "en"), ({"LC_ALL": "zh_TW", "LANG": "en_US"}, "zh")],
)
def test_the_language_is_the_locales_unless_one_is_chosen(monkeypatch, environment, language):
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    texts.use(None)
    assert texts.language() == language
    texts.use("zh")
    assert texts.text("ending.accepted") == "已终验"
    texts.use(None)


LENGTHS = re.compile(r"\{\w+(:[^}]*)?\} ?(h|min|hours?|minutes?|小时|分钟|分)(?![a-z])")


def test_lengths_of_time_are_spelt_in_one_place():
    """A fixed unit makes 40 s "0.0 h": ``texts.durations`` finds the unit that is true."""
    own = {"inventory.minutes"}  # what a form's cell came to, in the form's own unit
    fixed = {code for code in texts.codes("en") for said in texts.both(code) if LENGTHS.search(said) and not code.startswith("duration.")}
    assert fixed - own == set()


@pytest.mark.parametrize(("seconds", "en", "zh"), [
    (0, "0 s", "0 秒"), (0.04, "0.04 s", "0.04 秒"), (9.99, "10 s", "10 秒"), (40, "40 s", "40 秒"), (59.7, "1 min", "1 分钟"),
    (90, "1 min 30 s", "1 分 30 秒"), (3599.7, "1 h", "1 小时"), (5400, "1 h 30 min", "1 小时 30 分钟"),
    (14 * 86400, "14 days", "14 天"), (60 * 3600, "2 days 12 h", "2 天 12 小时"),
])  # fmt: skip
def test_a_length_of_time_is_true_for_seconds_and_for_days(seconds: float, en: str, zh: str):
    assert (spell(seconds).spoken("en"), spell(seconds).spoken("zh")) == (en, zh)
