"""What a vendor's client hands in: the generated statements run for real where they can, and every way in which output lies is named."""

from __future__ import annotations

import re
import sqlite3
from pathlib import Path

import pytest

from orchestrator.movers.vendor import outputs
from orchestrator.movers.vendor.dialects import ANSI, DIALECTS, DM, KINGBASE, MYSQL_KIN, ORACLE, SQLSERVER, Dialect, dialect_of
from orchestrator.movers.vendor.outputs import Unreadable, differences, read_counts, read_list, read_text
from orchestrator.movers.vendor.statements import Column, Table, count_statement, lines_of, list_statement

NONCE = "3f9a"
PEOPLE = Table("HR", "人员", (Column("ID", "NUMBER", 0), Column("SALARY", "NUMBER", 2), Column("NAME", "VARCHAR2")))
LOG = Table("HR", "LOG", (Column("AT", "DATE"), Column("RATIO", "BINARY_DOUBLE"), Column("OLD", "LONG"), Column("DOC", "CLOB")))
TABLES = [PEOPLE, LOG]
GOOD = ["ORCH|BEGIN|3f9a|.", "ORCH|SERVER|db1/core|.", "ORCH|ROW|1|1|120|7260|98765.50|480|.", "ORCH|ROW|2|1|3|3|2|NULL|.", "ORCH|END|3f9a|2|."]


def printed(*changes: tuple[str, str]) -> str:
    text = "\n".join(GOOD)
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    return text


def faults(text: str) -> list[str]:
    with pytest.raises(Unreadable) as error:
        read_counts(text, ORACLE, TABLES, NONCE)
    return [str(reason) for reason in error.value.reasons]


# ---------------------------------------------------------------- what is asked


@pytest.mark.parametrize(
    ("engine", "dialect"),
    [
        ("oracle", ORACLE), ("Oracle 11g RAC", ORACLE), ("SQL Server 2012", SQLSERVER), ("mssql", SQLSERVER), ("达梦", DM), ("DM8", DM), ("dm", DM),
        ("人大金仓", KINGBASE), ("KingbaseES V8", KINGBASE), ("openGauss", KINGBASE), ("TiDB", MYSQL_KIN), ("GBase 8a", MYSQL_KIN),
        ("GBase 8s", ANSI), ("informix", ANSI), ("db2", ANSI), ("admin", ANSI), ("dmx", ANSI), ("", ANSI),
    ],
)  # fmt: skip
def test_an_engine_is_known_as_people_write_it_and_an_unknown_one_gets_the_standard(engine: str, dialect: Dialect) -> None:
    assert dialect_of(engine) is dialect


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda each: each.name)
def test_a_hostile_name_stays_one_name(dialect: Dialect) -> None:
    hostile = """x"]`; DROP TABLE y; --'"""
    text = count_statement(dialect, [Table("s", hostile, (Column(hostile, "integer"),))], NONCE)
    outside = re.sub(r'"(?:[^"]|"")*"|\[(?:[^\]]|\]\])*\]|`(?:[^`]|``)*`', "NAME", text)
    assert "DROP" not in outside


def test_sums_of_floating_numbers_and_of_what_cannot_be_asked_are_not_asked_for() -> None:
    [line] = lines_of(ORACLE, LOG)
    assert [(each.column, each.what) for each in line] == [("AT", "filled"), ("RATIO", "filled"), ("DOC", "length")]


def test_a_wide_table_is_asked_in_several_lines() -> None:
    wide = Table("s", "wide", tuple(Column(f"c{n}", "integer") for n in range(30)))
    assert [len(line) for line in lines_of(DM, wide)] == [12, 12, 6]


def test_the_standards_statements_run_on_a_server_that_nobody_named(tmp_path: Path) -> None:
    both = []
    for amount in ("10.25", "10.26"):
        base = sqlite3.connect(":memory:")
        base.execute('CREATE TABLE "a""b" (n integer, t text)')
        base.executemany('INSERT INTO "a""b" VALUES (?, ?)', [(1, "x"), (float(amount), None)])
        tables = [Table("", 'a"b', (Column("n", "numeric"), Column("t", "text")))]
        said = [str(row[0]) for part in count_statement(ANSI, tables, NONCE).split(";\n") if part.strip() for row in base.execute(part)]
        (tmp_path / "out").write_text("\n".join(said))
        both.append(read_counts(read_text(str(tmp_path / "out")), ANSI, tables, NONCE))
    assert differences(ANSI, tables, both[0], both[0]) == []
    assert [str(each) for each in differences(ANSI, tables, *both)] == ['a"b, n (sum): 11.25 at the source, 11.26 at the target']


# ---------------------------------------------------------------- what is read


def test_what_stands_around_our_lines_does_not_matter() -> None:
    noisy = printed(("ORCH|ROW|2", "SQL> SELECT 'ORCH|ROW|1|1|' || TO_CHAR(COUNT(*))\n\n 人员\n------\n--More--\n | ORCH|ROW|2"), ("|NULL|.", "|NULL|. |"))
    assert read_counts(noisy.replace("\n", "\r\n"), ORACLE, TABLES, NONCE) == read_counts(printed(), ORACLE, TABLES, NONCE)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16", "utf-16-le"])
def test_any_clients_character_set_is_read(encoding: str, tmp_path: Path) -> None:
    (tmp_path / "out").write_bytes(("已选择 2 行。\n" + printed(("db1", "数据库1")) + "\n").encode(encoding))
    assert read_counts(read_text(str(tmp_path / "out")), ORACLE, TABLES, NONCE).server == "数据库1/core"


