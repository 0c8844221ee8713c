"""Every text that a system can hold, at whatever depth: whoever adds a field says here whether its texts give the system away (R2)."""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from orchestrator.inventory.traces import OF_A_KIND, ORDINARY, words_of
from orchestrator.models import Host, Inventory, Kind, Landing, System

LANDING = {
    "name": "rescue-7", "address": "10.77.0.1", "ssh_user": "rescuer", "root": "/srv/new/veiled", "own": "/srv/own/veiled",
    "boot": ["lxc-start", "-n", "veiled-box", "--rcfile=/srv/lxc/veiled.conf"], "off": ["/opt/veiled/off"], "console": ["tail", "/srv/log/veiled"], "exclude": ["/scratch/veiled"],
    "per_side": ["/etc/veiled.side"], "at_rest": ["/var/lib/veiled-mail"], "readdress": ["/etc/veiled.conf"],
    "keep_units": ["veiled-agent.service"],
}  # fmt: skip
FULL: dict[str, Any] = {
    "id": "veiled-portal", "name": "隐名门户", "name_en": "Veiled portal", "department": "d-1", "kind": "application", "status": "in_use",
    "architecture": "B/S on 10.77.9.1", "os": "麒麟 V10", "dbms": "达梦8", "special_equipment_note": "签名机在三楼", "room": "503机房",
    "network": "internet", "depends_on": ["other"], "users": "both", "service_hours": "7×24", "vendor": "甲公司", "processor": "飞腾",
    "middleware": "TongWeb 7", "domains": ["veiled.example.gov.cn"], "in_service_since": "2015-06", "runs_at": "own_room",
    "planned_end": "2030", "database_owner": "other", "backup": "每日备份到 10.77.9.2", "operator": "乙公司", "open_ports": ["8443"],
    "licence_binding": "dongle", "end_of_support": "2031", "domestic": "全部国产", "security_owner": "保卫科", "data_owner": "档案科",
    "protection_standard": "GB/T 22239", "contact": "欧阳某某", "phone": "13900001234", "remark": "原在 10.77.9.3，见 wiki.veiled.example.cn",
    "unknown": {"机柜": "甲排柜十二", "网段": "10.77.9.0/24"},
    "hosts": [{
        "name": "veiled-1", "address": "10.77.1.1", "ssh_user": "veiledlogin", "become": "veiledwork", "manager": "systemd",
        "root": "/srv/hosts/veiled", "python": "/opt/veiled/python", "os": "CentOS 7", "room": "room-1", "processor": "x86_64",
        "new_address": "10.77.2.1", "landing": LANDING, "target": "veiled-new-1",
    }],
    "databases": [{
        "name": "veiled_db", "engine": "postgresql", "version": "9.6", "host": "veiled-1", "role": "veiled_app", "secret": "env:VEILED_PW",
        "admin_role": "veiled_admin", "admin_secret": "file:/secrets/veiled", "data_directory": "/data/veiled", "wal_level": "logical",
    }],
    "file_trees": [{"host": "veiled-1", "path": "/srv/veiled/files"}],
    "services": [{
        "name": "veiled-web", "host": "veiled-1", "command": ["java", "-jar", "/opt/veiled.jar", "--title=隐名标题", "veiled-mode"],
        "unit": "veiled@3.service", "cron": "/etc/cron.d/veiled", "account": "veiledacct", "entry": "veiled-entry",
        "health": {"kind": "http", "target": "/veiled/health/deep", "expected": "200", "host_name": "in.veiled.example.gov.cn"},
        "environment": {"UPSTREAM": "http://10.77.9.4:8080/x", "TITLE": "隐名环境", "DB": "@database.host"},
        "files": [{"path": "/etc/veiled/app.ini", "format": "ini", "set": {"main.title": "隐名配置"}, "add": {"main.note": "隐名附注"}}],
    }],
    "devices": [{
        "name": "veiled-signer", "model": "SJJ-7701", "address": "10.77.3.1", "management": "manual", "management_user": "veiledmgr",
        "secret": "env:VEILED_DEVICE", "serial": "SN770077", "needs": "2U，接 10.77.9.5", "new_address": "10.77.4.1",
    }],
    "links": [{"peer": "省厅平台", "direction": "out", "address": "10.77.5.1", "purpose": "vertical"}],
    "windows": [{"days": "daily", "start": "22:00", "end": "05:00"}],
    "data_resources": [{
        "name": "隐名目录", "database": "veiled_db", "basic_category": "population", "theme": "tax", "sharing": "not_shared", "form": "api",
        "update_frequency": "每日",
    }],
}  # fmt: skip
PLACES_IN_WORDS_OF_A_KIND = {"10.77.9.1", "10.77.9.2", "10.77.9.3", "wiki.veiled.example.cn", "10.77.9.0", "10.77.9.4", "10.77.9.5"}


