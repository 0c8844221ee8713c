"""Systems and departments by id or by name; what two bear is asked back."""

from __future__ import annotations

import re

import pytest

from orchestrator.errors import UsageError
from orchestrator.inventory.find import find_department, find_system, id_or_as_typed, ids_of
from orchestrator.inventory.names import make_id, make_system_id
from orchestrator.models import Department, Excluded, ExcludedRow, Inventory, System


def system(ident: str, name: str, department: str = "d-1", **fields: str) -> System:
    return System.model_validate({"id": ident, "name": name, "department": department, "kind": "application", "status": "in_use", **fields})


CITY = Inventory(
    departments=(Department(id="d-1", name="市档案局", name_en="Archives"), Department(id="d-2", name="市财政局")),
    systems=(
        system("oa-1", "办公自动化（OA）系统"), system("oa-2", "办公自动化(OA)系统", "d-2"), system("portal", "门户网站", name_en="Portal"),
        system("oa", "别的系统"), system("plain", "oa-1"),
    ),
    excluded=(ExcludedRow(department="d-1", reason=Excluded.RETIRED, system=system("old", "老系统")),),
)  # fmt: skip


@pytest.mark.parametrize("said", ["portal", "门户网站", " 门户 网站 ", "Portal", "ＰＯＲＴＡＬ", "「门户网站」".strip("「」")])
def test_an_id_or_a_name_as_people_write_it(said: str) -> None:
    assert find_system(CITY, said).id == "portal"


def test_a_name_typed_in_a_terminal_whose_letters_the_interpreter_does_not_know() -> None:
    for encoding in ("utf-8", "gbk"):
        said = "门户网站".encode(encoding).decode("ascii", "surrogateescape")
        assert find_system(CITY, said).id == "portal"
    with pytest.raises(UsageError):
        find_system(CITY, b"\xff\xff".decode("ascii", "surrogateescape"))


def test_an_id_comes_before_a_name() -> None:
    assert find_system(CITY, "oa-1").name == "办公自动化（OA）系统"


def test_a_name_that_two_bear_is_refused_with_the_candidates() -> None:
    with pytest.raises(UsageError) as refused:
        find_system(CITY, "办公自动化(OA)系统")
    assert "oa-1（市档案局）、oa-2（市财政局）" in refused.value.remedy


def test_what_nobody_bears_is_refused_with_what_looks_like_it() -> None:
    with pytest.raises(UsageError) as refused:
        find_system(CITY, "门户网页")
    assert "portal（门户网站）" in refused.value.remedy
    with pytest.raises(UsageError) as refused:
        find_system(CITY, "气象")
    assert "inventory show" in refused.value.remedy
    for nothing in ("", "  ", "（）"):
        with pytest.raises(UsageError):
            find_system(CITY, nothing)


def test_what_is_outside_the_count_is_found_only_where_it_is_asked_for() -> None:
    assert find_system(CITY, "老系统", outside=True).id == "old"
    with pytest.raises(UsageError):
        find_system(CITY, "老系统")


def test_departments_by_either_name() -> None:
    assert {find_department(CITY.departments, said).id for said in ("d-1", "市档案局", "archives")} == {"d-1"}
    with pytest.raises(UsageError) as refused:
        find_department(CITY.departments, "市档案馆")
    assert "d-1（市档案局）" in refused.value.remedy


def test_names_among_ids() -> None:
    assert ids_of(CITY, ["portal", "老系统", "市财政局", "not-there"]) == ("portal", "old", "d-2", "not-there")


@pytest.mark.parametrize("said", ["men-hu-wang-zhan", "menhuwangzhan", "MenHu WangZhan", "mhwz"])
def test_a_name_as_it_sounds(said: str) -> None:
    assert find_system(CITY, said).id == "portal"
    assert ids_of(CITY, [said, "shi-cai-zheng-ju", "gone-long-ago"]) == ("portal", "d-2", "gone-long-ago")


def test_what_two_sound_like_is_asked_back() -> None:
    both = CITY.model_copy(update={"systems": (system("a-1", "水费系统"), system("b-1", "税费系统"))})
    for said in ("shui-fei-xi-tong", "sfxt"):
        with pytest.raises(UsageError) as refused:
            id_or_as_typed(both, said)
        assert "a-1（" in refused.value.remedy and "b-1（" in refused.value.remedy


def test_an_id_that_is_made_tells_nothing_of_a_systems_name_and_reads_well_for_a_department() -> None:
    assert re.fullmatch(r"sys-[0-9a-f]{8}", make_system_id("d-1/水费系统/OA Portal"))
    assert re.fullmatch(r"shi-shui-wu-ju-[0-9a-f]{8}", make_id("dept", "市水务局"))
    assert re.fullmatch(r"dept-[0-9a-f]{8}", make_id("dept", "?"))