def test_a_picture_is_no_output(tmp_path: Path) -> None:
    (tmp_path / "out").write_bytes(b"\x89PNG\r\n\x1a\n\xff\xff\x80\x81")
    with pytest.raises(Unreadable, match="neither UTF-8, GBK nor UTF-16"):
        read_text(str(tmp_path / "out"))


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ([("|120|", "|1,120|")], "人员 (line 3): rows: '1,120': it has thousands separators"),
        ([("98765.50", "98.765,50")], "SALARY: '98.765,50': it has thousands separators"),
        ([("98765.50", "98765,50")], "SALARY: '98765,50': it has a decimal comma"),
        ([("98765.50", "9.8766E+04")], "SALARY: '9.8766E+04': it was rounded"),
        ([("98765.50", "########")], "SALARY: '########': the client had no width"),
        ([("|NULL|", "||")], "LOG (line 4): DOC: '': nothing was printed"),
        ([("|NULL|", "|(null)|")], "DOC: '(null)': it is no number"),
        ([("|120|", "|-1|")], "'-1' is no count of rows"),
        ([("|120|", "|120.0|")], "'120.0' is no count of rows"),
        ([("|120|", "|１２０|")], "it is no number"),
        ([("ORCH|ROW|2|1|3|3|2|NULL|.\n", "")], "HR.LOG is missing"),
        ([("ORCH|ROW|2|1|3|3|2|NULL|.", "ORA-00942: table or view does not exist")], "the client said: ORA-00942"),
        ([("ORCH|END|3f9a|2|.", "")], "does not end with our last line"),
        ([("ORCH|BEGIN|3f9a|.", "")], "does not begin with our first line"),
        ([("|98765.50|480|.", "|98765.\n50|480|.")], "line 3 is cut"),
        ([("3f9a", "aaaa")], "is the output of another statement (aaaa"),
        ([("ORCH|ROW|2|1|", "ORCH|ROW|1|1|120|7260|98765.50|480|.\nORCH|ROW|2|1|")], "HR.人员 is there twice"),
        ([("ORCH|ROW|2|1|", "ORCH|ROW|9|1|")], "is of a table that was not asked for"),
        ([("|7260|98765.50|", "|7260|98765|50|")], "5 values instead of 4"),
    ],
)  # fmt: skip
def test_what_a_client_did_to_the_values_is_named_with_its_table(changes: list[tuple[str, str]], named: str) -> None:
    assert named in "\n".join(faults(printed(*changes)))


def test_every_fault_is_told_at_once() -> None:
    assert len(faults(printed(("|120|", "|1,120|"), ("|NULL|", "||"), ("ORCH|END|3f9a|2|.", "")))) == 3


def test_what_differs_is_named_with_table_column_and_both_values() -> None:
    mine = read_counts(printed(), ORACLE, TABLES, NONCE)
    other = read_counts(printed(("|120|", "|119|"), ("98765.50", "98765.5"), ("|480|", "|479|"), ("NULL", "0"), ("db1", "db2")), ORACLE, TABLES, NONCE)
    assert [str(each) for each in differences(ORACLE, TABLES, mine, other)] == [
        "HR.人员, rows: 120 at the source, 119 at the target", "HR.人员, NAME (length): 480 at the source, 479 at the target",
        "HR.LOG, DOC (length): NULL at the source, 0 at the target",
    ]  # fmt: skip
    assert [str(each) for each in differences(ORACLE, TABLES, mine, mine)] == ["both outputs are of one server (db1/core): each side's own is asked for"]


# ---------------------------------------------------------------- the list of tables


def listed(*rows: str) -> str:
    return "\n".join(["ORCH|BEGIN|3f9a|.", *(f"ORCH|COLUMN|{row}|." for row in rows), "ORCH|END|3f9a|."])


def test_a_list_becomes_tables_with_their_columns() -> None:
    tables = read_list(listed("HR|人员|ID|NUMBER|0", "HR|人员|NAME|VARCHAR2|", "HR|LOG|AT|DATE|"), ORACLE, NONCE)
    assert [(table.title, [column.name for column in table.columns]) for table in tables] == [("HR.人员", ["ID", "NAME"]), ("HR.LOG", ["AT"])]
    assert read_list("# ours\nhr.people\nlog\n", ANSI, NONCE) == [Table("hr", "people", ()), Table("", "log", ())]


@pytest.mark.parametrize(
    ("text", "dialect", "named"),
    [
        (listed("HR|????|ID|NUMBER|0"), ORACLE, "its letters were lost on the way"),
        (listed("HR|a|b|ID|NUMBER|0"), ORACLE, "has 7 parts instead of 6"),
        (listed("HR|$(x)|ID|int|0"), SQLSERVER, "takes $( in it for a variable"),
        (listed(), ORACLE, "it lists no table"),
        ("hr.people\nhr.people\n", ANSI, "hr.people is listed more than once"),
        ("", ANSI, "it lists no table"),
        ("a|b", ANSI, "would end our line"),
    ],
)  # fmt: skip
def test_a_list_that_cannot_be_asked_for_is_refused_by_name(text: str, dialect: Dialect, named: str) -> None:
    with pytest.raises(Unreadable) as error:
        read_list(text, dialect, NONCE)
    assert named in "\n".join(map(str, error.value.reasons))


def test_a_file_of_gigabytes_is_no_list_of_counts(tmp_path: Path) -> None:
    with (tmp_path / "out").open("wb") as file:
        file.truncate(outputs.LARGEST + 1)
    with pytest.raises(Unreadable, match="no list of counts"):
        read_text(str(tmp_path / "out"))


def test_where_a_person_lists_the_tables_there_is_no_statement() -> None:
    assert list_statement(ANSI, NONCE) == ""
    assert "ALL_TAB_COLUMNS" in list_statement(ORACLE, NONCE)