def texts_of(value: Any, field: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for name, part in value.items():
            yield from texts_of(part, field if field in {"unknown", "environment", "set", "add"} else name)
    elif isinstance(value, list | tuple):
        for part in value:
            yield from texts_of(part, field)
    elif isinstance(value, str):
        yield field, value


def unfilled(noun: BaseModel) -> Iterator[str]:
    """Fields that may hold a text and hold none in the example."""
    for name in type(noun).model_fields:
        value = getattr(noun, name)
        if value is None or value in ((), {}, ""):
            annotation = str(type(noun).model_fields[name].annotation)
            if "str" in annotation or "Literal" in annotation or "orchestrator" in annotation:
                yield f"{type(noun).__name__}.{name}"
        for part in value if isinstance(value, tuple) else (value,):
            if isinstance(part, BaseModel):
                yield from unfilled(part)


def words(system: System, *others: System) -> set[str]:
    return set(words_of(system, Inventory(systems=(system, *others))))


def test_the_example_fills_every_field_that_may_hold_a_text() -> None:
    not_text = {"System.interruption"}
    assert set(unfilled(System.model_validate(FULL))) - not_text == set()


CLOSED = {
    "kind", "status", "network", "users", "runs_at", "licence_binding", "manager", "boots", "wal_level", "format", "management", "direction", "purpose",
    "days", "basic_category", "theme", "sharing", "form",
}  # fmt: skip


@pytest.mark.parametrize(("field", "text"), sorted(set(texts_of(FULL))))
def test_each_text_gives_it_away_or_says_only_of_which_kind_it_is(field: str, text: str) -> None:
    found = words(System.model_validate(FULL))
    of_a_kind = field in OF_A_KIND | CLOSED and text not in {"veiled-new-1", "/veiled/health/deep"}
    if of_a_kind or text in {"lxc-start", "java", "-n", "-jar", "@database.host"}:
        assert text not in found
    else:
        assert {text, text.partition("=")[2]} & found


def test_a_place_counts_wherever_it_is_mentioned() -> None:
    assert words(System.model_validate(FULL)) >= PLACES_IN_WORDS_OF_A_KIND | {"/veiled/health/deep", "/srv/lxc/veiled.conf"}


def test_what_another_system_has_too_is_nobodys_word_but_its_name() -> None:
    mine = System.model_validate(FULL)
    other = mine.model_copy(update={"id": "other", "name": "别的门户", "name_en": "Other portal"})
    assert words(mine, other) == {"隐名门户", "Veiled portal"}


def test_the_machine_that_a_landing_stands_on_is_excused_by_who_lands_or_runs_there_too() -> None:
    mine = System.model_validate(FULL)
    landing = Landing.model_validate({**LANDING, "root": "/srv/other", "boot": ["a"], "off": ["b"]})
    lands = System(
        id="lands",
        name="甲",
        department="d-1",
        kind=Kind.APPLICATION,
        status="in_use",
        hosts=(Host(name="h", address="10.1.1.1", landing=landing),),
    )
    runs = System(
        id="runs", name="乙", department="d-1", kind=Kind.APPLICATION, status="in_use", hosts=(Host(name="rescue-7", address="10.77.0.1"),)
    )
    mentions = System(id="asks", name="丙", department="d-1", kind=Kind.APPLICATION, status="in_use", remark="rescue-7 10.77.0.1")
    for other, excused in ((lands, True), (runs, True), (mentions, False)):
        assert ({"rescue-7", "10.77.0.1"} & words(mine, other) == set()) is excused, other.id


ORDINARY_SYSTEM = System.model_validate(
    {
        "id": "plain", "name": "平常系统", "department": "d-1", "kind": "application", "status": "in_use",
        "hosts": [{"name": "plain-1", "address": "10.1.1.1", "python": "/usr/bin/python3"}],
        "databases": [{"name": "plain", "engine": "postgresql", "host": "plain-1", "admin_role": "postgres"}],
        "services": [{
            "name": "plain-web", "host": "plain-1", "command": ["python3", "--port", "8080"], "account": "www-data",
            "environment": {"DEBUG": "false", "BIND": "127.0.0.1", "MODE": "production"},
            "files": [{"path": "/etc/hosts", "format": "env", "set": {"mode": "production"}}],
        }],
    }
)  # fmt: skip


def test_the_words_of_any_machine_are_nobodys_however_few_systems_there_are() -> None:
    assert words(ORDINARY_SYSTEM) == {"平常系统", "plain-1", "10.1.1.1", "plain-web", "plain"}
    assert all(word == word.lower() for word in ORDINARY)


@st.composite
def planted(draw: st.DrawFn) -> tuple[System, str]:
    """A system with one text of its own put anywhere that free text stands."""
    word = draw(st.from_regex(r"zq[a-z]{5,9}", fullmatch=True))
    document = System.model_validate(FULL).model_dump(mode="python")
    spots = [spot for spot in _spots(document) if spot[-1] not in OF_A_KIND | CLOSED]
    spot = draw(st.sampled_from(spots))
    at = document
    for step in spot[:-1]:
        at = at[step]
    slashed = isinstance(at[spot[-1]], str) and at[spot[-1]].startswith("/")
    prefixed = f"/{word}/{word}" if slashed else f"env:{word}" if "secret" in str(spot[-1]) else word
    at[spot[-1]] = prefixed
    return System.model_validate(document), prefixed


def _spots(value: Any, spot: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if isinstance(value, dict):
        for name, part in value.items():
            yield from _spots(part, (*spot, name))
    elif isinstance(value, list | tuple) and value and isinstance(value[0], dict):
        for number, part in enumerate(value):
            yield from _spots(part, (*spot, number))
    elif isinstance(value, str) and not isinstance(value, Enum):
        yield spot


@given(planted())
def test_a_word_of_its_own_is_found_wherever_it_stands(case: tuple[System, str]) -> None:
    system, word = case
    assert word in words(system)
