"""A header that lists the amounts of its cells, in their order and units; and short English headers."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.inventory.load import load
from orchestrator.inventory.sheets.listed_sizes import amounts_of
from orchestrator.models import System

HEAD = "单位名称,单位层级,单位性质,系统名称,类别,建设状态,是否涉密"


def system(tmp_path: Path, header: str, cell: str) -> System:
    path = tmp_path / "a.csv"
    path.write_text(f"{HEAD},{header}\n市水务局,市直,政府,甲平台,应用系统,已建,否,{cell}\n", encoding="utf-8")
    reading = load([path])
    assert reading.errors == [] and reading.questions == () and reading.unknown_columns == ()
    return reading.inventory.systems[0]


@pytest.mark.parametrize(
    ("header", "cell", "size"),
    [
        ("云资源需求（vCPU/内存GB/存储GB）", "32/128/4096", (32, 128, 4096)), ("云资源需求（vCPU/内存GB/存储TB）", "32/128/4", (32, 128, 4096)),
        ("服务器配置（CPU核数、内存G、硬盘G）", "16、64、2000", (16, 64, 2000)), ("CPU/内存（G）/硬盘（T）", "8/32/2", (8, 32, 2048)), ("所需资源[核+内存GB]", "4+8", (4, 8, None)),
        ("资源规格(CPU*存储GB*内存GB)", "4*100*8", (4, 8, 100)), ("云资源需求（vCPU/内存GB/存储GB）", "32核/128G/4T", (32, 128, 4096)),
    ],
)  # fmt: skip
def test_amounts_are_read_in_the_order_and_the_units_of_the_header(header: str, cell: str, size: tuple[float | None, ...], tmp_path: Path) -> None:
    one = system(tmp_path, header, cell)
    assert (one.vcpus, one.memory_gb, one.storage_gb) == size


@pytest.mark.parametrize("header", ["云资源需求（vCPU/内存/存储）", "系统（PC/手机）", "内存GB/存储GB", "CPU/CPU", "CPU（核）", "规格（CPU/内存GB/带宽M）"])
def test_a_header_without_units_or_of_other_things_lists_nothing(header: str) -> None:
    assert amounts_of(header) == ()


def test_another_number_of_amounts_is_not_guessed_at(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(f"{HEAD},资源（vCPU/内存GB/存储GB）\n市水务局,市直,政府,甲平台,应用系统,已建,否,32/128\n", encoding="utf-8")
    reading = load([path])
    assert [finding.code for finding in reading.errors] != [] and all(one.vcpus is None and one.memory_gb is None for one in reading.all_systems())


@pytest.mark.parametrize(("header", "field"), [("mem(G)", "memory_gb"), ("Mem (GB)", "memory_gb"), ("disk(G)", "storage_gb"), ("cpu", "vcpus"), ("mem", "memory_gb")])
def test_short_english_headers_are_those_of_the_form(header: str, field: str, tmp_path: Path) -> None:
    assert getattr(system(tmp_path, header, "32"), field) == 32
