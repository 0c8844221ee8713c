"""What a machine has, written in one cell: every way of writing it that a rule understands, and one question for all texts of a manner that has two meanings."""

from __future__ import annotations

import itertools
import sys
from pathlib import Path
from typing import Any

import pytest

from orchestrator.inventory.answersheet import _unusable
from orchestrator.inventory.cells import Ambiguous, Unreadable
from orchestrator.inventory.questions import Key
from orchestrator.inventory.values import read_value

TESTS = Path(__file__).parents[2]
sys.path[:0] = [str(TESTS / "fixtures"), str(TESTS / "bench")]
from bench_forms import answered  # type: ignore[import-not-found]  # noqa: E402 - a helper beside the benches
from technical import SYSTEMS, A, B  # type: ignore[import-not-found]  # noqa: E402 - a helper beside the fixtures
from workbooks import build  # type: ignore[import-not-found]  # noqa: E402 - a helper beside the fixtures

CORES = {
    "16核": 16, "16C": 16, "16 vCPU": 16, "2*8核": 16, "2路*8核": 16, "2颗8核": 16, "1路16核": 16, "十六核": 16, "8核×2": 16, "16核32线程": 16,
    "CPU：16核": 16, "16U": 16, "鲲鹏920 16核": 16, "2路，共16核": 16,
}  # fmt: skip
MEMORY = {"64G": 64, "64GB内存": 64, "内存64G": 64, "64 GB RAM": 64, "4*16G": 64, "4条16G": 64, "65536M": 64, "0.0625T": 64}
DISKS = {
    "4T": 4096, "4TB硬盘": 4096, "2*600G": 1200, "2块600G": 1200, "600G*2块": 1200, "100G+500G": 600, "系统盘100G+数据盘500G": 600, "2*480G SSD+4*2T SATA": 960 + 8192,
    "1.8T*6块盘": 11059.2, "": None,
}  # fmt: skip
SEPARATORS = ["/", "，", "、", "；", " ", "\n", "+", " | "]


@pytest.mark.parametrize("separator", SEPARATORS)
def test_cores_memory_and_disks_however_they_are_written(separator: str) -> None:
    wrong = []
    for (cores, count), (memory, gigabytes), (disk, stored) in itertools.product(CORES.items(), MEMORY.items(), DISKS.items()):
        text = separator.join(filter(None, (cores, memory, disk)))
        try:
            read = read_value("cores", text)
            got = (read.value, read.also.get("memory_gb"), read.also.get("storage_gb"))
        except Unreadable:
            got = ("unread", None, None)
        if got != (count, gigabytes, stored):
            wrong.append((text, got))
    assert wrong == []


@pytest.mark.parametrize(
    ("text", "cores", "also"),
    [
        ("8C16G500G", 8, {"memory_gb": 16, "storage_gb": 500}), ("4C8G", 4, {"memory_gb": 8}), ("4C8G*3台", 12, {"memory_gb": 24, "servers": 3}),
        ("8C16G500G×3", 24, {"memory_gb": 48, "storage_gb": 1500, "servers": 3}), ("3台×8核16G", 24, {"memory_gb": 48, "servers": 3}),
        ("物理机2台，每台8核16G", 16, {"memory_gb": 32, "servers": 2}), ("2台共16核32G", 16, {"memory_gb": 32, "servers": 2}),
        ("Power 8核/64G/3T", 8, {"memory_gb": 64, "storage_gb": 3072}), ("Intel Xeon Gold 6230 2*20核/256G", 40, {"memory_gb": 256}), ("2路16核64线程/256G", 32, {"memory_gb": 256}),
        ("16核/32T/64G", 16, {"memory_gb": 64}), ("硬盘500G/内存16G/8核", 8, {"memory_gb": 16, "storage_gb": 500}), ("8核/500G硬盘", 8, {"storage_gb": 500}),
        ("4vCPUs | 8GiB | s6.xlarge.2", 4, {"memory_gb": 8}), ("8核 2.1GHz/16G", 8, {"memory_gb": 16}),
    ],
)  # fmt: skip
def test_what_else_a_size_may_say(text: str, cores: float, also: dict[str, float]) -> None:
    read = read_value("cores", text)
    assert (read.value, dict(read.also)) == (cores, also)


@pytest.mark.parametrize(
    "text", ["2颗", "2颗/64G/1T", "8核16T", "2*600G", "tomcat 8核16G", "10.1.1.1", "8核/16G/", "8核*/16G", "64G/500G", "8核16核/32G", "2台8核16G*3台", "8核16G同上"]
)
def test_what_is_no_size_is_not_read_as_one(text: str) -> None:
    if text == "8核/16G/":
        assert read_value("cores", text).value == 8
        return
    with pytest.raises(Unreadable) as why:
        read_value("cores", text)
    assert not isinstance(why.value, Ambiguous)


@pytest.mark.parametrize(
    ("text", "manner", "meanings"),
    [
        ("2路16核/128G/4T", "sockets", (32, 16)), ("两路十六核，内存128G", "sockets", (32, 16)), ("16核（2路）/64G", "sockets", (32, 16)), ("2路16核", "sockets", (32, 16)),
        ("8核/16G/500G×3", "times", (8, 24)),
    ],
)  # fmt: skip
def test_two_meanings_are_both_told(text: str, manner: str, meanings: tuple[int, int]) -> None:
    with pytest.raises(Ambiguous) as why:
        read_value("cores", text)
    assert (why.value.manner, tuple(means().value for means in why.value.means.values())) == (manner, meanings)


HOSTS: list[list[Any]] = [
    ["所属系统", "主机名", "地址", "CPU核数"], [A, "sf-1", "10.1.1.1", "2路16核/128G/4T"], [A, "sf-2", "10.1.1.2", "2路20核/256G/8T"], [B, "gw-1", "10.1.1.3", "4路8核/64G/1T"],
    [B, "gw-2", "10.1.1.4", "8核/16G/500G"],
]  # fmt: skip


def test_one_question_for_all_texts_of_a_manner(tmp_path: Path) -> None:
    (tmp_path / "inventory").mkdir()
    path = build(tmp_path / "a.xlsx", [{"name": "统计表", "rows": SYSTEMS}, {"name": "主机", "rows": HOSTS}])
    sys.modules["bench_forms"].PLAIN["sockets"] = "每路"
    try:
        readings, asked = answered(path, tmp_path / "inventory")
    finally:
        del sys.modules["bench_forms"].PLAIN["sockets"]
    assert [(question.kind, question.count, question.choices, question.proposed) for question in asked] == [("manner", 3, ("每路", "合计"), "")]
    hosts = {host.name: (host.vcpus, host.memory_gb, host.disk_gb) for system in readings[-1].all_systems() for host in system.hosts}
    assert hosts == {"sf-1": (32, 128, 4096), "sf-2": (40, 256, 8192), "gw-1": (32, 64, 1024), "gw-2": (8, 16, 500)}
    assert readings[-1].errors == []


def test_an_answer_is_one_of_the_two() -> None:
    key = Key("manner", "sockets", scope="x")
    assert _unusable(key, key.id, "每路", "张三") == ""
    assert _unusable(key, key.id, "都行", "张三")
