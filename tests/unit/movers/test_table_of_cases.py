"""docs/databases.md is made from the cases, and every case says what it must."""

from __future__ import annotations

from tests.contracts import table
from tests.contracts.mover.cases import ENGINES, HERE, all_cases


def test_the_page_carries_the_table_of_the_cases():
    text = table.PAGE.read_text("utf-8")
    assert text == table.written(text), "run `make docs-databases`"


def test_every_file_is_a_case_and_no_two_rows_have_one_title():
    cases = all_cases()
    assert len(cases) == sum(len(list((HERE / engine).glob("*.yaml"))) for engine in ENGINES)
    assert len({(case.engine, case.title) for case in cases}) == len(cases)
